"""Where commands write, and how they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from .options import Ahead


def output(*, quiet: bool = False) -> Any:
    """Where results go: 120 columns where it is no terminal."""
    from rich.console import Console

    return Console(quiet=quiet) if sys.stdout.isatty() else Console(width=120, quiet=quiet)


def errors(*, quiet: bool = False) -> Any:
    """Where progress and warnings go. Colours may be forced upon a file (FORCE_COLOR); bars that move never are."""
    from rich.console import Console

    if sys.stderr.isatty():
        return Console(stderr=True, quiet=quiet)
    return Console(stderr=True, width=160, quiet=quiet, force_interactive=False)


def show_and_report(run: Any, *, quiet: bool = False) -> int:
    """Print a run's results and write its report; if quiet, print its folder alone."""
    from ..reports.text import write
    from ..reports.views import report as write_report
    from ..reports.views import view_of

    view = view_of(run)
    write(output(quiet=quiet), view.text(view.summarise(run)))
    page = write_report(run)
    print(run.folder if quiet else f"run     {run.folder}\nreport  {page}")
    return 0


def show_forecast(forecast: Any, judge: Any, problems: Sequence[Any], ahead: Ahead) -> int:
    """Print what a run would ask at most, and what that takes; the judge is asked only for a measurement."""
    from ..fuzz.forecast import MEASURED, measure
    from ..reports.forecast import render_forecast
    from ..reports.text import write

    rate = measure(judge, problems) if ahead.measure else None
    write(output(), render_forecast(judge.name, forecast, rate=rate, asked=MEASURED, price=ahead.price_per_1k))
    return 0


def print_json(value: Any) -> None:
    """Print what other programs read."""
    print(json.dumps(value, indent=2, ensure_ascii=True))
