"""What changed between two texts, by words, and by characters where a few words are only a little different."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

#: Characters of a text that are compared: the time grows with their square.
COMPARED = 600

#: Parts no longer than so many characters, at least this similar (Ratcliff, Obershelp), are compared by characters.
SHORT, SIMILAR = 40, 0.55

_WORD = re.compile(r"\w+|\s+|[^\w\s]")


class Piece(NamedTuple):
    """A part of a text: in both, only in the old one, or only in the new one."""

    mark: Literal["same", "gone", "new"]
    text: str


def difference(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces that make the new text of the old one: those not `gone` are the new text when joined, in order.

    Only the first `COMPARED` characters of either are looked at; what follows in the new text is one piece more.
    """
    words, rest = _WORD.findall(new[:COMPARED]), new[COMPARED:]
    pieces = list(_compare(_WORD.findall(old[:COMPARED]), words))
    if rest:
        pieces.append(Piece("same" if old[COMPARED:] == rest else "new", rest))
    return tuple(_merged(pieces))


def kept(pieces: Sequence[Piece]) -> float:
    """The share of the new text, in characters but blanks, that stood in the old one; 0 of a blank text."""
    lengths = [(p.mark, len("".join(p.text.split()))) for p in pieces if p.mark != "gone"]
    length = sum(n for _, n in lengths)
    return sum(n for mark, n in lengths if mark == "same") / length if length else 0.0


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    """The pieces between two texts, given as their parts; words are looked into, characters cannot be."""
    # A blank alone is nothing in common: it is matched beside other things that are.
    for tag, i, j, k, m in SequenceMatcher(str.isspace, old, new).get_opcodes():
        gone, come = "".join(old[i:j]), "".join(new[k:m])
        if tag == "equal":
            yield Piece("same", come)
        elif tag == "replace" and len(gone) + len(come) > j - i + m - k and _alike(gone, come):
            yield from _compare(list(gone), list(come))
        else:
            yield Piece("gone", gone)
            yield Piece("new", come)


def _alike(old: str, new: str) -> bool:
    short = max(len(old), len(new)) <= SHORT
    return short and SequenceMatcher(None, old, new).ratio() >= SIMILAR


def _merged(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Neighbours of one mark as one piece, and none that is empty."""
    held: Piece | None = None
    for piece in pieces:
        if not piece.text:
            continue
        if held is not None and held.mark == piece.mark:
            held = Piece(held.mark, held.text + piece.text)
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held
