"""Judges of steps: what every aggregate gives, exactly, and what a partial solution that cannot be read does."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item, Problem, Verdict
from hoodwink.judges.judge import MAX_MARGIN, Usage, ask, logit, sigmoid, threshold_of, unread
from hoodwink.judges.opening import open_judge
from hoodwink.judges.process import Aggregate, Process

PROBLEM = Problem.make(family="x", question="What is 1 + 2?", reference="3")


class ByMargin:
    """Says of a partial solution the number that stands last in it; a `?` cannot be read."""

    name, fingerprint, batch = "by-margin", "by-margin", 4

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        self.calls.append([item.response for item in items])
        return [self._verdict(item.response.split()[-1].strip(".!")) for item in items]

    def _verdict(self, last: str) -> Verdict:
        if last == "?":
            return unread("no number")
        margin = float(last)
        return Verdict(sigmoid(margin), margin, margin >= 0, outcome="filtered" if margin <= -7 else "")


def verdict_of(response: str, aggregate: Aggregate, **options: float) -> Verdict:
    return ask(Process(ByMargin(), aggregate=aggregate, **options), [Item(PROBLEM, response)])[0]  # type: ignore[arg-type]


PRODUCT = sigmoid(2) * sigmoid(-3) * sigmoid(4)


@pytest.mark.parametrize(
    ("aggregate", "odds"),
    [("min", -3.0), ("last", 4.0), ("mean", 1.0), ("sum", 3.0), ("product", math.log(PRODUCT / (1 - PRODUCT)))],
)
def test_every_aggregate(aggregate: Aggregate, odds: float) -> None:
    verdict = verdict_of("So 2. Then -3. And 4", aggregate)
    assert verdict.margin == pytest.approx(odds, abs=1e-12)
    assert verdict.score == pytest.approx(sigmoid(odds), abs=1e-12)
    assert verdict.accepted == (odds >= 0)
    assert verdict.steps == (sigmoid(2), sigmoid(-3), sigmoid(4))
    strict = verdict_of("So 2. Then -3. And 4", aggregate, threshold=0.9)
    assert (strict.score, strict.margin) == (verdict.score, verdict.margin - logit(0.9))


@pytest.mark.parametrize("aggregate", ["min", "product", "last", "mean", "sum"])
@pytest.mark.parametrize("margin", ["-50", "-1.5", "0", "2"])
def test_a_single_step_is_what_the_judge_inside_says(aggregate: Aggregate, margin: str) -> None:
    verdict = verdict_of(f"x {margin}", aggregate)
    assert (verdict.margin, verdict.accepted) == (float(margin), float(margin) >= 0)
    assert verdict.steps == (sigmoid(float(margin)),)


def test_a_product_stays_finite_and_can_be_climbed_where_scores_are_zero() -> None:
    far, nearer = (verdict_of(f"x 1. {low}", "product") for low in ("-900", "-800"))
    assert -math.inf < far.margin < nearer.margin < -MAX_MARGIN
    assert verdict_of("x 900. 900", "product").margin == MAX_MARGIN
    assert verdict_of("x 900. 3", "product").margin == pytest.approx(3)


def test_mean_and_sum_accept_the_same_at_one_half_but_only_the_sum_grows() -> None:
    once, often = ("x 1. " * count + "x 1" for count in (1, 9))
    assert verdict_of(once, "mean").score == pytest.approx(verdict_of(often, "mean").score)
    assert verdict_of(once, "sum").margin == 2
    assert verdict_of(often, "sum").margin == 10
    for text in ("x 1. -3", "x 1. x 1. x 1. -3", "x 2. -1"):
        assert verdict_of(text, "mean").accepted == verdict_of(text, "sum").accepted


def test_a_step_that_cannot_be_read_leaves_all_unread() -> None:
    assert verdict_of("a 1. b ?\nc 2", "last") == unread("step 2 of 3: no number")


def test_what_is_rejected_has_the_outcome_of_its_worst_step() -> None:
    assert verdict_of("x 1. -8. -2", "min").outcome == "filtered"
    assert verdict_of("x 1. -3. -2", "min").outcome == ""
    assert verdict_of("x 9. -8. 2", "sum") == Verdict(
        sigmoid(3), 3.0, True, steps=(sigmoid(9), sigmoid(-8), sigmoid(2))
    )


def test_shared_partial_solutions_are_asked_once_in_batches_of_the_judges_size() -> None:
    inside = ByMargin()
    judge = Process(inside)
    items = [Item(PROBLEM, f"x 1. x 2. {last}") for last in (3, 4, 5, 3)]
    assert [v.margin for v in ask(judge, items)] == [1, 1, 1, 1]
    assert inside.calls == [["x 1.", "x 1. x 2.", "x 1. x 2. 3", "x 1. x 2. 4"], ["x 1. x 2. 5"]]
    assert judge.used() == {"by-margin": Usage(5)}


def test_at_most_so_many_partial_solutions() -> None:
    inside = ByMargin()
    verdict = ask(Process(inside, aggregate="sum", steps=2), [Item(PROBLEM, "x 1. x 2. x 3. x 4. 5")])[0]
    assert inside.calls == [["x 1. x 2.", "x 1. x 2. x 3. x 4. 5"]]
    assert verdict.margin == 7
    assert len(verdict.steps) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("aggregate=max", "write a value of type min|product|last|mean|sum"),
        ("steps=0", "process:steps=0 is out of range; write a whole number of at least 1"),
        ("threshold=1", "threshold 1.0 is not between 0 and 1"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(options: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        open_judge(f"process:planted:claim?{options}")
    assert said in str(error.value)


def test_its_name_says_what_differs_and_its_fingerprint_all() -> None:
    names = [f"process:planted:claim{o}" for o in ("", "?aggregate=sum", "?steps=4", "?aggregate=sum&threshold=0.6")]
    judges = [open_judge(name) for name in names]
    assert [judge.name for judge in judges] == names
    assert len({judge.fingerprint for judge in judges}) == len(names)
    assert threshold_of(judges[-1]) == 0.6
    assert open_judge("process:planted:claim?aggregate=min").name == names[0]
