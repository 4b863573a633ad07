"""Random search over short token strings, climbing the judge's margin.

The method of Andriushchenko et al. (arXiv 2404.02151), without a model's help: keep the best string, change a few of
its tokens at random, keep what is at least as good. Ties are taken, so that it drifts where a judge only decides.
Strings may grow: a string of fixed length gets stuck where no single change helps, and one more token often does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...corpora.records import Candidate
from ..target import Target
from . import Proposals

#: Shares of the edits: a token drawn anew in its place, one copied from elsewhere in the string (what has carried it so
#: far often carries it further), one more token put in, one taken out.
EDITS = {"replace": 0.5, "copy": 0.15, "insert": 0.3, "delete": 0.05}


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
    strings = [[_token(target, rng) for _ in range(length)] for _ in range(2 * batch)]
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
        strings = [_changed(best, target, rng, changes, max(length, longest)) for _ in range(batch)]


def _token(target: Target, rng: np.random.Generator) -> str:
    return target.pieces[int(rng.integers(len(target.pieces)))]


def _changed(tokens: Sequence[str], target: Target, rng: np.random.Generator, changes: int, longest: int) -> list[str]:
    """The string after 1 to `changes` random edits."""
    changed = list(tokens)
    for _ in range(int(rng.integers(1, changes + 1))):
        place = int(rng.integers(len(changed)))
        edit = str(rng.choice(list(EDITS), p=list(EDITS.values())))
        if edit == "insert" and len(changed) < longest:
            changed.insert(place, _token(target, rng))
        elif edit == "delete" and len(changed) > 1:
            del changed[place]
        elif edit == "copy":
            changed[place] = tokens[int(rng.integers(len(tokens)))]
        else:
            changed[place] = _token(target, rng)
    return changed
