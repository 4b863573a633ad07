"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..answers import Figure
from ..charts import COLOURS, WIDTH, Steps, data, side_dash, steps_chart, svg
from ..escape import visible
from ..page import SHORT, page, shown
from .answers import answers
from .comparison import Comparison, Contest
from .text import CONTEST, contest_cells, difference, fate, number

#: Rows of a table of failure modes, and contests whose curves are drawn.
ROWS, DRAWN = 40, len(COLOURS)

SIDES = ("A", "B")


def render(found: Comparison) -> str:
    """The page of a comparison."""
    return page(
        "compare.html.jinja",
        title=f"{found.a.judge} against {found.b.judge}",
        found=found,
        answers=answers(found),
        rates=rates_figure(found) if found.contests else None,
        curves=curves_figure(found),
        courses=courses_figure(found) if found.courses else None,
        measures=measures_table(found),
        modes=[(mode, fate(mode)) for mode in found.modes[:ROWS]],
        modes_more=max(0, len(found.modes) - ROWS),
        confidence=f"{100 * (1 - found.alpha):g}",
    )


def rates_figure(found: Comparison) -> Figure:
    """How often each attack fools either judge."""
    caption = "Share of problems fooled in A and in B, with intervals"
    rows = [(shown(c.name, SHORT), *contest_cells(c)) for c in found.contests]
    counted = [c for c in found.contests if c.asr.difference is not None]
    return Figure(caption, _rates_chart(counted, caption) if counted else None, ("fooled by", *CONTEST), rows)


def _rates_chart(contests: Sequence[Contest], caption: str) -> Any:
    import altair as alt

    names = _names(contests)
    rows = [
        {"name": name, "side": side, "rate": rate, "low": (ci or (rate, rate))[0], "high": (ci or (rate, rate))[1]}
        for name, c in zip(names, contests, strict=True)
        for side, rate, ci in (("A", c.asr.before, c.asr.before_ci), ("B", c.asr.after, c.asr.after_ci))
    ]
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelLimit=150, ticks=False, labelPadding=8)),
        yOffset=alt.YOffset("side:N", sort=list(SIDES)),
        color=_side_colour(),
    )
    rules = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", scale=scale, title=None).axis(format="%", tickCount=5), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("rate:Q", scale=scale), shape=alt.Shape("side:N", scale=_shapes(), legend=_legend())
    )
    return svg((rules + dots).properties(width=WIDTH, height={"step": 20}), caption)


def _names(contests: Sequence[Contest]) -> list[str]:
    """What the contests are called in a drawing, each name once."""
    short = [visible(c.name, 24) for c in contests]
    return [name if short.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(short, 1)]


def _side_colour() -> Any:
    import altair as alt

    return alt.Color("side:N", scale=alt.Scale(domain=list(SIDES), range=COLOURS[:2]), legend=_legend())


def _shapes() -> Any:
    import altair as alt

    return alt.Scale(domain=list(SIDES), range=["circle", "square"])


def _legend() -> Any:
    import altair as alt

    return alt.Legend(title=None, orient="top", symbolStrokeWidth=2)


def curves_figure(found: Comparison) -> Figure | None:
    """How fast the attacks that count fool either judge (Kaplan-Meier); None where nothing was fooled."""
    drawn = [c for c in found.contests if c.gates and any(len(curve) > 1 for curve in c.curves)][:DRAWN]
    if not drawn:
        return None
    caption = "Share of searches that fooled the judge within a number of queries: A dashed, B solid"
    rows = [
        (f"{shown(c.name, SHORT)}, {side}", str(queries), f"{100 * share:.0f}%")
        for c in drawn
        for side, curve in zip(SIDES, c.curves, strict=True)
        for queries, share in curve[1:]
    ]
    curves = [
        Steps(name, curve, c.budget, side)
        for name, c in zip(_names(drawn), drawn, strict=True)
        for side, curve in zip(SIDES, c.curves, strict=True)
    ]
    return Figure(caption, steps_chart(curves, label=caption), ("search", "queries", "fooled"), rows)


def courses_figure(found: Comparison) -> Figure:
    """Reward and accuracy of both policies."""
    import altair as alt

    caption = "Reward (the judge's score) and accuracy (the oracle's) by training step: A dashed, B solid"
    points = [(side, p) for side, course in zip(SIDES, found.courses, strict=True) for p in course]
    rows = [
        {"side": side, "line": line, "step": step, "share": value}
        for side, (step, reward, right) in points
        for line, value in (("reward", reward), ("accuracy", right))
    ]
    colours = alt.Scale(domain=["reward", "accuracy"], range=COLOURS[:2])
    chart = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("step:Q", title="training steps", axis=alt.Axis(tickCount=5, grid=False)),
            y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), title="mean of an exam").axis(format="%"),
            color=alt.Color("line:N", scale=colours, legend=_legend()),
            strokeDash=side_dash(),
        )
        .properties(width=WIDTH, height=240)
    )
    table = [(f"{side}, step {step}", f"{reward:.3f}", f"{right:.3f}") for side, (step, reward, right) in points]
    return Figure(caption, svg(chart, caption), ("exam", "reward", "accuracy"), table)


def measures_table(found: Comparison) -> Figure:
    """Clean responses of both judges, or what became of both policies."""
    rows = [(shown(m.name, SHORT), number(m, m.before), number(m, m.after), difference(m, 1)) for m in found.measures]
    return Figure("Both runs beside each other", None, ("measure", "A", "B", "difference, in points"), rows)
