"""Rates with intervals, and queries to success where failures are censored. All by scipy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

#: Queries to success of cells that succeeded, and queries after which others ended without.
Queries = tuple[Sequence[int], Sequence[int]]


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


def _censored(successes: Sequence[int], failures: Sequence[int]) -> Any:
    return stats.CensoredData(uncensored=list(successes), right=list(failures))
