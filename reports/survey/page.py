"""The page of a survey."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...corpora.corpus import CORPORA
from ...fuzz.attacks import ATTACKS
from ...judges.opening import NAMED
from ..answers import Figure
from ..charts import WIDTH, attack_colour, data, svg
from ..escape import visible
from ..page import SHORT, brief, page, shown
from ..reproduce import has_names, option_words
from .answers import answers
from .cells import BEFORE, BEHIND, MEANS, Cell, asked, before, behind, flagged, notes, of_attack
from .summary import SurveySummary

#: Characters of a label and of an attack's name in a drawing.
LABEL, NAMED_SHORT = 30, 24

#: Judges that are drawn: more would make a drawing that nobody reads; the table has them all.
DRAWN = 40

_SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")


def render(summary: SurveySummary) -> str:
    """The page of a survey."""
    return page(
        "survey.html.jinja",
        title=f"survey of {len(summary.rows)} judges",
        run=summary,
        answers=answers(summary),
        overview=overview(summary),
        rates=rates(summary),
        notes=notes(summary),
        flags=flagged(summary),
        means=MEANS,
        asked=asked(summary),
        command=command(summary),
    )


class Line(NamedTuple):
    """A judge in the table: its label, the columns before those of the attacks, theirs, and those behind."""

    label: str
    before: Sequence[str]
    attacks: Sequence[Cell]
    behind: Sequence[str]


class Overview(NamedTuple):
    """The whole table."""

    caption: str
    columns: Sequence[str]
    lines: Sequence[Line]


def overview(summary: SurveySummary) -> Overview:
    """The whole table."""
    columns = ("judge", *BEFORE, *(brief(name, SHORT) for name in summary.attacks), *BEHIND)
    rows = [
        Line(shown(row.label, SHORT), before(row), [of_attack(row, name) for name in summary.attacks], behind(row))
        for row in summary.rows
    ]
    return Overview("All judges: on clean responses, under attack, and what a verdict takes", columns, rows)


def rates(summary: SurveySummary) -> Figure | None:
    """How often each attack fools each judge, with intervals; None where none counts."""
    labels, attacks = _apart([r.label for r in summary.rows], LABEL), _apart(summary.attacks, NAMED_SHORT)
    counted = [
        (label, name, row.attacks[attack])
        for label, row in zip(labels, summary.rows, strict=True)
        for name, attack in zip(attacks, summary.attacks, strict=True)
        if attack in row.attacks and row.attacks[attack].asr is not None
    ]
    if not counted:
        return None
    caption = "Share of problems on which each attack fools each judge, with 95 % intervals"
    shown_ones = list(dict.fromkeys(label for label, _, _ in counted))[:DRAWN]
    more = len({label for label, _, _ in counted}) - len(shown_ones)
    drawn = [
        {"judge": label, "attack": name, "rate": a.asr, "low": (a.asr_ci or (a.asr, a.asr))[0],
         "high": (a.asr_ci or (a.asr, a.asr))[1]}
        for label, name, a in counted if label in shown_ones
    ]  # fmt: skip
    table = [(f"{label}, {name}", *_numbers(a)) for label, name, a in counted]
    said = f"{caption}{f'; of {more} more judges only in the table' if more else ''}."
    columns = ("judge, attack", "fooled", "ASR", "95 %", "median queries")
    return Figure(said, _chart(drawn, shown_ones, attacks, caption), columns, table)


def _numbers(attack: Any) -> tuple[str, ...]:
    low, high = attack.asr_ci or (attack.asr, attack.asr)
    median = "–" if attack.queries_median is None else str(attack.queries_median)
    fooled = f"{attack.fooled} of {attack.problems}"
    return fooled, f"{100 * attack.asr:.0f}%", f"{100 * low:.0f}–{100 * high:.0f}%", median


def _chart(rows: list[dict[str, Any]], labels: Sequence[str], attacks: Sequence[str], caption: str) -> Any:
    import altair as alt

    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("judge:N", sort=list(labels), title=None).axis(labelLimit=150, ticks=False, labelPadding=8),
        yOffset=alt.YOffset("attack:N", sort=list(attacks)),
        color=attack_colour(attacks, legend=True),
    )
    rules = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title=None).axis(format="%", tickCount=5), x2="high:Q"
    )
    shapes = alt.Scale(domain=list(attacks), range=[_SHAPES[i % len(_SHAPES)] for i in range(len(attacks))])
    legend = alt.Legend(title=None, orient="top", labelLimit=150, columns=3, symbolOpacity=1)
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=alt.X("rate:Q", scale=scale), shape=alt.Shape("attack:N", scale=shapes, legend=legend)
    )
    step = max(10, 36 // max(1, len(attacks)))
    return svg((rules + points).properties(width=WIDTH, height={"step": step}), caption)


def _apart(names: Sequence[str], limit: int) -> list[str]:
    """What is called so in a drawing: short, and no two alike."""
    short = [visible(name, limit) for name in names]
    return [name if short.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(short, 1)]


def command(summary: SurveySummary) -> str | None:
    """The command line that makes the survey again; None for one of objects that have no name there."""
    settings = summary.settings
    named = [*((row.judge, NAMED) for row in summary.rows), (settings["corpus"], CORPORA)]
    if not has_names([*named, *((attack, {**ATTACKS, "python": ""}) for attack in summary.attacks)]):
        return None
    words = ["hoodwink", "survey", *(word for row in summary.rows for word in ("--judge", row.judge))]
    words += ["--corpus", settings["corpus"], "--attacks", ",".join(summary.attacks)]
    words += ["--problems", str(settings["problem_count"])]
    words += option_words({name: settings[name] for name in ("budget", "seed", "seeds", "split", "shrink_budget")})
    if settings["proposer"] is not None:
        words += ["--proposer", settings["proposer"]]
    if settings["acceptance"] is not None:
        words += ["--threshold", f"{100 * settings['acceptance']:g}%"]
    return shlex.join(words)
