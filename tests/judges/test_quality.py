"""Quality, worked out by hand on a few verdicts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hoodwink.corpora.records import Problem, Response, Verdict
from hoodwink.judges.quality import (
    Graded,
    Quality,
    auroc,
    auroc_interval,
    counted,
    ece,
    known_responses,
    measure,
    share,
)
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
        right_items=3,
        auroc_ci=None,
        ece=pytest.approx((0.1 + 0.2 + abs(0.4 + 0.4 - 1) + 0.6 + 0.1 + 0.2) / 7),
        brier=pytest.approx((0.1**2 + 0.6**2 + 0.2**2 + 0.6**2 + 0.1**2 + 0.4**2 + 0.2**2) / 7),
        outcomes={},
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


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=30))
def test_ece_is_that_of_a_brute_force(pairs):
    scores, right = [s / 20 for s, _ in pairs], [r for _, r in pairs]
    bins: dict[int, list[tuple[float, bool]]] = {}
    for score, truth in zip(scores, right, strict=True):
        bins.setdefault(9 if score == 1 else int(score * 10), []).append((score, truth))
    expected = sum(
        len(each) / len(pairs) * abs(np.mean([s for s, _ in each]) - np.mean([r for _, r in each]))
        for each in bins.values()
    )
    assert ece(scores, right) == pytest.approx(expected)


def test_ece_of_scores_that_are_true_and_that_lie():
    assert ece([0.75] * 4, [True, True, True, False]) == 0
    assert ece([1.0, 0.0], [False, True]) == 1
    assert ece([], []) is None


def many(margins_right, margins_wrong, problems=12):
    """So many problems with these margins and higher ones."""
    found = []
    for i in range(problems):
        problem = Problem.make(family="sums", question=str(i), reference="22")
        for right, margins in ((True, margins_right), (False, margins_wrong)):
            for m in margins:
                margin = m + i % 4 * (1 if right else 0.5)
                verdict = Verdict(0.5, margin, margin >= 0)
                found.append(Graded(problem, Response("x", "other"), right, verdict))
    return found


def test_the_interval_of_the_auroc_is_by_problem():
    mixed = many([2.0, 0.5, -1.0], [1.0, -2.0])
    value = measure(mixed).auroc
    low, high = auroc_interval(mixed)
    assert low < value < high
    assert auroc_interval(mixed[::-1]) == (low, high)
    doubled = auroc_interval([g for g in mixed for _ in range(2)])
    assert doubled == pytest.approx((low, high)), "the same responses twice say no more"
    wider = auroc_interval(many([2.0, 0.5, -1.0], [1.0, -2.0], 5))
    assert wider is not None
    assert auroc_interval(many([1.0], [0.0], 4)) is None
    assert auroc_interval(many([1.0], [])) is None


def test_a_perfect_auroc_has_an_interval_all_the_same():
    low, high = auroc_interval(many([5.0], [-5.0], 12))
    assert (round(low, 3), high) == (0.758, 1.0)
    low, high = auroc_interval(many([-5.0], [5.0], 12))
    assert (low, round(high, 3)) == (0.0, 0.242)


def test_the_bootstrap_of_the_auroc_is_that_of_a_brute_force():
    rng = np.random.default_rng(1)
    clean = [
        Graded(Problem.make(family="sums", question=str(p), reference="2"), Response("x", "other"), right,
               Verdict(0.5, float(rng.integers(-2, 3) + right), True))
        for p in range(8) for right in (True, True, False)
    ]  # fmt: skip
    ids = sorted({g.problem.id for g in clean})
    values = []
    for counts in np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), 1000):
        drawn = [g for id, n in zip(ids, counts, strict=True) for g in clean if g.problem.id == id for _ in range(n)]
        sides = ([g.verdict.margin for g in drawn if g.right is side] for side in (True, False))
        values.append(auroc(*sides))
    assert auroc_interval(clean) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_outcomes_are_counted_among_clean_verdicts():
    plain, sign = graded(SUMS, "bare", True, 0.9), graded(SUMS, "sign", False, 0.1)
    apart = Graded(SUMS, Response("x", "slip"), False, Verdict(0.2, -1.0, False, outcome="inconsistent"))
    filtered = Graded(SUMS, Response("x", "sign"), False, Verdict(0.2, -1.0, False, outcome="filtered"))
    assert measure([plain, plain, sign, apart, filtered]).outcomes == {"inconsistent": (1 / 3, 3)}


def test_what_an_older_version_wrote_is_read():
    old = measure(SOME).to_json()
    for name in ("right_items", "auroc_ci", "ece", "brier", "outcomes"):
        del old[name]
    read = Quality.from_json(old)
    assert (read.clean_items, read.ece, read.auroc_ci, read.outcomes) == (7, None, None, {})


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
