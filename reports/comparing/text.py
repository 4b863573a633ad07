"""A comparison as text for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..escape import quoted, visible
from ..text import SHOWN, percent, signed
from .answers import answers
from .comparison import Change, Comparison, Contest, ModeChange, Side

#: What is shown of a contest.
CONTEST = ("within", "ASR of A", "of B", "difference", "p", "median A", "B", "p", "verdicts")


def render_comparison(found: Comparison) -> RenderableType:
    """What is compared, the verdict, caveats, and every number of both runs beside each other."""
    parts: list[RenderableType] = [
        _side("A", found.a),
        _side("B", found.b),
        *(Text(f"  {answer.question} {answer.text}") for answer in answers(found)),
        *(Text(f"  caveat: {visible(caveat)}", style="yellow") for caveat in found.caveats),
    ]
    if found.contests:
        parts += [Text(""), _contests(found)]
    parts += [Text(""), _measures(found)]
    if found.modes:
        parts += [Text(""), _modes(found.modes)]
    if found.settings:
        parts += [Text(""), _settings(found)]
    return Group(*parts)


def _side(name: str, side: Side) -> Text:
    about = f", {visible(side.about)}" if side.about else ""
    return Text(f"{name}  {visible(side.judge)}{about}  ({visible(side.folder)})")


def _contests(found: Comparison) -> Table:
    table = Table(*("", *CONTEST), title="Fooled by", title_justify="left")
    for c in found.contests:
        table.add_row(Text(visible(c.name)), *contest_cells(c))
    return table


def contest_cells(c: Contest) -> tuple[str, ...]:
    """What is shown of a contest: what `CONTEST` names."""
    a, b = (f">{c.budget}" if median is None else str(median) for median in c.medians)
    verdicts = "–" if c.verdicts is None else f"{c.verdicts[0]}, {c.verdicts[1]}"
    return (
        str(c.budget),
        _rate(c.asr.before, c.problems[0]),
        _rate(c.asr.after, c.problems[1]),
        difference(c.asr),
        p_cell(c.asr_holm),
        a,
        b,
        p_cell(c.queries_holm),
        verdicts,
    )


def _rate(rate: float | None, problems: int) -> str:
    return f"{percent(rate)} of {problems}"


def difference(change: Change, digits: int = 0) -> str:
    """`−12 (−20 to −3)`, in points of percent; other numbers as they are."""
    if change.difference is None:
        return "–"
    scale, places = (100.0, digits) if change.share else (1.0, _digits(change))
    shown = signed(scale * change.difference, places)
    if change.interval is None:
        return shown
    low, high = (signed(scale * bound, places) for bound in change.interval)
    return f"{shown} ({low} to {high})"


def number(change: Change, value: float | None) -> str:
    """One side of a change."""
    if value is None:
        return "–"
    return percent(value, 1) if change.share else f"{value:,.{_digits(change)}f}"


def _digits(change: Change) -> int:
    """Decimals of a number that is no share: none of counts, three of what lies between 0 and 1."""
    return 3 if all(v is None or 0 <= v <= 1 for v in (change.before, change.after)) else 0


def p_cell(p: float | None) -> str:
    """`0.012`; a dash where there is no test."""
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def _measures(found: Comparison) -> Table:
    title = "The policies" if found.kind == "collapse" else "The judges unattacked"
    table = Table("", "A", "B", "difference", title=title, title_justify="left")
    for change in found.measures:
        cells = number(change, change.before), number(change, change.after), difference(change, 1)
        table.add_row(Text(visible(change.name)), *cells)
    return table


def fate(mode: ModeChange) -> str:
    """Whether a failure mode came, went or stayed."""
    return "gone" if not mode.after else "new" if not mode.before else "in both"


def _modes(modes: tuple[ModeChange, ...]) -> Table:
    table = Table("failure mode: texts like", "finds of A", "of B", "")
    for mode in modes[:SHOWN]:
        table.add_row(Text(quoted(mode.name, 60)), str(mode.before), str(mode.after), fate(mode))
    if len(modes) > SHOWN:
        table.add_row(f"and {len(modes) - SHOWN} more", "", "", "")
    return table


def _settings(found: Comparison) -> Table:
    table = Table("setting that differs", "A", "B")
    for name, a, b in found.settings:
        table.add_row(Text(visible(name)), Text(visible(a, 60)), Text(visible(b, 60)))
    return table
