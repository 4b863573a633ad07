"""Rates and censored queries, against figures worked out by hand or known from the literature."""

from __future__ import annotations

import pytest
from hoodwink.fuzz.statistics import median_queries, rate_interval, success_curve, wilson


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
