"""The page of a comparison of recipes."""

from __future__ import annotations

from typing import Any

from ...judges.hardening import RECIPES
from ..answers import BROKEN, BY_WHAT, CHEAPLY, HARDENING, TO_DO, Answer, Figure
from ..charts import COLOURS, WIDTH, data, svg
from ..escape import visible
from ..page import SHORT, page, shown
from ..text import percent
from .answers import by_what, price, queries, share
from .rates import Rate
from .recipes import RecipesSummary, best_recipe, headline
from .summary import DuelSummary, RoundSummary

#: What is drawn of each recipe: the last judge of its duel.
LINES = ("fresh search", "old finds", "right answers rejected")


def render(summary: RecipesSummary) -> str:
    """The page of a comparison."""
    means = {name: RECIPES[name].means for name in summary.duels if name in RECIPES}
    return page(
        "recipes.html.jinja",
        title=f"recipes for {summary.settings['judge']}",
        answers=answers(summary),
        run=summary,
        means=means,
        overview=overview(summary),
        rounds={name: rounds_table(name, duel) for name, duel in summary.duels.items()},
    )


def answers(summary: RecipesSummary) -> list[Answer]:
    """The first screen of a comparison of recipes."""
    best = best_recipe(summary)
    return [
        Answer(BROKEN, _broken(summary)),
        Answer(CHEAPLY, _cost(summary)),
        Answer(BY_WHAT, "No recipe has a result that counts." if best is None else _what(summary, best)),
        Answer(HARDENING, headline(summary)),
        Answer(TO_DO, _to_do(summary, best)),
    ]


def _hardened(summary: RecipesSummary) -> dict[str, tuple[RoundSummary, RoundSummary]]:
    """The first and the last round of each duel that hardened its judge."""
    return {name: (d.rounds[0], d.rounds[-1]) for name, d in summary.duels.items() if len(d.rounds) > 1}


def _broken(summary: RecipesSummary) -> str:
    first = next(iter(summary.duels.values())).rounds[0]
    hardened = _hardened(summary)
    if not hardened:
        return f"Fresh search fools the judge on {share(first.adaptive)} of problems; no recipe has hardened it yet."
    fooled = [name for name, (_, last) in hardened.items() if last.adaptive.rate]
    start = "Yes: fresh" if first.adaptive.rate else "Fresh"
    return (
        f"{start} search fools the judge on {share(first.adaptive)} of problems before any hardening, and what "
        f"{len(fooled)} of {len(hardened)} recipes made of it all the same."
    )


def _cost(summary: RecipesSummary) -> str:
    first = next(iter(summary.duels.values())).rounds[0]
    medians = [
        f"{queries(last.queries_median)} ({visible(name, 40)})" for name, (_, last) in _hardened(summary).items()
    ]
    hardened = f"; after hardening: {', '.join(medians)}" if medians else ""
    return f"Queries within which half of the searches succeed: {queries(first.queries_median)} at first{hardened}."


def _what(summary: RecipesSummary, best: str) -> str:
    return f"With recipe {visible(best, 40)}: {by_what(summary.duels[best])}"


def _to_do(summary: RecipesSummary, best: str | None) -> str:
    hardened = _hardened(summary)
    dear = {name: cost for name, (first, last) in hardened.items() if (cost := price(first, last))}
    avoid = f" Avoid what costs: {'; '.join(f'{visible(n, 40)} ({cost})' for n, cost in dear.items())}." if dear else ""
    if best is None or best not in hardened or best in dear:
        return f"Let the comparison run on, with more rounds and problems, before you choose a recipe.{avoid}"
    return (
        f"Harden with recipe {visible(best, 40)} over more rounds, and attack what comes of it: with "
        f"{hardened[best][1].adaptive.problems} problems a recipe, small differences are chance.{avoid}"
    )


def overview(summary: RecipesSummary) -> Figure:
    """The last judge of each recipe, and the first of all."""
    caption = (
        "The last judge of each recipe: problems fooled by fresh search, old finds accepted, right answers rejected"
    )
    columns = (
        "recipe", "round", "fresh search", "median queries", "old finds", "edited copies", "families held out",
        "fixed strings", "clean accuracy", "right rejected",
    )  # fmt: skip
    first = next(iter(summary.duels.values())).rounds[0]
    judged = {"(before hardening)": first, **{shown(n, SHORT): d.rounds[-1] for n, d in summary.duels.items()}}
    rows = [(name, *_cells(r)) for name, r in judged.items()]
    return Figure(caption, _chart(summary, caption), columns, rows)


def rounds_table(name: str, duel: DuelSummary) -> Figure:
    """The rounds of one recipe."""
    columns = (
        "round", "fresh search", "median queries", "old finds", "edited copies", "families held out", "fixed strings",
        "clean accuracy", "right rejected",
    )  # fmt: skip
    return Figure(f"Rounds with recipe {shown(name, SHORT)}", None, columns, [_cells(r) for r in duel.rounds])


def _cells(r: RoundSummary) -> tuple[str, ...]:
    return (
        f"{r.round}", share(r.adaptive), queries(r.queries_median), share(r.stale), share(r.variants),
        share(r.held_out), share(r.keys), percent(r.quality.clean_accuracy, 1), percent(r.over_rejection, 1),
    )  # fmt: skip


def _chart(summary: RecipesSummary, caption: str) -> Any:
    """A row for each recipe that has hardened a judge: three measures below one another; None without any."""
    import altair as alt

    hardened = {name: last for name, (_, last) in _hardened(summary).items()}
    if not hardened:
        return None
    names = [visible(name, 24) for name in hardened]
    rows = [
        {"recipe": name, "line": line, "rate": rate.rate, "low": (rate.interval or (rate.rate, rate.rate))[0],
         "high": (rate.interval or (rate.rate, rate.rate))[1]}
        for name, last in zip(names, hardened.values(), strict=True)
        for line, rate in zip(LINES, _rates(last), strict=True) if rate.rate is not None
    ]  # fmt: skip
    scale = alt.Scale(domain=[0, 1])
    colours = alt.Scale(domain=list(LINES), range=[COLOURS[0], COLOURS[1], COLOURS[3]])
    shapes = alt.Scale(domain=list(LINES), range=["circle", "square", "diamond"])
    legend = alt.Legend(title=None, orient="top", columns=2)
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("recipe:N", sort=names, title=None, axis=alt.Axis(labelLimit=150, ticks=False, labelPadding=8)),
        yOffset=alt.YOffset("line:N", sort=list(LINES)),
        color=alt.Color("line:N", scale=colours, legend=legend),
    )
    rules = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title=None).axis(format="%", tickCount=5), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=75, opacity=1).encode(
        x=alt.X("rate:Q", scale=scale), shape=alt.Shape("line:N", scale=shapes, legend=legend)
    )
    return svg((rules + points).properties(width=WIDTH, height={"step": 18}), caption)


def _rates(r: RoundSummary) -> tuple[Rate, ...]:
    return r.adaptive, r.stale, Rate(r.over_rejection, None, 0)
