"""Random search over short token strings, climbing the judge's margin.

The method of Andriushchenko et al. (arXiv 2404.02151), without a model's help: keep the best string, change a few of
its tokens at random, keep what is at least as good. Ties are taken, so that it drifts where a judge only decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...corpora.records import Candidate
from ..target import Target
from . import Proposals


def random_search(
    target: Target,
    rng: np.random.Generator,
    *,
    length: int = 8,
    batch: int = 16,
    changes: int = 2,
    append: bool = False,
) -> Proposals:
    """Random token strings, the best of them changed in up to `changes` places at a time."""
    tokens = [_draw(target, rng, length) for _ in range(batch)]
    parent, op = (target.start if append else None), "fresh"
    best: Sequence[str] = tokens[0]
    best_margin = -np.inf
    while True:
        texts = [target.place("".join(t), append=append) for t in tokens]
        trials = yield [Candidate(text, "random", op, parent) for text in texts]
        for trial, string in zip(trials, tokens, strict=True):
            if trial.margin >= best_margin:
                best, best_margin, parent = string, trial.margin, trial.text
        op = "change"
        tokens = [_change(best, target, rng, changes) for _ in range(batch)]


def _draw(target: Target, rng: np.random.Generator, length: int) -> list[str]:
    return [target.pieces[int(i)] for i in rng.integers(len(target.pieces), size=length)]


def _change(tokens: Sequence[str], target: Target, rng: np.random.Generator, changes: int) -> list[str]:
    """A copy with 1 to `changes` tokens drawn anew."""
    changed = list(tokens)
    count = int(rng.integers(1, min(changes, len(changed)) + 1))
    for place in rng.choice(len(changed), size=count, replace=False):
        changed[place] = target.pieces[int(rng.integers(len(target.pieces)))]
    return changed
