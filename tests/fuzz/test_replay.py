"""Replay with learning across cells: a run that is stopped anywhere and begun again ends as if it had never stopped."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import hoodwink
import pytest
from hoodwink.corpora.records import Verdict
from hoodwink.fuzz.attacks import Attack
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.run import Run


class Stopped(Exception):
    """Raised inside the judge; the run sees a JudgeError."""


class Judge:
    """Climbs with the letter u. Margins depend on the size of the batch, as in bf16: a replay must cut the same."""

    name = fingerprint = "letters"
    batch = 24
    noise = 1e-4

    def __init__(self, calls=None):
        self.left = calls
        self.calls = 0
        self.asked = Counter()

    def score(self, items):
        if self.calls == self.left:
            raise Stopped
        self.calls += 1
        self.asked.update((i.problem.id, i.response) for i in items)
        verdicts = []
        for item in items:
            right = item.response in {r.text for r in item.problem.right}
            margin = 5.0 if right else item.response.count("u") - 4.5 + len(items) * self.noise
            verdicts.append(Verdict(1 / (1 + 2.718281828**-margin), margin, margin >= 0))
        return verdicts


SETTINGS = {
    "attacks": ["auto", "universal:length=5:problems=4", "surrogate", "elites"],
    "problems": 3,
    "budget": 150,
    "shrink_budget": 30,
    "seed": 4,
    "constraints": Constraints(max_chars=60, forbid=("z",), only=("nonsense", "injection")),
}


def call(judge, out, **changes):
    return hoodwink.attack(judge, out=out, **{**SETTINGS, **changes})


def everything(run):
    """All that a run holds, without the times: cells, trials with their verdicts, finds, and saved knowledge."""
    with run.store() as store:
        cells = store.db.execute("SELECT * FROM cells ORDER BY id").fetchall()
        trials = store.db.execute(
            "SELECT t.cell, t.query, t.op, t.parent, t.truth, v.problem, v.response, v.repeat, v.step, v.margin "
            "FROM trials t JOIN verdicts v ON v.id = t.verdict ORDER BY t.cell, t.query"
        ).fetchall()
    saved = {file.name: json.loads(file.read_text()) for file in run.folder.glob("surrogate-*.json")}
    return cells, trials, run.finds, saved


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run that was never stopped, and its judge."""
    judge = Judge()
    return call(judge, tmp_path_factory.mktemp("straight")), judge


def stored(folder):
    """How often each response is stored for each problem: again where it was scored alone."""
    with sqlite3.connect(folder / "run.db") as db:
        return Counter(db.execute("SELECT problem, response FROM verdicts").fetchall())


def test_the_straight_run_learns_and_finds(straight):
    cells, trials, finds, saved = everything(straight[0])
    assert {role for *_, role, _, _, _ in cells} == {"search", "learn", "shrink", "weigh"}
    assert {f["attack"] for f in finds} == {"auto", "surrogate", "elites"}
    ops = {op for _, _, op, *_ in trials}
    assert ops >= {"known", "start", "race", "learned 1", "breed", "given", "shrink"}
    assert len(saved) == 1
    assert straight[1].calls > 20


@pytest.mark.parametrize("share", [0.02, 0.2, 0.4, 0.6, 0.8, 0.97])
def test_stopped_once_it_ends_as_if_never_stopped(straight, tmp_path, share):
    run, judge = straight
    first = Judge(calls=int(share * judge.calls))
    with pytest.raises(hoodwink.JudgeError, match="Stopped"):
        call(first, tmp_path)
    assert stored(tmp_path) == first.asked  # what was answered was kept
    second = Judge()
    assert everything(call(second, tmp_path)) == everything(run)
    assert first.asked + second.asked == judge.asked
    assert first.calls + second.calls == judge.calls
    third = Judge(calls=0)
    assert everything(call(third, tmp_path)) == everything(run)


def test_stopped_again_and_again_it_ends_as_if_never_stopped(straight, tmp_path):
    run, judge = straight
    asked, lives = Counter(), 0
    while True:
        life = Judge(calls=max(1, judge.calls // 6))
        try:
            ended = call(life, tmp_path)
        except hoodwink.JudgeError:
            lives += 1
            continue
        finally:
            asked += life.asked
        break
    assert lives >= 5
    assert asked == judge.asked
    assert everything(ended) == everything(run)


class Killing(Judge):
    """Kills its own process instead of answering a call too many."""

    def score(self, items):
        if self.calls == self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().score(items)


def test_killed_in_another_process_it_ends_as_if_never_killed(straight, tmp_path):
    """There texts have other hashes: nothing may depend on the order of a set."""
    run, judge = straight
    code = "import sys, test_replay as t; t.call(t.Killing(calls=int(sys.argv[1])), t.Path(sys.argv[2]))"
    process = subprocess.run(
        [sys.executable, "-c", code, str(judge.calls * 3 // 5), str(tmp_path)],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONHASHSEED": "77"},
        stderr=subprocess.DEVNULL,
    )
    assert process.returncode == -signal.SIGKILL
    second = Judge()
    assert everything(call(second, tmp_path)) == everything(run)
    assert judge.calls * 2 // 5 <= second.calls <= judge.calls * 2 // 5 + 1
    assert stored(tmp_path) == judge.asked


def test_trials_that_were_lost_in_a_kill_are_written_again(straight, tmp_path):
    """A kill takes the trials that waited; also those of finished cells, of which the verdicts are all there."""
    run, judge = straight
    with pytest.raises(hoodwink.JudgeError):
        call(Judge(calls=judge.calls * 2 // 3), tmp_path)
    with sqlite3.connect(tmp_path / "run.db") as db:
        db.execute("DELETE FROM trials WHERE query % 3 = 0")
        db.execute("DELETE FROM finds")
    assert everything(call(Judge(), tmp_path)) == everything(run)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"constraints": Constraints(max_chars=61)}, "constraints"),
        ({"attacks": ["auto", "universal:length=4:problems=4", "surrogate", "elites"]}, "attacks"),
        ({"seed": 5}, "seed"),
    ],
)
def test_another_run_is_refused(straight, changes, key):
    with pytest.raises(hoodwink.UsageError, match=f"holds another run .*{key} "):
        call(Judge(), straight[0].folder, **changes)


def test_options_of_an_attack_object_are_part_of_the_run(tmp_path):
    def counting(target, rng, *, count: int = 3):
        yield [hoodwink.Candidate("e" * (at + 1), "counting", "op") for at in range(count)]

    call(Judge(), tmp_path, attacks=[Attack("counting", counting, {"count": 3})])
    with pytest.raises(hoodwink.UsageError, match=r"holds another run .*attack_code"):
        call(Judge(), tmp_path, attacks=[Attack("counting", counting, {"count": 4})])
    run = call(Judge(calls=0), tmp_path, attacks=[Attack("counting", counting, {"count": 3})])
    assert isinstance(run, Run)


class Steady(Judge):
    noise = 0.0


def test_seeds_learn_apart(tmp_path):
    """What one seed's cells learn is unknown to another's: each seed's trials are those of a run of it alone."""
    two = everything(call(Steady(), tmp_path / "two", attacks=["auto"], seed=0, seeds=2))
    cells = {number: seed for number, _, _, seed, role, *_ in two[0] if role == "search"}
    one = everything(call(Steady(), tmp_path / "one", attacks=["auto"], seed=0))
    searches = {number for number, _, _, _, role, *_ in one[0] if role == "search"}
    alone = [row[2:7] for row in one[1] if row[0] in searches]
    assert [row[2:7] for row in two[1] if cells.get(row[0]) == 0] == alone
