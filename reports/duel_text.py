"""A duel as text for the terminal, and what it says in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .duels import DuelSummary, RoundSummary
from .escape import quoted, visible
from .rates import Rate
from .text import SHOWN, interval, percent

#: p of the logrank test below which queries to success are said to differ.
SIGNIFICANT = 0.05

#: How far clean accuracy may fall, in points, before hardening is said to cost something.
CLEAN_LOSS = 0.015

#: The share of old finds up to which they count as forgotten.
STALE = 0.05


def answers(duel: DuelSummary) -> list[str]:
    """What the duel says, a sentence each: broken, how cheaply, old holes, new families, and the price."""
    first, last = duel.rounds[0], duel.rounds[-1]
    said = [_adaptive(first, last)]
    if first is last:
        return said
    said += [_cost(first, last), _stale(duel.rounds)]
    if last.held_out.problems:
        said.append(
            f"Families of attacks never trained on fool the newest judge on {share(last.held_out)} of problems "
            f"(the first: {share(first.held_out)})."
        )
    said.append(_price(first, last))
    return said


def share(rate: Rate) -> str:
    """`85% (64–95%)`."""
    return f"{percent(rate.rate)} ({interval(rate.interval)})" if rate.interval else percent(rate.rate)


def _adaptive(first: RoundSummary, last: RoundSummary) -> str:
    if first is last:
        return f"Fresh search fools the judge on {share(first.adaptive)} of problems."
    return (
        f"Fresh search fools the first judge on {share(first.adaptive)} of problems and the one hardened "
        f"{_times(last.round - 1)} on {share(last.adaptive)}."
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _cost(first: RoundSummary, last: RoundSummary) -> str:
    medians = f"median {queries(first.queries_median)} queries at first, {queries(last.queries_median)} at last"
    if last.logrank_first is None:
        return f"Queries to success: {medians}."
    p = "p < 0.001" if last.logrank_first < 0.001 else f"p = {last.logrank_first:.3f}"
    differs = "differ" if last.logrank_first < SIGNIFICANT else "do not differ measurably"
    return f"Queries to success {differs} between the first judge and the newest ({medians}; logrank {p})."


def queries(median: int | None) -> str:
    """A median of queries, where it was reached."""
    return "not reached" if median is None else str(median)


def _stale(rounds: Sequence[RoundSummary]) -> str:
    last = rounds[-1]
    if last.stale.rate is None:
        return "Earlier rounds have no finds that could be shown again."
    forgotten = last.stale.rate is not None and last.stale.rate <= STALE
    reopened = sum(len(r.reopened) for r in rounds)
    closed = "nearly closed" if forgotten else "not closed"
    again = f"; {reopened} that one judge rejected were accepted by the next" if reopened else ""
    return (
        f"Old holes are {closed}: the newest judge accepts {share(last.stale)} of earlier finds and "
        f"{share(last.variants)} of edited copies{again}."
    )


def _price(first: RoundSummary, last: RoundSummary) -> str:
    before, after = first.quality, last.quality
    if before.clean_accuracy is None or after.clean_accuracy is None:
        return "What hardening cost on clean responses could not be measured."
    cost = before.clean_accuracy - after.clean_accuracy
    word = "cost" if cost > CLEAN_LOSS else "cost next to nothing"
    return (
        f"Hardening {word} on clean responses: accuracy {percent(before.clean_accuracy, 1)} before, "
        f"{percent(after.clean_accuracy, 1)} after; right answers rejected {percent(first.over_rejection, 1)} before, "
        f"{percent(last.over_rejection, 1)} after."
    )


def render_duel(duel: DuelSummary) -> RenderableType:
    """The whole duel: what it says, its rounds, the matrix, and some finds of the last round."""
    judge = Text(f"Duel with {visible(duel.settings['judge'])}, recipe {visible(duel.settings['recipe']['name'])}")
    parts: list[RenderableType] = [judge, *(Text(f"  {sentence}") for sentence in answers(duel)), Text("")]
    parts += [
        Text("Fresh search, old finds, families never trained on, and the price on clean responses:"),
        _rounds(duel),
    ]
    parts += [Text(""), Text("Finds of round (down) accepted by the judge of round (across):"), _matrix(duel)]
    parts += [Text(""), _last_finds(duel)]
    if duel.ended:
        parts.append(Text(visible(duel.ended), style="yellow"))
    if not duel.complete:
        parts.append(Text("This duel is not finished; the same command goes on with it.", style="yellow"))
    return Group(*parts)


def _rounds(duel: DuelSummary) -> Table:
    table = Table(
        "round", "adaptive ASR", "nonsense", "median", "stale", "copies", "held out", "keys", "clean", "over-rejected",
        "seconds",
    )  # fmt: skip
    for r in duel.rounds:
        table.add_row(
            str(r.round), share(r.adaptive), percent(r.nonsense.rate), queries(r.queries_median), share(r.stale),
            percent(r.variants.rate), share(r.held_out), percent(r.keys.rate), percent(r.quality.clean_accuracy, 1),
            percent(r.over_rejection, 1), f"{sum(r.seconds.values()):.0f}",
        )  # fmt: skip
    return table


def _matrix(duel: DuelSummary) -> Table:
    table = Table("", *(str(r.round) for r in duel.rounds))
    for finder, row in zip(duel.rounds, duel.matrix, strict=True):
        table.add_row(str(finder.round), *(share(cell) for cell in row))
    return table


def _last_finds(duel: DuelSummary) -> RenderableType:
    last = duel.rounds[-1].round
    finds = [find for number, find in duel.finds if number == last]
    lines = [Text(f"Some of the {len(finds)} finds of round {last}:" if finds else f"Round {last} has no finds.")]
    for find in finds[:SHOWN]:
        kind, score = visible(find["kind"]), find["score"]
        lines.append(Text(f"  {quoted(find['response'], 70)}  {kind}, score {score:.3f}, {find['queries']} queries"))
    return Group(*lines)
