"""All that an attack may see of what it attacks."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..corpora.errors import HoodwinkError, JudgeError, UsageError
from ..corpora.records import Item, Problem, Response
from ..judges.judge import Cuts, GradientJudge, HasEmbeddings, HasPieces, Judge, Slope, blamed, first_line
from .commons import Commons
from .constraints import Constraints

if TYPE_CHECKING:
    from ..judges.proposer import Continuation, Proposer

#: For judges whose tokens are not known: common words and syllables, digits and signs.
WORDS = """
the of and to in is that for it as was with be by on not he his but at are this have from or had an they which
one you were all her she there would their we him been has when who will no more if out so up said what its
about than into them can only other time new some could these two may first then do any like my now over such
our man me even most made after also did many off before must well back through years much where your way down
should because long each just state those people too mr how little good world make very year still see own
work men day get here old life both between being under three never know same last another while us might
great go come since against right came take used himself few house use place answer solution therefore thus
correct result total step final yes no
""".split()  # noqa: SIM905

FREE = Constraints()

Vectors = np.ndarray[Any, np.dtype[np.float32]]

_CUTS = re.compile(r" ?\w+| ?[^\w\s]|\s")


def cut_by(judge: Judge, text: str) -> Sequence[str]:
    """A text cut into a judge's tokens, or plainly where it does not say how, or where its tokens are not the text.

    Raises:
        JudgeError: the judge raised, or gave something else than a sequence of texts.
    """
    pieces = blamed(judge, lambda: [*judge.cut(text)]) if isinstance(judge, Cuts) else []
    if not all(isinstance(piece, str) for piece in pieces):
        raise JudgeError(f"judge {judge.name} cut {text[:40]!r} into {pieces!r:.60}; return the texts of its tokens")
    return pieces if "".join(pieces) == text else cut_plainly(text)


def cut_plainly(text: str) -> list[str]:
    """A text cut into words and signs, each with a blank before it; joined again they are the text."""
    return _CUTS.findall(text)


@dataclass(frozen=True, slots=True)
class Target:
    """One problem as an attack sees it: never the reference, never the judge.

    Attributes:
        question: the question's text.
        start: a plain wrong response, which the judge is known to reject where the problem counts.
        wrong: all known wrong responses.
        pieces: texts to build strings from: the judge's tokens where it has any.
        problem: the problem's id, under which learners know it.
        commons: what the cells of the attack learn from one another.
        cut: cuts a text into pieces; joined again they are the text.
        proposer: a language model that says how a text may go on; None where there is none.
        constraints: what every response must keep to. A response that does not comes back unparsed, and costs nothing.
        budget: the queries that the cell has in all.
        embeddings: gives the judge's vectors of the pieces, `(pieces, width)`; None where it has none to give.
    """

    question: str
    start: str
    wrong: tuple[Response, ...]
    pieces: Sequence[str]
    problem: str = ""
    commons: Commons = field(default_factory=Commons)
    cut: Callable[[str], Sequence[str]] = cut_plainly
    proposer: Proposer | None = None
    constraints: Constraints = FREE
    budget: int = 640
    embeddings: Callable[[], Vectors] | None = None

    def place(self, text: str, *, append: bool) -> str:
        """`text` alone, or after the plain wrong response (always, where that has to be kept)."""
        return f"{self.start} {text}" if append or self.constraints.keep_wrong else text

    def longest(self, wanted: int) -> int:
        """How many pieces a string may have where `wanted` are asked for; at least one."""
        most = self.constraints.max_tokens
        if most is None:
            return wanted
        return max(1, min(wanted, most - (len(self.cut(self.start)) if self.constraints.keep_wrong else 0)))

    def fluency(self, texts: Sequence[str]) -> list[float] | None:
        """The perplexity of texts under the proposer; None without one."""
        return None if self.proposer is None else self.proposer.perplexity(texts)


@dataclass(frozen=True, slots=True)
class ReferenceTarget(Target):
    """A target whose reference answer may be read: what comes of it is told apart from finds made blind."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class ProposerTarget(Target):
    """A target for attacks that cannot do without a proposer."""

    def continuations(self, answers: Sequence[str], count: int) -> list[list[Continuation]]:
        """The likeliest next pieces of each answer begun; see `Proposer.continuations`."""
        assert self.proposer is not None
        return self.proposer.continuations(self.question, answers, count)


def with_proposer(target: Target) -> ProposerTarget:
    """A target that has a proposer, as one for attacks that cannot do without."""
    return ProposerTarget(**{field.name: getattr(target, field.name) for field in fields(Target)})


@dataclass(frozen=True, slots=True)
class GradientTarget(Target):
    """A target of which the judge gives gradients. Each counts as a query."""

    gradient: Callable[[str], Slope] | None = None

    def slope(self, text: str) -> Slope:
        """How the margin of a response would change with each of its tokens; see `Slope`. A column for each piece."""
        assert self.gradient is not None
        return self.gradient(text)


@dataclass(frozen=True, slots=True)
class CorpusTarget:
    """Many problems at once, for attacks that learn on some what they try on others.

    Attributes:
        targets: the problems to learn on, by id. Candidates name one of them.
        pieces: as in `Target`.
        budget: queries that learning may cost in all.
        constraints: as in `Target`.
    """

    targets: dict[str, Target]
    pieces: Sequence[str]
    budget: int
    constraints: Constraints = FREE


class Meter:
    """Counts what a cell pays for besides verdicts."""

    def __init__(self) -> None:
        self.spent = 0


class Sight:
    """Makes targets: what all attacks of a run may see of a judge, worked out once."""

    def __init__(
        self,
        judge: Judge,
        *,
        proposer: Proposer | None = None,
        constraints: Constraints = FREE,
        budget: int = 640,
    ) -> None:
        """`budget` is that of one cell.

        Raises:
            JudgeError: the judge has token texts and fails to give them.
            UsageError: no token of the judge's is allowed.
        """
        self.judge = judge
        self.proposer = proposer
        self.constraints = constraints
        self.budget = budget
        own = pieces_of(judge)
        self._own = len(own)
        self._allowed = [i for i, piece in enumerate(own) if self.constraints.allows_piece(piece)]
        self.pieces = [own[i] for i in self._allowed]
        self.cut: Callable[[str], Sequence[str]] = lru_cache(1 << 14)(partial(cut_by, judge))
        if not self.pieces:
            raise UsageError("the constraints leave no token to build responses from; forbid less")

    def lacks(self, kind: type) -> str:
        """Why attacks that need this kind of target cannot run; empty if they can."""
        if kind is GradientTarget and not isinstance(self.judge, GradientJudge):
            return f"needs gradients, which judge {self.judge.name} does not give"
        if kind is ProposerTarget and self.proposer is None:
            return f"needs a language model, which judge {self.judge.name} is not; give one with --proposer smollm2"
        return ""

    def target(self, kind: type[Target | CorpusTarget], problem: Problem, commons: Commons, meter: Meter) -> Target:
        """The view of a problem that attacks of a kind get; `meter` counts gradients."""
        assert issubclass(kind, Target)
        more: dict[str, Any] = {}
        if issubclass(kind, ReferenceTarget):
            more["reference"] = problem.reference
        if issubclass(kind, GradientTarget):
            more["gradient"] = lambda text: self._slope(Item(problem, text), meter)
        return kind(
            question=problem.question,
            start=problem.wrong[0].text,
            wrong=problem.wrong,
            pieces=self.pieces,
            problem=problem.id,
            commons=commons,
            cut=self.cut,
            proposer=self.proposer,
            constraints=self.constraints,
            budget=self.budget,
            embeddings=(lambda: self._embeddings) if isinstance(self.judge, HasEmbeddings) else None,
            **more,
        )

    def corpus(self, problems: Sequence[Problem], commons: Commons) -> CorpusTarget:
        """The view of many problems that attacks over a corpus get."""
        meter = Meter()
        targets = {p.id: self.target(Target, p, commons, meter) for p in problems}
        return CorpusTarget(targets, self.pieces, self.budget, self.constraints)

    def refusal(self, problem: Problem, texts: Sequence[str]) -> list[str]:
        """Which constraint each text breaks, in a word; empty where none."""
        limits = self.constraints
        said = [limits.refusal(problem, text, self.cut) for text in texts]
        if limits.max_perplexity is not None and self.proposer is not None:
            left = [text for text, why in zip(texts, said, strict=True) if not why]
            high = {t for t, p in zip(left, self.proposer.perplexity(left), strict=True) if p > limits.max_perplexity}
            said = [why or ("max-perplexity" if text in high else "") for text, why in zip(texts, said, strict=True)]
        return said

    @cached_property
    def _embeddings(self) -> Vectors:
        """The judge's vectors of the pieces that are allowed."""
        assert isinstance(self.judge, HasEmbeddings)
        return self._of_allowed(self.judge.embeddings(), 0, "embeddings()")

    def _slope(self, item: Item, meter: Meter) -> Slope:
        meter.spent += 1
        assert isinstance(self.judge, GradientJudge)
        tokens, gains = self.judge.slope(item)
        return Slope(tokens, self._of_allowed(gains, 1, "slope()"))

    def _of_allowed(self, values: Vectors, axis: int, call: str) -> Vectors:
        """What a judge says of each of its pieces, for those that are allowed.

        Raises:
            JudgeError: it says it of another number of pieces.
        """
        shape = np.shape(values)
        if len(shape) != 2 or shape[axis] != self._own:
            raise JudgeError(f"judge {self.judge.name} has {self._own} pieces, and {call} gave an array of {shape}")
        return values if len(self._allowed) == self._own else np.take(values, self._allowed, axis)


def pieces_of(judge: Judge) -> Sequence[str]:
    """The judge's own token texts, or a small built-in set.

    Raises:
        JudgeError: the judge has token texts and fails to give them.
    """
    if isinstance(judge, HasPieces):
        try:
            return judge.pieces()
        except (HoodwinkError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise JudgeError(
                f"judge {judge.name} raised {type(error).__name__} in pieces(): {first_line(error)}"
            ) from error
    return tuple(
        dict.fromkeys([f" {w}" for w in WORDS] + list(string.ascii_letters + string.digits + string.punctuation))
    )
