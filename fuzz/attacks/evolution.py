"""Differential evolution in the space of token vectors (Storn and Price 1997), decoded to the nearest pieces.

A point holds one vector for each place of the string. Differences between points of the population say how far and
which way to step: large steps at first, small ones as the population draws together. Vectors are the judge's own
embeddings where it gives them; else they count the letters of each piece, so that spelling stands for meaning.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ...corpora.records import Candidate, Trial
from ..target import Target
from . import Proposals

Array = np.ndarray[Any, np.dtype[np.float64]]
Strategy = Literal["rand", "best", "both"]

#: Features of a piece's spelling are counted in so many slots.
SLOTS = 256

#: Places decoded at once: the products of more with all pieces would not fit into a cache.
ROWS = 64


class Space:
    """Vectors of all pieces, in few dimensions, and which piece is nearest to a point.

    It is kept among the learners of a run, since all cells need the same; it learns nothing.
    """

    def __init__(self, vectors: np.ndarray[Any, Any], dimensions: int) -> None:
        """`vectors` are `(pieces, width)`; their first principal components are taken."""
        self.points = projected(np.asarray(vectors, dtype=np.float64), dimensions)
        self._half_squares = (self.points**2).sum(1) / 2

    def observe(self, problem: str, trials: Sequence[Trial]) -> None:
        """See `Learner`."""

    def nearest(self, points: Array) -> np.ndarray[Any, np.dtype[np.intp]]:
        """The piece nearest to each of `(..., dimensions)` points."""
        rows = points.reshape(-1, self.points.shape[1])
        parts = [rows[i : i + ROWS] @ self.points.T - self._half_squares for i in range(0, len(rows), ROWS)]
        return np.concatenate([part.argmax(1) for part in parts]).reshape(points.shape[:-1])


def projected(vectors: Array, dimensions: int) -> Array:
    """Vectors by their first principal components, `(count, at most dimensions)`; signs are settled."""
    centred = vectors - vectors.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    chosen = axes[:, ::-1][:, :dimensions]
    largest = np.abs(chosen).argmax(0)
    return centred @ (chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])]))  # type: ignore[no-any-return]


def spelling_vectors(pieces: Sequence[str]) -> Array:
    """Counts of the 1 to 3 letters in a row of each piece, with its ends, hashed into `SLOTS`; of length 1."""
    vectors = np.zeros((len(pieces), SLOTS))
    for row, piece in enumerate(pieces):
        marked = f"\x02{piece}\x03"
        grams = [marked[i : i + size] for size in (1, 2, 3) for i in range(len(marked) - size + 1)]
        np.add.at(vectors[row], [zlib.crc32(gram.encode()) % SLOTS for gram in grams], 1.0)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)  # type: ignore[no-any-return]


class Differential:
    """Differential evolution by asking and telling: rand/1/bin, best/1/bin, or each for half of the population."""

    def __init__(
        self,
        rng: np.random.Generator,
        points: Array,
        *,
        scale: float = 0.6,
        crossover: float = 0.7,
        strategy: Strategy = "both",
    ) -> None:
        """`points` are `(population, dimensions)`, at least four: what the first `ask` gives."""
        self.rng = rng
        self.points = points
        self.values = np.full(len(points), -np.inf)
        self.scale = scale
        self.crossover = crossover
        self.strategy = strategy
        self._asked: Array | None = None

    def ask(self) -> Array:
        """One point to try for each of the population: at first these themselves."""
        if self._asked is None and np.isneginf(self.values).all():
            self._asked = self.points.copy()
            return self._asked
        count, size = self.points.shape
        mutants = np.empty_like(self.points)
        best = int(self.values.argmax())
        for i in range(count):
            a, b, c = self.rng.permutation(np.delete(np.arange(count), i))[:3].tolist()
            greedy = self.strategy == "best" or (self.strategy == "both" and i % 2 == 1)
            mutants[i] = self.points[best if greedy else a] + self.scale * (self.points[b] - self.points[c])
        crosses = self.rng.random((count, size)) < self.crossover
        crosses[np.arange(count), self.rng.integers(size, size=count)] = True
        self._asked = np.where(crosses, mutants, self.points)
        return self._asked

    def tell(self, values: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """The values of what was asked last, -inf where there is none. A point as good as the old takes its place.

        Returns which did.
        """
        assert self._asked is not None
        taken = (values >= self.values) & (values > -np.inf)
        self.points = np.where(taken[:, None], self._asked, self.points)
        self.values = np.where(taken, values, self.values)
        return taken

    def scatter(self, points: Array) -> None:
        """Put new points in place of all but the best, with values that anything beats."""
        best = int(self.values.argmax())
        others = np.arange(len(self.points)) != best
        self.points = np.where(others[:, None], points, self.points)
        self.values = np.where(others, -np.inf, self.values)


def evolution(
    target: Target,
    rng: np.random.Generator,
    *,
    length: int = 8,
    population: int = 16,
    dimensions: int = 24,
    scale: float = 0.6,
    crossover: float = 0.7,
    strategy: Strategy = "both",
    append: bool = False,
) -> Proposals:
    """Differential evolution over token vectors, decoded to the nearest tokens.

    `scale` weighs differences of points, `crossover` is the chance of each coordinate to come from the mutant. A
    population that says nothing new any more is scattered, but for its best.
    """
    length, population = target.longest(length), max(4, population)
    space = target.commons.get(lambda: Space(_vectors(target), dimensions), key=("space", dimensions))
    search = Differential(
        rng, _drawn(rng, space, population, length), scale=scale, crossover=crossover, strategy=strategy
    )
    start = target.start if append else None
    parents: list[str | None] = [start] * population
    op = "fresh"
    asked: set[str] = set()
    while True:
        points = search.ask().reshape(population, length, -1)
        strings = [[target.pieces[i] for i in row] for row in space.nearest(points).tolist()]
        texts = [target.place("".join(string), append=append) for string in strings]
        trials = yield [Candidate(text, "evolution", op, parent) for text, parent in zip(texts, parents, strict=True)]
        taken = search.tell(np.array([t.margin if t.climbable else -np.inf for t in trials]))
        parents = [text if new else old for text, new, old in zip(texts, taken, parents, strict=True)]
        op = "differ"
        if asked.issuperset(texts):
            search.scatter(_drawn(rng, space, population, length))
            op = "scatter"
        asked.update(texts)


def _vectors(target: Target) -> np.ndarray[Any, Any]:
    return spelling_vectors(target.pieces) if target.embeddings is None else target.embeddings()


def _drawn(rng: np.random.Generator, space: Space, population: int, length: int) -> Array:
    """The points of random strings, `(population, length * dimensions)`."""
    return space.points[rng.integers(len(space.points), size=(population, length))].reshape(population, -1)
