"""Words that agree with their numbers."""

from __future__ import annotations


def many(number: int, word: str) -> str:
    """`1 query`, `2 queries`, `0 finds`."""
    plural = word[:-1] + "ies" if word.endswith("y") else word + "s"
    return f"{number} {word if number == 1 else plural}"
