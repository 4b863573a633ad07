"""Retraining a judge: examples a second, against a plain loop that runs the whole model over padded batches."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hoodwink
import numpy as np
import torch
from engine import spread
from hoodwink.judges.examples import Example, Recipe, clean_examples
from peft import PeftModel

#: Problems of which examples are taken (seven of each), and passes over them.
PROBLEMS, EPOCHS = 6, 2

RECIPE = Recipe(problems=PROBLEMS, epochs=EPOCHS, lr=5e-4)


def measure(judge: Any, repeats: int) -> dict[str, Any]:
    """Both sides in turn, from the same weights on the same examples; seconds with loading and saving."""
    problems = hoodwink.corpus("arithmetic").sample(PROBLEMS, split="train", seed=0)
    examples = clean_examples(problems, np.random.default_rng(0))
    seconds: dict[str, list[float]] = {"retrain": [], "plain": []}
    last: dict[str, float] = {}
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            training = judge.retrain(examples, dataclasses.replace(RECIPE, seed=repeat), Path(folder))
            seconds["retrain"].append(time.perf_counter() - started)
        last["retrain"] = training.losses[-1]
        started = time.perf_counter()
        last["plain"] = plain(judge, examples, np.random.default_rng(repeat))
        seconds["plain"].append(time.perf_counter() - started)
    return {
        "examples": len(examples),
        "epochs": EPOCHS,
        "seconds": spread(seconds["retrain"]),
        "plain_seconds": spread(seconds["plain"]),
        "times_the_plain_loop": spread([b / a for a, b in zip(seconds["retrain"], seconds["plain"], strict=True)]),
        "last_loss": last,
    }


def plain(judge: Any, examples: Sequence[Example], rng: np.random.Generator) -> float:
    """The loop that anybody would write: batches of similar length, the whole model in every step; the last loss."""
    model = judge.origin.load(judge.dtype).to(judge.engine.device)
    adapted = PeftModel.from_pretrained(model, str(judge.origin.adapter), is_trainable=True)
    student = type(judge)(model, judge.tokenizer, judge.template, name="plain", weights="plain")
    weights = [p for p in adapted.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=RECIPE.lr, weight_decay=0.01)
    encoded = judge.encode([e.item for e in examples])
    loss = torch.zeros(())
    for _ in range(EPOCHS):
        order = sorted(rng.permutation(len(encoded)), key=lambda i: len(encoded[i]))
        batches = [order[at : at + RECIPE.batch] for at in range(0, len(order), RECIPE.batch)]
        for at in rng.permutation(len(batches)):
            odds = student.engine.padded([encoded[i] for i in batches[at]])
            wanted = torch.tensor([examples[i].target for i in batches[at]], device=odds.device)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, wanted)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
    return float(loss.detach())
