"""Hostile text made safe to show. HTML is Jinja's to escape; this is for terminals and for what no font shows."""

from __future__ import annotations

import re

#: Blanks that Unicode counts as letters, marks or symbols: Hangul fillers, the empty Braille cell, joiners, selectors.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def visible(text: str, limit: int | None = None) -> str:
    """A text with control, bidirectional, invisible and unassigned characters written as escapes, cut at `limit`.

    A terminal then sees no escape sequence, and a reader sees what is really there.
    """
    return "".join(map(_shown, _cut(text, limit)))


def quoted(text: str, limit: int) -> str:
    """The same in quotes, as Python writes it: a backslash in the text differs from one that this puts there."""
    return "".join(map(_shown, repr(_cut(text, limit))))


def _cut(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[:limit] + "…"


def _shown(character: str) -> str:
    if character == " " or (character.isprintable() and not _BLANK.match(character)):
        return character
    return character.encode("unicode_escape").decode("ascii")
