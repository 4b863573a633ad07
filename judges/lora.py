"""Training a judge: a LoRA adapter on the upper layers, on examples of right and wrong responses.

The loss is the cross-entropy of the same yes/no log-odds that the judge is read by, so that what is trained is what is
measured. Gradients stop below the first adapted layer: its input needs none, and torch then keeps no graph for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..corpora.errors import UsageError
from ..corpora.records import COMPLETE, Item, Problem
from .embedded import quietly
from .judge import first_line
from .prompted import PromptedJudge


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
    """

    problems: int = 340
    epochs: int = 1
    batch: int = 8
    lr: float = 1e-3
    rank: int = 8
    layers: int = 12
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """One item and whether a judge should accept it."""

    item: Item
    accept: bool


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


def clean_examples(problems: Sequence[Problem], rng: np.random.Generator) -> list[Example]:
    """What a practitioner trains on first: three right and four complete wrong responses of each problem, shuffled.

    Truncated, empty and nonsense responses and near misses stay out: they are for hardening.
    """
    examples = []
    for problem in problems:
        wrong = [r for r in problem.wrong if r.kind in COMPLETE]
        for accept, known, count in ((True, problem.right, 3), (False, wrong, 4)):
            examples += [Example(Item(problem, known[i].text), accept) for i in rng.permutation(len(known))[:count]]
    return [examples[i] for i in rng.permutation(len(examples))]


def fit(
    judge: PromptedJudge,
    examples: Sequence[Example],
    recipe: Recipe,
    out: Path,
    *,
    start: Path | None = None,
    finds: int = 0,
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Training:
    """Train an adapter for `judge`'s model and save it (safetensors) into `out`; the judge's model is changed.

    `start` is the folder of an adapter to go on with, whose rank and layers then count; `finds` says, for the card, how
    many of the examples are finds. `progress` is told step, number of steps and the step's loss.

    Raises:
        UsageError: the adapter in `start` does not fit.
    """
    started = time.monotonic()
    rng = np.random.default_rng([recipe.seed, 1])
    model = _adapted(judge.model, recipe, start, rng)
    if start is not None:
        recipe = _as_started(model, recipe)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.lr, weight_decay=0.01)
    encoded = judge.encode([e.item for e in examples])
    batches = list(_batches(encoded, recipe, rng))
    losses = []
    model.train()
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * schedule(step, len(batches))
        odds = judge.engine.padded([encoded[i] for i in batch])
        wanted = torch.tensor([float(examples[i].accept) for i in batch], device=odds.device)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        progress(step + 1, len(batches), losses[-1])
    model.eval()
    model.save_pretrained(str(out))
    (out / "README.md").unlink(missing_ok=True)  # peft's stub of a card; ours is written once the judge is measured
    tenths = tuple(round(float(np.mean(part)), 4) for part in np.array_split(losses, 10) if len(part))
    return Training(recipe, len(examples), len(batches), tenths, time.monotonic() - started, finds)


def _adapted(model: Any, recipe: Recipe, start: Path | None, rng: np.random.Generator) -> Any:
    """The model with an adapter to train: a new one, or the one in the folder `start`."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if start is not None:
        try:
            with quietly():
                return PeftModel.from_pretrained(model, str(start), is_trainable=True)
        except Exception as error:  # a folder of the user's can hold anything, and each library has errors of its own
            raise UsageError(
                f"adapter {start} cannot be loaded: {type(error).__name__}: {first_line(error)}"
            ) from error
    depth = model.config.num_hidden_layers
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=2 * recipe.rank,
        target_modules=linear_names(model),
        layers_to_transform=list(range(depth - recipe.layers, depth)),
        task_type="CAUSAL_LM",
    )
    # peft draws initial weights from torch's global stream: lend it a seed of ours and give the stream back untouched.
    with torch.random.fork_rng(), quietly():
        torch.manual_seed(int(rng.integers(2**31)))
        return get_peft_model(model, config)


def _as_started(model: Any, recipe: Recipe) -> Recipe:
    """The recipe with rank and layers of the adapter that was trained further: the card says what is there."""
    config = model.peft_config["default"]
    layers = config.layers_to_transform
    return replace(recipe, rank=config.r, layers=model.config.num_hidden_layers if layers is None else len(layers))


def linear_names(model: torch.nn.Module) -> list[str]:
    """Last names of the linear layers inside the transformer blocks (`q_proj`, `down_proj`, ...)."""
    return sorted(
        {n.rsplit(".", 1)[1] for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and ".layers." in n}
    )


def schedule(step: int, steps: int) -> float:
    """Share of the highest learning rate at a step: linear warm-up over a twentieth, then a cosine to 0."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _batches(encoded: Sequence[Sequence[int]], recipe: Recipe, rng: np.random.Generator) -> Iterator[list[int]]:
    """Random batches of similar length: shuffled, sorted in windows of eight batches, and shuffled again."""
    for _ in range(recipe.epochs):
        order = rng.permutation(len(encoded))
        batches = []
        for start in range(0, len(order), 8 * recipe.batch):
            window = sorted(order[start : start + 8 * recipe.batch], key=lambda i: len(encoded[i]))
            batches += [window[i : i + recipe.batch] for i in range(0, len(window), recipe.batch)]
        for i in rng.permutation(len(batches)):
            yield [int(j) for j in batches[i]]
