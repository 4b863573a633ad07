"""Where a reference stands in a response: every reading of the text, and every way that a number may be written."""

from __future__ import annotations

import re
from itertools import pairwise

from .answers import UNREAD, layouts, readings, rewrite, signs, symbols
from .quantities import Value, scan
from .reference import Reference
from .spelling import NUMBER_WORD, any_of, roman
from .units import ODD_UNITS, UNITS

NOT_LETTERS = re.compile("[^a-z]+")
_LEETED = re.compile(r"[a-z][013457@$|!]|[013457@$|!][a-z]")
LEET = str.maketrans("013457@$|!", "oieastasii")
ROMAN = re.compile(r"(?<![A-Za-z])(?:[IVXLCDM]{1,20}|[ivxlcdm]{3,20})(?![A-Za-z])")
# Anything that makes a minus of a plus, or the reverse, somewhere in the text: then both signs are allowed.
_TURNS_POSITIVE = re.compile(r"abs\b|opposite|absolute|magnitude|modulus|negat(?:e|ed|ing|ion)\b|flip")
_NEGATING = (
    "minus", "neg", "below", "under", "opposite", "loss", "lose", "lost", "owe", "debt", "deficit", "decreas", "drop",
    "fall", "fell", "down", "less", "additive inverse",
)  # fmt: skip
_TURNS_NEGATIVE = re.compile(any_of(_NEGATING) + r"|\([$€£]?\d[\d.,]*\)")
_DISGUISE = re.compile(r"[0-9][,']?[a-z|]|[a-z|][,']?[0-9]")
DIGIT = re.compile("[0-9]")
_POINT = re.compile(r"\.\d|[$€£]")
_TAIL = re.compile(r"\d\s*([a-z]+|[^\sa-z\d.,;:?])")
_MATTERS = frozenset({*UNITS, "x", "e", "and"})
_COLON = re.compile(r"(?<![\d:])(\d{1,3}):(\d\d)(?!\d)")
_CLOCK_WORDS = re.compile("noon|midday|midnight")
_ONE_UNIT = re.compile(rf"an? (?:{'|'.join(word for word in UNITS if len(word) > 2)})")
LONGEST = 30_000
# Place values and sums in words: what they come to is not worked out.
DESCRIPTIONS = (
    "tens", "ones", "units", "hundreds", "take away", "taken away", "subtracted", "subtract", "reduced by",
    "increased by", "decreased by", "short of", "lots of", "difference of", "difference between", "sum of",
    "product of", "added to", "more than", "less than", "times over",
)  # fmt: skip
_DESCRIBED = re.compile(rf"\b(?:{'|'.join(DESCRIPTIONS)}|\w+ times)\b")
_HALF, _QUARTER = re.compile(r"\bhalf\b"), re.compile(r"\bquarter\b")
_SPOKEN_ZERO = re.compile(r"(?<!\d)0[ -](?=\d(?!\d))")
_LONE_HOUR = re.compile(r"(?<![\d:.])\d{1,2}(?!\d|\s?[:.h]\s?\d)")
_PAST, _BEFORE = re.compile("past|after|gone"), re.compile(r"\bto\b|before|\btill?\b|\*|-")
FUNCTION = re.compile(
    r"(?:√|sqrt|root|factorial|mod|log|ln|choose|hex|base)(?: of)?[^a-z\d]{0,4}\d"
    r"|0[xb][0-9a-f]|\d\s?(?:factorial|choose)"
)


def standing(reference: Reference, cased: str, text: str) -> str:
    """Where the reference stands in a response, in a few words; empty if nowhere."""
    if UNREAD in cased:
        return "a numeral that cannot be read"
    if _DESCRIBED.search(text):
        return "a number that is described"
    letters = NOT_LETTERS.sub("", text)
    any_sign = reference.values[:1] == ((0, 0),) or bool(
        (_TURNS_NEGATIVE if reference.negative else _TURNS_POSITIVE).search(text)
    )
    if _is_spelt(reference, text, letters, any_sign):
        return "in words"
    if reference.values and is_roman(reference.values[0][0], cased, any_sign):
        return "as a Roman numeral"
    if not (DIGIT.search(text) or NUMBER_WORD.search(letters) or _CLOCK_WORDS.search(text) or _ONE_UNIT.search(text)):
        return ""
    if len(text) > LONGEST:
        return "it is too long to read"
    if FUNCTION.search(text):
        return "a function that is not evaluated"
    if reference.odd and _has_other_unit(reference, text):
        return "another unit"
    for layout in layouts(text):
        rewritten = rewrite(layout)
        texts = (rewritten,) if rewritten == layout else (rewritten, symbols(layout))
        if any(has_digits(reference, reading, any_sign) for each in texts for reading in readings(each)):
            return "its digits"
        if reference.clock is not None and tells_time(reference.clock, layout):
            return "as a time of day"
        if reference.values and any(has_value(reference, reading, any_sign) for reading in readings(rewritten)):
            return "its value"
    return ""


def _is_spelt(reference: Reference, text: str, letters: str, any_sign: bool) -> bool:
    """Whether a spelling stands in the text, with the reference's sign before it."""

    def signed(before: str) -> bool:
        minus = before.rstrip(" -:").endswith(("minus", "negative"))
        return any_sign or minus == reference.negative

    if reference.short and any(
        signed(text[max(0, m.start() - 12) : m.start()]) for m in reference.short.finditer(text)
    ):
        return True
    if not reference.long:
        return False
    runs = [letters.replace("and", "")]
    if _LEETED.search(text):
        runs.append(NOT_LETTERS.sub("", text.translate(LEET)).replace("and", ""))
    for run in runs:
        for way in reference.long:
            at = run.find(way)
            while at >= 0:
                if way.startswith(("minus", "negative")) or signed(run[max(0, at - 10) : at]):
                    return True
                at = run.find(way, at + 1)
    return False


def is_roman(value: Value, cased: str, any_sign: bool) -> bool:
    """Whether a Roman numeral of that value stands in the text."""
    if value > 0:
        return any(roman(m[0].upper()) == value for m in ROMAN.finditer(cased))
    found = (m for m in ROMAN.finditer(cased) if roman(m[0].upper()) == -value)
    return any(any_sign or -1 in signs(cased, *m.span()) for m in found)


def has_digits(reference: Reference, text: str, any_sign: bool) -> bool:
    """Whether the reference's digits stand in the text, split or disguised, with a sign that may be its own."""
    wanted = -1 if reference.negative else 1
    disguised = reference.lookalikes if _DISGUISE.search(text) else ()
    for pattern in (*reference.digits, *disguised):
        match = pattern.search(text)
        while match:
            real = any("0" <= char <= "9" for char in match[0])
            if real and (any_sign or wanted in signs(text, *match.span())):
                return True
            match = pattern.search(text, match.start() + 1)
    return False


def has_value(reference: Reference, text: str, any_sign: bool) -> bool:
    """Whether a number, quantity or sum in the text has the reference's value."""
    if ":" in text and (not reference.amounts or any(unit == "time" for unit, _, _ in reference.amounts)):
        text = " | ".join(_COLON.sub(units, text) for units in (r"\1 h \2 min", r"\1 min \2 s"))
    if not DIGIT.search(text) or (reference.whole and not _is_composed(text)):
        return False
    return any(reference.meets(reading, any_sign) for reading in scan(text))


def _is_composed(text: str) -> bool:
    """Whether there is more in the text than whole numbers on their own (which `has_digits` has dealt with)."""
    return bool(_POINT.search(text)) or any(tail in _MATTERS or not tail.isalpha() for tail in _TAIL.findall(text))


def _has_other_unit(reference: Reference, text: str) -> bool:
    """Whether a unit other than the reference's own is named; what is in it might equal the reference."""
    own = {*re.findall("[a-z]+|°", reference.text.casefold())}
    named = {word for word in re.findall("[a-z]+", text) if len(word) > 2} | {*re.findall(r"\d\s*°?\s*([a-z]+)", text)}
    return any(word not in own and (word in UNITS or word in ODD_UNITS) for word in named)


def tells_time(clock: int, layout: str) -> bool:
    """Whether a time of day, on a clock of 12 or 24 hours, stands in the text: `14.35`, `25 to 3`, `half past two`."""
    if clock % 720 == 0 and _CLOCK_WORDS.search(layout):
        return True
    text = rewrite(_HALF.sub(" 30 ", _QUARTER.sub(" 15 ", layout)))
    pairs: set[tuple[int, int]] = set()
    for told in (text, _SPOKEN_ZERO.sub("", text)):  # two oh five
        pairs.update(pairwise(int(digits) for digits in re.findall(r"\d+", told) if len(digits) < 5))
    minute, hours, later = clock % 60, on_dials(clock // 60), on_dials(clock // 60 + 1)
    forms = {(hour, minute) for hour in hours}
    if _PAST.search(text):
        forms |= {(minute, hour) for hour in hours}
    if _BEFORE.search(text):
        forms |= {(60 - minute, hour) for hour in later}
    return not forms.isdisjoint(pairs) or (not minute and not hours.isdisjoint(map(int, _LONE_HOUR.findall(text))))


def on_dials(hour: int) -> set[int]:
    """The numbers that an hour has on clocks of 12 and 24 hours."""
    return {hour % 12, hour % 12 + 12} | ({24} if hour % 12 == 0 else set())
