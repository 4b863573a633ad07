"""A run as text for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..fuzz.archive import Diversity
from ..fuzz.checks import Checks, Flag
from ..judges.quality import Quality
from .attack.summary import AttackSummary, RunSummary
from .columns import Columns
from .escape import quoted, visible

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
    return Group(*lines, *map(_warning, checks.flags))


def _warning(flag: Flag) -> Text:
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


def render_summary(summary: RunSummary, *, checks: bool = True) -> RenderableType:
    """The whole run: judge (unless `checks` have been shown already), attacks, fixed strings, some finds."""
    parts: list[RenderableType] = []
    if checks:
        parts += [render_checks(summary.settings["judge"], summary.checks), Text("")]
    parts.append(_attacks(summary))
    parts += [_warning(flag) for flag in summary.flags if flag not in summary.checks.flags]
    worst = [s for s in summary.strings if s.fooled][:SHOWN]
    if worst:
        table = Table("fixed string", "false positive rate", "95% interval", "problems")
        for string in worst:
            table.add_row(
                Text(quoted(string.text, 60)), percent(string.rate), interval(string.interval), str(string.tried)
            )
        parts += [Text(""), table]
    if summary.diversity.modes:
        parts += [Text(""), _modes(summary.diversity)]
    parts += [Text(""), _finds(summary)]
    if not summary.complete:
        unfinished = "This run is not finished: its rates are too high, since searches that succeed end first."
        parts.append(Text(f"{unfinished} The same command goes on with it.", style="yellow"))
    for attack in summary.attacks:
        for error in dict.fromkeys(attack.failed):
            parts.append(Text(f"attack {visible(attack.name)} failed: {visible(error)}", style="red"))
    return Group(*parts)


def _attacks(summary: RunSummary) -> Columns:
    names = ("attack", "fooled", "ASR", "95% interval", "nonsense", "near miss", "acclaimed", "median queries",
             "queries", "verdicts/s")  # fmt: skip
    spare = ("verdicts/s", "queries", "acclaimed", "near miss", "nonsense")
    return Columns(names, [_row(attack) for attack in summary.attacks], spare=spare)


def _row(attack: AttackSummary) -> list[str | Text]:
    speed = f"{attack.verdicts / attack.seconds:.0f}" if attack.seconds else "–"
    return [
        Text(visible(attack.name)),
        f"{attack.fooled} of {attack.problems}" + (f" (+{attack.excluded} excluded)" if attack.excluded else ""),
        percent(attack.asr),
        interval(attack.asr_ci),
        str(attack.kinds["nonsense"]),
        str(attack.kinds["near miss"]),
        str(attack.acclaimed),
        "–" if attack.queries_median is None else str(attack.queries_median),
        str(attack.queries_total) + (f" (+{attack.learning} learning)" if attack.learning else ""),
        speed,
    ]


def _modes(found: Diversity) -> RenderableType:
    """Failure modes, largest first, and how the finds are spread over them."""
    even = "" if found.evenness is None else f", evenness {found.evenness:.2f}"
    modes = f"{len(found.modes)} failure mode{'' if len(found.modes) == 1 else 's'}"
    title = f"{modes}{even}, coverage {percent(found.coverage)} of shapes"
    table = Table("failure mode: what finds share", "finds", "problems", "attacks", title=title, title_justify="left")
    for mode in found.modes[:SHOWN]:
        attacks = visible(", ".join(mode.attacks), 40)
        table.add_row(Text(quoted(mode.name, 50)), str(mode.finds), str(mode.problems), Text(attacks))
    return table


def _finds(summary: RunSummary) -> RenderableType:
    if not summary.finds:
        return Text("No finds.")
    columns = ("attack", "kind", "score", "reference", "shrunk", "response")
    table = Table(*columns, title=_title(summary), title_justify="left")
    for find in summary.finds[:SHOWN]:
        table.add_row(*find_row(find))
    return table


def _title(summary: RunSummary) -> str:
    shown = min(SHOWN, len(summary.finds))
    return f"{shown} of {len(summary.finds)} finds"


def find_row(find: dict[str, Any]) -> list[str | Text]:
    """Attack, score, reference, shrunk form and response of a find, safe for a terminal."""
    return [
        Text(visible(find["attack"])),
        Text(visible(find["kind"])),
        f"{find['score']:.3f}",
        Text(visible(find["reference"], 20)),
        Text(quoted(find["shrunk"], 40)),
        Text(quoted(find["response"], 60)),
    ]


def write(console: Console, what: RenderableType) -> None:
    """Print without markup, emoji or highlighting: what is printed holds strangers' text."""
    console.print(what, markup=False, emoji=False, highlight=False)
