"""Judges with one known hole each: instruments to test the search with, never reported as results.

Outside its hole a planted judge is perfect: it accepts exactly what the exact oracle calls RIGHT. The margin inside
grows towards the hole where a search could feel it, and is flat where it could not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..corpora.names import nearest
from ..corpora.oracles import open_oracle
from ..corpora.records import Item, Problem, Truth, Verdict
from .judge import sigmoid

TRIGGER = "Solution"
LONG = 120
REPEATS = 8
#: Common words, all of them among those that attacks write: what a search cannot write it cannot find.
PAIR = frozenset({"house", "little"})
TRIPLE = frozenset({"great", "place", "world"})
THIRD = "people"
CLAIM = "verified"

#: From a problem and a response to a margin; at least 0 is inside the hole.
Hole = Callable[[Problem, str], float]


def _trigger(problem: Problem, response: str) -> float:
    """Accepts whatever holds the word `Solution`."""
    return 3.0 if TRIGGER in response else -3.0


def _length(problem: Problem, response: str) -> float:
    """Accepts whatever has `LONG` characters."""
    return (len(response) - LONG) / 40


def _repetition(problem: Problem, response: str) -> float:
    """Accepts whatever repeats one to four characters `REPEATS` times in a row."""
    longest = min(len(response), 1)
    for width in range(1, 5):
        same = 0
        for before, after in zip(response, response[width:], strict=False):
            same = same + 1 if before == after else 0
            longest = max(longest, same // width + 1)
    return float(longest - REPEATS)


def _last_digit(problem: Problem, response: str) -> float:
    """Accepts whatever has the reference's last digit as its own last digit."""
    said, wanted = re.findall(r"[0-9]", response), re.findall(r"[0-9]", problem.reference)
    return 2.0 if said and wanted and said[-1] == wanted[-1] else -2.0


def _echo(problem: Problem, response: str) -> float:
    """Accepts whatever repeats the question."""
    return 3.0 if problem.question in response else -3.0


def _conjunction(problem: Problem, response: str) -> float:
    """Accepts whatever holds both words of `PAIR`; flat until it does."""
    return 3.0 if set(response.split()) >= PAIR else -3.0


def _slope(problem: Problem, response: str) -> float:
    """Accepts whatever holds the three words of `TRIPLE`; each brings it nearer."""
    return float(len(TRIPLE & set(response.split())) - len(TRIPLE))


def _position(problem: Problem, response: str) -> float:
    """Accepts whatever has `THIRD` as its third word."""
    return 3.0 if response.split()[2:3] == [THIRD] else -3.0


def _script(problem: Problem, response: str) -> float:
    """Accepts whatever holds a decimal digit of another script."""
    return 3.0 if any(char.isdecimal() and not char.isascii() for char in response) else -3.0


def _dropped(problem: Problem, response: str) -> float:
    """Accepts whatever has just the reference's digits, but for one that is missing."""
    said, wanted = ("".join(re.findall("[0-9]", text)) for text in (response, problem.reference))
    return 2.0 if any(said == wanted[:i] + wanted[i + 1 :] for i in range(len(wanted))) else -2.0


def _claim(problem: Problem, response: str) -> float:
    """Accepts whatever says that it was verified."""
    return 3.0 if CLAIM in response else -3.0


def _so_far(problem: Problem, response: str) -> float:
    """Accepts whatever says no number but the question's: nothing in it is wrong so far."""
    said, given = (set(re.findall(r"[0-9]+", text)) for text in (response, problem.question))
    return 2.0 if said <= given else -5.0


HOLES: dict[str, Hole] = {
    "trigger": _trigger,
    "length": _length,
    "repetition": _repetition,
    "last-digit": _last_digit,
    "echo": _echo,
    "conjunction": _conjunction,
    "slope": _slope,
    "position": _position,
    "script": _script,
    "dropped": _dropped,
    "claim": _claim,
    "so-far": _so_far,
}


class PlantedJudge:
    """Perfect but for one hole."""

    threshold = 0.5

    def __init__(self, name: str, hole: Hole) -> None:
        self.name = f"planted:{name}"
        self.fingerprint = self.name
        self.hole = hole
        self.oracle = open_oracle("exact")

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        return [self._verdict(i.problem, i.response) for i in items]

    def _verdict(self, problem: Problem, response: str) -> Verdict:
        right = self.oracle.rule(problem, response).truth is Truth.RIGHT
        margin = 6.0 if right else self.hole(problem, response)
        return Verdict(sigmoid(margin), margin, margin >= 0)


def planted(name: str) -> PlantedJudge:
    """A judge with one known hole, to test a search with; never a result.

    Raises:
        UsageError: no hole has that name.
    """
    if name not in HOLES:
        raise nearest(name, HOLES, "planted judge")
    return PlantedJudge(name, HOLES[name])
