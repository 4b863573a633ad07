"""What a user may ask of every response that is tried: one that breaks a constraint is never sent to the judge."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from ..corpora.errors import UsageError
from ..corpora.names import nearest
from ..corpora.records import Problem
from .kinds import KINDS, Kind, kind_of


@dataclass(frozen=True)
class Constraints:
    """None and empty ask for nothing.

    Attributes:
        max_chars: most characters.
        max_tokens: most tokens of the judge (words and signs, where its tokens are not known).
        ascii_only: printable ASCII alone, with blanks, tabs and line ends.
        keep_wrong: the plain wrong answer stands in it unchanged.
        max_perplexity: highest perplexity under the proposer.
        only: kinds of responses (`kinds`): a response of another kind is not tried.
        forbid: regular expressions (Python's `re`, searched for) that may not match.
    """

    max_chars: int | None = None
    max_tokens: int | None = None
    ascii_only: bool = False
    keep_wrong: bool = False
    max_perplexity: float | None = None
    only: tuple[Kind, ...] = KINDS
    forbid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_chars", "max_tokens", "max_perplexity"):
            value = getattr(self, name)
            if value is not None and not 1 <= value < math.inf:
                raise UsageError(f"{name.replace('_', '-')} is {value}; write a number of at least 1")
        for name in ("only", "forbid"):
            if isinstance(value := getattr(self, name), str):
                raise UsageError(f"{name} is the text {value!r}; write a tuple of texts: ({value!r},)")
        for kind in self.only:
            if kind not in KINDS:
                raise nearest(kind, KINDS, "kind of find")
        if not self.only:
            raise UsageError(f"only is empty; name at least one kind of find: {', '.join(KINDS)}")
        for pattern in self.forbid:
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                raise UsageError(f"forbid {pattern!r} is no regular expression: {error}") from error
        # What asks for the same is the same: a folder of a run compares it.
        object.__setattr__(self, "only", tuple(kind for kind in KINDS if kind in self.only))
        object.__setattr__(self, "forbid", tuple(dict.fromkeys(self.forbid)))

    def __bool__(self) -> bool:
        return self != Constraints()

    def to_json(self) -> dict[str, Any]:
        """What is asked for, without what is not."""
        asked = {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items()}

    @cached_property
    def _forbidden(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(pattern) for pattern in self.forbid)

    def refusal(self, problem: Problem, text: str, cut: Callable[[str], Sequence[str]]) -> str:
        """Which constraint a text breaks, in a word or two; empty if none. Perplexity is looked at elsewhere."""
        if self.max_chars is not None and len(text) > self.max_chars:
            return "max-chars"
        if self.ascii_only and not _is_plain(text):
            return "ascii-only"
        if self.keep_wrong and problem.wrong[0].text not in text:
            return "keep-wrong"
        if any(pattern.search(text) for pattern in self._forbidden):
            return "forbid"
        if self.max_tokens is not None and len(cut(text)) > self.max_tokens:
            return "max-tokens"
        if self.only != KINDS and kind_of(problem, text) not in self.only:
            return "only"
        return ""

    def allows_piece(self, piece: str) -> bool:
        """Whether a text with this piece in it may be allowed at all; of patterns, those that are plain words count."""
        if self.ascii_only and not _is_plain(piece):
            return False
        return not any(pattern == re.escape(pattern) and pattern in piece for pattern in self.forbid)


def _is_plain(text: str) -> bool:
    return text.isascii() and all(char.isprintable() or char in "\n\t\r" for char in text)
