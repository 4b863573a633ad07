"""A filter by length: responses of more characters than right answers have are refused."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...corpora.records import Item
from ..judge import Judge
from .refusal import Filter, Refusal, at_least


class Length(Filter):
    """Refuses responses of more than `most` or fewer than `least` characters."""

    kind = "length"

    def __init__(self, judge: Judge, *, most: int = 256, least: int = 1) -> None:
        """`most` by default is twice what the longest right answers of corpus `arithmetic` have (129).

        Raises:
            UsageError: a bound is negative, or `least` is over `most`.
        """
        at_least(0, self.kind, least=least)
        at_least(max(least, 1), self.kind, most=most)
        super().__init__(judge, most=most, least=least)
        self.most = most
        self.least = least

    def refusals(self, items: Sequence[Item]) -> list[Refusal | None]:
        """See `Filter`; the excess is the logarithm of how many times over the bound a length is."""
        return [self._refusal(len(item.response)) for item in items]

    def _refusal(self, length: int) -> Refusal | None:
        if length > self.most:
            return Refusal(f"{length} characters, of {self.most} allowed", math.log(length / self.most))
        if length < self.least:
            return Refusal(f"{length} characters, of {self.least} needed", math.log((1 + self.least) / (1 + length)))
        return None
