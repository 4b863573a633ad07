"""What cells learn from one another, and how: in cell order, between steps, so that a replay is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from ..corpora.records import Trial


class Learner(Protocol):
    """Something that learns from trials. It may be asked anything at any time and changes in `observe` alone."""

    def observe(self, problem: str, trials: Sequence[Trial]) -> None:
        """Take in the new trials of one cell on the problem of that id."""
        ...


@runtime_checkable
class Saying(Protocol):
    """A learner whose knowledge can be used again."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        ...


L = TypeVar("L", bound=Learner)


class Commons:
    """The learners that the cells of one attack and seed have in common.

    The campaign has them observe the trials of a step, cell by cell, before any cell goes on. `everyone` is the same
    for all attacks of a seed: what it holds has seen their trials too.
    """

    def __init__(self, everyone: Commons | None = None) -> None:
        self.everyone = everyone if everyone is not None else self
        self._learners: dict[Any, Learner] = {}

    def get(self, make: Callable[[], L], key: Any = None) -> L:
        """The learner that `make` makes, or has made here before under the same key (`make` itself by default)."""
        key = make if key is None else key
        if key not in self._learners:
            self._learners[key] = make()
        return cast(L, self._learners[key])

    def observe(self, problem: str, trials: Sequence[Trial]) -> None:
        """Have all learners here take in the new trials of a cell."""
        for learner in self._learners.values():
            learner.observe(problem, trials)

    def knowledge(self) -> dict[str, Any]:
        """What learners have to say for later use: those with `to_json`, by the names of their classes."""
        saying = [learner for learner in self._learners.values() if isinstance(learner, Saying)]
        return {type(learner).__name__.lower(): learner.to_json() for learner in saying}
