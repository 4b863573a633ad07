"""A duel that is interrupted or killed ends as if it never was; what a folder agrees on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import hoodwink
import pytest
from hoodwink.fuzz.duel import Watch
from hoodwink.fuzz.rounds import HELD_OUT
from hoodwink.fuzz.run import Run
from hoodwink.judges.hardening import RECIPES
from hoodwink.reports.views import summarise
from whackamole import (
    HOLES,
    ROUNDS,
    Log,
    WhackAMole,
    fight,
    lines_of,
    steady,
    verdicts_in,
)


class Life:
    """One process of a duel: it is interrupted at the first point for which `ends` is true."""

    def __init__(self, folder, ends):
        self.folder, self.ends, self.died = folder, ends, None
        self.log = Log(alarm=self.alarm)

    def alarm(self, where):
        if self.ends(where):
            self.died = where
            raise KeyboardInterrupt

    def live(self):
        """Go on with the duel; None if it was interrupted. What was known before is not asked for again."""
        before = verdicts_in(self.folder)
        watch = Watch(
            stage=lambda number, stage: self.alarm(f"{number} {stage}"),
            attack=lambda progress: self.alarm("attack"),
            training=lambda step, steps, loss: self.alarm(f"step {step}"),
            round=lambda done: self.alarm(f"{done.number} done"),
        )
        run = None
        try:
            run = fight(self.folder, WhackAMole(log=self.log), watch=watch)
        except KeyboardInterrupt:
            assert self.died is not None
        after = verdicts_in(self.folder)
        assert not before - after, "nothing is forgotten"
        assert Counter(self.log.asked) == after - before, "what is kept is what was asked, and nothing is asked twice"
        return run


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A duel that nothing interrupts, and all the points at which it could have been."""
    points = []
    life = Life(tmp_path_factory.mktemp("duels") / "straight", lambda where: points.append(where))
    return steady(life.live()), points


def test_interrupted_once_at_every_stage_it_ends_as_if_never(tmp_path, straight):
    """Before each stage, after each round, and before, in and after each training."""
    wanted, points = straight
    left = [p for p in dict.fromkeys(points) if p not in ("score", "attack") and not p.startswith("step")]
    left += ["step 1"]
    trainings = ("before training", "in training", "after training")
    left += [p for p in trainings if p in left]  # of the second training too
    assert len(left) > 15
    lives = 0

    def ends(where):
        if where in left:
            left.remove(where)
            return True
        return False

    while (run := Life(tmp_path, ends).live()) is None:
        lives += 1
        with_rounds = (tmp_path / "run.db").exists()
        assert with_rounds
    assert left == []
    assert lives > 15
    assert steady(run) == wanted


@pytest.mark.parametrize("seed", [1, 2])
def test_interrupted_again_and_again_while_it_asks_it_ends_as_if_never(tmp_path, straight, seed):
    wanted, points = straight
    rng = random.Random(seed)
    lives = Counter()
    run = None
    while run is None:
        left = rng.randint(1, points.count("score") // 8)

        def ends(where):
            nonlocal left
            left -= where == "score"
            return left < 0

        life = Life(tmp_path, ends)
        run = life.live()
        lives[life.died] += 1
    assert lives["score"] >= 6
    assert steady(run) == wanted


def test_an_interrupted_duel_says_so_and_shows_the_rounds_it_has(tmp_path):
    def dying(number):
        def told(done):
            if done.number == number:
                raise KeyboardInterrupt

        return Watch(round=told)

    def start(at, **settings):
        with pytest.raises(KeyboardInterrupt):
            fight(tmp_path, watch=dying(at), **settings)
        return summarise(Run(tmp_path))

    shown = start(2)
    assert (shown.complete, len(shown.rounds)) == (False, 2)
    assert shown.to_json()["matrix"][1][0] == {"rate": None, "ci": None, "n": 0}, "looking back comes last"
    assert summarise(fight(tmp_path, rounds=2)).complete
    taken_further = start(3)
    assert (taken_further.complete, len(taken_further.rounds)) == (False, 3)
    assert summarise(fight(tmp_path)).complete


def test_stopped_in_its_first_round_it_has_nothing_to_show(tmp_path):
    def dying(number, stage):
        if stage == HELD_OUT:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fight(tmp_path, watch=Watch(stage=dying))
    with pytest.raises(hoodwink.UsageError, match="stopped before the end of its first round; run it again to go on"):
        summarise(Run(tmp_path))


COMMAND = ["duel", "--judge", "python:whackamole:judge", "--rounds", "2", "--problems", "3",
           "--train-problems", "3", "--seeds", "1", "--held-out-problems", "1", "--budget", "60",
           "--held-out-budget", "30", "--shrink-budget", "10"]  # fmt: skip


def started(folder, slow):
    """The command line as another process, which sleeps before each call of the judge if it is to be slow."""
    (folder / "sitecustomize.py").write_text(
        "import os, time, whackamole\n"
        "if os.environ['SLOW'] == '1':\n"
        "    quick = whackamole.WhackAMole.score\n"
        "    whackamole.WhackAMole.score = lambda self, items: time.sleep(0.05) or quick(self, items)\n"
    )
    root = Path(__file__).parents[2]
    paths = [str(folder), str(root / "tests"), str(root / ".venv" / "src"), *sys.path]
    return subprocess.Popen(
        [sys.executable, "-m", "hoodwink", *COMMAND, "--out", "run"], cwd=folder,
        env={**os.environ, "SLOW": str(int(slow)), "PYTHONPATH": os.pathsep.join(p for p in paths if p)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_killed_outright_it_ends_as_if_never_killed(tmp_path):
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
    process = started(tmp_path / "straight", False)
    assert process.communicate()[1].count("Traceback") == 0
    assert process.returncode == 0
    folder = tmp_path / "killed"
    for sign in ("rounds/1/eval/run.db", "judges/round-2/examples.jsonl", "rounds/2/eval/run.db"):
        process = started(folder, True)
        while process.poll() is None and not (folder / "run" / sign).exists():
            time.sleep(0.01)
        time.sleep(0.1)
        assert process.poll() is None, "the duel ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    process = started(folder, False)
    assert process.communicate()[1].count("Traceback") == 0
    assert process.returncode == 0
    assert steady(Run(folder / "run")) == steady(Run(tmp_path / "straight" / "run"))


def test_a_finished_duel_taken_further_is_the_duel_of_all_rounds(fought, tmp_path):
    judge = WhackAMole()
    fight(tmp_path, judge, rounds=2)
    assert steady(fight(tmp_path, judge, rounds=ROUNDS)) == steady(fought)
    assert [len(shown) for shown in judge.log.shown] == [len(lines_of(fought, n)) for n in (2, 3, 4)]


def test_fewer_rounds_than_are_done_ask_nothing_and_show_all(fought):
    before = steady(fought)
    judge = WhackAMole()
    assert steady(fight(fought.folder, judge, rounds=2)) == before
    assert steady(fight(fought.folder, judge, rounds=ROUNDS)) == before
    assert (judge.log.asked, judge.log.shown) == ([], [])


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"seed": 1}, "seed 0 there, 1 now"),
        ({"budget": 61}, "budget 60 there, 61 now"),
        ({"problems": 5}, "problems 4 there, 5 now"),
        ({"train_problems": 5}, "train_problems 4 there, 5 now"),
        ({"seeds": 2}, "seeds 1 there, 2 now"),
        ({"held_out_problems": 1}, "held_out_problems 2 there, 1 now"),
        ({"held_out_budget": 71}, "held_out_budget 70 there, 71 now"),
        ({"shrink_budget": 0}, "shrink_budget 20 there, 0 now"),
        ({"recipe": "finds"}, "recipe {'name': 'replay'"),
        ({"recipe": replace(RECIPES["replay"], start="first")}, "'start': 'first'"),
        ({"attacks": ["openers"]}, r"attacks \['auto'\] there, \['openers'\] now"),
        ({"train_attacks": ["random"]}, "train_attacks"),
        ({"held_out": ["injection"]}, "held_out"),
        ({"goal": "acclaim"}, "goal 'accept' there, 'acclaim' now"),
        ({"first": WhackAMole(HOLES[:2])}, "fingerprint"),
        ({"corpus": "arithmetic:families=clock"}, "corpus 'arithmetic' there"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_a_folder_of_another_duel_is_refused_and_left_alone(fought, settings, part):
    config = (fought.folder / "config.json").read_text()
    before = verdicts_in(fought.folder)
    with pytest.raises(hoodwink.UsageError, match=rf"holds (another run|a run of the judge).*{part}") as caught:
        fight(fought.folder, rounds=ROUNDS, **settings)
    assert "\n" not in str(caught.value)
    assert (fought.folder / "config.json").read_text() == config
    assert verdicts_in(fought.folder) == before


def test_the_folder_of_an_attack_is_no_duels(tmp_path):
    hoodwink.attack("planted:length", attacks=["none"], problems=1, out=tmp_path)
    with pytest.raises(hoodwink.UsageError, match="holds another run"):
        fight(tmp_path)
