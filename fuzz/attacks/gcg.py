"""Greedy coordinate gradient (Zou et al. 2023, arXiv 2307.15043): a white-box search over token strings.

The gradient says for every place which pieces promise most; some exchanges among them are drawn, and the judge says
which is best in truth. The best is gone on from even where it is worse than what it came from. Strings that a tokenizer
would cut elsewhere than they were put together are dropped before anybody is asked, as nanoGCG does: the gradient meant
other tokens than the judge would read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, islice, pairwise
from typing import Any, NamedTuple

import numpy as np

from ...corpora.errors import JudgeError
from ...corpora.records import Candidate
from ..strings import fresh_strings
from ..target import GradientTarget
from . import Proposals

#: Draws for each candidate wanted: most survive, but near a place where tokens merge few may.
PATIENCE = 8

#: Share of `width` that a start has of fresh strings, of which the best is taken.
START = 0.25


def gcg(
    target: GradientTarget,
    rng: np.random.Generator,
    *,
    length: int = 8,
    width: int = 32,
    top: int = 64,
    append: bool = False,
) -> Proposals:
    """Greedy coordinate gradient: exchanges of one token among the `top` that the gradient promises most of.

    Each step costs a gradient and up to `width` responses. When no exchange is left to try, it starts afresh.
    """
    length = target.longest(length)
    seen: set[str] = set()
    spent = 0
    text: str | None = None
    while True:
        # Beyond the budget no gradient is asked for: the cell ends on the fresh strings that it cannot pay for.
        if text is None or spent >= target.budget:
            parent, op = (target.start if append else None), "fresh"
            texts = _starts(target, rng, length, max(1, round(width * START)), append)
        else:
            spent += 1
            try:
                choices = _choices(target, text, top, append)
            except JudgeError:  # the judge does not show this text as it is: another start
                text = None
                continue
            parent, op, texts = text, "exchange", list(islice(_exchanges(rng, target, choices, seen, width), width))
        text = None
        if not texts:
            continue
        seen.update(texts)
        trials = yield [Candidate(candidate, "gcg", op, parent) for candidate in texts]
        usable = [trial for trial in trials if trial.climbable]
        # Refused ones are free; what cannot be told from them, an answer that was not read, is taken to be paid for.
        spent += len({trial.text for trial in trials if not trial.verdict.text.startswith("refused:")})
        if usable:
            text = max(usable, key=lambda trial: trial.margin).text


def _starts(target: GradientTarget, rng: np.random.Generator, length: int, count: int, append: bool) -> list[str]:
    strings = fresh_strings(rng, target.pieces, count, length)
    return [target.place("".join(string), append=append) for string in strings]


class Choices(NamedTuple):
    """What may be exchanged in a text.

    Attributes:
        tokens: the text, cut.
        places: which of them may be exchanged.
        pieces: `(places, choices)`: the pieces that promise most at each of the places.
    """

    tokens: list[str]
    places: list[int]
    pieces: np.ndarray[Any, np.dtype[np.intp]]


def _choices(target: GradientTarget, text: str, top: int, append: bool) -> Choices:
    """Of a text, by its slope. What `append` keeps in front is left alone.

    A judge may cut a response in its prompt elsewhere than alone: exchanged are tokens that come of both cuts.
    """
    slope = target.slope(text)
    tokens = list(target.cut(text))
    rows = {span: row for row, span in enumerate(_spans(slope.tokens))} if "".join(slope.tokens) == text else {}
    kept = len(target.place("", append=append))
    found = [(place, rows[span]) for place, span in enumerate(_spans(tokens)) if span in rows and span[0] >= kept]
    gains = slope.gains[[row for _, row in found]]
    count = min(top, gains.shape[1])
    pieces = np.argpartition(-gains, count - 1, axis=1)[:, :count]
    return Choices(tokens, [place for place, _ in found], pieces)


def _spans(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where each token begins and ends in the text that they are when joined."""
    return pairwise(accumulate(map(len, tokens), initial=0))


def _exchanges(
    rng: np.random.Generator, target: GradientTarget, choices: Choices, seen: set[str], width: int
) -> Iterator[str]:
    """Distinct new texts with one token exchanged, which are cut as they were put together."""
    tokens, places, pieces = choices
    if not places:
        return
    drawn: set[str] = set()
    rows = rng.integers(len(places), size=PATIENCE * width).tolist()
    columns = rng.integers(pieces.shape[1], size=PATIENCE * width).tolist()
    for row, column in zip(rows, columns, strict=True):
        place = places[row]
        built = [*tokens[:place], target.pieces[pieces[row, column]], *tokens[place + 1 :]]
        text = "".join(built)
        if text not in seen and text not in drawn and list(target.cut(text)) == built:
            drawn.add(text)
            yield text
