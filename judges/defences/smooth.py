"""Smoothing: a judge is asked about random copies of a response, and the majority counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...corpora.errors import UsageError
from ...corpora.records import Item, Verdict
from ..around import Around
from ..judge import Judge
from .copies import Mode, copies_of
from .refusal import at_least

#: Copies of a response: more would say no more, and cost as many verdicts.
MOST = 1_000


class Smooth(Around):
    """Asks about random copies of a response and accepts what most of them are accepted for.

    After SmoothLLM (Robey et al. 2023, arXiv 2310.03684): a string found by search is brittle, and breaks when some of
    its characters are changed, where a right answer should not. The response itself is not asked about. The margin is
    the median of the copies' (the lower one of an even number), which is at least 0 exactly if more than half of them
    are accepted; unlike a share of votes it can be climbed from the first copy on.
    """

    kind = "smooth"

    def __init__(
        self,
        judge: Judge,
        *,
        copies: int = 5,
        share: float = 0.1,
        mode: Mode = "drop",
        numbers: bool = False,
        seed: int = 0,
    ) -> None:
        """`copies`, in each of which a `share` of the characters is changed by `mode` (see `copies_of`).

        With `numbers` those of numbers are changed too, which costs most right answers that are numbers. The copies of
        a text follow from `seed` and the text.

        Raises:
            UsageError: there is no copy, the share is not in (0, 1], or the seed is negative.
        """
        at_least(1, self.kind, copies=copies)
        if copies > MOST:
            raise UsageError(f"smooth?copies={copies} is out of range; write a number of at most {MOST}")
        at_least(0, self.kind, seed=seed)
        if not 0 < share <= 1:  # false for NaN too
            raise UsageError(f"smooth?share={share:g} is out of range; write a number over 0, at most 1")
        super().__init__([judge], copies=copies, share=share, mode=mode, numbers=numbers, seed=seed)
        self.copies = copies
        self.share = share
        self.mode: Mode = mode
        self.numbers = numbers
        self.seed = seed

    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """See `Around`. Copies that are the same text are asked about once."""
        of_each = [[Item(i.problem, text) for text in self.copies_of(i.response)] for i in items]
        distinct = {(c.problem.id, c.response): c for copies in of_each for c in copies}
        verdicts = dict(zip(distinct, self.ask(list(distinct.values()), afresh=afresh), strict=True))
        return [_majority([verdicts[c.problem.id, c.response] for c in copies]) for copies in of_each]

    def copies_of(self, response: str) -> list[str]:
        """What the judge inside is asked about in a response's place."""
        return copies_of(response, self.copies, self.mode, self.share, seed=self.seed, numbers=self.numbers)


def _majority(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict in the middle, with the votes in its text; unread where most of them could not be read."""
    read = sorted((v for v in verdicts if v.parsed), key=lambda v: v.margin)
    if 2 * len(read) <= len(verdicts):
        return next(v for v in verdicts if not v.parsed)
    votes = f"{sum(v.accepted for v in read)} of {len(read)} copies accepted"
    middle = read[(len(read) - 1) // 2]
    return replace(middle, text=f"{votes}; {middle.text}" if middle.outcome else votes, steps=())
