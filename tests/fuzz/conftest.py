"""What the tests of the search share: a free judge that counts, and a gate around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Item, Problem, Verdict
from hoodwink.fuzz.commons import Commons
from hoodwink.fuzz.gate import Gate
from hoodwink.fuzz.store import Store
from hoodwink.fuzz.target import CorpusTarget, GradientTarget, ReferenceTarget, Target, cut_plainly
from hoodwink.judges.judge import Slope
from whackamole import ROUNDS, WhackAMole, fight


class CountingJudge:
    """Gives each response the margin that a function says, and remembers every call."""

    name = "counting"
    fingerprint = "counting"

    def __init__(self, margin: Callable[[str], float]) -> None:
        self.margin = margin
        self.batches: list[list[str]] = []
        self.asked: Counter[tuple[str, str]] = Counter()

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        self.batches.append([i.response for i in items])
        self.asked.update((i.problem.id, i.response) for i in items)
        margins = [self.margin(i.response) for i in items]
        return [Verdict(0.9 if m >= 0 else 0.1, m, m >= 0) for m in margins]


class FewWords:
    """A proposer that says the same few words after every text, and takes long texts for unlikely ones."""

    name = "few words"

    def continuations(self, question: str, answers: Sequence[str], count: int) -> list[list[Any]]:
        from hoodwink.judges.proposer import Continuation

        words = ["The", " answer", " is", " so", " clear", ".", " Yes", " and", " we", " are", " done", "!"]
        return [[Continuation(w, -0.5 * (i + 1)) for i, w in enumerate(words[:count])] for _ in answers]

    def perplexity(self, texts: Sequence[str]) -> list[float]:
        return [1.0 + len(text) for text in texts]


PIECES = tuple(f" {'w' * (1 + i % 40)}{i}" for i in range(500))


def slope(text: str) -> Slope:
    """That of a judge that likes long texts."""
    tokens = tuple(cut_plainly(text))
    gains = [[len(piece) - len(token) for piece in PIECES] for token in tokens]
    return Slope(tokens, np.array(gains, dtype=np.float32).reshape(len(tokens), len(PIECES)))


@pytest.fixture(scope="session")
def target_for() -> Callable[..., Any]:
    """Makes a target of the kind that an attack needs: of the first problem given, or of all for a corpus."""

    def make(kind: type, *problems: Problem, **more: Any) -> Any:
        if kind is CorpusTarget:
            return CorpusTarget({p.id: make(Target, p, **more) for p in problems}, PIECES, 640)
        problem = problems[0]
        if issubclass(kind, ReferenceTarget):
            more["reference"] = problem.reference
        if issubclass(kind, GradientTarget):
            more["gradient"] = slope
        common = {"problem": problem.id, "commons": Commons(), "proposer": FewWords()}
        return kind(problem.question, problem.wrong[0].text, problem.wrong, PIECES, **{**common, **more})

    return make


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    return Arithmetic().sample(5, seed=3)


@pytest.fixture(scope="session")
def first() -> WhackAMole:
    """The judge that `fought` begins with, and its log."""
    return WhackAMole()


@pytest.fixture(scope="session")
def fought(first: WhackAMole, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A duel of four rounds, in which all holes are closed but the one that only held-out attacks know."""
    return fight(tmp_path_factory.mktemp("duels") / "fought", first, rounds=ROUNDS)


@pytest.fixture
def make_gate() -> Callable[..., tuple[CountingJudge, Gate]]:
    def make(margin: Callable[[str], float], batch: int = 128) -> tuple[CountingJudge, Gate]:
        judge = CountingJudge(margin)
        return judge, Gate(judge, open_oracle("exact"), Store.in_memory(), batch=batch)

    return make
