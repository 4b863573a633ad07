"""Duels with different recipes beside each other: in numbers and as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ...corpora.errors import UsageError
from ...fuzz.run import Run
from ..columns import Columns
from ..escape import visible
from ..text import percent
from . import summary as duels
from .answers import queries, share
from .summary import DuelSummary

#: Of the JSON that `hoodwink show --json` prints of a comparison of recipes.
SCHEMA = "hoodwink.recipes/1"


@dataclass(frozen=True, slots=True)
class RecipesSummary:
    """The duels that have a result, by recipe, in the order asked for."""

    folder: str
    complete: bool
    settings: dict[str, Any]
    versions: dict[str, str]
    duels: dict[str, DuelSummary]

    def to_json(self) -> dict[str, Any]:
        """The documented JSON: the duel of each recipe, as `hoodwink show --json` prints it."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "settings": self.settings,
            "versions": self.versions,
            "recipes": {name: duel.to_json() for name, duel in self.duels.items()},
        }


def summarise(run: Run) -> RecipesSummary:
    """Read the duels under a folder.

    Raises:
        UsageError: none has a result yet, or one is damaged.
    """
    with run.store() as store:
        config, complete = store.config, bool(store.get("complete"))
    found: dict[str, DuelSummary] = {}
    names = config["identity"].get("recipes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or "versions" not in config:
        raise UsageError(f"comparison {run.folder} is damaged: config.json names no recipes; use another folder")
    for name in names:
        folder = run.folder / name
        if _begun(folder):
            found[name] = duels.summarise(Run(folder))
    if not found:
        raise UsageError(f"comparison {run.folder} stopped before its first result; run it again to go on")
    return RecipesSummary(str(run.folder), complete, config["identity"], config["versions"], found)


def _begun(folder: Path) -> bool:
    """Whether a duel has a finished round."""
    if not (folder / "run.db").is_file():
        return False
    with Run(folder).store() as store:
        tables = {name for (name,) in store.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return "rounds" in tables and bool(store.db.execute("SELECT COUNT(*) FROM rounds").fetchone()[0])


def best_recipe(summary: RecipesSummary) -> str | None:
    """The recipe whose last judge fresh search fools least, of those with the most rounds; None without a result."""
    most = max(len(d.rounds) for d in summary.duels.values())
    latest = {name: d.rounds[-1] for name, d in summary.duels.items() if len(d.rounds) == most}
    rated = {name: r for name, r in latest.items() if r.adaptive.rate is not None}
    return min(
        rated, key=lambda name: (rated[name].adaptive.rate or 0, -(rated[name].queries_median or 1 << 60)), default=None
    )


def headline(summary: RecipesSummary) -> str:
    """The same in a sentence."""
    best = best_recipe(summary)
    if best is None:
        return "No recipe has a result that counts."
    last = summary.duels[best].rounds[-1]
    rivals = sum(len(d.rounds) == last.round and d.rounds[-1].adaptive.rate is not None for d in summary.duels.values())
    return (
        f"Hardened by recipe {visible(best)}, the judge of round {last.round} is fooled by fresh search on "
        f"{share(last.adaptive)} of problems: the least of {rivals} recipes."
    )


def render_recipes(summary: RecipesSummary) -> RenderableType:
    """A table over all recipes."""
    title = f"Recipes for {visible(summary.settings['judge'])}: the last judge of each duel (the first in brackets)"
    names = ("recipe", "rounds", "adaptive ASR", "median", "stale", "copies", "held out", "keys", "clean",
             "over-rejected")  # fmt: skip
    rows = []
    for name, duel in summary.duels.items():
        first, last = duel.rounds[0], duel.rounds[-1]
        row: tuple[str | Text, ...] = (
            Text(visible(name)), str(last.round), f"{share(last.adaptive)} [{percent(first.adaptive.rate)}]",
            f"{queries(last.queries_median)} [{queries(first.queries_median)}]", share(last.stale),
            percent(last.variants.rate), f"{share(last.held_out)} [{percent(first.held_out.rate)}]",
            f"{percent(last.keys.rate)} [{percent(first.keys.rate)}]",
            f"{percent(last.quality.clean_accuracy, 1)} [{percent(first.quality.clean_accuracy, 1)}]",
            f"{percent(last.over_rejection, 1)} [{percent(first.over_rejection, 1)}]",
        )  # fmt: skip
        rows.append(row)
    table = Columns(names, rows, spare=("rounds", "copies", "keys", "stale", "held out", "clean"))
    parts: list[RenderableType] = [Text(headline(summary)), Text(""), Text(title), table]
    if not summary.complete:
        parts.append(Text("This comparison is not finished; the same command goes on with it.", style="yellow"))
    return Group(*parts)
