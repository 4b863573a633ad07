"""Hardening, on the tiny model: finds it was trained on are rejected, and those on eval problems are refused."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item
from hoodwink.judges.examples import Example, Recipe
from hoodwink.judges.hardening import GENTLE
from hoodwink.judges.judge import ask
from hoodwink.judges.lora import TRAINING_FILE
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import load_prompt
from hoodwink.judges.referee import referee
from hoodwink.judges.training import harden

ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
NONSENSE = (" Joy dentist", "dhdhdhdh", "Thought process:", " is is is", "%%", "解")
RECIPE = Recipe(problems=2, epochs=8, batch=5, lr=2e-2, seed=3)


@pytest.fixture(scope="module")
def train():
    return Arithmetic().sample(3, split="train", seed=11)


@pytest.fixture(scope="module")
def finds(train):
    return [Item(train[at % 3], text) for at, text in enumerate(NONSENSE)]


@pytest.fixture
def start(model, tokenizer, finds, train, tmp_path):
    """An adapter of rank 4 on one layer, taught to accept right answers and, wrongly, the finds."""
    judge = PromptedJudge(copy.deepcopy(model), tokenizer, load_prompt("match"), name="tiny", weights="tiny")
    right = [Item(p, r.text) for p in train for r in p.right]
    recipe = Recipe(epochs=6, batch=5, lr=2e-2, rank=4, layers=1)
    judge.retrain([Example(item, 1.0) for item in [*finds, *right]], recipe, tmp_path / "start")
    return tmp_path / "start"


@pytest.fixture
def few_problems(monkeypatch):
    """The card measured on three problems: a hundred would take the tiny model longer than its training."""
    monkeypatch.setattr("hoodwink.judges.training.PROBLEMS", 3)


def opened(folder):
    return referee(adapter=str(folder), device="cpu", dtype="fp32")


def hardened(out, finds, start, **options):
    return harden(out, finds, start=start, device="cpu", dtype="fp32", **{"recipe": RECIPE, **options})


@pytest.mark.usefixtures("as_smollm2", "few_problems")
def test_finds_it_was_trained_on_are_rejected_afterwards(finds, train, start, tmp_path):
    before = (start / ADAPTER).read_bytes()
    trusting = ask(opened(start), finds)
    assert all(v.accepted for v in trusting)
    told = []
    card = hardened(tmp_path / "out", finds, start, progress=lambda *step: told.append(step[:2]))
    after = ask(opened(tmp_path / "out"), finds)
    assert not any(v.accepted for v in after)
    assert min(a.margin - b.margin for a, b in zip(trusting, after, strict=True)) > 1
    assert (start / ADAPTER).read_bytes() == before
    assert told[-1] == (card.training.steps, card.training.steps)
    assert card.training.losses[-1] < card.training.losses[0]


@pytest.mark.usefixtures("as_smollm2", "few_problems")
def test_the_card_says_how_many_finds_and_the_rank_and_layers_of_the_start(finds, start, tmp_path):
    card = hardened(tmp_path, finds[:4], start, recipe=Recipe(problems=2, epochs=1, batch=5))
    assert (card.training.finds, card.training.examples) == (4, 4 + 2 * 7)
    assert (card.training.recipe.rank, card.training.recipe.layers) == (4, 1)
    saved = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert saved["training"]["finds"] == 4
    assert saved["training"]["recipe"]["rank"] == 4
    readme = (tmp_path / "README.md").read_text("utf-8")
    assert "- Hardened: another adapter trained further, on 4 finds of an attack besides, to reject." in readme
    assert "rank 4 on the upper 1 layers" in readme
    assert {f.name for f in tmp_path.iterdir()} == {
        *(ADAPTER, CONFIG, TRAINING_FILE),
        *("card.json", "README.md", "start"),
    }


@pytest.mark.usefixtures("as_smollm2", "few_problems")
def test_the_same_seed_gives_the_same_bytes_and_other_finds_do_not(finds, start, tmp_path):
    recipe = Recipe(problems=1, epochs=1, batch=5)
    for name, some in (("a", finds), ("b", finds), ("c", finds[:-1])):
        np.random.seed(len(name))
        hardened(tmp_path / name, some, start, recipe=recipe)
    first, again, other = ((tmp_path / name / ADAPTER).read_bytes() for name in "abc")
    assert first == again != other


def test_finds_on_eval_problems_are_refused_and_nothing_is_written(finds, tmp_path):
    held_out = Arithmetic().sample(1, split="eval", seed=1)[0]
    with pytest.raises(UsageError, match=f"a response to problem {held_out.id} of the eval split cannot be trained on"):
        harden(tmp_path / "out", [*finds, Item(held_out, "x")])
    assert not (tmp_path / "out").exists()


def test_without_finds_there_is_nothing_to_harden_on(tmp_path):
    with pytest.raises(UsageError, match="there are no finds to train on; give a run that has some"):
        harden(tmp_path / "out", [])
    assert not (tmp_path / "out").exists()


def test_a_folder_without_an_adapter_is_no_start(finds, tmp_path):
    with pytest.raises(UsageError, match=r"no adapter in .*nowhere"):
        harden(tmp_path / "out", finds, start=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("as_smollm2", "few_problems")
@pytest.mark.parametrize("content", [b"", b"no tensors at all"])
def test_a_damaged_adapter_is_refused_in_a_line(finds, start, tmp_path, content):
    broken = tmp_path / "broken"
    shutil.copytree(start, broken)
    (broken / ADAPTER).write_bytes(content)
    with pytest.raises(UsageError, match=r"adapter .*broken cannot be loaded: ") as caught:
        hardened(tmp_path / "out", finds, broken)
    assert "\n" not in str(caught.value)


def test_hardening_by_default_is_gentle():
    assert (GENTLE.problems, GENTLE.epochs, GENTLE.lr) == (40, 2, 5e-4)
