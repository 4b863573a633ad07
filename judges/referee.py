"""The judges that come with hoodwink: SmolLM2 zero-shot, and the same model trained to match answers to references."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import torch

from ..corpora.errors import UsageError
from .devices import choose
from .embedded import load_embedded, quietly
from .judge import first_line
from .prompted import PromptedJudge
from .prompts import load_prompt

ADAPTER_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"


def smollm2(
    *,
    prompt: str = "match",
    threshold: float = 0.5,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> PromptedJudge:
    """SmolLM2-135M-Instruct as it is: a poor judge, for comparison."""
    where, kind = choose(device, dtype, threads)
    model, tokenizer, weights = load_embedded(kind)
    return PromptedJudge(
        model.to(where), tokenizer, load_prompt(prompt), name="smollm2", weights=weights, threshold=threshold
    )


def referee(
    *,
    adapter: str | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> PromptedJudge:
    """SmolLM2 with the LoRA adapter that `hoodwink train` made; `adapter` is a folder, by default the committed one.

    The adapter is merged in fp32 before the weights are rounded, so that judging costs no more than the plain model.

    Raises:
        UsageError: the folder holds no adapter, or one that does not fit.
    """
    where, kind = choose(device, dtype, threads)
    with adapter_folder(adapter) as folder:
        model, tokenizer, weights = load_embedded(torch.float32)
        merged = _merge(model, folder)
        weights += f"+{hashlib.sha256((folder / ADAPTER_FILE).read_bytes()).hexdigest()[:16]}"
    return PromptedJudge(
        merged.to(device=where, dtype=kind),
        tokenizer,
        load_prompt("match"),
        name="referee" if adapter is None else f"referee:adapter={adapter}",
        weights=weights,
        threshold=threshold,
    )


@contextlib.contextmanager
def adapter_folder(folder: str | Path | None = None) -> Iterator[Path]:
    """A folder with an adapter in it: the one given, by default the committed referee's.

    Raises:
        UsageError: the folder holds no adapter.
    """
    with as_file(files("hoodwink.judges").joinpath("adapters", "referee")) as own:
        chosen = Path(folder) if folder is not None else own
        for needed in (ADAPTER_FILE, CONFIG_FILE):  # peft would ask the hub for what is missing
            if not (chosen / needed).is_file():
                raise UsageError(
                    f"no adapter in {chosen} (there is no {needed}); train one: hoodwink train --out {chosen}"
                )
        yield chosen


def _merge(model: torch.nn.Module, folder: Path) -> torch.nn.Module:
    from peft import PeftModel

    try:
        with quietly():
            merged: torch.nn.Module = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except Exception as error:  # a folder of the user's can hold anything, and each library has errors of its own
        raise UsageError(f"adapter {folder} cannot be loaded: {type(error).__name__}: {first_line(error)}") from error
    return merged
