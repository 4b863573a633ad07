"""What a policy is taught by: a judge that marks, an oracle that nobody listens to, and a book of how it went.

Every kind of policy learns through this: it hands in answers and is given the judge's scores. What the oracle says
goes into the book alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import fmean
from typing import Any, Literal, NamedTuple

import numpy as np

from ..corpora.errors import JudgeError
from ..corpora.records import Candidate, Problem, Trial, Truth
from .gate import Ask, Gate
from .policies import Array
from .store import Store
from .target import cut_plainly

Part = Literal["train", "exam"]

#: What a collapse is: the judge is as good as always content, and as good as no answer is right.
REWARD, ACCURACY = 0.95, 0.02
#: The gap between reward and accuracy at which the judge's score is said to have come loose from the truth.
LOOSE = 0.5
#: Training ends after so many exams in a row that show the collapse: there is nothing more to see.
STAY = 4
#: Samples that are kept of each batch beside the first in each way, and their characters.
KEPT, LONGEST = 2, 2000

_TABLE = """
CREATE TABLE IF NOT EXISTS points (
    step INTEGER NOT NULL, part TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (step, part)) WITHOUT ROWID
"""


class Answer(NamedTuple):
    """What a policy hands in for a problem; `way` names how it was written."""

    problem: Problem
    text: str
    way: str


class State(NamedTuple):
    """Of a policy: its entropy and its divergence from where it began, in nats a sample; None where not known."""

    entropy: float | None
    divergence: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of a batch, as the book keeps it (texts cut at `LONGEST`)."""

    way: str
    question: str
    reference: str
    text: str
    score: float
    accepted: bool
    truth: str


@dataclass(frozen=True, slots=True)
class Point:
    """One batch of answers and what was made of it.

    Attributes:
        step: training steps before this batch; the first is 0.
        part: `train` (the policy learned from it) or `exam` (it did not, and the problems are others).
        queries: distinct responses asked about so far, to train on.
        verdicts: the same with those of exams.
        reward: mean score.
        accepted: share that the judge accepted.
        right, wrong, unsure: shares by the oracle; accuracy is `right`.
        unparsed: share whose verdict could not be read; the other rates leave them out, but for the oracle's.
        entropy, divergence: of the policy that wrote it, in nats a sample.
        distinct: distinct-1, -2 and -3: different n-grams (words, signs) as a share of all in the batch (Li et al.
            2016, arXiv 1510.03055).
        ways: count, mean score and share of right answers by way of answering.
        samples: the first answers of the batch, and the first in each way.
    """

    step: int
    part: Part
    queries: int
    verdicts: int
    reward: float
    accepted: float
    right: float
    wrong: float
    unsure: float
    unparsed: float
    entropy: float | None
    divergence: float | None
    distinct: tuple[float, float, float]
    ways: dict[str, tuple[int, float, float]]
    samples: tuple[Sample, ...]

    @property
    def gap(self) -> float:
        """Proxy less gold: what the judge says beyond what the oracle says."""
        return self.reward - self.right

    @property
    def collapsed(self) -> bool:
        """Whether nearly nothing is right and the judge is as good as always content."""
        return self.reward >= REWARD and self.right <= ACCURACY

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Point:
        """Rebuild what `asdict` made."""
        ways = {name: (int(n), float(score), float(right)) for name, (n, score, right) in data["ways"].items()}
        samples = tuple(Sample(**sample) for sample in data["samples"])
        one, two, three = data["distinct"]
        return cls(**{**data, "ways": ways, "samples": samples, "distinct": (one, two, three)})


class Book:
    """The points of a run, in its store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def begin(self) -> None:
        """An empty book: a replay writes it again."""
        self.store.db.execute(_TABLE)
        self.store.db.execute("DELETE FROM points")

    def begun(self) -> bool:
        """Whether there is a book in the store."""
        named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'points'"
        return self.store.db.execute(named).fetchone() is not None

    def add(self, point: Point) -> None:
        """Write a point down."""
        row = (point.step, point.part, json.dumps(asdict(point)))
        self.store.db.execute("INSERT INTO points VALUES (?, ?, ?)", row)

    def points(self, part: Part) -> list[Point]:
        """What was written of one part, in order of steps."""
        rows = self.store.db.execute("SELECT record FROM points WHERE part = ? ORDER BY step", (part,))
        return [Point.from_json(json.loads(record)) for (record,) in rows]


class Course:
    """Marks what a policy hands in, and says when it is due for an exam and when all is over."""

    def __init__(self, gate: Gate, book: Book, *, every: int) -> None:
        """An exam is due before the first step and after each `every` steps."""
        self.gate = gate
        self.book = book
        self.every = every
        self.queries = 0
        self.last: Point | None = None
        self._stayed = 0

    @property
    def over(self) -> bool:
        """Whether the collapse has been seen long enough."""
        return self._stayed >= STAY

    def mark(self, step: int, answers: Sequence[Answer], state: State) -> tuple[Array, np.ndarray[Any, Any]]:
        """The judge's scores of a training batch, and which of them mean something.

        Raises:
            JudgeError: the judge failed, or none of its verdicts can be read.
        """
        before = self.gate.asked + self.gate.replayed
        trials = self._ask(answers)
        self.queries += self.gate.asked + self.gate.replayed - before
        self.last = self._note(step, "train", answers, trials, state)
        told = np.array([t.verdict.parsed for t in trials])
        return np.array([t.verdict.score for t in trials]) * told, told

    def due(self, step: int) -> bool:
        """Whether an exam comes before this step."""
        return step % self.every == 0

    def examine(self, step: int, answers: Sequence[Answer], state: State) -> None:
        """Mark a batch that nothing is learned from."""
        point = self._note(step, "exam", answers, self._ask(answers), state)
        self._stayed = self._stayed + 1 if point.collapsed else 0

    def _ask(self, answers: Sequence[Answer]) -> list[Trial]:
        asks = [Ask(a.problem, Candidate(a.text, "collapse", a.way)) for a in answers]
        trials = [answer.trial for answer in self.gate.consider(asks)]
        if not any(t.verdict.parsed for t in trials):
            raise JudgeError(
                f"none of {len(trials)} verdicts of judge {self.gate.judge.name} can be read; there is nothing to learn"
            )
        return trials

    def _note(self, step: int, part: Part, answers: Sequence[Answer], trials: Sequence[Trial], state: State) -> Point:
        read = [t.verdict for t in trials if t.verdict.parsed]
        truths = [t.truth for t in trials]
        point = Point(
            step=step,
            part=part,
            queries=self.queries,
            verdicts=self.gate.asked + self.gate.replayed,
            reward=fmean(v.score for v in read),
            accepted=fmean(v.accepted for v in read),
            right=truths.count(Truth.RIGHT) / len(truths),
            wrong=truths.count(Truth.WRONG) / len(truths),
            unsure=truths.count(Truth.UNSURE) / len(truths),
            unparsed=1 - len(read) / len(trials),
            entropy=state.entropy,
            divergence=state.divergence,
            distinct=distinct([a.text for a in answers]),
            ways=_by_way(answers, trials),
            samples=tuple(_sample(answers[i], trials[i]) for i in _kept(answers)),
        )
        self.book.add(point)
        return point


def _kept(answers: Sequence[Answer]) -> list[int]:
    """Which answers are kept as samples: nobody chooses them."""
    first: dict[str, int] = {}
    for place, answer in enumerate(answers):
        first.setdefault(answer.way, place)
    return sorted({*range(min(KEPT, len(answers))), *first.values()})


def distinct(texts: Sequence[str]) -> tuple[float, float, float]:
    """Distinct-1, -2 and -3 of a batch; 0 where there are no n-grams."""
    cut = [cut_plainly(text) for text in texts]
    one, two, three = (_distinct(cut, n) for n in (1, 2, 3))
    return one, two, three


def _distinct(cut: Sequence[Sequence[str]], n: int) -> float:
    grams = list(chain.from_iterable(zip(*(words[i:] for i in range(n)), strict=False) for words in cut))
    return len(set(grams)) / len(grams) if grams else 0.0


def _by_way(answers: Sequence[Answer], trials: Sequence[Trial]) -> dict[str, tuple[int, float, float]]:
    """Count, mean score (of what could be read) and share right, by way in the order in which they come."""
    ways: dict[str, list[Trial]] = {}
    for answer, trial in zip(answers, trials, strict=True):
        ways.setdefault(answer.way, []).append(trial)
    return {
        way: (
            len(these),
            fmean([t.verdict.score for t in these if t.verdict.parsed] or [0.0]),
            fmean(t.truth is Truth.RIGHT for t in these),
        )
        for way, these in sorted(ways.items())
    }


def _sample(answer: Answer, trial: Trial) -> Sample:
    problem, verdict = answer.problem, trial.verdict
    return Sample(
        way=answer.way,
        question=problem.question[:LONGEST],
        reference=problem.reference[:LONGEST],
        text=answer.text[:LONGEST],
        score=verdict.score,
        accepted=verdict.accepted,
        truth=trial.truth.value,
    )
