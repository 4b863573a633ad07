"""Strings of pieces, and the small edits by which searches go from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: Shares of the edits: a token drawn anew in its place, one copied from elsewhere in the string (what has carried it so
#: far often carries it further), one more token put in, one taken out.
EDITS = {"replace": 0.5, "copy": 0.15, "insert": 0.3, "delete": 0.05}
_KINDS = tuple(EDITS)
_BOUNDS = np.cumsum(list(EDITS.values()))[:-1]


class Edit(NamedTuple):
    """One edit, drawn before the string is known that it will meet: `at` and `source` are shares of its length."""

    kind: str
    at: float
    source: float
    piece: int


def fresh_strings(rng: np.random.Generator, pieces: Sequence[str], count: int, length: int) -> list[list[str]]:
    """`count` strings of `length` pieces, each piece as likely as any other."""
    return [[pieces[i] for i in row] for row in rng.integers(len(pieces), size=(count, length)).tolist()]


def drawn_edits(rng: np.random.Generator, pieces: int, batch: int, changes: int) -> list[list[Edit]]:
    """1 to `changes` edits for each string of a batch, drawn in a few calls: small ones cost more than all else."""
    counts = rng.integers(1, changes + 1, size=batch).tolist()
    shares = rng.random((3, batch * changes))
    kinds = np.searchsorted(_BOUNDS, shares[0], side="right").tolist()
    drawn = zip(kinds, *shares[1:].tolist(), rng.integers(pieces, size=batch * changes).tolist(), strict=True)
    edits = [Edit(_KINDS[kind], *rest) for kind, *rest in drawn]
    return [edits[i * changes : i * changes + count] for i, count in enumerate(counts)]


def edited(tokens: Sequence[str], edits: Sequence[Edit], pieces: Sequence[str], longest: int) -> list[str]:
    """A string, which is not empty, after the edits; it does not grow past `longest`."""
    changed = list(tokens)
    for kind, at, source, piece in edits:
        place = int(at * len(changed))
        if kind == "insert" and len(changed) < longest:
            changed.insert(place, pieces[piece])
        elif kind == "delete" and len(changed) > 1:
            del changed[place]
        elif kind == "copy":
            changed[place] = tokens[int(source * len(tokens))]
        else:
            changed[place] = pieces[piece]
    return changed
