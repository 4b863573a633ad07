"""The judges that come with hoodwink: SmolLM2 zero-shot, and the same model trained to match answers to references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .devices import choose
from .embedded import load_embedded
from .hub import named_prompt, with_options
from .origin import Origin, adapter_folder
from .prompted import PromptedJudge
from .prompts import Prompt, load_prompt
from .rating import RatingJudge, asked

#: The adapter of the committed referee.
OWN = Path(__file__).with_name("adapters") / "referee"


def smollm2(
    *,
    adapter: str | None = None,
    prompt: str | None = None,
    scale: str | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> PromptedJudge | RatingJudge:
    """SmolLM2-135M-Instruct as it is: a poor judge, for comparison; or with the LoRA adapter in a folder.

    `prompt` is `match`, `correct`, `grade`, `grade-free` or a Jinja file; with a `scale` it asks for a rating.

    Raises:
        UsageError: the folder holds no adapter, or one that does not fit; or the prompt cannot be read.
    """
    where, kind = choose(device, dtype, threads)
    shown = load_prompt(named_prompt(prompt, scale), scale=scale)
    plain = with_options("smollm2", prompt=prompt, scale=scale)
    return _embedded(plain, with_options(plain, adapter=adapter), adapter, shown, threshold, where, kind)


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
    name = with_options("referee", adapter=adapter)
    judge = _embedded("referee", name, adapter or OWN, load_prompt("match"), threshold, where, kind)
    assert isinstance(judge, PromptedJudge)
    return judge


def _embedded(
    plain: str,
    name: str,
    adapter: str | Path | None,
    prompt: Prompt,
    threshold: float,
    where: torch.device,
    kind: torch.dtype,
) -> PromptedJudge | RatingJudge:
    """A judge by SmolLM2, with the adapter in a folder if one is given; `plain` is its name without that."""
    folder = None if adapter is None else adapter_folder(adapter)
    model, tokenizer, weights = load_embedded(kind if folder is None else torch.float32)
    origin = Origin(_load, plain, weights, folder)
    return asked(
        origin.model(model, where, kind),
        tokenizer,
        prompt,
        name=name,
        weights=origin.identity(),
        threshold=threshold,
        origin=origin,
    )


def _load(dtype: torch.dtype) -> Any:
    return load_embedded(dtype)[0]
