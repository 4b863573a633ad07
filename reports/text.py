"""Text for the terminal: rates, what a check says, and printing."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..fuzz.checks import Checks, Flag
from ..judges.quality import Quality
from .escape import visible

#: Finds printed by `hoodwink show`; all of them are in finds.jsonl and in the report.
SHOWN = 8


def percent(rate: float | None, digits: int = 0) -> str:
    """`0.934` -> `93%`; a dash where there is nothing to say."""
    return "–" if rate is None else f"{100 * rate:.{digits}f}%"


def interval(bounds: tuple[float, float] | None) -> str:
    """`(0.8, 0.97)` -> `80–97%`."""
    return "" if bounds is None else f"{100 * bounds[0]:.0f}–{100 * bounds[1]:.0f}%"


def points(difference: float | None, digits: int = 0) -> str:
    """`-0.12` -> `−12 points`; a dash where there is nothing to say."""
    return "–" if difference is None else f"{signed(100 * difference, digits)} points"


def signed(value: float, digits: int = 0) -> str:
    """`-12.0` -> `−12`, `3.0` -> `+3`, and zero without a sign."""
    written = f"{value:+.{digits}f}"
    return (written[1:] if float(written) == 0 else written).replace("-", "−")


def p_text(p: float | None) -> str:
    """`p = 0.012`, `p < 0.001`."""
    return "p unknown" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def render_checks(name: str, checks: Checks) -> RenderableType:
    """How good the judge is on clean responses, and the warnings."""
    quality = checks.quality
    auroc = "–" if quality.auroc is None else f"{quality.auroc:.3f}"
    lines: list[RenderableType] = [
        Text(
            f"Judge {visible(name)} on {quality.items} known responses: "
            f"clean accuracy {percent(quality.clean_accuracy, 1)}, "
            f"AUROC {auroc}, right accepted {percent(quality.right_accepted, 1)}, wrong accepted "
            f"{percent(quality.wrong_accepted, 1)}, threshold {checks.threshold:g}"
        )
    ]
    return Group(*lines, *map(warning, checks.flags))


def warning(flag: Flag) -> Text:
    """A flag as a line: its id, what was seen, and what that means."""
    return Text(f"  warning {flag.id}: {flag.seen}; {flag.means}", style="yellow")


def render_kinds(quality: Quality) -> Table:
    """Acceptance by kind of response and accuracy by family."""
    table = Table("responses", "accepted", "n", title="Acceptance by kind of response", title_justify="left")
    for kind, (rate, count) in quality.by_kind.items():
        table.add_row(Text(visible(kind)), percent(rate, 1), str(count))
    table.add_section()
    for family, (rate, count) in quality.by_family.items():
        table.add_row(Text(f"accuracy on {visible(family)}"), percent(rate, 1), str(count))
    return table


def write(console: Console, what: RenderableType) -> None:
    """Print without markup, emoji or highlighting: what is printed holds strangers' text."""
    console.print(what, markup=False, emoji=False, highlight=False)
