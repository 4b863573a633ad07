"""A cell: one generator (an attack on a problem, or the shrinking of a find) with its own budget and query count."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Literal

from ..corpora.errors import HoodwinkError
from ..corpora.records import Candidate, Item, Problem, Trial, Truth, Verdict
from ..judges.judge import MAX_MARGIN
from .target import Meter

Name = str | tuple[str, str]
State = Literal["running", "found", "spent", "exhausted", "stuck", "failed"]

#: Says of texts which constraint each breaks, in a word; empty where none (`Sight.refusal`).
Refuse = Callable[[Problem, Sequence[str]], list[str]]

#: A generator that asks this often in a row for nothing new is ended: it would go on for ever at no cost.
PATIENCE = 100


class Cell:
    """Drives one generator. A query is one distinct response asked about; repeats inside the cell are free.

    A response that breaks a constraint is not asked about and comes back unparsed, at no cost. `state` ends as `found`
    (its goal is reached), `spent` (the budget is), `exhausted` (the generator returned; `result` is what), `stuck` (it
    asked for nothing new, over and over) or `failed` (it raised; `error` says what).
    """

    def __init__(
        self,
        number: int,
        problem: Problem | None,
        generator: Generator[list[Candidate], list[Trial], Any],
        budget: int,
        *,
        problems: Mapping[str, Problem] | None = None,
        refuse: Refuse | None = None,
        meter: Meter | None = None,
    ) -> None:
        """`problem` is what candidates are for that name none; `problems` are those that they may name, by id."""
        self.number = number
        self.problem = problem
        self.problems = problems or {}
        self.budget = budget
        self.state: State = "running"
        self.error = ""
        self.result: Any = None
        self._generator = generator
        self._refuse = refuse
        self._meter = meter or Meter()
        self._told = 0
        self.new = 0
        # Hashes of the texts asked about. The texts and their verdicts are in the store; should two texts ever share
        # their 64 bits, the second is answered all the same and not counted.
        self._asked: set[int] = set()
        self._batch: list[Candidate] = []
        self._trials: dict[Name, Trial] = {}
        self._refused: dict[Name, Trial] = {}
        self._idle = 0
        self._advance(None)

    @property
    def queries(self) -> int:
        """Distinct responses asked about, and gradients."""
        return self._told + self._meter.spent

    def problem_of(self, candidate: Candidate) -> Problem:
        """The problem that a candidate is for."""
        problem = self.problem if candidate.problem is None else self.problems.get(candidate.problem)
        if problem is None:
            raise TypeError(f"a Candidate names problem {candidate.problem!r}, which is none of those to learn on")
        return problem

    def pending(self) -> list[Candidate]:
        """The distinct candidates of the current batch: first the `new` ones, which are queries, as many as the budget
        allows; then those that repeat what was asked before, which are free."""
        new: dict[Name, Candidate] = {}
        again: dict[Name, Candidate] = {}
        for candidate in self._batch:
            name = _name(candidate)
            if name not in self._refused:
                (again if hash(name) in self._asked else new).setdefault(name, candidate)
        fresh = list(new.values())[: max(0, self.budget - self.queries)]
        self.new = len(fresh)
        return [*fresh, *again.values()]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take the trials of `pending()`, in order, without going on: the caller may want to stop here."""
        self._idle = 0 if self.new else self._idle + 1
        self._trials = {_name(t.candidate): t for t in trials}
        self._asked.update([hash(_name(t.candidate)) for t in trials[: self.new]])
        self._told += self.new

    def go_on(self) -> None:
        """Send the batch's trials to the generator, or end the cell where the budget cut the batch short."""
        known = {**self._trials, **self._refused} if self._refused else self._trials
        names = [_name(c) for c in self._batch]
        if any(name not in known for name in names):
            self.end("spent")
        elif self._idle >= PATIENCE:
            self.end("stuck")
        else:
            self._advance([known[name] for name in names])
            if self.state == "running" and self.queries >= self.budget and self._wants_more():
                self.end("spent")

    def _wants_more(self) -> bool:
        """The current batch holds something that has not been asked."""
        names = (_name(c) for c in self._batch)
        return any(hash(name) not in self._asked for name in names if name not in self._refused)

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
            self._look_over()
        except StopIteration as stop:
            self.result = stop.value
            self.end("exhausted")
        except (HoodwinkError, KeyboardInterrupt):
            raise
        except (Exception, SystemExit) as error:  # an attack is a user's code: it fails alone, and other cells go on
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]
            self.end("failed")

    def _look_over(self) -> None:
        """Find out which candidates of the batch are for no problem known, or break a constraint."""
        problems = [self.problem_of(candidate) for candidate in self._batch]
        self._refused = {}
        if self._refuse is None:
            return
        by_problem: dict[str, list[int]] = {}
        for place, problem in enumerate(problems):
            by_problem.setdefault(problem.id, []).append(place)
        for places in by_problem.values():
            problem = problems[places[0]]
            for place, why in zip(places, self._refuse(problem, [self._batch[i].text for i in places]), strict=True):
                if why:
                    candidate = self._batch[place]
                    verdict = Verdict(0.0, -MAX_MARGIN, False, parsed=False, text=f"refused: {why}")
                    trial = Trial(candidate, Item(problem, candidate.text), verdict, Truth.UNSURE)
                    self._refused[_name(candidate)] = trial


def _name(candidate: Candidate) -> Name:
    """What tells a candidate from others of its cell."""
    return candidate.text if candidate.problem is None else (candidate.problem, candidate.text)


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
