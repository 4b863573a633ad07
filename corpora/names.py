"""Names that users type: looked up in a table, with options behind them, and answered with the nearest names."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import UsageError


def nearest(name: str, known: Iterable[str], kind: str) -> UsageError:
    """The error for an unknown name: it lists the closest known ones, or all of them when none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
    return UsageError(f"no {kind} is named {name!r}; {hint}")


def load(path: str) -> Any:
    """Import `package.module:name`, the lazy strings of which the tables are made."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def lookup(table: Mapping[str, str], name: str, kind: str) -> Any:
    """The object that `table` holds under `name`.

    Raises:
        UsageError: `name` is not in the table.
    """
    if name not in table:
        raise nearest(name, table, kind)
    return load(table[name])


def load_user(spec: str, kind: str) -> Any:
    """Import a user's `module:name`; the working folder is searched too, as `python -m` does.

    Raises:
        UsageError: the module or the name cannot be found, or the module fails when imported.
    """
    module, _, name = spec.partition(":")
    if not module or not name:
        raise UsageError(f"{kind} {spec!r} is incomplete; write python:module:name")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        loaded = importlib.import_module(module)
    except Exception as error:
        if module.endswith(".py") or "/" in module:
            raise UsageError(
                f"{kind} module {module!r} is a path; write it as it is imported: "
                f"{module.removesuffix('.py').strip('./').replace('/', '.')}:{name}"
            ) from error
        reason = " ".join([type(error).__name__ + ":", *str(error).splitlines()[:1]])
        raise UsageError(f"{kind} module {module!r} cannot be imported: {reason}") from error
    if not hasattr(loaded, name):
        public = [n for n in vars(loaded) if not n.startswith("_")]
        raise nearest(name, public, f"{kind} in module {module}")
    return getattr(loaded, name)


def split_options(spec: str) -> tuple[str, dict[str, str]]:
    """`random:length=12:batch=64` -> `("random", {"length": "12", "batch": "64"})`."""
    name, *parts = spec.split(":")
    options = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise UsageError(f"option {part!r} of {spec!r} is not key=value; write {name}:key=value")
        options[key.strip()] = value.strip()
    return name, options


def convert_options(function: Callable[..., Any], given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Check options against a function's keyword-only parameters and convert strings to their annotated types.

    Raises:
        UsageError: an unknown option, or a value that its type does not take.
    """
    hints = typing.get_type_hints(function.__init__ if isinstance(function, type) else function)  # type: ignore[misc]
    allowed = {
        name: hints.get(name, str)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    converted = {}
    for name, value in given.items():
        if name not in allowed:
            raise (
                nearest(name, allowed, f"option of {kind}")
                if allowed
                else UsageError(f"{kind} takes no options, got {name!r}")
            )
        converted[name] = _convert(value, allowed[name], f"{kind}:{name}")
    return converted


_NONE = {type(None): "none"}


def _convert(value: Any, wanted: Any, where: str) -> Any:
    if not isinstance(value, str):
        return value
    for kind in _alternatives(wanted):
        try:
            if kind is bool:
                return {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}[value.lower()]
            if kind is type(None) and value.lower() == "none":
                return None
            if typing.get_origin(kind) is typing.Literal and value in typing.get_args(kind):
                return value
            if kind in (int, float, str, Path):
                return kind(value)
        except (KeyError, ValueError):
            continue
    names = " or ".join(
        "|".join(map(str, typing.get_args(k))) if typing.get_args(k) else _NONE.get(k, getattr(k, "__name__", str(k)))
        for k in _alternatives(wanted)
    )
    raise UsageError(f"{where}={value} is not valid; write a value of type {names}")


def _alternatives(wanted: Any) -> tuple[Any, ...]:
    """The members of a union, None first so that `none` is not read as a string."""
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return tuple(sorted(typing.get_args(wanted), key=lambda t: t is not type(None)))
    return (wanted,)
