"""Where commands write, and how they end."""

from __future__ import annotations

import json
import sys
from typing import Any


def output() -> Any:
    """Where results go: 120 columns where it is no terminal."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=120)


def errors() -> Any:
    """Where progress and warnings go."""
    from rich.console import Console

    return Console(stderr=True) if sys.stderr.isatty() else Console(stderr=True, width=160)


def show_and_report(run: Any) -> int:
    """Print a run's results and write its report."""
    from ..reports.text import write
    from ..reports.views import report as write_report
    from ..reports.views import view_of

    view = view_of(run)
    write(output(), view.text(view.summarise(run)))
    print(f"run     {run.folder}\nreport  {write_report(run)}")
    return 0


def print_json(value: Any) -> None:
    """Print what other programs read."""
    print(json.dumps(value, indent=2, ensure_ascii=True))
