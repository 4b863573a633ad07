"""Where a model runs, in which numbers, and on how many threads."""

from __future__ import annotations

import torch

from ..corpora.errors import UsageError
from ..corpora.names import nearest
from .judge import first_line

#: What is offered; torch may know more.
DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32, "fp16": torch.float16}


def choose(device: str, dtype: str, threads: int | None = None) -> tuple[torch.device, torch.dtype]:
    """Device and number format by name; `auto` takes the best at hand.

    `threads` is how many threads of the CPU torch computes on, in this whole process; unasked it is left alone.

    Raises:
        UsageError: a name that torch does not know, a device that is not there, or less than one thread.
    """
    try:
        where = best_device() if device == "auto" else torch.device(device)
    except RuntimeError as error:
        raise nearest(device, DEVICES, "device") from error
    try:
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"device {device!r} cannot be used ({first_line(error)}); write auto, cpu, cuda or mps"
        ) from error
    if dtype != "auto" and dtype not in DTYPES:
        raise nearest(dtype, ("auto", *DTYPES), "dtype")
    if threads is not None:
        if threads < 1:
            raise UsageError(f"threads is {threads}; write a whole number of at least 1")
        torch.set_num_threads(threads)
    return where, best_dtype(where) if dtype == "auto" else DTYPES[dtype]


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the processor multiplies it in hardware, else fp32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return torch.float32
