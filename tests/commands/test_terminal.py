"""What a terminal sees: hostile text as escapes, characters that it lacks, a reader that goes away."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from calling import Call, assert_refused
from hoodwink.cli import main

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))


def test_hostile_text_reaches_the_terminal_as_escapes(call: Call, tmp_path: Path) -> None:
    rows = [
        {"question": f"{text} {i}?", "reference": str(i + 40), "wrong": [f"{text} is {i + 90}"], "family": text}
        for i, text in enumerate(HOSTILE)
    ]
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    (tmp_path / "gullible_judge.py").write_text("def grade(response): return len(response) > 6", "utf-8")
    judge = ["--judge", "python:gullible_judge:grade", "--corpus", "file:bad.jsonl"]
    outputs = [
        call("attack", *judge, "--attacks", "none,openers", "--budget", "20", "--out", "run"),
        call("check", *judge),
        call("check", *judge, "--json"),
        call("show", "run"),
        call("show", "run", "--json"),
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


def test_hostile_arguments_are_echoed_as_escapes(call: Call) -> None:
    for tokens in (
        ["attack", "--judge", "\x1b[31m"],
        ["show", "\x1b[31m\u202e"],
        ["\x1b[31m"],
        ["attack", "--\x1b[31m"],
    ):
        result = call(*tokens)
        assert_refused(result)
        assert "\x1b" not in result.err
        assert "\u202e" not in result.err


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
