"""`hoodwink survey`: what it prints and leaves, how it ends, and that it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from calling import SMALL as SMALL_ATTACK
from calling import Call, assert_refused
from hoodwink.fuzz.survey import folder_name

SMALL = [*SMALL_ATTACK[:4], "--attacks", "openers,repeat"]
BOTH = ["--judge", "planted:length", "--judge", "planted:trigger"]

FAILING = """
    def grade(response):
        raise RuntimeError("quota exceeded")
"""


def test_it_prints_the_table_and_says_where_things_are(call: Call, tmp_path: Path) -> None:
    result = call("survey", *BOTH, *SMALL, "--out", "run")
    assert result.code == 0, result.err
    assert result.out.endswith("survey  run\ntable   run/table.md\nreport  run/report.html\n")
    assert max(map(len, result.out.splitlines())) <= 120
    assert "│ planted:trigger" in result.out
    assert "planted:trigger done in" in result.err
    assert (tmp_path / "run" / "table.md").read_text("utf-8").count("`planted:trigger`") == 1
    assert (tmp_path / "run" / "report.html").read_text("utf-8").startswith("<!doctype html>")
    for name in BOTH[1::2]:
        assert call("show", f"run/{folder_name(name)}").code == 0
        assert call("report", f"run/{folder_name(name)}").code == 0


def test_show_and_report_read_what_it_left(call: Call) -> None:
    printed = call("survey", *BOTH, *SMALL, "--out", "run").out
    shown = call("show", "run")
    assert shown.code == 0
    assert printed.startswith(shown.out)
    assert call("report", "run", "--to", "page.html").out == "page.html\n"
    data = json.loads(call("show", "run", "--json").out)
    assert (data["schema"], len(data["judges"])) == ("hoodwink.survey/1", 2)
    assert json.loads(call("survey", *BOTH, *SMALL, "--out", "run", "--json").out) == data


def test_quiet_prints_the_folder_alone(call: Call) -> None:
    result = call("survey", *BOTH, *SMALL, "--out", "run", "--quiet")
    assert (result.code, result.out, result.err) == (0, "run\n", "")


def test_a_judge_that_fails_has_a_line_and_the_others_go_on(call: Call, module: Callable[[str], str]) -> None:
    judges = ["--judge", f"python:{module(FAILING)}:grade", "--judge", "planted:length"]
    result = call("survey", *judges, *SMALL, "--out", "run")
    assert result.code == 3
    assert "RuntimeError: quota exceeded" in " ".join(result.out.split())
    assert "│ planted:length" in result.out
    assert "Traceback" not in result.err


def test_judges_come_from_a_file_with_labels(call: Call, tmp_path: Path) -> None:
    (tmp_path / "judges.toml").write_text('[[judge]]\nname = "planted:length"\nlabel = "long texts"\n', "utf-8")
    result = call("survey", "--judges", "judges.toml", "--judge", "planted:trigger", *SMALL, "--out", "run")
    assert result.code == 0
    assert result.out.index("│ long texts") < result.out.index("│ planted:trigger")


def test_a_threshold_by_right_answers_is_that_of_every_judge(call: Call) -> None:
    result = call("survey", *BOTH, *SMALL, "--threshold", "95%", "--out", "run")
    assert result.code == 0, result.err
    assert "thresholds at which 95 % of right answers are accepted" in " ".join(result.out.split())
    assert json.loads(call("show", "run", "--json").out)["settings"]["acceptance"] == 0.95


def test_a_dry_run_writes_nothing(call: Call, tmp_path: Path) -> None:
    result = call("survey", *BOTH, *SMALL, "--dry-run", "--out", "run")
    assert result.code == 0
    assert "A survey of 2 judges" in result.out
    assert "Nothing was written." in result.out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no judge is given; write --judge NAME for each, or --judges FILE"),
        ([*BOTH, "--judge", "planted:length"], "judge planted:length is given 2 times"),
        ([*BOTH, "--judge", "planted:lenght"], "no planted judge is named 'lenght'"),
        ([*BOTH, "--judges", "none.txt"], "judges none.txt cannot be read"),
        ([*BOTH, "--threshold", "0.9"], "threshold '0.9' is no percentage; write 95%"),
        ([*BOTH, "--attacks", "gcg"], "no attack can be run on judge planted:length"),
    ],
)
def test_wrong_usage_gives_a_line_before_anything_is_asked(
    call: Call, tmp_path: Path, options: list[str], said: str
) -> None:
    assert_refused(call("survey", *SMALL[:4], *options, "--out", "run"), said)
    assert not (tmp_path / "run").exists()


def test_another_survey_in_the_folder_is_refused(call: Call) -> None:
    assert call("survey", *BOTH, *SMALL, "--out", "run").code == 0
    assert_refused(call("survey", *BOTH, *SMALL, "--seed", "1", "--out", "run"), "holds another run")
