"""Text for the terminal: rates, what a check says, and printing."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.text import Text

from ..corpora.words import many
from ..fuzz.calibration import Calibration
from ..fuzz.checks import Checks, Flag
from ..fuzz.statistics import wilson
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
    if (fixed := checks.calibration) is not None:
        lines.append(Text(f"  {fixed_how(fixed, checks)}"))
    return Group(*lines, *map(warning, checks.flags))


def fixed_how(fixed: Calibration, checks: Checks) -> str:
    """How a threshold was fixed, and what it accepts of right answers to the problems at hand, in a sentence."""
    asked = f"{100 * fixed.acceptance:g} %"
    if fixed.decides:
        return (
            f"It only decides, so that no threshold can be fixed at {asked} of right answers: its own decision stands."
        )
    if not fixed.answers:
        return f"No right answer was judged: no threshold could be fixed at {asked}, and its own decision stands."
    there = f"{asked} of {many(fixed.answers, 'right answer')} to {many(fixed.problems, 'other problem')}"
    got = fixed.accepted / fixed.answers
    if abs(got - fixed.acceptance) > 0.5 / fixed.answers:
        there += f" (in fact {percent(got, 1)})"
    left = [f"{count} {what}" for count, what in ((fixed.unread, "unread"), (fixed.apart, "refused apart")) if count]
    there += f", {' and '.join(left)} not counted" if left else ""
    said = f"Threshold {fixed.threshold:.4g} (margin {fixed.margin:.4g}) was fixed to accept {there}"
    here = checks.calibrated
    if here is None or here.right_accepted is None:
        return f"{said}."
    bounds = interval(rate_ci(here.right_accepted, here.right_items))
    return f"{said}; of right answers here it accepts {percent(here.right_accepted, 1)} ({bounds})."


def rate_ci(rate: float | None, total: int) -> tuple[float, float] | None:
    """95 % Wilson interval of a share of so many; None where nothing was measured."""
    return None if rate is None else wilson(round(rate * total), total)


def warning(flag: Flag) -> Text:
    """A flag as a line: its id, what was seen, and what that means."""
    return Text(f"  warning {flag.id}: {flag.seen}; {flag.means}", style="yellow")


def write(console: Console, what: RenderableType) -> None:
    """Print without markup, emoji or highlighting: what is printed holds strangers' text."""
    console.print(what, markup=False, emoji=False, highlight=False)
