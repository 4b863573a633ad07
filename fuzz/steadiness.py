"""Does a judge say the same in other company? Its scores may depend on batches, on their order, or on chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..corpora.records import Item, Verdict
from ..judges.judge import Judge, ask
from ..judges.quality import share

#: Responses that are asked about again in each of `ways`: so a check costs three times as many verdicts more.
RESPONSES = 24

#: Sizes of batches that are small and odd.
_THREE, _SEVEN = 3, 7


@dataclass(frozen=True, slots=True)
class Repeat:
    """What became of verdicts when the same responses were asked about again in another way.

    Attributes:
        way: how they were asked, in words.
        responses: how many.
        drift: the largest change of margin, of verdicts that could be read both times.
        flipped: share of them whose decision changed; one that can be read one time alone counts as changed.
    """

    way: str
    responses: int
    drift: float
    flipped: float


def compared(way: str, before: Sequence[Verdict], after: Sequence[Verdict]) -> Repeat:
    """How verdicts on the same responses differ."""
    pairs = list(zip(before, after, strict=True))
    drifts = [abs(a.margin - b.margin) for a, b in pairs if a.parsed and b.parsed]
    flips = [(a.accepted, a.parsed) != (b.accepted, b.parsed) for a, b in pairs]
    return Repeat(way, len(pairs), max(drifts, default=0.0), share(flips) or 0.0)


def repeat(judge: Judge, items: Sequence[Item], verdicts: Sequence[Verdict]) -> list[Repeat]:
    """Ask about the same items again: in threes, in reversed order, and shuffled in sevens.

    The judge is asked beside the gate, which would cut batches its own way; nothing of it is stored.

    Raises:
        JudgeError: the judge failed.
    """
    count = len(items)
    shuffled = [int(i) for i in np.random.default_rng(0).permutation(count)]
    ways = {
        "in batches of 3": (list(range(count)), _THREE),
        "in one batch, reversed": (list(range(count))[::-1], max(1, count)),
        "in batches of 7, shuffled": (shuffled, _SEVEN),
    }
    found = []
    for way, (order, size) in ways.items():
        batches = [order[i : i + size] for i in range(0, count, size)]
        said = [verdict for batch in batches for verdict in ask(judge, [items[i] for i in batch], afresh=True)]
        found.append(compared(way, [verdicts[i] for i in order], said))
    return found
