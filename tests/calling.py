"""The command line as a test calls it: what comes back, and what a refusal looks like.

`tests/conftest.py` loads this file under its own name and has the fixture `call`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hoodwink.cli import run

#: Small settings of an attack on a planted judge: a quarter of a second.
SMALL = ["--problems", "3", "--budget", "30", "--shrink-budget", "30"]


class Result(NamedTuple):
    """What a command did: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


Call = Callable[..., Result]


def caller(read: Callable[[], tuple[str, str]]) -> Call:
    """Calls the command with tokens of any kind; `read` gives what was written since it was last asked."""

    def call(*tokens: object) -> Result:
        code = run([str(t) for t in tokens])
        return Result(code, *read())

    return call


def assert_fails(result: Result, code: int, *parts: str) -> None:
    """It failed with that code, said why in its last line, which holds all the parts, and printed no result."""
    assert result.code == code, result.err
    lines = result.err.splitlines()
    last = lines[-1]
    assert last.startswith("hoodwink: ")
    assert "Traceback" not in result.err
    assert [part for part in parts if part not in last] == [], last
    assert [line for line in lines if line.startswith("hoodwink: ")] == [last]
    assert result.out == ""


def assert_refused(result: Result, *parts: str) -> None:
    """Wrong usage: one line that holds all the parts, and nothing else."""
    assert_fails(result, 2, *parts)
    assert len(result.err.splitlines()) == 1


def user_module(folder: Path, name: str, code: str) -> str:
    """Write a user's module under a name of its own, since modules are imported once, and give that name."""
    name = f"user_{abs(hash(name)) % 10**10}"
    (folder / f"{name}.py").write_text(textwrap.dedent(code), "utf-8")
    return name
