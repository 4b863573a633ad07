"""What a run would ask of its judge, as text: before it begins, and at most."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..corpora.words import many
from ..fuzz.forecast import Forecast
from .escape import visible


def render_forecast(
    judge: str, forecast: Forecast, *, rate: float | None, asked: int, price: float | None
) -> RenderableType:
    """The parts of a run and their sum.

    `rate` is in verdicts a second, measured on so many responses (`asked`) or None; `price` is that of 1,000 verdicts.
    """
    table = _table(f"A run on judge {visible(judge)}", forecast)
    lines = [f"Not counted: {note}." for note in forecast.notes]
    if rate is not None:
        lines.append(
            f"Time: at most about {duration(forecast.verdicts / rate)}, at the {rate:.1f} verdicts a second of {asked} "
            "known responses just now; batches of a search may be faster or slower."
        )
    else:
        lines.append("Time: not measured; --measure asks the judge a few known responses.")
    if price is not None:
        lines.append(f"Cost: at most {forecast.verdicts / 1000 * price:,.2f}, at {price:g} for 1,000 verdicts.")
    if any(part.name == "searches" for part in forecast.parts):
        lines.append("A search ends with its find, so a judge that is easy to fool costs far less.")
    lines.append("Nothing was written.")
    return Group(table, *(Text(line) for line in lines))


def render_survey_forecast(forecast: Forecast) -> RenderableType:
    """A part for each judge of a survey, and their sum."""
    lines = [f"Not counted: {note}." for note in forecast.notes]
    lines.append("A search ends with its find, so a judge that is easy to fool costs far less.")
    lines.append("Nothing was written.")
    return Group(_table(f"A survey of {many(len(forecast.parts), 'judge')}", forecast), *map(Text, lines))


def _table(title: str, forecast: Forecast) -> Table:
    table = Table("verdicts for", "at most", "made of", title=title, title_justify="left")
    table.columns[1].justify = "right"
    for part in forecast.parts:
        table.add_row(Text(visible(part.name)), f"{part.verdicts:,}", part.made_of)
    table.add_section()
    table.add_row("together", f"{forecast.verdicts:,}", "")
    return table


def duration(seconds: float) -> str:
    """`75` -> `1 min 15 s`; hours and minutes from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
