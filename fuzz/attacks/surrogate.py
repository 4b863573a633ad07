"""Search by a model of the judge: queries are spent on what it predicts.

A linear model of the margin, fitted online to every trial of the campaign (`surrogates.Surrogate`), chooses among many
children of the best strings. A little is added to the prediction for what has hardly been seen, as in linear bandits
(LinUCB, Li et al. 2010): so it explores where it knows nothing, instead of trusting a weight of zero.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from ..pool import Pool
from ..strings import Breeder
from ..surrogates import Surrogate
from ..target import Target
from . import Proposals
from .genetic import TRIES, Parents, beginnings, children, proposed

#: Children bred for each that is asked about.
CHOICE = 6

#: Of each batch, how many children are asked about whatever is predicted of them: the model also learns from those.
ANYHOW = 2


def surrogate(
    target: Target,
    rng: np.random.Generator,
    *,
    batch: int = 8,
    longest: int = 28,
    curious: float = 2.0,
    knowledge: Path | None = None,
    append: bool = False,
) -> Proposals:
    """Children of the best strings, chosen by a linear model that learns from all problems; its weights are saved."""
    breeder = Breeder(target.pieces, rng, target.longest(longest))
    pool = target.commons.get(Pool)
    model = target.commons.get(lambda: _made(target, knowledge), key=Surrogate)
    parents: Parents = dict.fromkeys(beginnings())
    tried: set[str] = set()
    while True:
        tried.update(parents)
        yield proposed(target, "surrogate", parents, "given", append=append)
        others = [t for t in pool.others(target.problem) if t not in tried][:1]
        bred: dict[str, str] = {}
        bred_here = children(target, breeder, pool, pool.best(target.problem))
        for child, parent in islice(bred_here, TRIES * batch):
            if child not in tried:
                bred.setdefault(child, target.place(parent, append=append))
            if len(bred) >= CHOICE * batch:
                break
        anyhow = list(bred)[:ANYHOW]
        left = list(bred)[ANYHOW:]
        left.sort(key=lambda text: -model.predict(target.cut(text), curious=curious))
        parents = dict.fromkeys(others) | {t: bred[t] for t in (anyhow + left)[: batch - len(others)]}


def _made(target: Target, knowledge: Path | None) -> Surrogate:
    model = Surrogate(target.cut)
    if knowledge is not None:
        model.load(knowledge)
    return model
