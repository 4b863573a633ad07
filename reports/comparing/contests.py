"""One search set against another: how often each fools its judge, how cheaply, and whether the difference is chance."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from ...fuzz.statistics import (
    correlation,
    difference_interval,
    holm,
    logrank,
    median_queries,
    paired_p,
    sooner,
    success_curve,
    unpaired_p,
)
from ..duel.rates import Outcome, Outcomes, by_problem, mean_of, queries_of, successes, typical
from ..text import p_text, percent, points
from .comparison import Change, Contest

#: Problems are compared one by one where both runs share at least this part of those of the smaller.
SHARED = 0.5


def contest(
    name: str,
    before: Outcomes,
    after: Outcomes,
    *,
    budget: int,
    alpha: float,
    verdicts: tuple[int, int] | None = None,
    gates: bool = True,
) -> Contest:
    """Set what came of one search against what came of another, both within a budget."""
    a, b = _within(before, budget), _within(after, budget)
    common = shared({problem for problem, _ in a}, {problem for problem, _ in b})
    paired = bool(common)
    if paired:
        a, b = ({cell: o for cell, o in outcomes.items() if cell[0] in common} for outcomes in (a, b))
    rates_a, rates_b = by_problem(successes(a)), by_problem(successes(b))
    order = [problem for problem in rates_a if problem in rates_b] if paired else []
    values_a = [rates_a[p] for p in order] if paired else list(rates_a.values())
    values_b = [rates_b[p] for p in order] if paired else list(rates_b.values())
    queries = queries_of(typical(a)), queries_of(typical(b))
    curves = tuple(success_curve(*queries_of(a))), tuple(success_curve(*queries_of(b)))
    both = bool(values_a) and bool(values_b)
    return Contest(
        name=name,
        budget=budget,
        problems=(len(values_a), len(values_b)),
        paired=paired,
        asr=_asr(values_a, values_b, paired, 1 - alpha),
        asr_p=(paired_p if paired else unpaired_p)(values_a, values_b) if both else None,
        medians=(median_queries(curves[0]), median_queries(curves[1])),
        queries_p=logrank(*queries),
        sooner=sooner(queries[1], queries[0]),
        verdicts=verdicts,
        curves=curves,
        gates=gates,
    )


def shared(before: Set[str], after: Set[str]) -> Set[str]:
    """The problems to compare one by one; none where the runs share too few."""
    common = before & after
    return common if len(common) >= SHARED * min(len(before), len(after)) else set()


def _within(outcomes: Outcomes, budget: int) -> Outcomes:
    """What would have come of the same searches, had they been ended at a budget."""
    return {
        cell: Outcome(o.queries if o.queries is not None and o.queries <= budget else None, min(o.spent, budget))
        for cell, o in outcomes.items()
    }


def _asr(before: Sequence[float], after: Sequence[float], paired: bool, confidence: float) -> Change:
    """Both rates with their intervals, and that of the difference."""
    a, b = mean_of(before, confidence), mean_of(after, confidence)
    between = None
    if a.rate is not None and b.rate is not None and a.interval is not None and b.interval is not None:
        r = correlation(before, after) if paired else 0.0
        between = difference_interval((a.rate, a.interval), (b.rate, b.interval), r)
    return Change("ASR", a.rate, b.rate, a.interval, b.interval, between, better="lower")


def corrected(
    contests: Sequence[Contest], measures: Sequence[Change] = ()
) -> tuple[tuple[Contest, ...], tuple[Change, ...]]:
    """Both with p values corrected for all tests that gate together; contests that do not gate keep their own."""
    ps = {("asr", i): c.asr_p for i, c in enumerate(contests) if c.gates}
    ps |= {("queries", i): c.queries_p for i, c in enumerate(contests) if c.gates}
    ps |= {("measure", i): change.p for i, change in enumerate(measures)}
    tests = {test: p for test, p in ps.items() if p is not None}
    adjusted = dict(zip(tests, holm(list(tests.values())), strict=True))
    return (
        tuple(
            replace(
                c,
                asr_holm=adjusted.get(("asr", i), c.asr_p),
                queries_holm=adjusted.get(("queries", i), c.queries_p),
            )
            for i, c in enumerate(contests)
        ),
        tuple(replace(change, p_holm=adjusted.get(("measure", i))) for i, change in enumerate(measures)),
    )


def said(contest: Contest, alpha: float) -> str:
    """How B differs from A in a contest, in a sentence."""
    asr = contest.asr
    if contest.asr_holm is not None and contest.asr_holm < alpha and asr.difference:
        return (
            f"{contest.name} fools B on {percent(asr.after)} of problems and A on {percent(asr.before)} "
            f"({points(asr.difference)}, {p_text(contest.asr_holm)})"
        )
    b, a = ("not reached" if median is None else str(median) for median in reversed(contest.medians))
    return (
        f"{contest.name} fools B with {'fewer' if contest.sooner else 'more'} queries than A "
        f"(median {b} against {a}, {p_text(contest.queries_holm)})"
    )
