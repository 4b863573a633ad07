"""Charts as static SVG, by altair and vl-convert: they need no script, print well, and take the page's text colour."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from .escape import visible

#: Hues that colour-blind eyes tell apart (after Okabe and Ito), of a lightness that stands out on white and on black.
COLOURS = ["#2a84cc", "#d9650f", "#0a9d73", "#c26a9b", "#b98a00", "#7d7fc9"]
_INK = "currentColor"


#: Inner width: small enough for a phone, where the whole is drawn about 390 wide.
WIDTH = 370


def lines_chart(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    label: str,
    across: str,
    up: str,
    shares: bool,
    height: int = 200,
) -> Markup:
    """Lines over a common axis; `shares` says that they lie between 0 and 1. `label` is read out, the others shown."""
    import altair as alt

    names = list(lines)
    rows = [{"line": name, "x": x, "y": y} for name, points in lines.items() for x, y in points]
    scale = alt.Scale(domain=[0, 1]) if shares else alt.Scale(domainMin=0)
    axis = alt.Axis(format="%") if shares else alt.Axis(tickCount=5)
    colours = alt.Scale(domain=names, range=[COLOURS[i % len(COLOURS)] for i in range(len(names))])
    chart = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("x:Q", title=across, axis=alt.Axis(tickCount=5)),
            y=alt.Y("y:Q", scale=scale, title=up, axis=axis),
            color=alt.Color("line:N", scale=colours, legend=alt.Legend(title=None, orient="top", columns=2)),
        )
        .properties(width=WIDTH, height=height)
    )
    return svg(chart, label)


class Steps(NamedTuple):
    """A Kaplan-Meier curve: its steps `(queries, share)`, and the queries up to which it is drawn.

    `side` is A or B where two runs are drawn over one another: A is dashed.
    """

    name: str
    points: Sequence[tuple[int, float]]
    end: int
    side: str = ""


def steps_chart(curves: Sequence[Steps], *, label: str, height: int = 220) -> Markup:
    """Share of searches that fooled within so many queries, a colour for each name; `label` is read out."""
    import altair as alt

    names = list(dict.fromkeys(curve.name for curve in curves))
    rows = [
        {"name": c.name, "side": c.side, "queries": max(1, queries), "share": share}
        for c in curves
        for queries, share in [*c.points, (c.end, c.points[-1][1])]
    ]
    colours = alt.Scale(domain=names, range=[COLOURS[i % len(COLOURS)] for i in range(len(names))])
    legend = alt.Legend(title=None, orient="top", columns=3, labelLimit=170) if len(names) > 1 else None
    across = alt.Scale(type="log", domain=[1, max(2, *(c.end for c in curves))])
    chart = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=2.5)
    chart = chart.encode(
        x=alt.X("queries:Q", scale=across, title="queries").axis(tickCount=5),
        y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), title="searches that fooled").axis(format="%"),
        color=alt.Color("name:N", scale=colours, legend=legend),
        **({"strokeDash": side_dash()} if any(c.side for c in curves) else {}),
    )
    return svg(chart.properties(width=WIDTH, height=height), label)


def side_dash() -> Any:
    """The dashes of a field `side`: A, the baseline, is dashed, and B is not."""
    import altair as alt

    dashes = alt.Scale(domain=["A", "B"], range=[[4, 3], [1, 0]])
    return alt.StrokeDash("side:N", scale=dashes, legend=alt.Legend(title=None, orient="top", symbolStrokeWidth=2))


def data(rows: list[dict[str, Any]]) -> Any:
    """Rows as a chart's own data."""
    import altair as alt

    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def attack_colour(names: Sequence[str], *, legend: bool) -> Any:
    """A colour for each of the names in a field `attack`, the same in every chart of a run, for any channel of it."""
    import altair as alt

    scale = alt.Scale(domain=list(names), range=[COLOURS[i % len(COLOURS)] for i in range(len(names))])
    shown = alt.Legend(title=None, orient="top", labelLimit=150, columns=3, symbolOpacity=1) if legend else None
    return alt.Color("attack:N", scale=scale, legend=shown)


def svg(chart: Any, label: str) -> Markup:
    """Render a chart; `label` is what a screen reader says of it (the table beside it has the numbers)."""
    import vl_convert

    axis = {"labelColor": _INK, "titleColor": _INK, "tickColor": "#8888", "domainColor": "#8888", "gridColor": "#8883"}
    fonts = {"labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal"}
    styled = chart.configure(
        background="transparent",
        font="sans-serif",
        view={"stroke": None},
        axis={**axis, **fonts},
        legend={"labelColor": _INK, "labelFontSize": 13},
        header={"labelColor": _INK, "labelFontSize": 13, "labelPadding": 3},
    )
    svg = str(vl_convert.vegalite_to_svg(styled.to_json()))
    # The drawing is one image with one name; what Vega says of each of its parts is for nobody then.
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r' (?:role|aria-\w+)="[^"]*"', "", tag[0]), svg)
    # Fluid width: the viewBox keeps the proportions, the style sheet sets the size.
    svg = re.sub(r'(<svg[^>]*?) width="[\d.]+" height="[\d.]+"', r"\1", svg, count=1)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(visible(label))}" ', 1))
