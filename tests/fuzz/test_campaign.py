"""The campaign: cells together, finds confirmed and shrunk, and a replay that ends where a straight run does."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import hoodwink
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Candidate, Verdict
from hoodwink.fuzz.run import load_run
from hoodwink.reports.attack.summary import summarise

#: Timings differ between any two runs; nothing else may.
UNSTEADY = ("seconds",)


def results(run):
    """Everything a run shows, without the times."""
    summary = summarise(run)
    attacks = [{k: v for k, v in a.items() if k not in UNSTEADY} for a in summary.to_json()["attacks"]]
    return attacks, summary.finds, summary.strings, summary.checks.to_json()


class Margins:
    """A judge in the style of a user's class: a margin of 5 for known right responses, else one from the text alone."""

    name = "margins"
    fingerprint = "margins"

    def __init__(self, margin):
        self.margin = margin
        self.calls = []

    def score(self, items):
        self.calls.append(len(items))
        verdicts = []
        for item in items:
            right = item.response in {r.text for r in item.problem.right}
            m = 5.0 if right else self.margin(item.response)
            verdicts.append(Verdict(1 / (1 + 2.718281828**-m), m, m >= 0))
        return verdicts


def letters(text):
    """Climbs with the letter e; accepts from four of them on."""
    return text.count("e") - 3.5


def test_a_find_has_a_proof_of_either_form(tmp_path):
    def talk(target, rng):
        yield [Candidate("777777 is near it, so the answer is 888888.", "talk", "")]

    run = hoodwink.attack(Margins(lambda text: text.count("7") - 5.5), attacks=[talk], problems=3, out=tmp_path)
    assert [find["shrunk"] for find in run.finds] == ["777777"] * 3
    for find in run.finds:
        assert "888888" in find["proof"]
        assert "777777" in find["shrunk_proof"]
        assert "888888" not in find["shrunk_proof"]


def test_finds_are_wrong_confirmed_and_shrunk_to_the_minimum(tmp_path):
    run = hoodwink.attack(Margins(letters), attacks=["random"], problems=6, budget=640, seed=1, out=tmp_path)
    assert len(run.finds) == 6
    for find in run.finds:
        assert find["shrunk"] == "eeee"
        assert find["minimal"]
        assert find["response"].count("e") >= 4
        assert find["alone"]["accepted"]
        assert find["lineage"][-1][1] == find["response"]
        assert "reference" in find["proof"]
    lines = [json.loads(line) for line in (tmp_path / "finds.jsonl").read_text().splitlines()]
    assert lines == run.finds


def test_the_same_call_finds_the_same_and_another_seed_something_else(tmp_path):
    runs = [
        hoodwink.attack(Margins(letters), attacks=["random", "openers"], problems=4, seed=seed, out=tmp_path / name)
        for seed, name in ((5, "a"), (5, "b"), (6, "c"))
    ]
    assert results(runs[0]) == results(runs[1])
    assert [f["response"] for f in runs[0].finds] != [f["response"] for f in runs[2].finds]


def test_a_cells_search_does_not_depend_on_its_company(tmp_path):
    alone = hoodwink.attack(Margins(letters), attacks=["random"], problems=3, out=tmp_path / "a")
    crowd = hoodwink.attack(Margins(letters), attacks=["repeat", "random"], problems=3, out=tmp_path / "b")
    assert [f["response"] for f in alone.finds] == [f["response"] for f in crowd.finds if f["attack"] == "random"]


def test_queries_count_distinct_responses_and_never_pass_the_budget(tmp_path):
    run = hoodwink.attack(Margins(lambda text: -1.0), attacks=["random", "none"], problems=3, budget=50, out=tmp_path)
    summary = {a.name: a for a in summarise(run).attacks}
    assert summary["random"].queries_total == 150
    assert summary["random"].asr == 0
    assert summary["random"].queries_median is None
    with run.store() as store:
        rows = store.db.execute("SELECT cell, COUNT(*), COUNT(DISTINCT verdict), MAX(query) FROM trials GROUP BY cell")
        assert all(count == distinct == last <= 50 for _, count, distinct, last in rows)


def test_a_response_that_does_not_hold_alone_is_no_find(tmp_path):
    class OnlyInCompany(Margins):
        def score(self, items):
            if len(items) == 1 and items[0].response.strip() != items[0].problem.reference:
                return [Verdict(0.1, -1.0, False)]
            return super().score(items)

    run = hoodwink.attack(OnlyInCompany(letters), attacks=["random"], problems=2, budget=300, out=tmp_path)
    assert run.finds == []
    assert [a.fooled for a in summarise(run).attacks] == [0]


def test_the_acclaim_goal_goes_on_from_the_first_accepted_find(tmp_path):
    run = hoodwink.attack(
        Margins(letters), attacks=["random:length=5"], problems=2, goal="acclaim",
        budget=2000, out=tmp_path,
    )  # fmt: skip
    summary = summarise(run).attacks[0]
    assert (summary.fooled, summary.acclaimed) == (2, 2)
    assert sorted(f["level"] for f in run.finds) == ["accepted", "accepted", "acclaimed", "acclaimed"]
    assert {f["shrunk"] for f in run.finds if f["level"] == "acclaimed"} == {"e" * 9}


def test_problems_whose_plain_wrong_answer_is_accepted_do_not_count(tmp_path):
    """The judge accepts every sentence: plain wrong answers are sentences, so that nothing is left to count."""
    judge = Margins(lambda text: 1.0 if text.startswith("The answer") else -1.0)
    summary = summarise(hoodwink.attack(judge, attacks=["none"], problems=4, out=tmp_path))
    assert [(a.problems, a.excluded, a.asr) for a in summary.attacks] == [(0, 4, None)]
    assert "baseline-accepted" in [flag.id for flag in summary.checks.flags]


def test_an_attack_that_raises_fails_in_its_cells_alone(tmp_path):
    def broken(target, rng):
        trials = yield [Candidate("a", "broken", "op")]
        raise RuntimeError(f"after {len(trials)}")

    run = hoodwink.attack(Margins(letters), attacks=[broken, "random"], problems=2, out=tmp_path)
    first, second = summarise(run).attacks
    assert first.failed == ("RuntimeError: after 1",) * 2
    assert (first.problems, second.fooled) == (0, 2)


def test_a_finished_run_is_replayed_without_asking_the_judge(tmp_path):
    first = hoodwink.attack(Margins(letters), attacks=["random"], problems=3, out=tmp_path)
    before = results(first)
    judge = Margins(letters)
    assert results(hoodwink.attack(judge, attacks=["random"], problems=3, out=tmp_path)) == before
    assert judge.calls == []


def test_several_seeds_are_cells_of_their_own(tmp_path):
    run = hoodwink.attack(Margins(letters), attacks=["random"], problems=3, seeds=2, out=tmp_path)
    assert sorted({f["seed"] for f in run.finds}) == [0, 1]
    assert len(run.finds) == 6


SLOW_JUDGE = """
import time
from hoodwink import Verdict

class Judge:
    name = fingerprint = "slow"
    def score(self, items):
        time.sleep(0.05)
        with open("asked.log", "a") as log:
            log.writelines(f"{i.problem.id} {i.response!r}\\n" for i in items)
        verdicts = []
        for item in items:
            m = 5.0 if item.response.strip() == item.problem.reference else item.response.count("e") - 4.5
            verdicts.append(Verdict(1 / (1 + 2.718281828 ** -m), m + len(items) * 1e-4, m >= 0))
        return verdicts
"""

COMMAND = ["attack", "--judge", "python:slowjudge:Judge", "--attacks", "random,openers", "--problems", "8"]


def hoodwink_process(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "hoodwink", *COMMAND, "--out", "run"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def committed(folder):
    try:
        with sqlite3.connect(f"file:{folder}/run/run.db?mode=ro", uri=True) as db:
            return db.execute("SELECT COUNT(*) FROM verdicts").fetchone()[0]
    except sqlite3.Error:
        return 0


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_never_killed(tmp_path):
    """The judge's margins depend on the size of its batch, as in bf16: a replay must cut the same batches."""
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "slowjudge.py").write_text(SLOW_JUDGE)
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert hoodwink_process(straight).wait() == 0
    total = committed(straight)
    rng = random.Random(7)
    lives = []
    for share in sorted(rng.uniform(0.02, 0.9) for _ in range(3)):
        process = hoodwink_process(killed)
        while process.poll() is None and committed(killed) < share * total:
            time.sleep(0.01)
        assert process.poll() is None, "the run ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        lives.append((len(asked(killed)), stored(killed)))
    assert hoodwink_process(killed).wait() == 0
    assert results(load_run(killed / "run")) == results(load_run(straight / "run"))
    assert stored(killed) == stored(straight)
    # What was stored when a life began is not asked for again in it.
    log, ends = asked(killed), [end for end, _ in lives[1:]] + [None]
    for (begin, known), end in zip(lives, ends, strict=True):
        assert not Counter(log[begin:end]) - (stored(killed) - known)
    assert set(log) == set(asked(straight))


def stored(folder):
    """Problem and response of every stored verdict."""
    with sqlite3.connect(f"file:{folder}/run/run.db?mode=ro", uri=True) as db:
        return Counter(f"{p} {r!r}" for p, r in db.execute("SELECT problem, response FROM verdicts"))


def asked(folder):
    """Problem and response of every verdict that the judge was asked for, in order."""
    return (folder / "asked.log").read_text().splitlines()


def test_a_find_has_the_lower_of_the_levels_it_reaches_in_a_batch_and_alone(tmp_path):
    class LessAlone(Margins):
        def score(self, items):
            return [Verdict(0.9, 1.0, True) if len(items) > 1 else Verdict(0.8, 0.9, True) for _ in items]

    run = hoodwink.attack(LessAlone(None), attacks=["random"], problems=2, out=tmp_path)
    assert [f["level"] for f in run.finds] == ["accepted", "accepted"]


def test_the_search_does_not_climb_what_could_not_be_read(tmp_path):
    class Unreadable(Margins):
        def score(self, items):
            read = super().score(items)
            return [
                Verdict(0.0, -1.0, False, parsed=False) if "x" in i.response else v
                for i, v in zip(items, read, strict=True)
            ]

    judge = Unreadable(lambda text: text.count("e") - 9.5)
    assert len(hoodwink.attack(judge, attacks=["random"], problems=3, out=tmp_path).finds) == 3


def test_an_attack_that_has_changed_is_not_replayed_on_the_old_folder(tmp_path):
    def proposing(*texts):
        def mine(target, rng):
            yield [Candidate(text, "mine", "op") for text in texts]

        return mine

    hoodwink.attack(Margins(letters), attacks=[proposing("a", "b")], problems=2, out=tmp_path)
    with pytest.raises(hoodwink.UsageError, match="holds another run"):
        hoodwink.attack(Margins(letters), attacks=[proposing("a", "c")], problems=2, out=tmp_path)
    hoodwink.attack(Margins(letters), attacks=[proposing("a", "b")], problems=2, out=tmp_path)


def test_a_cell_that_can_never_succeed_weighs_on_the_curve_to_the_end(tmp_path):
    run = hoodwink.attack(
        Margins(lambda text: 1.0 if "-" in text else -1.0), attacks=["none"], problems=14, out=tmp_path
    )
    summary = summarise(run).attacks[0]
    assert 0 < summary.asr < 1
    assert summary.curve[-1][1] == pytest.approx(summary.asr)


def test_a_refused_call_lets_go_of_the_folder(tmp_path):
    hoodwink.attack(Margins(letters), attacks=["none"], problems=2, out=tmp_path)
    for _ in range(2):
        with pytest.raises(hoodwink.UsageError, match="holds another run"):
            hoodwink.attack(Margins(letters), attacks=["none"], problems=3, out=tmp_path)
    hoodwink.attack(Margins(letters), attacks=["none"], problems=2, out=tmp_path)


# Problems that are given, and finds that are left as they are


def test_problems_may_be_given_as_a_list(tmp_path):
    given = Arithmetic().sample(6, split="train", seed=11)[2:5]
    run = hoodwink.attack(
        Margins(letters), attacks=["random"], problems=given, split="train", budget=300, out=tmp_path / "a"
    )
    with run.store() as store:
        assert store.problems() == given
        assert store.config["identity"]["split"] == "train"
    assert {f["problem"] for f in run.finds} == {p.id for p in given}
    drawn = hoodwink.attack(
        Margins(letters), attacks=["random"], problems=6, split="train", seed=11, budget=300, out=tmp_path / "b"
    )
    with drawn.store() as store:
        assert store.problems()[2:5] == given, "those that the same number would draw"


def test_another_list_of_problems_is_another_run(tmp_path):
    given = Arithmetic().sample(3, seed=1)
    hoodwink.attack(Margins(letters), attacks=["none"], problems=given, out=tmp_path)
    again = Margins(letters)
    hoodwink.attack(again, attacks=["none"], problems=tuple(given), out=tmp_path)
    assert again.calls == []
    with pytest.raises(hoodwink.UsageError, match=r"holds another run .*problems '"):
        hoodwink.attack(Margins(letters), attacks=["none"], problems=given[::-1], out=tmp_path)


def test_bad_lists_of_problems(tmp_path):
    (problem,) = Arithmetic().sample(1, seed=1)
    with pytest.raises(hoodwink.UsageError, match="problems is 0; write a whole number of at least 1"):
        hoodwink.attack(Margins(letters), attacks=["none"], problems=[], out=tmp_path / "run")
    with pytest.raises(hoodwink.UsageError, match=f"problem {problem.id} .* has no wrong response; give it one"):
        hoodwink.attack(Margins(letters), attacks=["none"], problems=[replace(problem, wrong=())], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_a_shrink_budget_finds_stay_as_they_are(tmp_path):
    runs = [
        hoodwink.attack(
            Margins(letters),
            attacks=["random"],
            problems=4,
            budget=640,
            seed=1,
            shrink_budget=budget,
            out=tmp_path / name,
        )
        for budget, name in ((0, "whole"), (400, "shrunk"))
    ]
    assert [f["response"] for f in runs[0].finds] == [f["response"] for f in runs[1].finds]
    assert len(runs[0].finds) == 4
    for find in runs[0].finds:
        assert find["shrunk"] == find["response"]
        assert find["shrunk_score"] == find["alone"]["score"]
        assert find["minimal"] is False
    with runs[0].store() as store:
        assert store.db.execute("SELECT COUNT(*) FROM cells WHERE role = 'shrink'").fetchone() == (0,)
