"""One response for many problems: learned on train problems, tried on others.

Wallace et al. 2019 (arXiv 1908.07125) and Raina et al. 2024 (arXiv 2402.14016) learn universal suffixes by the mean
over many examples. Here a string is not paid for on all of them: it races. It is tried where its parent did worst, and
only one that gains there is tried on the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ...corpora.records import Candidate, Trial
from ..pool import written
from ..strings import Breeder
from ..target import CorpusTarget, cut_plainly
from . import Lessons
from .genetic import TRIES, beginnings

#: Margins count up to here: a string shall be accepted everywhere, not praised somewhere.
ENOUGH = 1.0

#: Strings that go on being bred, and responses that are learned in the end.
KEPT, LEARNED = 12, 5

#: About so many of the best are bred often.
RANK = 3.0

#: Problems that a new string is tried on first.
HEAT = 2


class Scores:
    """Margins of strings by problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = problems
        self.margins: dict[str, dict[str, float]] = {}

    def note(self, trials: Sequence[Trial]) -> None:
        """Take in what was tried. What could not be read, or is not proved wrong, counts as a failure."""
        for trial in trials:
            good = trial.verdict.parsed and (trial.fools or not trial.verdict.accepted)
            margin = min(trial.margin, ENOUGH) if good else -10.0
            self.margins.setdefault(written(trial), {})[trial.item.problem.id] = margin

    def left(self, text: str) -> list[str]:
        """The problems on which a string has not been tried."""
        return [p for p in self.problems if p not in self.margins.get(text, {})]

    def worst(self, text: str) -> list[str]:
        """The problems, those first on which a string does worst."""
        known = self.margins[text]
        return sorted(self.problems, key=lambda p: (known.get(p, -10.0), self.problems.index(p)))

    def gains(self, text: str, parent: str) -> bool:
        """Whether a string does better than its parent where both were tried."""
        mine, its = self.margins[text], self.margins[parent]
        both = [p for p in mine if p in its]
        return sum(mine[p] - its[p] for p in both) > 0

    def value(self, text: str) -> tuple[int, float, float]:
        """The order of strings: whether tried everywhere, the share fooled, the mean margin."""
        known = list(self.margins[text].values())
        return len(known), sum(m >= 0 for m in known) / len(known), sum(known) / len(known)

    def ranked(self) -> list[str]:
        """Strings that were tried everywhere, best first."""
        full = [t for t, known in self.margins.items() if len(known) == len(self.problems)]
        return sorted(full, key=self.value, reverse=True)


def universal(
    target: CorpusTarget, rng: np.random.Generator, *, length: int = 8, batch: int = 16, problems: int = 12
) -> Lessons:
    """One string of at most `length` pieces that fools as many problems as possible, learned on train problems."""
    chosen = list(target.targets)[:problems]
    cut = target.targets[chosen[0]].cut if chosen else cut_plainly
    length = min((target.targets[p].longest(length) for p in chosen), default=length)
    breeder, scores, budget = Breeder(target.pieces, rng, length), Scores(chosen), Purse(target.budget)
    fresh = ["".join(breeder.fresh(length)) for _ in range(batch)]
    starts = [t for t in dict.fromkeys([*beginnings(), *fresh]) if len(cut(t)) <= length]
    heat = [chosen[int(i)] for i in rng.permutation(len(chosen))[:HEAT]]
    scores.note((yield budget.pay([_ask(target, t, p, "start", None) for t in starts for p in heat])))
    best = sorted(scores.margins, key=scores.value, reverse=True)[:KEPT]
    scores.note((yield budget.pay([_ask(target, t, p, "start", None) for t in best[:4] for p in scores.left(t)])))
    while not budget.spent and (ranked := scores.ranked()[:KEPT]):
        if scores.value(ranked[0])[2] >= ENOUGH:
            break
        family = _children(breeder, ranked, [tuple(cut(t)) for t in ranked + best], cut, batch, scores)
        if not family:  # all there is has been tried
            break
        asks = [_ask(target, c, p, "breed", parent) for c, parent in family for p in scores.worst(parent)[:HEAT]]
        scores.note((yield budget.pay(asks)))
        won = [(c, parent) for c, parent in family if c in scores.margins and scores.gains(c, parent)]
        while won and not budget.spent:
            # The next problems that were hard for the parent, then the rest: most strings fall early.
            asks = [
                _ask(target, c, p, "race", parent)
                for c, parent in won
                for p in [p for p in scores.worst(parent) if p in scores.left(c)][: 2 * HEAT]
            ]
            scores.note((yield budget.pay(asks)))
            won = [(c, parent) for c, parent in won if scores.left(c) and scores.gains(c, parent)]
    return (scores.ranked() or best)[:LEARNED]


class Purse:
    """Cuts batches to what the budget leaves."""

    def __init__(self, budget: int) -> None:
        self.left = budget

    @property
    def spent(self) -> bool:
        return self.left <= 0

    def pay(self, asks: list[Candidate]) -> list[Candidate]:
        """As many of the asks as can be paid for."""
        paid = asks[: max(0, self.left)]
        self.left -= len(paid)
        return paid


def _children(
    breeder: Breeder,
    ranked: list[str],
    donors: Sequence[Sequence[str]],
    cut: Callable[[str], Sequence[str]],
    batch: int,
    scores: Scores,
) -> list[tuple[str, str]]:
    """New strings, each with its parent; parents by rank."""
    found: dict[str, str] = {}
    for _ in range(TRIES * batch):
        parent = breeder.parent(ranked, RANK)
        child = "".join(breeder.child(tuple(cut(parent)), donors))
        if child not in scores.margins and len(cut(child)) <= breeder.longest:
            found.setdefault(child, parent)
        if len(found) == batch:
            break
    return list(found.items())


def _ask(target: CorpusTarget, text: str, problem: str, op: str, parent: str | None) -> Candidate:
    place = partial(target.targets[problem].place, append=False)
    return Candidate(place(text), "universal", op, None if parent is None else place(parent), problem)
