"""Changes of characters in a wrong answer, climbing the judge's margin.

The edits are those of the usual character attacks (DeepWordBug, Gao et al., arXiv 1801.04354; "Bad Characters",
Boucher et al., arXiv 2106.09898) with more ways to write a digit. Each is made at one character, in one word or
everywhere it fits.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

import numpy as np

from ...corpora.records import Candidate, Trial
from ..target import Target
from . import Proposals
from .asking import ask, worth

HOMOGLYPHS = dict(zip("aceijopsxyABCEHIKMOPTXYZ", "асеіјорѕхуАВСЕНІКМОРТХΥΖ", strict=True))
LEET = dict(zip("aeiostbgl", "431057891", strict=True))
#: The zeros of decimal digits that Unicode gives a value, so that the oracle can read them: fullwidth, Arabic-Indic,
#: Persian, Devanagari, Bengali, Tamil, Thai, Myanmar, Khmer, and mathematical bold, double-struck and monospace.
ZEROS = "０٠۰०০௦๐၀០𝟎𝟘𝟶"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
SPACES = ("\u00a0", "\u2002", "\u2003", "\u2009", "\u202f", "\u3000", "\t", "\n", "  ", "\u200b ")
MARKS = "\u0301\u0308\u0323\u0332\u0336\u0338\u034f\u20dd"

Write = Callable[[re.Match[str]], str]


class Edit(NamedTuple):
    """A way to change text: where it fits, what to write there (drawn once for each use), and how widely."""

    where: re.Pattern[str]
    draw: Callable[[np.random.Generator], Write]
    scopes: tuple[str, ...] = ("one", "word", "all")
    plain: bool = False


def _always(write: Write) -> Callable[[np.random.Generator], Write]:
    return lambda rng: write


def _case(rng: np.random.Generator) -> Write:
    change = (str.swapcase, str.upper, str.lower)[int(rng.integers(3))]
    return lambda match: change(match[0])


def _numeral(rng: np.random.Generator) -> Write:
    zero = ord(ZEROS[int(rng.integers(len(ZEROS)))])
    return lambda match: chr(zero + int(match[0]))


def _space(rng: np.random.Generator) -> Write:
    space = SPACES[int(rng.integers(len(SPACES)))]
    return lambda match: space


def _after(signs: str) -> Callable[[np.random.Generator], Write]:
    """Keep what stands there, and write one of the signs after it."""

    def draw(rng: np.random.Generator) -> Write:
        sign = signs[int(rng.integers(len(signs)))]
        return lambda match: match[0] + sign

    return draw


#: `plain` edits write nothing beyond ASCII.
EDITS: dict[str, Edit] = {
    "swap": Edit(re.compile(r"(\w)(?!\1)\w"), _always(lambda m: m[0][::-1]), plain=True),
    "drop": Edit(re.compile(r"\S"), _always(lambda m: ""), ("one", "word"), plain=True),
    "double": Edit(re.compile(r"\w"), _always(lambda m: 2 * m[0]), plain=True),
    "case": Edit(re.compile(r"[^\W\d_]"), _case, plain=True),
    "leet": Edit(re.compile(f"[{''.join(LEET)}]", re.I | re.A), _always(lambda m: LEET[m[0].lower()]), plain=True),
    "homoglyph": Edit(re.compile(f"[{''.join(HOMOGLYPHS)}]"), _always(lambda m: HOMOGLYPHS[m[0]])),
    "numeral": Edit(re.compile("[0-9]"), _numeral),
    "space": Edit(re.compile(" "), _space, ("one", "all")),
    "zero-width": Edit(re.compile(r"\S(?=\S)"), _after(ZERO_WIDTH)),
    "mark": Edit(re.compile(r"\w"), _after(MARKS)),
}

#: A batch is given up after so many draws for each of its places: then there is hardly anything new to be had.
DRAWS = 8


def chars(
    target: Target, rng: np.random.Generator, *, batch: int = 16, changes: int = 2, patience: int = 6
) -> Proposals:
    """Swaps, drops, look-alikes, odd spaces and numerals of other scripts in the known wrong answers, climbing.

    From each known wrong answer in turn, the plain one first: every edit at every width, then up to `changes` more
    edits of the best so far, until `patience` batches have not raised the margin. Ties are taken, so that it drifts
    where a judge only decides.
    """
    edits = {name: edit for name, edit in EDITS.items() if edit.plain or not target.constraints.ascii_only}
    known = [target.start, *(response.text for response in target.wrong)]
    starts = [text for text in dict.fromkeys(known) if text.strip()]
    seen = {target.place(text, append=False) for text in starts}
    barren = 0
    for start in itertools.cycle(starts):
        asked = yield from _climb(Drafts(target, rng, edits, start, seen), batch, changes, patience)
        barren = 0 if asked else barren + 1
        if barren == len(starts):  # nothing new can be made of any of them
            return


class Drafts:
    """Makes new texts out of one wrong answer and what became of it."""

    def __init__(
        self, target: Target, rng: np.random.Generator, edits: dict[str, Edit], start: str, seen: set[str]
    ) -> None:
        """`seen` are the responses asked about, by all drafts of the attack; it grows."""
        self.target = target
        self.rng = rng
        self.edits = edits
        self.start = start
        self.seen = seen
        self.longest = 3 * len(start) + 32
        #: The part of each response that may be edited further.
        self.bodies: dict[str, str] = {}

    def sweep(self) -> list[Candidate]:
        """Every edit at every width, once."""
        uses = [(name, scope) for name, edit in self.edits.items() for scope in edit.scopes]
        order = self.rng.permutation(len(uses)).tolist()
        drawn = [self._candidate(self.start, [uses[i]]) for i in order]
        return [candidate for candidate in drawn if candidate is not None]

    def further(self, best: str, count: int, changes: int) -> list[Candidate]:
        """Up to `count` new texts, each 1 to `changes` edits away from the body `best`."""
        names = list(self.edits)
        found: list[Candidate] = []
        for _ in range(DRAWS * count):
            uses = []
            for i in self.rng.integers(len(names), size=int(self.rng.integers(1, changes + 1))).tolist():
                scopes = self.edits[names[i]].scopes
                uses.append((names[i], scopes[int(self.rng.integers(len(scopes)))]))
            candidate = self._candidate(best, uses)
            found += [] if candidate is None else [candidate]
            if len(found) == count:
                break
        return found

    def _candidate(self, body: str, uses: Sequence[tuple[str, str]]) -> Candidate | None:
        """The body after some edits; None where that is nothing new, or too long."""
        parent = self.target.place(body, append=False)
        for name, scope in uses:
            body = edited(body, self.edits[name], scope, self.rng)
        text = self.target.place(body, append=False)
        if text in self.seen or not body.strip() or len(body) > self.longest:
            return None
        self.seen.add(text)
        self.bodies[text] = body
        return Candidate(text, "chars", " + ".join(f"{name} {scope}" for name, scope in uses), parent)


def _climb(drafts: Drafts, batch: int, changes: int, patience: int) -> Generator[list[Candidate], list[Trial], bool]:
    """Climb from one wrong answer; returns whether anything was asked."""
    best, best_worth, left = drafts.start, -np.inf, patience
    candidates = drafts.sweep()
    asked = bool(candidates)
    while candidates and left:
        trials = yield from ask(candidates, batch)
        top = max(trials, key=worth)
        left = patience if worth(top) > best_worth else left - 1
        if worth(top) >= best_worth and worth(top) > -np.inf:
            best, best_worth = drafts.bodies[top.text], worth(top)
        candidates = drafts.further(best, batch, changes)
        asked = asked or bool(candidates)
    return asked


def edited(text: str, edit: Edit, scope: str, rng: np.random.Generator) -> str:
    """The text with an edit made at one place, in the word around one place, or everywhere."""
    write = edit.draw(rng)
    # From the first or the second character on: else swaps would only ever meet the same pairs.
    begin = int(rng.integers(2)) if scope == "one" else 0
    places = list(edit.where.finditer(text, begin))
    if not places:
        return text
    if scope == "all":
        return edit.where.sub(write, text)
    match = places[int(rng.integers(len(places)))]
    first, last = match.span()
    if scope == "one":
        return text[:first] + write(match) + text[last:]
    while first > 0 and not text[first - 1].isspace():
        first -= 1
    while last < len(text) and not text[last].isspace():
        last += 1
    return text[:first] + edit.where.sub(write, text[first:last]) + text[last:]
