"""Simulated annealing over strings of pieces (Kirkpatrick, Gelatt and Vecchi 1983).

Several chains walk at once, so that batches fill. Each takes an edit that loses margin with the probability
exp(loss / temperature), and every other edit always. What a large loss is differs from judge to judge: temperatures are
shares of the spread of margins among the first, fresh strings. A judge that only decides has little or no spread there,
and its chains drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...corpora.records import Candidate
from ..edits import drawn_edits, edited, fresh_strings
from ..target import Target
from . import Proposals

#: Fresh strings for each chain, of which it takes the best left.
FRESH = 4


@dataclass(slots=True)
class Chain:
    """Where one walk stands: a string, its margin, and the text that was asked about."""

    string: list[str]
    margin: float = -np.inf
    text: str | None = None


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
    strings = fresh_strings(rng, target.pieces, FRESH * chains, target.longest(length))
    start = target.start if append else None
    walks = [Chain(string, text=start) for string in strings]
    trials = yield [Candidate(target.place("".join(s), append=append), "anneal", "fresh", start) for s in strings]
    asked: set[str] = set()
    for walk, trial in zip(walks, trials, strict=True):
        if trial.verdict.parsed:
            walk.margin, walk.text = trial.margin, trial.text
            asked.add(trial.text)
    known = [walk.margin for walk in walks if walk.margin > -np.inf]
    spread = float(np.std(known)) if known else 0.0
    walks = sorted(walks, key=lambda walk: -walk.margin)[:chains]
    while True:
        temperature = spread * hot * (cold / hot) ** min(1.0, len(asked) / target.budget)
        turns = [walk for walk in walks for _ in range(tries)]
        edits = drawn_edits(rng, len(target.pieces), len(turns), changes)
        strings = [edited(w.string, few, target.pieces, longest) for w, few in zip(turns, edits, strict=True)]
        trials = yield [
            Candidate(target.place("".join(s), append=append), "anneal", f"T={temperature:.2g}", walk.text)
            for s, walk in zip(strings, turns, strict=True)
        ]
        luck = rng.random(len(turns)).tolist()
        for walk, string, trial, lucky in zip(turns, strings, trials, luck, strict=True):
            if trial.verdict.parsed:
                asked.add(trial.text)
                if is_taken(trial.margin - walk.margin, temperature, lucky):
                    walk.string, walk.margin, walk.text = string, trial.margin, trial.text


def is_taken(gain: float, temperature: float, luck: float) -> bool:
    """Metropolis' rule: every gain and tie, and a loss if `luck`, uniform in [0, 1), is below exp(gain / T)."""
    return gain >= 0 or (temperature > 0 and luck < np.exp(gain / temperature))
