"""What tests of commands share: a finished run, and modules of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calling import SMALL, user_module
from hoodwink.cli import run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, to be copied before it is damaged."""
    out = tmp_path_factory.mktemp("cli") / "run"
    assert (
        run(["attack", "--judge", "planted:length", "--attacks", "none,repeat,random", *SMALL, "--out", f"{out}"]) == 0
    )
    return out


@pytest.fixture
def module(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Writes a user's module and gives the name that it has."""
    return lambda code: user_module(tmp_path, request.node.name, code)
