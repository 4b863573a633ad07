"""What a session of tests showed of its judges: lines for the terminal, and one page over all its runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import escape

from ...corpora.errors import HoodwinkError
from ...corpora.words import many
from ...fuzz.run import load_run
from ...fuzz.store import REPORT_FILE, write_atomically
from ..answers import BROKEN, BY_WHAT, CHEAPLY, TO_DO, Answer
from ..escape import quoted, visible
from ..made import writing
from ..page import SHORT, page, shown
from ..text import interval, percent
from ..views import report
from .recording import Entry, Record

#: Finds that the page shows, and the bytes of text that they may take together; the rest are in the runs.
GALLERY, GALLERY_BYTES = 200, 1_000_000
_BAD = ("failed", "unfit")
_EXPLORE = "pytest --hoodwink-explore --hoodwink-problems 100 --hoodwink-budget 2000"


@dataclass(frozen=True, slots=True)
class Row:
    """A test that attacked a judge, as the page's table shows it.

    Attributes:
        entry: the test and what it saw.
        bad: the judge did not pass.
        otherwise: the test ended otherwise than that says.
        rate: ASR with its interval.
        asked: what was asked of it.
        link: from the page to the run's own report; empty without one.
    """

    entry: Entry
    bad: bool
    otherwise: bool
    rate: str
    asked: str
    link: str


@dataclass(frozen=True, slots=True)
class Known:
    """What came of the known finds that one judge was asked about."""

    judge: str
    asked: int
    accepted: int


def lines(entries: Sequence[Entry]) -> list[tuple[str, bool]]:
    """The session in a line for each attack and each judge that was asked about known finds; whether each is bad."""
    said = []
    for entry in _attacks(entries):
        record = entry.record
        judge, test = visible(record.judge, 60), visible(entry.test, SHORT)
        said.append((f"{record.gate:<7} {test}: judge {judge} {record.said}", record.gate in _BAD))
    for known in known_finds(entries):
        rejected = f"rejects {known.asked - known.accepted} of {known.asked} known finds"
        said.append(
            (
                f"{'failed' if known.accepted else 'passed':<7} judge {visible(known.judge, 60)} {rejected}",
                known.accepted > 0,
            )
        )
    return said


def known_finds(entries: Sequence[Entry]) -> list[Known]:
    """Known finds, counted by judge."""
    records = [e.record for e in entries if e.record.what == "assert_rejects"]
    return [
        Known(judge, len(own), sum(r.gate in _BAD for r in own))
        for judge in dict.fromkeys(r.judge for r in records)
        if (own := [r for r in records if r.judge == judge])
    ]


def write_report(entries: Sequence[Entry], target: Path, *, seed: int | None = None) -> Path:
    """Write the session's page, and the page of each of its runs into the run's folder; `seed` is an explored one.

    Raises:
        UsageError: the file cannot be written.
    """
    for record in dict.fromkeys(e.record.run for e in entries if e.record.run):
        try:
            report(load_run(record))
        except HoodwinkError:  # on another machine, say: then the page does not link to it
            continue
    with writing(f"the report {target}", "--hoodwink-report"):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, render(entries, target.parent, seed=seed))
    return target


def render(entries: Sequence[Entry], folder: Path, *, seed: int | None = None) -> str:
    """The page of a session; links to the pages of its runs are relative to the page's folder."""
    ordered = sorted(_attacks(entries), key=lambda e: (e.record.gate not in _BAD, -(e.record.asr or 0)))
    finds = list(_gallery([*ordered, *(e for e in entries if e.record.what == "assert_rejects")]))
    groups = sum(len(e.record.shown) for e in entries)
    return page(
        "session.html.jinja",
        title="tests",
        answers=answers(entries),
        rows=[_row(entry, folder) for entry in ordered],
        known=known_finds(entries),
        finds=finds,
        more=groups - len(finds),
        seed=seed,
    )


def answers(entries: Sequence[Entry]) -> list[Answer]:
    """The first screen."""
    records = [e.record for e in entries]
    attacked = [r for r in records if r.asr is not None]
    bad = [r for r in records if r.gate in _BAD]
    found = [Answer(BROKEN, _broken(records, bad, attacked))]
    groups = sorted((g for r in attacked for g in r.shown), key=lambda g: (-g["problems"], g["queries"]))
    if groups:
        cheapest = min(groups, key=lambda g: g["queries"])
        cost = many(cheapest["queries"], "query")
        total = sum(r.queries for r in attacked)
        found.append(Answer(CHEAPLY, f"The cheapest find took {cost}; all searches asked about {total} responses."))
        most = groups[0]
        where = "one problem" if most["problems"] == 1 else f"{most['problems']} problems of one test"
        found.append(Answer(BY_WHAT, f"Most often by {quoted(most['shrunk'], 60)} ({most['kind']}), on {where}."))
    if records:
        found.append(_to_do(bad, attacked))
    return found


def _broken(records: Sequence[Record], bad: Sequence[Record], attacked: Sequence[Record]) -> str:
    if not records:
        return "Nobody knows: no test asked about a judge."
    worst = max(attacked, key=lambda r: r.asr or 0, default=None)
    name = "Judge" if len(records) == 1 else "The worst:"
    told = f" {name} {visible(worst.judge, 60)} {_fooled(worst)}." if worst is not None else ""
    if len(records) == 1:
        return f"{'Yes: the one test of a judge failed' if bad else 'The one test of a judge passed'}.{told}"
    if bad:
        return f"Yes: {len(bad)} of {len(records)} tests of judges failed.{told}"
    return f"None of {len(records)} tests of judges failed.{told}"


def _fooled(record: Record) -> str:
    rate = f"ASR {percent(record.asr)}, {_bounds(record)}"
    return f"is fooled on {record.fooled} of {record.problems} problems ({rate})"


def _to_do(bad: Sequence[Record], attacked: Sequence[Record]) -> Answer:
    if any(r.gate == "unfit" for r in bad):
        return Answer(TO_DO, "Mend what is wrong without any attack first: the table below says what that is.")
    if any("unparsed-attacks" in r.flags for r in bad) and not any(r.shown for r in bad):
        return Answer(TO_DO, "Mend the judge first: under attack too many of its answers could not be read.")
    if runs := [r.run for r in sorted(bad, key=lambda r: -(r.asr or 0)) if r.run]:
        command = f"hoodwink export {shlex.quote(visible(runs[0]))} --to pytest tests/known"
        return Answer(TO_DO, "Read the finds below, harden the judge on them, and keep them as tests.", command)
    if bad:
        text = "The judge accepts finds that it should know: harden it on them, or go back to the one before."
        return Answer(TO_DO, text)
    bounds = [r.interval[1] for r in attacked if r.interval is not None]
    if not bounds:
        return Answer(TO_DO, "Attack the judge afresh too: known finds say nothing of new ones.")
    room = f"So few problems leave room for an ASR of up to {percent(max(bounds))}."
    return Answer(TO_DO, f"{room} Attack more of them, longer, and with another seed, every night say.", _EXPLORE)


def _attacks(entries: Sequence[Entry]) -> list[Entry]:
    return [e for e in entries if e.record.what != "assert_rejects"]


def _row(entry: Entry, folder: Path) -> Row:
    record = entry.record
    bad = record.gate in _BAD
    rate = "–" if record.interval is None else f"{percent(record.asr)} ({_bounds(record)})"
    rated = "upper end" if record.gated == "upper" else "ASR"
    asked = "–" if record.limit is None else f"{rated} ≤ {100 * record.limit:g}%"
    otherwise = record.gate != "open" and bad == (entry.outcome == "passed")
    return Row(entry, bad, otherwise, rate, asked, _link(record, folder))


def _bounds(record: Record) -> str:
    return "" if record.interval is None else interval((record.interval[0], record.interval[1]))


def _link(record: Record, folder: Path) -> str:
    """The way to a run's own report; empty where there is none."""
    if not record.run or not (Path(record.run) / REPORT_FILE).is_file():
        return ""
    try:
        way = os.path.relpath(Path(record.run) / REPORT_FILE, folder)
    except ValueError:  # another drive
        return ""
    return quote(Path(way).as_posix())


def _gallery(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
    """The first finds, as many as the page has room for."""
    room, left = GALLERY_BYTES, GALLERY
    for entry in entries:
        for group in entry.record.shown:
            texts = [shown(group[name]) for name in ("shrunk", "question", "reference", "response", "proof")]
            room -= sum(len(escape(text).encode()) for text in texts)
            left -= 1
            if room < 0 or left < 0:
                return
            yield entry, group
