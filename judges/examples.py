"""What a judge is trained on, how, and what came of it: plain values, so that nobody needs torch to talk about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ..corpora.errors import UsageError
from ..corpora.records import COMPLETE, Item, Problem
from .steps import known_partials


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a judge is trained; all of it goes on the card.

    Attributes:
        problems: how many train problems examples are taken from.
        epochs: passes over the examples.
        batch: examples in one step.
        lr: highest learning rate (AdamW; linear warm-up over a twentieth of the steps, then a cosine to 0).
        rank: LoRA rank; alpha is twice the rank.
        layers: how many of the upper layers get adapters.
        seed: of sampling, order and initial weights.

    Raises:
        UsageError: a count under 1, a learning rate that is not over 0, or a negative seed.
    """

    problems: int = 340
    epochs: int = 1
    batch: int = 8
    lr: float = 1e-3
    rank: int = 8
    layers: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("problems", "epochs", "batch", "rank", "layers"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; write a whole number of at least 1")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise UsageError(f"lr is {self.lr}; write a number over 0")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; write a whole number of at least 0")


@dataclass(frozen=True, slots=True)
class Example:
    """One item and the score in [0, 1] that a judge should give it: 1.0 accepts, 0.0 rejects, 0.5 is undecided.

    Raises:
        UsageError: the target lies outside [0, 1].
    """

    item: Item
    target: float

    def __post_init__(self) -> None:
        if not 0 <= self.target <= 1:  # false for NaN too
            raise UsageError(f"target {self.target} is no score; write a number from 0 (reject) to 1 (accept)")


@dataclass(frozen=True, slots=True)
class Training:
    """What a training run did.

    Recipe, examples, steps, losses (mean of each tenth), wall time in seconds, and how many examples were finds.
    """

    recipe: Recipe
    examples: int
    steps: int
    losses: tuple[float, ...]
    seconds: float
    finds: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values for the card."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Training:
        """What `to_json` gave; values of other names are passed over.

        Raises:
            TypeError, KeyError: one of its own is missing.
        """
        own = {field.name: values[field.name] for field in fields(cls)}
        return cls(**{**own, "recipe": Recipe(**values["recipe"]), "losses": tuple(values["losses"])})


def clean_examples(problems: Sequence[Problem], rng: np.random.Generator) -> list[Example]:
    """What a practitioner trains on first: three right and four complete wrong responses of each problem, shuffled.

    Truncated, empty and nonsense responses and near misses stay out: they are for hardening.
    """
    examples = []
    for problem in problems:
        wrong = [r for r in problem.wrong if r.kind in COMPLETE]
        for target, known, count in ((1.0, problem.right, 3), (0.0, wrong, 4)):
            examples += [Example(Item(problem, known[i].text), target) for i in rng.permutation(len(known))[:count]]
    return [examples[i] for i in rng.permutation(len(examples))]


def process_examples(problems: Sequence[Problem], rng: np.random.Generator) -> list[Example]:
    """What a process judge is trained on: the clean examples, and unfinished solutions, two right and two wrong so far.

    So one and the same judge can be asked about every partial solution and about the whole.
    """
    examples = clean_examples(problems, rng)
    for problem in problems:
        known = known_partials(problem)
        for right in (True, False):
            texts = [response.text for response, truth in known if truth == right]
            examples += [Example(Item(problem, texts[i]), float(right)) for i in rng.permutation(len(texts))[:2]]
    return [examples[i] for i in rng.permutation(len(examples))]
