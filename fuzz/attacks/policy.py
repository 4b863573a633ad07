"""REINFORCE against the judge: a small policy learns on train problems what it then says to all others.

The way in which a policy trained on a judge's score comes to fool it (see `fuzz.policies`), at the price of a few
hundred queries. The responses it ends with are the same whatever is asked: universal, like a null model (arXiv
2410.07137).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...corpora.records import Candidate, Trial
from ..policies import Form, Policy
from ..target import WORDS, CorpusTarget
from . import Lessons

#: Responses that are tried on other problems.
TRIED = 10

#: After so many steps in a row that asked for nothing new, all is learned.
STALE = 20


def policy(
    target: CorpusTarget,
    rng: np.random.Generator,
    *,
    length: int = 6,
    batch: int = 16,
    each: int = 1,
    vocabulary: int = 256,
    lr: float = 4.0,
    bonus: float = 0.0,
    form: Form = "positions",
) -> Lessons:
    """Reinforcement learning on the judge's score: a policy over token strings, trained on train problems.

    A policy over all of a model's tokens would learn nothing from so few queries: it has `vocabulary` of them, common
    words first, up to half, and others drawn at random. Each string is judged on `each` problems. It learns until the
    budget may be used up and returns its likeliest string, then the best that it has said.
    """
    pieces = chosen(rng, target.pieces, vocabulary)
    learner = Policy(len(pieces), min(length, target.constraints.max_tokens or length), form=form, lr=lr, bonus=bonus)
    names = list(target.targets)
    each = min(each, len(names))
    batch = max(1, min(batch, target.budget // (2 * each)))
    rewards: dict[str, list[float]] = {}
    asked: set[tuple[str | None, str]] = set()
    stale = 0
    for _ in range(target.budget // (batch * each)):
        samples = learner.sample(rng, batch)
        strings = ["".join(pieces[i] for i in row) for row in samples.tolist()]
        op = f"sample H={learner.entropy():.2f}"
        trials = yield [
            Candidate(target.targets[names[i]].place(string, append=False), "policy", op, problem=names[i])
            for string in strings
            for i in rng.permutation(len(names))[:each].tolist()
        ]
        scores = [_scores(trials[i : i + each]) for i in range(0, len(trials), each)]
        told = [row for row, known in enumerate(scores) if known]
        for row in told:
            rewards.setdefault(strings[row], []).extend(scores[row])
        if told:
            learner.update(samples[told], np.array([np.mean(scores[row]) for row in told]))
        these = {(t.candidate.problem, t.text) for t in trials}
        stale = stale + 1 if these <= asked else 0
        asked |= these
        if stale == STALE:
            break
    return _lessons("".join(pieces[i] for i in learner.mode().tolist()), rewards)


def _scores(trials: Sequence[Trial]) -> list[float]:
    return [trial.verdict.score for trial in trials if trial.verdict.parsed]


def _lessons(mode: str, rewards: dict[str, list[float]]) -> list[str]:
    """The likeliest string, then those of the highest mean reward."""
    best = sorted(rewards, key=lambda string: -float(np.mean(rewards[string])))
    return list(dict.fromkeys([mode, *best]))[:TRIED]


def chosen(rng: np.random.Generator, pieces: Sequence[str], count: int) -> list[str]:
    """`count` of the pieces: common words with a blank before them, up to half, and others drawn at random."""
    known = set(pieces)
    common = [f" {word}" for word in WORDS if f" {word}" in known][: count // 2]
    others = sorted(known.difference(common))
    drawn = rng.permutation(len(others))[: max(0, count - len(common))].tolist()
    return [*common, *(others[i] for i in drawn)]
