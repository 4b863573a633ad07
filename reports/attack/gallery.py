"""The gallery: each find as a card, with what changed, how it came about, what carries it, and a test of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from ...judges.opening import NAMED
from ..escape import visible
from ..page import SHORT, fragment
from ..snippets import as_test
from .differences import Piece, difference, kept
from .summary import Margins, RunSummary

#: Finds shown in a page, and the bytes that their cards may take together; the rest are in the file beside it.
GALLERY, GALLERY_BYTES = 200, 1_300_000

#: Steps shown of a lineage, the last ones, and pieces of a find that are listed, those that carry most.
STEPS, PIECES = 20, 12

#: Characters of a test that a page has room for.
LONGEST_TEST = 4000

#: Steps of emphasis: a piece that alone costs the find has the strongest.
WEIGHTS = 4


class Step(NamedTuple):
    """One step of a lineage; score and margin are None where the store does not know them."""

    number: int
    op: str
    text: str
    score: float | None
    margin: float | None
    rise: float | None


class Token(NamedTuple):
    """A piece of a shrunk find and what the judge says without it.

    `fall` is the margin that goes with it (None where the verdict could not be read, or the margin of the whole is not
    known), `emphasis` from 0 to `WEIGHTS`, `decides` whether the judge rejects the rest.
    """

    text: str
    score: float | None
    fall: float | None
    emphasis: int
    decides: bool


class Judged(NamedTuple):
    """What a judge of steps said: each step with the score of what stands up to its end, and which is the lowest."""

    what: str
    steps: tuple[tuple[str, float], ...]
    lowest: float


@dataclass(frozen=True, slots=True)
class Card:
    """A find as a page shows it.

    Attributes:
        id: of its element and its permalink; it follows from the find alone, so that it is the same in every report.
        find: the line of `finds.jsonl`.
        mode: the place of its failure mode, from 1.
        length: characters of its shrunk form.
        perplexity: of the response; None where it was not measured.
        start: the text that its search began with, or the problem's plain wrong answer; None where neither is known.
        start_is: what `start` is, in words.
        changes: what makes the response of the start; empty where nothing of the start is left.
        steps: the last steps of its lineage; empty where it has a single one.
        earlier: steps before these.
        judged: the steps of the response, where a judge looked at each, and the shrunk form's if they are others.
        tokens: the pieces of its shrunk form in order; empty where they were not weighed.
        carrying: of them, those that carry most, the heaviest first.
        others: how many of them are not among these.
        spread: no piece carries it: the margin falls without none, and the judge accepts every rest.
        test: the find as a pytest module; None where it is too long for a page.
    """

    id: str
    find: Mapping[str, Any]
    mode: int
    length: int
    perplexity: float | None
    start: str | None
    start_is: str
    changes: tuple[Piece, ...]
    steps: tuple[Step, ...]
    earlier: int
    judged: tuple[Judged, ...]
    tokens: tuple[Token, ...]
    carrying: tuple[Token, ...]
    others: int
    spread: bool
    test: str | None


class Choice(NamedTuple):
    """A filter of the gallery: what it is called, the attribute of cards that it looks at, and what can be chosen."""

    name: str
    label: str
    values: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class Gallery:
    """All cards that the page has room for, rendered, and the filters over them.

    `total` finds were made; those shown are of so many `modes`.
    """

    cards: tuple[Markup, ...]
    filters: tuple[Choice, ...]
    total: int
    modes: int
    has_perplexity: bool


def hang(summary: RunSummary) -> Gallery:
    """The gallery of a run: as many finds as fit."""
    shown: list[Card] = []
    rendered: list[Markup] = []
    room = GALLERY_BYTES
    for place in chosen(summary.finds, summary.diversity.places):
        card = card_of(summary, place)
        html = fragment("find.html.jinja", c=card, f=card.find, threshold=summary.checks.threshold)
        room -= len(html.encode())
        if room < 0:
            break
        shown.append(card)
        rendered.append(html)
    return Gallery(
        cards=tuple(rendered),
        filters=tuple(f for f in _filters(summary, shown) if len(f.values) > 1),
        total=len(summary.finds),
        modes=len({card.mode for card in shown}),
        has_perplexity=any(card.perplexity is not None for card in shown),
    )


def chosen(finds: Sequence[Mapping[str, Any]], modes: Sequence[int]) -> list[int]:
    """The places of the finds to show, at most `GALLERY`: one of each failure mode in turn, the shortest of it first.

    So the first cards differ as much as they can, and a page that has no room for all finds shows many modes.
    """
    by_length = sorted(range(len(finds)), key=lambda place: (len(finds[place]["shrunk"]), place))
    seen: Counter[int] = Counter()
    ranks = []
    for place in by_length:
        ranks.append((seen[modes[place]], modes[place], place))
        seen[modes[place]] += 1
    return [place for _, _, place in sorted(ranks)[:GALLERY]]


def card_of(summary: RunSummary, place: int) -> Card:
    """The card of the find at a place of `summary.finds`."""
    find = summary.finds[place]
    start, start_is = _start(find, summary.starts)
    changes = () if start is None else difference(start, find["response"])
    tokens = _tokens(find, summary.checks.threshold)
    carrying = tuple(sorted((t for t in tokens if t.fall is not None), key=lambda t: -(t.fall or 0)))[:PIECES]
    steps = _steps(find, summary.margins) if len(find["lineage"]) > 1 else ()
    judge = summary.settings["judge"]
    test = as_test(find, judge if judge.partition(":")[0] in NAMED else None)
    return Card(
        id=identity(find),
        find=find,
        mode=summary.diversity.places[place] + 1,
        length=len(find["shrunk"]),
        perplexity=find.get("perplexity"),
        start=start,
        start_is=start_is,
        changes=changes if kept(changes) else (),
        steps=steps[-STEPS:],
        earlier=max(0, len(steps) - STEPS),
        judged=_judged(find),
        tokens=tokens,
        carrying=carrying,
        others=len(tokens) - len(carrying),
        spread=not any(t.emphasis or t.decides for t in tokens) and all(t.fall is not None for t in tokens),
        test=test if len(test) <= LONGEST_TEST else None,
    )


def identity(find: Mapping[str, Any]) -> str:
    """What a find is called in links: ten hexadecimal digits of its search and its response."""
    parts = "\x1f".join([find["problem"], find["attack"], str(find["seed"]), find["response"]])
    return f"find-{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def _start(find: Mapping[str, Any], starts: Mapping[str, str]) -> tuple[str | None, str]:
    """What the difference is shown from, and what that is."""
    if len(find["lineage"]) > 1:
        return find["lineage"][0][1], "the first step of its lineage"
    return starts.get(find["problem"]), "the plain wrong answer"


def _steps(find: Mapping[str, Any], margins: Margins) -> tuple[Step, ...]:
    """All steps, each with what it gained on the one before."""
    steps: list[Step] = []
    for number, (op, text) in enumerate(find["lineage"], 1):
        score, margin = margins.get((find["problem"], text), (None, None))
        before = steps[-1].margin if steps else None
        rise = None if margin is None or before is None else margin - before
        steps.append(Step(number, op, text, score, margin, rise))
    return tuple(steps)


def _judged(find: Mapping[str, Any]) -> tuple[Judged, ...]:
    """Scores of partial solutions, of the response and of its shrunk form, where there are several."""
    told = [("response", find.get("steps"))]
    if find["shrunk"] != find["response"]:
        told.append(("shrunk form", find.get("shrunk_steps")))
    return tuple(
        Judged(what, tuple((text, score) for text, score in steps), min(score for _, score in steps))
        for what, steps in told
        if steps and len(steps) > 1
    )


def _tokens(find: Mapping[str, Any], threshold: float) -> tuple[Token, ...]:
    """The pieces of the shrunk form, as far as they were weighed."""
    whole = find.get("shrunk_margin")
    rows = [
        (text, score, None if whole is None or margin is None else whole - margin)
        for text, score, margin in find.get("tokens") or []
    ]
    most = max((fall for _, _, fall in rows if fall is not None), default=0.0)
    return tuple(
        Token(
            text,
            score,
            fall,
            round(WEIGHTS * fall / most) if fall is not None and fall > 0 and most > 0 else 0,
            score is not None and score < threshold,
        )
        for text, score, fall in rows
    )


def _filters(summary: RunSummary, cards: Sequence[Card]) -> list[Choice]:
    """What the cards can be filtered by."""
    names = [visible(mode.name, 40) or "(empty)" for mode in summary.diversity.modes]
    modes = Counter(card.mode for card in cards)
    return [
        *(_choice(field, cards) for field in ("attack", "kind", "level", "family")),
        Choice("mode", "failure mode", [(str(at), names[at - 1], modes[at]) for at in sorted(modes)]),
    ]


def _choice(field: str, cards: Sequence[Card]) -> Choice:
    counts = Counter(visible(card.find[field], SHORT) for card in cards)
    return Choice(field, field, [(value, value, counts[value]) for value in sorted(counts)])
