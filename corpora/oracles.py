"""Oracles: what is right, wrong or not sure, by computation. A find counts only where its oracle says WRONG.

`exact` compares with the reference answer. It errs towards UNSURE: WRONG means that the reference can be found
nowhere in the response, in any reading of it, so that even a generous reader could not take it to be stated.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Protocol

from .answers import (
    FACTORIAL,
    MARKUP,
    NUMERIC_PHRASES,
    PART,
    SEPARATED,
    UNREAD,
    clean,
    has_product,
    layouts,
    primary,
    readings,
    rewrite,
    signs,
    symbols,
    unmarked,
)
from .names import lookup
from .quantities import TooMuch, Value, scan
from .records import Problem, Ruling, Truth
from .reference import Reference, read_reference
from .spelling import HINTS, NUMBER_WORD, any_of, roman
from .units import ODD_UNITS, UNITS

#: Oracles by name: lazy strings, as in every table.
ORACLES: dict[str, str] = {"exact": "hoodwink.corpora.oracles:ExactOracle"}


def open_oracle(name: str) -> Oracle:
    """The oracle of that name.

    Raises:
        UsageError: no oracle has it.
    """
    oracle: Oracle = lookup(ORACLES, name, "oracle")()
    return oracle


class Oracle(Protocol):
    """Says what is known of a response to a problem. Pure: the same arguments give the same ruling."""

    name: str

    def rule(self, problem: Problem, response: str) -> Ruling: ...


class ExactOracle:
    """Compares a response with the problem's reference answer.

    RIGHT: the final answer (marked, or the last number) equals the reference. UNSURE: it does not, but the reference
    stands somewhere in the response, or something stands there that cannot be read. WRONG: neither.

    Not guaranteed: numbers spelt in other languages than English, in code (hexadecimal, Base64) or described ("the
    number after 271") are not read. RIGHT does not vouch for the reasoning, nor that the response says nothing else.
    """

    name = "exact"

    def rule(self, problem: Problem, response: str) -> Ruling:
        """The ruling on one response, with its reason in a sentence."""
        reference = read_reference(problem.reference)
        if not reference.numeric:
            return _rule_words(reference, response)
        cased = clean(response)
        text = cased.casefold()
        try:
            where = _standing(reference, cased, text) if may_state(reference, cased, text) else ""
            if not where:
                return Ruling(Truth.WRONG, _absence(reference, text))
            if _answers(reference, text):
                return Ruling(Truth.RIGHT, f"the final answer equals the reference {reference.text}")
        except TooMuch:
            where = "it has more arithmetic than can be evaluated"
        return Ruling(Truth.UNSURE, f"reference {reference.text} may stand in it: {where}")


_NOT_LETTERS = re.compile("[^a-z]+")
_LEETED = re.compile(r"[a-z][013457@$|!]|[013457@$|!][a-z]")
_LEET = str.maketrans("013457@$|!", "oieastasii")
_ROMAN = re.compile(r"(?<![A-Za-z])(?:[IVXLCDM]{1,20}|[ivxlcdm]{3,20})(?![A-Za-z])")
# Anything that makes a minus of a plus, or the reverse, somewhere in the text: then both signs are allowed.
_TURNS_POSITIVE = re.compile(r"abs\b|opposite|absolute|magnitude|modulus|negat(?:e|ed|ing|ion)\b|flip")
_NEGATING = (
    "minus", "neg", "below", "under", "opposite", "loss", "lose", "lost", "owe", "debt", "deficit", "decreas", "drop",
    "fall", "fell", "down", "less", "additive inverse",
)  # fmt: skip
_TURNS_NEGATIVE = re.compile(any_of(_NEGATING) + r"|\([$€£]?\d[\d.,]*\)")
_DISGUISE = re.compile(r"[0-9][,']?[a-z|]|[a-z|][,']?[0-9]")
_DIGIT = re.compile("[0-9]")
_POINT = re.compile(r"\.\d|[$€£]")
_TAIL = re.compile(r"\d\s*([a-z]+|[^\sa-z\d.,;:?])")
_MATTERS = frozenset({*UNITS, "x", "e", "and"})
_COLON = re.compile(r"(?<![\d:])(\d{1,3}):(\d\d)(?!\d)")
_CLOCK_WORDS = re.compile("noon|midday|midnight")
_ONE_UNIT = re.compile(rf"an? (?:{'|'.join(word for word in UNITS if len(word) > 2)})")
_LONGEST = 30_000
# Place values and sums in words: what they come to is not worked out.
_DESCRIPTIONS = (
    "tens", "ones", "units", "hundreds", "take away", "taken away", "subtracted", "subtract", "reduced by",
    "increased by", "decreased by", "short of", "lots of", "difference of", "difference between", "sum of",
    "product of", "added to", "more than", "less than", "times over",
)  # fmt: skip
_DESCRIBED = re.compile(rf"\b(?:{'|'.join(_DESCRIPTIONS)}|\w+ times)\b")
_HALF, _QUARTER = re.compile(r"\bhalf\b"), re.compile(r"\bquarter\b")
_SPOKEN_ZERO = re.compile(r"(?<!\d)0[ -](?=\d(?!\d))")
_LONE_HOUR = re.compile(r"(?<![\d:.])\d{1,2}(?!\d|\s?[:.h]\s?\d)")
_PAST, _BEFORE = re.compile("past|after|gone"), re.compile(r"\bto\b|before|\btill?\b|\*|-")
_FUNCTION = re.compile(
    r"(?:√|sqrt|root|factorial|mod|log|ln|choose|hex|base)(?: of)?[^a-z\d]{0,4}\d"
    r"|0[xb][0-9a-f]|\d\s?(?:factorial|choose)"
)


# What `may_state` looks for. Any word that matters in a text without digits, in one pattern:
_TELLING = re.compile(any_of([*HINTS, *_DESCRIPTIONS, " times", *NUMERIC_PHRASES, "noon", "midday", "midnight"]))
_ARTICLE = re.compile(r"an?[^a-z]")
_UNIT_NAMED = re.compile(any_of(word for word in UNITS if len(word) > 2))
_MARKS = re.compile(r"[*_`~<{}$\\]")
_LEET_SIGN = re.compile(r"[013457@$|!]")
_TO_LETTERS = {point: chr(point) if chr(point) in "abcdefghijklmnopqrstuvwxyz" else None for point in range(128)}


def may_state(reference: Reference, cased: str, text: str) -> bool:
    """Whether a response has to be read at all: where this is False, `_standing` finds nothing.

    Most of what a search tries is nonsense with no number in it, or with a few plain digits that are not the
    reference's. To say so takes a few searches; to read a text takes ten times as long.

    Raises:
        TooMuch: as `_standing` does for this response.
    """
    if not text.isascii() or len(text) > _LONGEST or reference.odd or _may_tell(text) or _may_spell(reference, text):
        return True
    if _ROMAN.search(cased) and reference.values and _is_roman(reference.values[0][0], cased, any_sign=True):
        return True
    bare = MARKUP.sub("", text) if _MARKS.search(text) else text
    if bare is not text and _may_tell(bare):
        return True
    if not _DIGIT.search(text):
        return False
    # Digits, and nothing that would become one: where each layout has one reading, this is all that `_standing` does.
    if "\\" in text or "andand" in text or has_product(text) or _FUNCTION.search(text):
        return True
    if ("/" in text and PART.search(text)) or ("!" in text and FACTORIAL.search(text)):
        return True
    return any(_may_count(reference, layout) for layout in dict.fromkeys((text, bare)))


def _may_count(reference: Reference, layout: str) -> bool:
    """Whether the digits of a layout without number words state the reference, or can be read in several ways."""
    stated = symbols(layout)
    return bool(
        SEPARATED.search(stated)
        or _has_digits(reference, stated, any_sign=True)
        or (reference.clock is not None and _tells_time(reference.clock, layout))
        or (reference.values and _has_value(reference, stated, any_sign=True))
    )


def _may_tell(text: str) -> bool:
    """Whether a word stands in the text that brings a number, or describes one."""
    return bool(_TELLING.search(text) or (_ARTICLE.search(text) and _UNIT_NAMED.search(text)))


def _may_spell(reference: Reference, text: str) -> bool:
    """Whether a spelling of the reference stands in the text, whatever its sign."""
    if reference.short and reference.short.search(text):
        return True
    runs = [text.translate(_TO_LETTERS).replace("and", "")]
    if _LEET_SIGN.search(text):
        runs.append(text.translate(_LEET).translate(_TO_LETTERS).replace("and", ""))
    for run in runs:
        for way in reference.long:  # a loop: `any` would cost more than what it looks at
            if way in run:
                return True
    return False


def _standing(reference: Reference, cased: str, text: str) -> str:
    """Where the reference stands in a response, in a few words; empty if nowhere."""
    if UNREAD in cased:
        return "a numeral that cannot be read"
    if _DESCRIBED.search(text):
        return "a number that is described"
    letters = _NOT_LETTERS.sub("", text)
    any_sign = reference.values[:1] == ((0, 0),) or bool(
        (_TURNS_NEGATIVE if reference.negative else _TURNS_POSITIVE).search(text)
    )
    if _is_spelt(reference, text, letters, any_sign):
        return "in words"
    if reference.values and _is_roman(reference.values[0][0], cased, any_sign):
        return "as a Roman numeral"
    if not (_DIGIT.search(text) or NUMBER_WORD.search(letters) or _CLOCK_WORDS.search(text) or _ONE_UNIT.search(text)):
        return ""
    if len(text) > _LONGEST:
        return "it is too long to read"
    if _FUNCTION.search(text):
        return "a function that is not evaluated"
    if reference.odd and _has_other_unit(reference, text):
        return "another unit"
    for layout in layouts(text):
        rewritten = rewrite(layout)
        texts = (rewritten,) if rewritten == layout else (rewritten, symbols(layout))
        if any(_has_digits(reference, reading, any_sign) for each in texts for reading in readings(each)):
            return "its digits"
        if reference.clock is not None and _tells_time(reference.clock, layout):
            return "as a time of day"
        if reference.values and any(_has_value(reference, reading, any_sign) for reading in readings(rewritten)):
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
        runs.append(_NOT_LETTERS.sub("", text.translate(_LEET)).replace("and", ""))
    for run in runs:
        for way in reference.long:
            at = run.find(way)
            while at >= 0:
                if way.startswith(("minus", "negative")) or signed(run[max(0, at - 10) : at]):
                    return True
                at = run.find(way, at + 1)
    return False


def _is_roman(value: Value, cased: str, any_sign: bool) -> bool:
    if value > 0:
        return any(roman(m[0].upper()) == value for m in _ROMAN.finditer(cased))
    found = (m for m in _ROMAN.finditer(cased) if roman(m[0].upper()) == -value)
    return any(any_sign or -1 in signs(cased, *m.span()) for m in found)


def _has_digits(reference: Reference, text: str, any_sign: bool) -> bool:
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


def _has_value(reference: Reference, text: str, any_sign: bool) -> bool:
    """Whether a number, quantity or sum in the text has the reference's value."""
    if ":" in text and (not reference.amounts or any(unit == "time" for unit, _, _ in reference.amounts)):
        text = " | ".join(_COLON.sub(units, text) for units in (r"\1 h \2 min", r"\1 min \2 s"))
    if not _DIGIT.search(text) or (reference.whole and not _is_composed(text)):
        return False
    return any(reference.meets(reading, any_sign) for reading in scan(text))


def _is_composed(text: str) -> bool:
    """Whether there is more in the text than whole numbers on their own (which `_has_digits` has dealt with)."""
    return bool(_POINT.search(text)) or any(tail in _MATTERS or not tail.isalpha() for tail in _TAIL.findall(text))


def _has_other_unit(reference: Reference, text: str) -> bool:
    """Whether a unit other than the reference's own is named; what is in it might equal the reference."""
    own = {*re.findall("[a-z]+|°", reference.text.casefold())}
    named = {word for word in re.findall("[a-z]+", text) if len(word) > 2} | {*re.findall(r"\d\s*°?\s*([a-z]+)", text)}
    return any(word not in own and (word in UNITS or word in ODD_UNITS) for word in named)


def _tells_time(clock: int, layout: str) -> bool:
    """Whether a time of day, on a clock of 12 or 24 hours, stands in the text: `14.35`, `25 to 3`, `half past two`."""
    if clock % 720 == 0 and _CLOCK_WORDS.search(layout):
        return True
    text = rewrite(_HALF.sub(" 30 ", _QUARTER.sub(" 15 ", layout)))
    pairs: set[tuple[int, int]] = set()
    for told in (text, _SPOKEN_ZERO.sub("", text)):  # two oh five
        pairs.update(pairwise(int(digits) for digits in re.findall(r"\d+", told) if len(digits) < 5))
    minute, hours, later = clock % 60, _on_dials(clock // 60), _on_dials(clock // 60 + 1)
    forms = {(hour, minute) for hour in hours}
    if _PAST.search(text):
        forms |= {(minute, hour) for hour in hours}
    if _BEFORE.search(text):
        forms |= {(60 - minute, hour) for hour in later}
    return not forms.isdisjoint(pairs) or (not minute and not hours.isdisjoint(map(int, _LONE_HOUR.findall(text))))


def _on_dials(hour: int) -> set[int]:
    """The numbers that an hour has on clocks of 12 and 24 hours."""
    return {hour % 12, hour % 12 + 12} | ({24} if hour % 12 == 0 else set())


_MARK = re.compile(
    r"\\boxed\s?\{|####|\banswer\b(?:[^\w\n]{0,6}(?:is|are|was|would be|should be|equals|comes to|:|=))+[:\s]{0,3}"
)
_SENTENCE_END = re.compile(r"\n|\.(?:\s|\Z)|[;!?](?:\s|\Z)")
_HEDGE = re.compile(r"\b(?:or|not|never|either|neither|nor|maybe)\b|n't|≠|\?")
_EQUATION = re.compile(r"[^a-z]*(?:\b[a-z]\b[^a-z]*)?=")
_TIME = re.compile(r"(?<![\d:.])(?:(\d{1,2})[:.h](\d\d)(?!\d)\s*(?:([ap])\.?\s?m\b)?|(\d{1,2})\s*([ap])\.?\s?m\b)")
_SHOWN = re.compile(r"-?[$€£]?\d[\d.,:/]{0,40}%?")


def _marked(text: str) -> str:
    """What follows the last mark of a final answer, to the end of its sentence; empty without a mark."""
    marks = list(_MARK.finditer(text))
    if not marks:
        return ""
    segment = _SENTENCE_END.split(text[marks[-1].end() : marks[-1].end() + 200].strip(), maxsplit=1)[0]
    while "=" in segment and _EQUATION.match(segment):  # x = 270 + 2 = 272
        segment = _EQUATION.sub("", segment, count=1)
    return segment


def _answers(reference: Reference, text: str) -> bool:
    """Whether the final answer, marked or else the last number, is the reference: plainly, with no other beside it."""
    marked = _marked(text)
    segment = marked or text[-400:]
    if _HEDGE.search(marked or _SENTENCE_END.split(text.rstrip(" .!\n")[-100:])[-1]):
        return False
    if reference.clock is not None:
        return _answers_time(reference.clock, segment, first=bool(marked))
    return any(_ends_on(reference, body, bool(marked)) for body in dict.fromkeys((segment, unmarked(segment))))


def _ends_on(reference: Reference, segment: str, first: bool) -> bool:
    """Whether the first or last statement of a number in the segment, at its widest, is the reference."""
    found = scan(primary(rewrite(segment)))
    if not found:
        return False
    widest = min(found, key=lambda r: (r.start, -r.end)) if first else max(found, key=lambda r: (r.end, -r.start))
    return any(reference.is_answer(r) for r in found if (r.start, r.end) == (widest.start, widest.end))


def _answers_time(clock: int, text: str, first: bool) -> bool:
    times = list(_TIME.finditer(text))
    if not times:
        return False
    told = times[0 if first else -1]
    hour, minute, half = int(told[1] or told[4]), int(told[2] or 0), told[3] or told[5]
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour % 24 * 60 + minute == clock


def _absence(reference: Reference, text: str) -> str:
    """The proof that a response is wrong, in a sentence."""
    if _DIGIT.search(text):
        shown = _SHOWN.findall(_marked(text))[:1] or _SHOWN.findall(text)
    else:
        shown = _SHOWN.findall(rewrite(text)) if NUMBER_WORD.search(text) else []
    if not shown:
        return f"states no number; reference {reference.text}"
    return f"final answer {shown[-1].rstrip('.,:/')}, reference {reference.text}; {reference.text} stands nowhere in it"


def _rule_words(reference: Reference, response: str) -> Ruling:
    """A reference that is no number: only the same text is right, and only a response without words is wrong."""
    text = clean(response).casefold()
    squashed, own = _squash(text), _squash(reference.words)
    if own and own in (squashed, _squash(_marked(text))):
        return Ruling(Truth.RIGHT, f"the final answer is the reference {reference.text}")
    raw = clean(reference.text).casefold().strip()
    if raw and raw == text.strip():
        return Ruling(Truth.RIGHT, f"it is the reference {reference.text}")
    empty = not any(char.isalnum() or char == UNREAD or ord(char) > 0x2000 for char in text)
    if empty and not (raw and raw in text) and not (own and own in squashed):
        return Ruling(Truth.WRONG, f"holds no letter or digit; reference {reference.text}")
    return Ruling(Truth.UNSURE, f"reference {reference.text} is no number, and other words may mean the same")


def _squash(text: str) -> str:
    return re.sub(r"[\s$*_`{}\\.,;:\"'!]", "", text)
