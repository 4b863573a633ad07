"""What a transfer answers, in a sentence each. Every number comes from the summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from ...corpora.words import many
from ..answers import Answer
from ..escape import visible
from ..text import interval, percent
from .summary import Origin, Replayed, TransferSummary

#: Characters of a name in a sentence.
NAMED = 60


def letter(place: int) -> str:
    """What stands for a judge in a matrix: A to Z, then A1 and so on."""
    return chr(ord("A") + place % 26) + (str(place // 26) if place >= 26 else "")


def source_name(summary: TransferSummary, source: Origin) -> str:
    """An attack, with the round of a duel, and with its run where there are several."""
    parts = [visible(source.attack, NAMED)]
    if source.round is not None:
        parts.insert(0, f"round {source.round}")
    if len({each.run for each in summary.sources}) > 1:
        parts.insert(0, visible(PurePath(source.run).name, NAMED))
    return ", ".join(parts)


def answers(summary: TransferSummary) -> list[Answer]:
    """Whether the finds fool other judges, which of them most, and whether they still fool their own."""
    return [
        Answer("Do the finds fool other judges?", _others(summary)),
        Answer("Do they still fool their own judge?", _own(summary)),
        Answer("What counts?", _counts(summary)),
    ]


def _cells(summary: TransferSummary, *, own: bool) -> Iterator[tuple[Origin, str, Replayed]]:
    """Finds as they were found, with the judge's name; `own`: on the judge that they were made on, else on others."""
    for place, row in enumerate(summary.replayed["found"]):
        source = summary.sources[place]
        for judge, each in zip(summary.judges, row, strict=True):
            if (place in judge.made) is own and each.rate is not None:
                yield source, judge.given, each


def _others(summary: TransferSummary) -> str:
    cells = list(_cells(summary, own=False))
    if not cells:
        return "That cannot be said: there is no other judge that rejects the plain wrong answers of these problems."
    source, judge, worst = max(cells, key=lambda each: (each[2].rate or 0, each[2].cell.problems))
    if not worst.cell.fooled:
        bound = "" if worst.interval is None else f" (at 95 % confidence fewer than {percent(worst.interval[1])})"
        return f"None of them: no find passes on another judge, of {many(worst.cell.problems, 'problem')}{bound}."
    how = "Yes" if (worst.rate or 0) >= 0.5 else "In part"
    return (
        f"{how}: those of {source_name(summary, source)} fool {visible(judge, NAMED)} on {worst.cell.fooled} of "
        f"{many(worst.cell.problems, 'problem')} ({interval(worst.interval)})."
    )


def _own(summary: TransferSummary) -> str:
    cells = [each for *_, each in _cells(summary, own=True)]
    problems, fooled = sum(c.cell.problems for c in cells), sum(c.cell.fooled for c in cells)
    if not problems:
        return "That was not asked, or no problem counts."
    return f"On {fooled} of {many(problems, 'problem')} ({percent(fooled / problems)}), counted by attack."


def _counts(summary: TransferSummary) -> str:
    excluded = [f"{letter(i)} {j.accepted + j.unread}" for i, j in enumerate(summary.judges) if j.accepted + j.unread]
    said = "A problem counts for a judge that rejects its plain wrong answer unattacked"
    return f"{said}; left out: {', '.join(excluded)}." if excluded else f"{said}; every judge rejects all of them."
