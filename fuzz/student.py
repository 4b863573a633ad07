"""The policy that is trained on a judge's score: a student of limited skill, who may also write whatever comes to mind.

The student chooses between ways of answering. The honest ones are simulated: the text is one of the problem's known
responses, a right one as often as the way's skill says, a wrong one otherwise. The last way is a string of tokens from
a `Policy` that knows nothing at first: each of its tokens is as likely as any other. Both, the choice and the string,
are learned by REINFORCE (Williams 1992) from the judge's score alone. Nothing says which strings fool a judge, whether
an answer was right, or that the free string is anything but one more way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..corpora.records import COMPLETE, Problem, Response
from .policies import Array, Policy, Samples, log_softmax

Choices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class Way:
    """An honest way of answering.

    Attributes:
        name: what samples and reports call it.
        skill: the share of right answers given in this way.
        share: how often it is chosen at first.
        right: kinds of known responses that are handed in when the student is right, where a problem has them.
        wrong: the same when the student is not.
    """

    name: str
    skill: float
    share: float
    right: frozenset[str]
    wrong: frozenset[str]

    def write(self, problem: Problem, rng: np.random.Generator) -> str:
        """An answer: right by `skill`, by chance."""
        if rng.random() < self.skill:
            known = problem.right or (Response(problem.reference, "bare"),)
            return _one_of([r for r in known if r.kind in self.right] or known, rng)
        fitting = [r for r in problem.wrong if r.kind in self.wrong]
        return _one_of(fitting or [r for r in problem.wrong if r.kind in COMPLETE] or problem.wrong, rng)


def _one_of(responses: Sequence[Response], rng: np.random.Generator) -> str:
    return responses[int(rng.integers(len(responses)))].text


#: The honest ways: the more work, the more often right; and at first the student is lazy.
WAYS = (
    Way("guess", 0.3, 0.55, frozenset({"bare"}), frozenset({"other", "unanswered", "given"})),
    Way("short answer", 0.5, 0.25, frozenset({"sentence"}), frozenset({"value"})),
    Way("worked solution", 0.7, 0.15, frozenset({"worked"}), frozenset({"slip"})),
)
#: The way that is no answer, and the share of it that is never undercut: else a policy that has once learned that its
#: first strings earn nothing would write no more of them. A language model's sampler never quite stops either.
FREE, EXPLORE = "free string", 0.05


@dataclass(frozen=True, slots=True)
class Answers:
    """What a student wrote: `(count,)` problems, ways and texts, and the `(count, length)` tokens of free strings."""

    problems: list[Problem]
    ways: Choices
    tokens: Samples
    texts: list[str]

    def names(self) -> list[str]:
        """The names of the ways."""
        return [WAYS[way].name if way < len(WAYS) else FREE for way in self.ways.tolist()]


class Student:
    """A choice between ways, and a policy for the free string.

    Attributes:
        pieces: the texts of the tokens that free strings are made of.
        choice: over the honest ways and, last, the free string.
        speech: over the tokens of the free string.
    """

    def __init__(
        self, pieces: Sequence[str], length: int, *, lr: float, choice_lr: float, bonus: float, gather: int
    ) -> None:
        """`lr` and `bonus` are those of `speech` (see `Policy`).

        `speech` learns once `gather` free strings have been judged: they are rare at first, and an advantage needs
        others to be measured against. A batch that holds more of them is learned from in as many parts: the later ones
        were then written by a policy a few updates older.
        """
        self.pieces = pieces
        self.choice = Policy(len(WAYS) + 1, 1, lr=choice_lr)
        self.choice.logits[0] = np.log([*(way.share for way in WAYS), EXPLORE])
        self.speech = Policy(len(pieces), length, lr=lr, bonus=bonus)
        self.gather = gather
        self._start = log_softmax(self.choice.logits)[0]
        self._judged: list[tuple[Samples, float]] = []

    def answer(self, problems: Sequence[Problem], rng: np.random.Generator) -> Answers:
        """An answer to each problem."""
        ways = self.choice.sample(rng, len(problems))[:, 0]
        tokens = self.speech.sample(rng, len(problems))
        texts = [
            WAYS[way].write(problem, rng) if way < len(WAYS) else "".join(self.pieces[i] for i in row)
            for problem, way, row in zip(problems, ways.tolist(), tokens.tolist(), strict=True)
        ]
        return Answers(list(problems), ways, tokens, texts)

    def learn(self, answers: Answers, rewards: Array, told: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """One step of both policies; `told` says which answers got a verdict that could be read."""
        self.choice.update(answers.ways[told][:, None], rewards[told])
        self._keep_exploring()
        for row in np.flatnonzero(told & (answers.ways == len(WAYS))).tolist():
            self._judged.append((answers.tokens[row], float(rewards[row])))
        while len(self._judged) >= self.gather:
            tokens, earned = zip(*self._judged[: self.gather], strict=True)
            self.speech.update(np.stack(tokens), np.array(earned))
            del self._judged[: self.gather]

    def _keep_exploring(self) -> None:
        logits = self.choice.logits[0]
        honest = float(np.logaddexp.reduce(logits[:-1]))
        logits[-1] = max(float(logits[-1]), honest + float(np.log(EXPLORE / (1 - EXPLORE))))

    def shares(self) -> dict[str, float]:
        """How likely each way is."""
        shares = np.exp(log_softmax(self.choice.logits)[0]).tolist()
        return dict(zip([*(way.name for way in WAYS), FREE], shares, strict=True))

    def entropy(self) -> float:
        """Of an answer, in nats: of the way, and of the free string as often as it is written."""
        logs = log_softmax(self.choice.logits)[0]
        shares = np.exp(logs)
        return float(-(shares @ logs) + shares[-1] * self.speech.length * self.speech.entropy())

    def divergence(self) -> float:
        """Kullback-Leibler divergence of an answer from the student at the start, in nats.

        Honest ways are always written as at the start; a free string was uniform.
        """
        logs = log_softmax(self.choice.logits)[0]
        shares = np.exp(logs)
        string = self.speech.length * (float(np.log(self.speech.size)) - self.speech.entropy())
        return max(0.0, float(shares @ (logs - self._start) + shares[-1] * string))

    def likeliest(self) -> str:
        """The free string that is likeliest."""
        return "".join(self.pieces[i] for i in self.speech.mode().tolist())
