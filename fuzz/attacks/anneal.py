"""Simulated annealing over strings of pieces (Kirkpatrick, Gelatt and Vecchi 1983).

Several chains walk at once, so that batches fill. Each takes an edit that loses margin with the probability
exp(loss / temperature), and every other edit always. What a large loss is differs from judge to judge: temperatures are
shares of the spread of margins among the first, fresh strings. A judge that only decides has little or no spread there,
and its chains drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...corpora.records import Candidate, Trial
from ..strings import drawn_edits, edited, fresh_strings
from ..target import Target
from . import Proposals

#: Fresh strings for each chain, of which it takes the best left.
FRESH = 4


@dataclass(slots=True)
class Chain:
    """Where one walk stands: a string, its margin, and the text that was asked about."""

    string: list[str]
    text: str | None
    margin: float = -np.inf

    def weigh(self, string: list[str], trial: Trial, temperature: float, luck: float) -> None:
        """Go on from another string if Metropolis' rule takes it."""
        if trial.climbable and is_taken(trial.margin - self.margin, temperature, luck):
            self.string, self.text, self.margin = string, trial.text, trial.margin


def anneal(
    target: Target,
    rng: np.random.Generator,
    *,
    chains: int = 4,
    tries: int = 2,
    length: int = 8,
    longest: int = 24,
    changes: int = 2,
    hot: float = 0.5,
    cold: float = 0.02,
    append: bool = False,
) -> Proposals:
    """Simulated annealing: chains that also take losses, fewer as the budget is spent.

    The temperature falls from `hot` to `cold`, by equal factors for equal queries; both are shares of the spread of
    margins among fresh strings. Each chain has `tries` edits a step, weighed one after the other.
    """
    longest = target.longest(max(length, longest))
    start = target.start if append else None
    strings = fresh_strings(rng, target.pieces, FRESH * chains, target.longest(length))
    turns = [Chain(string, start) for string in strings]
    op, temperature, spread = "fresh", 0.0, 0.0
    walks: list[Chain] = []
    asked: set[str] = set()
    while True:
        trials = yield [
            Candidate(target.place("".join(string), append=append), "anneal", op, walk.text)
            for string, walk in zip(strings, turns, strict=True)
        ]
        asked.update(trial.text for trial in trials if trial.climbable)
        luck = rng.random(len(turns)).tolist()
        for walk, string, trial, lucky in zip(turns, strings, trials, luck, strict=True):
            walk.weigh(string, trial, temperature, lucky)
        if not walks:
            known = [walk.margin for walk in turns if walk.margin > -np.inf]
            spread = float(np.std(known)) if known else 0.0
            walks = sorted(turns, key=lambda walk: -walk.margin)[:chains]
        temperature = spread * cooled(hot, cold, len(asked) / target.budget)
        op = f"T={temperature:.2g}"
        turns = [walk for walk in walks for _ in range(tries)]
        edits = drawn_edits(rng, len(target.pieces), len(turns), changes)
        strings = [edited(w.string, few, target.pieces, longest) for w, few in zip(turns, edits, strict=True)]


def cooled(hot: float, cold: float, spent: float) -> float:
    """From `hot` to `cold` by equal factors, as `spent` goes from 0 to 1; 0 from a `hot` of 0."""
    return float(hot * (cold / hot) ** min(1.0, spent)) if hot > 0 else 0.0


def is_taken(gain: float, temperature: float, luck: float) -> bool:
    """Metropolis' rule: every gain and tie, and a loss if `luck`, uniform in [0, 1), is below exp(gain / T)."""
    return gain >= 0 or (temperature > 0 and luck < np.exp(gain / temperature))
