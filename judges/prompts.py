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
from .scale import TEN, Scale, read_scale
from .vocabulary import special_texts

_ENVIRONMENT = SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=False)


#: Prompts of hoodwink's for one response, finished or not (`step`); the others are for two, or for no chat.
OFFERED = ("match", "correct", "grade", "grade-free", "step")

#: Those that ask for a rating, and the scale that they ask for unless told another.
RATED = {"grade": TEN, "grade-free": TEN}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a judge is asked, and the two words it answers with, or the scale of numbers.

    Attributes:
        template: Jinja text of the request, with `question`, `reference`, `response`, `solution` (the worked one, empty
            where none is known), `other` (what the response is compared with, empty unless it is), and `low` and
            `high` of a scale.
        system: the system message of chat models; None leaves the model's own.
        yes: the answer that accepts.
        no: the answer that rejects.
        scale: the numbers that are asked for; None where it is one of the two words.
    """

    template: str
    system: str | None = "You grade answers."
    yes: str = "yes"
    no: str = "no"
    scale: Scale | None = None

    @property
    def fingerprint(self) -> str:
        """Changes with anything that changes what the judge reads, or what its answer says."""
        words = (self.yes, self.no) if self.scale is None else (str(self.scale),)
        return hashlib.sha256(repr((self.template, self.system, *words)).encode()).hexdigest()[:12]

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

    def request(self, item: Item, tokenizer: Any = None) -> str:
        """The request alone, as a classifier reads it; a tokenizer's special tokens are broken up as in `render`."""
        problem = item.problem
        specials = [] if tokenizer is None else special_texts(tokenizer)
        text: str = _compiled(self.template).render(
            question=defuse(problem.question, specials),
            reference=defuse(problem.reference, specials),
            response=defuse(item.response, specials),
            solution=defuse(" ".join(problem.solution), specials),
            other=defuse(item.other if isinstance(item, Pair) else "", specials),
            **_ends(self.scale),
        )
        return text


def conversation(item: Item, tokenizer: Any, *, reference: bool = False) -> str:
    """Question and response as the turns of a user and an assistant, by a tokenizer's chat format, defused.

    With `reference` the user also says the reference answer.
    """
    specials = special_texts(tokenizer)
    asked = defuse(item.problem.question, specials)
    if reference:
        asked = f"{asked}\n\nReference answer: {defuse(item.problem.reference, specials)}"
    turns = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": defuse(item.response, specials)},
    ]
    text: str = tokenizer.apply_chat_template(turns, tokenize=False)
    return text


def load_prompt(name: str, *, yes: str = "yes", no: str = "no", scale: str | None = None) -> Prompt:
    """A prompt by name (`match`, `grade`) or from a Jinja file of the user's.

    It is answered by the words `yes` and `no`, or by a number if it is one of the `RATED` or has a `scale` (`1-5`).

    Raises:
        UsageError: no such prompt or file, a template that does not use `response`, no scale, or one for yes and no.
    """
    own = files("hoodwink.judges").joinpath("prompts", f"{name}.jinja")
    try:
        known = own.is_file()
        template = own.read_text("utf-8") if known else Path(name).read_text("utf-8")
    except (OSError, ValueError) as error:  # no UTF-8, or a name that no file can have
        offered = ", ".join(OFFERED)
        raise UsageError(
            f"prompt {name!r} is neither a known prompt nor a readable file; write {offered} or a path"
        ) from error
    if known and scale is not None and name not in RATED:
        raise UsageError(f"prompt {name} asks for yes or no and has no scale; write prompt={' or prompt='.join(RATED)}")
    asked = RATED.get(name) if known and scale is None else None
    numbers = asked if scale is None else read_scale(scale)
    try:
        texts = {"question": "", "reference": "", "solution": "", "other": "", "response": "\x00here"}
        rendered = _compiled(template).render(**texts, **_ends(numbers))
    except Exception as error:  # a template can raise anything: `1/0`, `question + 1`
        more = "" if numbers is None else ", low and high"
        uses = f"question, reference, solution and response{more}"
        raise UsageError(f"prompt {name!r}: {error}; it may use {uses}") from error
    if "\x00here" not in rendered:
        raise UsageError(f"prompt {name!r} never shows the response; put {{{{ response }}}} into it")
    return Prompt(template, yes=yes, no=no, scale=numbers)


def _ends(scale: Scale | None) -> dict[str, int]:
    """What a template that asks for a rating may use beside the three texts."""
    return {} if scale is None else {"low": scale.low, "high": scale.high}


def defuse(text: str, specials: list[str]) -> str:
    """Break every special token's string in a text, so that a tokenizer reads it as plain text."""
    for special in specials:
        if len(special) > 1 and special in text:
            text = text.replace(special, f"{special[0]}\u200b{special[1:]}")
    return text


@lru_cache(maxsize=32)
def _compiled(template: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(template)
