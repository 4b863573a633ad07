"""What a function is, as a text that is the same in every process and differs where its behaviour may."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import enum
import functools
import hashlib
import sys
import types
from collections.abc import Iterable
from typing import Any

from .sources import bound_in, is_users, names_in, set_by, source_of

#: How deep values inside values are looked at.
DEPTH = 8
#: So many numbers of an array are looked at, evenly spaced: training changes nearly all of them.
SAMPLE = 4096

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, type(Ellipsis))
_CODE = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.CodeType, functools.partial, type)
_SOURCED = (*_CODE, types.ModuleType)
_CONTAINERS = (dict, list, tuple, set, frozenset, collections.deque, types.MappingProxyType)
_NAMESPACES = (types.SimpleNamespace, argparse.Namespace)


def digest_of(function: Any) -> str:
    """A hash of a function's file, code, defaults and surroundings, or of a callable object's class and state.

    Surroundings are what it closes over, the plain constants among the globals that it names, and of what its file
    imports: the values that it names, and the files of the user's own functions, classes and modules. State is told by
    plain values, functions, paths and the like, data classes, namespaces, objects of the user's own classes, arrays and
    the weights of models, and containers of these; a client by its `base_url`. Not guaranteed: what else a library's
    object holds is left out, and so is what imported files import.
    """
    return hashlib.sha256(f"{source_of(function)} {describe(function)}".encode("utf-8", "replace")).hexdigest()[:16]


def describe(value: Any, depth: int = DEPTH) -> str:
    """A value without addresses and without the order of sets, which differ from one process to the next."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if depth == 0:
        return type(value).__qualname__
    if isinstance(value, types.CodeType):
        return _each((value.co_code, value.co_names, value.co_varnames, value.co_consts), depth)
    if isinstance(value, functools.partial):
        return f"partial {_each((value.func, value.args, value.keywords), depth)}"
    if isinstance(value, types.MethodType):
        return f"method {_each((value.__func__, value.__self__), depth)}"
    if isinstance(value, types.FunctionType):
        cells = tuple(_contents(cell) for cell in value.__closure__ or ())
        named = (value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__)
        return _each((*named, _each(cells, depth - 1), _globals(value), _file_of(value)), depth)
    if isinstance(value, _CONTAINERS):
        return _describe_container(value, depth)
    return _describe_object(value, depth)


def _each(values: Iterable[Any], depth: int) -> str:
    return "[" + ", ".join(describe(v, depth - 1) for v in values) + "]"


def _describe_container(value: Any, depth: int) -> str:
    """What a container holds, without what cannot be told."""
    if isinstance(value, dict | types.MappingProxyType):
        told = ((k, v) for k, v in value.items() if _tells(v))
        return "{" + ", ".join(sorted(f"{describe(k, depth - 1)}: {describe(v, depth - 1)}" for k, v in told)) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(describe(v, depth - 1) for v in value if _tells(v))) + "}"
    return _each((v for v in value if _tells(v)), depth)


def _describe_object(value: Any, depth: int) -> str:
    """An object by its class and what its state tells."""
    name = f"{type(value).__qualname__} {getattr(value, '__qualname__', '')}"
    if isinstance(value, types.ModuleType | types.BuiltinFunctionType):
        return f"{name} {getattr(value, '__name__', '')}"
    if isinstance(value, type):
        return f"{name} {_each(_class_of(value), depth)}"
    if (numbers := _numbers(value)) is not None:
        return f"{name} {numbers}"
    if _is_value(value):
        return repr(value)
    state = _state(value) if _is_told_by_state(value) else {}
    return f"{name} {_address(value)} {_each((*_class_of(type(value)), state), depth)}"


def _state(value: Any) -> dict[str, Any]:
    """An object's attributes, those in slots too."""
    found = {}
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            private = slot.startswith("__") and not slot.endswith("__")
            name = f"_{kind.__name__.lstrip('_')}{slot}" if private else slot
            if name != "__dict__" and hasattr(value, name):
                found[name] = getattr(value, name)
    return {**found, **getattr(value, "__dict__", {})}


def _tells(value: Any) -> bool:
    """Whether a value is the same in every process for as long as what holds it behaves the same.

    A client's connections and locks are not, and neither is what a library's object keeps for itself. A counter or a
    cache among an object's own attributes cannot be known for one, and is told.
    """
    if isinstance(value, _PLAIN + _SOURCED + _CONTAINERS):
        return True
    return bool(_is_told_by_state(value) or _is_value(value) or _address(value) or _numbers(value) is not None)


def _is_told_by_state(value: Any) -> bool:
    return isinstance(value, _NAMESPACES) or dataclasses.is_dataclass(value) or is_users(type(value))


def _is_value(value: Any) -> bool:
    """Whether an object is known by its repr: a path, a pattern, a date, a member of an enumeration, a client's URL."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return True
    told = kind.__module__.split(".")[0] in sys.stdlib_module_names or kind.__name__ == "URL"
    hashed: object = kind.__hash__
    return told and hashed is not None and hashed is not object.__hash__ and " at 0x" not in repr(value)


def _address(value: Any) -> str:
    """Whom a client asks, as those of OpenAI and Anthropic and of httpx say it; nothing for anything else."""
    try:
        url = getattr(value, "base_url", "")
        return str(url) if isinstance(url, str) or type(url).__name__ == "URL" else ""
    except Exception:  # a property of the user's may raise anything
        return ""


def _numbers(value: Any) -> str | None:
    """A hash of the numbers of an array or tensor, or of all of a model's; None for anything else.

    Numbers that are nowhere (a tensor on the device `meta`) are known by their shape.
    """
    if isinstance(value, type):
        return None
    try:
        if callable(getattr(value, "state_dict", None)) and callable(getattr(value, "parameters", None)):
            told: Any = [(k, _numbers(v)) for k, v in value.state_dict().items()]
        elif all(hasattr(value, name) for name in ("dtype", "shape", "flatten")):
            told = (str(value.dtype), tuple(value.shape), _some(value))
        else:
            return None
        return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()
    except Exception:  # it only looked like one, or a property of it raises
        return None


def _some(value: Any) -> list[Any] | None:
    """Some numbers of an array, or of a tensor on any device; None where there are none to be had."""
    try:
        if str(getattr(value, "layout", "")).startswith("torch.sparse"):
            value = value.to_dense()
        flat = value.flatten()
        some: list[Any] = flat[:: max(1, len(flat) // SAMPLE)].tolist()
        return some
    except Exception:
        return None


def _globals(function: types.FunctionType) -> dict[str, Any]:
    """The globals that a function names and that tell how it behaves.

    Those of its own file are the plain constants, as what is written there is known by the file: a list or dict may be
    a cache, and what a function sets, such as a counter, is no constant. What the file imports is told by its value, or
    by its file if it is code of the user's. Where no file holds the function, as in a notebook, lists, dicts and
    functions are told too.
    """
    code, source = function.__code__, source_of(function)
    own, counters = bound_in(source)
    names = set(names_in(code))
    found: dict[str, Any] = {}
    for name in sorted(names - set(set_by(code, "GLOBAL")) - counters):
        value = function.__globals__.get(name)
        if name not in own if source else isinstance(value, _SOURCED) and source_of(value):
            found |= _imported(name, value, names - set(set_by(code, "ATTR")))
        elif isinstance(value, types.FunctionType):
            if not source:
                found[name] = value.__code__
        elif value is not None and _is_plain(value, DEPTH, mutable=not source):
            found[name] = value
    return found


def _imported(name: str, value: Any, names: set[str]) -> dict[str, Any]:
    """What is told of an imported value, and of the attributes that code names of a module of the user's."""
    if not isinstance(value, _SOURCED):
        return {} if value is None else {name: value}
    found: dict[str, Any] = {name: _file_of(value)} if is_users(value) else {}
    if found and isinstance(value, types.ModuleType):
        for inner in sorted(names & vars(value).keys()):
            found |= _imported(f"{name}.{inner}", vars(value)[inner], names - {inner})
    return found


def _is_plain(value: Any, depth: int, *, mutable: bool) -> bool:
    """Whether a value is plain through and through, and if it is not to be `mutable`, stays as it is."""
    if isinstance(value, _CONTAINERS if mutable else tuple | frozenset) and depth:
        parts = [*value, *(value.values() if isinstance(value, dict) else ())]
        return all(_is_plain(part, depth - 1, mutable=mutable) for part in parts)
    return isinstance(value, _PLAIN)


def _class_of(kind: type) -> tuple[Any, ...]:
    """The user's own classes among a class and its bases: their files, the globals their methods name, or their code.

    The code of methods is told where no file holds it: that of a notebook.
    """
    told: list[Any] = []
    for each in kind.__mro__:
        if is_users(each):
            methods = {k: v for k, v in vars(each).items() if isinstance(v, types.FunctionType)}
            file = _file_of(each)
            told += [file, {k: _globals(v) if file else (v.__code__, _globals(v)) for k, v in methods.items()}]
    return tuple(told)


def _file_of(thing: Any) -> str:
    """A hash of the user's own file that something comes from; nothing where it is a library's, or in no file."""
    source = source_of(thing) if is_users(thing) else ""
    return hashlib.sha256(source.encode()).hexdigest() if source else ""


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that is not set yet
        return None
