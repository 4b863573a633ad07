"""The words of a command line that makes a run again; each kind of run has its own options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def has_names(named: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
    """Whether each thing has a name that its table of names knows: an object given in Python has none."""
    return all(name.partition(":")[0] in table for name, table in named)


def option_words(options: Mapping[str, Any]) -> list[str]:
    """Options with their values, as they are written on the command line."""
    return [word for name, value in options.items() for word in (_flag(name), str(value))]


def constraint_words(constraints: Mapping[str, Any]) -> list[str]:
    """Constraints as they are written on the command line."""
    words: list[str] = []
    for name, value in constraints.items():
        flag = _flag(name)
        if value is True:
            words.append(flag)
        elif name == "only":
            words += [flag, ",".join(value)]
        else:
            words += [f"{flag}={each}" for each in (value if isinstance(value, list) else [value])]
    return words


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
