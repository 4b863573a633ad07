"""A check by strings that the reference's answer stands in the response at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from ...corpora.answers import clean
from ...corpora.records import Item
from ..judge import Judge
from .refusal import Filter, Refusal

Part = Literal["number", "whole"]

_NUMBER = re.compile(r"\d(?:[\d.,:/]*\d)?")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


class Echo(Filter):
    """Refuses responses in which the reference does not stand, as a number or words of its own.

    Both are compared after a cheap normalisation: look-alike characters, capitals, blanks and commas in numbers. With
    `part=number` the last number of the reference will do, so that `2450` passes for `$2,450`; a reference without any
    digit must stand there whole.

    This is half of a rule-based verifier, and needs a reference that can be found by its text. What it leaves to the
    judge are responses that hold the reference: right ones, and wrong ones that name it on the way to another answer.
    The oracle `exact` calls these UNSURE, so no find on a judge behind this check can be proved by it.
    """

    kind = "echo"

    def __init__(self, judge: Judge, *, part: Part = "number") -> None:
        """`part` is what of the reference must stand in a response."""
        super().__init__(judge, part=part)
        self.part: Part = part

    def refusals(self, items: Sequence[Item]) -> list[Refusal | None]:
        """See `Filter`; there is nothing to climb by, since the bound is the answer."""
        return [
            None if _wanted(i.problem.reference, self.part).search(_plain(i.response)) else Refusal(_ABSENT, 0.0)
            for i in items
        ]


_ABSENT = "the reference does not stand in it"


def _plain(text: str) -> str:
    """Text as it is compared: `1,234 Eggs` and `1234  eggs` are the same."""
    return _GROUPED.sub("", " ".join(clean(text).casefold().split()))


@lru_cache(maxsize=4096)
def _wanted(reference: str, part: Part) -> re.Pattern[str]:
    """What must stand in a response, with nothing beside it that makes it another number or word."""
    whole = _plain(reference)
    numbers = _NUMBER.findall(whole) if part == "number" else []
    text = numbers[-1] if numbers else whole
    return re.compile(rf"(?<![\w]){_signed(whole, text)}(?![\w]|[.,:/]\d)" if text else r"\A\Z")


def _signed(whole: str, text: str) -> str:
    """A number with what may not stand before it: `-12` is not 12, nor is `0.12`."""
    if not text[0].isdigit():
        return re.escape(text)
    negative = whole[: whole.rfind(text)].rstrip(" $€£").endswith("-")
    return (r"-\s?[$€£]?\s?" if negative else r"(?<!\d[.,:/])(?<!-)") + re.escape(text)
