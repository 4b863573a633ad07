"""What the tests of the search share: a free judge that counts, and a gate around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Item, Problem, Verdict
from hoodwink.fuzz.gate import Gate
from hoodwink.fuzz.store import Store


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


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    return Arithmetic().sample(5, seed=3)


@pytest.fixture
def make_gate() -> Callable[..., tuple[CountingJudge, Gate]]:
    def make(margin: Callable[[str], float], batch: int = 128) -> tuple[CountingJudge, Gate]:
        judge = CountingJudge(margin)
        return judge, Gate(judge, open_oracle("exact"), Store.in_memory(), batch=batch)

    return make
