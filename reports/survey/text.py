"""A survey as text for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from ..columns import Cell, Columns
from ..escape import visible
from .answers import answers
from .cells import BEFORE, BEHIND, MEANS, asked, before, behind, flagged, notes, of_attack
from .summary import Row, SurveySummary

#: Least columns for the label of a judge, and most characters of it.
_LABEL, LONGEST = 18, 60


def render_survey(summary: SurveySummary) -> RenderableType:
    """The whole survey: what it says, the table, what is to be said of single judges."""
    parts: list[RenderableType] = [
        *(Text(f"{a.question} {a.text} {a.command}".rstrip()) for a in answers(summary)),
        Text(""),
        Text(visible(asked(summary))),
        _table(summary),
        Text(f"{MEANS}{_where(summary)}"),
    ]
    parts += [Text(f"{_names(labels)}: {visible(said)}", style="yellow") for labels, said in notes(summary)]
    for id, means, labels in flagged(summary):
        parts.append(Text(f"warning {visible(id)}: {visible(means)} ({_names(labels)})", style="yellow"))
    if not summary.complete:
        parts.append(Text("This survey is not finished; the same command goes on with it.", style="yellow"))
    return Group(*parts)


def _names(labels: list[str]) -> str:
    return ", ".join(visible(label, LONGEST) for label in labels)


def _where(summary: SurveySummary) -> str:
    return f" Machine: {'; '.join(summary.machines)}." if summary.machines else ""


def _table(summary: SurveySummary) -> Columns:
    attacks = [visible(attack, 24) for attack in summary.attacks]
    names = ("judge", "clean", "AUROC", "right", "unattacked", *_apart(attacks), *BEHIND)
    assert len(names) == 1 + len(BEFORE) + len(attacks) + len(BEHIND)
    rows = [_row(summary, row) for row in summary.rows]
    return Columns(names, rows, spare=("calls", "right", "verdicts/s"), wraps={"judge": _LABEL})


def _apart(names: list[str]) -> list[str]:
    """Names of columns, no two alike."""
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]


def _row(summary: SurveySummary, row: Row) -> list[Cell]:
    """A row of two lines: intervals stand below their rates."""
    cells = []
    for attack in summary.attacks:
        cell = of_attack(row, attack)
        cells.append(f"{cell.rate} {cell.median}\n{cell.interval}".strip() if cell.interval else cell.rate)
    return [Text(visible(row.label, LONGEST), overflow="fold"), *before(row), *cells, *behind(row)]
