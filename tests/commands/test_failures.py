"""What fails on the way: judges, attacks, the disk, the user who interrupts; and going on from there."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calling import SMALL, Call, Result, assert_fails, assert_refused

ATTACK = ["attack", "--judge", "planted:length", "--out", "run"]


def test_a_full_disk(call: Call, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: a write fails half way, in one line, and is resumable."""
    resource = pytest.importorskip("resource")
    command = [*ATTACK, "--attacks", "random", "--problems", "5", "--budget", "200"]
    child = os.fork()
    if child == 0:  # the limit cannot be taken back, so it is a child's
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        result = call(*command)
        small = json.dumps([result.code, result.out, result.err])
        (tmp_path / "result").write_text(small)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    result = Result(*json.loads((tmp_path / "result").read_text()))
    assert_fails(result, 3, "run.db", "the same command goes on from here")
    result = call(*command)
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
    "bytes": (
        "def grade(response): return b'yes'",
        ["returned b'yes'", "return a score in [0, 1], a bool, None or a model's reply"],
    ),
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
def test_judges_that_fail(call: Call, module: Any, code: str, parts: list[str]) -> None:
    result = call("attack", "--judge", f"python:{module(code)}:grade", *SMALL, "--out", "run")
    assert_fails(result, 3, "judge ", *parts)


def test_a_judge_that_fails_half_way_goes_on_when_repaired(call: Call, module: Any) -> None:
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
    result = call(*command)
    assert_fails(result, 3, "raised ConnectionError: gone")
    db = sqlite3.connect("run/run.db")
    kept = {row[0]: row[1:] for row in db.execute("SELECT id, response, score, margin FROM verdicts")}
    db.close()
    seen = sys.modules[name].seen
    assert 0 < len(kept) <= len(seen) == 130
    assert json.loads(call("show", "run", "--json").out)["complete"] is False
    Path("repaired").write_text("")
    seen.clear()
    result = call(*command)
    assert result.code == 0
    db = sqlite3.connect("run/run.db")
    after = {row[0]: row[1:] for row in db.execute("SELECT id, response, score, margin FROM verdicts")}
    db.close()
    assert {i: after[i] for i in kept} == kept
    assert len(seen) == len(after) - len(kept), "nothing is paid for twice"
    fresh = call(*command[:-1], "fresh")
    table = [line for line in result.out.splitlines() if line.startswith(("│", "Judge"))]
    cut = [line.rsplit("│", 2)[0] for line in table]
    assert cut == [x.rsplit("│", 2)[0] for x in fresh.out.splitlines() if x.startswith(("│", "Judge"))]


def test_an_edited_judge_is_another_judge(call: Call, module: Any, tmp_path: Path) -> None:
    name = module("def grade(response): return 0.1")
    command = ["attack", "--judge", f"python:{name}:grade", "--attacks", "none", *SMALL, "--out", "run"]
    assert call(*command).code == 0
    (tmp_path / f"{name}.py").write_text("def grade(response): return 0.2", "utf-8")
    assert_refused(call(*command), "holds a run of the judge as it was before", "fingerprint")


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
def test_attacks_that_fail_leave_the_others(call: Call, module: Any, code: str, error: str) -> None:
    name = module(code)
    attacks = f"repeat,python:{name}:mine,none"
    result = call("attack", "--judge", "planted:length", "--attacks", attacks, *SMALL, "--out", "run")
    assert result.code == 3
    assert "Traceback" not in result.err
    assert f"attack python:{name}:mine failed: " in result.out
    assert error in " ".join(result.out.split())
    data = {a["name"]: a for a in json.loads(call("show", "run", "--json").out)["attacks"]}
    assert (data["repeat"]["fooled"], data["repeat"]["problems"]) == (3, 3)
    assert data["none"]["problems"] == 3
    assert len(data[f"python:{name}:mine"]["failed"]) == 3
    assert data[f"python:{name}:mine"]["asr"] is None


def test_an_attack_with_the_wrong_parameters(call: Call, module: Any) -> None:
    name = module("def mine():\n yield []")
    result = call("attack", "--judge", "planted:length", "--attacks", f"python:{name}:mine", *SMALL, "--out", "run")
    assert_refused(result, "mine", "target, rng")


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_interrupted_and_gone_on_with(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    result = call(*tokens)
    assert result.code == 0
    assert "replayed)" in result.err
    assert "not finished" not in result.out
