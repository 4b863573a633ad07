"""Where a judge's weights come from, so that they can be opened again: to train them further, or with an adapter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..corpora.errors import UsageError
from .embedded import quietly
from .judge import first_line

ADAPTER_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """A plain model that can be opened again, and the folder of the LoRA adapter that a judge has on it, if any.

    Attributes:
        load: opens the plain model, without any adapter, in a number format.
        name: what a judge by the plain model is called, before `:adapter=FOLDER`.
        weights: identifies the plain model's weights.
        adapter: the adapter's folder.
    """

    load: Callable[[torch.dtype], Any]
    name: str
    weights: str
    adapter: Path | None = None

    def identity(self) -> str:
        """What identifies the weights with the adapter on them."""
        return self.weights if self.adapter is None else f"{self.weights}+{adapter_hash(self.adapter)}"

    def model(self, plain: Any, device: torch.device, dtype: torch.dtype) -> Any:
        """A plain model (opened in fp32 if there is an adapter; it is changed) with the adapter, ready to judge.

        The adapter is merged in fp32 before the weights are rounded: judging costs no more than by the plain model. It
        is not merged into quantised weights, which would be rounded again.

        Raises:
            UsageError: the adapter does not fit.
        """
        if getattr(plain, "is_quantized", False):
            if self.adapter is not None:
                loaded(plain, self.adapter)
            return plain
        merged = plain if self.adapter is None else loaded(plain, self.adapter).merge_and_unload()
        return merged.to(device=device, dtype=dtype)


def adapter_folder(folder: str | Path) -> Path:
    """A folder, which has an adapter in it.

    Raises:
        UsageError: there is none.
    """
    for needed in (ADAPTER_FILE, CONFIG_FILE):  # peft would ask the hub for what is missing
        if not (Path(folder) / needed).is_file():
            raise UsageError(f"no adapter in {folder} (there is no {needed}); train one: hoodwink train --out {folder}")
    return Path(folder)


def adapter_hash(folder: Path) -> str:
    """A hash of an adapter's weights."""
    return hashlib.sha256((folder / ADAPTER_FILE).read_bytes()).hexdigest()[:16]


def saved_modules(folder: Path) -> tuple[str, ...]:
    """Modules whose weights an adapter brings whole, such as the head of a classifier."""
    try:
        named = json.loads((folder / CONFIG_FILE).read_text("utf-8")).get("modules_to_save")
    except (OSError, ValueError, AttributeError):  # whoever opens the adapter says what is wrong with it
        return ()
    return tuple(map(str, named)) if isinstance(named, list) else ()


def loaded(model: Any, folder: Path, *, trainable: bool = False) -> Any:
    """The model with the folder's adapter in it, not merged; `model` itself is changed.

    Raises:
        UsageError: the adapter cannot be read, or is one of another model.
    """
    from peft import PeftModel

    try:
        with quietly():
            return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except Exception as error:  # a folder of the user's can hold anything, and each library has errors of its own
        raise UsageError(f"adapter {folder} cannot be loaded: {type(error).__name__}: {first_line(error)}") from error
