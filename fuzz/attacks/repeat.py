"""The `dhdhdhdh` family: one unit, over and over."""

from __future__ import annotations

import string
from collections.abc import Iterator

import numpy as np

from ...corpora.records import Candidate
from ..target import Target
from . import Proposals

_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_VOWELS = "aeiou"
_WORDS = (" the", " yes", " correct", " answer", " ok", " true", " good", " is", " and", " so", " step", " right")
_SIGNS = (".", ",", "!", "?", ":", "-", "*", "#", "\n", "()", "...", ". ", "\\", "|")


def repeat(target: Target, rng: np.random.Generator, *, batch: int = 32, append: bool = False) -> Proposals:
    """Repeated letters, syllables, words, signs and tokens, from 2 to 128 times, endlessly."""
    parent = target.start if append else None
    for units in batches(target, rng, batch):
        yield [
            Candidate(target.place(unit * count, append=append), "repeat", f"{kind} x{count}", parent)
            for kind, unit, count in units
        ]


def batches(target: Target, rng: np.random.Generator, batch: int) -> Iterator[list[tuple[str, str, int]]]:
    """Endless batches; the first begins with `dh` at all lengths, as in the story that gave the family its name."""
    first = [("syllable", "dh", 2**power) for power in range(1, 8)][:batch]
    yield first + [_draw(target, rng) for _ in range(batch - len(first))]
    while True:
        yield [_draw(target, rng) for _ in range(batch)]


def _draw(target: Target, rng: np.random.Generator) -> tuple[str, str, int]:
    kind = str(rng.choice(["letter", "pair", "syllable", "word", "sign", "token"]))
    count = int(np.exp2(rng.uniform(1, 7)))
    return kind, _unit(kind, target, rng), count


def _unit(kind: str, target: Target, rng: np.random.Generator) -> str:
    if kind == "letter":
        return str(rng.choice(list(string.ascii_letters)))
    if kind == "pair":
        return "".join(rng.choice(list(_CONSONANTS), 2))
    if kind == "syllable":
        return f"{rng.choice(list(_CONSONANTS))}{rng.choice(list(_VOWELS))}"
    if kind == "word":
        return str(rng.choice(_WORDS))
    if kind == "sign":
        return str(rng.choice(_SIGNS))
    return target.pieces[int(rng.integers(len(target.pieces)))]
