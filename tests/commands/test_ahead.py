"""--dry-run and --quiet: what is said before a run begins, without asking, and a run that says where it is alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from calling import SMALL, Call

JUDGE = """
asked = 0
def grade(reference, response):
    global asked
    asked += 1
    return 0.9 if reference in response else 0.1
"""


def test_a_dry_run_asks_and_writes_nothing(call: Call, module: Callable[[str], str], tmp_path: Path) -> None:
    name = module(JUDGE)
    before = set(tmp_path.iterdir())
    tokens = [
        "attack",
        "--judge",
        f"python:{name}:grade",
        "--attacks",
        "none,random",
        "--problems",
        "5",
        "--budget",
        "30",
    ]
    result = call(*tokens, "--dry-run", "--price-per-1k", "2.5", "--out", "run")
    assert (result.code, result.err) == (0, "")
    assert "│ searches        │     300 │ 5 problems x 2 attacks x 1 seed x 30 queries" in result.out
    assert "--measure asks the judge a few known responses" in result.out
    assert "at 2.5 for 1,000 verdicts" in result.out
    assert sys.modules[name].asked == 0
    assert {p for p in tmp_path.iterdir() if p.name != "__pycache__"} == before


def test_a_measurement_asks_the_judge_and_says_how_long_it_would_take(call: Call, module: Callable[[str], str]) -> None:
    name = module(JUDGE)
    result = call("attack", "--judge", f"python:{name}:grade", *SMALL, "--dry-run", "--measure")
    assert result.code == 0
    assert "Time: at most about " in result.out
    assert sys.modules[name].asked == 33


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["duel", "--judge", "python:whackamole:judge", "--rounds", "2"], "fresh searches"),
        (["duel", "--judge", "python:whackamole:judge", "--recipe", "replay,keys"], "recipe keys"),
        (["collapse", "--judge", "planted:echo"], "lessons"),
    ],
)
def test_every_long_command_has_one(call: Call, tmp_path: Path, tokens: list[str], said: str) -> None:
    result = call(*tokens, "--dry-run", "--out", "run")
    assert (result.code, result.err) == (0, "")
    assert f"│ {said} " in result.out
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_refuses_what_the_run_would(call: Call) -> None:
    for tokens, said in (
        (["attack", "--judge", "refere"], "did you mean referee"),
        (["attack", "--judge", "planted:length", "--attacks", "gcg"], "attack gcg "),
        (["attack", "--judge", "planted:length", "--budget", "0"], "budget is 0"),
        (["duel", "--judge", "planted:length"], "cannot be retrained"),
        (["collapse", "--judge", "planted:echo", "--policy", "studnt"], "did you mean student"),
    ):
        result = call(*tokens, "--dry-run")
        assert (result.code, result.out) == (2, "")
        assert said in result.err


@pytest.mark.parametrize(
    "tokens",
    [
        ["attack", "--judge", "planted:length", "--attacks", "none,repeat", *SMALL],
        ["collapse", "--judge", "planted:echo", "--steps", "2", "--batch", "8", "--vocabulary", "32"],
        ["duel", "--judge", "python:whackamole:judge", "--rounds", "1", "--problems", "2", "--budget", "10"],
    ],
    ids=lambda tokens: tokens[0],
)
def test_quiet_prints_the_folder_alone(call: Call, tmp_path: Path, tokens: list[str]) -> None:
    result = call(*tokens, "--quiet", "--out", "run")
    assert (result.code, result.out, result.err) == (0, "run\n", "")
    assert (tmp_path / "run" / "report.html").exists()


def test_quiet_does_not_hide_errors(call: Call) -> None:
    result = call("attack", "--judge", "refere", "--quiet")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("hoodwink: no judge is named 'refere'")
