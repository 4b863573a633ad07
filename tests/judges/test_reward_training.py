"""Training a reward model: the loss, what is left in the folder, going on from a checkpoint, and that it learns."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hoodwink import Item, Problem, Response, UsageError
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.judges.card import evaluate
from hoodwink.judges.checkpoints import Checkpoints
from hoodwink.judges.examples import Recipe
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import open_judge
from hoodwink.judges.reward_training import CENTRE, fit_reward, preference_loss, ranked, shown, train_reward

TINY = Recipe(problems=6, epochs=2, batch=14, lr=3e-3, rank=4, layers=1)
OPEN = {"device": "cpu", "dtype": "fp32"}


@pytest.fixture
def as_smollm2(model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model stands in for SmolLM2; every load gives fresh weights."""
    monkeypatch.setattr(
        "hoodwink.judges.reward_training.load_embedded",
        lambda dtype: (copy.deepcopy(model).to(dtype), tokenizer, "tiny"),
    )


@pytest.fixture(scope="module")
def train_problems() -> list[Problem]:
    return Arithmetic().sample(6, split="train", seed=0)


def test_the_loss_is_that_of_all_pairs() -> None:
    rewards = torch.tensor([2.0, 1.0, -1.0, 0.5, 3.0])
    pairs = [[(2.0, -1.0), (1.0, -1.0)], [(0.5, 3.0)]]
    wanted = [
        np.mean([math.log1p(math.exp(-(a - b))) + CENTRE * (a + b) ** 2 for a, b in problem]) for problem in pairs
    ]
    assert preference_loss(rewards, [(2, 1), (1, 1)]).item() == pytest.approx(np.mean(wanted), rel=1e-6)


def test_a_gradient_step_raises_right_ones_and_lowers_wrong_ones() -> None:
    rewards = torch.zeros(5, requires_grad=True)
    preference_loss(rewards, [(2, 3)]).backward()
    assert rewards.grad is not None
    assert (rewards.grad[:2] < 0).all()
    assert (rewards.grad[2:] > 0).all()
    assert rewards.grad.sum().item() == pytest.approx(0, abs=1e-7)


def test_rankings_hold_the_clean_responses_as_they_are_read(train_problems: list[Problem], tokenizer: Any) -> None:
    lonely = Problem.make(family="x", question="?", reference="1", right=(Response("1", "bare"),), wrong=())
    found = ranked([*train_problems, lonely], tokenizer, np.random.default_rng(0))
    assert len(found) == 6
    for problem, ranking in zip(train_problems, found, strict=True):
        texts = {tokenizer.decode(ids) for ids in ranking.right}
        assert texts <= {shown(Item(problem, r.text), tokenizer) for r in problem.right}
        assert (len(ranking.right), len(ranking.wrong)) == (3, 4)
        assert all(f"Reference answer: {problem.reference}" in text for text in texts)


def test_it_leaves_a_plain_classifier_that_the_judge_opens(
    as_smollm2: None, train_problems: list[Problem], tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    weights, training = fit_reward(tmp_path, train_problems, TINY, **OPEN)
    assert (weights, training.steps, training.examples) == ("tiny", 6, 42)
    assert json.loads((tmp_path / "hoodwink.json").read_text()) == {"reference": True}
    assert not list(tmp_path.glob("adapter*"))
    assert not (tmp_path / "checkpoint").exists()
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    judge = open_judge(f"reward:{tmp_path}", **OPEN)
    items = [Item(p, r.text) for p in train_problems for r in (*p.right, *p.wrong)]
    with torch.inference_mode():
        plain = [
            model(**tokenizer(shown(i, tokenizer), add_special_tokens=False, return_tensors="pt")).logits.item()
            for i in items
        ]
    assert [v.margin for v in ask(judge, items)] == pytest.approx(plain, abs=1e-4)


def test_it_learns(as_smollm2: None, train_problems: list[Problem], tmp_path: Path) -> None:
    few = train_problems[:2]
    recipe = Recipe(problems=2, epochs=60, batch=14, lr=1e-2, rank=4, layers=2)
    _, training = fit_reward(tmp_path, few, recipe, **OPEN)
    assert training.losses[-1] < training.losses[0] / 2
    quality = evaluate(open_judge(f"reward:{tmp_path}", **OPEN), few)
    assert quality.auroc is not None
    assert quality.auroc > 0.9


def test_a_training_that_was_stopped_goes_on_where_it_was(
    as_smollm2: None, train_problems: list[Problem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoodwink.judges.checkpoints.EVERY", 0.0)
    whole: list[tuple[int, float]] = []
    fit_reward(tmp_path / "whole", train_problems, TINY, **OPEN, progress=lambda s, n, loss: whole.append((s, loss)))
    parts: list[tuple[int, float]] = []

    def stop(step: int, steps: int, loss: float) -> None:
        parts.append((step, loss))
        if step == 2:
            raise KeyboardInterrupt

    (tmp_path / "parts").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fit_reward(tmp_path / "parts", train_problems, TINY, **OPEN, progress=stop)
    fit_reward(tmp_path / "parts", train_problems, TINY, **OPEN, progress=lambda s, n, loss: parts.append((s, loss)))
    assert parts == whole
    assert [s for s, _ in parts] == [1, 2, 3, 4, 5, 6]
    same = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert same[0] == same[1]


def test_the_same_training_once_more_trains_nothing(
    as_smollm2: None, train_problems: list[Problem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fit_reward(tmp_path, train_problems, TINY, **OPEN)
    monkeypatch.setattr(Checkpoints, "step", lambda *told: pytest.fail("trained again"))
    assert fit_reward(tmp_path, train_problems, TINY, **OPEN) == first


def test_the_card_says_how_good_it_is(as_smollm2: None, tmp_path: Path) -> None:
    card = train_reward(tmp_path, recipe=Recipe(problems=2, layers=1), **OPEN)
    readme = (tmp_path / "README.md").read_text("utf-8")
    assert "`hoodwink train --kind reward`" in readme
    assert f"**accuracy {card.quality.clean_accuracy:.4f}**, AUROC {card.quality.auroc:.4f}" in readme
    assert json.loads((tmp_path / "card.json").read_text())["judge"] == "reward"


def test_problems_without_wrong_responses_are_refused(as_smollm2: None, tmp_path: Path) -> None:
    lonely = Problem.make(family="x", question="?", reference="1", right=(Response("1", "bare"),), wrong=())
    with pytest.raises(UsageError, match="no problems with right and wrong responses"):
        fit_reward(tmp_path, [lonely], TINY, **OPEN)


@pytest.mark.parametrize("text", ["{", "[]", '{"prompt": "match"}', '{"reference": "yes"}'])
def test_a_folder_that_says_something_else_gives_a_line(
    as_smollm2: None, train_problems: list[Problem], tmp_path: Path, text: str
) -> None:
    fit_reward(tmp_path, train_problems[:2], TINY, **OPEN)
    (tmp_path / "hoodwink.json").write_text(text)
    with pytest.raises(UsageError, match=r"hoodwink\.json"):
        open_judge(f"reward:{tmp_path}", **OPEN)


def test_the_reference_may_be_left_out_and_the_name_says_so(
    as_smollm2: None, train_problems: list[Problem], tmp_path: Path
) -> None:
    fit_reward(tmp_path, train_problems[:2], TINY, **OPEN)
    told = open_judge(f"reward:{tmp_path}", **OPEN)
    asked = open_judge(f"reward:{tmp_path}:reference=true", **OPEN)
    without = open_judge(f"reward:{tmp_path}:reference=false", **OPEN)
    item = Item(train_problems[0], "no")
    assert told.name == asked.name == f"reward:{tmp_path}"
    assert told.fingerprint == asked.fingerprint != without.fingerprint
    assert "Reference answer" in told.prompt(item)
    assert "Reference answer" not in without.prompt(item)
    assert open_judge(without.name, **OPEN).fingerprint == without.fingerprint


@pytest.mark.slow
def test_smollm2_learns_to_score(tmp_path: Path) -> None:
    """A few steps on SmolLM2 itself: right answers rise above wrong ones."""
    few = Arithmetic().sample(8, split="train", seed=0)
    losses: list[float] = []
    recipe = Recipe(problems=8, epochs=4, batch=14, lr=2e-3, layers=2)
    fit_reward(tmp_path, few, recipe, progress=lambda step, steps, loss: losses.append(loss))
    assert len(losses) == 16
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])
    quality = evaluate(open_judge(f"reward:{tmp_path}"), few[:3])
    assert quality.auroc is not None
    assert quality.auroc > 0.7
