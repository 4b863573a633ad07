"""Wrong usage is one clear line: names, numbers, options, problem files, folders of runs."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from calling import SMALL, Call, assert_refused

# Names, numbers and options


ATTACK = ["attack", "--judge", "planted:length", "--out", "run"]


@pytest.mark.parametrize(
    ("tokens", "parts"),
    [
        (["attack", "--judge", "refere"], ["no judge is named 'refere'", "did you mean referee"]),
        (["attack", "--judge", "planted:lenght"], ["no planted judge is named 'lenght'", "did you mean length?"]),
        (["attack", "--judge", "planted"], ["judge 'planted' is incomplete", "planted:NAME"]),
        (["attack", "--judge", "python:nowhere_at_all:f"], ["judge module 'nowhere_at_all' cannot be imported"]),
        (["attack", "--judge", "python:math:sqroot"], ["sqroot", "did you mean sqrt"]),
        (["attack", "--judge", "planted:length:x=1"], ["planted takes no options, got 'x'"]),
        ([*ATTACK, "--attacks", "rnadom"], ["no attack is named 'rnadom'", "did you mean random?"]),
        ([*ATTACK, "--attacks", "zzz"], ["no attack is named 'zzz'", "known: anneal, auto, ", ", random, repeat"]),
        (
            [*ATTACK, "--attacks", "random:lenght=3"],
            ["no option of attack random is named 'lenght'", "did you mean length"],
        ),
        ([*ATTACK, "--attacks", "random:length=x"], ["length=x is not valid", "int"]),
        ([*ATTACK, "--attacks", "random:length=0"], ["length=0 is out of range"]),
        ([*ATTACK, "--attacks", "random:length"], ["'length' of 'random:length' is not key=value"]),
        ([*ATTACK, "--attacks", ","], ["name at least one"]),
        ([*ATTACK, "--attacks", "random,random"], ["each once"]),
        ([*ATTACK, "--attacks", "python:math:sqrt"], ["is not a generator function"]),
        ([*ATTACK, "--corpus", "arithmetik"], ["no corpus is named 'arithmetik'", "did you mean arithmetic?"]),
        ([*ATTACK, "--corpus", "arithmetic:families=clok"], ["no family is named 'clok'", "clock"]),
        ([*ATTACK, "--corpus", "file:"], ["needs a path"]),
        ([*ATTACK, "--corpus", "file:none.jsonl"], ["corpus none.jsonl cannot be read: No such file or directory"]),
        ([*ATTACK, "--corpus", "file:none.txt"], ["ends in '.txt'", ".jsonl"]),
        ([*ATTACK, "--budget", "0"], ["budget is 0; write a whole number of at least 1"]),
        ([*ATTACK, "--shrink-budget=-1"], ["shrink_budget is -1; write a whole number of at least 0"]),
        ([*ATTACK, "--seeds", "0"], ["seeds is 0"]),
        ([*ATTACK, "--seed=-1"], ["seed is -1; write a whole number of at least 0"]),
        ([*ATTACK, "--problems", "0"], ["problems is 0"]),
        (["check", "--judge", "planted:length", "--problems", "0"], ["problems is 0"]),
        (["check", "--judge", "planted:length", "--seed=-1"], ["seed is -1; write a whole number of at least 0"]),
        ([*ATTACK, "--budget", "many"], ["--budget", '"many"', "int"]),
        ([*ATTACK, "--goal", "win"], ["--goal", '"win"', "acclaim"]),
        ([*ATTACK, "--bugdet", "3"], ["Unknown option", "--bugdet", "--budget"]),
        (["attakc"], ["attakc", "attack"]),
        (["list", "jugdes"], ["jugdes", "judges"]),
        (["show"], ["show", "requires an argument"]),
    ],
    ids=lambda value: " ".join(value)[-40:],
)
def test_bad_usage(call: Call, tokens: list[str], parts: list[str], tmp_path: Path) -> None:
    result = call(*tokens)
    assert_refused(result, *parts)
    assert not (tmp_path / "run").exists()


# Files that cannot be read


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.jsonl", '{"question": "q", "reference": "1"}\n{"question": "q"', ["a.jsonl line 2", "not JSON"]),
        (
            "b.jsonl",
            '{"question": "q", "reference": "1"}\n\n{"question": "q"}',
            ["b.jsonl line 3", "'reference' is missing"],
        ),
        ("c.jsonl", '{"question": ["q"], "reference": "1"}', ["c.jsonl line 1", "'question'", "write a text"]),
        ("d.jsonl", '{"question": "q", "reference": "1", "wrong": [{}]}', ["d.jsonl line 1", "'wrong'"]),
        ("e.jsonl", '{"question": "q", "reference": "\\ud800"}', ["e.jsonl line 1", "'reference'", "surrogate"]),
        ("f.jsonl", "[1]", ["f.jsonl line 1", "list instead of an object"]),
        ("g.jsonl", "", ["g.jsonl holds no problems"]),
        ("h.csv", "question,reference\nq,1,2\n", ["h.csv line 2", "more fields than the header"]),
        ("i.jsonl", '{"question": "\x1b[31m", "reference": ""}'.replace("\x1b", "\\u001b"), ["line 1", "'reference'"]),
    ],
)
def test_bad_corpus(call: Call, name: str, content: str, parts: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    result = call(*ATTACK, "--corpus", f"file:{name}")
    assert_refused(result, *parts)


def test_corpus_that_is_no_text(call: Call, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"\xff\xfe\x00")
    assert_refused(call(*ATTACK, "--corpus", "file:x.jsonl"), "corpus x.jsonl cannot be read")


def garbage(folder: Path) -> None:
    (folder / "run.db").write_bytes(b"not a database at all" * 100)


def half_database(folder: Path) -> None:
    data = (folder / "run.db").read_bytes()
    (folder / "run.db").write_bytes(data[: len(data) // 2])


def bad_value(folder: Path) -> None:
    db = sqlite3.connect(folder / "run.db")
    db.execute("UPDATE meta SET value = '{' WHERE key = 'checks'")
    db.commit()
    db.close()


@pytest.mark.parametrize("command", ["show", "report"])
@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (garbage, ["is damaged", "run.db"]),
        (half_database, ["is damaged"]),
        (lambda folder: (folder / "run.db").unlink(), ["no run in", "run.db is missing"]),
        (lambda folder: (folder / "config.json").unlink(), ["no run in", "config.json"]),
        (lambda folder: (folder / "config.json").write_text('{"identity": {"jud'), ["is damaged", "config.json"]),
        (lambda folder: (folder / "config.json").write_text("[]"), ["is damaged", "config.json"]),
        (lambda folder: (folder / "config.json").write_text('{"identity": {}}'), ["is damaged"]),
        (lambda folder: (folder / "config.json").write_bytes(b"\xff\xff"), ["is damaged", "config.json"]),
        (bad_value, ["is damaged"]),
    ],
    ids=["garbage", "half", "no-db", "no-config", "cut-config", "list", "no-identity", "no-text", "bad-value"],
)
def test_damaged_runs(call: Call, finished: Path, tmp_path: Path, command: str, damage: Any, parts: list[str]) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    damage(tmp_path / "copy")
    result = call(command, "copy")
    assert_refused(result, *parts)


@pytest.mark.parametrize("command", ["show", "report"])
def test_not_a_run(call: Call, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for place in ("nowhere", "empty", "file"):
        result = call(command, place)
        assert_refused(result, f"no run in {place}", "give the folder of a run")


def test_attack_does_not_touch_a_damaged_run(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    garbage(tmp_path / "run")
    before = (tmp_path / "run" / "run.db").read_bytes()
    result = call(*ATTACK, *SMALL)
    assert_refused(result, "run run is damaged: run.db", "use another folder")
    assert (tmp_path / "run" / "run.db").read_bytes() == before


@pytest.mark.parametrize("place", ["file/run", "/proc/hoodwink-test"])
def test_folders_that_cannot_be_written(call: Call, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    result = call("attack", "--judge", "planted:length", *SMALL, "--out", place)
    assert_refused(result, f"cannot write to {place}", "choose another folder with --out")


def test_report_to_where_nothing_can_be_written(call: Call, finished: Path) -> None:
    result = call("report", finished, "--to", "no/such/page.html")
    assert_refused(result, "cannot write the report to no/such/page.html", "--to")


def test_a_folder_with_another_run(call: Call, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    before = (tmp_path / "run" / "config.json").read_text()
    result = call(*ATTACK, "--attacks", "none,repeat,random", *SMALL, "--seed", "7")
    assert_refused(result, "folder run holds another run", "seed 0 there, 7 now", "use another --out")
    assert (tmp_path / "run" / "config.json").read_text() == before
