"""Shares of problems with their intervals, and what came of searches: what every report of rates is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from ...fuzz.checks import Checks
from ...fuzz.statistics import Queries, rate_interval, wilson
from ...fuzz.store import Store
from ..searches import searches

Interval = tuple[float, float] | None

#: What came of searches, by problem and seed.
Outcomes = Mapping[tuple[str, int], "Outcome"]


class Rate(NamedTuple):
    """A share of problems with its 95 % interval, resampled by problem; None where there are none."""

    rate: float | None
    interval: Interval
    problems: int

    def to_json(self) -> dict[str, Any]:
        """As an object."""
        return {"rate": self.rate, "ci": self.interval, "n": self.problems}

    def named(self, name: str) -> dict[str, Any]:
        """As three fields of an object."""
        return {name: self.rate, f"{name}_ci": self.interval, f"{name}_n": self.problems}


class Outcome(NamedTuple):
    """What came of one problem and seed: queries to the first find, None without any; queries spent without one."""

    queries: int | None
    spent: int


def share_of(values: Sequence[bool]) -> Rate:
    """The share of problems of which something is true."""
    return Rate(fmean(values) if values else None, wilson(sum(values), len(values)), len(values))


def mean_of(shares: Sequence[float], confidence: float = 0.95) -> Rate:
    """The mean of shares, one a problem: Wilson where all are 0 or 1, else a bootstrap over problems."""
    whole = all(share in (0, 1) for share in shares)
    return Rate(fmean(shares) if shares else None, rate_interval(shares, 1 if whole else 2, confidence), len(shares))


def by_problem(cells: Mapping[tuple[str, int], bool]) -> dict[str, float]:
    """Of each problem, the share of its seeds of which something is true."""
    seeds: dict[str, list[bool]] = {}
    for (problem, _), value in cells.items():
        seeds.setdefault(problem, []).append(value)
    return {problem: fmean(values) for problem, values in seeds.items()}


def rate_of(cells: Mapping[tuple[str, int], bool]) -> Rate:
    """The mean over problems of the share of their seeds of which something is true."""
    return mean_of(list(by_problem(cells).values()))


def successes(outcomes: Outcomes, budget: int | None = None) -> dict[tuple[str, int], bool]:
    """Of each problem and seed, whether it was fooled within a budget."""
    within = budget if budget is not None else 1 << 62
    return {cell: o.queries is not None and o.queries <= within for cell, o in outcomes.items()}


def fooled(outcomes: Outcomes, budget: int | None = None) -> Rate:
    """The share of problems fooled within a budget."""
    return rate_of(successes(outcomes, budget))


def typical(outcomes: Outcomes) -> Outcomes:
    """One outcome a problem, the lower median of its seeds: they are not independent of one another."""
    seeds: dict[str, list[Outcome]] = {}
    for (problem, _), outcome in outcomes.items():
        seeds.setdefault(problem, []).append(outcome)
    return {
        (problem, 0): sorted(each, key=lambda o: (o.queries is None, o.queries or o.spent))[(len(each) - 1) // 2]
        for problem, each in seeds.items()
    }


def queries_of(outcomes: Outcomes) -> Queries:
    """Queries to success, and queries after which a search ended without."""
    found = [o.queries for o in outcomes.values() if o.queries is not None]
    return found, [o.spent for o in outcomes.values() if o.queries is None]


def outcomes_of(store: Store, attack: str | None = None) -> Outcomes:
    """What came of each problem that counts, by one attack or by the one that needed the fewest queries."""
    counted = set(Checks.from_json(store.get("checks")).rejected_baseline)
    budget = store.config["identity"]["budget"]
    return best_of(
        ((search.problem, search.seed), Outcome(search.found, search.censored(budget)))
        for search in searches(store, attack)
        if search.problem in counted and search.sound and search.state != "failed"
    )


def best_of(outcomes: Iterable[tuple[tuple[str, int], Outcome]]) -> Outcomes:
    """What came of each problem and seed by the attack that needed the fewest queries."""
    best: dict[tuple[str, int], Outcome] = {}
    for cell, (found, spent) in outcomes:
        known = best.get(cell, Outcome(None, 0))
        queries = min((q for q in (known.queries, found) if q is not None), default=None)
        best[cell] = Outcome(queries, max(known.spent, spent))
    return best
