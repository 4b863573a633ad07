"""What searches by strings have in common: asking in batches, and what an answer is worth to the search."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from ...corpora.records import Candidate, Trial

Asking = Generator[list[Candidate], list[Trial], list[Trial]]


def ask(candidates: Sequence[Candidate], batch: int) -> Asking:
    """Ask for all of them, `batch` at a time, so that the search can stop early; returns their trials in order."""
    trials: list[Trial] = []
    for start in range(0, len(candidates), batch):
        trials += yield list(candidates[start : start + batch])
    return trials


def worth(trial: Trial) -> float:
    """The margin to climb; minus infinity for what was not read, broke a constraint, or may be right.

    A judge does well to like what may be right: a climb that starts there leads away from every find.
    """
    return trial.margin if trial.climbable else -np.inf
