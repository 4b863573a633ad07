"""The figures of an attack run: each a chart and the table behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from ...corpora.words import many
from ..answers import Figure
from ..charts import COLOURS, WIDTH, attack_colour, data, svg
from ..page import brief
from ..text import interval, percent
from .scores import BINS, Scores
from .summary import AttackSummary, RunSummary

#: Curves drawn over one another, each with a band; more are drawn side by side.
TOGETHER = len(COLOURS)

#: Characters of an attack's name in a chart.
NAMED = 40

#: Points kept of a curve, and of a band: more than a drawing of this size can show.
POINTS = 120

#: Budgets at which the table gives the curves.
_BUDGETS = (1, 2, 5)


def rates(summary: RunSummary) -> Figure | None:
    """Attack success rate by attack with its interval; None without attacks that count."""
    import altair as alt

    counted = [(name, a.asr, a.asr_ci) for name, a in _called(summary) if a.asr is not None and a.asr_ci is not None]
    if not counted:
        return None
    rows = [{"attack": name, "asr": asr, "low": low, "high": high} for name, asr, (low, high) in counted]
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("attack:N", sort=None, title=None, axis=alt.Axis(labelLimit=150)),
        color=attack_colour(_names(summary), legend=False),
    )
    scale = alt.Scale(domain=[0, 1])
    several = summary.settings["seeds"] > 1
    fooled = "searches that fooled" if several else "problems fooled"
    bars = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", scale=scale, title=fooled).axis(format="%", tickCount=5), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=110, opacity=1).encode(x=alt.X("asr:Q", scale=scale))
    step = 34 if len(rows) <= TOGETHER else 24
    chart = svg((bars + points).properties(width=WIDTH, height={"step": step}), "Attack success rate by attack")
    share = "mean over problems of the share of seeds whose search found a" if several else "share of problems with a"
    how = "bootstrap over problems" if several else "Wilson"
    return Figure(
        f"Attack success rate (ASR): {share} response that the judge accepts, also when scored alone, and that is "
        f"provably wrong; among the problems whose plain wrong answer it rejects. Intervals: 95 %, {how}.",
        chart,
        ("attack", "ASR", "95 %"),
        [(name, percent(asr), interval(ci)) for name, asr, ci in counted],
    )


def curves(summary: RunSummary) -> Figure | None:
    """Share of searches that fooled within so many queries (Kaplan-Meier with bands); None where nothing was fooled."""
    drawn = list(_called(summary))
    if not any(len(a.curve) > 1 for _, a in drawn):
        return None
    budget = summary.settings["budget"]
    budgets = grid(budget)
    return Figure(
        "Share of searches that have fooled the judge within a number of queries (Kaplan-Meier: searches that end "
        "without a find are censored, not dropped). Bands: pointwise 95 %, searches taken as independent; "
        "before an attack's first find there is none.",
        _curves_chart(summary, drawn, budget),
        ("attack", *(many(q, "query") for q in budgets), "median"),
        [(name, *(_at(a, q) for q in budgets), _median(a)) for name, a in drawn],
    )


def _curves_chart(summary: RunSummary, drawn: Sequence[tuple[str, AttackSummary]], budget: int) -> Markup:
    import altair as alt

    rows = [row for name, attack in drawn for row in _steps(name, attack, budget)]
    beside = len(drawn) > TOGETHER
    ticks = 3 if beside else 5
    x = alt.X("queries:Q", scale=alt.Scale(type="log", domain=[1, max(2, budget)]), title="queries").axis(
        tickCount=ticks, grid=False
    )
    base = alt.Chart(data(rows)).encode(x=x, color=attack_colour(_names(summary), legend=not beside))
    scale = alt.Scale(domain=[0, 1])
    band = base.mark_area(interpolate="step-after", opacity=0.16).encode(
        y=alt.Y("low:Q", scale=scale, title=None if beside else "searches that fooled").axis(
            format="%", tickCount=ticks
        ),
        y2="high:Q",
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(y=alt.Y("share:Q", scale=scale))
    label = "Share of searches that fooled the judge within a number of queries, by attack"
    if not beside:
        return svg((band + line).properties(width=WIDTH, height=220), label)
    panel = (band + line).properties(width=WIDTH // 2 - 22, height=80)
    header = alt.Header(title=None, labelAnchor="start", labelLimit=WIDTH // 2 - 30)
    return svg(panel.facet(facet=alt.Facet("attack:N", sort=_names(summary), header=header), columns=2), label)


def _steps(name: str, attack: AttackSummary, budget: int) -> Iterator[dict[str, Any]]:
    """The points of a curve and its band, from the first query to the budget, as many as a drawing can show."""
    kept = {0: 0}
    for place, (queries, _) in enumerate(attack.curve):
        kept[round(POINTS * _log(queries) / max(1e-9, _log(budget))) if queries else 0] = place
    last = len(attack.curve) - 1
    ends = [(max(1, attack.curve[place][0]), place) for place in sorted(kept.values())]
    if attack.curve[ends[0][1]][0] > 1:
        ends = [(1, 0), *ends]
    for queries, place in [*ends, (max(budget, attack.curve[last][0]), last)]:
        low, high = attack.band[place]
        yield {"attack": name, "queries": queries, "share": attack.curve[place][1], "low": low, "high": high}


def _log(value: float) -> float:
    return math.log(max(1.0, value))


def _median(attack: AttackSummary) -> str:
    return "–" if attack.queries_median is None else str(attack.queries_median)


def grid(budget: int) -> list[int]:
    """1, 2, 5, 10, 20, 50 and so on under the budget, and the budget."""
    steps = [step * 10**power for power in range(len(str(budget))) for step in _BUDGETS]
    return [*(q for q in steps if q < budget), budget]


def _at(attack: AttackSummary, queries: int) -> str:
    """Share and band after so many queries: `84% (60–95%)`."""
    place = max(i for i, (q, _) in enumerate(attack.curve) if q <= queries)
    share = percent(attack.curve[place][1])
    return f"{share} ({interval(attack.band[place])})" if place else share


def scores(summary: RunSummary) -> Figure | None:
    """How the judge's scores lie, by group of responses, with the threshold; None where nothing was scored."""
    groups = [group for group in summary.scores if group.n]
    if not groups:
        return None
    threshold = summary.checks.threshold
    edges = [f"{i / BINS:.2f}–{(i + 1) / BINS:.2f}" for i in range(BINS)]
    total = ("all", *(str(g.n) for g in groups))
    accepted = ("accepted", *(percent(g.accepted, 1) for g in groups))
    middle = ("median score", *(f"{g.median:.3f}" for g in groups))
    return Figure(
        f"Share of each group by score; dashed: the threshold, {threshold:g}. Attacked: the best provably wrong "
        "response of each search. A search ends with its first find, so scores just over the threshold are usual.",
        _scores_chart(groups, threshold),
        ("score", *(g.group for g in groups)),
        [total, accepted, middle, *((edge, *(str(g.bins[i]) for g in groups)) for i, edge in enumerate(edges))],
    )


def _scores_chart(groups: Sequence[Scores], threshold: float) -> Markup:
    import altair as alt

    titles = {g.group: f"{g.group} ({g.n}, {percent(g.accepted)} accepted)" for g in groups}
    rows = [
        {"group": titles[g.group], "low": i / BINS, "high": (i + 0.9) / BINS, "share": n / g.n, "threshold": threshold}
        for g in groups
        for i, n in enumerate(g.bins)
    ]
    hues = {"right answers": COLOURS[2], "wrong answers": COLOURS[0], "near misses": COLOURS[3], "attacked": COLOURS[1]}
    colour = alt.Color(
        "group:N",
        scale=alt.Scale(domain=list(titles.values()), range=[hues[group] for group in titles]),
        legend=None,
    )
    base = alt.Chart(data(rows))
    height = 44
    bars = base.mark_rect().encode(
        x=alt.X("low:Q", scale=alt.Scale(domain=[0, 1]), title="score").axis(tickCount=5, grid=False),
        x2="high:Q",
        y=alt.Y("share:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1])),
        y2=alt.value(height),
        color=colour,
    )
    line = base.mark_rule(strokeDash=[4, 3], color="currentColor").encode(x="threshold:Q")
    header = alt.Header(title=None, labelAnchor="start", labelOrient="top")
    chart = (bars + line).properties(width=WIDTH + 50, height=height).facet(
        row=alt.Row("group:N", sort=list(titles.values()), header=header), spacing=6
    )  # fmt: skip
    return svg(chart, "How the judge's scores lie, by group of responses")


def _names(summary: RunSummary) -> list[str]:
    """What the attacks are called in charts: short, and no two alike."""
    names: list[str] = []
    for attack in summary.attacks:
        name = brief(attack.name, NAMED)
        names.append(f"{name} ({len(names) + 1})" if name in names else name)
    return names


def _called(summary: RunSummary) -> Iterator[tuple[str, AttackSummary]]:
    """The attacks that count, with their names."""
    return ((name, a) for name, a in zip(_names(summary), summary.attacks, strict=True) if a.asr is not None)
