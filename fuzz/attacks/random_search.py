"""Random search over short token strings, climbing the judge's margin.

The method of Andriushchenko et al. (arXiv 2404.02151), without a model's help: keep the best string, change a few of
its tokens at random, keep what is at least as good. Ties are taken, so that it drifts where a judge only decides.
Strings may grow: a string of fixed length gets stuck where no single change helps, and one more token often does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...corpora.records import Candidate
from ..edits import drawn_edits, edited, fresh_strings
from ..target import Target
from . import Proposals


def random_search(
    target: Target,
    rng: np.random.Generator,
    *,
    length: int = 8,
    longest: int = 24,
    batch: int = 8,
    changes: int = 2,
    append: bool = False,
) -> Proposals:
    """Random strings of `length` tokens, the best of them edited in up to `changes` places, growing up to `longest`."""
    pieces = target.pieces
    strings = fresh_strings(rng, pieces, 2 * batch, length)
    parent, op = (target.start if append else None), "fresh"
    best: Sequence[str] = strings[0]
    best_margin = -np.inf
    while True:
        texts = [target.place("".join(string), append=append) for string in strings]
        trials = yield [Candidate(text, "random", op, parent) for text in texts]
        for trial, string in zip(trials, strings, strict=True):
            if trial.verdict.parsed and trial.margin >= best_margin:
                best, best_margin, parent = string, trial.margin, trial.text
        op = "change"
        edits = drawn_edits(rng, len(pieces), batch, changes)
        strings = [edited(best, few, pieces, max(length, longest)) for few in edits]
