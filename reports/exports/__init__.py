"""The finds of a run, in forms that are of use elsewhere: a test suite, a table, training data. One file a format.

A format is a function `files(picked, out, forms)` that makes the bytes of each file (None: there shall be none); it
writes nothing itself. What stands in a find is hostile: Python and JSON are written in printable ASCII, with everything
else escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...corpora.names import lookup
from ...corpora.records import SplitChoice
from ...fuzz.kinds import KINDS
from ...fuzz.run import Run, load_run
from .picking import Forms, Picking, Which, pick
from .writing import write_all

FORMATS = {
    "pytest": "hoodwink.reports.exports.suite:files",
    "hypothesis": "hoodwink.reports.exports.properties:files",
    "jsonl": "hoodwink.reports.exports.rows:jsonl",
    "parquet": "hoodwink.reports.exports.rows:parquet",
    "preferences": "hoodwink.reports.exports.preferences:files",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made: its files, how many finds of how many problems are in them, and whether the run is done."""

    files: tuple[Path, ...]
    finds: int
    problems: int
    complete: bool


def export(
    run: Run | str | Path,
    *,
    to: str,
    out: str | Path,
    which: Which = "all",
    kinds: Sequence[str] = KINDS,
    split: SplitChoice = "all",
    limit: int | None = None,
    forms: Forms | None = None,
    force: bool = False,
) -> Exported:
    """Write the finds of an attack run or of a duel's rounds for use elsewhere.

    Finds keep the order in which they were made; a text counts once a problem. `out` is a file, or a folder where the
    format makes several files. A file that is there already is replaced if an export made it and nobody changed it
    since; any other only with `force`.

    Args:
        to: the format, a name in `FORMATS`.
        which: `minimal` leaves finds of whose shrunk form no character can go, `acclaimed` those that score as right
            answers do.
        kinds: kinds of find (`nonsense`, `wrong answer`, `near miss`, `injection`).
        split: finds on problems of one split: what a judge is trained on must not be what it is measured on.
        limit: at most so many finds, the first ones.
        forms: texts as they were `found`, their `shrunk` forms or `both`; by default the format's own choice.

    Raises:
        UsageError: the run has no such finds or is no attack and no duel, a setting is wrong, or a file is in the way.
    """
    write = lookup(FORMATS, to, "format")
    picked = pick(run if isinstance(run, Run) else load_run(run), Picking(which, tuple(kinds), split, limit))
    files = write(picked, Path(out), forms)
    write_all(files, force=force)
    problems = {case.problem.id for case in picked.cases}
    written = tuple(path for path, content in files.items() if content is not None)
    return Exported(written, len(picked.cases), len(problems), picked.complete)
