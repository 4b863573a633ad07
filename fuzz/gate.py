"""The one gate through which everything that wants a verdict passes: it dedupes, caches, batches, asks and marks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from ..corpora.errors import UsageError
from ..corpora.oracles import Oracle
from ..corpora.records import Candidate, Item, Problem, Ruling, Trial, Truth, Verdict
from ..judges.judge import Judge, Metered, Notes, Piecemeal, Staged, Usage, batch_of, begin
from .pipeline import Job, in_turn
from .store import Entry, Store, Stored, verdict_key


class Ask(NamedTuple):
    """A candidate for a problem. `repeat` > 0 asks again, alone in its batch, of what has been asked before."""

    problem: Problem
    candidate: Candidate
    repeat: int = 0


class Answer(NamedTuple):
    """A marked trial and the row of its verdict in the store."""

    trial: Trial
    row: int


class Part(NamedTuple):
    """A batch, and those of its keys that the judge has yet to be asked about."""

    whole: list[bytes]
    rest: list[bytes]


Scored = tuple[list[Verdict], float]


class Gate:
    """Asks the judge what the store does not know, a batch at a time, each committed before an attack sees it.

    While a judge that is `Staged` computes a batch, another thread has the oracle rule on the texts and prepares the
    next batch. For other judges no thread is started.

    When a call fails or is interrupted, what a `Piecemeal` judge has of its batch is committed all the same, and a
    replay asks for the rest of that batch alone. The store says which batch that is; any other batch of which only a
    part is stored is still known for what it is: an attack that proposes something else than before.
    """

    def __init__(self, judge: Judge, oracle: Oracle, store: Store, *, batch: int | None = None) -> None:
        """`batch` is the most responses of one call of the judge; by default what the judge likes (`batch_of`)."""
        self.judge = judge
        self.oracle = oracle
        self.store = store
        self.batch = batch_of(judge) if batch is None else batch
        self.step = 0
        self.asked = 0
        self.replayed = 0
        self._before = {name: Usage(*used) for name, used in (store.get("used") or {}).items()}
        if isinstance(judge, Metered):
            judge.charge(self._before)
        self._begun = judge.used() if isinstance(judge, Metered) else {}
        if isinstance(judge, Notes):
            judge.remember(store.get("noted") or {})
        self._aside = ThreadPoolExecutor(1, "hoodwink-gate") if isinstance(judge, Staged) else None

    def turn_to(self, judge: Judge) -> None:
        """Go on with another judge, around the one asked so far or inside it; what has been used counts on."""
        self._before = {name: Usage(*used) for name, used in (self.store.get("used") or {}).items()}
        self._begun = judge.used() if isinstance(judge, Metered) else {}
        self.judge = judge

    def ruling(self, problem: Problem, response: str) -> Ruling:
        """The oracle's word on a response."""
        return self.oracle.rule(problem, response)

    def consider(self, asks: Sequence[Ask]) -> list[Answer]:
        """One answer for each ask, in order; every call is a step.

        Raises:
            JudgeError: the judge failed; all batches before are kept.
            UsageError: a candidate's text is not valid Unicode, or the run in the store is another one's.
        """
        self.step += 1
        keys = self._keys(asks)
        wanted = dict(zip(keys, asks, strict=True))
        known = self.store.find_verdicts(list(wanted))
        items = {key: Item(a.problem, a.candidate.text) for key, a in wanted.items()}
        truths: dict[bytes, Truth] = {}
        parts = [Part(batch, self._missing(batch, wanted, known)) for batch in self._plan(wanted, known)]
        missing = [part for part in parts if part.rest]
        jobs = [self._job(part, wanted, items, truths) for part in missing]
        for part, (verdicts, seconds) in zip(missing, in_turn(jobs, self._aside), strict=True):
            known.update(zip(part.rest, self._commit(part.rest, wanted, verdicts, seconds), strict=True))
            self._note()
            self.asked += len(part.rest)
        self._rule((key for key in wanted if key not in truths), items, truths)
        return [
            Answer(Trial(a.candidate, items[key], known[key].verdict, truths[key]), known[key].row)
            for key, a in zip(keys, asks, strict=True)
        ]

    def _keys(self, asks: Sequence[Ask]) -> list[bytes]:
        fingerprint = self.judge.fingerprint
        text = ""
        try:
            return [verdict_key(fingerprint, p.id, repeat, text := c.text) for p, c, repeat in asks]
        except UnicodeEncodeError as error:
            attack = next(a.candidate.attack for a in asks if a.candidate.text == text)
            raise UsageError(f"attack {attack} proposed text that is not valid Unicode: {text[:40]!r}") from error

    def _plan(self, wanted: dict[bytes, Ask], known: dict[bytes, Stored]) -> list[list[bytes]]:
        """Batches of what no earlier step has asked: by problem and length, alone where asked for."""
        order: dict[str, int] = {}
        together: list[tuple[int, int, str, bytes]] = []
        alone: list[list[bytes]] = []
        for key, ask in wanted.items():
            if key in known and known[key].step < self.step:
                continue
            if ask.repeat:
                alone.append([key])
            else:
                text = ask.candidate.text
                together.append((order.setdefault(ask.problem.id, len(order)), len(text), text, key))
        together.sort()
        batches = [together[i : i + self.batch] for i in range(0, len(together), self.batch)]
        return [[key for *_, key in batch] for batch in batches] + alone

    def _commit(
        self, batch: Sequence[bytes], wanted: dict[bytes, Ask], verdicts: Sequence[Verdict], seconds: float
    ) -> list[Stored]:
        asked = [(key, *wanted[key]) for key in batch]
        entries = [Entry(key, problem.id, candidate.text, repeat) for key, problem, candidate, repeat in asked]
        return self.store.add_verdicts(self.judge.fingerprint, self.step, entries, verdicts, seconds)

    def _missing(self, batch: list[bytes], wanted: dict[bytes, Ask], known: dict[bytes, Stored]) -> list[bytes]:
        """What the judge has to be asked about of a batch: a run before this one may have got so far, or half way."""
        rest = [key for key in batch if key not in known]
        stored = len(batch) - len(rest)
        if rest and stored and self.store.get("partial") != _batch_name(batch):
            raise UsageError(
                f"the run in {self.store.folder} cannot be replayed: attack {wanted[batch[0]].candidate.attack} "
                "proposes something else than when it was begun; use another --out"
            )
        self.replayed += stored
        return rest

    def _job(
        self, part: Part, wanted: dict[bytes, Ask], items: dict[bytes, Item], truths: dict[bytes, Truth]
    ) -> Job[Scored]:
        """Asking the judge about what is missing of a batch; meanwhile the oracle rules on it."""
        afresh = wanted[part.rest[0]].repeat > 0
        asked = [items[key] for key in part.rest]

        def start() -> Callable[[], Scored]:
            started = time.perf_counter()
            finish = begin(self.judge, asked, afresh=afresh)
            prepared = time.perf_counter() - started
            return lambda: self._finish(part, wanted, asked, partial(_timed, finish, prepared))

        return Job(start, lambda: self._rule(part.rest, items, truths))

    def _finish(
        self, part: Part, wanted: dict[bytes, Ask], asked: Sequence[Item], work: Callable[[], Scored]
    ) -> Scored:
        """Have the judge finish; if it cannot, keep what it has, and what that has cost."""
        started = time.perf_counter()
        try:
            return work()
        except BaseException:
            if isinstance(self.judge, Piecemeal) and (done := sorted(self.judge.done(asked).items())):
                self.store.put("partial", _batch_name(part.whole))
                keys, verdicts = [part.rest[place] for place, _ in done], [verdict for _, verdict in done]
                self._commit(keys, wanted, verdicts, time.perf_counter() - started)
            self._note()
            raise

    def _note(self) -> None:
        """Keep with the run what the judge has used for it and noted, in this process and in those before."""
        if isinstance(self.judge, Notes):
            noted = self.store.get("noted") or {}
            for heading, texts in self.judge.noted().items():
                noted[heading] = list(dict.fromkeys([*noted.get(heading, []), *texts]))
            self.store.put("noted", noted)
        if isinstance(self.judge, Metered):
            nothing = Usage()
            now = {name: used.since(self._begun.get(name, nothing)) for name, used in self.judge.used().items()}
            total = {name: used.plus(self._before.get(name, nothing)) for name, used in now.items()}
            self.store.put("used", {**self._before, **total})

    def _rule(self, keys: Iterable[bytes], items: dict[bytes, Item], truths: dict[bytes, Truth]) -> None:
        truth = self.oracle.truth
        for key in keys:
            item = items[key]
            truths[key] = truth(item.problem, item.response)


def _batch_name(batch: Sequence[bytes]) -> str:
    """What tells a batch from every other."""
    return hashlib.sha256(b"".join(batch)).hexdigest()


def _timed(work: Callable[[], list[Verdict]], before: float) -> Scored:
    """Verdicts and the seconds that they took, `before` and now."""
    started = time.perf_counter()
    verdicts = work()
    return verdicts, before + time.perf_counter() - started
