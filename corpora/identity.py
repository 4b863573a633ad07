"""What a function is, as a text that is the same in every process and differs where its behaviour may."""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: How deep values inside values are looked at.
DEPTH = 8
#: So many numbers of an array are looked at, evenly spaced: training changes nearly all of them.
SAMPLE = 4096

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_CODE = (types.FunctionType, types.MethodType, functools.partial)
_CONTAINERS = (dict, list, tuple, set, frozenset)


def digest_of(function: Any) -> str:
    """A hash of a function's file, code, defaults and surroundings, or of a callable object's class and state.

    Surroundings are what it closes over and the plain constants among the globals that it names. State is told by plain
    values, functions, paths and the like, data classes, objects of the same module, arrays and the weights of models,
    and containers of these. Not guaranteed: other state (a connection, what is behind an address) is known by its type.
    """
    return hashlib.sha256(f"{_file(function)} {describe(function)}".encode("utf-8", "replace")).hexdigest()[:16]


def describe(value: Any, depth: int = DEPTH) -> str:
    """A value without addresses and without the order of sets, which differ from one process to the next."""
    if isinstance(value, _PLAIN):
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
        named = (value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__, cells)
        return describe((*named, _globals(value, depth)), depth)
    if isinstance(value, dict):
        inner = sorted(f"{describe(k, depth - 1)}: {describe(v, depth - 1)}" for k, v in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(describe(v, depth - 1) for v in value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(describe(v, depth - 1) for v in value) + "]"
    return _describe_object(value, depth)


def _describe_object(value: Any, depth: int) -> str:
    """An object by its class and what its state tells."""
    name = f"{type(value).__qualname__} {getattr(value, '__qualname__', '')}"
    if isinstance(value, types.ModuleType | types.BuiltinFunctionType):
        return name
    if isinstance(value, type):
        return f"{name} {describe(_code_of(value), depth - 1)}"
    if (numbers := _numbers(value)) is not None:
        return f"{name} {numbers}"
    if _is_value(value):
        return repr(value)
    state = {k: v for k, v in _state(value).items() if _tells(v, type(value).__module__, depth - 1)}
    return f"{name} {describe(_code_of(type(value)), depth - 1)} {describe(state, depth - 1)}"


def _state(value: Any) -> dict[str, Any]:
    """An object's attributes, those in slots too."""
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return {**{k: getattr(value, k) for k in slots if hasattr(value, k)}, **getattr(value, "__dict__", {})}


def _tells(value: Any, module: str, depth: int) -> bool:
    """Whether an attribute is the same in every process for as long as the object behaves the same.

    A client's connections, locks and caches are not, and neither is what a library's object keeps for itself.
    """
    if isinstance(value, _PLAIN + _CODE) or depth == 0:
        return True
    if isinstance(value, _CONTAINERS):
        inner = value.values() if isinstance(value, dict) else value
        return all(_tells(v, module, depth - 1) for v in inner)
    own = type(value).__module__ == module and not isinstance(value, type | types.ModuleType)
    return own or dataclasses.is_dataclass(value) or _is_value(value) or _numbers(value) is not None


def _is_value(value: Any) -> bool:
    """Whether an object is known by its repr: a path, a pattern, a date, a member of an enumeration, a client's URL."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return True
    told = kind.__module__.split(".")[0] in sys.stdlib_module_names or kind.__name__ == "URL"
    hashed: object = kind.__hash__
    return told and hashed is not None and hashed is not object.__hash__ and " at 0x" not in repr(value)


def _numbers(value: Any) -> str | None:
    """A hash of the numbers of an array or tensor, or of all of a model's; None for anything else."""
    if isinstance(value, type):
        return None
    if callable(getattr(value, "state_dict", None)) and callable(getattr(value, "parameters", None)):
        return hashlib.sha256(repr([(k, _numbers(v)) for k, v in value.state_dict().items()]).encode()).hexdigest()
    if not all(hasattr(value, name) for name in ("dtype", "shape", "flatten")):
        return None
    flat = value.flatten()
    some = flat[:: max(1, len(flat) // SAMPLE)].tolist()  # a tensor's, on any device, and an array's
    return hashlib.sha256(repr((str(value.dtype), tuple(value.shape), some)).encode()).hexdigest()


def _globals(function: types.FunctionType, depth: int) -> dict[str, Any]:
    """The globals that a function names and that are plain constants, or code that no file holds.

    What the function sets itself, such as a counter, is no constant. Neither is a list or dict, which may be a cache:
    it is told only where no file tells what it was written as, as in a notebook.
    """
    found = {}
    mutable = not _file(function)
    for name in sorted(set(_names(function.__code__)) - set(_set_by(function.__code__))):
        value = function.__globals__.get(name)
        if isinstance(value, types.FunctionType):
            if not _file(value):
                found[name] = value.__code__
        elif value is not None and _is_plain(value, depth, mutable=mutable):
            found[name] = value
    return found


def _is_plain(value: Any, depth: int, *, mutable: bool) -> bool:
    """Whether a value is plain through and through, and if it is not to be `mutable`, stays as it is."""
    if isinstance(value, _CONTAINERS if mutable else tuple | frozenset) and depth:
        parts = [*value, *(value.values() if isinstance(value, dict) else ())]
        return all(_is_plain(part, depth - 1, mutable=mutable) for part in parts)
    return isinstance(value, _PLAIN)


def _set_by(code: types.CodeType) -> Iterator[str]:
    """The globals that code sets."""
    yield from (i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _set_by(constant)


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that code may look up, that of functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _code_of(kind: type) -> dict[str, types.CodeType]:
    """The code of a class's own methods where no file holds it: a class of a notebook."""
    if kind.__module__ == "builtins" or _file(kind):
        return {}
    return {name: value.__code__ for name, value in vars(kind).items() if isinstance(value, types.FunctionType)}


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
