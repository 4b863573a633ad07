"""A duel as text for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..columns import Columns
from ..escape import quoted, visible
from ..text import SHOWN, percent
from .answers import answers, details, queries, share
from .summary import DuelSummary


def render_duel(duel: DuelSummary) -> RenderableType:
    """The whole duel: what it says, its rounds, the matrix, and some finds of the last round."""
    judge = Text(f"Duel with {visible(duel.settings['judge'])}, recipe {visible(duel.settings['recipe']['name'])}")
    parts: list[RenderableType] = [
        judge,
        *(Text(f"  {said.question} {said.text} {said.command}".rstrip()) for said in answers(duel)),
    ]
    parts += [*(Text(f"  {sentence}") for sentence in details(duel)), Text("")]
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


def _rounds(duel: DuelSummary) -> Columns:
    names = ("round", "adaptive ASR", "nonsense", "median", "stale", "copies", "held out", "keys", "clean",
             "over-rejected", "seconds")  # fmt: skip
    rows = [
        (
            str(r.round), share(r.adaptive), percent(r.nonsense.rate), queries(r.queries_median), share(r.stale),
            percent(r.variants.rate), share(r.held_out), percent(r.keys.rate), percent(r.quality.clean_accuracy, 1),
            percent(r.over_rejection, 1), f"{sum(r.seconds.values()):.0f}",
        )
        for r in duel.rounds
    ]  # fmt: skip
    return Columns(names, rows, spare=("seconds", "copies", "keys", "nonsense", "over-rejected", "held out"))


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
