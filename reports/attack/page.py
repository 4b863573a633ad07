"""The page of an attack run."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from ...corpora.corpus import CORPORA
from ...fuzz.attacks import ATTACKS
from ...fuzz.checks import WARNINGS
from ...judges.opening import NAMED
from ..made import SIDECAR, Page
from ..page import page
from ..reproduce import constraint_words, has_names, option_words
from ..text import fixed_how
from ..usage import usage_lines
from . import figures
from .answers import answers
from .gallery import hang
from .summary import RunSummary
from .text import apart
from .unattacked import unattacked

#: Rows of a table of families, and of one of texts; examples shown of a failure mode.
FAMILIES, TEXTS, EXAMPLES = 40, 12, 3


def render(summary: RunSummary) -> Page:
    """The page of an attack run, and its finds where it has no room for all."""
    fooling = [s for s in summary.strings if s.fooled]
    families = list(summary.checks.quality.by_family.items())
    gallery = hang(summary)
    html = page(
        "attack.html.jinja",
        script="gallery.js",
        title=f"attack on {summary.settings['judge']}",
        run=summary,
        answers=answers(summary),
        unattacked=unattacked(summary),
        fixed=None if summary.checks.calibration is None else fixed_how(summary.checks.calibration, summary.checks),
        rates=figures.rates(summary),
        curves=figures.curves(summary),
        scores=figures.scores(summary),
        apart=[apart(attack) for attack in summary.attacks if attack.outcomes],
        strings=fooling[:TEXTS],
        strings_more=max(0, len(fooling) - TEXTS),
        strings_harmless=len(summary.strings) - len(fooling),
        families=dict(families[:FAMILIES]),
        families_more=max(0, len(families) - FAMILIES),
        modes=summary.diversity.modes[:TEXTS],
        modes_more=max(0, len(summary.diversity.modes) - TEXTS),
        examples=EXAMPLES,
        gallery=gallery,
        sidecar=SIDECAR,
        warnings=warnings(summary),
        settings=settings(summary),
        command=command(summary),
    )
    return Page(html, summary.finds if len(gallery.cards) < len(summary.finds) else ())


class Warned(NamedTuple):
    """A warning that the check can give; `seen` is empty where it was not raised."""

    id: str
    raised_if: str
    seen: str
    means: str


def warnings(summary: RunSummary) -> list[Warned]:
    """All warnings, those that were raised first; one of a newer version with what its run says of it."""
    raised = {flag.id: flag for flag in summary.flags}
    known = [Warned(id, w.raised_if, raised[id].seen if id in raised else "", w.means) for id, w in WARNINGS.items()]
    others = [Warned(id, "", flag.seen, flag.means) for id, flag in raised.items() if id not in WARNINGS]
    return sorted([*known, *others], key=lambda warned: not warned.seen)


def settings(summary: RunSummary) -> list[tuple[str, str]]:
    """What the run was asked to do, and what it was made with, as names and values."""
    asked = summary.settings
    last = asked["seed"] + asked["seeds"] - 1
    rows = [
        ("judge", asked["judge"]),
        ("judge's fingerprint", asked["fingerprint"]),
        ("threshold", f"{summary.checks.threshold:g}"),
        ("corpus", f"{asked['corpus']} (split: {asked['split']})"),
        ("oracle", asked["oracle"]),
        ("problems", str(asked["problem_count"])),
        ("attacks", ", ".join(asked["attacks"])),
        ("seeds", str(asked["seed"]) if last == asked["seed"] else f"{asked['seed']} to {last}"),
        ("budget of a search", f"{asked['budget']} queries"),
        ("budget of shrinking", f"{asked['shrink_budget']} queries a find"),
        ("goal", asked["goal"]),
        ("constraints", shlex.join(constraint_words(asked["constraints"])) or "none"),
        ("proposer", asked["proposer"] or "the judge's own, if it has one"),
    ]
    return [*rows, *usage_lines(summary.used, summary.noted), *summary.versions.items()]


def command(summary: RunSummary) -> str | None:
    """The command line that makes the run again; None for a run of objects that have no name there."""
    settings = summary.settings
    named = [(settings["judge"], NAMED), (settings["corpus"], CORPORA)]
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
    if settings.get("acceptance") is not None:
        words += ["--threshold", f"{100 * settings['acceptance']:g}%"]
    elif summary.checks.threshold != 0.5 and settings["judge"].partition(":")[0] != "calibrated":
        words += ["--threshold", str(summary.checks.threshold)]
    return shlex.join(words)
