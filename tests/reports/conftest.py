"""Runs that the tests of the reports read: on planted judges, and one that is full of hostile text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Candidate, Problem, Run
from hoodwink.corpora.corpus import open_corpus
from hoodwink.corpora.records import SplitChoice
from hoodwink.fuzz.duel import Watch
from hoodwink.fuzz.recipes import compare_recipes
from hoodwink.judges.hardening import RECIPES
from whackamole import SMALL, WhackAMole, fight

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))

LONG = "x" * 100_000

#: A name that a file system takes, and nothing that is shown should obey.
HOSTILE_NAME = "<img src=x onerror=alert(1)>\x1b[31m\u202e[red]{{ 7*7 }}:smile:"


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


@pytest.fixture(scope="session")
def duel_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three rounds, by a judge and attacks that have names on the command line."""
    run: Run = fight(tmp_path_factory.mktemp("runs") / "duel", "python:whackamole:judge")
    return run


@pytest.fixture(scope="session")
def single_duel(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A duel of one round, which trains nothing."""
    run: Run = fight(tmp_path_factory.mktemp("runs") / "single", rounds=1)
    return run


@pytest.fixture(scope="session")
def unfinished_duel(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A duel that was interrupted in its third round."""

    def dying(number: int, stage: str) -> None:
        if number == 3:
            raise KeyboardInterrupt

    out = tmp_path_factory.mktemp("runs") / "unfinished-duel"
    with pytest.raises(KeyboardInterrupt):
        fight(out, watch=Watch(stage=dying))
    return hoodwink.load_run(out)


@pytest.fixture(scope="session")
def quiet_duel(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A duel with a judge that nothing fools."""
    run: Run = fight(tmp_path_factory.mktemp("runs") / "quiet", WhackAMole([]), rounds=2, held_out=())
    return run


def write_split_corpus(path: Path, each: int) -> Path:
    """A corpus with a problem for every hostile text in either split, `each` times: a text begins its question."""
    rows = []
    for text in HOSTILE:
        left = {"train": each, "eval": each}
        for i in range(1000):
            question, reference = f"{text} what is {i}+40?", f"{i + 40}"
            split = Problem.make(family=text, question=question, reference=reference).split
            if left[split]:
                left[split] -= 1
                row = {"question": question, "reference": reference, "wrong": [f"The answer is {i + 90}."]}
                rows.append({**row, "family": text})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def echoing(target: Any, rng: object) -> Iterator[list[Candidate]]:
    """Yields the hostile text with which a question begins, and more of the kind."""
    text = next(t for t in HOSTILE if target.question.startswith(t))
    yield [Candidate(f"so: {text}", "echoing", text)]
    yield [Candidate(text, "echoing", text, f"so: {text}")]


@pytest.fixture(scope="session")
def hostile_duel(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Hostile text in questions, families, finds, operators and names. Its judge forgets a hole of its first round."""
    folder = tmp_path_factory.mktemp("runs")
    corpus = f"file:{write_split_corpus(folder / 'split.jsonl', 3)}"
    each = len(HOSTILE)
    splits: tuple[SplitChoice, ...] = ("train", "eval")
    drawn = [open_corpus(corpus).sample(each, split=split) for split in splits]
    again = next(t for t in HOSTILE if all(any(p.family == t for p in problems) for problems in drawn))
    judge = WhackAMole(HOSTILE, name=HOSTILE[0], forgets={2: again})
    settings: dict[str, Any] = {"attacks": [echoing], "train_attacks": [echoing], "held_out": ["injection"]}
    settings |= {"problems": each, "train_problems": each, "recipe": replace(RECIPES["replay"], name="".join(HOSTILE))}
    run: Run = fight(folder / "hostile-duel", judge, corpus, **settings)
    return run


@pytest.fixture(scope="session")
def recipes_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three recipes beside each other, one of them with a hostile name."""
    mine = replace(RECIPES["finds"], name=HOSTILE_NAME)
    settings = {**SMALL, "rounds": 2, "problems": 3, "train_problems": 3}
    out = tmp_path_factory.mktemp("runs") / "recipes"
    return compare_recipes(WhackAMole(), recipes=["replay", "keys", mine], out=out, **settings)
