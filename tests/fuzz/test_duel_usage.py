"""What a duel refuses, before anything is asked or written, and what will do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import hoodwink
import pytest
from hoodwink.corpora.records import Candidate, Problem, Verdict
from hoodwink.fuzz.duel import duel
from hoodwink.reports.views import summarise
from whackamole import (
    SMALL,
    Log,
    WhackAMole,
    fight,
    leaks,
    verdicts_in,
)


def write_corpus(path, train, evaluated):
    """A file with so many problems in either split."""
    rows, left = [], {"train": train, "eval": evaluated}
    for i in range(10_000):
        problem = Problem.make(family="file", question=f"What is {i} + 40?", reference=str(i + 40))
        if left[problem.split]:
            left[problem.split] -= 1
            rows.append({"question": problem.question, "reference": problem.reference, "wrong": [f"It is {i + 90}."]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return f"file:{path}"


def python_attack(target, rng):
    yield [Candidate("Solution", "mine", "op")]


REFUSED = {
    "rounds": ({"rounds": 0}, "rounds is 0; write a whole number of at least 1"),
    "problems": ({"problems": 0}, "problems is 0"),
    "train-problems": ({"train_problems": 0}, "train_problems is 0"),
    "held-out-problems": ({"held_out_problems": 0}, "held_out_problems is 0"),
    "seeds": ({"seeds": 0}, "seeds is 0"),
    "budget": ({"budget": 0}, "budget is 0"),
    "held-out-budget": ({"held_out_budget": 0}, "held_out_budget is 0"),
    "shrink-budget": ({"shrink_budget": -1}, "shrink_budget is -1; write a whole number of at least 0"),
    "seed": ({"seed": -1}, "seed is -1"),
    "recipe": ({"recipe": "repaly"}, r"no recipe is named 'repaly'; did you mean replay\?"),
    "attack": ({"attacks": ["atuo"]}, r"no attack is named 'atuo'; did you mean auto\?"),
    "no-attacks": ({"attacks": []}, "no attacks are given"),
    "twice": ({"held_out": ["injection", "injection"]}, "attack injection is given 2 times"),
    "goal": ({"goal": "win"}, "goal 'win' is unknown"),
    "judge": ({"first": "planted:length"}, "judge planted:length cannot be retrained; duel with referee"),
    "trained-and-held": ({"train_attacks": ["words"]}, "attack words is held out and trained on"),
    "an-arm-held": ({"held_out": ["genetic"]}, "attack genetic is held out and trained on; leave it out"),
    "arms-by-default": ({"train_attacks": ["auto"]}, "attack words is held out and trained on"),
    "openers-in-auto": ({"held_out": ["openers"]}, "attack openers is held out and trained on"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_settings_are_refused_before_anything_is_written(tmp_path, settings, message):
    judge = WhackAMole()
    with pytest.raises(hoodwink.UsageError, match=message) as caught:
        fight(tmp_path / "run", **{"first": judge, **settings})
    assert "\n" not in str(caught.value)
    assert judge.log.asked == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("train", "evaluated", "settings", "message"),
    [
        (8, 11, {}, "has 11 eval problems, and round 3 of a duel needs 3 times 4; ask for fewer rounds or problems"),
        (7, 12, {}, "has 7 train problems, and round 2 of a duel needs 2 times 4"),
        (0, 12, {}, "has 0 train problems"),
        (0, 12, {"recipe": "keys"}, "has no train problems, which judges are retrained on"),
    ],
)
def test_a_corpus_too_small_is_refused_before_anything_is_asked(tmp_path, train, evaluated, settings, message):
    judge = WhackAMole()
    corpus = write_corpus(tmp_path / "few.jsonl", train, evaluated)
    with pytest.raises(hoodwink.UsageError, match=message) as caught:
        fight(tmp_path / "run", judge, corpus, **settings)
    assert "\n" not in str(caught.value)
    assert judge.log.asked == []
    assert not (tmp_path / "run").exists()


def test_a_corpus_of_just_enough_problems_will_do(tmp_path):
    """The last judge is not trained on, so that train problems are needed for all rounds but one."""
    corpus = write_corpus(tmp_path / "enough.jsonl", 8, 12)
    judge = WhackAMole()
    run = fight(tmp_path / "run", judge, corpus)
    assert leaks(run, judge) == []
    assert len(summarise(run).rounds) == 3


def test_a_family_held_out_may_measure_what_is_not_trained_on_finds(tmp_path):
    """The recipe of truncated answers trains on no finds: any family may be held out beside it."""
    run = fight(tmp_path, rounds=1, recipe="keys", held_out=["genetic"])
    assert list(summarise(run).rounds[0].held_out_by) == ["genetic"]


def test_attacks_of_ones_own_are_families_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "mine_for_duels.py").write_text(
        "from hoodwink import Candidate\n"
        "def one(target, rng):\n    yield [Candidate('Solution', 'one', 'op')]\n"
        "def two(target, rng):\n    yield [Candidate('Respuesta', 'two', 'op')]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    one, two = "python:mine_for_duels:one", "python:mine_for_duels:two"
    run = fight(tmp_path / "run", rounds=2, train_attacks=[one], held_out=[two], attacks=[python_attack])
    assert [r.held_out.rate for r in summarise(run).rounds] == [1.0, 1.0]
    with pytest.raises(hoodwink.UsageError, match=f"attack {one} is held out and trained on"):
        fight(tmp_path / "other", rounds=2, train_attacks=[one], held_out=[one])


def test_a_judge_whose_successor_cannot_be_trained_is_refused(tmp_path):
    class Sterile:
        name = fingerprint = "sterile"

        def score(self, items):
            return [Verdict(0.1, -1.0, False) for _ in items]

    class Once(WhackAMole):
        def adapted(self, folder, **options):
            return Sterile()

    with pytest.raises(hoodwink.UsageError, match="judge sterile cannot be trained again, which a duel needs"):
        fight(tmp_path, Once())


def test_a_judge_that_fails_keeps_what_it_said(tmp_path):
    calls = 0

    def failing(where):
        nonlocal calls
        calls += where == "score"
        if calls > 20:
            raise ConnectionError("gone")

    judge = WhackAMole(log=Log(alarm=failing))
    with pytest.raises(hoodwink.JudgeError, match="judge whackamole raised ConnectionError: gone"):
        fight(tmp_path, judge)
    assert verdicts_in(tmp_path) == Counter(judge.log.asked)


def test_a_duel_without_a_folder_is_named_by_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = duel(WhackAMole(), **{**SMALL, "rounds": 1})
    assert run.folder.parent == Path("runs")
    assert run.folder.name.startswith("duel-whackamole-arithmetic-")


def test_a_judge_without_a_model_loads_no_torch():
    code = "import sys, hoodwink.fuzz.duel, hoodwink.reports.progress; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
