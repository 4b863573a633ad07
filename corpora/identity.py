"""What a function is, as a text that is the same in every process and differs where its behaviour may."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import types
from pathlib import Path
from typing import Any

#: How deep values inside values are looked at.
DEPTH = 8


def digest_of(function: Any) -> str:
    """A hash of a function's file, code, defaults and surroundings, or of a callable object's class and plain state.

    Not guaranteed: state that is neither plain values nor functions (a model, a connection) is known by its type alone.
    """
    return hashlib.sha256(f"{_file(function)} {describe(function)}".encode("utf-8", "replace")).hexdigest()[:16]


def describe(value: Any, depth: int = DEPTH) -> str:
    """A value without addresses and without the order of sets, which differ from one process to the next."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | type(Ellipsis)):
        return repr(value)
    if depth == 0:
        return type(value).__qualname__
    if isinstance(value, types.CodeType):
        return describe((value.co_code, value.co_names, value.co_varnames, value.co_consts), depth)
    if isinstance(value, functools.partial):
        return f"partial {describe((value.func, value.args, value.keywords), depth)}"
    if isinstance(value, types.MethodType):
        return f"method {describe((value.__func__, value.__self__), depth)}"
    if isinstance(value, types.FunctionType):
        cells = tuple(_contents(cell) for cell in value.__closure__ or ())
        return describe((value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__, cells), depth)
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(sorted(f"{describe(k, depth - 1)}: {describe(v, depth - 1)}" for k, v in value.items()))
            + "}"
        )
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(describe(v, depth - 1) for v in value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(describe(v, depth - 1) for v in value) + "]"
    state = getattr(value, "__dict__", {}) if not isinstance(value, type | types.ModuleType) else {}
    plain = {k: v for k, v in state.items() if isinstance(v, bool | int | float | str | types.FunctionType)}
    return f"{type(value).__qualname__} {getattr(value, '__qualname__', '')} {describe(plain, depth - 1)}"


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that is not set yet
        return None


def _file(function: Any) -> str:
    """The text of the file that a function comes from: what it calls there is part of it."""
    inner = inspect.unwrap(function.func if isinstance(function, functools.partial) else function)
    module = sys.modules.get(getattr(inner, "__module__", None) or type(inner).__module__)
    file = getattr(module, "__file__", None)
    try:
        return Path(file).read_text("utf-8") if file else ""
    except (OSError, UnicodeDecodeError):
        return ""
