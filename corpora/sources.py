"""Where code comes from, and which names it looks up and sets."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal


def module_of(thing: Any) -> str:
    """The name of the module that a module, a function, a class, or an object's class is of."""
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    inner = inspect.unwrap(thing.func if isinstance(thing, functools.partial) else thing)
    named = getattr(inner, "__module__", None)
    return named if isinstance(named, str) else str(type(inner).__module__)


def source_of(thing: Any) -> str:
    """The text of the file that something comes from; nothing where no file holds it, as in a notebook."""
    file = getattr(sys.modules.get(module_of(thing)), "__file__", None)
    try:
        return Path(file).read_text("utf-8") if file else ""
    except (OSError, UnicodeDecodeError):
        return ""


def is_users(thing: Any) -> bool:
    """Whether something is the user's own: of no module of Python's, of hoodwink's, or of an installed package."""
    module = module_of(thing)
    top = module.split(".")[0]
    if top in sys.stdlib_module_names or top == __name__.split(".")[0]:
        return False
    for found in (sys.modules.get(module), sys.modules.get(top)):
        for place in (getattr(found, "__file__", None), *getattr(found, "__path__", ())):
            if place:
                return not {"site-packages", "dist-packages"} & set(Path(place).parts)
    return True  # a notebook's


@lru_cache(maxsize=64)
def bound_in(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a file's text binds and does not import, and those that its functions set globally."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset(), frozenset()
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    imports = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    bound -= {alias.asname or alias.name.split(".")[0] for alias in imports}
    return frozenset(bound), frozenset(n for node in nodes if isinstance(node, ast.Global) for n in node.names)


def names_in(code: types.CodeType) -> Iterator[str]:
    """The names that code may look up, and of functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


def set_by(code: types.CodeType, kind: Literal["GLOBAL", "ATTR"]) -> Iterator[str]:
    """The globals, or attributes of anything, that code sets."""
    yield from (i.argval for i in dis.get_instructions(code) if i.opname in (f"STORE_{kind}", f"DELETE_{kind}"))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from set_by(constant, kind)
