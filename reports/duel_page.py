"""The page of a duel."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ..corpora.corpus import CORPORA
from ..fuzz.attacks import ATTACKS
from ..judges.hardening import RECIPES, changed
from ..judges.judge import JUDGES
from .charts import COLOURS, WIDTH, data, svg
from .duel_text import answers, queries
from .duels import DuelSummary
from .page import page
from .rates import Rate
from .reproduce import constraint_words, has_names, option_words

#: Settings of a duel that are written as a number.
NUMBERS = (
    "problems", "train_problems", "seeds", "held_out_problems", "budget", "held_out_budget", "shrink_budget",
)  # fmt: skip

#: Finds shown of each round; all are in its run's own report and finds.jsonl.
GALLERY = 8


def render(duel: DuelSummary) -> str:
    """The page of a duel."""
    shown = {r.round: [find for number, find in duel.finds if number == r.round][:GALLERY] for r in duel.rounds}
    return page(
        "duel.html.jinja",
        title=f"duel with {duel.settings['judge']}",
        duel=duel,
        answers=answers(duel),
        rates_chart=rates_chart(duel),
        curves_chart=curves_chart(duel),
        matrix_chart=matrix_chart(duel),
        gallery=shown,
        queries=queries,
        command=command(duel),
    )


def rates_chart(duel: DuelSummary) -> Markup | None:
    """Adaptive, stale and held-out ASR and clean accuracy over the rounds; None of a single round."""
    import altair as alt

    if len(duel.rounds) < 2:
        return None
    lines: list[tuple[str, int, Rate]] = []
    for r in duel.rounds:
        accuracy = Rate(r.quality.clean_accuracy, None, 0)
        kinds = {"fresh search": r.adaptive, "families held out": r.held_out, "old finds": r.stale}
        lines += [(name, r.round, rate) for name, rate in {**kinds, "clean accuracy": accuracy}.items()]
    rows = [
        {"line": name, "round": number, "rate": rate.rate, "low": (rate.interval or (rate.rate, rate.rate))[0],
         "high": (rate.interval or (rate.rate, rate.rate))[1]}
        for name, number, rate in lines if rate.rate is not None
    ]  # fmt: skip
    names = list(dict.fromkeys(name for name, _, _ in lines))
    colour = alt.Color(
        "line:N",
        scale=alt.Scale(domain=names, range=COLOURS[: len(names)]),
        legend=alt.Legend(title=None, orient="top", columns=2),
    )
    base = alt.Chart(data(rows)).encode(
        x=alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0)),
        color=colour,
    )
    scale = alt.Scale(domain=[0, 1])
    y = alt.Y("rate:Q", scale=scale, title=None).axis(format="%", tickCount=5)
    layers = (
        base.mark_rule(opacity=0.45, strokeWidth=2).encode(y=alt.Y("low:Q", scale=scale, title=None), y2="high:Q")
        + base.mark_line(strokeWidth=2.5).encode(y=y)
        + base.mark_point(filled=True, size=60, opacity=1).encode(y=y)
    )
    return svg(layers.properties(width=WIDTH, height=220), "Success rates and clean accuracy by round")


def curves_chart(duel: DuelSummary) -> Markup | None:
    """Share of problems fooled within so many queries, by round (Kaplan-Meier); None where nothing was fooled."""
    import altair as alt

    if not any(len(r.curve) > 1 for r in duel.rounds):
        return None
    budget = duel.settings["budget"]
    rows: list[dict[str, Any]] = [
        {"round": f"round {r.round}", "queries": max(1, q), "share": share}
        for r in duel.rounds
        for q, share in [*r.curve, (budget, r.curve[-1][1])]
    ]
    names = [f"round {r.round}" for r in duel.rounds]
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(names))]
    chart = (
        alt.Chart(data(rows))
        .mark_line(interpolate="step-after", strokeWidth=2.5)
        .encode(
            x=alt.X("queries:Q", scale=alt.Scale(type="log", domain=[1, max(2, budget)]), title="queries").axis(
                tickCount=5
            ),
            y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), title="problems fooled").axis(format="%"),
            color=alt.Color(
                "round:N",
                scale=alt.Scale(domain=names, range=colours),
                legend=alt.Legend(title=None, orient="top", columns=3),
            ),
        )
        .properties(width=WIDTH, height=200)
    )
    return svg(chart, "Share of problems fooled within a number of queries, by round")


def matrix_chart(duel: DuelSummary) -> Markup | None:
    """The finds of each round on the judge of each, as a heat map; None of a single round."""
    import altair as alt

    if len(duel.rounds) < 2:
        return None
    rows = [
        {"finds": str(finder.round), "judge": str(judge.round), "rate": cell.rate, "label": f"{cell.rate:.0%}"}
        for finder, row in zip(duel.rounds, duel.matrix, strict=True)
        for judge, cell in zip(duel.rounds, row, strict=True)
        if cell.rate is not None
    ]
    base = alt.Chart(data(rows)).encode(
        x=alt.X("judge:O", title="judge of round", sort=None, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("finds:O", title="finds of round", sort=None),
    )
    # One hue whose opacity is the rate: it reads on a light page and on a dark one.
    cells = base.mark_rect(color=COLOURS[1], stroke="#8884").encode(
        opacity=alt.Opacity("rate:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.85]), legend=None)
    )
    labels = base.mark_text(fontSize=13, color="currentColor").encode(text="label:N")
    return svg((cells + labels).properties(width=WIDTH, height={"step": 40}), "Finds of each round by judge")


def command(duel: DuelSummary) -> str | None:
    """The command line that makes the duel again; None where something has no name there."""
    settings, recipe = duel.settings, duel.settings["recipe"]
    attacks = [*settings["attacks"], *settings["train_attacks"], *settings["held_out"]]
    named: list[tuple[str, Mapping[str, Any]]] = [
        (settings["judge"], JUDGES),
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
    options |= {"rounds": len(duel.rounds), "recipe": recipe["name"]}
    options |= {name: ",".join(settings[name]) for name in ("attacks", "train_attacks", "held_out")}
    options |= {name: settings[name] for name in NUMBERS} | {**given, "lr": f"{training['lr']:g}"}
    options |= {name: settings[name] for name in ("seed", "goal")}
    if duel.rounds[0].threshold != 0.5:
        options["threshold"] = f"{duel.rounds[0].threshold:g}"
    words = ["hoodwink", "duel", *option_words(options), *constraint_words(settings["constraints"])]
    return shlex.join(words)
