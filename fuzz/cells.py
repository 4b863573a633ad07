"""A cell: one generator (an attack on a problem, or the shrinking of a find) with its own budget and query count."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from ..corpora.errors import HoodwinkError
from ..corpora.records import Candidate, Problem, Trial

State = Literal["running", "found", "spent", "exhausted", "stuck", "failed"]

#: A generator that asks this often in a row for nothing new is ended: it would go on for ever at no cost.
PATIENCE = 100


class Cell:
    """Drives one generator. A query is one distinct response asked about; repeats inside the cell are free.

    `state` ends as `found` (its goal is reached), `spent` (the budget is), `exhausted` (the generator returned),
    `stuck` (it asked for nothing new, over and over) or `failed` (it raised; `error` says what).
    """

    def __init__(
        self, number: int, problem: Problem, generator: Generator[list[Candidate], list[Trial], None], budget: int
    ) -> None:
        self.number = number
        self.problem = problem
        self.budget = budget
        self.state: State = "running"
        self.error = ""
        self._generator = generator
        self._known: dict[str, Trial] = {}
        self._batch: list[Candidate] = []
        self._idle = 0
        self._advance(None)

    @property
    def queries(self) -> int:
        return len(self._known)

    def pending(self) -> list[Candidate]:
        """The distinct candidates of the current batch not asked before, as many as the budget allows."""
        new: dict[str, Candidate] = {}
        for candidate in self._batch:
            if candidate.text not in self._known:
                new.setdefault(candidate.text, candidate)
        return list(new.values())[: self.budget - self.queries]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take the trials of `pending()`, in order, without going on: the caller may want to stop here."""
        self._idle = 0 if trials else self._idle + 1
        self._known.update((t.text, t) for t in trials)

    def go_on(self) -> None:
        """Send the batch's trials to the generator, or end the cell where the budget cut the batch short."""
        if self._wants_more():
            self.end("spent")
        elif self._idle >= PATIENCE:
            self.end("stuck")
        else:
            self._advance([self._known[c.text] for c in self._batch])
            if self.state == "running" and self.queries >= self.budget and self._wants_more():
                self.end("spent")

    def _wants_more(self) -> bool:
        """The current batch holds something that has not been asked."""
        return any(c.text not in self._known for c in self._batch)

    def end(self, state: State) -> None:
        """Stop the generator and let its memory go; the query count stays."""
        if self.state == "running":
            self.state = state
        try:
            self._generator.close()
        except (Exception, SystemExit) as error:  # it will not be closed; it is not asked again either way
            self.error = self.error or f"{type(error).__name__}: {error}".splitlines()[0]

    def _advance(self, trials: list[Trial] | None) -> None:
        try:
            batch = next(self._generator) if trials is None else self._generator.send(trials)
            self._batch = [_checked(candidate) for candidate in batch]
        except StopIteration:
            self.end("exhausted")
        except (HoodwinkError, KeyboardInterrupt):
            raise
        except (Exception, SystemExit) as error:  # an attack is a user's code: it fails alone, and other cells go on
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]
            self.end("failed")


def _checked(candidate: object) -> Candidate:
    """A candidate that can be asked about and stored.

    Raises:
        TypeError: it is none, or one of its texts is no text.
        UnicodeEncodeError: one of its texts holds half a surrogate pair.
    """
    if not isinstance(candidate, Candidate) or not isinstance(candidate.text, str):
        raise TypeError("an attack must yield lists of Candidate with a text")
    if not all(isinstance(field, str) for field in (candidate.attack, candidate.op, candidate.parent or "")):
        raise TypeError(f"attack and op of a Candidate are texts, its parent a text or None, not {candidate!r:.80}")
    for text in (candidate.text, candidate.attack, candidate.op, candidate.parent or ""):
        text.encode()
    return candidate
