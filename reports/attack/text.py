"""An attack run as text for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...fuzz.archive import Diversity
from ..columns import Columns
from ..escape import quoted, visible
from ..text import SHOWN, interval, percent, render_checks, warning
from ..usage import render_usage, usage_lines
from .answers import answers
from .summary import AttackSummary, RunSummary
from .unattacked import unattacked


def render_summary(summary: RunSummary, *, checks: bool = True) -> RenderableType:
    """The whole run: judge (unless `checks` have been shown already), attacks, fixed strings, some finds."""
    parts: list[RenderableType] = []
    if checks:
        parts += [render_checks(summary.settings["judge"], summary.checks), Text("")]
    if summary.attacks:
        parts += [*(Text(f"{a.question} {a.text} {a.command}".rstrip()) for a in answers(summary)), Text("")]
    parts += [_attacks(summary), Text(unattacked(summary))]
    parts += [Text(apart(attack)) for attack in summary.attacks if attack.outcomes]
    parts += [warning(flag) for flag in summary.flags if flag not in summary.checks.flags]
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
    if lines := usage_lines(summary.used, summary.noted):
        parts += [Text(""), render_usage(lines)]
    if not summary.complete:
        unfinished = "This run is not finished: its rates are too high, since searches that succeed end first."
        parts.append(Text(f"{unfinished} The same command goes on with it.", style="yellow"))
    for attack in summary.attacks:
        for error in dict.fromkeys(attack.failed):
            parts.append(Text(f"attack {visible(attack.name)} failed: {visible(error)}", style="red"))
    return Group(*parts)


def _attacks(summary: RunSummary) -> Columns:
    names = ("attack", "fooled", "ASR", "95% interval", "median queries", "problems fooled by kind", "acclaimed",
             "queries in all", "verdicts/s")  # fmt: skip
    spare = ("verdicts/s", "queries in all", "acclaimed", "problems fooled by kind")
    return Columns(names, [_row(attack) for attack in summary.attacks], spare=spare)


def _row(attack: AttackSummary) -> list[str | Text]:
    speed = f"{attack.verdicts / attack.seconds:.0f}" if attack.seconds else "–"
    return [
        Text(visible(attack.name)),
        f"{attack.fooled} of {attack.problems}" + (f" (+{attack.excluded} excluded)" if attack.excluded else ""),
        percent(attack.asr),
        interval(attack.asr_ci),
        "–" if attack.queries_median is None else str(attack.queries_median),
        ", ".join(f"{kind} {count}" for kind, count in attack.kinds.items() if count) or "–",
        str(attack.acclaimed),
        str(attack.queries_total) + (f" (+{attack.learning} learning)" if attack.learning else ""),
        speed,
    ]


def apart(attack: AttackSummary) -> str:
    """How many verdicts of an attack are counted apart, in a line."""
    counts = ", ".join(f"{count} {visible(word, 40)}" for word, count in attack.outcomes.items())
    return f"{visible(attack.name)}: of {attack.queries_total} verdicts {counts}"


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
    for find in varied(summary.finds)[:SHOWN]:
        table.add_row(*find_row(find))
    return table


def varied(finds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All finds, the attacks taking turns, and each shrunk form once before any comes again."""
    turns: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    order = []
    for find in finds:
        again, form = forms[find["shrunk"]], find["shrunk"]
        forms[form] += 1
        order.append((again, turns[find["attack"]] if not again else 0))
        turns[find["attack"]] += not again
    places = sorted(range(len(finds)), key=lambda place: order[place])
    return [finds[place] for place in places]


def _title(summary: RunSummary) -> str:
    shown = min(SHOWN, len(summary.finds))
    return f"{shown} of {len(summary.finds)} finds, different ones first"


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
