"""The page of a transfer."""

from __future__ import annotations

import shlex
from typing import Any

from ...corpora.words import many
from ...fuzz.transfer import Form
from ...judges.opening import NAMED as NAMES
from ..answers import Figure
from ..charts import data, svg
from ..escape import visible
from ..page import SHORT, page, shown
from ..reproduce import has_names
from .answers import answers, letter, source_name
from .summary import TransferSummary
from .text import TITLES, cell_text, threshold_text, unattacked_texts

#: Rows and columns of a matrix that are drawn; the table behind it has all.
DRAWN_ROWS, DRAWN_COLUMNS = 24, 8


def render(summary: TransferSummary) -> str:
    """The page of a transfer."""
    return page(
        "transfer.html.jinja",
        title=f"transfer of {summary.settings['runs'][0]}",
        run=summary,
        missing=many(len(summary.settings["judges"]) - len(summary.judges), "judge"),
        answers=answers(summary),
        judges=[
            (letter(i), judge, threshold_text(judge), *unattacked_texts(judge))
            for i, judge in enumerate(summary.judges)
        ],
        matrices=[matrix(summary, form) for form in summary.replayed],
        command=command(summary),
    )


def matrix(summary: TransferSummary, form: Form) -> Figure:
    """A matrix: a row for each source, a column for each judge."""
    heads = [f"{letter(i)}{' (own)' if judge.own else ''}" for i, judge in enumerate(summary.judges)]
    rows = [
        (shown(source_name(summary, source), SHORT), str(source.finds), *map(cell_text, row))
        for source, row in zip(summary.sources, summary.replayed[form], strict=True)
    ]
    return Figure(TITLES[form], _chart(summary, form), ("finds of", "finds", *heads), rows)


def _chart(summary: TransferSummary, form: Form) -> Any:
    """The same as squares, as dark as their rate; none where no problem counts."""
    import altair as alt

    short = [visible(source_name(summary, s), 24) for s in summary.sources][:DRAWN_ROWS]
    names = [name if short.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(short, 1)]
    letters = [letter(i) for i in range(len(summary.judges))][:DRAWN_COLUMNS]
    rows = [
        {"source": name, "judge": head, "rate": each.rate, "label": f"{each.cell.fooled} of {each.cell.problems}"}
        for name, row in zip(names, summary.replayed[form], strict=False)
        for head, each in zip(letters, row, strict=False)
        if each.rate is not None
    ]
    if not rows:
        return None
    base = alt.Chart(data(rows)).encode(
        x=alt.X(
            "judge:N", sort=letters, title=None, axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False)
        ),
        y=alt.Y("source:N", sort=names, title=None, axis=alt.Axis(labelLimit=170, domain=False, ticks=False)),
    )
    colour = alt.Color("rate:Q", scale=alt.Scale(domain=[0, 1], range=["#cfe0ee", "#0b5a99"]), legend=None)
    light = alt.Color(
        "rate:Q", scale=alt.Scale(type="threshold", domain=[0.5], range=["#111111", "#ffffff"]), legend=None
    )
    squares = base.mark_rect(stroke="#8883").encode(color=colour)
    figures = base.mark_text(fontSize=13).encode(text="label:N", color=light)
    drawn = alt.layer(squares, figures).resolve_scale(color="independent")
    return svg(drawn.properties(width={"step": 66}, height={"step": 30}), TITLES[form])


def command(summary: TransferSummary) -> str | None:
    """The command line that makes it again; None where a judge has no name there."""
    asked = summary.settings
    others = [j for j, seen in zip(asked["judges"], summary.judges, strict=False) if not seen.own]
    thresholds = {seen.threshold for seen in summary.judges if not seen.own}
    if not summary.complete or not has_names([(name, NAMES) for name in others]):
        return None
    words = ["hoodwink", "transfer", *asked["runs"], *(word for name in others for word in ("--judge", name))]
    if asked["acceptance"] is not None:
        words += ["--threshold", f"{100 * asked['acceptance']:g}%"]
    elif len(thresholds) == 1 and thresholds != {0.5} and not any(name.startswith("calibrated:") for name in others):
        words += ["--threshold", str(*thresholds)]
    return shlex.join(words)
