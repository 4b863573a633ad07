"""The one gate through which everything that wants a verdict passes: it dedupes, caches, batches, asks and marks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..corpora.errors import UsageError
from ..corpora.oracles import Oracle
from ..corpora.records import Candidate, Item, Problem, Ruling, Trial
from ..judges.judge import Judge, ask
from .store import Key, Store, Stored


@dataclass(frozen=True, slots=True)
class Ask:
    """A candidate for a problem. `repeat` > 0 asks again, alone in its batch, of what has been asked before."""

    problem: Problem
    candidate: Candidate
    repeat: int = 0

    @property
    def key(self) -> Key:
        return self.problem.id, self.candidate.text, self.repeat


@dataclass(frozen=True, slots=True)
class Answer:
    """A marked trial and the row of its verdict in the store."""

    trial: Trial
    row: int


class Gate:
    """Asks the judge what the store does not know, a batch at a time, each committed before the next."""

    def __init__(self, judge: Judge, oracle: Oracle, store: Store, *, batch: int = 128) -> None:
        self.judge = judge
        self.store = store
        self.batch = batch
        self.step = 0
        self.asked = 0
        self.replayed = 0
        self._rule = lru_cache(maxsize=1 << 14)(oracle.rule)

    def ruling(self, problem: Problem, response: str) -> Ruling:
        """The oracle's word on a response."""
        return self._rule(problem, response)

    def consider(self, asks: Sequence[Ask]) -> list[Answer]:
        """One answer for each ask, in order; every call is a step.

        Raises:
            JudgeError: the judge failed; all batches before are kept.
            UsageError: a candidate's text is not valid Unicode.
        """
        self.step += 1
        for batch in self._plan(asks):
            self._fetch(batch)
        return [self._answer(a) for a in asks]

    def _plan(self, asks: Sequence[Ask]) -> list[list[Ask]]:
        """Batches of what no earlier step has asked: by problem and length, alone where asked for."""
        new = {a.key: a for a in asks if not self._known_before(a)}
        order = {problem: i for i, problem in enumerate(dict.fromkeys(a.problem.id for a in new.values()))}
        together = sorted(
            (a for a in new.values() if a.repeat == 0),
            key=lambda a: (order[a.problem.id], len(a.candidate.text), a.candidate.text),
        )
        batches = [together[i : i + self.batch] for i in range(0, len(together), self.batch)]
        return batches + [[a] for a in new.values() if a.repeat > 0]

    def _known_before(self, ask: Ask) -> bool:
        stored = self._stored(ask)
        return stored is not None and stored.step < self.step

    def _stored(self, ask: Ask) -> Stored | None:
        try:
            return self.store.find_verdict(self.judge.fingerprint, ask.key)
        except UnicodeEncodeError as error:
            raise UsageError(
                f"attack {ask.candidate.attack} proposed text that is not valid Unicode: {ask.candidate.text[:40]!r}"
            ) from error

    def _fetch(self, batch: list[Ask]) -> None:
        """Ask the judge about a batch, unless a run before this one got that far."""
        stored = sum(self._stored(a) is not None for a in batch)
        if stored == len(batch):
            self.replayed += stored
            return
        if stored:
            raise UsageError(
                f"the run in {self.store.folder} cannot be replayed: attack {batch[0].candidate.attack} proposes "
                "something else than when it was begun; use another --out"
            )
        started = time.perf_counter()
        verdicts = ask(self.judge, [Item(a.problem, a.candidate.text) for a in batch])
        seconds = time.perf_counter() - started
        self.store.add_verdicts(self.judge.fingerprint, self.step, [a.key for a in batch], verdicts, seconds)
        self.asked += len(batch)

    def _answer(self, ask: Ask) -> Answer:
        stored = self._stored(ask)
        assert stored is not None
        truth = self.ruling(ask.problem, ask.candidate.text).truth
        item = Item(ask.problem, ask.candidate.text)
        return Answer(Trial(ask.candidate, item, stored.verdict, truth), stored.row)
