"""The charts of a duel, each with the table behind it."""

from __future__ import annotations

from typing import Any

from ..answers import Figure
from ..charts import COLOURS, WIDTH, Steps, data, steps_chart, svg
from ..text import percent
from .answers import queries, share
from .rates import Rate
from .summary import DuelSummary, RoundSummary

#: What is drawn over the rounds: its name, and the rate of a round.
LINES = ("fresh search", "old finds", "families held out", "clean accuracy")


def rates_figure(duel: DuelSummary) -> Figure:
    """Adaptive, stale and held-out ASR and clean accuracy over the rounds; no chart of a single round."""
    columns = (
        "round", "fresh search", "nonsense", "median queries", "p, round before", "p, first round", "old finds",
        "edited copies", "reopened", "families held out", "clean accuracy", "right rejected",
    )  # fmt: skip
    rows = [
        (f"{r.round}", share(r.adaptive), share(r.nonsense), queries(r.queries_median), p_value(r.logrank_previous),
         p_value(r.logrank_first), share(r.stale), share(r.variants), str(len(r.reopened)) if r.round > 1 else "–",
         share(r.held_out), percent(r.quality.clean_accuracy, 1), percent(r.over_rejection, 1))
        for r in duel.rounds
    ]  # fmt: skip
    caption = "Share of problems fooled by fresh search, old finds and families held out, and clean accuracy, by round"
    return Figure(caption, _rates_chart(duel, caption) if len(duel.rounds) > 1 else None, columns, rows)


def _rates_chart(duel: DuelSummary, caption: str) -> Any:
    import altair as alt

    # Side by side within a round: intervals that lie on one another cannot be read.
    rows = [
        {"line": name, "round": r.round + 0.1 * (place - 1.5), "rate": rate.rate,
         "low": (rate.interval or (rate.rate, rate.rate))[0], "high": (rate.interval or (rate.rate, rate.rate))[1]}
        for r in duel.rounds
        for place, (name, rate) in enumerate(zip(LINES, _rates(r), strict=True)) if rate.rate is not None
    ]  # fmt: skip
    colours = alt.Scale(domain=list(LINES), range=COLOURS[: len(LINES)])
    shapes = alt.Scale(domain=list(LINES), range=["circle", "square", "triangle-up", "diamond"])
    legend = alt.Legend(title=None, orient="top", columns=2, symbolStrokeWidth=2)
    across = alt.Scale(domain=[duel.rounds[0].round - 0.3, duel.rounds[-1].round + 0.3])
    ticks = alt.Axis(values=[r.round for r in duel.rounds], format="d", grid=False)
    base = alt.Chart(data(rows)).encode(
        x=alt.X("round:Q", title="round", scale=across, axis=ticks),
        color=alt.Color("line:N", scale=colours, legend=legend),
    )
    scale = alt.Scale(domain=[0, 1])
    y = alt.Y("rate:Q", scale=scale, title=None).axis(format="%", tickCount=5)
    layers = (
        base.mark_line(strokeWidth=2, opacity=0.55).encode(y=y)
        + base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", scale=scale, title=None), y2="high:Q")
        + base.mark_point(filled=True, size=75, opacity=1).encode(
            y=y, shape=alt.Shape("line:N", scale=shapes, legend=legend)
        )
    )
    return svg(layers.properties(width=WIDTH, height=240), caption)


def _rates(r: RoundSummary) -> tuple[Rate, ...]:
    return r.adaptive, r.stale, r.held_out, Rate(r.quality.clean_accuracy, None, 0)


def p_value(p: float | None) -> str:
    """`0.0123` -> `0.012`."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def matrix_figure(duel: DuelSummary) -> Figure:
    """The finds of each round on the judge of each; no chart of a single round, or without finds."""
    columns = ("finds of round", *(f"judge {r.round}" for r in duel.rounds))
    rows = [(f"{r.round}", *map(share, row)) for r, row in zip(duel.rounds, duel.matrix, strict=True)]
    caption = "Share of each round's finds (down) that the judge of each round (across) accepts"
    drawn = len(duel.rounds) > 1 and any(r.finds for r in duel.rounds)
    note = (
        "Framed, the diagonal: finds on the judge that they were found on, confirmed. Right of it, old finds on later "
        "judges: how well holes stay shut. Left of it, later finds on earlier judges: whether they are new holes."
    )
    return Figure(f"{caption}. {note}", _matrix_chart(duel, caption) if drawn else None, columns, rows)


def _matrix_chart(duel: DuelSummary, caption: str) -> Any:
    import altair as alt

    numbers = [str(r.round) for r in duel.rounds]
    rows = [
        {"finds": finder, "judge": judge, "rate": cell.rate, "own": finder == judge,
         "label": "none" if cell.rate is None else percent(cell.rate)}
        for finder, row in zip(numbers, duel.matrix, strict=True) for judge, cell in zip(numbers, row, strict=True)
    ]  # fmt: skip
    base = alt.Chart(data(rows)).encode(
        x=alt.X("judge:O", title="judge of round", sort=None, axis=alt.Axis(labelAngle=0, orient="top", ticks=False)),
        y=alt.Y("finds:O", title="finds of round", sort=None, axis=alt.Axis(ticks=False, labelPadding=6)),
    )
    # One hue whose opacity is the rate: it reads on a light page and on a dark one.
    cells = base.mark_rect(color=COLOURS[1], stroke="#8886").encode(
        opacity=alt.Opacity("rate:Q", scale=alt.Scale(domain=[0, 1], range=[0, 0.6]), legend=None)
    )
    own = base.transform_filter("datum.own").mark_rect(filled=False, stroke="currentColor", strokeWidth=2)
    labels = base.mark_text(fontSize=14, color="currentColor").encode(
        text="label:N", opacity=alt.condition("datum.rate === null", alt.value(0.6), alt.value(1))
    )
    height = {"step": 44 if len(numbers) <= 8 else 28}
    return svg((cells + own + labels).properties(width=WIDTH, height=height), caption)


def curves_figure(duel: DuelSummary) -> Figure:
    """Share of searches that fooled within so many queries, by round (Kaplan-Meier); no chart where none did."""
    budgets = list(duel.rounds[0].budgets)
    columns = ("round", "median", *(f"within {budget}" for budget in budgets))
    rows = [
        (f"{r.round}", queries(r.queries_median), *(share(r.budgets[budget]) for budget in budgets))
        for r in duel.rounds
    ]
    caption = "Share of searches that fooled the judge within a number of queries, by round"
    if not any(len(r.curve) > 1 for r in duel.rounds):
        return Figure(caption, None, columns, rows)
    curves = [Steps(f"round {r.round}", r.curve, duel.settings["budget"]) for r in duel.rounds]
    return Figure(caption, steps_chart(curves, label=caption), columns, rows)
