"""Attacks on a judge behind a server: what is lost on the way, what is paid for, and what of the key is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from calling import Call, assert_fails, assert_refused
from serving import Served, hang, refuse, say

pytest.importorskip("openai")

KEY = "sk-proj-0123456789abcdefGHIJKLMN"
SMALL = ["--attacks", "openers,random", "--problems", "2", "--budget", "12", "--shrink-budget", "4"]


def attack(served: Served, out: str, options: str = "in_flight=4") -> list[str]:
    return ["attack", "--judge", f"{served.spec}?backoff=0.001&{options}", *SMALL, "--out", out]


def finds(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "finds.jsonl").read_text("utf-8").splitlines()]


def test_a_lost_key_and_an_interrupt_lose_nothing_and_the_same_command_goes_on(
    served: Served, call: Call, tmp_path: Path
) -> None:
    assert call(*attack(served, "whole")).code == 0
    undisturbed, half = Counter(served.answered), len(served.answered) // 2
    assert len(finds(tmp_path / "whole")) >= 2
    whole = json.loads(call("show", "whole", "--json").out)
    resumed = undisturbed + Counter(["4"])  # the probe once more, in the second process

    def goes_on(folder: str) -> dict[str, Any]:
        """The same command, with other options that no verdict depends on."""
        served.script = lambda asked, said: None
        result = call(*attack(served, folder, "in_flight=2&timeout=9"))
        assert result.code == 0
        assert "replayed" in result.err
        assert finds(tmp_path / folder) == finds(tmp_path / "whole")
        assert Counter(served.answered) == resumed
        served.answered.clear()
        shown: dict[str, Any] = json.loads(call("show", folder, "--json").out)
        pairs = zip(whole["attacks"], shown["attacks"], strict=True)
        assert shown["attacks"] == [{**before, "seconds": now["seconds"]} for before, now in pairs]
        return shown

    served.answered.clear()
    served.script = lambda asked, said: refuse(401, "Incorrect API key") if len(served.answered) >= half else None
    result = call(*attack(served, "lost"))
    assert result.code == 3
    last = result.err.splitlines()[-1]
    assert last.startswith("hoodwink: judge openai:my-model@http://127.0.0.1")
    assert "it answered 401: Incorrect API key; put a key that it takes into OPENAI_API_KEY; the same command" in last
    [used], [before] = goes_on("lost")["used"].values(), whole["used"].values()
    assert 1 <= used["calls"] - before["calls"] - 1 <= 4  # under way when the key was lost, and refused
    assert used["completion_tokens"] == before["completion_tokens"] + 1

    served.script = lambda asked, said: hang if len(served.answered) >= half else None
    command = [sys.executable, "-m", "hoodwink", *attack(served, "cut", "in_flight=3")]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while served.running < 3 and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.splitlines()[-1]) == (
        130,
        "hoodwink: interrupted; the same command goes on from here",
    )
    assert "Traceback" not in said
    goes_on("cut")


def test_the_key_is_nowhere_in_what_a_run_leaves_and_prints(
    served: Served, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server knows the key and repeats it, whole and in parts, wherever an answer has room for text."""
    monkeypatch.setenv("HW_TEST_KEY", KEY)
    served.key = KEY

    def echo(asked: dict[str, Any], said: str) -> Any:
        if said != "4" and len(said) % 5 == 0:
            return say(f"Your key is {KEY}, or {KEY[:14]}", model=KEY, system_fingerprint=f"fp-{KEY[4:]}")
        if said != "4" and len(said) % 5 == 1:
            return refuse(400, f"Bearer {KEY}: content refused")
        word = "Yes" if len(said) > 20 else "No"
        return say(word, model=f"{KEY[9:]}x", system_fingerprint="fp_2")

    served.script = echo
    options = "in_flight=4&by=text&key_env=HW_TEST_KEY&price_in=1&price_out=2&max_cost=100"
    results = [call(*attack(served, "run", options))]
    assert results[0].code == 0
    assert {h["authorization"] for h in served.headers} == {f"Bearer {KEY}"}
    assert "cost" in results[0].out
    results += [call("show", "run"), call("show", "run", "--json"), call("report", "run"), call("list", "judges")]
    results.append(call("check", "--judge", f"{served.spec}?{options}", "--problems", "3"))
    for fault in (refuse(401, f"Incorrect API key provided: {KEY[:10]}****{KEY[-4:]}. {KEY}"), refuse(404, KEY)):
        served.script = lambda asked, said, fault=fault: fault
        results.append(call(*attack(served, "other", options)))
        assert results[-1].code == 3
    served.key = "another"
    results.append(call(*attack(served, "other", options)))
    assert results[-1].code == 3
    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) >= 5
    said = [text.encode() for result in results for text in (result.out, result.err)]
    for secret in (KEY, KEY[:12], KEY[-10:], KEY[8:20]):
        assert not [text for text in [*left, *said] if secret.encode() in text]
    assert b"[key]" in b"".join(left)


def test_what_a_run_shows_of_cost_and_server(served: Served, call: Call, tmp_path: Path) -> None:
    result = call(*attack(served, "run", "price_in=10&price_out=20"))
    assert result.code == 0
    for shown in (result.out, call("show", "run").out):
        assert f"used: {served.spec}: " in shown
        assert "tokens of prompts" in shown
        assert "verdicts are read by: log-probabilities of the first token" in shown
        assert "the server says it is: my-model-2" in shown
        assert "system fingerprint: fp_1" in shown
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "log-probabilities of the first token" in page
    used = json.loads(call("show", "run", "--json").out)["used"][served.spec]
    assert used["cost"] == pytest.approx((10 * used["prompt_tokens"] + 20 * used["completion_tokens"]) / 1e6)
    checked = call("check", "--judge", served.spec, "--problems", "3").out
    assert f"used: {served.spec}: " in checked
    data = json.loads(call("check", "--judge", served.spec, "--problems", "3", "--json").out)
    assert data["used"][served.spec]["calls"] > 6


def test_a_spending_cap_ends_a_run_until_it_is_raised(served: Served, call: Call, tmp_path: Path) -> None:
    result = call(*attack(served, "run", "max_calls=20"))
    assert result.code == 3
    assert "max_calls=20 is reached; raise it and the same command goes on from here" in result.err.splitlines()[-1]
    assert len(served.requests) == 20
    assert call(*attack(served, "run", "max_calls=20")).code == 3
    assert len(served.requests) == 20
    assert call(*attack(served, "run", "max_calls=5000")).code == 0


def test_a_server_that_echoes_hostile_text(served: Served, call: Call, tmp_path: Path) -> None:
    hostile = "\x1b[31m<script>alert(1)</script>\u202e\ud800"
    served.script = lambda asked, said: say("No" if len(said) % 2 else hostile, model=hostile)
    result = call(*attack(served, "run", "by=text"))
    assert result.code == 0
    assert "\x1b" not in result.out + result.err
    assert r"\x1b[31m<script>alert(1)</script>\u202e?" in result.out
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    served.script = lambda asked, said: refuse(401, hostile)
    result = call(*attack(served, "other"))
    assert_fails(result, 3, r"\x1b[31m")


def test_wrong_usage_is_one_line(served: Served, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert_refused(call("check", "--judge", "openai:gpt-4o-mini"), "OPENAI_API_KEY holds no key")
    assert_refused(call("check", "--judge", "openai:"), "incomplete")
    secret = call("check", "--judge", "openai:m@http://me:hunter22@host/v1")
    assert_refused(secret, "holds a key or password")
    assert "hunter22" not in secret.err
    assert_refused(call("check", "--judge", "openai:m@http://host/v1?api-key=hunter22"), "holds a key or password")
    assert_refused(call("check", "--judge", "openai:m@http://host:99999/v1"), "is none; write http://HOST:PORT/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "a\nb")
    assert_refused(call("check", "--judge", served.spec), "characters that no key has")
    assert os.environ["OPENAI_API_KEY"] == "a\nb"


def test_without_the_package_the_extra_is_named(served: Served, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    assert_refused(call("check", "--judge", served.spec), "needs an extra: pip install 'hoodwink[api]'")
