"""Rates with intervals, what differs between two, and queries to success where failures are censored; by scipy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy import stats

#: Queries to success of cells that succeeded, and queries after which others ended without.
Queries = tuple[Sequence[int], Sequence[int]]

#: A value and its interval.
Estimate = tuple[float, tuple[float, float]]

#: Resamples of a bootstrap whose statistic is computed one by one.
RESAMPLES = 1000

#: Fewest problems that are resampled: a bootstrap of fewer is far too narrow.
LEAST = 5

T = TypeVar("T")


def wilson(successes: int, total: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """Wilson score interval of a rate; None where nothing was tried."""
    if total == 0:
        return None
    interval = stats.binomtest(successes, total).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def least_problems(rate: float, confidence: float = 0.95) -> int:
    """The fewest problems of which none is fooled that bring the upper end of the Wilson interval to `rate` or under.

    For 0 of n that end is z² / (n + z²); `rate` lies in (0, 1).
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    return math.ceil(z * z * (1 - rate) / rate - 1e-9)


def rate_interval(rates: Sequence[float], seeds: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """Interval of a mean over problems: Wilson where each is 0 or 1, else a bootstrap that resamples problems.

    With several seeds a problem's rate is its share of fooled seeds; problems are the unit, since seeds on one problem
    are not independent.
    """
    if not rates:
        return None
    if seeds == 1:
        return wilson(round(sum(rates)), len(rates), confidence)
    if len(set(rates)) == 1:  # nothing to resample: span the intervals of the whole numbers around the sum
        below = wilson(math.floor(sum(rates)), len(rates), confidence)
        above = wilson(math.ceil(sum(rates)), len(rates), confidence)
        return None if below is None or above is None else (below[0], above[1])
    result = stats.bootstrap(
        (np.asarray(rates),),
        np.mean,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def success_curve(successes: Sequence[int], failures: Sequence[int]) -> list[tuple[int, float]]:
    """Share of cells that succeeded within so many queries (Kaplan-Meier): steps `(queries, share)`, from (0, 0).

    `successes` are queries to success; `failures` are queries after which a cell ended without (censored there).
    """
    curve = [(0, 0.0)]
    if successes:
        cdf = stats.ecdf(_censored(successes, failures)).cdf
        for queries, share in zip(cdf.quantiles, cdf.probabilities, strict=True):
            if share > curve[-1][1]:  # scipy also lists where a cell was censored, at which the share stays
                curve.append((int(queries), float(share)))
    return curve


def success_band(
    successes: Sequence[int], failures: Sequence[int], confidence: float = 0.95
) -> list[tuple[float, float]]:
    """Bounds of `success_curve`, step for step: pointwise, log-log (Greenwood's variance; Kalbfleisch and Prentice).

    Where every search has succeeded the log-log bounds are undefined; the Wilson interval of as many out of as many
    stands there. It takes searches as independent: those of several seeds on one problem are not, and their band is
    too narrow.
    """
    bounds = [(0.0, 0.0)]
    if not successes:
        return bounds
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # undefined bounds are put right below
        cdf = stats.ecdf(_censored(successes, failures)).cdf
        band: Any = cdf.confidence_interval(confidence, method="log-log")
    share = 0.0
    for reached, low, high in zip(cdf.probabilities, band.low.probabilities, band.high.probabilities, strict=True):
        if reached > share:
            share = float(reached)
            sure = wilson(len(successes), len(successes), confidence) or (0.0, 1.0)
            bounds.append(sure if math.isnan(low) or math.isnan(high) else (float(low), float(high)))
    return [(max(low for low, _ in bounds[: i + 1]), high) for i, (_, high) in enumerate(bounds)]


def median_queries(curve: Sequence[tuple[int, float]]) -> int | None:
    """The queries within which half of the cells succeed, failures counted; None if half of them never do."""
    return next((q for q, share in curve if share >= 0.5), None)


def logrank(first: Queries, second: Queries) -> float | None:
    """p of the logrank test that queries to success are the same in both groups, two-sided; None where nothing says so.

    Each group is `(successes, failures)` as `success_curve` takes them. It needs a success, and both groups.
    """
    if not (first[0] or second[0]) or not any(first) or not any(second):
        return None
    one, other = (_censored(*group) for group in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):  # no variance: NaN, which is said as None
        p = float(stats.logrank(one, other).pvalue)
    return None if math.isnan(p) else p


def sooner(first: Queries, second: Queries) -> bool:
    """Whether the first group succeeds sooner: by the sign of the logrank statistic."""
    if not (first[0] or second[0]) or not any(first) or not any(second):
        return False
    with np.errstate(invalid="ignore", divide="ignore"):
        return bool(stats.logrank(_censored(*first), _censored(*second)).statistic > 0)


def difference_interval(before: Estimate, after: Estimate, correlation: float = 0.0) -> tuple[float, float]:
    """Interval of `after - before` from the interval of each (MOVER), of the confidence that those have.

    With Wilson intervals of two independent shares it is Newcombe's (1998, Stat. Med. 17:873), and with the correlation
    of paired ones his of paired shares (17:2635); for other estimates see Zou and Donner (2008, Stat. Med. 27:1693). It
    has a width where a bootstrap has none: where all succeed, or none.
    """
    (a, (a_low, a_high)), (b, (b_low, b_high)) = before, after
    down, up = _combined(b - b_low, a_high - a, correlation), _combined(b_high - b, a - a_low, correlation)
    return b - a - down, b - a + up


def _combined(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's; 0 where either is constant."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return 0.0
    return float(stats.pearsonr(first, second).statistic)


def paired_p(before: Sequence[float], after: Sequence[float]) -> float | None:
    """p, two-sided, that the same problems, in the same order, have the same mean before and after.

    McNemar's exact test where all values are 0 or 1: problems that stay as they are say nothing, and where all do, it
    is 1. Else, with shares of several seeds, a permutation test that swaps before and after problem by problem.
    """
    if not all(value in (0, 1) for value in (*before, *after)):
        return pooled_p([(value, 1) for value in before], [(value, 1) for value in after], paired=True)
    rises = sum(b > a for a, b in zip(before, after, strict=True))
    falls = sum(b < a for a, b in zip(before, after, strict=True))
    return float(stats.binomtest(rises, rises + falls).pvalue) if rises + falls else 1.0


def unpaired_p(before: Sequence[float], after: Sequence[float]) -> float | None:
    """p, two-sided, that two groups of problems have the same mean: Fisher's exact test where all values are 0 or 1.

    Else, with shares of several seeds, a permutation test of the difference in means.
    """
    if all(value in (0, 1) for value in (*before, *after)):
        table = np.array([[sum(values), len(values) - sum(values)] for values in (before, after)])
        return float(stats.fisher_exact(table).pvalue)
    return pooled_p([(value, 1) for value in before], [(value, 1) for value in after], paired=False)


def pooled_p(
    before: Sequence[tuple[float, float]], after: Sequence[tuple[float, float]], *, paired: bool
) -> float | None:
    """p, two-sided, of the difference between two shares that are pooled over problems; None where either is of none.

    Of each problem, how many are true of how many. A permutation test by problem, exact where problems are few: paired
    (the same problems in the same order) it swaps before and after, else it deals all problems to two groups anew.
    """
    if not all(sum(n for _, n in counts) for counts in (before, after)):
        return None
    counts = np.array([*before, *after], dtype=float)

    def difference(x: Any, y: Any, axis: int) -> Any:
        (a, of_a), (b, of_b) = ((counts[i, 0].sum(axis), counts[i, 1].sum(axis)) for i in (x, y))
        with np.errstate(invalid="ignore", divide="ignore"):  # a group of problems that nothing was asked of
            return np.nan_to_num(np.round(b / of_b - a / of_a, 12))  # rounded, so that ties are ties

    result = stats.permutation_test(
        (np.arange(len(before)), np.arange(len(before), len(counts))),
        difference,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """p values that hold for all tests together (Holm 1979), in the order given."""
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def bootstrap_difference(
    statistic: Callable[[Sequence[T]], float],
    before: Sequence[T],
    after: Sequence[T],
    *,
    paired: bool,
    confidence: float = 0.95,
) -> tuple[float, float] | None:
    """Interval of `statistic(after) - statistic(before)`, resampling problems; None where all resamples agree.

    Paired, both lists hold the same problems in the same order, and the same ones are drawn of both. Fewer than `LEAST`
    are not resampled.
    """
    if min(len(before), len(after)) < LEAST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # of a statistic that some resamples have not: NaN
        result = stats.bootstrap(
            (np.arange(len(before)), np.arange(len(after))),
            lambda i, j: statistic([after[k] for k in j]) - statistic([before[k] for k in i]),
            n_resamples=RESAMPLES,
            paired=paired,
            vectorized=False,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(0),
        )
    low, high = map(float, result.confidence_interval)
    return None if math.isnan(low) or math.isnan(high) or low == high else (low, high)


def _censored(successes: Sequence[int], failures: Sequence[int]) -> Any:
    return stats.CensoredData(uncensored=list(successes), right=list(failures))
