"""A judge with another threshold says what the judge inside says, and decides by the shifted margin."""

from __future__ import annotations

import numpy as np
import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item, Verdict
from hoodwink.judges.calibrated import Calibrated, shifted
from hoodwink.judges.judge import GradientJudge, Metered, Notes, Piecemeal, Staged, Usage, ask, begin, sigmoid
from hoodwink.judges.opening import open_judge
from hoodwink.judges.proposer import proposer_of
from hypothesis import given
from hypothesis import strategies as st


def test_margins_are_shifted_and_scores_stay(tiny, items):
    inside = ask(tiny, items, afresh=True)
    middle = float(np.median([v.margin for v in inside]))
    judge = Calibrated(tiny, margin=middle)
    for before, after in zip(inside, ask(judge, items, afresh=True), strict=True):
        assert after.score == before.score
        assert after.margin == before.margin - middle
        assert after.accepted == (before.margin >= middle)
    assert judge.threshold == pytest.approx(sigmoid(middle))
    accepted = [v.score >= judge.threshold - 1e-9 for v in inside]
    assert accepted == [v.accepted for v in ask(judge, items, afresh=True)]


def test_without_a_shift_it_is_the_judge_inside(tiny, items):
    assert ask(Calibrated(tiny), items, afresh=True) == ask(tiny, items, afresh=True)
    assert Calibrated(tiny).fingerprint != tiny.fingerprint


def test_gradients_stages_and_the_language_model_are_those_inside(tiny, items):
    judge = Calibrated(tiny, margin=1.5)
    assert isinstance(judge, GradientJudge)
    assert isinstance(judge, Staged)
    mine, theirs = judge.slope(items[0]), tiny.slope(items[0])
    assert mine.tokens == theirs.tokens
    assert np.array_equal(mine.gains, theirs.gains)
    staged, plain = begin(judge, items)(), judge.score(items)  # the second from what the engine keeps of the first
    assert [v.margin for v in staged] == pytest.approx([v.margin for v in plain], abs=1e-4)
    assert judge.used() == {tiny.name: Usage(2 * len(items))}
    proposer = proposer_of(judge)
    assert proposer is not None
    assert proposer.model is tiny.model


def test_a_judge_without_gradients_gets_none():
    judge = open_judge("calibrated:planted:length?margin=-2.5")
    assert isinstance(judge, Metered)
    assert not isinstance(judge, GradientJudge)
    assert not isinstance(judge, Staged)
    assert judge.name == "calibrated:planted:length?margin=-2.5"


class Broken:
    """Has verdicts on all items but the last when it breaks, and something to note."""

    name = fingerprint = "broken"

    def score(self, items):
        raise RuntimeError("gone")

    def done(self, items):
        return {i: Verdict(0.9, 2.0, True) for i in range(len(items) - 1)}

    def noted(self):
        return {"read by": ["words"]}

    def remember(self, noted):
        self.told = noted


def test_what_a_call_that_failed_has_found_is_shifted_too(items):
    judge = Calibrated(Broken(), margin=3.0)
    assert isinstance(judge, Piecemeal)
    assert isinstance(judge, Notes)
    assert not isinstance(Calibrated(open_judge("planted:length")), Piecemeal | Notes)
    assert judge.done(items[:3]) == {i: Verdict(0.9, -1.0, False) for i in range(2)}
    judge.remember(judge.noted())
    assert judge.judges[0].told == {"read by": ["words"]}


def test_what_is_unread_or_refused_apart_stays_so():
    unread = Verdict(0.0, -1.0, False, parsed=False, text="?")
    assert shifted(unread, -10.0) == unread
    filtered = Verdict(0.9, -0.5, False, outcome="filtered")
    assert not shifted(filtered, -10.0).accepted
    assert shifted(filtered, -10.0).margin == -0.5
    assert shifted(Verdict(0.9, 2.0, True, outcome="noted"), 1.0).accepted


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 10))
def test_a_higher_margin_accepts_no_more(margin, shift, more):
    verdict = Verdict(0.5, margin, margin >= 0)
    assert shifted(verdict, shift).accepted == (margin - shift >= 0)
    assert shifted(verdict, shift).accepted >= shifted(verdict, shift + more).accepted


@pytest.mark.parametrize("margin", ["nan", "inf", "-inf"])
def test_a_margin_is_finite(margin):
    with pytest.raises(UsageError, match="not finite"):
        open_judge(f"calibrated:planted:length?margin={margin}")


def test_the_name_keeps_every_digit():
    judge = Calibrated(open_judge("planted:length"), margin=0.1 + 0.2)
    assert open_judge(judge.name).margin == judge.margin
    item = Item(open_judge_problem(), "x")
    assert ask(open_judge(judge.name), [item]) == ask(judge, [item])


def open_judge_problem():
    from hoodwink.corpora.arithmetic import Arithmetic

    return Arithmetic().sample(1)[0]
