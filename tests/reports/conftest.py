"""Runs that the tests of the reports read: on planted judges, and one that is full of hostile text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import hoodwink
import pytest
from hoodwink import Candidate, Run

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))

LONG = "x" * 100_000


def gullible(reference: str, response: str) -> float:
    """Accepts right answers, and whatever is no sentence about an answer."""
    return 0.9 if reference in response else 0.2 if response.startswith("The answer") else 0.95


def hostile(target: object, rng: object) -> Iterator[list[Candidate]]:
    """Yields hostile texts, each the parent of the next."""
    parent = None
    for text in ["The answer is 3.", *HOSTILE, LONG]:
        yield [Candidate(f"The answer: {text}", "hostile", text[:100], parent), Candidate(text, "hostile", text[:100])]
        parent = f"The answer: {text}"


def write_hostile_corpus(path: Path) -> Path:
    """A corpus with a problem for every hostile text, which stands in each of its fields."""
    rows = [
        {
            "question": f"{text} what is {i}+40?",
            "reference": f"{i + 40}",
            "wrong": [f"The answer is {i + 90}.", f"The answer is {text}"],
            "family": text[:100],
        }
        for i, text in enumerate([*HOSTILE, LONG])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="session")
def planted_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Some attacks fool often, some never; one seed."""
    out = tmp_path_factory.mktemp("runs") / "planted"
    attacks = ["none", "openers", "repeat", "random:length=4"]
    return hoodwink.attack("planted:length", attacks=attacks, problems=7, budget=60, shrink_budget=60, seed=5, out=out)


def lottery(reference: str, response: str) -> float:
    """Accepts right answers, and one text in eight by its hash; half of these score above right answers."""
    if reference in response:
        return 0.9
    return {0: 0.7, 1: 0.95}.get(hashlib.sha256(f"{reference} {response}".encode()).digest()[0] % 16, 0.1)


@pytest.fixture(scope="session")
def seeded_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three seeds, luck, and problems that do not count since their plain wrong answer is accepted."""
    out = tmp_path_factory.mktemp("runs") / "seeded"
    attacks = ["none", "random:length=2:batch=2"]
    settings = {"problems": 12, "budget": 6, "shrink_budget": 20, "seed": 1, "seeds": 3}
    return hoodwink.attack(lottery, attacks=attacks, out=out, **settings)


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Hostile text in every field that a report shows."""
    folder = tmp_path_factory.mktemp("runs")
    corpus = f"file:{write_hostile_corpus(folder / 'hostile.jsonl')}"
    attacks = [hostile, "openers"]
    return hoodwink.attack(gullible, corpus, attacks=attacks, budget=40, shrink_budget=10, out=folder / "hostile")


@pytest.fixture(scope="session")
def unfinished_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The judge fails after some batches: checks are done, the attacks are not."""
    out = tmp_path_factory.mktemp("runs") / "unfinished"
    calls = 0

    def tiring(reference: str, response: str) -> float:
        nonlocal calls
        calls += 1
        if calls > 250:
            raise RuntimeError("out of credit")
        return 0.9 if reference in response else 0.1

    settings = {"problems": 3, "budget": 200, "shrink_budget": 10}
    with pytest.raises(hoodwink.JudgeError, match="out of credit"):
        hoodwink.attack(tiring, attacks=["none", "openers", "random"], out=out, **settings)
    return hoodwink.load_run(out)


@pytest.fixture(scope="session")
def excluded_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The judge accepts everything, so no problem counts."""
    out = tmp_path_factory.mktemp("runs") / "excluded"
    return hoodwink.attack(lambda response: True, attacks=["openers"], problems=3, budget=5, out=out)


@pytest.fixture(scope="session")
def empty_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Nothing fools."""
    out = tmp_path_factory.mktemp("runs") / "empty"
    return hoodwink.attack("planted:trigger", attacks=["none"], problems=3, budget=20, out=out)
