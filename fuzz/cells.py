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
        self.queries = 0
        self.new = 0
        # Hashes of the texts asked about. The texts and their verdicts are in the store; should two texts ever share
        # their 64 bits, the second is answered all the same and not counted.
        self._asked: set[int] = set()
        self._batch: list[Candidate] = []
        self._trials: dict[str, Trial] = {}
        self._idle = 0
        self._advance(None)

    def pending(self) -> list[Candidate]:
        """The distinct candidates of the current batch: first the `new` ones, which are queries, as many as the budget
        allows; then those that repeat what was asked before, which are free."""
        new: dict[str, Candidate] = {}
        again: dict[str, Candidate] = {}
        for candidate in self._batch:
            text = candidate.text
            (again if hash(text) in self._asked else new).setdefault(text, candidate)
        fresh = list(new.values())[: self.budget - self.queries]
        self.new = len(fresh)
        return [*fresh, *again.values()]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take the trials of `pending()`, in order, without going on: the caller may want to stop here."""
        self._idle = 0 if self.new else self._idle + 1
        self._trials = {t.candidate.text: t for t in trials}
        self._asked.update([hash(t.candidate.text) for t in trials[: self.new]])
        self.queries += self.new

    def go_on(self) -> None:
        """Send the batch's trials to the generator, or end the cell where the budget cut the batch short."""
        if any(c.text not in self._trials for c in self._batch):
            self.end("spent")
        elif self._idle >= PATIENCE:
            self.end("stuck")
        else:
            self._advance([self._trials[c.text] for c in self._batch])
            if self.state == "running" and self.queries >= self.budget and self._wants_more():
                self.end("spent")

    def _wants_more(self) -> bool:
        """The current batch holds something that has not been asked."""
        return any(hash(c.text) not in self._asked for c in self._batch)

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
    if type(candidate) is Candidate and _is_plain(candidate):
        return candidate
    if not isinstance(candidate, Candidate) or not isinstance(candidate.text, str):
        raise TypeError("an attack must yield lists of Candidate with a text")
    for text in (candidate.text, candidate.attack, candidate.op, candidate.parent or ""):
        if not isinstance(text, str):
            raise TypeError(f"attack and op of a Candidate are texts, its parent a text or None, not {candidate!r:.80}")
        if not text.isascii():
            text.encode()
    return candidate


def _is_plain(candidate: Candidate) -> bool:
    """Whether all its texts are ASCII beyond doubt: nearly all are, and this is said quickly."""
    text, attack, op, parent = candidate.text, candidate.attack, candidate.op, candidate.parent
    return (
        type(text) is type(attack) is type(op) is str
        and text.isascii()
        and attack.isascii()
        and op.isascii()
        and (parent is None or (type(parent) is str and parent.isascii()))
    )
