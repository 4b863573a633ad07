"""Help that a newcomer can work with, completion that shells can read, and colours that can be turned off."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Call, assert_refused
from hoodwink.cli import app
from hoodwink.commands.config import Files
from hoodwink.commands.manual import PAGES, paragraphs
from hoodwink.reports.names import render_names

COMMANDS = [name for name in app if not name.startswith("-")]
ESCAPE = "\x1b["


def shell(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Bash code in which `hoodwink` is the command."""
    command = f'hoodwink() {{ "{sys.executable}" -m hoodwink "$@"; }}\n'
    own = {**{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}, **environment}
    return subprocess.run(["bash", "-c", command + code], capture_output=True, text=True, env=own, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_what_a_manual_has(call: Call, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = call(command, "--help")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    for title in ("Examples", "Files", "Exit codes", "Environment"):
        assert title in lines
    assert any(line.startswith(f"  hoodwink {command}") or f"hoodwink {command} " in line for line in lines)
    for name in Files(app).options()[command]:
        assert f"--{name} " in result.out


def test_every_command_has_a_page_whose_examples_are_options_that_there_are() -> None:
    options = Files(app).options()
    assert set(PAGES) == set(COMMANDS)
    for page in PAGES.values():
        for example in page.examples:
            (command,) = re.findall(r"\bhoodwink ([a-z-]+)", example.split("#")[0])[:1]
            assert command in options
            assert set(re.findall(r" --([a-z0-9-]+)", example)) <= {*options[command], "config"}


def test_the_first_help_is_short_and_names_all_commands(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = call("--help").out
    assert all(f"│ {name} " in out for name in COMMANDS)
    assert len(out.splitlines()) < 70


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_knows_commands_and_options(call: Call, name: str) -> None:
    result = call("completion", name)
    assert (result.code, result.err) == (0, "")
    for word in ("attack", "show-config", "shrink-budget", "acclaim"):
        assert word in result.out


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_shells_can_read_it(call: Call, tmp_path: Path, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"no {name}")
    (tmp_path / "script").write_text(call("completion", name).out)
    done = subprocess.run([name, "-n", str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bash_completes_commands_options_and_choices(call: Call, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(call("completion", "bash").out)

    def completed(*words: str) -> list[str]:
        asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _hoodwink"
        done = shell(f"source {tmp_path / 'script'}; {asked}; " + 'printf "%s\\n" "${COMPREPLY[@]}"')
        assert done.stderr == ""
        return [word.strip() for word in done.stdout.splitlines()]

    assert completed("hoodwink", "at") == ["attack"]
    assert "--shrink-budget" in completed("hoodwink", "attack", "--shr")
    assert completed("hoodwink", "attack", "--goal", "acc") == ["accept", "acclaim"]


def test_an_unknown_shell_is_refused(call: Call) -> None:
    assert_refused(call("completion", "fsh"), '"fish"')


def test_colours_are_for_terminals_unless_forced(tmp_path: Path) -> None:
    command = "hoodwink list recipes"
    assert ESCAPE not in shell(command).stdout
    assert ESCAPE in shell(command, FORCE_COLOR="1").stdout
    assert "\x1b[3" not in shell(command, NO_COLOR="1", FORCE_COLOR="1").stdout


def on_a_terminal(command: str, columns: int, **environment: str) -> str:
    """What a command writes where standard output and error are a terminal of that width."""
    line = f"stty cols {columns}; {sys.executable} -m hoodwink {command}"
    own = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    done = subprocess.run(
        ["script", "-qec", line, os.devnull],
        capture_output=True,
        text=True,
        env={**own, "TERM": "xterm-256color", **environment},
        check=False,
    )
    assert done.returncode == 0
    return done.stdout


@pytest.mark.skipif(shutil.which("script") is None, reason="no script, which makes a terminal")
@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_has_its_own_width_and_no_colours_where_none_are_wanted(tmp_path: Path, columns: int) -> None:
    command = f"attack --judge planted:length --attacks none,repeat --problems 2 --budget 20 --out {tmp_path / 'run'}"
    plain = on_a_terminal(command, columns, NO_COLOR="1")
    assert re.search(r"\x1b\[[0-9;]*3\dm", plain) is None
    shown = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", line) for line in plain.split("\n")]
    tables = [line for line in shown if line[:1] in "┏│└"]
    assert tables
    assert max(map(len, tables)) <= columns


@pytest.mark.skipif(shutil.which("script") is None, reason="no script, which makes a terminal")
def test_a_terminal_has_colours_and_quiet_is_quiet_there(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = f"attack --judge planted:length --attacks none --problems 2 --budget 20 --quiet --out {out}"
    assert on_a_terminal(command, 80).replace("\r", "") == f"{out}\n"
    assert ESCAPE in on_a_terminal(f"show {out}", 80)


def test_forced_colours_bring_no_moving_bar_into_a_file(tmp_path: Path) -> None:
    command = f"hoodwink attack --judge planted:length --attacks none --problems 2 --budget 20 --out {tmp_path / 'run'}"
    done = shell(command, FORCE_COLOR="1")
    assert done.returncode == 0
    assert "\x1b[?25l" not in done.stderr
    assert "\r" not in done.stderr


def test_help_runs_to_the_width_of_the_terminal(call: Call) -> None:
    def check() -> None:
        """What it is.

        A line that ends
        where its file does.
        """

    assert paragraphs(check) == "What it is.\n\nA line that ends where its file does."
    assert "orders, and writes nothing." in " ".join(call("check", "--help").out.split())


def test_the_list_of_judges_says_how_options_are_written_behind_a_judge() -> None:
    assert "?option=value&option=value" in render_names("judges").columns[2].header
    assert render_names("attacks").columns[2].header == "options (name:option=value)"
