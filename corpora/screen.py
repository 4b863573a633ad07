"""What an oracle need not read: most of what a search tries is nonsense, and that it states nothing is soon said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from .answers import FACTORIAL, MARKUP, NUMERIC_PHRASES, PART, SEPARATED, has_product, symbols
from .quantities import Reading, size
from .reference import LEET_WAYS, Reference, read_reference
from .spelling import HINTS, any_of, numeralise
from .standing import (
    DESCRIPTIONS,
    DIGIT,
    FUNCTION,
    LEET,
    LONGEST,
    ROMAN,
    has_digits,
    has_value,
    is_roman,
    on_dials,
    tells_time,
)
from .units import UNITS

# Words that bring a number without being one.
_WORDS = (*DESCRIPTIONS, *NUMERIC_PHRASES, " times", "noon", "midday", "midnight")
# Any word that matters in a text without digits, in one pattern:
_TELLING = re.compile(any_of([*HINTS, *_WORDS]))
_ARTICLE = re.compile(r"an?[^a-z]")
_UNIT_NAMED = re.compile(any_of(word for word in UNITS if len(word) > 2))
_MARKS = re.compile(r"[*_`~<{}$\\]")
_LEET_SIGN = re.compile(r"[013457@$|!]")
_TO_LETTERS = {point: chr(point) if chr(point) in "abcdefghijklmnopqrstuvwxyz" else None for point in range(128)}
# Signs and words that a quick look cannot judge: they change, move or hide a number.
_DEEP = re.compile(
    any_of(
        [
            *_WORDS, "half", "quarter", "root", "sqrt", "factorial", "mod", "log", "ln", "choose", "hex", "base",
            "square", "cube", "minus", "less", "negative", "per cent", "andand", "\\", "{,}",
        ]
    )
)  # fmt: skip
_RUN = re.compile(r"([0-9]{1,99})(?:\s*(?:-\s*)?([a-z]+|[^\s\w]))?")
_GLUED_SIGNS = re.compile("(?:and|minus|negative){2}")
# Roman numerals of more than one letter; a set that comes first lets the search skip to it.
_LONG_ROMAN = re.compile(
    "[IVXLCDMivxlcdm](?:(?<=[IVXLCDM])(?<![A-Za-z].)[IVXLCDM]{1,19}|(?<=[ivxlcdm])(?<![A-Za-z].)[ivxlcdm]{2,19})(?![A-Za-z])",
    re.DOTALL,
)
# Longer texts are rarely nonsense, and the patterns for a quick look may take time that grows with their square.
_SHORT = 300
_GAP = r"[^a-z]*(?:[a4@][^a-z]*n[^a-z]*d[^a-z]*)*"


@lru_cache(maxsize=1 << 14)
def screen_of(reference: str) -> Screen:
    """The screen for a reference answer, made once."""
    return Screen(read_reference(reference))


class Screen:
    """Tells of a response whether it has to be read at all to know that a reference stands nowhere in it."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._begun = _beginnings(reference)
        self._roman = _numeral(reference)
        self._counts = _counts(reference)

    def may_state(self, cased: str, text: str) -> bool:
        """Whether a response has to be read: where this is False, `standing` finds nothing.

        `cased` is the response as `clean` leaves it, `text` the same in lower case. Most of what a search tries is
        nonsense with no number in it, or with one plain number that is not the reference. To say so takes a few
        searches; to read a text takes ten times as long.

        Raises:
            TooMuch: as `standing` does for this response.
        """
        if not text.isascii() or len(text) > LONGEST or self.reference.odd or self._may_spell(text):
            return True
        if self._roman and self._roman.search(cased) and is_roman(self.reference.values[0][0], cased, any_sign=True):
            return True
        bare = MARKUP.sub("", text) if _MARKS.search(text) else text
        told = _may_tell(text) or (bare != text and _may_tell(bare))
        if not told and not DIGIT.search(text):
            return False
        if self._counts and len(text) <= _SHORT and not _DEEP.search(text) and not _DEEP.search(bare):
            known = self._may_be_one((text,) if bare == text else (text, bare), told)
            if known is not None:
                return known
        return told or self._may_add_up(text, bare)

    def _may_spell(self, text: str) -> bool:
        """Whether a spelling of the reference stands in the text, whatever its sign."""
        short, long = self.reference.short, self.reference.long
        if short and short.search(text):
            return True
        if not self._begun or (len(text) <= _SHORT and not self._begun.search(text)):
            return False
        runs = [text.translate(_TO_LETTERS).replace("and", "")]
        if _LEET_SIGN.search(text):
            runs.append(text.translate(LEET).translate(_TO_LETTERS).replace("and", ""))
        return any(way in run for run in runs for way in long)

    def _may_be_one(self, layouts: Iterable[str], told: bool) -> bool | None:
        """Whether the one number of a text may be the reference; None if there is more to look at than one number.

        With one number there is no sum, no separator and no second unit: it is the reference, or becomes it with the
        unit or the letters right beside it, or it is not.
        """
        for layout in layouts:
            # Without a word that tells, number words change nothing.
            for text in dict.fromkeys((layout, numeralise(layout))) if told else (layout,):
                digit = DIGIT.search(text)
                if digit is None:
                    continue
                known = self._is_lone(text, digit.start())
                if known is not False:
                    return known
        return False

    def _is_lone(self, text: str, start: int) -> bool | None:
        """As `_may_be_one`, for the number that begins at `start`."""
        run = _RUN.match(text, start)
        assert run
        end = run.end(1)
        after = text[end : end + 1]
        if DIGIT.search(text, end) or after == "!" or (after in ("x", "b") and text[end - 1] == "0"):
            return None
        before = text[:start].rstrip()
        if before[-1:] == ".":
            return None
        number = int(run[1])
        if number in self._counts:
            return True
        for pattern in self.reference.lookalikes:  # a loop: `any` would cost more than what it looks at
            if pattern.search(text):
                return True
        units = UNITS.get(run[2], ())
        if before[-1:] == "$":
            units += UNITS["$"]
        if not units or not self.reference.values:
            return False
        if any(dimension == "money" for dimension, _ in units):  # another unit may follow: `$1.5$ hours`
            return None
        return self.reference.meets(Reading(start, end, number, (1, -1), 0, units, "number"), any_sign=True)

    def _may_add_up(self, text: str, bare: str) -> bool:
        """Whether numbers in digits state the reference, or may be read in several ways."""
        if "\\" in text or "andand" in text or has_product(text) or FUNCTION.search(text) or _GLUED_SIGNS.search(text):
            return True
        if ("/" in text and PART.search(text)) or ("!" in text and FACTORIAL.search(text)):
            return True
        return any(self._may_count(layout) for layout in dict.fromkeys((text, bare)))

    def _may_count(self, layout: str) -> bool:
        """As `_may_add_up`, for one layout. Where it has one reading only, this is all that `standing` does."""
        reference, stated = self.reference, symbols(layout)
        return bool(
            SEPARATED.search(stated)
            or has_digits(reference, stated, any_sign=True)
            or (reference.clock is not None and tells_time(reference.clock, layout))
            or (reference.values and has_value(reference, stated, any_sign=True))
        )


def _may_tell(text: str) -> bool:
    """Whether a word stands in the text that brings a number, or describes one."""
    return bool(_TELLING.search(text) or (_ARTICLE.search(text) and _UNIT_NAMED.search(text)))


def _beginnings(reference: Reference) -> re.Pattern[str] | None:
    """A pattern that matches where a long spelling may begin: its first letters, spaced out or disguised."""
    starts = sorted({way[:4] for way in reference.long})
    if not starts:
        return None
    return re.compile("|".join(_GAP.join(LEET_WAYS.get(letter, letter) for letter in start) for start in starts))


def _numeral(reference: Reference) -> re.Pattern[str] | None:
    """A pattern for the Roman numerals that may have the reference's value; None if none can."""
    if not reference.values:
        return None
    value = size(reference.values[0][0])
    if value.denominator != 1 or value > 20_000:
        return None
    if value in (0, 1, 5, 10, 50, 100, 500, 1000):
        return ROMAN
    return _LONG_ROMAN


def _counts(reference: Reference) -> frozenset[int]:
    """The numbers that state the reference alone, or as an hour; empty where it is no whole number."""
    if reference.clock is not None:
        hour, minute = divmod(reference.clock, 60)
        dials = on_dials(hour)
        return frozenset({100 * h + minute for h in dials} | (dials if minute == 0 else set()))
    values = [size(own) for own, _ in reference.values]
    if not reference.whole or any(own.denominator != 1 for own in values):
        return frozenset()
    cents = [100 * own for own in values if any(dimension == "money" for dimension, _, _ in reference.amounts)]
    return frozenset(map(int, [*values, *cents]))
