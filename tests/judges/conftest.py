"""What the tests of judges share: a tiny random language model with a tokenizer of bytes, built here in a moment."""

from __future__ import annotations

import copy
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Item, Problem
from hoodwink.judges.defences.perplexity import language_model
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import load_prompt
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast

#: Special tokens with a role, and one without, as SmolLM2 has.
NAMED, UNNAMED = ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), "<repo_name>"
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_DOCS = (Path(__file__).parents[2] / "docs" / "judges.md").read_text("utf-8")
#: The files that docs/judges.md shows, by the names in their first lines.
EXAMPLES = {name: text for text, name in re.findall(r"```python\n(# (\S+)\n.*?)```", _DOCS, re.DOTALL)}


def build_tokenizer() -> PreTrainedTokenizerFast:
    """All bytes; `yes`, `Yes`, `no`, `No` with and without a blank before them; and the special tokens."""
    vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = []
    for left, right in (("e", "s"), ("n", "o"), ("N", "o"), ("y", "es"), ("Y", "es")):
        merges.append((left, right))
    merges += [("Ġ", word) for word in ("yes", "Yes", "no", "No")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(text, special=True) for text in (*NAMED, UNNAMED)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=NAMED[1],
        eos_token=NAMED[2],
        pad_token=NAMED[2],
        unk_token=NAMED[0],
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def build_model(size: int, *, context: int = 1024) -> LlamaForCausalLM:
    """Two layers of width 32, weights large enough for log-odds to differ; torch's random stream is given back."""
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.2,
        tie_word_embeddings=False,
        bos_token_id=size - 3,
        eos_token_id=size - 2,
        pad_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return LlamaForCausalLM(config).eval()


def build_reward_model(tokenizer: PreTrainedTokenizerFast, *, labels: int = 1, **config: Any) -> Any:
    """A tiny decoder with the head of a classifier, weights large enough for logits to differ."""
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.2,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=labels,
        **config,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return LlamaForSequenceClassification(shape).eval()


@pytest.fixture(scope="session")
def reward_model() -> Callable[..., Any]:
    """Makes tiny decoders that classify."""
    return build_reward_model


@pytest.fixture(scope="module", autouse=True)
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Threads that wait for one another cost a tiny model far more than they bring, most of all on a busy machine."""
    threads = torch.get_num_threads()
    if not request.module.__name__.endswith(("test_smollm2", "test_referee")):
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


@pytest.fixture(scope="session")
def _model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return build_model(len(tokenizer))


@pytest.fixture
def model(_model: LlamaForCausalLM) -> LlamaForCausalLM:
    """A copy, to be changed at will."""
    return copy.deepcopy(_model)


@pytest.fixture
def tiny(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> PromptedJudge:
    """A judge around the tiny model."""
    return PromptedJudge(model, tokenizer, load_prompt("match"), name="tiny", weights="tiny")


@pytest.fixture
def as_smollm2(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The tiny model stands in for SmolLM2 wherever that is loaded; every load gives fresh weights."""
    monkeypatch.setattr(
        "hoodwink.judges.referee.load_embedded",
        lambda dtype: (copy.deepcopy(model).to(dtype), tokenizer, "tiny"),
    )
    language_model.cache_clear()  # which a filter by perplexity keeps
    yield
    language_model.cache_clear()


@pytest.fixture
def example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[dict[str, Any], str]]:
    """Runs a file that docs/judges.md shows, in an empty folder; gives its names and the last line it printed."""
    monkeypatch.chdir(tmp_path)

    def run(name: str) -> tuple[dict[str, Any], str]:
        path = tmp_path / name
        path.write_text(EXAMPLES[name])
        capsys.readouterr()
        names = runpy.run_path(str(path), run_name=path.stem)
        return names, capsys.readouterr().out.splitlines()[-1]

    return run


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    """One problem of every family."""
    return Arithmetic().sample(7, split="all", seed=21)


@pytest.fixture(scope="session")
def items(problems: list[Problem]) -> list[Item]:
    """Right, wrong, empty and foreign responses to every problem."""
    texts = [
        (p, (p.right[0].text, p.right[-1].text, p.wrong[0].text, p.wrong[1].text, "", "Ω 🎈\n\n\ty")) for p in problems
    ]
    return [Item(problem, text) for problem, responses in texts for text in responses]
