"""A campaign: problems x attacks x seeds, each a cell, advanced together under one gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from ..corpora.records import Candidate, Find, Level, Problem, Trial
from .attacks import Attack
from .cells import Cell
from .gate import Answer, Ask, Gate
from .objective import GOAL_LEVELS, Objective
from .shrinker import Shrinker
from .store import Store, digest
from .target import pieces_of, target_of

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
        shrinking: finds being shrunk.
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
    found: dict[Level, Trial]


@dataclass(slots=True)
class Shrink:
    """A shrinking cell and the find it works on."""

    cell: Cell
    shrinker: Shrinker
    find: Find
    number: int
    search: Search


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
        seeds: Sequence[int] = (0,),
        budget: Budget | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.gate = gate
        self.store: Store = gate.store
        self.problems = problems
        self.attacks = attacks
        self.objective = objective
        self.goal: Level = GOAL_LEVELS[objective.goal]
        self.seeds = seeds
        self.budget = budget or Budget()
        self.report = progress
        self.total = len(problems) * len(attacks) * len(seeds)
        self._numbers = 0
        self._finds = 0
        self._done = 0
        self._fooled = 0

    def run(self) -> None:
        """Advance all cells until each has reached its goal or its end."""
        started = time.monotonic()
        waiting = self._searches()
        active: list[Search | Shrink] = []
        while True:
            while len(active) < WIDTH and (search := next(waiting, None)) is not None:
                active.append(search)
            if not active:
                return
            active = self._step(active)
            asked, replayed = self.gate.asked, self.gate.replayed
            elapsed = time.monotonic() - started
            shrinking = sum(isinstance(unit, Shrink) for unit in active)
            self.report(Progress(self._done, self.total, self._fooled, shrinking, asked, replayed, elapsed))

    def _searches(self) -> Iterator[Search]:
        """The search cells, in a fixed order, each with a random stream that depends on nothing but its key."""
        pieces = pieces_of(self.gate.judge)
        for attack in self.attacks:
            for problem in self.problems:
                for seed in self.seeds:
                    key = int.from_bytes(digest(f"{problem.id} {attack.name}")[:8], "big")
                    generator = attack.start(target_of(problem, pieces), np.random.default_rng([seed, key]))
                    cell = self._new_cell(problem, generator, self.budget.search, attack.name, seed, "search")
                    yield Search(cell, attack.name, seed, {})

    def _new_cell(self, problem: Problem, generator: Any, budget: int, attack: str, seed: int, role: str) -> Cell:
        self._numbers += 1
        self.store.add_cell(self._numbers, attack, problem.id, seed, role)
        return Cell(self._numbers, problem, generator, budget)

    def _step(self, active: Sequence[Search | Shrink]) -> list[Search | Shrink]:
        """Ask for every cell's batch at once; tell each its trials; return the cells that go on."""
        batches = [unit.cell.pending() if unit.cell.state == "running" else [] for unit in active]
        answers = iter(
            self.gate.consider([Ask(u.cell.problem, c) for u, b in zip(active, batches, strict=True) for c in b])
        )
        parts = [list(islice(answers, len(batch))) for batch in batches]
        self._record([unit.cell for unit in active], parts)
        joined: list[Search | Shrink] = []
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

    def _look(self, search: Search, trials: Sequence[Trial]) -> list[Shrink]:
        """Confirm what fools at a level not found yet; end the search at its goal."""
        shrinks = []
        before = search.cell.queries - len(trials)
        for place, trial in enumerate(trials):
            if not trial.fools:
                continue
            level = self.objective.level(trial.verdict)
            if level is None or level in search.found:
                continue
            if level == "accepted" and search.found:
                continue
            find = self._confirm(search, trial, before + place + 1)
            if find is None or find.level in search.found:
                continue
            search.found[find.level] = trial
            shrinks.append(self._shrink(search, find))
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
        return Find(
            trial=trial,
            level=level,
            proof=self.gate.ruling(trial.item.problem, trial.text).proof,
            queries=queries,
            alone=answer.trial.verdict,
            shrunk=trial.text,
            shrunk_score=answer.trial.verdict.score,
            lineage=tuple(self.store.lineage(search.cell.number, trial.text)),
            seed=search.seed,
        )

    def _shrink(self, search: Search, find: Find) -> Shrink:
        """A shrinking cell for a find. What it keeps is the level that its search went for, if the find has it."""
        keep: Level = self.goal if self.objective.reaches(find.alone, self.goal) else "accepted"
        shrinker = Shrinker(find.trial.text, search.attack, lambda trial: self.objective.is_find(trial, keep))
        cell = self._new_cell(
            find.trial.item.problem, shrinker.steps(), self.budget.shrink, search.attack, search.seed, "shrink"
        )
        self._finds += 1
        self._save(self._finds, search, find)
        return Shrink(cell, shrinker, find, self._finds, search)

    def _keep(self, active: Sequence[Search | Shrink]) -> list[Search | Shrink]:
        """Close the cells that have ended; the others go on."""
        going: list[Search | Shrink] = []
        for unit in active:
            if unit.cell.state == "running":
                going.append(unit)
                continue
            self.store.end_cell(unit.cell.number, unit.cell.state, unit.cell.queries, unit.cell.error)
            if isinstance(unit, Shrink):
                self._finish(unit)
            else:
                self._done += 1
                self._fooled += bool(unit.found)
        return going

    def _finish(self, shrink: Shrink) -> None:
        """Keep the smallest form that also holds alone; the find itself is known to."""
        problem = shrink.find.trial.item.problem
        for text in reversed(shrink.shrinker.fooling):
            candidate = Candidate(text, shrink.search.attack, "shrink")
            trial = self.gate.consider([Ask(problem, candidate, repeat=1)])[0].trial
            if shrink.shrinker.fools(trial):
                minimal = shrink.shrinker.minimal and text == shrink.shrinker.smallest
                find = replace(shrink.find, shrunk=text, shrunk_score=trial.verdict.score, minimal=minimal)
                self._save(shrink.number, shrink.search, find)
                return

    def _save(self, number: int, search: Search, find: Find) -> None:
        self.store.set_find(
            number, search.cell.number, find.level, find.queries, find_line(find, search.attack, self.gate.judge.name)
        )


def find_line(find: Find, attack: str, judge: str) -> dict[str, Any]:
    """A find as a line of `finds.jsonl`."""
    trial = find.trial
    problem = trial.item.problem
    return {
        "problem": problem.id,
        "family": problem.family,
        "question": problem.question,
        "reference": problem.reference,
        "response": trial.text,
        "shrunk": find.shrunk,
        "shrunk_score": find.shrunk_score,
        "minimal": find.minimal,
        "score": trial.verdict.score,
        "margin": trial.verdict.margin,
        "alone": asdict(find.alone),
        "level": find.level,
        "attack": attack,
        "op": trial.candidate.op,
        "queries": find.queries,
        "proof": find.proof,
        "lineage": [list(step) for step in find.lineage],
        "judge": judge,
        "seed": find.seed,
    }
