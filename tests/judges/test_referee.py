"""The committed referee: competent on held-out problems, as its card says, and small."""

from __future__ import annotations

import json
from importlib.resources import files

import hoodwink
import pytest
from hoodwink.corpora.families import FAMILIES
from hoodwink.corpora.records import COMPLETE, NEAR
from hoodwink.judges.card import CARD_FILE, README_FILE
from hoodwink.judges.judge import ask
from hoodwink.judges.origin import ADAPTER_FILE
from hoodwink.judges.quality import Graded, known_responses, measure

FOLDER = files("hoodwink.judges").joinpath("adapters", "referee")


@pytest.fixture(scope="module")
def card():
    return json.loads(FOLDER.joinpath(CARD_FILE).read_text())


def test_the_adapter_is_small_and_its_card_is_complete(card):
    assert len(FOLDER.joinpath(ADAPTER_FILE).read_bytes()) < 10e6
    held_out = card["held_out"]
    assert held_out["clean_items"] >= 400
    assert held_out["clean_accuracy"] >= 0.97
    assert held_out["auroc"] > 0.99
    assert set(held_out["by_family"]) == set(FAMILIES)
    assert NEAR | (COMPLETE - {"given"}) | {"truncated", "empty"} <= set(held_out["by_kind"])
    assert card["training"]["seconds"] > 0
    assert card["training"]["recipe"]["seed"] == 0
    assert card["machine"]["cores"] >= 1
    assert f"accuracy {held_out['clean_accuracy']:.4f}" in FOLDER.joinpath(README_FILE).read_text()


@pytest.mark.slow
def test_the_referee_is_as_good_as_its_card_on_fresh_eval_problems():
    """Other problems than the card's: a seed of the test's own."""
    judge = hoodwink.judge("referee")
    problems = hoodwink.corpus("arithmetic").sample(21, split="eval", seed=77)
    known = [(p, r, right) for p in problems for r, right in known_responses(p) if right or r.kind in COMPLETE]
    assert len(known) >= 200
    verdicts = ask(judge, [hoodwink.Item(p, r.text) for p, r, _ in known])
    quality = measure([Graded(p, r, right, v) for (p, r, right), v in zip(known, verdicts, strict=True)])
    assert quality.clean_accuracy >= 0.97


@pytest.mark.slow
def test_the_adapter_makes_another_judge_of_the_same_model():
    referee, plain = hoodwink.judge("referee"), hoodwink.judge("smollm2")
    assert referee.fingerprint != plain.fingerprint
    assert referee.weights.startswith(f"{plain.weights}+")
