"""Training a judge: a LoRA adapter on the upper layers, on examples of right and wrong responses.

The loss is the cross-entropy of the same yes/no log-odds that the judge is read by, so that what is trained is what is
measured. The layers below the adapters are run once (`halves`), and a training that was stopped goes on where it was
(`checkpoints`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..corpora.errors import UsageError
from .checkpoints import TRAINING_FILE, Checkpoints, finish, finished, source_of
from .embedded import quietly
from .examples import Example, Recipe, Training
from .halves import reader
from .origin import loaded
from .prompted import PromptedJudge

#: So many examples of one problem stand together in a batch: what they share is computed once.
TOGETHER = 4


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

    The same training once more goes on from its checkpoint in `out`, or returns what is there if that is complete.

    Raises:
        UsageError: there are no examples.
    """
    if not examples:
        raise UsageError("there are no examples to train on; give at least one")
    encoded = judge.encode([e.item for e in examples])
    source = source_of(judge, encoded, examples, recipe)
    done = finished(out, source)
    if done is not None:
        return replace(done, finds=finds)
    out.mkdir(parents=True, exist_ok=True)
    (out / TRAINING_FILE).unlink(missing_ok=True)
    student, model = _student(judge, recipe)
    if judge.origin.adapter is not None:
        recipe = _as_started(model, recipe)
    weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimiser = torch.optim.AdamW(weights.values(), lr=recipe.lr, weight_decay=0.01)
    checkpoints = Checkpoints(out, source, weights, optimiser)
    batches = list(_batches(examples, recipe))
    read = reader(student, encoded)
    for step in range(len(checkpoints.losses), len(batches)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * schedule(step, len(batches))
        odds = read([encoded[i] for i in batches[step]])
        checkpoints.step(_step(optimiser, weights.values(), odds, [examples[i].target for i in batches[step]]))
        progress(step + 1, len(batches), checkpoints.losses[-1])
    model.save_pretrained(str(out))
    (out / "README.md").unlink(missing_ok=True)  # peft's stub of a card; ours is written once the judge is measured
    tenths = tuple(round(float(np.mean(part)), 4) for part in np.array_split(checkpoints.losses, 10) if len(part))
    training = Training(recipe, len(examples), len(batches), tenths, checkpoints.elapsed, finds)
    finish(out, source, training)
    return training


def _step(optimiser: torch.optim.Optimizer, weights: Any, odds: torch.Tensor, targets: Sequence[float]) -> float:
    """One step down the cross-entropy of log-odds with the scores that they should be; returns it."""
    wanted = torch.tensor(targets, device=odds.device)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, wanted)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimiser.step()
    return float(loss.detach())


def _student(judge: PromptedJudge, recipe: Recipe) -> tuple[PromptedJudge, Any]:
    """A judge by a model of its own with an adapter to train, not merged: the judge's, or a new one; and that model.

    It never drops out anything: what is trained is what is measured.
    """
    plain = judge.origin.load(judge.dtype).to(judge.engine.device)
    student = PromptedJudge(plain, judge.tokenizer, judge.template, name=judge.name, weights=judge.weights)
    start = judge.origin.adapter
    model = with_new_adapter(plain, recipe) if start is None else loaded(plain, start, trainable=True)
    return student, model.eval()


def with_new_adapter(model: Any, recipe: Recipe, task: str | None = "CAUSAL_LM") -> Any:
    """The model with an adapter that changes nothing yet; `task` is what peft calls what the model does.

    Raises:
        UsageError: the model has no layers that adapters are put on.
    """
    from peft import LoraConfig, get_peft_model

    depth = model.config.num_hidden_layers
    names = linear_names(model)
    if not names:
        raise UsageError(
            f"a {type(model).__name__} has no linear layers under a name with .layers. in it, which adapters are put on"
        )
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=2 * recipe.rank,
        target_modules=names,
        layers_to_transform=list(range(depth - recipe.layers, depth)),
        task_type=task,
    )
    # peft draws initial weights from torch's global stream: lend it a seed of ours and give the stream back untouched.
    seed = int(np.random.default_rng([recipe.seed, 1]).integers(2**31))
    with torch.random.fork_rng(), quietly():
        torch.manual_seed(seed)
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


def _batches(examples: Sequence[Example], recipe: Recipe) -> Iterator[list[int]]:
    """Random batches in which a few examples of a problem stand together, others in each epoch."""
    rng = np.random.default_rng([recipe.seed, 2])
    for _ in range(recipe.epochs):
        problems: dict[str, list[int]] = {}
        for i in rng.permutation(len(examples)):
            problems.setdefault(examples[i].item.problem.id, []).append(int(i))
        chunks = [own[at : at + TOGETHER] for own in problems.values() for at in range(0, len(own), TOGETHER)]
        order = [i for chunk in rng.permutation(len(chunks)) for i in chunks[chunk]]
        for start in range(0, len(order), recipe.batch):
            yield order[start : start + recipe.batch]
