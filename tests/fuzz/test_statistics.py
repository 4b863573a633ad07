"""Rates and censored queries, against figures worked out by hand or known from the literature."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest
from hoodwink.fuzz.statistics import (
    bootstrap_difference,
    correlation,
    difference_interval,
    holm,
    logrank,
    median_queries,
    paired_p,
    pooled_p,
    rate_interval,
    sooner,
    success_band,
    success_curve,
    unpaired_p,
    wilson,
)
from scipy import stats


def test_wilson_interval_of_known_cases():
    assert wilson(0, 0) is None
    low, high = wilson(10, 10)
    assert (low, high) == (pytest.approx(0.7225, abs=1e-4), 1.0)
    assert wilson(8, 10) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_one_seed_gives_wilson_and_several_a_bootstrap_by_problem():
    assert rate_interval([], 1) is None
    assert rate_interval([1.0, 0.0, 1.0], 1) == wilson(2, 3)
    low, high = rate_interval([0.5, 1.0, 0.0, 0.5, 1.0, 0.5], 2)
    assert 0 < low < 3.5 / 6 < high < 1
    assert rate_interval([0.5, 1.0, 0.0, 0.5, 1.0, 0.5], 2) == (low, high)


def test_several_seeds_that_all_agree_do_not_give_an_interval_of_no_width():
    assert rate_interval([1.0] * 10, 3) == wilson(10, 10)


def test_kaplan_meier_without_failures_is_the_plain_share():
    assert success_curve([5, 10, 10, 40], []) == [(0, 0.0), (5, 0.25), (10, 0.75), (40, 1.0)]


def test_failures_are_censored_not_dropped_and_not_zero():
    """Two of four succeed, two are cut off at 100: the curve ends at one half."""
    curve = success_curve([10, 30], [100, 100])
    assert curve == [(0, 0.0), (10, 0.25), (30, 0.5)]
    assert median_queries(curve) == 30


def test_an_early_failure_weighs_on_what_comes_after():
    """Kaplan-Meier by hand: at 10, 1 of 3 at risk; one is lost at 20; at 30, 1 of 1: 1 - 2/3 * 0 = 1."""
    curve = success_curve([10, 30], [20])
    assert curve == [(0, 0.0), (10, pytest.approx(1 / 3)), (30, pytest.approx(1.0))]


def test_no_success_no_median():
    assert success_curve([], [640, 640]) == [(0, 0.0)]
    assert median_queries(success_curve([], [640])) is None
    assert median_queries(success_curve([3], [640, 640])) is None


#: Weeks of remission with 6-mercaptopurine and with a placebo: relapses, and weeks after which others were lost
#: (Freireich et al. 1963, the textbook example of the test: chi-squared 16.79).
TREATED = ([6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])
PLACEBO = ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [])


def test_band_of_the_textbook_example():
    """R's survfit with log-log intervals: 0.857 (0.620 to 0.952) in week 6, 0.448 (0.188 to 0.680) in week 23."""
    curve, band = success_curve(*TREATED), success_band(*TREATED)
    at = {week: (1 - share, 1 - high, 1 - low) for (week, share), (low, high) in zip(curve, band, strict=True)}
    assert at[6] == pytest.approx((0.857, 0.620, 0.952), abs=5e-4)
    assert at[23] == pytest.approx((0.448, 0.188, 0.680), abs=5e-4)


def test_band_stands_beside_every_step_and_holds_it():
    for group in (TREATED, PLACEBO, ([3], [1, 1]), ([7, 7], []), ([], [640])):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            curve, band = success_curve(*group), success_band(*group)
        assert len(curve) == len(band)
        assert band[0] == (0, 0)
        assert all(0 <= low <= share <= high <= 1 for (_, share), (low, high) in zip(curve, band, strict=True))
        assert [low for low, _ in band] == sorted(low for low, _ in band)
        assert [high for _, high in band] == sorted(high for _, high in band)


def test_where_all_have_succeeded_the_band_is_that_of_the_rate():
    assert success_band([5] * 20, [])[-1] == wilson(20, 20)
    low, high = success_band([5, 10, 10, 40], [])[-1]
    assert (low, high) == (pytest.approx(wilson(4, 4)[0]), 1.0)


def test_logrank_of_the_textbook_example():
    assert logrank(TREATED, PLACEBO) == pytest.approx(stats.chi2.sf(16.79, 1), rel=0.01)


def test_logrank_is_scipys_and_takes_both_groups_alike():
    groups = [stats.CensoredData(uncensored=found, right=lost) for found, lost in (TREATED, PLACEBO)]
    assert logrank(TREATED, PLACEBO) == pytest.approx(float(stats.logrank(*groups).pvalue), rel=1e-9)
    assert logrank(PLACEBO, TREATED) == pytest.approx(logrank(TREATED, PLACEBO), rel=1e-9)


def test_logrank_of_the_same_twice_is_one():
    assert logrank(TREATED, TREATED) == pytest.approx(1.0)


def test_logrank_counts_failures():
    """All of one group fail at the end of their budget: dropped, they would say nothing."""
    assert logrank(([5, 6, 7, 8], []), ([], [60] * 4)) < 0.05
    assert logrank(([5, 60], []), ([], [60] * 2)) > 0.05


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (([], [640]), ([], [640, 640])),  # no success
        (([], []), ([], [])),
        (([3, 4], []), ([], [])),  # one group empty
        (([], []), ([3], [640])),
        (([5], []), ([5], [])),  # all at once: the variance is zero
        (([], [1]), ([5], [])),  # the first group has left before anything happens
    ],
)
def test_logrank_says_nothing_where_nothing_can_be_said(first, second):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert logrank(first, second) is None


def test_intervals_of_differences_are_newcombes() -> None:
    """The first example of Newcombe (1998, Stat. Med. 17:873, Table II), by his method 10; and where nothing varies."""
    low, high = difference_interval((48 / 80, sure(48, 80)), (56 / 70, sure(56, 70)))
    assert (low, high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    low, high = difference_interval((0.0, sure(0, 10)), (1.0, sure(10, 10)))
    assert (low, high) == (pytest.approx(0.6075, abs=5e-5), 1.0)


def test_correlation_narrows_the_interval_of_a_paired_difference() -> None:
    before, after = (0.5, sure(10, 20)), (0.6, sure(12, 20))
    widths = [high - low for low, high in (difference_interval(before, after, r) for r in (-0.5, 0.0, 0.5, 0.9))]
    assert widths == sorted(widths, reverse=True)
    assert correlation([1, 0, 1, 0], [1, 0, 1, 0]) == pytest.approx(1)
    assert correlation([1, 1, 1], [1, 0, 1]) == 0


def sure(successes: int, total: int) -> tuple[float, float]:
    found = wilson(successes, total)
    assert found is not None
    return found


def test_paired_p_is_mcnemars_exact_test() -> None:
    """Two problems against eight: twice the binomial tail."""
    assert paired_p([1] * 2 + [0] * 8 + [1] * 5, [0] * 2 + [1] * 8 + [1] * 5) == pytest.approx(
        2 * (1 + 10 + 45) / 2**10
    )
    assert paired_p([1, 0], [1, 0]) == 1.0
    assert paired_p([0.5, 0.5, 0.5], [1.0, 1.0, 1.0]) == pytest.approx(0.25), (
        "shares of seeds: all ways to swap three problems"
    )


def test_unpaired_p_is_fishers_exact_test_or_a_permutation_test() -> None:
    """Fisher's tea: three and one of four."""
    assert unpaired_p([1, 1, 1, 0], [0, 0, 0, 1]) == pytest.approx(34 / 70)
    assert unpaired_p([0.5, 1, 1], [0, 0, 0]) == pytest.approx(2 / 20), "one of the 20 ways to part six, and its mirror"


def test_shares_of_several_seeds_are_compared_by_their_mean() -> None:
    """More problems rise than fall, and the mean falls: no sign test, which would say p = 0.035."""
    before, after = [0] * 17 + [1] * 6, [1 / 3] * 17 + [0] * 6
    assert (paired_p(before, after) or 0) > 0.5
    assert paired_p([0.5] * 8, [0.25] * 8) == pytest.approx(2 / 2**8)


def test_pooled_shares_are_compared_by_problem() -> None:
    """Of two problems nothing follows; of twelve that all fall, one way of 4096 and its mirror."""
    assert pooled_p([(17, 17)] * 2, [(16, 17), (15, 17)], paired=True) == 0.5
    assert pooled_p([(8, 8)] * 12, [(7, 8)] * 12, paired=True) == pytest.approx(2 / 2**12)
    assert pooled_p([(8, 8)] * 3, [(7, 8)] * 3, paired=False) == pytest.approx(2 / 20)
    assert pooled_p([(3, 4), (9, 9)], [(3, 4), (9, 9)], paired=True) == 1.0
    assert pooled_p([(0, 0)], [(3, 4)], paired=False) is None
    assert pooled_p([], [(3, 4)], paired=False) is None


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_who_succeeds_sooner() -> None:
    assert sooner(([1, 2], [9]), ([7, 8], [9]))
    assert not sooner(([7, 8], [9]), ([1, 2], [9]))
    assert not sooner(([], [9]), ([], [9]))


def test_bootstrap_of_a_difference() -> None:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    before, after = [0.0, 0.2, 0.4, 0.6, 0.8], [0.1, 0.3, 0.6, 0.6, 0.9]
    paired = bootstrap_difference(mean, before, after, paired=True)
    apart = bootstrap_difference(mean, before, after, paired=False)
    assert paired is not None
    assert apart is not None
    assert 0 < paired[0] < 0.1 < paired[1] < 0.2
    assert apart[0] < 0 < apart[1], "the same numbers as two groups say less"
    assert bootstrap_difference(mean, [1.0, 1.0], [1.0, 1.0], paired=True) is None
    assert bootstrap_difference(mean, [], [1.0], paired=False) is None
    assert bootstrap_difference(mean, before[:4], after[:4], paired=True) is None, "too few to resample"
