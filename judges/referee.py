"""The judges that come with hoodwink: SmolLM2 zero-shot, and the same model trained to match answers to references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .devices import choose
from .embedded import load_embedded
from .origin import Origin, adapter_folder
from .prompted import PromptedJudge
from .prompts import load_prompt

#: The adapter of the committed referee.
OWN = Path(__file__).with_name("adapters") / "referee"


def smollm2(
    *,
    adapter: str | None = None,
    prompt: str = "match",
    threshold: float = 0.5,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> PromptedJudge:
    """SmolLM2-135M-Instruct as it is: a poor judge, for comparison; or with the LoRA adapter in a folder.

    Raises:
        UsageError: the folder holds no adapter, or one that does not fit.
    """
    where, kind = choose(device, dtype, threads)
    name = "smollm2" if adapter is None else f"smollm2:adapter={adapter}"
    return _embedded(name, adapter, prompt, threshold, where, kind)


def referee(
    *,
    adapter: str | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> PromptedJudge:
    """SmolLM2 with the LoRA adapter that `hoodwink train` made; `adapter` is a folder, by default the committed one.

    Raises:
        UsageError: the folder holds no adapter, or one that does not fit.
    """
    where, kind = choose(device, dtype, threads)
    name = "referee" if adapter is None else f"referee:adapter={adapter}"
    return _embedded(name, adapter or OWN, "match", threshold, where, kind)


def _embedded(
    name: str, adapter: str | Path | None, prompt: str, threshold: float, where: torch.device, kind: torch.dtype
) -> PromptedJudge:
    """A judge by SmolLM2, with the adapter in a folder if one is given."""
    folder = None if adapter is None else adapter_folder(adapter)
    model, tokenizer, weights = load_embedded(kind if folder is None else torch.float32)
    origin = Origin(_load, name.partition(":")[0], weights, folder)
    return PromptedJudge(
        origin.model(model, where, kind),
        tokenizer,
        load_prompt(prompt),
        name=name,
        weights=origin.identity(),
        threshold=threshold,
        origin=origin,
    )


def _load(dtype: torch.dtype) -> Any:
    return load_embedded(dtype)[0]
