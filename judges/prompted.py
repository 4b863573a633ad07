"""A judge made of any causal language model and a prompt, read by the log-odds of yes against no."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..corpora.errors import UsageError
from ..corpora.records import Item
from .examples import Example, Recipe, Training
from .local import LocalJudge
from .origin import Origin, adapter_folder
from .prompts import Prompt
from .readout import YesNo
from .vocabulary import spellings


class PromptedJudge(LocalJudge):
    """Asks a language model whether a response is to be accepted; nothing is generated.

    The score is P(yes) / (P(yes) + P(no)) over all single-token spellings of either word.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        prompt: Prompt,
        *,
        name: str,
        weights: str,
        threshold: float = 0.5,
        origin: Origin | None = None,
    ) -> None:
        """`model` and `tokenizer` are transformers'; `weights` identifies the weights and goes into the fingerprint.

        `origin` opens the model's weights again when the judge is retrained; without it the model is copied then.

        Raises:
            UsageError: the tokenizer has no token for the prompt's yes or no, or the threshold is not inside (0, 1).
        """
        yes, no = spellings(tokenizer, prompt.yes), spellings(tokenizer, prompt.no)
        if not yes or not no:
            raise UsageError(f"the tokenizer of {name} has no single token for {prompt.yes!r} or {prompt.no!r}")
        self.read = YesNo(model, yes, no)
        super().__init__(model, tokenizer, self.read, name=name, threshold=threshold)
        self.template = prompt
        self.weights = weights
        self.origin = origin or Origin(lambda dtype: copy.deepcopy(model).to(dtype=dtype), name, weights)
        identity = (weights, prompt.fingerprint, threshold, str(self.dtype))
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    def prompt(self, item: Item) -> str:
        """Exactly what the model reads for an item."""
        return self.template.render(item, self.tokenizer)

    def log_odds(self, values: torch.Tensor) -> torch.Tensor:
        """See `LocalJudge.log_odds`: as they are read."""
        return values[:, 0]

    def retrain(
        self,
        examples: Sequence[Example],
        recipe: Recipe,
        out: Path,
        *,
        finds: int = 0,
        progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    ) -> Training:
        """See `TrainableJudge` and `fit`: this judge's adapter is trained further, or a new one if it has none."""
        from .lora import fit

        return fit(self, examples, recipe, out, finds=finds, progress=progress)

    def adapted(self, folder: Path, *, threshold: float | None = None, name: str | None = None) -> PromptedJudge:
        """See `TrainableJudge`.

        Raises:
            UsageError: the folder holds no adapter, or one that does not fit.
        """
        origin = replace(self.origin, adapter=adapter_folder(folder))
        return PromptedJudge(
            origin.model(origin.load(torch.float32), self.engine.device, self.dtype),
            self.tokenizer,
            self.template,
            name=name or f"{origin.name}:adapter={folder}",
            weights=origin.identity(),
            threshold=self.threshold if threshold is None else threshold,
            origin=origin,
        )
