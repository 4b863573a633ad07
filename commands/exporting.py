"""The command that takes finds elsewhere: into a test suite, a table, training data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from .options import names


def export(
    run: Path,
    out: Annotated[Path, Parameter(help="File, or a folder where the format makes several files.")],
    *,
    to: Annotated[Literal["pytest", "hypothesis", "jsonl", "parquet", "preferences"], Parameter(help="The format.")],
    which: Annotated[
        Literal["all", "minimal", "acclaimed"],
        Parameter(help="All finds; those proved minimal; those that score as right answers do."),
    ] = "all",
    kinds: Annotated[
        str | None, Parameter(help="Kinds of find, comma-separated: nonsense, wrong answer, near miss, injection.")
    ] = None,
    split: Annotated[Literal["train", "eval", "all"], Parameter(help="Finds on problems of this split.")] = "all",
    limit: Annotated[int | None, Parameter(validator=Number(gte=1), help="At most so many finds, the first.")] = None,
    forms: Annotated[
        Literal["found", "shrunk", "both"] | None,
        Parameter(help="Texts as found, shrunk, or both. [default: both in tests, found in preferences]"),
    ] = None,
    force: Annotated[bool, Parameter(negative=(), help="Replace files that no export made, or that were changed.")] = (
        False
    ),
) -> int:
    """Write the finds of a run for use elsewhere: tests for your repository, a table, preferences to train on."""
    from ..corpora.words import many
    from ..fuzz.kinds import KINDS
    from ..reports.exports import export as call

    done = call(
        run,
        to=to,
        out=out,
        which=which,
        kinds=KINDS if kinds is None else names(kinds),
        split=split,
        limit=limit,
        forms=forms,
        force=force,
    )
    if not done.complete:
        print(f"Run {run} is not finished: these are its finds so far.", file=sys.stderr)
    print(f"{many(done.finds, 'find')} of {many(done.problems, 'problem')}")
    for file in done.files:
        print(f"wrote   {file}")
    return 0
