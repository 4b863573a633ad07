"""The table of a survey in Markdown, for a README: names are code, in which nothing is obeyed."""

from __future__ import annotations

import re
from pathlib import Path

from ...fuzz.store import write_atomically
from ..escape import visible
from ..made import writing
from .cells import BEFORE, BEHIND, MEANS, asked, before, behind, notes, of_attack
from .summary import Row, SurveySummary

TABLE_FILE = "table.md"

#: What means something in Markdown (also that of GitHub), or in the HTML that may stand in it.
_SIGNS = re.compile(r"[\\`*_\[\]<>#|~$&:@]|(?<=www)\.", re.IGNORECASE)


def write_table(summary: SurveySummary, folder: Path) -> Path:
    """Write the table into a survey's folder, and return where.

    Raises:
        UsageError: it cannot be written.
    """
    target = folder / TABLE_FILE
    with writing(f"the table to {target}", "--out"):
        write_atomically(target, render_markdown(summary))
    return target


def render_markdown(summary: SurveySummary) -> str:
    """A row for each judge, and what is to be said below."""
    columns = ("judge", *BEFORE, *(f"`{_code(name)}`" for name in summary.attacks), *BEHIND)
    rows = [_row(summary, row) for row in summary.rows]
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, ("---",) * len(columns), *rows)]
    machines = f" Machine: {'; '.join(summary.machines)}." if summary.machines else ""
    lines += ["", f"{plain(asked(summary))}. {MEANS}{machines}"]
    said = [f"- {plain(', '.join(labels))}: {plain(text)}" for labels, text in notes(summary)]
    return "\n".join([*lines, *(["", *said] if said else [])]) + "\n"


def _row(summary: SurveySummary, row: Row) -> tuple[str, ...]:
    attacks = []
    for name in summary.attacks:
        cell = of_attack(row, name)
        attacks.append(f"{cell.rate} ({cell.interval}), {cell.median}" if cell.interval else cell.rate)
    label = f"`{_code(row.label)}`" if row.label == row.judge else plain(row.label)
    return label, *before(row), *attacks, *behind(row)


def plain(text: str) -> str:
    """A stranger's text as words: every sign that Markdown or HTML would obey is escaped."""
    return _SIGNS.sub(lambda sign: f"\\{sign[0]}", visible(text))


def _code(text: str) -> str:
    """A text between backticks: there only backticks, and bars in a table, mean anything."""
    return visible(text).replace("`", "'").replace("|", "\\|")
