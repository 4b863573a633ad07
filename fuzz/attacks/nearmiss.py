"""Wrong answers an edit away from the reference: whether a judge reads numbers, or only looks at them.

This attack reads the reference, and `fuzz.kinds` counts what it finds apart from all else.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from ...corpora.answers import clean
from ...corpora.records import Candidate
from ..kinds import is_near
from ..target import ReferenceTarget
from . import Proposals
from .asking import ask, worth

_RUN = re.compile("[0-9]+")
_NUMBER = re.compile(r"(?P<sign>(?<!\w)-)?(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]+))?")
_GROUPS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_LEADING_ZERO = re.compile(r"(?<![0-9.:])0[0-9]")
_UNIT = re.compile(r"(?<=[0-9]) ?([a-z]+)\Z")
#: A unit that a hasty reader takes for another. None is ten times another: an added zero would make the answer right.
OTHER_UNITS = {
    "dollars": "cents", "cents": "dollars", "euros": "cents", "seconds": "minutes", "minutes": "hours",
    "hours": "minutes", "days": "hours", "weeks": "months", "months": "years", "years": "months", "mm": "m",
    "cm": "m", "m": "km", "km": "miles", "miles": "km", "inches": "feet", "feet": "inches", "mg": "kg", "g": "kg",
    "kg": "pounds", "ml": "litres", "l": "ml", "litres": "gallons",
}  # fmt: skip
#: At most so many digits are edited, the last ones.
DIGITS = 24
#: So many double edits are drawn for each of a batch before the attack ends for want of new ones.
DRAWS = 32


def nearmiss(target: ReferenceTarget, rng: np.random.Generator, *, batch: int = 16) -> Proposals:
    """Answers a digit, sign, point, separator or unit away from the reference, in several wordings.

    First every single edit in a sentence, those that usually fool in front; then the other wordings, beginning with
    the edits that came closest; then double edits that are still near, at random, until there are no new ones. Where
    the reference holds no digit its letters are edited, which the exact oracle cannot prove wrong.
    """
    reference = _GROUPS.sub("", clean(target.reference).strip())
    singles = list(edits(reference))
    seen: set[str] = set()

    def fresh(kind: str, text: str, wording: str) -> list[Candidate]:
        """The edited reference in a wording; nothing where that does not fit, or was asked before."""
        placed = target.place(worded, append=False) if (worded := WORDINGS[wording](kind, text)) else ""
        if not placed or placed in seen:
            return []
        seen.add(placed)
        return [Candidate(placed, "nearmiss", f"{kind}, {wording}", target.reference)]

    first = [fresh(kind, text, "sentence")[0] for kind, text in singles]
    trials = yield from ask(first, batch)
    ranked = sorted(range(len(trials)), key=lambda i: -worth(trials[i]))
    others = [fresh(*singles[i], wording) for i in ranked for wording in WORDINGS if wording != "sentence"]
    yield from ask(list(itertools.chain(*others)), batch)
    doubles = Doubles(reference, singles, rng)
    while True:
        drawn = (c for double in doubles.draw(DRAWS * batch) for c in fresh(*double))
        if not (candidates := list(itertools.islice(drawn, batch))):
            return
        yield candidates


def edits(text: str) -> Iterator[tuple[str, str]]:
    """Edits of a reference, each with its kind: the first of every kind, then the second, and so on.

    None states the same number; where there are digits, some are left, and no number begins with a new zero.
    """
    seen = {text}
    own = _values(text)
    rows = itertools.zip_longest(*(make(text) for make in KINDS.values()))
    for row in rows:
        for kind, edited in zip(KINDS, row, strict=True):
            if not edited or edited in seen:
                continue
            seen.add(edited)
            odd = _LEADING_ZERO.search(edited) and not _LEADING_ZERO.search(text)
            if not odd and (not own or _values(edited) not in ([], own)):
                yield kind, edited


def _values(text: str) -> list[Fraction]:
    """The numbers in a text."""
    return [Fraction(number[0]) for number in _NUMBER.finditer(_GROUPS.sub("", re.sub("[$€£]", "", text)))]


def _places(text: str) -> list[int]:
    """Where the digits stand, or the letters if there are none; the last ones of many."""
    digits = [i for i, char in enumerate(text) if char in "0123456789"]
    return (digits or [i for i, char in enumerate(text) if char.isalpha()])[-DIGITS:]


def _dropped(text: str) -> Iterator[str]:
    """Without one character; of a number, something is left."""
    for i in reversed(_places(text)):
        if not text[i].isdecimal() or text[i - 1 : i].isdecimal() or text[i + 1 : i + 2].isdecimal():
            yield text[:i] + text[i + 1 :]


def _added(text: str) -> Iterator[str]:
    """A zero at the end of a number, a digit doubled, a one in front, and the other digits at the end.

    None at the end of decimals: it would only say the reference more exactly.
    """
    runs = [run for run in _RUN.finditer(text) if not text[: run.start()].endswith(".")]
    for run in runs:
        yield text[: run.end()] + "0" + text[run.end() :]
    for i in _places(text):
        yield text[:i] + text[i] + text[i:]
    for run in runs:
        yield text[: run.start()] + "1" + text[run.start() :]
        for digit in "123456789":
            yield text[: run.end()] + digit + text[run.end() :]


def _swapped(text: str) -> Iterator[str]:
    for i, j in itertools.pairwise(_places(text)):
        if j == i + 1:
            yield text[:i] + text[j] + text[i] + text[j + 1 :]


def _off_by_one(text: str) -> Iterator[str]:
    for run in _RUN.finditer(text):
        for number in (int(run[0]) + 1, int(run[0]) - 1):
            if number >= 0:
                yield text[: run.start()] + str(number).zfill(len(run[0]) * run[0].startswith("0")) + text[run.end() :]


def _replaced(text: str) -> Iterator[str]:
    """Each digit by others, the nearest first; an option's letter by other letters."""
    if len(text) == 1 and text.isalpha():
        yield from "ABCDE" if text.isupper() else "abcde"
    for distance in range(1, 10):
        for i in reversed(_places(text)):
            for digit in (int(text[i]) + distance, int(text[i]) - distance) if text[i].isdecimal() else ():
                if 0 <= digit <= 9:
                    yield text[:i] + str(digit) + text[i + 1 :]


def _lone(text: str) -> re.Match[str] | None:
    """The only number of a text; nothing where there are more, as in a time of day or a fraction."""
    found = list(_NUMBER.finditer(text))
    return found[0] if len(found) == 1 else None


def _negated(text: str) -> Iterator[str]:
    if number := _lone(text):
        before = number.start() - text[: number.start()].endswith(("$", "€", "£"))
        if number["sign"]:
            yield text[: number.start()] + text[number.start("whole") :]
        else:
            yield f"{text[:before]}-{text[before:]}"


def _pointed(text: str) -> Iterator[str]:
    """The decimal point one to three places away from where it stands."""
    if number := _lone(text):
        digits = (number["whole"] + (number["part"] or "")).lstrip("0")
        place = len(digits) - len(number["part"] or "")
        for at in (place - 1, place + 1, place - 2, place + 2, place - 3, place + 3):
            if at <= 0:
                moved = f"0.{'0' * -at}{digits}"
            else:
                moved = f"{digits[:at]}.{digits[at:]}" if at < len(digits) else digits.ljust(at, "0")
            yield text[: number.start("whole")] + moved + text[number.end() :]


def _separated(text: str) -> Iterator[str]:
    """Ten and a hundred times the number with separators, and with one in the wrong place.

    Its own digits with a separator among them are left out: a generous reader sees the reference in `27,2`.
    """
    if number := _lone(text):
        whole = number["whole"]
        for said in (f"{int(whole) * 10:,}", f"{int(whole) * 100:,}", f"{whole[:-1]},{whole[-1]}0"):
            if "," in said and not said.startswith(","):
                yield text[: number.start("whole")] + said + text[number.end("whole") :]


#: Kinds of edits, those that usually fool a judge first.
KINDS: dict[str, Callable[[str], Iterator[str]]] = {
    "dropped": _dropped,
    "added": _added,
    "swapped": _swapped,
    "sign": _negated,
    "off by one": _off_by_one,
    "point": _pointed,
    "separator": _separated,
    "replaced": _replaced,
}

#: Those that change one digit: no conversion between `OTHER_UNITS` does that, but for rare numbers.
DIGITAL = ("dropped", "added", "swapped", "off by one", "replaced")


def _worked(kind: str, text: str) -> str:
    """A line of working; where it can be a sum, one that is reckoned correctly."""
    number = _lone(text)
    if number is None or number["part"] or number["sign"] or int(number["whole"]) < 2 or "," in text:
        return f"Working it out gives {text}. The answer is {text}."
    whole = int(number["whole"])
    return f"Total: {whole // 2} + {whole - whole // 2} = {whole}. The answer is {text}."


def _unitless(kind: str, text: str) -> str:
    """The number without its unit; empty without one."""
    return _UNIT.sub("", text) if _UNIT.search(text) else ""


def _in_other_unit(kind: str, text: str) -> str:
    """With another unit; empty without a known one, and where its number may be the reference converted."""
    unit = _UNIT.search(text)
    if unit is None or unit[1] not in OTHER_UNITS or kind not in DIGITAL:
        return ""
    return text[: unit.start(1)] + OTHER_UNITS[unit[1]]


#: How an edited reference, of some kind, is said; empty where it cannot be.
WORDINGS: dict[str, Callable[[str, str], str]] = {
    "sentence": lambda kind, text: f"The answer is {text}.",
    "bare": lambda kind, text: text,
    "worked": _worked,
    "number": _unitless,
    "unit": _in_other_unit,
}


class Doubles:
    """Random edits of random edits that are still near the reference."""

    def __init__(self, reference: str, singles: list[tuple[str, str]], rng: np.random.Generator) -> None:
        self.reference = reference
        self.own = _values(reference)
        self.singles = singles
        self.rng = rng
        self._edits: dict[str, list[tuple[str, str]]] = {}
        self._near: dict[str, bool] = {}

    def draw(self, draws: int) -> Iterator[tuple[str, str, str]]:
        """Kind, text and wording of those among so many draws that are near; some may come again."""
        wordings = list(WORDINGS)
        for _ in range(draws if self.own and self.singles else 0):
            kind, once = self.singles[int(self.rng.integers(len(self.singles)))]
            if once not in self._edits:
                self._edits[once] = list(edits(once))
            twice = self._edits[once]
            if not twice:
                continue
            other, text = twice[int(self.rng.integers(len(twice)))]
            if text not in self._near:
                self._near[text] = _values(text) != self.own and is_near(self.reference, text.casefold())
            if self._near[text]:
                yield f"{kind} + {other}", text, wordings[int(self.rng.integers(len(wordings)))]
