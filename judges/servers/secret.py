"""The key of a server: read from the environment, and taken out of everything that comes back or is said."""

from __future__ import annotations

import os
import re

from ...corpora.errors import UsageError

#: What stands where a key stood.
HIDDEN = "[key]"
#: So many characters of a key in a row are taken for a part of it; shorter keys are looked for whole.
_PART = 8
#: What keys look like: servers repeat them half starred.
_LOOKS = re.compile(r"\bsk-[\w*.-]{6,}|(?<=[Bb]earer )\S+")


class Secret:
    """A key that no `repr` shows."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")

    def reveal(self) -> str:
        """The key itself, for the client alone; `none` if there is none, since clients insist on one."""
        return self._key or "none"

    def hide(self, text: str) -> str:
        """A text without the key, without any part of it of `_PART` characters, and without what looks like a key."""
        if len(self._key) >= 4:
            text = text.replace(self._key, HIDDEN)
        parts = {self._key[i : i + _PART] for i in range(len(self._key) - _PART + 1)}
        if any(part in text for part in parts):
            text = _without(text, parts)
        return _LOOKS.sub(HIDDEN, text)


def _without(text: str, parts: set[str]) -> str:
    """A text in which every stretch covered by parts is replaced."""
    covered = [False] * len(text)
    for start in range(len(text) - _PART + 1):
        if text[start : start + _PART] in parts:
            covered[start : start + _PART] = [True] * _PART
    shown = []
    for place, sign in enumerate(text):
        if not covered[place]:
            shown.append(sign)
        elif place == 0 or not covered[place - 1]:
            shown.append(HIDDEN)
    return "".join(shown)


def key_from(variable: str, *, needed: bool) -> Secret:
    """The key in an environment variable, or an empty one where none is needed.

    Raises:
        UsageError: the variable is not set, and is needed.
    """
    key = os.environ.get(variable, "").strip()
    if not key and needed:
        raise UsageError(f"the environment variable {variable} holds no key; set it, or name another with key_env=NAME")
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"the key in {variable} holds characters that no key has; set it to the key alone")
    return Secret(key)
