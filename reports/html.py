"""A run as one HTML file that needs nothing else: no script, no network, every hostile string escaped."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import escape

from ..corpora.corpus import CORPORA
from ..corpora.errors import UsageError
from ..fuzz.attacks import ATTACKS
from ..fuzz.run import Run
from ..fuzz.store import write_atomically
from ..judges.judge import JUDGES
from .charts import asr_chart, curve_chart
from .escape import visible
from .summary import RunSummary, summarise
from .text import interval, percent

#: Finds shown in the page, and the bytes of text that they may take together; the rest are in finds.jsonl beside it.
GALLERY, GALLERY_BYTES = 200, 1_000_000

#: Characters shown of a response, and of a text in a list or of a name; a lineage shows its last steps.
LONGEST, SHORT, STEPS = 2000, 300, 20

#: Rows of a table with a row for each text or family.
ROWS = 40


def report(run: Run, *, to: str | Path | None = None) -> Path:
    """Write a run's report and return its path: `report.html` in the run's folder unless `to` names a file.

    Raises:
        UsageError: the run is damaged, has no result yet, or the file cannot be written.
    """
    target = Path(to) if to is not None else run.report_file
    page = render(summarise(run))
    try:
        write_atomically(target, page)
    except OSError as error:
        raise UsageError(
            f"cannot write the report to {target}: {error.strerror or error}; name another file with --to"
        ) from error
    return target


def render(summary: RunSummary) -> str:
    """The page of a run."""
    style = _resource("report.css")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(percent=percent, interval=interval, shown=_shown)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    fooling = [s for s in summary.strings if s.fooled]
    return environment.from_string(_resource("report.html.jinja")).render(
        run=summary,
        style=style,
        # `img-src data:` is for the empty icon, without which a browser asks for /favicon.ico.
        policy=f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'",
        headline=headline(summary),
        asr_chart=asr_chart(summary),
        curve_chart=curve_chart(summary),
        strings=fooling[:ROWS],
        strings_more=max(0, len(fooling) - ROWS),
        strings_harmless=len(summary.strings) - len(fooling),
        families=dict(list(summary.checks.quality.by_family.items())[:ROWS]),
        families_more=max(0, len(summary.checks.quality.by_family) - ROWS),
        modes=summary.diversity.modes[:ROWS],
        modes_more=max(0, len(summary.diversity.modes) - ROWS),
        gallery=gallery(summary.finds),
        command=command(summary),
        short=SHORT,
        steps=STEPS,
    )


def gallery(finds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first finds, as many as the page has room for."""
    chosen: list[dict[str, Any]] = []
    room = GALLERY_BYTES
    for find in finds[:GALLERY]:
        texts = [_shown(find[field]) for field in ("question", "reference", "response", "shrunk", "proof")]
        texts += [_shown(text, SHORT) for step in find["lineage"][-STEPS:] for text in step]
        room -= sum(len(escape(text).encode()) for text in texts)
        if room < 0:
            break
        chosen.append(find)
    return chosen


def _shown(text: str, limit: int = LONGEST) -> str:
    return visible(text, limit)


def headline(summary: RunSummary) -> str:
    """The finding in one sentence."""
    tried = [a for a in summary.attacks if a.asr is not None]
    if not tried:
        return "No attack has finished on a problem that counts."
    best = max(tried, key=lambda a: (a.asr or 0, -(a.queries_median or 1 << 60)))
    if not best.fooled:
        return f"No attack fooled this judge within {summary.settings['budget']} queries a problem."
    where = f"{visible(best.name, SHORT)} fools this judge on {best.fooled} of {best.problems} problems"
    if best.queries_median is None:
        return f"{where}; every find is provably wrong."
    cost = "1 query" if best.queries_median == 1 else f"{best.queries_median} queries"
    return f"{where}, half of all searches within {cost}; every find is provably wrong."


def command(summary: RunSummary) -> str | None:
    """The command line that makes the run again; None for a run of objects that have no name there."""
    settings = summary.settings
    named = [(settings["judge"], JUDGES), (settings["corpus"], CORPORA)]
    named += [(attack, {**ATTACKS, "python": ""}) for attack in settings["attacks"]]
    if not all(name.partition(":")[0] in table for name, table in named):
        return None
    words = ["hoodwink", "attack", "--judge", settings["judge"], "--corpus", settings["corpus"]]
    words += ["--attacks", ",".join(settings["attacks"]), "--problems", str(settings["problem_count"])]
    for option in ("budget", "seed", "seeds", "goal", "split", "shrink_budget"):
        words += [f"--{option.replace('_', '-')}", str(settings[option])]
    for name, value in settings["constraints"].items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif name == "only":
            words += [flag, ",".join(value)]
        else:
            words += [f"{flag}={each}" for each in (value if isinstance(value, list) else [value])]
    if settings["proposer"] is not None:
        words += ["--proposer", settings["proposer"]]
    if summary.checks.threshold != 0.5:
        words += ["--threshold", str(summary.checks.threshold)]
    return shlex.join(words)


def _resource(name: str) -> str:
    return files("hoodwink.reports").joinpath("templates", name).read_text("utf-8")
