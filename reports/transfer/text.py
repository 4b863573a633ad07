"""A transfer as text for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...fuzz.statistics import wilson
from ...fuzz.transfer import Asked, Form
from ..escape import visible
from ..text import interval, percent
from .answers import letter, source_name
from .summary import Replayed, TransferSummary

#: What the two forms of finds are called.
TITLES: dict[Form, str] = {
    "found": "Finds as they were found: problems fooled, of those that count",
    "shrunk": "The same finds in their shrunk forms",
}


def render(summary: TransferSummary) -> RenderableType:
    """Who was asked and what each accepts unattacked, then a matrix for each form of the finds."""
    parts: list[RenderableType] = [judges_table(summary)]
    for form, rows in summary.replayed.items():
        table = Table("finds of", "finds", *(_head(summary, i) for i in range(len(summary.judges))))
        table.title, table.title_justify = TITLES[form], "left"
        for source, row in zip(summary.sources, rows, strict=True):
            table.add_row(Text(source_name(summary, source)), str(source.finds), *map(cell_text, row))
        parts += [Text(""), table]
    parts.append(
        Text("Each find is asked about alone. A problem counts for a judge that rejects its plain wrong answer.")
    )
    parts += [Text(visible(note), style="yellow") for note in summary.notes]
    if not summary.complete:
        parts.append(Text("This transfer is not finished. The same command goes on with it.", style="yellow"))
    return Group(*parts)


def _head(summary: TransferSummary, place: int) -> str:
    return f"{letter(place)}{' (own)' if summary.judges[place].own else ''}"


def judges_table(summary: TransferSummary) -> Table:
    """Who was asked, from which threshold on, and what each accepts unattacked."""
    table = Table("", "judge", "threshold", "right answers accepted", "plain wrong answers accepted")
    table.title, table.title_justify = "Judges, unattacked", "left"
    for place, judge in enumerate(summary.judges):
        table.add_row(letter(place), Text(visible(judge.given)), threshold_text(judge), *unattacked_texts(judge))
    return table


def threshold_text(judge: Asked) -> str:
    """The score from which it accepts, and how that was fixed."""
    fixed = judge.calibration
    if fixed is None:
        return f"{judge.threshold:.4g}"
    if not fixed.stands:
        return (
            f"{judge.threshold:.4g} (its own: it only decides)" if fixed.decides else f"{judge.threshold:.4g} (its own)"
        )
    return f"{judge.threshold:.4g} ({100 * fixed.acceptance:g} % of {fixed.answers} others)"


def unattacked_texts(judge: Asked) -> tuple[str, str]:
    """Acceptance of right answers and of plain wrong ones, with what could not be read."""
    accepted, total = judge.right
    right = f"{percent(accepted / total)}  {interval(wilson(accepted, total))} of {total}" if total else "–"
    problems = judge.rejected + judge.accepted + judge.unread
    unread = f", {judge.unread} unread" if judge.unread else ""
    return right, f"{judge.accepted} of {problems}{unread}"


def cell_text(each: Replayed) -> str:
    """`12 of 20, 60%  39–78%`, and what could not be read."""
    cell = each.cell
    if each.rate is None:
        return "–" if not cell.excluded else f"– ({cell.excluded} excluded)"
    said = f"{cell.fooled} of {cell.problems}, {percent(each.rate)}  {interval(each.interval)}"
    left = [f"{cell.excluded} excluded"] if cell.excluded else []
    left += [f"{cell.unread} unread"] if cell.unread else []
    return f"{said} ({', '.join(left)})" if left else said
