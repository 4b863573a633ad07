"""Training a judge: a LoRA adapter on the upper layers, on examples of right and wrong responses.

The loss is the cross-entropy of the same yes/no log-odds that the judge is read by, so that what is trained is what is
measured. Gradients stop below the first adapted layer: its input needs none, and torch then keeps no graph for it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..corpora.errors import UsageError
from .embedded import quietly
from .examples import Example, Recipe, Training
from .origin import loaded
from .prompted import PromptedJudge

#: What a training left behind besides the adapter, in its folder.
TRAINING_FILE = "training.json"


def fit(
    judge: PromptedJudge,
    examples: Sequence[Example],
    recipe: Recipe,
    out: Path,
    *,
    finds: int = 0,
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Training:
    """Train an adapter and save it (safetensors, and `training.json`) into `out`; the judge stays as it is.

    An adapter that the judge has is trained further, and its rank and layers then count; else a new one is made.
    `finds` says, for the card, how many of the examples are finds. `progress` is told step, number of steps and the
    step's loss.

    Raises:
        UsageError: there are no examples.
    """
    if not examples:
        raise UsageError("there are no examples to train on; give at least one")
    started = time.monotonic()
    rng = np.random.default_rng([recipe.seed, 1])
    plain = judge.origin.load(judge.dtype).to(judge.engine.device)
    student = PromptedJudge(plain, judge.tokenizer, judge.template, name=judge.name, weights=judge.weights)
    model = _with_adapter(plain, recipe, judge.origin.adapter, rng)
    if judge.origin.adapter is not None:
        recipe = _as_started(model, recipe)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.lr, weight_decay=0.01)
    encoded = judge.encode([e.item for e in examples])
    batches = list(_batches(encoded, recipe, rng))
    losses = []
    model.eval()  # no dropout: what is trained is what is measured
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * schedule(step, len(batches))
        odds = student.engine.padded([encoded[i] for i in batch])
        wanted = torch.tensor([examples[i].target for i in batch], device=odds.device)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        progress(step + 1, len(batches), losses[-1])
    model.save_pretrained(str(out))
    (out / "README.md").unlink(missing_ok=True)  # peft's stub of a card; ours is written once the judge is measured
    tenths = tuple(round(float(np.mean(part)), 4) for part in np.array_split(losses, 10) if len(part))
    training = Training(recipe, len(examples), len(batches), tenths, time.monotonic() - started, finds)
    (out / TRAINING_FILE).write_text(json.dumps(training.to_json(), indent=1) + "\n", "utf-8")
    return training


def _with_adapter(model: Any, recipe: Recipe, start: Path | None, rng: np.random.Generator) -> Any:
    """The model with an adapter to train: a new one, or the one in the folder `start`."""
    from peft import LoraConfig, get_peft_model

    if start is not None:
        return loaded(model, start, trainable=True)
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
