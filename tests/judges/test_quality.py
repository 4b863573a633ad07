"""Quality, worked out by hand on a few verdicts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hoodwink.corpora.records import Problem, Response, Verdict
from hoodwink.judges.quality import Graded, Quality, auroc, counted, known_responses, measure, share
from hypothesis import given
from hypothesis import strategies as st

SUMS, CLOCK = (Problem.make(family=f, question=f, reference="22") for f in ("sums", "clock"))


def graded(problem, kind, right, score, parsed=True):
    margin = score - 0.5
    return Graded(problem, Response("x", kind), right, Verdict(score, margin, parsed and margin >= 0, parsed))


SOME = [
    graded(SUMS, "bare", True, 0.9),
    graded(SUMS, "worked", True, 0.4),
    graded(CLOCK, "bare", True, 0.8),
    graded(CLOCK, "bare", True, 0.99, parsed=False),
    graded(SUMS, "slip", False, 0.6),
    graded(SUMS, "other", False, 0.1),
    graded(CLOCK, "value", False, 0.4),
    graded(CLOCK, "given", False, 0.2),
    graded(CLOCK, "given", False, 0.0, parsed=False),
    graded(SUMS, "sign", False, 0.7),
    graded(SUMS, "sign", False, 0.3),
    graded(SUMS, "empty", False, 0.95),
]


def test_every_number_by_hand():
    quality = measure(SOME)
    assert quality == Quality(
        items=12,
        clean_items=7,
        clean_accuracy=5 / 7,
        auroc=(4 + 2.5 + 4) / 12,
        right_accepted=2 / 3,
        wrong_accepted=1 / 4,
        acclaim=0.8,
        parsed=10 / 12,
        by_kind={
            "bare": (1.0, 2),
            "worked": (0.0, 1),
            "slip": (1.0, 1),
            "other": (0.0, 1),
            "value": (0.0, 1),
            "given": (0.0, 1),
            "sign": (0.5, 2),
            "empty": (1.0, 1),
        },
        by_family={"sums": (2 / 4, 4), "clock": (3 / 3, 3)},
    )


def test_order_does_not_matter():
    assert measure(SOME[::-1]) == measure(SOME)


def test_nothing_to_measure():
    assert measure([]) == Quality(0, 0, None, None, None, None, None, 1.0, {}, {})
    unread = measure([graded(SUMS, "bare", True, 0.9, parsed=False)])
    assert unread == Quality(1, 0, None, None, None, None, None, 0.0, {}, {})
    only_right = measure(SOME[:2])
    assert (only_right.clean_accuracy, only_right.auroc, only_right.wrong_accepted) == (0.5, None, None)
    assert only_right.acclaim == pytest.approx(0.65)


def test_near_misses_and_fragments_are_not_clean():
    for kind in ("off-by-one", "sign", "swapped", "added", "dropped", "truncated", "empty", "nonsense"):
        assert not graded(SUMS, kind, False, 0.1).clean
    for kind in ("slip", "value", "other", "unanswered", "given"):
        assert graded(SUMS, kind, False, 0.1).clean
    assert graded(SUMS, "anything", True, 0.1).clean


def test_through_json_and_back():
    quality = measure(SOME)
    assert Quality.from_json(json.loads(json.dumps(quality.to_json()))) == quality
    nothing = measure([])
    assert Quality.from_json(json.loads(json.dumps(nothing.to_json()))) == nothing


@given(*[st.lists(st.integers(-3, 3), min_size=1, max_size=8)] * 2)
def test_auroc_counts_pairs_and_halves_ties(right, wrong):
    pairs = [(r > w) + 0.5 * (r == w) for r in right for w in wrong]
    assert auroc(right, wrong) == pytest.approx(float(np.mean(pairs)))


def test_auroc_at_its_ends():
    assert auroc([2.0, 3.0], [0.0, 1.0]) == 1.0
    assert auroc([0.0], [1.0]) == 0.0
    assert auroc([1.0], [1.0]) == 0.5
    assert auroc([], [1.0]) is None
    assert auroc([1.0], []) is None


def test_shares():
    assert share([]) is None
    assert share([True, False, False, False]) == 0.25
    assert counted([]) == (0.0, 0)
    assert counted([True, False]) == (0.5, 2)


def test_known_responses_are_all_of_them(problems):
    known = known_responses(problems[0])
    assert [r for r, right in known if right] == list(problems[0].right)
    assert [r for r, right in known if not right] == list(problems[0].wrong)
