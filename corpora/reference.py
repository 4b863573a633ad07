"""A problem's reference answer, read once: its value, its unit, and the patterns that find it in a response."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from .answers import DASH, clean, primary, rewrite
from .quantities import Reading, TooMuch, Value, scan, size
from .spelling import spellings, spelt_fraction
from .units import ODD_UNITS, SCALES, UNITS, Unit

_MOST_DIGITS = 60
# A short run between two digits of one number: no letter, no operator, and no decimal point (tight between two digits).
_GAP = r"(?:(?!(?<=\d)\.\d)(?:[^\w+=*/<>^]|_)){0,8}"
_LOOKALIKES = {"0": "[0oq]", "1": "[1li|]", "2": "[2z]", "5": "[5s]", "6": "[6bg]", "8": "[8b]", "9": "[9gq]"}
LEET_WAYS = {"a": "[a4@]", "e": "[e3]", "i": "[i1!|]", "o": "[o0]", "l": "[l1|]", "s": "[s5$]", "t": "[t7]"}


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference answer says. If it is no number, only `text` and `words` are set.

    Attributes:
        text: as written.
        words: cleaned, lower-case, without outer punctuation.
        values: the numbers that state it alone, signed, each with its decimals (None: exact); 12% is 12 and 0.12.
        amounts: (dimension, value in the smallest unit, the unit's size): all that its unit may mean.
        converted: for a number without a unit, what it is in the smallest unit of each dimension, in any unit of it.
        whole: it is a number with at most one unit, so that the bare number answers too (not `2 h 15 min`).
        clock: minutes after midnight, for a time of day.
        odd: its unit cannot be converted, and others of its kind might equal it.
        negative: it is below zero.
        digits, lookalikes: patterns for its digits, however split, and with letters that look like digits.
        short, long: its spellings in words: a pattern for those below 6 letters, and plain strings for the rest.
    """

    text: str
    words: str
    values: tuple[tuple[Value, int | None], ...] = ()
    amounts: tuple[tuple[str, Value, Value], ...] = ()
    converted: Mapping[str, frozenset[Value]] = field(default_factory=dict)
    whole: bool = True
    clock: int | None = None
    odd: bool = False
    negative: bool = False
    digits: tuple[re.Pattern[str], ...] = ()
    lookalikes: tuple[re.Pattern[str], ...] = ()
    short: re.Pattern[str] | None = None
    long: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        return bool(self.values) or self.clock is not None

    def meets(self, reading: Reading, any_sign: bool = False) -> bool:
        """Whether a value stated in a response is the reference, or is it rounded, converted or made more precise."""
        for sign in (1, -1) if any_sign else reading.signs:
            value = sign * reading.value
            places = reading.places
            if reading.kind != "compound" and any(_close(value, places, *own) for own in self.values):
                return True
            for dimension, scale in reading.units:
                scaled = None if places is None or scale > 1 else places + 2  # percent
                if not dimension and any(_close(value * scale, scaled, *own) for own in self.values[-1:]):
                    return True
                if dimension and self._converts(dimension, value, scale, reading.places):
                    return True
        return False

    def _converts(self, dimension: str, value: Value, scale: Value, places: int | None) -> bool:
        if not self.amounts:  # `95` may be asked for in minutes, and answered in hours
            base, room = value * scale, Fraction(scale, 2 * 10**places) if places and places > 1 else None
            same = self.converted[dimension]
            return base in same or (room is not None and any(size(base - own) <= room for own in same))
        exactness = self.values[0][1] if self.values else None
        return any(
            value * scale == amount
            or _close(Fraction(value * scale) / unit, None, Fraction(amount) / unit, exactness)
            or _close(value, places, Fraction(amount) / scale, None)
            for own, amount, unit in self.amounts
            if own == dimension
        )

    def is_answer(self, reading: Reading) -> bool:
        """Whether a final answer is the reference, exactly, and in its unit if it names one."""
        if reading.kind == "computed" or len(reading.signs) != 1:
            return False
        value = reading.signs[0] * reading.value
        if reading.kind == "fraction" and value.denominator == 1:  # 544/2 is a sum still to be done
            return False
        scales = [scale for dimension, scale in reading.units if not dimension]
        dimensions = [unit for unit in reading.units if unit[0]]
        if dimensions and self.amounts:
            return any(d == own and value * s == amount for d, s in dimensions for own, amount, _ in self.amounts)
        if reading.kind == "compound" or not self.whole:
            return False
        numbers = [own for own, _ in self.values]
        if scales and not dimensions:
            return any(value * s in numbers for s in scales) or (value in numbers and scales == [Fraction(1, 100)])
        return value in numbers


def _close(value: Value, places: int | None, own: Value, own_places: int | None) -> bool:
    """Equal, or one is the other rounded; also cut off, where the reference has no end (a fraction)."""
    if value == own:
        return True
    if value.denominator == 1 and not (places and own.denominator > 1):
        return False
    gap = size(value - own)
    if own_places is not None and value.denominator > 1 and 2 * gap * 10**own_places <= 1:
        return True
    if not places or own.denominator == 1:
        return False
    return 2 * gap * 10**places <= 1 or (
        own_places is None and places > 1 and size(value) < size(own) and gap * 10**places < 1
    )


_CLOCK = re.compile(r"(\d{1,2}):(\d\d)\s*(?:([ap])\.?\s?m\.?)?|(\d{1,2})\s*([ap])\.?\s?m\.?")
_COUNTED = re.compile(r"(.*?\d%?)(\s*)([a-z°][a-z°/^.' ]*\d?)")
_NO_UNITS = frozenset(
    ["pi", "e", "i", "x", "y", "z", "n", "sqrt", "root", "log", "ln", "sin", "cos", "tan", "or", "and", "to", "mod"]
)


@lru_cache(maxsize=1 << 14)
def read_reference(text: str) -> Reference:
    """Read a reference answer; one that is not a single number, quantity or time is kept as words."""
    plain = clean(text).casefold().strip()
    words = plain.strip(" .\"'`*_")
    if len(plain) > 2 and plain[0] == plain[-1] == "$":  # LaTeX
        plain = plain[1:-1]
    body = primary(rewrite(plain)).strip().rstrip(".")
    clock = _CLOCK.fullmatch(body)
    if clock and int(clock[1] or clock[4]) <= 24 and int(clock[2] or 0) < 60:
        return _clock(text, words, clock)
    reading, odd = _only(body), False
    if reading is None and (counted := _COUNTED.fullmatch(body)):
        named = re.findall("[a-z]+", counted[3])
        if (len(counted[3].strip()) > 1 and not _NO_UNITS.intersection(named)) or counted[3] == "°":
            reading = _only(counted[1])
            odd = bool(
                re.search(r"[°/^\d]", counted[3]) or ODD_UNITS.intersection(named) or any(n in UNITS for n in named)
            )
    if reading is None or len(str(reading.value)) > 2 * _MOST_DIGITS:
        return Reference(text, words)
    negative = -1 in reading.signs
    value = -reading.value if negative else reading.value
    return _quantity(text, words, reading, value, odd)


def _only(body: str) -> Reading | None:
    """The reading that covers the whole text, if it is one number or quantity."""
    try:
        found = [r for r in scan(body) if r.kind != "computed" and not body[: r.start].strip(f" -+$€£{DASH}")]
    except TooMuch:
        return None
    return max(
        (r for r in found if not body[r.end :].strip()),
        key=lambda r: (r.end - r.start, len(r.signs) == 1),
        default=None,
    )


def _quantity(text: str, words: str, reading: Reading, value: Value, odd: bool) -> Reference:
    decimal = _decimal(size(value))
    places = len(decimal[1]) if reading.kind == "fraction" and decimal else reading.places
    values: list[tuple[Value, int | None]] = [(value, places)]
    units: list[Unit] = [unit for unit in reading.units if unit[0]]
    if reading.units and not units:  # 12%, 5k
        values += [
            (value * scale, places + 2 if places is not None and scale < 1 else None) for _, scale in reading.units
        ]
    if reading.kind == "compound":
        values = [(Fraction(value) / unit, None) for dimension, _ in units for unit in SCALES[dimension]]
    writable = [size(own) for own, _ in values]
    if any(dimension == "money" for dimension, _ in units):
        writable += [size(value) * 100]  # twelve fifty
    short, long = _spelt(size(value), value < 0)
    patterns = [_joined(w, _GAP) for w in map(_decimal, writable) if w]
    if value.denominator > 1 and reading.kind == "fraction":  # 3:4, 3 of 4
        patterns.append(rf"(?<!\d){size(value).numerator}\s?(?::|/|\*|of)\s?{value.denominator}(?!\d)")
    return Reference(
        text,
        words,
        values=tuple(values),
        amounts=tuple((dimension, value * scale, scale) for dimension, scale in units),
        converted={d: frozenset(own * unit for own, _ in values for unit in SCALES[d]) for d in SCALES},
        whole=reading.kind != "compound",
        odd=odd,
        negative=value < 0,
        digits=tuple(map(re.compile, patterns)),
        lookalikes=tuple(re.compile(_joined(w, "[,']?", _LOOKALIKES)) for w in map(_decimal, writable) if w),
        short=short,
        long=long,
    )


def _clock(text: str, words: str, match: re.Match[str]) -> Reference:
    hour, minute, half = int(match[1] or match[4]), int(match[2] or 0), match[3] or match[5]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    minutes = (hour % 24) * 60 + minute
    written = {f"{h}{minute:02}" for h in (hour, hour % 12, hour % 12 + 12) if h}
    return Reference(
        text,
        words,
        clock=minutes,
        digits=tuple(re.compile(_joined((digits, ""), _GAP)) for digits in sorted(written)),
    )


def _decimal(value: Value) -> tuple[str, str] | None:
    """Digits before and after the point, without needless zeros; None where they have no end."""
    for places in range(0, _MOST_DIGITS):
        if 10**places % value.denominator == 0:
            digits = str(value.numerator * 10**places // value.denominator).rjust(places + 1, "0")
            return digits[: len(digits) - places], digits[len(digits) - places :]
    return None


def _joined(number: tuple[str, str], gap: str, letters: dict[str, str] | None = None) -> str:
    """A pattern for digits with `gap` between them, that begins and ends where a run of digits does."""
    whole, part = (gap.join((letters or {}).get(digit, digit) for digit in half) for half in number)
    if part:
        start = rf"0*+{gap}{whole}{gap}" if number[0] != "0" else rf"(?:0++{gap})?"
        return rf"(?<!\d){start}[.,·]{gap}{part}{gap}0*+(?!\d)"
    # Branches that begin with what they consume let the regex engine skip to them.
    zeros, start = r"0(?<!\d0)(?<!\d\.0)0*+", whole[: whole.find("]") + 1] if whole[0] == "[" else whole[0]
    rest = whole[len(start) :]
    if number[0] == "0":
        return rf"{zeros}(?!\d)(?!\.\d)"
    return rf"(?:{zeros}{start}|{start}(?<!\d[^x])(?<!\d\.[^x])){rest}(?!\d)(?!\.\d)"


def _spelt(value: Value, negative: bool) -> tuple[re.Pattern[str] | None, tuple[str, ...]]:
    """A pattern for the short spellings, letters perhaps spaced out, and the long ones, without `and`."""
    ways = set(_spellings(value))
    short = sorted(way for way in ways if len(way) < 6)
    spaced = "|".join(
        r"[\W_]{0,3}".join(LEET_WAYS.get(letter, letter) if way[1:] else letter for letter in way) for way in short
    )
    pattern = re.compile(rf"(?<![a-z0-9])(?:{spaced})s?(?![a-z0-9])") if short else None
    long = {way for way in ways if len(way) >= 6}
    if negative:
        long |= {sign + way for way in short for sign in ("minus", "negative")}
    return pattern, tuple(sorted(way.replace("and", "") for way in long))


def _spellings(value: Value) -> Iterator[str]:
    if value.denominator == 1:
        yield from spellings(int(value))
    elif max(value.numerator, value.denominator) < 10**15:
        yield from spelt_fraction(Fraction(value))
    if value.denominator > 1 and (written := _decimal(value)):
        fraction = "".join(
            min(spellings(int(digit)), key=lambda way: (way not in _DIGITS, way)) for digit in written[1]
        )
        for whole in spellings(int(written[0])):
            yield f"{whole}point{fraction}"
            if written[1] in _QUARTERS:
                yield f"{whole}and{_QUARTERS[written[1]]}"


_QUARTERS = {"25": "aquarter", "5": "ahalf", "75": "threequarters"}
_DIGITS = frozenset(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
