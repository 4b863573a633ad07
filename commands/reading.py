"""The commands that read what is there: runs, and what can be named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from .terminal import output, print_json


def report(
    run: Path, *, to: Annotated[Path | None, Parameter(help="File to write. [default: RUN/report.html]")] = None
) -> int:
    """Write a run's HTML report, from its folder alone."""
    from ..fuzz.run import load_run
    from ..reports.views import report as call

    print(call(load_run(run), to=to))
    return 0


def show(
    run: Path, *, json: Annotated[bool, Parameter(negative=(), help="Print JSON (schema hoodwink.run/1).")] = False
) -> int:
    """Print a run's results, from its folder alone."""
    from ..fuzz.run import load_run
    from ..reports.text import write
    from ..reports.views import view_of

    loaded = load_run(run)
    view = view_of(loaded)
    summary = view.summarise(loaded)
    if json:
        print_json(summary.to_json())
    else:
        write(output(), view.text(summary))
    return 0


def list_names(what: Literal["judges", "attacks", "corpora", "recipes"]) -> int:
    """List the judges, attacks, corpora or recipes of hardening that can be named, with their options."""
    from ..reports.names import render_names
    from ..reports.text import write

    write(output(), render_names(what))
    return 0
