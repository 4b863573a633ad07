"""What a judge sends to a server: the request in one of its ways, in the parameters that the server takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...corpora.errors import UsageError
from ...corpora.records import Item
from ..prompts import Prompt

Api = Literal["chat", "completions"]
#: How verdicts are read; see `reading`.
Way = Literal["logprobs", "samples", "text"]
Choice = Literal["auto", "logprobs", "samples", "text"]

#: Tokens of an answer of which the text counts, unless it is said.
TEXT_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked, as far as verdicts depend on it; the options of `openai:` that are part of its fingerprint.

    Attributes:
        prompt: what is asked.
        api: chat messages, or one text to be gone on with.
        by: how verdicts are read; `auto` takes log-probabilities where they are served, and samples otherwise.
        samples: answers to each request, at temperature 1.
        seed: sent with every request; of samples each has one of its own that follows from it.
        max_tokens: of an answer; by default 1 where log-probabilities are read, `TEXT_TOKENS` otherwise.
        system: whether the prompt's system message is sent.
    """

    prompt: Prompt
    api: Api = "chat"
    by: Choice = "auto"
    samples: int = 5
    seed: int = 0
    max_tokens: int | None = None
    system: bool = True

    def __post_init__(self) -> None:
        for name in ("samples", "max_tokens"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UsageError(f"{name} {value} is out of range; write a whole number of at least 1")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"seed {self.seed} is out of range; write a whole number from 0 to {2**31 - 1}")

    def said(self, item: Item) -> dict[str, Any]:
        """The item as it is put to the model: messages, or a text.

        No special token is broken up, since the server's tokenizer is not known here: a server that takes the strings
        of special tokens in a message for such tokens has a hole of its own.
        """
        request = self.prompt.request(item)
        if self.api == "completions":
            return {"prompt": f"{request}\nAnswer:"}
        system = self.prompt.system if self.system else None
        messages = [{"role": "system", "content": system}] if system is not None else []
        return {"messages": [*messages, {"role": "user", "content": request}]}

    def body(self, said: dict[str, Any], way: Way, manners: Manners, sample: int = 0) -> dict[str, Any]:
        """A request: what is said, and how it is to be answered. `sample` tells samples of the same request apart."""
        tokens = self.max_tokens or (1 if way == "logprobs" else TEXT_TOKENS)
        body: dict[str, Any] = {**said, manners.limit: tokens}
        if manners.tempered:
            body["temperature"] = 1.0 if way == "samples" else 0.0
        if manners.seeded:
            body["seed"] = _seed(self.seed, said, sample) if way == "samples" else self.seed
        if way == "logprobs":
            body |= {"logprobs": manners.top} if self.api == "completions" else {
                "logprobs": True, "top_logprobs": manners.top
            }  # fmt: skip
        return body


@dataclass(frozen=True, slots=True)
class Manners:
    """What a server takes: found out on a first request that it refuses.

    Attributes:
        top: alternatives of the first token to be listed; 0 where none are.
        limit: the name of the parameter that limits an answer's tokens.
        seeded: whether a seed is sent.
        tempered: whether a temperature is sent.
    """

    top: int = 20
    limit: str = "max_tokens"
    seeded: bool = True
    tempered: bool = True

    def after(self, refusal: str) -> Manners | None:
        """The manners to try next when a server refuses a request in these words; None if they say nothing."""
        refusal = refusal.casefold()
        if "max_completion_tokens" in refusal and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens")
        if "logprobs" in refusal and self.top:
            return replace(self, top=5 if self.top > 5 else 0)
        if "seed" in refusal and self.seeded:
            return replace(self, seeded=False)
        if "temperature" in refusal and self.tempered:
            return replace(self, tempered=False)
        return None


def _seed(seed: int, said: dict[str, Any], sample: int) -> int:
    """The seed of one sample: it depends on what is asked, and not on when or beside what."""
    key = f"{seed} {sample} {said}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big") >> 1
