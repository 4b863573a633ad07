"""A language model as the policy: it learns by GRPO through the same course, where TRL is installed."""

from __future__ import annotations

import importlib.util

import hoodwink
import pytest
from hoodwink import Training, UsageError
from hoodwink.fuzz.course import Book

needs_trl = pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="TRL is not installed")
SMALL = Training(steps=4, batch=8, every=2)


def tiny():
    """A random Llama over bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={"<eos>": 0, **{c: i + 1 for i, c in enumerate(letters)}}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>", pad_token="<eos>")
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=257, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=2, max_position_embeddings=512, eos_token_id=0, bos_token_id=0,
                         pad_token_id=0)  # fmt: skip
    return LlamaForCausalLM(config), tokenizer


def likes_odd(response: str) -> float:
    """The share of characters with an odd code: no two strings are quite alike."""
    return sum(ord(c) % 2 for c in response) / (1 + len(response))


@needs_trl
@pytest.mark.slow
def test_a_tiny_model_runs_and_the_book_is_filled(tmp_path):
    from hoodwink.fuzz.grpo import learner

    policy = learner(*tiny(), lr=1e-3, warm_up=2, tokens=8, group=4)
    run = hoodwink.collapse(likes_odd, policy=policy, problems=4, exam=4, training=SMALL, out=tmp_path)
    with run.store() as store:
        book = Book(store)
        assert [p.step for p in book.points("train")] == [0, 1, 2, 3]
        exams = book.points("exam")
    assert [p.step for p in exams] == [0, 2, 4]
    assert exams[0].divergence == pytest.approx(0, abs=1e-4)
    assert exams[-1].divergence is not None
    assert exams[-1].divergence != 0
    assert 0 < exams[0].entropy < 8 * 5.6
    assert hoodwink.report(run).exists()
    assert hoodwink.summarise(run).complete


def test_without_trl_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "trl", None)
    with pytest.raises(UsageError, match=r'pip install "hoodwink\[rl\]"'):
        hoodwink.collapse(likes_odd, policy="smollm2", training=SMALL, out=tmp_path)


def test_unknown_policies(tmp_path):
    with pytest.raises(UsageError, match="no policy is named 'studnt'; did you mean student"):
        hoodwink.collapse(likes_odd, policy="studnt", training=SMALL, out=tmp_path)
