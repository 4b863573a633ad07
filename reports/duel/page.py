"""The page of a duel."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from ...corpora.corpus import CORPORA
from ...fuzz.attacks import ATTACKS
from ...fuzz.kinds import KINDS
from ...judges.hardening import RECIPES, changed
from ...judges.opening import NAMED
from ..answers import Figure
from ..page import fragment, page
from ..reproduce import constraint_words, has_names, option_words
from ..text import percent
from .answers import answers, details, share
from .charts import curves_figure, matrix_figure, rates_figure
from .summary import DuelSummary

#: Settings of a duel that are written as a number.
NUMBERS = (
    "problems", "train_problems", "seeds", "held_out_problems", "budget", "held_out_budget", "shrink_budget",
)  # fmt: skip

#: Finds shown of each round, and the bytes that those of all rounds may take; all are in its run's own report.
GALLERY, GALLERY_BYTES = 8, 1_000_000


def render(duel: DuelSummary) -> str:
    """The page of a duel."""
    return page(
        "duel.html.jinja",
        title=f"duel with {duel.settings['judge']}",
        duel=duel,
        answers=answers(duel),
        details=details(duel),
        rates=rates_figure(duel),
        matrix=matrix_figure(duel),
        curves=curves_figure(duel),
        clean=clean_table(duel),
        looks=looks_table(duel),
        gallery={r.round: _gallery(duel, r.round) for r in duel.rounds},
        last_with_finds=max((r.round for r in duel.rounds if r.finds), default=0),
        command=command(duel),
    )


def _gallery(duel: DuelSummary, number: int) -> list[Markup]:
    """The first finds of a round, as many as fit into its part of the page."""
    finds = [find for found, find in duel.finds if found == number][:GALLERY]
    cards = [fragment("duel_find.html.jinja", f=find) for find in finds]
    ends = accumulate(len(card.encode()) for card in cards)
    return [card for card, end in zip(cards, ends, strict=True) if end <= GALLERY_BYTES // len(duel.rounds)]


def clean_table(duel: DuelSummary) -> Figure:
    """What hardening cost: on clean responses, in training and in time."""
    columns = (
        "round", "clean accuracy", "AUROC", "right rejected", "wrong accepted", "fixed strings pass", "trained on",
        "training", "round in all",
    )  # fmt: skip
    rows = [
        (f"{r.round}", percent(r.quality.clean_accuracy, 1), _number(r.quality.auroc, ".3f"),
         percent(r.over_rejection, 1), percent(r.quality.wrong_accepted, 1), share(r.keys),
         f"{r.trained_on['finds']} finds of {r.trained_on['all']}" if r.trained_on else "–",
         "–" if r.training_seconds is None else f"{r.training_seconds:.0f} s", f"{sum(r.seconds.values()):.0f} s")
        for r in duel.rounds
    ]  # fmt: skip
    return Figure("Clean responses, training and time by round", None, columns, rows)


def looks_table(duel: DuelSummary) -> Figure:
    """What the finds of each round are like."""
    columns = ("round", "finds", *KINDS, "failure modes", "evenness", "median tokens", "median perplexity")
    rows = [
        (f"{r.round}", f"{r.finds}", *(f"{r.kinds[kind]}" for kind in KINDS), f"{len(r.diversity.modes)}",
         _number(r.diversity.evenness, ".2f"), _number(r.tokens, "g"), _number(r.perplexity, ",.0f"))
        for r in duel.rounds
    ]  # fmt: skip
    return Figure("Finds by round", None, columns, rows)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def command(duel: DuelSummary) -> str | None:
    """The command line that makes the duel again; None where something has no name there."""
    settings, recipe = duel.settings, duel.settings["recipe"]
    attacks = [*settings["attacks"], *settings["train_attacks"], *settings["held_out"]]
    named: list[tuple[str, Mapping[str, Any]]] = [
        (settings["judge"], NAMED),
        (settings["corpus"], CORPORA),
        (recipe["name"], RECIPES),
        *((attack, {**ATTACKS, "python": ""}) for attack in attacks),
    ]
    if not has_names(named) or recipe["name"] not in RECIPES:
        return None
    training = recipe["training"]
    given = {"start": recipe["start"], "clean": recipe["clean"], "epochs": training["epochs"], "lr": training["lr"]}
    if changed(RECIPES[recipe["name"]], **given).to_json() != recipe:
        return None
    options = {"judge": settings["judge"], "corpus": settings["corpus"]}
    options |= {"rounds": duel.planned, "recipe": recipe["name"]}
    options |= {name: ",".join(settings[name]) for name in ("attacks", "train_attacks", "held_out")}
    options |= {name: settings[name] for name in NUMBERS} | {**given, "lr": f"{training['lr']:g}"}
    options |= {name: settings[name] for name in ("seed", "goal")}
    if duel.rounds[0].threshold != 0.5:
        options["threshold"] = f"{duel.rounds[0].threshold:g}"
    words = ["hoodwink", "duel", *option_words(options), *constraint_words(settings["constraints"])]
    return shlex.join(words)
