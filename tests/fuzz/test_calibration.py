"""A threshold fixed on right answers to other problems: exact quantiles, honest shares, and a run that uses one."""

from __future__ import annotations

import json
from dataclasses import replace

import hoodwink
import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.corpus import open_corpus
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.oracles import ExactOracle
from hoodwink.corpora.records import Problem, Response, Verdict
from hoodwink.fuzz import checks
from hoodwink.fuzz.calibration import ANSWERS, Calibration, calibrate, margin_for, problems_beside, to_calibrate_on
from hoodwink.fuzz.checks import Checks
from hoodwink.fuzz.gate import Gate
from hoodwink.fuzz.run import attacked
from hoodwink.fuzz.store import Store, digest
from hoodwink.judges.calibrated import Calibrated
from hoodwink.judges.judge import Usage, sigmoid
from hoodwink.reports.views import summarise
from hypothesis import given
from hypothesis import strategies as st


class Spread:
    """Right answers have margins that follow from their text, evenly spread over [0, 8); all else has -5."""

    name, fingerprint, batch = "spread", "spread", 32

    def __init__(self) -> None:
        self.asked: list[str] = []

    def margin(self, problem, response):
        if response not in [r.text for r in problem.right]:
            return -5.0
        return int.from_bytes(digest(problem.id + response)[:4], "big") / 2**29

    def verdict(self, margin):
        return Verdict(sigmoid(margin), margin, margin >= 0)

    def score(self, items):
        self.asked += [item.response for item in items]
        return [self.verdict(self.margin(item.problem, item.response)) for item in items]


@pytest.fixture
def problems():
    return Arithmetic().sample(40, seed=3)


def fixed_on(judge, problems, acceptance) -> Calibration:
    with Store.in_memory() as store:
        return calibrate(Gate(judge, ExactOracle(), store), problems, acceptance)


@pytest.mark.parametrize(
    ("acceptance", "margin"),
    [(1.0, 1.0), (0.95, 2.0), (0.951, 1.0), (0.9, 3.0), (0.5, 11.0), (0.05, 20.0), (0.01, 20.0)],
)
def test_exact_quantiles(acceptance, margin):
    margins = [float(m) for m in range(1, 21)]
    assert margin_for(margins, acceptance) == margin
    assert margin_for(margins[::-1], acceptance) == margin


def test_what_floats_add_to_a_share_asks_for_no_answer_more():
    assert 0.07 * 100 > 7
    assert margin_for([float(m) for m in range(100)], 0.07) == 93.0


def test_ties_accept_at_least_what_was_asked_for():
    assert margin_for([0.0] * 10 + [5.0] * 10, 0.6) == 0.0
    assert margin_for([0.0] * 10 + [5.0] * 10, 0.5) == 5.0


def test_no_margins_are_an_error():
    with pytest.raises(ValueError, match="no margins"):
        margin_for([], 0.95)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=60), st.floats(0.01, 1))
def test_it_is_the_highest_margin_that_accepts_enough(whole, acceptance):
    margins = [m / 2 for m in whole]
    found = margin_for(margins, acceptance)

    def share(margin):
        return sum(m >= margin for m in margins) / len(margins)

    assert found in margins
    assert share(found) >= acceptance - 1e-9
    assert all(share(m) < acceptance for m in margins if m > found)


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=40), st.floats(0.01, 1), st.floats(0.01, 1), st.randoms())
def test_it_falls_with_the_share_and_knows_no_order(margins, one, other, random):
    low, high = sorted((one, other))
    assert margin_for(margins, high) <= margin_for(margins, low)
    shuffled = [*margins]
    random.shuffle(shuffled)
    assert margin_for(shuffled, one) == margin_for(margins, one)


def test_a_calibrated_judge_accepts_the_share_asked_for(problems):
    judge = Spread()
    fixed = fixed_on(judge, problems, 0.9)
    margins = sorted((judge.margin(p, r.text) for p in problems for r in p.right), reverse=True)
    assert fixed.margin == margins[int(np.ceil(0.9 * len(margins))) - 1]
    assert (fixed.answers, fixed.own) == (len(margins), len(margins))
    assert fixed.accepted == sum(m >= fixed.margin for m in margins)
    assert fixed.accepted >= 0.9 * fixed.answers > fixed.accepted - 1
    assert fixed.threshold == pytest.approx(sigmoid(fixed.margin))
    low, high = fixed.interval
    assert low < 0.9 < high
    inside = fixed.judge(judge)
    assert isinstance(inside, Calibrated)
    assert inside.margin == fixed.margin
    assert fixed_on(judge, problems[::-1], 0.9) == fixed
    assert Calibration.from_json(json.loads(json.dumps(fixed.to_json()))) == fixed


def test_other_problems_get_about_the_same_share(problems):
    judge = Spread()
    fixed = fixed_on(judge, problems, 0.9)
    others = problems_beside(Arithmetic(), "eval", problems)
    accepted = [judge.margin(p, r.text) >= fixed.margin for p in others for r in p.right]
    assert 0.8 < np.mean(accepted) < 0.98


class Decides(Spread):
    def verdict(self, margin):
        return Verdict(float(margin > 1), 1.0 if margin > 1 else -1.0, margin > 1)


def test_a_judge_that_only_decides_keeps_its_decision(problems):
    judge = Decides()
    fixed = fixed_on(judge, problems, 0.95)
    assert (fixed.decides, fixed.stands, fixed.margin) == (True, False, 0.0)
    assert fixed.judge(judge) is judge
    assert 0 < fixed.own == fixed.accepted < fixed.answers


class Troubled(Spread):
    """One right answer in three cannot be read, and one is filtered."""

    def score(self, items):
        verdicts = super().score(items)
        kinds = [next((r.kind for r in i.problem.right if r.text == i.response), "") for i in items]
        unread, filtered = Verdict(0.0, -1.0, False, parsed=False), Verdict(0.0, -40.0, False, outcome="filtered")
        return [
            unread if kind == "sentence" else filtered if kind == "worked" else v
            for kind, v in zip(kinds, verdicts, strict=True)
        ]


def test_what_is_unread_or_refused_apart_fixes_no_threshold(problems):
    fixed = fixed_on(Troubled(), problems, 0.95)
    kinds = [r.kind for p in problems for r in p.right]
    assert fixed.unread == kinds.count("sentence") > 0
    assert fixed.apart == kinds.count("worked") > 0
    assert fixed.answers == len(kinds) - fixed.unread - fixed.apart
    assert fixed.margin >= 0


def test_problems_beside_are_others_of_the_same_split(problems):
    source = Arithmetic()
    beside = problems_beside(source, "eval", problems)
    assert not {p.id for p in beside} & {p.id for p in problems}
    assert {p.split for p in beside} == {"eval"}
    answers = [len(p.right) for p in beside]
    assert sum(answers[:-1]) < ANSWERS <= sum(answers)
    assert problems_beside(source, "eval", problems) == beside
    again = problems_beside(source, "eval", beside)
    assert not {p.id for p in again} & {p.id for p in beside}


def corpus_file(tmp_path, count):
    rows = [{"question": f"{i} + 1?", "reference": str(i + 1), "wrong": [str(i + 700)]} for i in range(10, 10 + count)]
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_corpus(f"file:{path}")


def test_a_small_file_gives_what_it_has_left(tmp_path):
    source = corpus_file(tmp_path, 30)
    taken = source.sample(20)
    left = to_calibrate_on(source, "all", taken)
    assert len(left) == 10
    assert not {p.id for p in left} & {p.id for p in taken}
    few = [p for p in source.problems if p.split == "eval"][:3]
    assert len(problems_beside(source, "eval", few)) == 27, "those of the other split follow"
    with pytest.raises(UsageError, match=r"no problem besides the 30 attacked.*--problems"):
        to_calibrate_on(source, "all", source.problems)


@pytest.mark.parametrize("acceptance", [0, -0.5, 1.01, float("nan"), "95%"])
def test_a_share_is_a_share(acceptance):
    for call in (hoodwink.attack, hoodwink.check):
        with pytest.raises(UsageError, match=r"acceptance is .*such as 0\.95"):
            call("planted:length", acceptance=acceptance)


SMALL = {"attacks": ["openers", "none"], "problems": 4, "budget": 40, "shrink_budget": 40}


def test_an_attack_goes_by_the_threshold_that_was_fixed(tmp_path):
    """The hole of `planted:trigger` is under the margin of right answers: calibrated, it is closed."""
    own = hoodwink.attack("planted:trigger", **SMALL, out=tmp_path / "own")
    strict = hoodwink.attack("planted:trigger", **SMALL, acceptance=0.95, out=tmp_path / "strict")
    assert own.finds
    assert not strict.finds
    summary = summarise(strict)
    fixed = summary.checks.calibration
    assert fixed is not None
    assert (fixed.acceptance, fixed.margin, fixed.answers, fixed.accepted) == (0.95, 6.0, 200, 200)
    assert summary.checks.threshold == fixed.threshold == pytest.approx(sigmoid(6.0))
    assert summary.checks.calibrated == summary.checks.quality
    assert summary.settings["judge"] == "planted:trigger"
    assert summary.settings["fingerprint"] == Calibrated(hoodwink.judge("planted:trigger"), margin=6.0).fingerprint
    data = summary.to_json()
    assert data["judge"]["calibration"]["answers"] == 200
    assert data["baseline"] == {"rejected": 4, "accepted": 0, "unread": 0}
    page = hoodwink.report(strict).read_text("utf-8")
    assert "was fixed to accept 95 % of 200 right answers" in page
    assert "--threshold 95%" in page
    assert summarise(own).checks.calibration is None


def test_finds_name_the_judge_that_was_attacked(tmp_path):
    run = hoodwink.attack(
        "planted:trigger", **SMALL, acceptance=0.95, corpus="arithmetic", out=tmp_path / "run", split="train"
    )
    with run.store() as store:
        judge = attacked(store)
    assert judge["name"] == "calibrated:planted:trigger?margin=6.0"
    assert hoodwink.judge(judge["name"]).fingerprint == judge["fingerprint"]


class Breaks(Spread):
    """Fails after so many verdicts, as a killed run does."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after
        self.refused = 0

    def score(self, items):
        self.left -= len(items)
        if self.left < 0:
            self.refused = len(items)
            raise RuntimeError("gone")
        return super().score(items)


@pytest.mark.parametrize("after", [40, 230])
def test_a_resumed_run_pays_for_nothing_twice(tmp_path, after):
    whole = Spread()
    hoodwink.attack(whole, **SMALL, acceptance=0.9, out=tmp_path / "whole")
    broken, rest = Breaks(after), Spread()
    with pytest.raises(JudgeError, match="gone"):
        hoodwink.attack(broken, **SMALL, acceptance=0.9, out=tmp_path / "run")
    run = hoodwink.attack(rest, **SMALL, acceptance=0.9, out=tmp_path / "run")
    assert len(broken.asked) + len(rest.asked) == len(whole.asked)
    assert broken.asked + rest.asked == whole.asked
    assert summarise(run).checks == summarise(hoodwink.load_run(tmp_path / "whole")).checks
    with run.store() as store:
        # What is asked of the judge inside counts, also before the threshold was fixed, and where it failed.
        assert Usage(*store.get("used")["spread"]).calls == len(whole.asked) + broken.refused


def test_another_share_is_another_run(tmp_path):
    hoodwink.attack("planted:trigger", **SMALL, acceptance=0.9, out=tmp_path / "run")
    for other in (0.95, None):
        with pytest.raises(UsageError, match=r"acceptance 0\.9 there"):
            hoodwink.attack("planted:trigger", **SMALL, acceptance=other, out=tmp_path / "run")


def test_a_check_says_how_both_thresholds_do():
    name, checks = hoodwink.check(Spread(), problems=12, acceptance=0.8)
    assert name == "spread"
    assert checks.quality.right_accepted == 1.0
    assert checks.calibration is not None
    assert checks.calibrated is not None
    assert 0.6 < checks.calibrated.right_accepted < 0.95
    assert checks.calibrated.auroc == checks.quality.auroc == 1.0
    assert checks.threshold == 0.5
    assert hoodwink.check(Spread(), problems=12, acceptance=None)[1].calibration is None


def test_a_check_of_a_whole_small_corpus_fixes_nothing(tmp_path):
    _, checks = hoodwink.check(Spread(), corpus_file(tmp_path, 6))
    assert checks.calibration is None
    assert checks.calibrated is None


def flags(judge, **options):
    return {flag.id for flag in hoodwink.check(judge, problems=12, **options)[1].flags}


def test_flags_of_a_threshold(tmp_path):
    assert "only-decides" in flags(Decides())
    assert "only-decides" not in flags(Decides(), acceptance=None)
    assert "few-right" in {f.id for f in hoodwink.check(Spread(), corpus_file(tmp_path, 20), problems=9)[1].flags}
    assert not flags(Spread()) & {"few-right", "threshold-off", "only-decides"}


def test_a_threshold_of_other_problems_than_these_is_said(problems):
    """A judge whose right answers to the problems at hand have lower margins than those it was fixed on."""
    here = {p.id for p in Arithmetic().sample(12)}

    class Shifted(Spread):
        def margin(self, problem, response):
            return super().margin(problem, response) - (6.0 if problem.id in here else 0.0)

    assert "threshold-off" in flags(Shifted())


def test_checks_of_an_older_version_are_read():
    _, checks = hoodwink.check("planted:length", problems=3)
    old = json.loads(json.dumps(checks.to_json()))
    assert Checks.from_json(old) == checks
    for name in ("calibration", "calibrated", "repeats"):
        del old[name]
    for name in ("right_items", "auroc_ci", "ece", "brier", "outcomes"):
        del old["quality"][name]
    read = Checks.from_json(old)
    assert (read.calibration, read.calibrated, read.repeats) == (None, None, ())
    assert replace(read, flags=()).threshold == checks.threshold


def test_what_the_oracle_proves_wrong_is_no_right_answer():
    lies = Problem.make(
        family="x", question="1 + 1?", reference="2", right=(Response("2", "bare"), Response("7", "bare")),
        wrong=(Response("3", "value"),),
    )  # fmt: skip
    assert fixed_on(Spread(), [lies], 1.0).answers == 1


def test_a_small_check_asks_for_less():
    few, more = (hoodwink.check(Spread(), problems=n)[1].calibration for n in (1, 12))
    assert 40 <= few.answers < 48
    assert 80 <= more.answers < 100


def test_one_right_answer_is_one():
    alone = Calibration(0.95, 0.0, 0.5, 1, 1, 1, 1, 0, 0, False)
    problem = hoodwink.corpus("arithmetic").sample(2, seed=0)[0]
    with Store.in_memory() as store:
        gate = Gate(hoodwink.judge("planted:length"), ExactOracle(), store)
        found = checks.run(gate, [problem], calibration=alone)
    assert "it was fixed on 1 right answer" in [flag.seen for flag in found.flags]
