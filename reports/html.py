"""The page of an attack run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from markupsafe import escape

from ..corpora.corpus import CORPORA
from ..fuzz.attacks import ATTACKS
from ..judges.judge import JUDGES
from .charts import asr_chart, curve_chart
from .escape import visible
from .page import SHORT, page, shown
from .reproduce import constraint_words, has_names, option_words
from .summary import RunSummary

#: Finds shown in the page, and the bytes of text that they may take together; the rest are in finds.jsonl beside it.
GALLERY, GALLERY_BYTES = 200, 1_000_000

#: Steps shown of a lineage, the last ones.
STEPS = 20

#: Rows of a table with a row for each text or family.
ROWS = 40


def render(summary: RunSummary) -> str:
    """The page of an attack run."""
    fooling = [s for s in summary.strings if s.fooled]
    return page(
        "attack.html.jinja",
        title=summary.settings["judge"],
        run=summary,
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
        steps=STEPS,
    )


def gallery(finds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first finds, as many as the page has room for."""
    chosen: list[dict[str, Any]] = []
    room = GALLERY_BYTES
    for find in finds[:GALLERY]:
        texts = [shown(find[field]) for field in ("question", "reference", "response", "shrunk", "proof")]
        texts += [shown(text, SHORT) for step in find["lineage"][-STEPS:] for text in step]
        room -= sum(len(escape(text).encode()) for text in texts)
        if room < 0:
            break
        chosen.append(find)
    return chosen


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
    if not has_names(named):
        return None
    words = ["hoodwink", "attack", "--judge", settings["judge"], "--corpus", settings["corpus"]]
    words += ["--attacks", ",".join(settings["attacks"]), "--problems", str(settings["problem_count"])]
    options = ("budget", "seed", "seeds", "goal", "split", "shrink_budget")
    words += option_words({option: settings[option] for option in options})
    words += constraint_words(settings["constraints"])
    if settings["proposer"] is not None:
        words += ["--proposer", settings["proposer"]]
    if summary.checks.threshold != 0.5:
        words += ["--threshold", str(summary.checks.threshold)]
    return shlex.join(words)
