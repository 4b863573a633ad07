"""A radix tree of token sequences whose keys and values a model has computed, within a memory budget.

Like RadixAttention (SGLang, arXiv 2312.07104) it finds shared prefixes by looking at the tokens alone, so
that nobody has to say where a template ends. A path is never cut or changed once it is stored: a sequence that leaves
it half-way becomes a path of its own that hangs there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

Tokens = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Path:
    """Tokens that follow the first `start` tokens of the path before it.

    Attributes:
        before: the path it hangs on; None for the root.
        start: position of its first token.
        tokens: its own tokens.
        after: paths that hang on it, by the position at which they leave it and their first token.
        cache: keys and values, `(2, layers, heads, len(tokens), head width)`; None until they are computed.
        used: when a sequence last went through it.
    """

    before: Path | None
    start: int
    tokens: Tokens
    after: dict[tuple[int, int], Path] = field(default_factory=dict)
    cache: torch.Tensor | None = None
    used: int = 0

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)

    @property
    def size(self) -> int:
        """Bytes of keys and values."""
        return 0 if self.cache is None else self.cache.numel() * self.cache.element_size()

    def chain(self, end: int) -> list[tuple[Path, int]]:
        """The paths from the root to this one, each with the position where the way to `end` leaves it."""
        way: list[tuple[Path, int]] = []
        path: Path | None = self
        while path is not None and path.before is not None:
            way.append((path, end))
            path, end = path.before, path.start
        return way[::-1]


@dataclass(frozen=True, slots=True)
class Run:
    """What must be computed of one sequence: the tokens behind the first `start` ones, which the path `before` holds.

    `path` is where their keys and values will be kept; None if the tree has them already and only the last token is
    computed again, for its hidden state.
    """

    before: Path
    start: int
    tokens: Tokens
    path: Path | None


class Prefixes:
    """Paths by their tokens; the least recently used are dropped when they outgrow `budget` bytes."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.root = Path(None, 0, ())
        self.bytes = 0
        self._clock = 0

    def begin(self, sequences: Sequence[Tokens]) -> list[Run]:
        """Make room in the tree for sequences: what must be computed of each, in an order that puts prefixes first.

        Sequences are distinct and not empty. Whatever is not given to `keep` must be given to `drop` before `end`.
        """
        self._clock += 1
        return [self._insert(sequence) for sequence in sorted(sequences)]

    def _insert(self, sequence: Tokens) -> Run:
        path, depth = self.find(sequence)
        if depth == len(sequence):
            run = Run(path, depth - 1, sequence[-1:], None)
        else:
            new = Path(path, depth, sequence[depth:])
            path.after[depth, sequence[depth]] = new
            run = Run(path, depth, new.tokens, new)
            new.used = self._clock
        for part, _ in path.chain(depth):
            part.used = self._clock
        return run

    def find(self, sequence: Tokens) -> tuple[Path, int]:
        """The path that shares most with a sequence, and how many tokens from the beginning they share."""
        path, depth = self.root, 0
        while True:
            depth += common(path.tokens[depth - path.start :], sequence[depth:])
            following = path.after.get((depth, sequence[depth])) if depth < len(sequence) else None
            if following is None:
                return path, depth
            path = following

    def keep(self, path: Path, cache: torch.Tensor) -> None:
        """Store the keys and values of a path, and own them."""
        assert path.cache is None
        path.cache = cache
        self.bytes += path.size

    def drop(self, path: Path) -> None:
        """Take a path on which nothing hangs out of the tree."""
        assert path.before is not None
        assert not path.after
        del path.before.after[path.start, path.tokens[0]]
        self.bytes -= path.size
        path.cache = None

    def end(self) -> None:
        """The call that `begin` opened is over: what it needed may go as well."""
        self._clock += 1
        self.trim(self.budget)

    def trim(self, budget: int) -> None:
        """Drop what has not been used for longest, but nothing of the call going on, until `budget` bytes are left."""
        if self.bytes <= budget:
            return
        # A path was used at least as lately as what hangs on it, so the leaves come before what holds them.
        old = [path for path in self.paths() if path.used < self._clock]
        for path in sorted(old, key=lambda path: (path.used, -path.start)):
            self.drop(path)
            if self.bytes <= budget:
                return

    def paths(self) -> Iterator[Path]:
        """All paths but the root."""
        left = list(self.root.after.values())
        while left:
            path = left.pop()
            yield path
            left += path.after.values()

    def _check_invariants(self) -> None:
        """What always holds between two calls of the engine."""
        total = 0
        for path in self.paths():
            before = path.before
            assert before is not None
            assert path.tokens
            assert path.cache is not None
            assert before.start < path.start <= before.end or (before is self.root and path.start == 0)
            assert path.start == before.end or before.tokens[path.start - before.start] != path.tokens[0]
            assert before.after[path.start, path.tokens[0]] is path
            assert before is self.root or before.used >= path.used
            assert path.cache.shape[-2] == len(path.tokens)
            total += path.size
        assert total == self.bytes


def common(first: Tokens, second: Tokens) -> int:
    """How many tokens two sequences share at their beginning."""
    most = min(len(first), len(second))
    if first[:most] == second[:most]:
        return most
    return next(place for place in range(most) if first[place] != second[place])
