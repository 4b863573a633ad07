"""Models from the Hugging Face hub or a folder: which weights, by which tokenizer, and `hf:ORG/MODEL`.

Weights are read from safetensors or GGUF files only, since pickles run code, and a model's own code only on request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ..corpora.errors import UsageError
from .devices import choose
from .embedded import quietly
from .judge import first_line
from .origin import Origin, adapter_folder, saved_modules
from .prompted import PromptedJudge
from .prompts import load_prompt
from .rating import RatingJudge, asked

#: The heads that models are opened with.
LANGUAGE_MODEL, CLASSIFIER = "AutoModelForCausalLM", "AutoModelForSequenceClassification"


@dataclass(frozen=True)
class Source:
    """A model on the hub or in a folder.

    Attributes:
        kind: what judges by it begin with: `hf` or `reward`.
        path: `ORG/MODEL` or a folder.
        revision: branch, tag or commit of the hub.
        gguf: the GGUF file there that holds the weights; they are dequantised.
        trust_remote_code: whether code that comes with the model may run.
        labels: how many labels a classifier is to have, where its config does not say.
    """

    kind: str
    path: str
    revision: str | None = None
    gguf: str | None = None
    trust_remote_code: bool = False
    labels: int | None = None

    def __post_init__(self) -> None:
        if self.revision is not None and Path(self.path).is_dir():
            raise UsageError(
                f"revision={self.revision!r:.40} is for models on the hub, and {self.path!r} is a folder; leave it out"
            )

        self._check_folder()

    def _check_folder(self) -> None:
        """Refuse what can only be meant as a folder and is none with a model in it: the hub would be asked for long."""
        folder = Path(self.path)
        is_local = self.path.startswith((".", "/", "~")) or self.path.count("/") > 1
        if folder.is_dir():
            if self.gguf is None and not (folder / "config.json").is_file():
                raise UsageError(f"folder {self.path!r} holds no model: there is no config.json in it")
        elif is_local or (folder.parent != Path() and folder.parent.is_dir()):
            raise UsageError(f"there is no folder {self.path!r}; write {self.kind}:FOLDER or {self.kind}:ORG/MODEL")

    @property
    def name(self) -> str:
        """How a judge by the plain model is named, with what makes it another model."""
        said = {"revision": self.revision, "gguf": self.gguf, "trust_remote_code": self.trust_remote_code and "true"}
        return f"{self.kind}:{self.path}" + "".join(f":{key}={value}" for key, value in said.items() if value)

    @cached_property
    def config(self) -> Any:
        """The model's config.

        Raises:
            UsageError: it cannot be loaded.
        """
        from transformers import AutoConfig

        more = {} if self.labels is None else {"num_labels": self.labels}
        try:
            with quietly():
                return AutoConfig.from_pretrained(self.path, **self._options(), **more)
        except Exception as error:
            raise self._failed(error) from error

    @property
    def quantised(self) -> str:
        """The kind of quantisation that the weights are kept in; empty where they are plain numbers."""
        said = getattr(self.config, "quantization_config", None)
        said = said if isinstance(said, dict) else getattr(said, "__dict__", {})
        method = said.get("quant_method", "") if self.gguf is None else ""
        return str(getattr(method, "value", method))

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer: of files of its own, or else of the GGUF file.

        Raises:
            UsageError: it cannot be loaded.
        """
        from transformers import AutoTokenizer

        options = self._options()
        if (Path(self.path) / "tokenizer.json").is_file():
            options.pop("gguf_file", None)
        try:
            with quietly():
                return AutoTokenizer.from_pretrained(self.path, **options)
        except Exception as error:
            raise self._failed(error) from error

    def model(
        self, dtype: torch.dtype, device: torch.device, *, head: str = LANGUAGE_MODEL, brought: Collection[str] = ()
    ) -> Any:
        """The model, on the CPU unless it is quantised; an adapter has the weights of `brought` modules.

        Raises:
            UsageError: it cannot be loaded, or has not all weights.
        """
        import transformers

        made_for = getattr(self.config, "architectures", None) or []
        if head == LANGUAGE_MODEL and made_for and all("SequenceClassification" in each for each in made_for):
            # One with tied embeddings has all weights of a language model, and means nothing as one.
            raise UsageError(f"model {self.path!r} is a classifier; write reward:{self.path}")
        options = self._options()
        if self.gguf is not None:
            options["quantization_config"] = transformers.GgufConfig(gguf_file=self.gguf, dequantize=True)
        elif self.quantised and device.type != "cpu":
            options["device_map"] = {"": device}
        try:
            with quietly():
                model, found = getattr(transformers, head).from_pretrained(
                    self.path,
                    config=self.config,
                    dtype=dtype,
                    use_safetensors=True,
                    output_loading_info=True,
                    **options,
                )
        except Exception as error:  # a repository can hold anything, and each kind of quantisation has its own errors
            raise self._failed(error) from error
        missing = sorted(key for key in found["missing_keys"] if not set(key.split(".")) & set(brought))
        if missing:  # else they would be random numbers
            other = "reward" if self.kind == "hf" else "hf"
            raise UsageError(
                f"model {self.path!r} has no weights for {missing[0]}, which {self.kind}: needs; "
                f"write {other}:{self.path} if it is a {'classifier' if other == 'reward' else 'language model'}"
            )
        return model

    def weights(self, model: Any, dtype: torch.dtype, without: Collection[str] = ()) -> str:
        """What identifies the weights and their tokenizer, by which the same weights read another text.

        It is the hub's commit; of a folder it is a hash of all numbers but those `without` meaning, and one of the
        tokenizer with its chat format.
        """
        told = getattr(model.config, "_commit_hash", None) or f"{digest(model, dtype, without)}+{self._reading()}"
        return f"{self.path}@{told}" + ("" if self.gguf is None else f":{self.gguf}")

    def _reading(self) -> str:
        """A hash of the tokenizer and its chat format."""
        inner = getattr(self.tokenizer, "backend_tokenizer", None)
        words = sorted(self.tokenizer.get_vocab().items()) if inner is None else inner.to_str()
        return hashlib.sha256(repr((words, self.tokenizer.chat_template)).encode("utf-8", "replace")).hexdigest()[:8]

    def _options(self) -> dict[str, Any]:
        """How everything of the model is loaded."""
        options = {"revision": self.revision, "trust_remote_code": self.trust_remote_code}
        return options if self.gguf is None else {**options, "gguf_file": self.gguf}

    def _failed(self, error: Exception) -> UsageError:
        """What went wrong, in one line that says what to do."""
        said = first_line(ValueError(str(error).strip() or type(error).__name__))
        if "trust_remote_code" in str(error):
            return UsageError(
                f"model {self.path!r} comes with code of its own, which is not run unasked; "
                f"read it, then write {self.name}:trust_remote_code=true"
            )
        method = self.__dict__.get("config") is not None and self.quantised
        if method:
            return UsageError(f"model {self.path!r} is quantised ({method}) and cannot be loaded here: {said}")
        return UsageError(f"model {self.path!r} cannot be loaded: {said}")


def opened(
    source: Source, device: torch.device, dtype: torch.dtype, *, head: str, name: str, adapter: str | None
) -> tuple[Any, Origin]:
    """A model of a source, ready to judge, with the adapter in a folder if one is given; and how to open it again.

    Raises:
        UsageError: it cannot be loaded, or the adapter does not fit.
    """
    folder = None if adapter is None else adapter_folder(adapter)
    brought = () if folder is None else saved_modules(folder)

    def load(kind: torch.dtype) -> Any:
        return source.model(kind, device, head=head, brought=brought)

    plain = load(dtype if folder is None or source.quantised else torch.float32)
    origin = Origin(load, name, source.weights(plain, dtype, brought), folder)
    return origin.model(plain, device, dtype), origin


def from_hub(
    path: str,
    *,
    adapter: str | None = None,
    prompt: str | None = None,
    scale: str | None = None,
    yes: str = "yes",
    no: str = "no",
    threshold: float = 0.5,
    revision: str | None = None,
    gguf: str | None = None,
    trust_remote_code: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> PromptedJudge | RatingJudge:
    """`hf:ORG/MODEL`: a language model from the Hugging Face hub or a local folder, zero-shot.

    `adapter` is a folder with a LoRA adapter for it, such as `retrain` leaves. `prompt` is one by name or a Jinja file;
    with a `scale` (`1-10`) it asks for a rating. Weights are read from safetensors, or from the file `gguf` in the
    repository or folder, which is dequantised.

    Raises:
        UsageError: there is no such model, it cannot be loaded, or the adapter or the prompt does not fit.
    """
    where, kind = choose(device, dtype, threads)
    shown = load_prompt(named_prompt(prompt, scale), yes=yes, no=no, scale=scale)
    source = Source("hf", path, revision, gguf, trust_remote_code)
    name = with_options(source.name, prompt=prompt, scale=scale)
    model, origin = opened(source, where, kind, head=LANGUAGE_MODEL, name=name, adapter=adapter)
    return asked(
        model,
        source.tokenizer,
        shown,
        name=with_options(name, adapter=adapter),
        weights=origin.identity(),
        threshold=threshold,
        origin=origin,
    )


def named_prompt(prompt: str | None, scale: str | None) -> str:
    """The prompt that is meant where none is named: for a rating if there is a scale."""
    return prompt or ("match" if scale is None else "grade")


def with_options(name: str, **options: str | None) -> str:
    """A judge's name with the options that are given."""
    return name + "".join(f":{key}={value}" for key, value in options.items() if value is not None)


def digest(model: Any, dtype: torch.dtype | None = None, without: Collection[str] = ()) -> str:
    """A hash of a model's weights; with `dtype`, of the weights rounded to it, in whatever they were loaded.

    Modules `without` meaning of their own are left out. Quantised weights are told by what they are kept in.
    """
    total = hashlib.sha256()
    for name, parameter in sorted(model.state_dict().items()):
        if set(name.split(".")) & set(without):
            continue
        total.update(name.encode())
        for part in _parts(parameter):
            rounded = part.to(dtype) if part.is_floating_point() else part
            total.update(rounded.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:16]


def _parts(value: Any) -> list[torch.Tensor]:
    """The plain tensors of which a tensor is made: itself, unless it is a quantised one."""
    if not isinstance(value, torch.Tensor):
        return []
    if not hasattr(value, "__tensor_flatten__"):
        return [value]
    names, _ = value.__tensor_flatten__()
    return [part for name in names for part in _parts(getattr(value, name))]
