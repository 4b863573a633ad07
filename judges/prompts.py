"""Prompts: a Jinja template for the request, and how a tokenizer's chat format is put around it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from ..corpora.errors import UsageError
from ..corpora.records import Item, Pair
from .vocabulary import special_texts

_ENVIRONMENT = SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a judge is asked, and the two words it answers with.

    Attributes:
        template: Jinja text of the request, with `question`, `reference`, `response`, `solution` (the worked one, empty
            where none is known) and `other` (what the response is compared with, empty unless it is).
        system: the system message of chat models; None leaves the model's own.
        yes: the answer that accepts.
        no: the answer that rejects.
    """

    template: str
    system: str | None = "You grade answers."
    yes: str = "yes"
    no: str = "no"

    @property
    def fingerprint(self) -> str:
        """Changes with anything that changes what the judge reads."""
        return hashlib.sha256(repr((self.template, self.system, self.yes, self.no)).encode()).hexdigest()[:12]

    def render(self, item: Item, tokenizer: Any) -> str:
        """The whole text that the model reads, up to where its answer begins.

        Question, reference and response are hostile: the strings of special tokens inside them are broken up with a
        zero-width space, so that a response cannot close its own turn. Such an injection is a hole in the pipeline
        around a judge, not in the judge.
        """
        request = self.request(item, tokenizer)
        if not tokenizer.chat_template:
            return f"{request}\nAnswer:"
        messages = [{"role": "system", "content": self.system}] if self.system is not None else []
        messages.append({"role": "user", "content": request})
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def request(self, item: Item, tokenizer: Any) -> str:
        """The request alone, as a classifier reads it, with special tokens broken up as in `render`."""
        problem = item.problem
        specials = special_texts(tokenizer)
        text: str = _compiled(self.template).render(
            question=defuse(problem.question, specials),
            reference=defuse(problem.reference, specials),
            response=defuse(item.response, specials),
            solution=defuse(" ".join(problem.solution), specials),
            other=defuse(item.other if isinstance(item, Pair) else "", specials),
        )
        return text


def load_prompt(name: str, *, yes: str = "yes", no: str = "no") -> Prompt:
    """A prompt by name (`match`) or from a Jinja file of the user's, answered with the words `yes` and `no`.

    Raises:
        UsageError: no such prompt or file, or a template that does not use `response`.
    """
    own = files("hoodwink.judges").joinpath("prompts", f"{name}.jinja")
    try:
        template = own.read_text("utf-8") if own.is_file() else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"prompt {name!r} is neither a known prompt nor a readable file; write match or a path"
        ) from error
    try:
        rendered = _compiled(template).render(question="", reference="", solution="", other="", response="\x00here")
    except Exception as error:  # a template can raise anything: `1/0`, `question + 1`
        raise UsageError(f"prompt {name!r}: {error}; it may use question, reference, solution and response") from error
    if "\x00here" not in rendered:
        raise UsageError(f"prompt {name!r} never shows the response; put {{{{ response }}}} into it")
    return Prompt(template, yes=yes, no=no)


def defuse(text: str, specials: list[str]) -> str:
    """Break every special token's string in a text, so that a tokenizer reads it as plain text."""
    for special in specials:
        if len(special) > 1 and special in text:
            text = text.replace(special, f"{special[0]}\u200b{special[1:]}")
    return text


@lru_cache(maxsize=32)
def _compiled(template: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(template)
