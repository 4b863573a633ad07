"""A model in two halves gives what it gives as a whole: log-odds and gradients, for every kind of decoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hoodwink.judges import halves
from hoodwink.judges.examples import Recipe, clean_examples
from hoodwink.judges.halves import Halves, layers_of, reader
from hoodwink.judges.lora import _student
from hoodwink.judges.packing import UnpackableError
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import load_prompt
from transformers import AutoModelForCausalLM, Gemma2Config, GPTNeoXConfig, MistralConfig, Phi3Config, Qwen3Config


@pytest.fixture
def student(tiny):
    """The tiny model with a new adapter on its upper layer, which already changes something."""
    student, model = _student(tiny, Recipe(layers=1, rank=4))
    stir(model)
    return student


def stir(model):
    with torch.no_grad():
        for weight in trained(model):
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))


def trained(model):
    return [p for p in model.parameters() if p.requires_grad]


@pytest.fixture
def encoded(tiny, problems):
    examples = clean_examples(problems[:2], np.random.default_rng(0))
    return tiny.encode([e.item for e in examples])


def gradient(student, odds):
    student.model.zero_grad()
    (odds * torch.arange(1.0, len(odds) + 1)).sum().backward()
    return torch.cat([p.grad.flatten() for p in trained(student.model)])


def test_log_odds_and_gradients_are_those_of_the_whole(student, encoded):
    read = reader(student, encoded)
    assert isinstance(read.__self__, Halves)
    for batch in (encoded[:5], [encoded[3]], encoded[::-1], [*encoded[:2], encoded[0]]):
        whole, split = student.engine.padded(batch), read(batch)
        assert split.tolist() == pytest.approx(whole.tolist(), abs=1e-4)
        expected = gradient(student, whole)
        assert float((gradient(student, split) - expected).norm()) < 1e-4 * float(expected.norm())


def test_lower_layers_are_run_once_and_shared_tokens_computed_once(student, encoded):
    calls = []
    layers = layers_of(student.engine.body)
    layers[0].mlp.register_forward_hook(lambda module, args, out: calls.append(out.shape[1]))
    read = reader(student, encoded)
    before = len(calls)
    for _ in range(3):
        read(encoded[:4])
    assert len(calls) == before
    distinct = {tuple(ids[:end]) for ids in encoded for end in range(1, len(ids) + 1)}
    assert len(distinct) <= read.__self__.states.shape[0] < sum(map(len, encoded))


def test_in_small_passes_the_same(student, encoded, monkeypatch):
    expected = reader(student, encoded)(encoded)
    monkeypatch.setattr(halves, "PASS", 50)
    assert reader(student, encoded)(encoded).tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_what_would_take_too_much_memory_is_computed_in_every_step(student, encoded, monkeypatch):
    expected = student.engine.padded(encoded)
    monkeypatch.setattr(halves, "KEPT", 100)
    read = reader(student, encoded)
    assert read.__self__.states is None
    assert read(encoded).tolist() == pytest.approx(expected.tolist(), abs=1e-4)
    assert gradient(student, read(encoded)).isfinite().all()


def test_where_all_layers_are_trained_nothing_is_kept(tiny, encoded):
    student, _ = _student(tiny, Recipe(layers=2, rank=4))
    read = reader(student, encoded)
    assert read.__self__.states is None
    assert read(encoded).tolist() == pytest.approx(student.engine.padded(encoded).tolist(), abs=1e-4)


def test_a_model_whose_halves_do_not_agree_is_trained_as_a_whole(student, encoded, monkeypatch):
    monkeypatch.setattr(Halves, "odds", lambda self, sequences: torch.zeros(len(sequences)))
    assert reader(student, encoded) == student.engine.padded


@pytest.mark.parametrize("error", [RuntimeError("no such layer"), KeyError("hidden"), UnpackableError("a window")])
def test_a_model_that_fails_in_halves_is_trained_as_a_whole(student, encoded, monkeypatch, error):
    def fail(body):
        raise error

    monkeypatch.setattr(halves, "layers_of", fail)
    assert reader(student, encoded) == student.engine.padded


def test_running_out_of_memory_is_no_disagreement(student, encoded, monkeypatch):
    def fail(body):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(halves, "layers_of", fail)
    with pytest.raises(torch.OutOfMemoryError):
        reader(student, encoded)


SMALL = {
    "vocab_size": 269, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
    "max_position_embeddings": 1024, "initializer_range": 0.3,
}  # fmt: skip
GROUPED = {**SMALL, "num_key_value_heads": 2, "head_dim": 8}
MODELS = {
    "qwen3": (Qwen3Config(**GROUPED), True),
    "phi3": (Phi3Config(**SMALL, num_key_value_heads=2, pad_token_id=0), True),
    "mistral": (MistralConfig(**GROUPED, sliding_window=4096), True),
    "short-window": (MistralConfig(**GROUPED, sliding_window=32), False),
    "gpt-neox": (GPTNeoXConfig(**SMALL), True),
    "gemma2": (Gemma2Config(**GROUPED, attn_logit_softcapping=2.0, query_pre_attn_scalar=8), True),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_other_kinds(name, tokenizer, encoded):
    config, splits = MODELS[name]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AutoModelForCausalLM.from_config(config).eval()
    judge = PromptedJudge(model, tokenizer, load_prompt("match"), name=name, weights=name)
    student, adapted = _student(judge, Recipe(layers=2, rank=4))
    stir(adapted)
    read = reader(student, encoded)
    assert isinstance(read.__self__, Halves) is splits
    whole, split = student.engine.padded(encoded), read(encoded)
    assert split.tolist() == pytest.approx(whole.tolist(), abs=1e-3)
    assert float((whole.max() - whole.min()).detach()) > 0.01
    expected = gradient(student, whole)
    assert float((gradient(student, split) - expected).norm()) < 1e-3 * float(expected.norm())
