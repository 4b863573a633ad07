"""Strings of pieces, and how searches change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

String = tuple[str, ...]

#: How many changes one child gets: mostly one.
COUNTS = (1, 1, 1, 2, 2, 3, 4)
#: Shares of the changes: a piece replaced, put in, taken out, the end exchanged for a donor's, a few pieces repeated.
CHANGES = {"replace": 0.4, "insert": 0.3, "delete": 0.1, "splice": 0.1, "repeat": 0.1}
_KINDS = tuple(CHANGES)
_BOUNDS = np.cumsum(list(CHANGES.values()))[:-1]
#: Share of new pieces that are drawn from all; the others are taken from donors.
ANY = 0.55


class Breeder:
    """Draws new strings and children of strings from one random stream."""

    def __init__(self, pieces: Sequence[str], rng: np.random.Generator, longest: int) -> None:
        """`pieces` are what strings are made of; no string grows over `longest` of them."""
        self.pieces = pieces
        self.rng = rng
        self.longest = longest

    def fresh(self, length: int) -> String:
        """Random pieces."""
        return tuple(fresh_strings(self.rng, self.pieces, 1, min(length, self.longest))[0])

    def parent(self, ranked: Sequence[str], rank: float) -> str:
        """One of some texts, best first: ranks fall off exponentially, and about `rank` of them are taken often."""
        return ranked[min(int(self.rng.exponential(rank)), len(ranked) - 1)]

    def child(self, parent: Sequence[str], donors: Sequence[Sequence[str]]) -> String:
        """A parent with a few changes, some of them with pieces or ends of donors."""
        changed = list(parent)
        for _ in range(COUNTS[int(self.rng.integers(len(COUNTS)))]):
            self._change(changed, donors)
        return tuple(changed[: self.longest])

    def _change(self, string: list[str], donors: Sequence[Sequence[str]]) -> None:
        share, at, other = self.rng.random(3).tolist()
        kind = _KINDS[int(np.searchsorted(_BOUNDS, share, side="right"))]
        place = int(at * len(string))
        if not string or (kind == "insert" and len(string) < self.longest):
            string.insert(int(at * (len(string) + 1)), self._piece(donors))
        elif kind == "delete" and len(string) > 1:
            del string[place]
        elif kind == "splice" and donors:
            donor = donors[int(other * len(donors))]
            string[place:] = donor[int(self.rng.random() * len(donor)) :]
        elif kind == "repeat":
            some = string[place : place + int(self.rng.integers(1, 4))]
            string[place:place] = some
            del string[self.longest :]
        else:
            string[place] = self._piece(donors)

    def _piece(self, donors: Sequence[Sequence[str]]) -> str:
        share, which, at = self.rng.random(3).tolist()
        if share >= ANY and donors and (donor := donors[int(which * len(donors))]):
            return donor[int(at * len(donor))]
        return self.pieces[int(at * len(self.pieces))]


#: Shares of the edits: a token drawn anew in its place, one copied from elsewhere in the string (what has carried it so
#: far often carries it further), one more token put in, one taken out.
EDITS = {"replace": 0.5, "copy": 0.15, "insert": 0.3, "delete": 0.05}
_EDITS = tuple(EDITS)
_EDIT_BOUNDS = np.cumsum(list(EDITS.values()))[:-1]


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
    kinds = np.searchsorted(_EDIT_BOUNDS, shares[0], side="right").tolist()
    drawn = zip(kinds, *shares[1:].tolist(), rng.integers(pieces, size=batch * changes).tolist(), strict=True)
    edits = [Edit(_EDITS[kind], *rest) for kind, *rest in drawn]
    return [edits[i * changes : i * changes + count] for i, count in enumerate(counts)]


def edited(tokens: Sequence[str], edits: Sequence[Edit], pieces: Sequence[str], longest: int) -> list[str]:
    """A string after the edits; it does not grow past `longest`."""
    changed = list(tokens)
    for kind, at, source, piece in edits:
        place = int(at * len(changed))
        if not changed or (kind == "insert" and len(changed) < longest):
            changed.insert(place, pieces[piece])
        elif kind == "delete" and len(changed) > 1:
            del changed[place]
        elif kind == "copy" and tokens:
            changed[place] = tokens[int(source * len(tokens))]
        else:
            changed[place] = pieces[piece]
    return changed
