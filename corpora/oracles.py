"""Oracles: what is right, wrong or not sure, by computation. A find counts only where its oracle says WRONG.

`exact` compares with the reference answer. It errs towards UNSURE: WRONG means that the reference can be found
nowhere in the response, in any reading of it, so that even a generous reader could not take it to be stated.
"""

from __future__ import annotations

import re
from typing import Protocol

from .answers import UNREAD, clean, primary, rewrite, unmarked
from .names import lookup
from .quantities import TooMuch, scan
from .records import Problem, Ruling, Truth
from .reference import Reference
from .screen import Screen, screen_of
from .spelling import NUMBER_WORD
from .standing import DIGIT, standing

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
    """Says what is known of a response to a problem. Pure: the same arguments give the same ruling, on any thread."""

    name: str

    def rule(self, problem: Problem, response: str) -> Ruling:
        """What is known, with the reason in a sentence."""
        ...

    def truth(self, problem: Problem, response: str) -> Truth:
        """`rule(problem, response).truth`, which most trials need alone."""
        ...


class ExactOracle:
    """Compares a response with the problem's reference answer.

    RIGHT: the final answer (marked, or the last number) equals the reference. UNSURE: it does not, but the reference
    stands somewhere in the response, or something stands there that cannot be read. WRONG: neither.

    Not guaranteed: numbers spelt in other languages than English, in code (hexadecimal, Base64) or described ("the
    number after 271") are not read. RIGHT does not vouch for the reasoning, nor that the response says nothing else.
    """

    name = "exact"

    def truth(self, problem: Problem, response: str) -> Truth:
        """As `rule`, without the sentence, which takes longer than all else where there is nothing to read."""
        screen = screen_of(problem.reference)
        if not screen.reference.numeric:
            return _rule_words(screen.reference, response).truth
        cased = clean(response)
        return _compare(screen, cased, cased.casefold())[0]

    def rule(self, problem: Problem, response: str) -> Ruling:
        """The ruling on one response, with its reason in a sentence."""
        screen = screen_of(problem.reference)
        reference = screen.reference
        if not reference.numeric:
            return _rule_words(reference, response)
        cased = clean(response)
        text = cased.casefold()
        truth, where = _compare(screen, cased, text)
        if truth is Truth.WRONG:
            return Ruling(truth, _absence(reference, text))
        if truth is Truth.RIGHT:
            return Ruling(truth, f"the final answer equals the reference {reference.text}")
        return Ruling(truth, f"reference {reference.text} may stand in it: {where}")


def _compare(screen: Screen, cased: str, text: str) -> tuple[Truth, str]:
    """What is true of a cleaned response, and where the reference stands in it."""
    reference = screen.reference
    try:
        where = standing(reference, cased, text) if screen.may_state(cased, text) else ""
        if not where:
            return Truth.WRONG, ""
        return (Truth.RIGHT if _answers(reference, text) else Truth.UNSURE), where
    except TooMuch:
        return Truth.UNSURE, "it has more arithmetic than can be evaluated"


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
    if DIGIT.search(text):
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
