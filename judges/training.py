"""`train`: a judge from a recipe, its card, and its folder, in one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..corpora.corpus import Corpus, open_corpus
from ..corpora.errors import UsageError
from .card import PROBLEMS, SEED, Card, evaluate, machine, write_card
from .lora import Recipe, clean_examples, fit
from .referee import referee, smollm2


def train(
    out: str | Path,
    corpus: str | Corpus = "arithmetic",
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    dtype: str = "auto",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Card:
    """Train SmolLM2 to match answers to references; leave adapter and card in the folder `out`.

    `progress` is told step, number of steps and the step's loss. What the card measures is the judge that
    `referee:adapter=OUT` opens.

    Raises:
        UsageError: the folder cannot be written, or the corpus has too few problems.
    """
    recipe = recipe or Recipe()
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out"
        ) from error
    source = open_corpus(corpus) if isinstance(corpus, str) else corpus
    problems = source.sample(recipe.problems, split="train", seed=recipe.seed)
    held_out = source.sample(PROBLEMS, split="eval", seed=SEED)
    base = smollm2(device=device, dtype=dtype)
    examples = clean_examples(problems, np.random.default_rng([recipe.seed, 0]))
    training = fit(base, examples, recipe, folder, progress=progress)
    weights = base.weights
    del base
    judge = referee(adapter=str(folder), device=device, dtype=dtype)
    card = Card("referee", weights, source.name, training, evaluate(judge, held_out), machine())
    write_card(card, folder)
    return card
