"""`hoodwink transfer`, and thresholds that are shares of right answers, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import SMALL, Call, assert_refused


@pytest.fixture
def run(call: Call, tmp_path: Path) -> Path:
    call("attack", "--judge", "planted:trigger", "--attacks", "openers", *SMALL, "--out", tmp_path / "run")
    return tmp_path / "run"


def test_the_matrix(call: Call, run: Path) -> None:
    result = call("transfer", run, "--judge", "planted:slope", "--judge", "planted:length", "--out", "moved")
    assert result.code == 0
    for shown in ("planted:slope", "A (own)", "problems fooled", "run     moved", "report  moved"):
        assert shown in result.out
    assert "judge planted:length: " in result.err
    assert (Path("moved") / "report.html").is_file()
    again = call("transfer", run, "--judge", "planted:slope", "--judge", "planted:length", "--out", "moved", "--json")
    data = json.loads(again.out)
    assert (data["schema"], data["complete"]) == ("hoodwink.transfer/1", True)
    assert "judge planted:length: 0 verdicts asked" in again.err
    shown = call("show", "moved", "--json")
    assert json.loads(shown.out) == data
    assert call("transfer", run, "--judge", "planted:slope", "--out", "other", "--quiet").out == "other\n"


def test_it_lies_beside_the_run(call: Call, run: Path) -> None:
    result = call("transfer", run, "--judge", "planted:slope")
    (folder,) = run.parent.glob("run-transfer-*")
    assert str(folder) in result.out


def test_what_cannot_be_replayed_is_one_line(call: Call, run: Path) -> None:
    assert_refused(call("transfer", "none"), "no run in none")
    assert_refused(call("transfer", run, "--judge", "planted:slop"), "slope")
    assert_refused(call("transfer", run, "--threshold", "195%"), "threshold", "95%")


def test_a_share_of_right_answers(call: Call, tmp_path: Path) -> None:
    result = call(
        "attack", "--judge", "planted:trigger", "--attacks", "openers", *SMALL, "--threshold", "95%", "--out", "run"
    )
    assert result.code == 0
    assert "was fixed to accept 95 % of 200 right answers to" in result.err
    assert "Unattacked, at threshold 0.9975: right answers accepted 100.0%" in result.out
    data = json.loads(call("show", "run", "--json").out)
    assert data["judge"]["calibration"]["acceptance"] == 0.95
    ahead = call("attack", "--judge", "planted:trigger", *SMALL, "--threshold", "95%", "--dry-run")
    assert "fixing the threshold" in ahead.out
    check = call("check", "--judge", "planted:trigger", "--problems", "3", "--threshold", "90 %")
    assert "90 % of right answers, 0.9975" in check.out


def test_a_share_from_a_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('threshold = "90%"\n')
    check = call("check", "--judge", "planted:trigger", "--problems", "3", "--config", "settings.toml")
    assert "90 % of right answers" in check.out
    (tmp_path / "settings.toml").write_text("threshold = 0.7\n")
    refused = call("check", "--judge", "planted:trigger", "--problems", "3", "--config", "settings.toml")
    assert_refused(refused, "takes no options")


def test_a_share_is_for_commands_that_fix_one(call: Call) -> None:
    assert_refused(call("duel", "--judge", "smollm2", "--threshold", "95%"), "attack, check and transfer")
