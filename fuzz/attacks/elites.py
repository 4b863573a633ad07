"""MAP-Elites: the best text of every shape, instead of the best text.

Mouret and Clune 2015 (arXiv 1504.04909), as in Rainbow Teaming (arXiv 2402.16822): texts are sorted into cells by
length, kind of characters and perplexity, and each cell keeps its best. Parents are drawn from all cells alike, so that
shapes that do badly are worked on too. What other attacks find goes into the same cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...corpora.records import Trial
from ..pool import Pool, written
from ..strings import Breeder, String
from ..target import Target
from ..traits import Cell, traits
from . import Proposals
from .genetic import TRIES, Parents, beginnings, proposed
from .repeat import batches


class Map:
    """The best text and its margin by cell."""

    def __init__(self) -> None:
        self.best: dict[Cell, tuple[float, str]] = {}

    def put(self, cell: Cell, margin: float, text: str) -> bool:
        """Keep a text if it is the best of its cell; whether it is."""
        if cell in self.best and self.best[cell][0] >= margin:
            return False
        self.best[cell] = (margin, text)
        return True

    def texts(self) -> list[str]:
        """One text a cell, cells in order."""
        return [self.best[cell][1] for cell in sorted(self.best)]


def elites(
    target: Target,
    rng: np.random.Generator,
    *,
    batch: int = 16,
    longest: int = 64,
    fluency: bool = True,
    append: bool = False,
) -> Proposals:
    """The best text of every length, kind of characters and perplexity; fed with the best texts of all attacks."""
    breeder, grid = Breeder(target.pieces, rng, target.longest(longest)), Map()
    everyone = target.commons.everyone.get(Pool)
    shapes = batches(target, rng, batch)
    fed: set[str] = set()
    parents: Parents = dict.fromkeys(beginnings())
    while True:
        fed.update(parents)
        trials = yield proposed(target, "elites", parents, "given", append=append)
        _sort(grid, target, trials, fluency=fluency)
        given = [t for t in _given(everyone, target.problem) if t not in fed][: batch // 4]
        parents = dict.fromkeys(given)
        parents |= {unit * count: None for _, unit, count in next(shapes)[: batch // 8]}
        donors: list[String] = [tuple(target.cut(text)) for text in grid.texts() if text]
        for _ in range(TRIES * batch):
            if len(parents) == batch:
                break
            parent = donors[int(rng.integers(len(donors)))] if donors else breeder.fresh(8)
            child = _child(breeder, parent, donors)
            if child not in fed:
                parents.setdefault(child, target.place("".join(parent), append=append))


def _given(pool: Pool, problem: str) -> list[str]:
    """What all attacks have found elsewhere, and their best texts here."""
    return [*(record.text for record in pool.finds(problem)), *pool.best(problem, 4)]


def _sort(grid: Map, target: Target, trials: Sequence[Trial], *, fluency: bool) -> None:
    """Put trials into their cells."""
    usable = [trial for trial in trials if trial.climbable]
    measured = target.fluency([t.text for t in usable]) if fluency else None
    for place, trial in enumerate(usable):
        text = written(trial)
        grid.put(traits(text, measured[place] if measured else None), trial.margin, text)


def _child(breeder: Breeder, parent: String, donors: Sequence[String]) -> str:
    """A child that may be of another shape: changed a little, cut to a half, doubled, or joined with another."""
    share = breeder.rng.random()
    half = max(1, len(parent) // 2)
    if share < 0.1:
        return "".join(parent[:half])
    if share < 0.2:
        return "".join((parent + parent)[: breeder.longest])
    if share < 0.3 and donors:
        return "".join((parent + donors[int(breeder.rng.integers(len(donors)))])[: breeder.longest])
    return "".join(breeder.child(parent, donors))
