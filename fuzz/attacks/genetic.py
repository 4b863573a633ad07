"""Genetic search in which all problems are one colony.

A genetic algorithm (tournament by rank, crossover, mutation) keeps a population of strings for each problem, as in
TextAttack's and others' word-level searches. What makes it strong on judges is that populations mix: a string that
comes near the threshold on one problem is tried as it is on the others, and its pieces and ends are bred into theirs.
Nonsense that moves a judge moves it on most problems, so each problem's queries work for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from ...corpora.records import Candidate
from ..pool import Pool
from ..strings import Breeder, String
from ..target import Target
from . import Proposals
from .openers import MASTER_KEYS, OTHERS

#: Texts to propose, each with the text that it was bred from, if it was.
Parents = dict[str, str | None]

#: Words and signs that strings of the first population repeat: judges of answers have seen few such texts.
REPEATED = (" is", " the", " answer", " yes", " OK.", ".", " so")
TIMES = (3, 8)

#: Ranks of parents fall off exponentially: about so many of the best are used often.
RANK = 4.0

#: Donors are the best so many strings of every problem.
DONORS = 3

#: At most so many strings of other problems are tried as they are in one batch, each with this chance.
MIGRANTS, CHANCE = 2, 0.5

#: Children bred at most for each that is wanted: where nearly all have been tried, a batch is smaller.
TRIES = 20


def genetic(
    target: Target,
    rng: np.random.Generator,
    *,
    batch: int = 8,
    length: int = 8,
    longest: int = 28,
    append: bool = False,
) -> Proposals:
    """A population of strings for each problem, bred with the best of all problems; starts from fixed strings."""
    breeder = Breeder(target.pieces, rng, target.longest(longest))
    pool = target.commons.get(Pool)
    tried: set[str] = set()
    fresh = ["".join(breeder.fresh(length)) for _ in range(batch)]
    parents: Parents = dict.fromkeys([*beginnings(), *fresh])
    op = "start"
    while True:
        tried.update(parents)
        yield proposed(target, "genetic", parents, op, append=append)
        migrants = [t for t in pool.others(target.problem) if t not in tried and rng.random() < CHANCE][:MIGRANTS]
        parents = dict.fromkeys(migrants)
        population = pool.best(target.problem)
        for child, parent in islice(children(target, breeder, pool, population), TRIES * batch):
            if child not in tried and child not in parents:
                parents[child] = target.place(parent, append=append)
            if len(parents) >= batch:
                break
        op = "migrate"


def proposed(target: Target, attack: str, parents: Parents, op: str, *, append: bool) -> list[Candidate]:
    """Texts as candidates: `breed` where they have a parent, else `op`."""
    return [
        Candidate(target.place(text, append=append), attack, op if parent is None else "breed", parent)
        for text, parent in parents.items()
    ]


def beginnings() -> Iterator[str]:
    """Fixed strings to start from: known openers, and words and signs repeated."""
    yield from dict.fromkeys((*MASTER_KEYS, *OTHERS))
    for times in TIMES:
        yield from (word * times for word in REPEATED)


def children(target: Target, breeder: Breeder, pool: Pool, population: list[str]) -> Iterator[tuple[str, str]]:
    """Endless pairs of a new text and the text that it was bred from."""
    donors = [cut for text in pool.others("", DONORS) if (cut := tuple(target.cut(text)))]
    known: dict[str, String] = {}
    while True:
        if not population:
            yield "".join(breeder.fresh(8)), ""
            continue
        parent = breeder.parent(population, RANK)
        string = known.setdefault(parent, tuple(target.cut(parent)))
        yield "".join(breeder.child(string, donors)), parent
