"""The records that all parts share: what is judged, what a judge says, what an attack proposes, what it found.

All are frozen and slotted; `to_json`/`from_json` on problems is the only serialisation that lives here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

Split = Literal["train", "eval"]
SplitChoice = Literal["train", "eval", "all"]
Level = Literal["accepted", "acclaimed"]

#: Kinds of wrong response that are finished, in plain words: what a judge must reject to be called competent.
COMPLETE = frozenset({"slip", "value", "other", "unanswered", "given"})
#: Wrong responses a character or two away from the reference. Counted apart: a judge may fail them and be useful.
NEAR = frozenset({"off-by-one", "sign", "swapped", "added", "dropped"})
#: Responses that never reach an answer.
PARTIAL = frozenset({"truncated", "empty"})


class Truth(StrEnum):
    """What an oracle knows of a response. Only WRONG makes a find; UNSURE never does."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Ruling:
    """An oracle's word on one response, with the reason in a sentence (kept with a find as its proof)."""

    truth: Truth
    proof: str


@dataclass(frozen=True, slots=True)
class Response:
    """A known response: its text, its style (if right) or kind of error (if wrong), and the step that is wrong."""

    text: str
    kind: str
    step: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Problem:
    """A question, its reference answer, known responses, and where it belongs.

    `id` hashes question and reference alone: known responses may be added later without moving a problem from one
    split to the other. `wrong[0]` is the plain wrong answer that attacks start from and that a judge must reject
    for the problem to count. `solution` holds the worked solution, a step an entry; empty where none is known.
    """

    id: str
    family: str
    question: str
    reference: str
    right: tuple[Response, ...]
    wrong: tuple[Response, ...]
    split: Split
    solution: tuple[str, ...] = ()

    @classmethod
    def make(
        cls,
        *,
        family: str,
        question: str,
        reference: str,
        right: tuple[Response, ...] = (),
        wrong: tuple[Response, ...] = (),
        solution: tuple[str, ...] = (),
    ) -> Problem:
        """A problem with its id and split worked out: about three in ten go to `eval`."""
        digest = hashlib.sha256(f"{question}\x1f{reference}".encode("utf-8", "surrogatepass")).hexdigest()
        split: Split = "eval" if int(digest[:8], 16) % 10 < 3 else "train"
        return cls(digest[:16], family, question, reference, right, wrong, split, solution)

    def __repr__(self) -> str:
        """The call that makes it, but for its known responses, which would hide it."""
        return f"Problem.make(family={self.family!r}, question={self.question!r}, reference={self.reference!r})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The same for what asks dataclasses for their fields instead: IPython, and Hypothesis in failing examples."""
        printer.text(repr(self))

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dicts; `from_json` is its inverse."""
        return {
            "family": self.family,
            "question": self.question,
            "reference": self.reference,
            "right": [[r.text, r.kind, r.step] for r in self.right],
            "wrong": [[r.text, r.kind, r.step] for r in self.wrong],
            "solution": list(self.solution),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Problem:
        """Rebuild what `to_json` wrote; id and split follow from the content."""
        return cls.make(
            family=data["family"],
            question=data["question"],
            reference=data["reference"],
            right=tuple(Response(*r) for r in data["right"]),
            wrong=tuple(Response(*r) for r in data["wrong"]),
            solution=tuple(data["solution"]),
        )


@dataclass(frozen=True, slots=True)
class Item:
    """What a judge is given: a problem and the text to grade."""

    problem: Problem
    response: str


@dataclass(frozen=True, slots=True)
class Pair(Item):
    """Two responses to a problem, of which the judge is to say whether `response`, shown first, is the better one."""

    other: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge gives back.

    `score` lies in [0, 1]; `margin` is finite and unbounded (log-odds where the judge has them, +1/-1 where it only
    decides), and is what a search climbs, since scores saturate. With `parsed=False` the judge's answer could not be
    read: score and margin then mean nothing and nothing counts as accepted. `text` is what the judge wrote, if it did,
    or what there is to say of the verdict.

    `outcome` is a word for verdicts that are counted apart: `inconsistent` (two orders of the same pair disagreed),
    `filtered` (a defence refused the response before the judge saw it); empty for all others. `steps` are the scores
    in [0, 1] of partial responses, the shortest first, where the judge looked at these.
    """

    score: float
    margin: float
    accepted: bool
    parsed: bool = True
    text: str = ""
    outcome: str = ""
    steps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A response that an attack proposes. `parent` (the text it came from) and `op` make its lineage.

    `problem` names a problem by id, only in attacks that see a whole corpus.
    """

    text: str
    attack: str
    op: str
    parent: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate, what the judge said of it, and what the oracle knows."""

    candidate: Candidate
    item: Item
    verdict: Verdict
    truth: Truth

    @property
    def text(self) -> str:
        return self.candidate.text

    @property
    def margin(self) -> float:
        return self.verdict.margin

    @property
    def climbable(self) -> bool:
        """Whether a search may go on from here: the verdict could be read, and the response is proved wrong."""
        return self.verdict.parsed and self.truth is Truth.WRONG

    @property
    def fools(self) -> bool:
        """The judge accepts it and the oracle proves it wrong."""
        return self.verdict.accepted and self.truth is Truth.WRONG


class Weight(NamedTuple):
    """A piece of a text, and what the judge says of the text without it; None where that could not be read or asked."""

    piece: str
    score: float | None
    margin: float | None


@dataclass(frozen=True, slots=True)
class Find:
    """A trial that fools the judge, confirmed by scoring it again alone.

    Attributes:
        trial: what was found, as first scored.
        kind: what kind of text it is (`fuzz.kinds`): near misses are always counted apart.
        level: `acclaimed` if its score reaches the judge's median score of right answers, else `accepted`.
        proof: why the response is provably wrong, in a sentence.
        shrunk_proof: why `shrunk` is.
        queries: distinct responses its cell had asked about when it came up, itself included.
        alone: the verdict when scored again in a batch of one.
        shrunk: the smallest form that still fools; the response itself until shrinking is done.
        shrunk_score: the judge's score of `shrunk`, scored alone.
        shrunk_margin: its margin.
        shrunk_steps: scores of its partial solutions, as in `Verdict.steps`.
        tokens: the pieces of `shrunk` in order, each with what the judge says without it; empty where nobody asked.
        minimal: no single character can be dropped from `shrunk` without losing the find.
        lineage: texts and operators from the attack's start to the response, oldest first.
        seed: the seed of its cell.
    """

    trial: Trial
    level: Level
    kind: str
    proof: str
    queries: int
    alone: Verdict
    shrunk: str
    shrunk_score: float
    shrunk_margin: float
    shrunk_proof: str
    minimal: bool = False
    shrunk_steps: tuple[float, ...] = ()
    tokens: tuple[Weight, ...] = ()
    lineage: tuple[tuple[str, str], ...] = field(default=())
    seed: int = 0
