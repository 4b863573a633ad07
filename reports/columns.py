"""A table for any width: where not all of its columns fit, the least important are left out, and named below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

Cell = str | Text


class Columns:
    """Rows under names.

    `spare` are columns that may be left out, the first to go first. `wraps` are columns of running text, with the
    least width at which that reads well.
    """

    def __init__(
        self,
        names: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        spare: Sequence[str],
        wraps: Mapping[str, int] | None = None,
    ) -> None:
        self.names = names
        self.rows = rows
        self.spare = spare
        self.wraps = wraps or {}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with as many columns as fit, and a line that says which do not."""
        wide = options.update(max_width=10_000)  # a measurement is never larger than that
        for count in range(len(self.spare) + 1):
            left_out = self.spare[:count]
            least = self._table([name for name in self.names if name not in left_out], cut=True)
            if Measurement.get(console, wide, least).maximum <= options.max_width:
                break
        yield self._table([name for name in self.names if name not in left_out])
        if left_out:
            yield Text(f"Left out at this width: {', '.join(left_out)}.")

    def _table(self, shown: Sequence[str], *, cut: bool = False) -> Table:
        """The table of these columns; if `cut`, with text only as wide as it must be, for measuring."""
        table = Table(*shown)
        for row in self.rows:
            cells = [(name, cell) for name, cell in zip(self.names, row, strict=True) if name in shown]
            table.add_row(*("x" * self.wraps[name] if cut and name in self.wraps else cell for name, cell in cells))
        return table
