"""Where a training stopped, so that it can go on from there: bit for bit, on the same machine and threads.

One safetensors file holds what is trained, the optimiser's state and the losses so far, and says what the training was
made from; another training never goes on from it. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .examples import Example, Recipe, Training
from .origin import ADAPTER_FILE, CONFIG_FILE
from .prompted import PromptedJudge

#: Seconds of training between two checkpoints: what a kill costs at most. Writing one takes a few hundredths of one.
EVERY = 45.0

#: What says, in a folder, that a training is complete, and what came of it.
TRAINING_FILE = "training.json"

FOLDER, FILE = "checkpoint", "state.safetensors"

#: Goes up when a training from the same values would be another one.
VERSION = 1


def source_of(
    judge: PromptedJudge, encoded: Sequence[Sequence[int]], examples: Sequence[Example], recipe: Recipe
) -> str:
    """A hash of all that a training follows from: weights, number format, prompts as tokens, targets and recipe."""
    pairs = [(list(ids), e.target, e.item.problem.id) for ids, e in zip(encoded, examples, strict=True)]
    identity = (VERSION, judge.origin.identity(), str(judge.dtype), pairs, repr(recipe))
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]


def finished(out: Path, source: str, files: Sequence[str] = (ADAPTER_FILE, CONFIG_FILE)) -> Training | None:
    """What `out` says of the same training, if that is complete: `files` are what it leaves."""
    if not all((out / name).is_file() for name in files):
        return None
    try:
        values = json.loads((out / TRAINING_FILE).read_text("utf-8"))
        return Training.from_json(values) if values["source"] == source else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def finish(out: Path, source: str, training: Training) -> None:
    """Say that a training is complete, once its adapter is; its checkpoint is of no more use."""
    half = out / f"{TRAINING_FILE}.half"
    half.write_text(json.dumps({**training.to_json(), "source": source}, indent=1) + "\n", "utf-8")
    os.replace(half, out / TRAINING_FILE)
    shutil.rmtree(out / FOLDER, ignore_errors=True)


class Checkpoints:
    """The checkpoint of one training, in a folder of its own within that of the adapter.

    Attributes:
        losses: of the steps taken, by whichever process.
        seconds: that processes before this one have trained.
    """

    def __init__(
        self, out: Path, source: str, weights: Mapping[str, torch.nn.Parameter], optimiser: torch.optim.Optimizer
    ) -> None:
        """Weights and optimiser are set to where the same training stopped, if it did; else they stay as they are."""
        self.file = out / FOLDER / FILE
        self.source = source
        self.weights = weights
        self.optimiser = optimiser
        self.losses: list[float] = []
        self.seconds = 0.0
        self._started = self._saved = time.monotonic()
        self._restore()

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, in all processes."""
        return self.seconds + time.monotonic() - self._started

    def step(self, loss: float) -> None:
        """A step was taken; save where the training is if the last time was `EVERY` seconds ago."""
        self.losses.append(loss)
        if time.monotonic() - self._saved >= EVERY:
            self._save()
            self._saved = time.monotonic()

    def _save(self) -> None:
        """Write beside the target and rename, so that a kill leaves the old file or the new one."""
        from safetensors.torch import save_file

        tensors = {"losses": torch.tensor(self.losses, dtype=torch.float64)}
        for name, weight in self.weights.items():
            tensors[f"weight:{name}"] = weight.detach()
            for part, value in self.optimiser.state[weight].items():
                tensors[f"{part}:{name}"] = value
        kept = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        half = self.file.with_suffix(".half")
        save_file(kept, half, {"source": self.source, "seconds": repr(self.elapsed)})
        os.replace(half, self.file)

    def _restore(self) -> None:
        """Take up the file's state if there is one of this training; what cannot be read is none."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.file, "pt") as file:
                about = file.metadata() or {}
                if about.get("source") != self.source:
                    return
                names = file.keys()
                tensors = {name: file.get_tensor(name) for name in names}
                seconds = float(about["seconds"])
        except (OSError, SafetensorError, ValueError, KeyError):
            return
        self.losses = tensors.pop("losses").tolist()
        self.seconds = seconds
        states: dict[str, dict[str, Any]] = {}
        for key, tensor in tensors.items():
            part, _, name = key.partition(":")
            states.setdefault(name, {})[part] = tensor
        with torch.no_grad():
            for name, weight in self.weights.items():
                state = states[name]
                weight.copy_(state.pop("weight"))
                # AdamW counts its steps on the CPU, wherever the weights are.
                self.optimiser.state[weight] = {
                    part: value if part == "step" else value.to(weight.device) for part, value in state.items()
                }
