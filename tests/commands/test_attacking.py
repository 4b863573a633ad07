"""What attack, check, show, report and list print and leave, and their JSON."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from calling import SMALL, Call


def test_attack_prints_table_and_files(call: Call, tmp_path: Path) -> None:
    result = call("attack", "--judge", "planted:length", "--attacks", "none,repeat", *SMALL, "--out", "run")
    assert result.code == 0
    assert "│ repeat │ 3 of 3 │ 100% │" in result.out
    assert result.out.splitlines()[-3:] == [
        "run     run",
        f"finds   {Path('run/finds.jsonl')}",
        f"report  {Path('run/report.html')}",
    ]
    assert result.err.splitlines()[0].startswith("Judge planted:length on ")
    assert "searches 6/6" in result.err
    held = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"config.json", "run.db", "finds.jsonl", "report.html"} <= held
    assert not any(name.endswith(".part") for name in held)
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


def test_attack_without_out_writes_below_runs(call: Call, tmp_path: Path) -> None:
    result = call("attack", "--judge", "planted:trigger", "--attacks", "openers", *SMALL)
    assert result.code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("planted-trigger-arithmetic-")
    assert f"run     {Path('runs') / folder.name}\n" in result.out


def test_the_same_command_again_asks_nothing_and_says_the_same(call: Call, module: Any) -> None:
    name = module(
        """
        calls = 0
        def grade(reference, response):
            global calls
            calls += 1
            return 0.9 if reference in response else 0.8 if "e" in response.lower() else 0.1
        """
    )
    command = ["attack", "--judge", f"python:{name}:grade", "--attacks", "openers,random", *SMALL, "--out", "run"]
    first = call(*command)
    asked = sys.modules[name].calls
    again = call(*command)
    assert (first.code, again.code) == (0, 0)
    assert asked > 0
    assert sys.modules[name].calls == asked
    assert again.out == first.out


def test_show_prints_what_attack_printed(call: Call, finished: Path) -> None:
    result = call("show", finished)
    assert result.code == 0
    assert result.err == ""
    assert "│ repeat │ 3 of 3 │ 100% │" in result.out


def test_json_of_a_run(call: Call, finished: Path) -> None:
    result = call("show", finished, "--json")
    assert (result.code, result.err) == (0, "")
    assert result.out.isascii()
    data = json.loads(result.out)
    assert list(data) == [
        "schema",
        "complete",
        "judge",
        "settings",
        "versions",
        "baseline",
        "attacks",
        "strings",
        "finds",
        "diversity",
        "scores",
        "used",
        "noted",
    ]
    assert data["schema"] == "hoodwink.run/1"
    assert {"name", "clean_accuracy", "auroc", "threshold"} <= set(data["judge"])
    assert data["judge"]["name"] == "planted:length"
    assert [a["name"] for a in data["attacks"]] == ["none", "repeat", "random"]
    attack = data["attacks"][1]
    assert list(attack) == [
        "name", "problems", "excluded", "fooled", "acclaimed", "asr", "asr_ci", "kinds", "nonsense", "nonsense_ci",
        "queries_median", "queries_total", "learning", "verdicts", "seconds", "failed", "curve", "band", "unread",
        "outcomes",
    ]  # fmt: skip
    assert (attack["problems"], attack["fooled"], attack["asr"]) == (3, 3, 1.0)
    assert isinstance(attack["asr_ci"], list)
    assert data["finds"] == len((finished / "finds.jsonl").read_text("utf-8").splitlines())


def test_report_is_made_again_from_the_folder_alone(call: Call, finished: Path) -> None:
    result = call("report", finished, "--to", "page.html")
    assert (result.code, result.out, result.err) == (0, "page.html\n", "")
    assert Path("page.html").read_bytes() == (finished / "report.html").read_bytes()


def test_check(call: Call, tmp_path: Path) -> None:
    result = call("check", "--judge", "planted:echo", "--problems", "4")
    assert (result.code, result.err) == (0, "")
    assert "Judge planted:echo on " in result.out
    for line in ("its own threshold, 0.5", "95 % of right answers, 0.9975", "AUROC 1.000", "in batches of 3", "ECE 0."):
        assert line in result.out
    assert list(tmp_path.iterdir()) == []


def test_json_of_a_check(call: Call) -> None:
    result = call("check", "--judge", "planted:echo", "--problems", "4", "--json")
    data = json.loads(result.out)
    assert list(data) == [
        "schema", "judge", "threshold", "quality", "flipped", "drift", "proved", "rejected_baseline", "flags",
        "calibration", "calibrated", "repeats",
    ]  # fmt: skip
    assert data["calibration"]["acceptance"] == 0.95
    assert data["calibration"]["answers"] == data["calibration"]["accepted"] >= 40
    assert len(data["calibrated"]["right_accepted_ci"]) == 2
    assert (data["schema"], data["judge"], data["threshold"]) == ("hoodwink.checks/2", "planted:echo", 0.5)
    assert data["quality"]["clean_accuracy"] == 1.0
    assert len(data["rejected_baseline"]) == 4


def test_a_check_shows_what_stands_around_a_judge_and_what_it_costs(call: Call) -> None:
    judge = "smooth:(length:planted:length?most=40)?copies=3"
    result = call("check", "--judge", judge, "--problems", "4")
    assert (result.code, result.err) == (0, "")
    assert "What stands around it costs" in result.out
    places = [result.out.rindex(f"│ {name} ") for name in ("planted:length", "length:planted:length?most=40", judge)]
    assert places == sorted(places), "the innermost first"
    assert re.search(r"Right answers accepted: −\d\d\.\d points against planted:length\.", result.out)
    assert "length:planted:length?most=40 refused: worked 100.0% of 4" in result.out
    data = json.loads(call("check", "--judge", judge, "--problems", "4", "--json").out)
    assert [(layer["name"], layer["depth"]) for layer in data["layers"]] == [
        (judge, 0), ("length:planted:length?most=40", 1), ("planted:length", 2),
    ]  # fmt: skip
    assert data["layers"][0]["quality"]["right_accepted"] == data["quality"]["right_accepted"]


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("judges", ["referee", "smollm2", "hf:ORG/MODEL", "python:module:function", "planted:NAME"]),
        ("attacks", ["none", "openers", "repeat", "random", "chars", "nearmiss", "words", "injection"]),
        ("corpora", ["arithmetic", "file:PATH.jsonl"]),
    ],
)
def test_list(call: Call, what: str, names: list[str]) -> None:
    result = call("list", what)
    assert (result.code, result.err) == (0, "")
    for name in names:
        assert name in result.out


def test_help_and_version(call: Call) -> None:
    for tokens in ([], ["--help"]):
        result = call(*tokens)
        assert (result.code, result.err) == (0, "")
        assert all(f"│ {name} " in result.out for name in ("attack", "check", "list", "report", "show", "train"))
    result = call("attack", "--help")
    assert "--shrink-budget" in result.out
    from hoodwink import __version__

    assert call("--version").out == f"{__version__}\n"
