"""What docs/command-line.md shows is what is printed: its commands run, in order, in a folder with its file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hoodwink.commands.manual import EXIT_CODES

TEXT = (Path(__file__).parents[1] / "docs" / "command-line.md").read_text("utf-8")
SESSIONS = re.findall(r"```console\n(.*?)```", TEXT, re.S)
RUNS = [
    (command, output)
    for session in SESSIONS
    for command, output in re.findall(r"^\$ (.*?)\n(.*?)(?=^\$ |\Z)", session, re.S | re.M)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file that the page shows."""
    folder = tmp_path_factory.mktemp("docs")
    (content,) = re.findall(r"```toml\n(# hoodwink.toml\n.*?)```", TEXT, re.S)
    (folder / "hoodwink.toml").write_text(content, "utf-8")
    return folder


def test_the_commands_are_found() -> None:
    assert len(RUNS) == 5


@pytest.mark.parametrize(("command", "output"), RUNS, ids=lambda text: text.splitlines()[0][:50])
def test_it_prints_what_is_shown(folder: Path, command: str, output: str) -> None:
    as_typed = f'hoodwink() {{ "{sys.executable}" -m hoodwink "$@"; }}\n{command} 2>err; cat err'
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HOODWINK_")}
    done = subprocess.run(["bash", "-c", as_typed], cwd=folder, capture_output=True, text=True, env=clean, check=False)
    printed = [line.rstrip() for line in done.stdout.splitlines() if not line.startswith(("Judge ", "cells "))]
    assert printed == output.splitlines()


def test_its_exit_codes_are_those_of_help() -> None:
    assert re.findall(r"^\| (\d+) \|", TEXT, re.M) == [line.split()[0] for line in EXIT_CODES]
