"""A judge made of any causal language model and a prompt, read by the log-odds of yes against no."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..corpora.errors import UsageError
from ..corpora.records import Item, Verdict
from .devices import choose
from .embedded import quietly
from .engine import Engine
from .examples import Example, Recipe, Training
from .gradients import slope_of
from .judge import Slope, first_line, logit, sigmoid, too_long
from .origin import Origin, adapter_folder
from .prompts import Prompt, load_prompt
from .readout import YesNo
from .vocabulary import spellings, text_pieces


class PromptedJudge:
    """Asks a language model whether a response is to be accepted; nothing is generated.

    The score is P(yes) / (P(yes) + P(no)) over all single-token spellings of either word; the margin is its log-odds,
    shifted so that the threshold lies at 0. A prompt longer than the model's context is `parsed=False`.
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
        if not 0 < threshold < 1:
            raise UsageError(f"threshold {threshold} is not between 0 and 1")
        self.name = name
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.template = prompt
        self.weights = weights
        self.threshold = threshold
        self.origin = origin or Origin(lambda dtype: copy.deepcopy(model).to(dtype=dtype), name, weights)
        yes, no = spellings(tokenizer, prompt.yes), spellings(tokenizer, prompt.no)
        if not yes or not no:
            raise UsageError(f"the tokenizer of {name} has no single token for {prompt.yes!r} or {prompt.no!r}")
        self.read = YesNo(model, yes, no)
        self.engine = Engine(model, self.read)
        self.dtype: torch.dtype = next(model.parameters()).dtype
        identity = (weights, prompt.fingerprint, threshold, str(self.dtype))
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    def prompt(self, item: Item) -> str:
        """Exactly what the model reads for an item."""
        return self.template.render(item, self.tokenizer)

    def encode(self, items: Sequence[Item]) -> list[list[int]]:
        """Token ids of each item's prompt."""
        if not items:
            return []
        ids: list[list[int]] = self.tokenizer([self.prompt(i) for i in items], add_special_tokens=False)["input_ids"]
        return ids

    @property
    def batch(self) -> int:
        """See `Judge`: enough responses to fill a pass, few enough that verdicts come in steadily."""
        return 128 if self.engine.device.type == "cpu" else 2048

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        return self.compute(self.prepare(items))

    def score_afresh(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Afresh`."""
        return self.compute(self.prepare(items), afresh=True)

    def prepare(self, items: Sequence[Item]) -> list[list[int]]:
        """See `Staged`: the token ids of each item's prompt."""
        return self.encode(items)

    def compute(self, prepared: Sequence[Sequence[int]], *, afresh: bool = False) -> list[Verdict]:
        """See `Staged`: verdicts on prompts by their token ids."""
        context = getattr(self.model.config, "max_position_embeddings", None) or 1 << 30
        odds = iter(self.engine.score([ids for ids in prepared if len(ids) <= context], afresh=afresh).tolist())
        return [self._verdict(next(odds)) if len(ids) <= context else too_long(len(ids), context) for ids in prepared]

    def _verdict(self, log_odds: float) -> Verdict:
        margin = log_odds - logit(self.threshold)
        return Verdict(sigmoid(log_odds), margin, margin >= 0)

    @cached_property
    def _pieces(self) -> dict[str, int]:
        return text_pieces(self.tokenizer)

    @cached_property
    def _piece_texts(self) -> tuple[str, ...]:
        return tuple(self._pieces)

    @cached_property
    def piece_ids(self) -> list[int]:
        """The token id of each piece."""
        return list(self._pieces.values())

    def pieces(self) -> Sequence[str]:
        """See `HasPieces`."""
        return self._piece_texts

    def cut(self, text: str) -> list[str]:
        """See `Cuts`. A token that holds only part of a character goes with those that hold the rest."""
        offsets = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        ends = sorted({end for _, end in offsets} | {len(text)})
        return [text[a:b] for a, b in pairwise([0, *ends]) if b > a]

    def embeddings(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """See `HasEmbeddings`: what the model's first layer is given for each piece."""
        with torch.inference_mode():
            ids = torch.tensor(self.piece_ids, device=self.engine.device)
            rows: np.ndarray[Any, np.dtype[np.float32]] = self.model.get_input_embeddings()(ids).float().cpu().numpy()
        return rows

    def slope(self, item: Item) -> Slope:
        """See `GradientJudge`."""
        return slope_of(self, item)

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

    def forget(self) -> None:
        """See `Forgets`."""
        self.engine.forget()

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


def from_hub(
    path: str,
    *,
    adapter: str | None = None,
    prompt: str = "match",
    yes: str = "yes",
    no: str = "no",
    threshold: float = 0.5,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> PromptedJudge:
    """`hf:ORG/MODEL`: a model from the Hugging Face hub or a local folder, zero-shot. Safetensors only.

    `adapter` is a folder with a LoRA adapter for it, such as `retrain` leaves.

    Raises:
        UsageError: there is no such model, it cannot be loaded, or the adapter does not fit.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where, kind = choose(device, dtype, threads)
    folder = None if adapter is None else adapter_folder(adapter)

    def load(dtype: torch.dtype) -> Any:
        with quietly():
            return AutoModelForCausalLM.from_pretrained(path, revision=revision, dtype=dtype, use_safetensors=True)

    try:
        with quietly():
            tokenizer = AutoTokenizer.from_pretrained(path, revision=revision)
        model = load(kind if folder is None else torch.float32)
    except (OSError, ValueError, SafetensorError) as error:
        raise UsageError(f"model {path!r} cannot be loaded: {first_line(error)}") from error
    weights = f"{path}@{getattr(model.config, '_commit_hash', None) or digest(model, kind)}"
    origin = Origin(load, f"hf:{path}", weights, folder)
    return PromptedJudge(
        origin.model(model, where, kind),
        tokenizer,
        load_prompt(prompt, yes=yes, no=no),
        name=origin.name if adapter is None else f"{origin.name}:adapter={adapter}",
        weights=origin.identity(),
        threshold=threshold,
        origin=origin,
    )


def digest(model: Any, dtype: torch.dtype | None = None) -> str:
    """A hash of a model's weights; with `dtype`, of the weights rounded to it, in whatever they were loaded."""
    total = hashlib.sha256()
    for name, parameter in sorted(model.state_dict().items()):
        rounded = parameter.to(dtype) if parameter.is_floating_point() else parameter
        total.update(name.encode())
        total.update(rounded.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]
