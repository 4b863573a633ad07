"""The command line: what it prints, its JSON, its exit codes, and one clear line for everything that can go wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hoodwink.cli import main
from hoodwink.cli import run as cli

HOSTILE: list[str] = json.loads((Path(__file__).parent / "hostile.json").read_text("utf-8"))

#: Small settings of an attack on a planted judge: a quarter of a second.
SMALL = ["--problems", "3", "--budget", "30", "--shrink-budget", "30"]


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def hoodwink(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """The command, called in a folder of its own, so that user modules and `runs/` are there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def call(*tokens: object) -> Result:
        code = cli([str(t) for t in tokens])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, to be copied before it is damaged."""
    out = tmp_path_factory.mktemp("cli") / "run"
    assert (
        cli(["attack", "--judge", "planted:length", "--attacks", "none,repeat,random", *SMALL, "--out", str(out)]) == 0
    )
    return out


@pytest.fixture
def module(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Writes a user's module, under a name of its own since modules are imported once, and gives that name."""

    def write(code: str) -> str:
        name = f"user_{abs(hash(request.node.name)) % 10**10}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code), "utf-8")
        return name

    return write


def assert_fails(result: Result, code: int, *parts: str) -> None:
    """It failed with that code, wrote one line on standard error that holds all the parts, and nothing else."""
    assert result.code == code, result.err
    lines = result.err.splitlines()
    last = lines[-1]
    assert last.startswith("hoodwink: ")
    assert "Traceback" not in result.err
    for part in parts:
        assert part in last
    assert [line for line in lines if line.startswith("hoodwink: ")] == [last]
    assert result.out == ""


def assert_only_line(result: Result) -> None:
    assert len(result.err.splitlines()) == 1


# What works


def test_attack_prints_table_and_files(hoodwink: Callable[..., Result], tmp_path: Path) -> None:
    result = hoodwink("attack", "--judge", "planted:length", "--attacks", "none,repeat", *SMALL, "--out", "run")
    assert result.code == 0
    assert "│ repeat │ 3 of 3 │ 100% │" in result.out
    assert result.out.splitlines()[-3:] == [
        "run     run",
        f"finds   {Path('run/finds.jsonl')}",
        f"report  {Path('run/report.html')}",
    ]
    assert result.err.splitlines()[0].startswith("Judge planted:length on ")
    assert "cells 6/6" in result.err
    held = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"config.json", "run.db", "finds.jsonl", "report.html"} <= held
    assert not any(name.endswith(".part") for name in held)
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


def test_attack_without_out_writes_below_runs(hoodwink: Callable[..., Result], tmp_path: Path) -> None:
    result = hoodwink("attack", "--judge", "planted:trigger", "--attacks", "openers", *SMALL)
    assert result.code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("planted-trigger-arithmetic-")
    assert f"run     {Path('runs') / folder.name}\n" in result.out


def test_the_same_command_again_asks_nothing_and_says_the_same(hoodwink: Callable[..., Result], module: Any) -> None:
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
    first = hoodwink(*command)
    asked = sys.modules[name].calls
    again = hoodwink(*command)
    assert (first.code, again.code) == (0, 0)
    assert asked > 0
    assert sys.modules[name].calls == asked
    assert again.out == first.out


def test_show_prints_what_attack_printed(hoodwink: Callable[..., Result], finished: Path) -> None:
    result = hoodwink("show", finished)
    assert result.code == 0
    assert result.err == ""
    assert "│ repeat │ 3 of 3 │ 100% │" in result.out


def test_json_of_a_run(hoodwink: Callable[..., Result], finished: Path) -> None:
    result = hoodwink("show", finished, "--json")
    assert (result.code, result.err) == (0, "")
    assert result.out.isascii()
    data = json.loads(result.out)
    assert list(data) == [
        "schema",
        "complete",
        "judge",
        "settings",
        "versions",
        "attacks",
        "strings",
        "finds",
        "diversity",
        "scores",
    ]
    assert data["schema"] == "hoodwink.run/1"
    assert {"name", "clean_accuracy", "auroc", "threshold"} <= set(data["judge"])
    assert data["judge"]["name"] == "planted:length"
    assert [a["name"] for a in data["attacks"]] == ["none", "repeat", "random"]
    attack = data["attacks"][1]
    assert list(attack) == [
        "name", "problems", "excluded", "fooled", "acclaimed", "asr", "asr_ci", "kinds", "nonsense", "nonsense_ci",
        "queries_median", "queries_total", "learning", "verdicts", "seconds", "failed", "curve", "band",
    ]  # fmt: skip
    assert (attack["problems"], attack["fooled"], attack["asr"]) == (3, 3, 1.0)
    assert isinstance(attack["asr_ci"], list)
    assert data["finds"] == len((finished / "finds.jsonl").read_text("utf-8").splitlines())


def test_report_is_made_again_from_the_folder_alone(hoodwink: Callable[..., Result], finished: Path) -> None:
    result = hoodwink("report", finished, "--to", "page.html")
    assert (result.code, result.out, result.err) == (0, "page.html\n", "")
    assert Path("page.html").read_bytes() == (finished / "report.html").read_bytes()


def test_check(hoodwink: Callable[..., Result], tmp_path: Path) -> None:
    result = hoodwink("check", "--judge", "planted:echo", "--problems", "4")
    assert (result.code, result.err) == (0, "")
    assert "Judge planted:echo on " in result.out
    assert "clean accuracy 100.0%, AUROC 1.000" in result.out
    assert list(tmp_path.iterdir()) == []


def test_json_of_a_check(hoodwink: Callable[..., Result]) -> None:
    result = hoodwink("check", "--judge", "planted:echo", "--problems", "4", "--json")
    data = json.loads(result.out)
    assert list(data) == [
        "schema", "judge", "threshold", "quality", "flipped", "drift", "proved", "rejected_baseline", "flags",
    ]  # fmt: skip
    assert (data["schema"], data["judge"], data["threshold"]) == ("hoodwink.checks/1", "planted:echo", 0.5)
    assert data["quality"]["clean_accuracy"] == 1.0
    assert len(data["rejected_baseline"]) == 4


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("judges", ["referee", "smollm2", "hf:ORG/MODEL", "python:module:function", "planted:NAME"]),
        ("attacks", ["none", "openers", "repeat", "random", "chars", "nearmiss", "words", "injection"]),
        ("corpora", ["arithmetic", "file:PATH.jsonl"]),
    ],
)
def test_list(hoodwink: Callable[..., Result], what: str, names: list[str]) -> None:
    result = hoodwink("list", what)
    assert (result.code, result.err) == (0, "")
    for name in names:
        assert name in result.out


def test_help_and_version(hoodwink: Callable[..., Result]) -> None:
    for tokens in ([], ["--help"]):
        result = hoodwink(*tokens)
        assert (result.code, result.err) == (0, "")
        assert all(f"│ {name} " in result.out for name in ("attack", "check", "list", "report", "show", "train"))
    result = hoodwink("attack", "--help")
    assert "--shrink-budget" in result.out
    from hoodwink import __version__

    assert hoodwink("--version").out == f"{__version__}\n"


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
def test_bad_usage(hoodwink: Callable[..., Result], tokens: list[str], parts: list[str], tmp_path: Path) -> None:
    result = hoodwink(*tokens)
    assert_fails(result, 2, *parts)
    assert_only_line(result)
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
def test_bad_corpus(hoodwink: Callable[..., Result], name: str, content: str, parts: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    result = hoodwink(*ATTACK, "--corpus", f"file:{name}")
    assert_fails(result, 2, *parts)
    assert_only_line(result)


def test_corpus_that_is_no_text(hoodwink: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"\xff\xfe\x00")
    assert_fails(hoodwink(*ATTACK, "--corpus", "file:x.jsonl"), 2, "corpus x.jsonl cannot be read")


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
def test_damaged_runs(
    hoodwink: Callable[..., Result], finished: Path, tmp_path: Path, command: str, damage: Any, parts: list[str]
) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    damage(tmp_path / "copy")
    result = hoodwink(command, "copy")
    assert_fails(result, 2, *parts)
    assert_only_line(result)


@pytest.mark.parametrize("command", ["show", "report"])
def test_not_a_run(hoodwink: Callable[..., Result], tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for place in ("nowhere", "empty", "file"):
        result = hoodwink(command, place)
        assert_fails(result, 2, f"no run in {place}", "give the folder of a run")
        assert_only_line(result)


def test_attack_does_not_touch_a_damaged_run(hoodwink: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    garbage(tmp_path / "run")
    before = (tmp_path / "run" / "run.db").read_bytes()
    result = hoodwink(*ATTACK, *SMALL)
    assert_fails(result, 2, "run run is damaged: run.db", "use another folder")
    assert (tmp_path / "run" / "run.db").read_bytes() == before


@pytest.mark.parametrize("place", ["file/run", "/proc/hoodwink-test"])
def test_folders_that_cannot_be_written(hoodwink: Callable[..., Result], tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    result = hoodwink("attack", "--judge", "planted:length", *SMALL, "--out", place)
    assert_fails(result, 2, f"cannot write to {place}", "choose another folder with --out")
    assert_only_line(result)


def test_report_to_where_nothing_can_be_written(hoodwink: Callable[..., Result], finished: Path) -> None:
    result = hoodwink("report", finished, "--to", "no/such/page.html")
    assert_fails(result, 2, "cannot write the report to no/such/page.html", "--to")


def test_a_folder_with_another_run(hoodwink: Callable[..., Result], finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    before = (tmp_path / "run" / "config.json").read_text()
    result = hoodwink(*ATTACK, "--attacks", "none,repeat,random", *SMALL, "--seed", "7")
    assert_fails(result, 2, "folder run holds another run", "seed 0 there, 7 now", "use another --out")
    assert (tmp_path / "run" / "config.json").read_text() == before


def test_a_full_disk(hoodwink: Callable[..., Result], tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: a write fails half way, in one line, and is resumable."""
    resource = pytest.importorskip("resource")
    command = [*ATTACK, "--attacks", "random", "--problems", "5", "--budget", "200"]
    child = os.fork()
    if child == 0:  # the limit cannot be taken back, so it is a child's
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        result = hoodwink(*command)
        small = json.dumps([result.code, result.out, result.err])
        (tmp_path / "result").write_text(small)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    result = Result(*json.loads((tmp_path / "result").read_text()))
    assert_fails(result, 3, "run.db", "the same command goes on from here")
    result = hoodwink(*command)
    assert result.code == 0
    assert "replayed" in result.err


# Judges and attacks that fail


OBJECT = """
from hoodwink import Verdict
class grade:
    name, fingerprint = "own", "1"
    def score(self, items):
        return [{verdict} for item in items]
"""

VERDICT = "from hoodwink import Verdict\nnan = float('nan')\ndef grade(response): return Verdict({})"

FAILING_JUDGES = {
    "raises": ("def grade(response): raise RuntimeError('no\\nluck')", ["raised RuntimeError: no"]),
    "hostile": ("def grade(response): raise OSError('\\x1b[31m[red]:smile:\\u202e')", [r"\x1b[31m[red]:smile:\u202e"]),
    "nan": ("def grade(response): return float('nan')", ["nan", "scores lie in [0, 1]"]),
    "range": ("def grade(response): return 1.5", ["1.5", "scores lie in [0, 1]"]),
    "text": ("def grade(response): return 'yes'", ["'yes'", "return a score in [0, 1], a bool or None"]),
    "short": ("def grade(items): return [0.5]", ["returned 1 verdicts for", "one each"]),
    "none": ("def grade(items): return None", ["NoneType"]),
    "floats": (OBJECT.format(verdict="0.5"), ["judge own returned float, not a Verdict"]),
    "text-score": (VERDICT.format("'0.5', 0.0, True"), ["score '0.5'", "write a float"]),
    "infinite": (VERDICT.format("0.5, float('inf'), True"), ["margin inf", "margins are finite"]),
    "unread-nan": (VERDICT.format("nan, nan, False, parsed=False"), ["score nan"]),
    "surrogate": (VERDICT.format("0.5, 0.0, True, text='\\ud800'"), [r"text '\ud800'", "valid Unicode"]),
    "pieces": (
        OBJECT.format(verdict="Verdict(0.1, -2.0, False)") + "    def pieces(self): raise ValueError('none here')",
        ["judge own raised ValueError in pieces(): none here"],
    ),
}


@pytest.mark.parametrize(("code", "parts"), FAILING_JUDGES.values(), ids=FAILING_JUDGES)
def test_judges_that_fail(hoodwink: Callable[..., Result], module: Any, code: str, parts: list[str]) -> None:
    result = hoodwink("attack", "--judge", f"python:{module(code)}:grade", *SMALL, "--out", "run")
    assert_fails(result, 3, "judge ", *parts)


def test_a_judge_that_fails_half_way_goes_on_when_repaired(hoodwink: Callable[..., Result], module: Any) -> None:
    name = module(
        """
        from pathlib import Path
        seen = []
        def grade(reference, response):
            if len(seen) >= 130 and not Path("repaired").exists():
                raise ConnectionError("gone")
            seen.append(response)
            return 0.9 if reference in response else 0.1
        """
    )
    command = ["attack", "--judge", f"python:{name}:grade", "--attacks", "openers,random", *SMALL, "--out", "run"]
    result = hoodwink(*command)
    assert_fails(result, 3, "raised ConnectionError: gone")
    db = sqlite3.connect("run/run.db")
    kept = {row[0]: row[1:] for row in db.execute("SELECT id, response, score, margin FROM verdicts")}
    db.close()
    seen = sys.modules[name].seen
    assert 0 < len(kept) <= len(seen) == 130
    assert json.loads(hoodwink("show", "run", "--json").out)["complete"] is False
    Path("repaired").write_text("")
    seen.clear()
    result = hoodwink(*command)
    assert result.code == 0
    db = sqlite3.connect("run/run.db")
    after = {row[0]: row[1:] for row in db.execute("SELECT id, response, score, margin FROM verdicts")}
    db.close()
    assert {i: after[i] for i in kept} == kept
    assert len(seen) == len(after) - len(kept), "nothing is paid for twice"
    fresh = hoodwink(*command[:-1], "fresh")
    table = [line for line in result.out.splitlines() if line.startswith(("│", "Judge"))]
    cut = [line.rsplit("│", 2)[0] for line in table]
    assert cut == [x.rsplit("│", 2)[0] for x in fresh.out.splitlines() if x.startswith(("│", "Judge"))]


def test_an_edited_judge_is_another_judge(hoodwink: Callable[..., Result], module: Any, tmp_path: Path) -> None:
    name = module("def grade(response): return 0.1")
    command = ["attack", "--judge", f"python:{name}:grade", "--attacks", "none", *SMALL, "--out", "run"]
    assert hoodwink(*command).code == 0
    (tmp_path / f"{name}.py").write_text("def grade(response): return 0.2", "utf-8")
    assert_fails(hoodwink(*command), 2, "holds another run", "fingerprint")


MINE = "from hoodwink import Candidate\ndef mine(target, rng):\n    yield {}"

FAILING_ATTACKS = {
    "raises": ("def mine(target, rng):\n    raise ValueError('no \\x1b[31m[red]')\n    yield", r"no \x1b[31m[red]"),
    "int": (MINE.format("5"), "TypeError: 'int' object is not iterable"),
    "strings": (MINE.format("['text']"), "TypeError: an attack must yield lists of Candidate with a text"),
    "no-op": (MINE.format("[Candidate('a', 'mine', None)]"), "TypeError: attack and op of a Candidate are texts"),
    "bytes": (MINE.format("[Candidate('a', 'mine', 'x', b'b')]"), "TypeError: attack and op of a Candidate are texts"),
    "surrogate": (MINE.format("[Candidate('\\ud800', 'mine', 'x')]"), "UnicodeEncodeError"),
    "parent": (MINE.format("[Candidate('a', 'mine', 'x', '\\ud800')]"), "UnicodeEncodeError"),
}


@pytest.mark.parametrize(("code", "error"), FAILING_ATTACKS.values(), ids=FAILING_ATTACKS)
def test_attacks_that_fail_leave_the_others(
    hoodwink: Callable[..., Result], module: Any, code: str, error: str
) -> None:
    name = module(code)
    attacks = f"repeat,python:{name}:mine,none"
    result = hoodwink("attack", "--judge", "planted:length", "--attacks", attacks, *SMALL, "--out", "run")
    assert result.code == 3
    assert "Traceback" not in result.err
    assert f"attack python:{name}:mine failed: " in result.out
    assert error in " ".join(result.out.split())
    data = {a["name"]: a for a in json.loads(hoodwink("show", "run", "--json").out)["attacks"]}
    assert (data["repeat"]["fooled"], data["repeat"]["problems"]) == (3, 3)
    assert data["none"]["problems"] == 3
    assert len(data[f"python:{name}:mine"]["failed"]) == 3
    assert data[f"python:{name}:mine"]["asr"] is None


def test_an_attack_with_the_wrong_parameters(hoodwink: Callable[..., Result], module: Any) -> None:
    name = module("def mine():\n yield []")
    result = hoodwink("attack", "--judge", "planted:length", "--attacks", f"python:{name}:mine", *SMALL, "--out", "run")
    assert_fails(result, 2, "mine", "target, rng")


# What a terminal and the system see


def test_hostile_text_reaches_the_terminal_as_escapes(hoodwink: Callable[..., Result], tmp_path: Path) -> None:
    rows = [
        {"question": f"{text} {i}?", "reference": str(i + 40), "wrong": [f"{text} is {i + 90}"], "family": text}
        for i, text in enumerate(HOSTILE)
    ]
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    (tmp_path / "gullible_judge.py").write_text("def grade(response): return len(response) > 6", "utf-8")
    judge = ["--judge", "python:gullible_judge:grade", "--corpus", "file:bad.jsonl"]
    outputs = [
        hoodwink("attack", *judge, "--attacks", "none,openers", "--budget", "20", "--out", "run"),
        hoodwink("check", *judge),
        hoodwink("check", *judge, "--json"),
        hoodwink("show", "run"),
        hoodwink("show", "run", "--json"),
    ]
    for result in outputs:
        assert result.code == 0
        for stream in (result.out, result.err):
            assert {c for c in stream if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")} == set()
            assert "☺" not in stream
            assert "😄" not in stream
    assert r"accuracy on \x1b[31mred\x1b]0;title\x07\x9b2J" in outputs[1].out
    assert "accuracy on [red]bold[/red] [link=http://evil.example]x[/link]" in outputs[1].out
    assert "accuracy on :smile: :warning:" in outputs[1].out


def test_hostile_arguments_are_echoed_as_escapes(hoodwink: Callable[..., Result]) -> None:
    for tokens in (
        ["attack", "--judge", "\x1b[31m"],
        ["show", "\x1b[31m\u202e"],
        ["\x1b[31m"],
        ["attack", "--\x1b[31m"],
    ):
        result = hoodwink(*tokens)
        assert result.code == 2
        assert "\x1b" not in result.err
        assert "\u202e" not in result.err
        assert_only_line(result)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_that_cannot_show_every_character(
    finished: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding=encoding))
    with pytest.raises(SystemExit) as end:
        main(["show", str(finished)])
    assert end.value.code == 0
    sys.stdout.flush()
    assert "repeat" in out.getvalue().decode(encoding)


def test_a_reader_that_goes_away(finished: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m hoodwink show {finished} --json | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("{\n0\n", "")


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_interrupted_and_gone_on_with(
    hoodwink: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_judge.py").write_text(
        "import os, time\n"
        "def grade(reference, response):\n"
        "    if not os.environ.get('FAST'): time.sleep(0.01)\n"
        "    return 0.9 if reference in response else 0.1\n"
    )
    tokens = ["attack", "--judge", "python:slow_judge:grade", "--attacks", "random", *SMALL, "--out", "run"]
    command = [sys.executable, "-m", "hoodwink", *tokens]
    log = tmp_path / "log"
    with log.open("w") as err:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=err, text=True)
        wait_for(lambda: log.read_text().startswith("Judge "))  # the checks are done, the attack begins
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    lines = log.read_text().splitlines()
    assert lines[-1] == "hoodwink: interrupted; the same command goes on from here"
    assert not any("Traceback" in line for line in lines)
    db = sqlite3.connect(tmp_path / "run" / "run.db")
    (kept,) = db.execute("SELECT COUNT(*) FROM verdicts").fetchone()
    db.close()
    assert kept > 0
    monkeypatch.setenv("FAST", "1")
    result = hoodwink(*tokens)
    assert result.code == 0
    assert "replayed)" in result.err
    assert "not finished" not in result.out
