"""A filter by characters: which may stand in a response, and how often something may be repeated on the spot."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from ...corpora.errors import UsageError
from ...corpora.records import Item
from ..judge import Judge
from .refusal import Filter, Refusal, at_least

#: The longest unit whose repeats are looked for: `dh` in `dhdhdh`, a syllable, a short word with its blank.
UNIT = 8

#: The most repeats that may be allowed: regular expressions count no further than a few thousand million.
MOST = 1_000_000

#: What any script is written with: digits, punctuation, symbols and blanks, by the first letter of Unicode's category.
_COMMON = ("N", "P", "S", "Z")


class Characters(Filter):
    """Refuses responses with characters that are not allowed, or with a short unit repeated too often in a row."""

    kind = "characters"

    def __init__(self, judge: Judge, *, allow: str = "ascii", repeats: int = 7) -> None:
        """`allow` is `ascii` (what can be printed of it, and line ends), `any`, or names of scripts joined by `+`.

        A script (`latin+greek`) is named as its letters begin in Unicode; digits, punctuation, symbols and blanks of
        all are allowed beside it, but no control or format characters. `repeats` is how many times a unit of up to
        `UNIT` characters may stand in a row; 0 looks for none.

        Raises:
            UsageError: no letter belongs to such a script, or `repeats` is negative or over `MOST`.
        """
        at_least(0, self.kind, repeats=repeats)
        if repeats > MOST:
            raise UsageError(f"characters?repeats={repeats} is out of range; write a number of at most {MOST}")
        for script in () if allow in ("ascii", "any") else allow.split("+"):
            if not _is_script(script):
                raise UsageError(
                    f"characters?allow={allow} names no script {script!r}; write ascii, any, or scripts: latin+greek"
                )
        super().__init__(judge, allow=allow, repeats=repeats)
        self.allow = allow
        self.repeats = repeats
        self._repeated = re.compile(rf"(.{{1,{UNIT}}}?)\1{{{repeats},}}", re.DOTALL) if repeats else None

    def refusals(self, items: Sequence[Item]) -> list[Refusal | None]:
        """See `Filter`; the excess is the logarithm of the characters, or of the repeats, that are too many."""
        return [self._refusal(item.response) for item in items]

    def _refusal(self, text: str) -> Refusal | None:
        strange = [] if self.allow == "any" else [char for char in text if not allowed(char, self.allow)]
        if strange:
            return Refusal(f"{len(strange)} characters that are not allowed", math.log1p(len(strange)))
        found = [(len(m[0]) // len(m[1]), m[1]) for m in self._repeated.finditer(text)] if self._repeated else []
        if found:
            times, unit = max(found)
            return Refusal(f"{unit!a} {times} times in a row", math.log1p(times - self.repeats))
        return None


@lru_cache(maxsize=1 << 16)
def allowed(char: str, allow: str) -> bool:
    """Whether a character may stand in a response; `allow` as for `Characters`."""
    if char in "\n\t":
        return True
    if allow == "ascii":
        return char.isascii() and char.isprintable()
    if unicodedata.category(char).startswith(_COMMON):
        return char.isprintable() or char == "\u00a0"
    name = unicodedata.name(char, "")
    return any(name.startswith(f"{script.upper()} ") for script in allow.split("+"))


@lru_cache(maxsize=64)
def _is_script(name: str) -> bool:
    """Whether some letter of Unicode's first two planes belongs to a script of that name."""
    begins = f"{name.upper()} "
    letters = (chr(point) for point in range(0x20, 0x20000))
    return any(unicodedata.name(c, "").startswith(begins) for c in letters if unicodedata.category(c)[0] == "L")
