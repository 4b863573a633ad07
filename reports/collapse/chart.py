"""The chart of a collapse: reward and accuracy by step, when they parted, and where the answers below were written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from ...fuzz.course import Point
from ..charts import COLOURS, WIDTH, data, svg
from .summary import CollapseSummary

LINES = ("reward", "accuracy")
_INK = "currentColor"


def story_chart(summary: CollapseSummary, exams: Sequence[Point], chosen: Sequence[Point], label: str) -> Markup:
    """Both lines over the exams, a mark with its number at each of the chosen ones, and rules where it broke."""
    import altair as alt

    # The chosen ones are drawn too, so that every mark lies on the line.
    points = sorted({p.step: p for p in (*exams, *chosen)}.values(), key=lambda p: p.step)
    rows = [
        {"line": name, "step": p.step, "share": value}
        for p in points for name, value in zip(LINES, (p.reward, p.right), strict=True)
    ]  # fmt: skip
    scale = alt.Scale(domain=list(LINES), range=COLOURS[:2])
    x = alt.X("step:Q", title="training steps", axis=alt.Axis(tickCount=5, grid=False))
    y = alt.Y("share:Q", scale=alt.Scale(domain=[0, 1.12]), title="mean of an exam")
    y = y.axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2.5)
        .encode(x=x, y=y, color=alt.Color("line:N", scale=scale, legend=alt.Legend(title=None, orient="top")))
    )
    layers = lines + _marks(chosen)
    if summary.loose is not None or summary.collapse is not None:
        layers = _moments(summary) + layers
    return svg(layers.properties(width=WIDTH, height=260), label)


def _marks(chosen: Sequence[Point]) -> Any:
    """Numbered dots on the line of rewards."""
    import altair as alt

    rows = [{"step": p.step, "share": p.reward, "number": str(i)} for i, p in enumerate(chosen, 1)]
    base = alt.Chart(data(rows)).encode(x="step:Q", y="share:Q")
    dots = base.mark_point(filled=True, size=60, opacity=1, color=COLOURS[0])
    return dots + base.mark_text(dx=-7, dy=-10, fontSize=13, fontWeight="bold", color="currentColor").encode(
        text="number:N"
    )


def _moments(summary: CollapseSummary) -> Any:
    """A rule where the score came loose, and one where it was lost."""
    import altair as alt

    seen = [(summary.loose, "loose"), (summary.collapse, "collapse")]
    rows = [{"step": moment.step, "name": name} for moment, name in seen if moment is not None]
    base = alt.Chart(data(rows)).encode(x="step:Q")
    rules = base.mark_rule(strokeWidth=1.5, strokeDash=[4, 3], color=_INK, opacity=0.6)
    # One name stands left of its rule and the other right: the two may lie close together.
    texts = [
        base.transform_filter(f"datum.name == '{row['name']}'")
        .mark_text(
            align="right" if row["name"] == "loose" else "left",
            dx=-4 if row["name"] == "loose" else 4,
            fontSize=12,
            color=_INK,
        )
        .encode(text="name:N", y=alt.value(6))
        for row in rows
    ]
    return alt.layer(rules, *texts)
