"""What is shown of a run: for each kind of run its numbers, its text for the terminal, and its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import RenderableType

from ..corpora.errors import UsageError
from ..corpora.names import lookup
from ..fuzz.run import Run
from ..fuzz.store import write_atomically
from .made import SIDECAR, Page, writing

#: By the `kind` of a run: what works out its summary, what makes text of it, and what makes a page of it.
VIEWS = {
    "attack": (
        "hoodwink.reports.attack.summary:summarise",
        "hoodwink.reports.attack.text:render_summary",
        "hoodwink.reports.attack.page:render",
    ),
    "duel": (
        "hoodwink.reports.duel.summary:summarise",
        "hoodwink.reports.duel.text:render_duel",
        "hoodwink.reports.duel.page:render",
    ),
    "recipes": (
        "hoodwink.reports.duel.recipes:summarise",
        "hoodwink.reports.duel.recipes:render_recipes",
        "hoodwink.reports.duel.recipes_page:render",
    ),
    "survey": (
        "hoodwink.reports.survey.summary:summarise",
        "hoodwink.reports.survey.text:render_survey",
        "hoodwink.reports.survey.page:render",
    ),
    "collapse": (
        "hoodwink.reports.collapse.summary:summarise",
        "hoodwink.reports.collapse.summary:render",
        "hoodwink.reports.collapse.page:render",
    ),
    "transfer": (
        "hoodwink.reports.transfer.summary:summarise",
        "hoodwink.reports.transfer.text:render",
        "hoodwink.reports.transfer.page:render",
    ),
}


class View(NamedTuple):
    """The three ways of looking at one kind of run. A summary has `to_json`."""

    summarise: Callable[[Run], Any]
    text: Callable[[Any], RenderableType]
    page: Callable[[Any], Page | str]


def view_of(run: Run) -> View:
    """How a run is looked at.

    Raises:
        UsageError: the run is damaged, or of a kind that is not known.
    """
    with run.store() as store:
        kind = store.config["identity"].get("kind", "attack")
    if not isinstance(kind, str) or kind not in VIEWS:
        raise UsageError(f"run {run.folder} is of kind {kind!r:.40}, which this version does not know; use a newer one")
    return View(*(lookup({kind: place}, kind, "kind of run") for place in VIEWS[kind]))


def summarise(run: Run) -> Any:
    """The numbers of a run of any kind, from its folder alone: an object with `to_json`.

    Raises:
        UsageError: the run has no result yet, or is damaged.
    """
    return view_of(run).summarise(run)


def report(run: Run, *, to: str | Path | None = None) -> Path:
    """Write a run's report and return its path: `report.html` in the run's folder unless `to` names a file.

    Where the page has no room for all finds, a file beside it holds them: `report.finds.jsonl` beside `report.html`.

    Raises:
        UsageError: the run is damaged, has no result yet, or the file cannot be written.
    """
    view = view_of(run)
    target = Path(to) if to is not None else run.report_file
    made = view.page(view.summarise(run))
    page = made if isinstance(made, Page) else Page(made)
    with writing(f"the report to {target}"):
        if page.beside:
            lines = [json.dumps(find, ensure_ascii=False) + "\n" for find in page.beside]
            write_atomically(target.with_suffix(SIDECAR), "".join(lines))
        write_atomically(target, page.html)
    return target
