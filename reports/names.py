"""The names that can be given to a command, read from the tables of each folder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from ..corpora.corpus import CORPORA
from ..corpora.families import FAMILIES
from ..corpora.names import lookup
from ..fuzz.attacks import ATTACKS
from ..judges.hardening import RECIPES
from ..judges.opening import AROUND_ONE, NAMED
from ..judges.planted import HOLES

What = Literal["judges", "attacks", "corpora", "recipes"]

#: How the argument of a name is written, where it takes one.
_ARGUMENTS = {
    "hf": "hf:ORG/MODEL or hf:FOLDER",
    "reward": "reward:ORG/MODEL or reward:FOLDER",
    "openai": "openai:MODEL@URL",
    "python": "python:module:function",
    "planted": "planted:NAME",
    "ensemble": "ensemble:FOLDER of a duel, or ensemble:JUDGE,JUDGE",
    **{name: f"{name}:JUDGE" for name in AROUND_ONE},
    "file": "file:PATH.jsonl (.csv, .parquet)",
}


def list_names(what: What) -> list[tuple[str, str, str]]:
    """Name, summary and options of everything that can be named."""
    if what == "recipes":
        return [(recipe.name, recipe.means, "") for recipe in RECIPES.values()]
    tables: dict[str, Mapping[str, str]] = {"judges": NAMED, "attacks": ATTACKS, "corpora": CORPORA}
    rows = [(_ARGUMENTS.get(name, name), *_describe(lookup(tables[what], name, what))) for name in tables[what]]
    if what == "judges":
        rows += [("", f"planted:{name}: {_summary(hole)}", "") for name, hole in HOLES.items()]
    if what == "attacks":
        rows.append(("python:module:function", "A generator function of your own.", ""))
    if what == "corpora":
        rows += [("", f"family of arithmetic, {name}: {_summary(family)}", "") for name, family in FAMILIES.items()]
    return rows


def _describe(thing: Callable[..., Any]) -> tuple[str, str]:
    options = [
        f"{p.name}={p.default}" for p in inspect.signature(thing).parameters.values() if p.kind is p.KEYWORD_ONLY
    ]
    return _summary(thing), " ".join(options)


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n", 1)[0]


def render_names(what: What) -> Table:
    """The same as a table for the terminal."""
    also = "; behind JUDGE or URL ?option=value&option=value" if what == "judges" else ""
    table = Table("name", "what it is", f"options (name:option=value{also})")
    for row in list_names(what):
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    return table
