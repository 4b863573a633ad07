"""The command that replays finds on other judges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .options import COMMON, JUDGE, NO_OPENING, OUTPUT, CommonOptions, OpeningOptions, open_named
from .terminal import errors, output, print_json


def transfer(
    run: Annotated[Path, Parameter(help="Folder of an attack run or a duel.")],
    *more: Annotated[Path, Parameter(help="Further runs.")],
    judge: Annotated[
        tuple[str, ...],
        Parameter(
            group=JUDGE, negative=(), show_default=False, help="Judge to replay finds on; may be given more than once."
        ),
    ] = (),
    opening: OpeningOptions = NO_OPENING,
    json: Annotated[
        bool,
        Parameter(group=OUTPUT, negative=(), show_default=False, help="Print JSON (schema hoodwink.transfer/1)."),
    ] = False,
    out: Annotated[
        Path | None,
        Parameter(
            group=OUTPUT, help="Folder; the same command on it goes on where it stopped. [default: beside the run]"
        ),
    ] = None,
    common: CommonOptions = COMMON,
) -> int:
    """Replay a run's finds on other judges, and on its own again, and print who is fooled by whose finds.

    Finds are replayed as they were found and in their shrunk forms, each alone. A problem counts for a judge that
    rejects its plain wrong answer unattacked. With --threshold 95% every judge accepts from where it accepts 95 % of
    right answers to other problems of the corpus.
    """
    from ..fuzz.transfer import transfer as call
    from ..reports.escape import visible
    from ..reports.text import write
    from ..reports.transfer.summary import summarise
    from ..reports.transfer.text import render
    from ..reports.views import report as write_report

    display = errors(quiet=common.quiet)
    made = call(
        [run, *more],
        [open_named(name, opening, calibrating=True) for name in judge],
        acceptance=opening.acceptance(),
        out=out,
        on_judge=lambda name, asked: write(display, f"judge {visible(name)}: {asked} verdicts asked"),
    )
    page = write_report(made)
    summary = summarise(made)
    if json:
        print_json(summary.to_json())
    elif common.quiet:
        print(made.folder)
    else:
        write(output(), render(summary))
        print(f"run     {made.folder}\nreport  {page}")
    return 0
