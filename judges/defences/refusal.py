"""What filters share: a response that one refuses never reaches the judge inside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...corpora.errors import UsageError
from ...corpora.records import Item, Verdict
from ..around import Around
from ..judge import Judge, logit, sigmoid

#: The outcome of verdicts on responses that a filter refused.
FILTERED = "filtered"

#: Margins of refused responses begin here and go down: nearly every response that reaches a judge has a better one, so
#: that a search first gets past the filter and then climbs the judge.
REFUSED = -20.0


class Refusal(NamedTuple):
    """Why a response is refused.

    Attributes:
        why: in a few words.
        excess: how far the response is over the bound, at least 0 and finite; a search climbs by it.
    """

    why: str
    excess: float


class Filter(Around):
    """Refuses some responses by their text; what the judge inside says of all others stands as it is.

    A refused response is not accepted and has the outcome `filtered`. Its margin tells how far it is from the bound,
    which no server would say: a search through it is one by an attacker who knows the filter (docs/defences.md).
    """

    def __init__(self, judge: Judge, **settings: Any) -> None:
        """`settings` are all options with their values."""
        super().__init__([judge], **settings)

    @abstractmethod
    def refusals(self, items: Sequence[Item]) -> list[Refusal | None]:
        """For each item why it is refused; None where it is not. A pure function of each item."""

    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """See `Around`."""
        refused = self.refusals(items)
        passed = iter(self.ask([i for i, why in zip(items, refused, strict=True) if why is None], afresh=afresh))
        return [next(passed) if why is None else self._refuse(why) for why in refused]

    def _refuse(self, refusal: Refusal) -> Verdict:
        margin = REFUSED - refusal.excess
        text = f"refused before the judge: {refusal.why}"
        return Verdict(sigmoid(margin + logit(self.threshold)), margin, False, text=text, outcome=FILTERED)


def at_least(least: float, kind: str, /, **numbers: float) -> None:
    """Hold the numbers among a defence's options to what they mean.

    Raises:
        UsageError: one is under `least`, or no number.
    """
    for name, value in numbers.items():
        if not value >= least:  # true for NaN too
            raise UsageError(f"{kind}?{name}={value:g} is out of range; write a number of at least {least:g}")
