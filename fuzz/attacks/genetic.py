"""A genetic search over strings of pieces: finds and near-finds cross (Holland 1975; on text, Alzantot et al. 2018).

Each generation keeps its best, and fills up with children of parents that won small tournaments. What has fooled the
judge on other problems joins as it becomes known, so that pieces which open the judge spread from cell to cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...corpora.records import Candidate
from ..edits import drawn_edits, edited, fresh_strings
from ..pool import Pool
from ..target import Target
from . import Proposals

#: A parent is the best of so many drawn.
TOURNAMENT = 3

#: Finds of other problems that join a generation, at most.
JOINING = 2


class Individual(NamedTuple):
    """A string with how it came to be, and once it has been asked about, its margin and text."""

    string: Sequence[str]
    op: str
    parent: str | None
    margin: float = -np.inf
    text: str = ""


def genetic(
    target: Target,
    rng: np.random.Generator,
    *,
    population: int = 24,
    elite: int = 8,
    length: int = 8,
    longest: int = 24,
    mutation: float = 0.7,
    append: bool = False,
) -> Proposals:
    """Crossover of finds and near-finds: tournaments, one or two cuts, mutation; the best survive.

    The first generation is made of texts that fooled the judge on other problems, up to half of it, and fresh strings.
    `elite` of each generation go on as they are; a child is mutated with probability `mutation`.
    """
    longest = target.longest(max(length, longest))
    start = target.start if append else None
    newcomers = Newcomers(target, longest)
    joined = [Individual(string, "find", start) for string in newcomers.next(population // 2)]
    fresh = fresh_strings(rng, target.pieces, max(1, population - len(joined)), target.longest(length))
    children = joined + [Individual(string, "fresh", start) for string in fresh]
    living: list[Individual] = []
    while True:
        trials = yield [
            Candidate(target.place("".join(c.string), append=append), "genetic", c.op, c.parent) for c in children
        ]
        told = [
            child._replace(margin=trial.margin, text=trial.text)
            for child, trial in zip(children, trials, strict=True)
            if trial.verdict.parsed
        ]
        living = _survivors(told, living, elite, population)
        count = max(1, population - elite)
        joined = [Individual(string, "find", start) for string in newcomers.next(min(JOINING, count))]
        children = joined + _children(rng, target, living, count - len(joined), mutation, (length, longest), start)


class Newcomers:
    """Texts that fooled the judge on other problems, cut into pieces, each once, the surest first."""

    def __init__(self, target: Target, longest: int) -> None:
        self.target = target
        self.longest = longest
        self.pool = target.commons.get(Pool)
        self._seen: set[str] = set()

    def next(self, count: int) -> list[list[str]]:
        """Up to `count` that have not been given out."""
        known = sorted(self.pool.finds(besides=self.target.problem), key=lambda record: -record.rate)
        texts = [record.text for record in known if record.text and record.text not in self._seen][:count]
        self._seen.update(texts)
        return [list(self.target.cut(text))[: self.longest] for text in texts]


def _survivors(
    told: Sequence[Individual], living: Sequence[Individual], elite: int, population: int
) -> list[Individual]:
    """The new ones and the best of the old, best first; of equals the newer, so that the search drifts on ties."""
    distinct: dict[str, Individual] = {}
    for individual in [*told, *living[:elite]]:
        distinct.setdefault(individual.text, individual)
    return sorted(distinct.values(), key=lambda individual: -individual.margin)[:population]


def _children(
    rng: np.random.Generator,
    target: Target,
    living: Sequence[Individual],
    count: int,
    mutation: float,
    lengths: tuple[int, int],
    start: str | None,
) -> list[Individual]:
    """A generation's children; fresh strings where nothing lives, since all that was tried breaks a constraint."""
    length, longest = lengths
    if not living:
        fresh = fresh_strings(rng, target.pieces, count, target.longest(length))
        return [Individual(string, "fresh", start) for string in fresh]
    children = []
    for few in drawn_edits(rng, len(target.pieces), count, 1):
        mother, father = (min(rng.integers(len(living), size=TOURNAMENT).tolist()) for _ in range(2))
        string = crossed(rng, living[mother].string, living[father].string, longest)
        mutates = rng.random() < mutation
        if mutates or string == list(living[mother].string):
            string = edited(string, few, target.pieces, longest)
        children.append(Individual(string, "cross+mutate" if mutates else "cross", living[mother].text))
    return children


def crossed(rng: np.random.Generator, mother: Sequence[str], father: Sequence[str], longest: int) -> list[str]:
    """A stretch of the father's in place of a stretch of the mother's; with one cut, both reach to the end.

    The cuts are at the same shares of both, which may differ in length. At least one piece is left.
    """
    shares = np.sort(rng.random(2))
    if rng.random() < 0.5:
        shares[1] = 1.0
    (a, b), (c, d) = (np.rint(shares * len(parent)).astype(int).tolist() for parent in (mother, father))
    return [*mother[:a], *father[c:d], *mother[b:]][:longest] or list(mother)
