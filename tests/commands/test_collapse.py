"""`hoodwink collapse` on the command line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from calling import Call, assert_refused
from hoodwink.commands.options import LESSONS
from hoodwink.fuzz.collapse import Training

SMALL = ["--steps", "4", "--batch", "16", "--every", "2", "--length", "3", "--vocabulary", "32", "--gather", "4"]


def test_defaults_are_those_of_the_library() -> None:
    assert asdict(LESSONS) == asdict(Training())


def test_collapse_shows_a_curve_and_writes_a_report(call: Call, tmp_path: Path) -> None:
    command = ["collapse", "--judge", "planted:echo", *SMALL, "--out", "run"]
    code, out, err = call(*command)
    assert code == 0
    assert "did not collapse after 4 steps" in out
    assert out.splitlines()[-2:] == ["run     run", f"report  {Path('run/report.html')}"]
    assert "steps 4/4" in err
    assert call(*command)[1] == out
    code, shown, err = call("show", "run")
    assert (code, err) == (0, "")
    assert "did not collapse after 4 steps" in shown
    data = json.loads(call("show", "run", "--json")[1])
    assert (data["schema"], data["collapsed"]) == ("hoodwink.collapse/1", False)
    assert call("report", "run", "--to", "page.html")[1] == "page.html\n"
    assert (tmp_path / "page.html").read_bytes() == (tmp_path / "run/report.html").read_bytes()


def test_without_out_the_folder_is_named_after_the_run(call: Call, tmp_path: Path) -> None:
    assert call("collapse", "--judge", "planted:echo", *SMALL)[0] == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("collapse-planted-echo-arithmetic-")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--steps", "0"], "steps is 0"),
        (["--lr", "nan"], "lr is nan"),
        (["--judge", "refere"], "did you mean referee"),
        (["--corpus", "file:none.jsonl"], "none.jsonl"),
        (["--seed", "-1"], "seed is -1"),
        (["--problems", "0"], "problems is 0"),
        (["--exam", "-2"], "exam is -2"),
    ],
)
def test_bad_input_is_one_line(call: Call, options: list[str], said: str) -> None:
    judge = [] if "--judge" in options else ["--judge", "planted:echo"]
    assert_refused(call("collapse", *judge, "--out", "run", *options), said)


def test_a_judge_that_fails_is_code_3(call: Call, tmp_path: Path) -> None:
    (tmp_path / "broken_judge_of_collapse.py").write_text("def grade(response):\n    raise ValueError('no')\n")
    code, _, err = call("collapse", "--judge", "python:broken_judge_of_collapse:grade", *SMALL, "--out", "run")
    assert code == 3
    assert "raised ValueError: no" in err.splitlines()[-1]
