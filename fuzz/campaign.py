"""A campaign: problems x attacks x seeds, each a cell, advanced together under one gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

import numpy as np

from ..corpora.records import Candidate, Find, Level, Problem, Trial, Truth
from .attacks import Attack, Lessons, Proposals
from .attribution import MOST, Attribution
from .cells import Cell
from .commons import Commons
from .gate import Answer, Ask, Gate
from .kinds import kind_of
from .lines import find_line
from .objective import GOAL_LEVELS, Objective
from .pool import Pool
from .shrinker import Shrinker
from .store import Store, digest
from .target import CorpusTarget, Meter, Sight, Target

#: Cells that advance together: enough to fill batches, few enough that the first finds come early.
WIDTH = 64


@dataclass(frozen=True, slots=True)
class Budget:
    """Distinct responses that a cell may ask about, searching and shrinking."""

    search: int = 640
    shrink: int = 400


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is: what a progress line shows.

    Attributes:
        done: search cells that have ended, of `cells`.
        fooled: of them, those with a find.
        shrinking: finds being shrunk or weighed.
        asked: verdicts asked of the judge by this process.
        replayed: verdicts taken from an earlier, interrupted try.
        seconds: since this process began to attack.
    """

    done: int
    cells: int
    fooled: int
    shrinking: int
    asked: int
    replayed: int
    seconds: float


@dataclass(slots=True)
class Search:
    """A search cell: whose it is and what it has found."""

    cell: Cell
    attack: str
    seed: int
    commons: Commons
    found: set[Level] = field(default_factory=set)


@dataclass(slots=True)
class Learn:
    """A cell of an attack over a corpus, which learns what is then tried on every problem."""

    cell: Cell
    attack: Attack
    seed: int
    commons: Commons


@dataclass(slots=True)
class Shrink:
    """A shrinking cell and the find it works on."""

    cell: Cell
    shrinker: Shrinker
    find: Find
    number: int
    search: Search


@dataclass(slots=True)
class Weigh:
    """A cell that leaves out each token of a shrunk find."""

    cell: Cell
    attribution: Attribution
    find: Find
    number: int
    search: Search


Unit = Search | Learn | Shrink | Weigh


class Campaign:
    """Runs attacks on problems and leaves everything in the store.

    One step merges the batches of all active cells into one call of the gate. A response that fools the judge is
    scored again, alone, before it counts; then a shrinking cell of its own joins the others.
    """

    def __init__(
        self,
        gate: Gate,
        problems: Sequence[Problem],
        attacks: Sequence[Attack],
        objective: Objective,
        *,
        sight: Sight | None = None,
        learn: Sequence[Problem] = (),
        seeds: Sequence[int] = (0,),
        budget: Budget | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """`sight` makes what attacks see; `learn` are the problems that attacks over a corpus learn on."""
        self.gate = gate
        self.store: Store = gate.store
        self.problems = problems
        self.attacks = attacks
        self.objective = objective
        self.goal: Level = GOAL_LEVELS[objective.goal]
        self.seeds = seeds
        self.budget = budget or Budget()
        self.sight = sight or Sight(gate.judge, budget=self.budget.search)
        self.learn = {p.id: p for p in learn}
        self.commons: dict[tuple[str, int], Commons] = {}
        self._everyone = {seed: Commons() for seed in seeds}
        for everyone in self._everyone.values():
            everyone.get(Pool)  # from the first trial on: an attack that asks for it later misses nothing
        self.report = progress
        self.total = len(problems) * len(attacks) * len(seeds)
        self._numbers = 0
        self._finds = 0
        self._done = 0
        self._fooled = 0

    def run(self) -> None:
        """Advance all cells until each has reached its goal or its end."""
        started = time.monotonic()
        waiting = self._cells()
        active: list[Unit] = []
        while True:
            while len(active) < WIDTH and (unit := next(waiting, None)) is not None:
                active.append(unit)
            if not active:
                return
            active = self._step(active)
            learned = [unit for unit in active if isinstance(unit, Learn) and unit.cell.state != "running"]
            active = [unit for unit in active if unit not in learned]
            waiting = chain(*map(self._apply, learned), waiting)
            asked, replayed = self.gate.asked, self.gate.replayed
            elapsed = time.monotonic() - started
            shrinking = sum(isinstance(unit, Shrink | Weigh) for unit in active)
            self.report(Progress(self._done, self.total, self._fooled, shrinking, asked, replayed, elapsed))

    def _cells(self) -> Iterator[Search | Learn]:
        """The cells to begin with, in a fixed order."""
        for attack in self.attacks:
            if attack.kind is CorpusTarget:
                yield from (self._learning(attack, seed) for seed in self.seeds)
                continue
            for problem in self.problems:
                for seed in self.seeds:
                    meter, commons = Meter(), self._commons_of(attack, seed)
                    target = self.sight.target(attack.kind, problem, commons, meter)
                    generator = attack.start(target, _stream(seed, f"{problem.id} {attack.name}"))
                    yield self._search(attack, problem, seed, generator, meter)

    def _commons_of(self, attack: Attack, seed: int) -> Commons:
        return self.commons.setdefault((attack.name, seed), Commons(self._everyone[seed]))

    def _search(
        self, attack: Attack, problem: Problem, seed: int, generator: Proposals | Lessons, meter: Meter
    ) -> Search:
        cell = self._new_cell(
            problem, generator, self.budget.search, attack.name, seed, "search", meter=meter, refuse=self._refuse
        )
        return Search(cell, attack.name, seed, self._commons_of(attack, seed))

    def _learning(self, attack: Attack, seed: int) -> Learn:
        """The cell in which an attack over a corpus learns."""
        commons = self._commons_of(attack, seed)
        target = self.sight.corpus(list(self.learn.values()), commons)
        generator = attack.start(target, _stream(seed, f"learn {attack.name}"))
        cell = self._new_cell(
            None, generator, self.budget.search, attack.name, seed, "learn", problems=self.learn, refuse=self._refuse
        )
        return Learn(cell, attack, seed, commons)

    def _apply(self, learn: Learn) -> Iterator[Search]:
        """Cells that try on every problem what an attack over a corpus has learned."""
        for problem in self.problems:
            meter = Meter()
            target = self.sight.target(Target, problem, learn.commons, meter)
            yield self._search(learn.attack, problem, learn.seed, _tried(learn.cell, target, learn.attack.name), meter)

    @property
    def _refuse(self) -> Callable[[Problem, Sequence[str]], list[str]] | None:
        return self.sight.refusal if self.sight.constraints else None

    def _new_cell(
        self,
        problem: Problem | None,
        generator: Proposals | Lessons,
        budget: int,
        attack: str,
        seed: int,
        role: str,
        **more: Any,
    ) -> Cell:
        self._numbers += 1
        self.store.add_cell(self._numbers, attack, problem.id if problem else "", seed, role)
        return Cell(self._numbers, problem, generator, budget, **more)

    def _step(self, active: Sequence[Unit]) -> list[Unit]:
        """Ask for every cell's batch at once; tell each its trials; return the cells that go on, and learned ones."""
        batches = [unit.cell.pending() if unit.cell.state == "running" else [] for unit in active]
        asks = [Ask(u.cell.problem_of(c), c) for u, batch in zip(active, batches, strict=True) for c in batch]
        answers = iter(self.gate.consider(asks))
        parts = [list(islice(answers, len(batch))) for batch in batches]
        self._record([unit.cell for unit in active], parts)
        self._share(active, parts)
        joined: list[Unit] = []
        for unit, part in zip(active, parts, strict=True):
            if isinstance(unit, Search):
                joined += self._look(unit, [a.trial for a in part[: unit.cell.new]])
            if unit.cell.state == "running":
                unit.cell.go_on()
        return [*self._keep(active), *joined]

    def _record(self, cells: Sequence[Cell], parts: Sequence[Sequence[Answer]]) -> None:
        """Store the trials of what is new in each cell, and tell it all."""
        self.store.add_trials(
            [
                (cell.number, query, row, trial.candidate.op, trial.candidate.parent, trial.truth)
                for cell, answers in zip(cells, parts, strict=True)
                for query, (trial, row) in enumerate(answers[: cell.new], cell.queries + 1)
            ]
        )
        for cell, answers in zip(cells, parts, strict=True):
            cell.tell([a.trial for a in answers])

    def _share(self, active: Sequence[Unit], parts: Sequence[Sequence[Answer]]) -> None:
        """Let learners see what is new, before any cell goes on.

        Shrinking and weighing are paid for apart and teach nothing; nor does what is not proved wrong.
        """
        for unit, answers in zip(active, parts, strict=True):
            if isinstance(unit, Shrink | Weigh):
                continue
            by_problem: dict[str, list[Trial]] = {}
            for answer in answers[: unit.cell.new]:
                if answer.trial.truth is Truth.WRONG:
                    by_problem.setdefault(answer.trial.item.problem.id, []).append(answer.trial)
            for problem, trials in by_problem.items():
                unit.commons.observe(problem, trials)
                unit.commons.everyone.observe(problem, trials)

    def _look(self, search: Search, trials: Sequence[Trial]) -> list[Shrink]:
        """Confirm what fools at a level not found yet; end the search at its goal."""
        shrinks = []
        before = search.cell.queries - len(trials)
        for place, trial in enumerate(trials):
            if not trial.fools:
                continue
            level = self.objective.level(trial.verdict)
            if level is None or level in search.found or search.found >= {"acclaimed"}:
                continue
            find = self._confirm(search, trial, before + place + 1)
            if find is None or find.level in search.found:
                continue
            search.found.add(find.level)
            self._finds += 1
            self._save(self._finds, search, find)
            if self.budget.shrink:
                shrinks.append(self._shrink(search, find, self._finds))
            if find.level in (self.goal, "acclaimed"):
                search.cell.end("found")
                break
        return shrinks

    def _confirm(self, search: Search, trial: Trial, queries: int) -> Find | None:
        """Score a trial again, alone: a find, of the lower of both levels, if it is accepted that way too."""
        answer = self.gate.consider([Ask(trial.item.problem, trial.candidate, repeat=1)])[0]
        if not answer.trial.fools:
            return None
        both = (trial.verdict, answer.trial.verdict)
        level: Level = "acclaimed" if all(self.objective.reaches(v, "acclaimed") for v in both) else "accepted"
        proof = self.gate.ruling(trial.item.problem, trial.text).proof
        return Find(
            trial=trial,
            level=level,
            kind=kind_of(trial.item.problem, trial.text),
            proof=proof,
            queries=queries,
            alone=answer.trial.verdict,
            shrunk=trial.text,
            shrunk_score=answer.trial.verdict.score,
            shrunk_margin=answer.trial.margin,
            shrunk_steps=answer.trial.verdict.steps,
            shrunk_proof=proof,
            lineage=tuple(self.store.lineage(search.cell.number, trial.text)),
            seed=search.seed,
        )

    def _shrink(self, search: Search, find: Find, number: int) -> Shrink:
        """A shrinking cell for a find. What it keeps is the level that its search went for, if the find has it."""
        keep: Level = self.goal if self.objective.reaches(find.alone, self.goal) else "accepted"
        shrinker = Shrinker(find.trial.text, search.attack, lambda trial: self.objective.is_find(trial, keep))
        problem = find.trial.item.problem
        cell = self._new_cell(
            problem, shrinker.steps(), self.budget.shrink, search.attack, search.seed, "shrink", refuse=self._refuse
        )
        return Shrink(cell, shrinker, find, number, search)

    def _keep(self, active: Sequence[Unit]) -> list[Unit]:
        """Close the cells that have ended; the others go on, and so do cells that have learned something."""
        going: list[Unit] = []
        for unit in active:
            if unit.cell.state == "running":
                going.append(unit)
                continue
            self.store.end_cell(unit.cell.number, unit.cell.state, unit.cell.queries, unit.cell.error)
            if isinstance(unit, Shrink):
                going += self._finish(unit)
            elif isinstance(unit, Weigh):
                self._save(unit.number, unit.search, replace(unit.find, tokens=unit.attribution.weights))
            elif isinstance(unit, Learn):
                going.append(unit)
            else:
                self._done += 1
                self._fooled += bool(unit.found)
        return going

    def _finish(self, shrink: Shrink) -> list[Weigh]:
        """Keep the smallest form that also holds alone; the find itself is known to. Then its tokens are weighed."""
        problem = shrink.find.trial.item.problem
        for text in reversed(shrink.shrinker.fooling):
            candidate = Candidate(text, shrink.search.attack, "shrink")
            trial = self.gate.consider([Ask(problem, candidate, repeat=1)])[0].trial
            if shrink.shrinker.fools(trial):
                minimal = shrink.shrinker.minimal and text == shrink.shrinker.smallest
                find = replace(
                    shrink.find,
                    shrunk=text,
                    shrunk_score=trial.verdict.score,
                    shrunk_margin=trial.margin,
                    shrunk_steps=trial.verdict.steps,
                    shrunk_proof=self.gate.ruling(problem, text).proof,
                    minimal=minimal,
                )
                self._save(shrink.number, shrink.search, find)
                return [self._weigh(shrink, find)] if text else []
        return []

    def _weigh(self, shrink: Shrink, find: Find) -> Weigh:
        """A cell that finds out which tokens of a shrunk find carry it."""
        search = shrink.search
        attribution = Attribution(find.shrunk, search.attack, self.sight.cut)
        problem = find.trial.item.problem
        cell = self._new_cell(
            problem, attribution.steps(), MOST, search.attack, search.seed, "weigh", refuse=self._refuse
        )
        return Weigh(cell, attribution, find, shrink.number, search)

    def _save(self, number: int, search: Search, find: Find) -> None:
        self.store.set_find(
            number, search.cell.number, find.level, find.queries, find_line(find, search.attack, self.gate.judge.name)
        )


def _stream(seed: int, key: str) -> np.random.Generator:
    """A random stream that depends on nothing but a seed and a key."""
    return np.random.default_rng([seed, int.from_bytes(digest(key)[:8], "big")])


def _tried(learned: Cell, target: Target, attack: str) -> Proposals:
    """Learned responses, tried one after the other: what they cost stands beside what learning did.

    Raises:
        RuntimeError: learning failed, or the budget ended it before it returned anything.
        TypeError: what it returned is no list of texts.
    """
    if learned.state in ("failed", "spent", "stuck"):
        reason = (
            "all that it proposed was refused" if learned.state == "stuck" else "it asked for more than target.budget"
        )
        raise RuntimeError(f"nothing was learned: {learned.error or reason}")
    texts = learned.result or []
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"an attack over a corpus must return a list of texts, not {texts!r:.40}")
    for rank, text in enumerate(texts, 1):
        yield [Candidate(target.place(text, append=False), attack, f"learned {rank}")]
