"""Random search over short token strings, climbing the judge's margin.

The method of Andriushchenko et al. (arXiv 2404.02151), without a model's help: keep the best string, change a few of
its tokens at random, keep what is at least as good. Ties are taken, so that it drifts where a judge only decides.
Strings may grow: a string of fixed length gets stuck where no single change helps, and one more token often does.

As in that work, many tokens are changed at first and one at the end, and searches start from strings that were found on
other problems (self-transfer). `random:transfer=no:schedule=no:restart=none` is the plain search without either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...corpora.records import Candidate
from ..pool import Pool
from ..strings import drawn_edits, edited, fresh_strings
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
    schedule: bool = True,
    transfer: bool = True,
    restart: int | None = 400,
    append: bool = False,
) -> Proposals:
    """Random strings of `length` tokens, the best of them edited in up to `changes` places, growing up to `longest`.

    With `schedule`, up to twice as many places at first and one in the end. With `transfer`, strings that fooled on
    other problems come first. After `restart` queries without a gain, all is forgotten and begun again.
    """
    pieces, most = target.pieces, target.longest(max(length, longest))
    length = min(length, most)
    pool = target.commons.get(Pool)
    base = target.start if target.place("", append=append) else None
    tried: set[str] = set()
    used = 0
    while True:
        strings = fresh_strings(rng, pieces, 2 * batch, length)
        best: Sequence[str] = strings[0]
        best_margin, parent, op, idle = -np.inf, base, "fresh", 0
        while restart is None or idle < restart:
            known = pool.finds(target.problem) if transfer else []
            found = [r.text for r in known if r.text and r.text not in tried][:batch]
            tried.update(found)
            told = [(op, parent, string) for string in strings[: max(1, len(strings) - len(found))]]
            told += [("transfer", None, list(target.cut(text))) for text in found]
            trials = yield [
                Candidate(target.place("".join(string), append=append), "random", op, parent)
                for op, parent, string in told
            ]
            used, idle = used + len(trials), idle + len(trials)
            for trial, (_, _, string) in zip(trials, told, strict=True):
                if trial.climbable and trial.margin >= best_margin:
                    idle = idle if trial.margin == best_margin else 0
                    best, best_margin, parent = string, trial.margin, trial.text
            op = "change"
            few = _scheduled(changes, used / target.budget) if schedule else changes
            strings = [edited(best, edits, pieces, most) for edits in drawn_edits(rng, len(pieces), batch, few)]


def _scheduled(changes: int, spent: float) -> int:
    """How many places are edited at most: twice `changes` at first, one from half of the budget on."""
    return max(1, round(2 * changes * (1 - 2 * spent)))
