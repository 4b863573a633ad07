"""The scale of a rating: whole numbers from a lowest to a highest, and what a number on it is worth."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..corpora.errors import UsageError

#: The largest number on a scale: each number costs a little of every verdict, and three digits say enough.
LARGEST = 100


class Scale(NamedTuple):
    """Whole numbers from `low`, which is worth 0, to `high`, which is worth 1."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"

    @property
    def numbers(self) -> range:
        """All its numbers, lowest first."""
        return range(self.low, self.high + 1)

    def worth(self, number: float) -> float:
        """What a number is worth as a score in [0, 1]."""
        return (number - self.low) / (self.high - self.low)


#: What is asked for unless it is said.
TEN = Scale(1, 10)


def read_scale(text: str) -> Scale:
    """A scale as it is written: `1-10`, `0-100`, `1-5`.

    Raises:
        UsageError: it is none, or does not lie within 0 and `LARGEST`.
    """
    found = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})", text)
    if found and int(found[1]) < int(found[2]) <= LARGEST:
        return Scale(int(found[1]), int(found[2]))
    raise UsageError(f"scale {text!r:.40} is none; write LOW-HIGH, whole numbers within 0 and {LARGEST}, such as 1-10")
