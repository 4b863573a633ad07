"""How texts differ that fool a judge: the coordinates in which a search for many different finds keeps them apart."""

from __future__ import annotations

import math
from collections import Counter

CHARACTERS = ("blank", "letters", "words", "digits", "signs", "foreign", "mixed")
LENGTHS = 9
PERPLEXITIES = 6

Cell = tuple[int, str, int]


def traits(text: str, perplexity: float | None = None) -> Cell:
    """A text's cell: length (doubling from 1 to 256 characters), kind of characters, perplexity (in tens' powers).

    Without a perplexity the third coordinate is 0.
    """
    length = min(LENGTHS - 1, len(text).bit_length())
    fluency = 0 if perplexity is None else 1 + min(PERPLEXITIES - 1, int(math.log10(max(1.0, perplexity))))
    return length, characters(text), fluency


def characters(text: str) -> str:
    """The kind of characters that a text is mostly made of, one of `CHARACTERS`."""
    counts = Counter(map(_kind, text))
    inked = sum(counts.values()) - counts["blank"]
    if not inked:
        return "blank"
    kind, count = max(((k, n) for k, n in counts.items() if k != "blank"), key=lambda pair: (pair[1], pair[0]))
    if count < 0.7 * inked:
        return "mixed"
    if kind == "letters" and counts["blank"] >= 0.08 * len(text):
        return "words"
    return kind


def _kind(char: str) -> str:
    if char.isspace() or not char.isprintable():
        return "blank"
    if not char.isascii():
        return "foreign"
    if char.isalpha():
        return "letters"
    return "digits" if char.isdigit() else "signs"
