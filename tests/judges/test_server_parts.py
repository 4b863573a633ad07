"""The parts of a judge behind a server that need none: keys, addresses, prices, the pace."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.judges.judge import Usage
from hoodwink.judges.opening import open_judge, read_spec
from hoodwink.judges.servers.address import OPENAI, read_address
from hoodwink.judges.servers.meter import Caps, Meter
from hoodwink.judges.servers.pace import Pace
from hoodwink.judges.servers.secret import HIDDEN, Secret, key_from
from hypothesis import given
from hypothesis import strategies as st

KEY = "sk-proj-0123456789abcdefGHIJKLMN"


@given(st.text(), st.text(), st.integers(0, len(KEY) - 8), st.integers(8, len(KEY)))
def test_no_part_of_a_key_is_left_in_a_text(before, after, start, length):
    part = KEY[start : start + length]
    hidden = Secret(KEY).hide(f"{before}{part}{after}")
    assert not [i for i in range(len(KEY) - 7) if KEY[i : i + 8] in hidden]
    assert HIDDEN in hidden


@given(st.text(st.characters(exclude_characters="-"), max_size=40).filter(lambda t: "earer" not in t))
def test_other_texts_stay_as_they_are(text):
    assert Secret(KEY.replace("0", "\x00")).hide(text) == text
    assert Secret("").hide(text) == text


def test_a_key_is_not_shown_and_not_pickled():
    secret = Secret(KEY)
    assert f"{secret!r} {secret} {[secret]}" == f"{HIDDEN} {HIDDEN} [{HIDDEN}]"
    assert secret.reveal() == KEY
    assert Secret("").reveal() == "none"
    assert secret.hide("Incorrect: sk-other****wxyz") == f"Incorrect: {HIDDEN}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_a_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("HW_TEST_KEY", f" {KEY}\n")
    assert key_from("HW_TEST_KEY", needed=True).reveal() == KEY
    monkeypatch.delenv("HW_TEST_KEY")
    assert key_from("HW_TEST_KEY", needed=False).reveal() == "none"
    with pytest.raises(UsageError, match="HW_TEST_KEY holds no key; set it, or name another with key_env=NAME"):
        key_from("HW_TEST_KEY", needed=True)


@pytest.mark.parametrize(
    ("spec", "model", "base", "query"),
    [
        ("m@http://localhost:8000/v1", "m", "http://localhost:8000/v1", {}),
        ("llama3.2:1b@http://localhost:11434/v1/", "llama3.2:1b", "http://localhost:11434/v1", {}),
        ("org/m@2024@https://h/a/b", "org/m@2024", "https://h/a/b", {}),
        ("m@https://h/v1?api-version=2024-06-01", "m", "https://h/v1", {"api-version": "2024-06-01"}),
        ("gpt-4o-mini", "gpt-4o-mini", OPENAI, {}),
    ],
)
def test_addresses(spec, model, base, query, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    address = read_address(spec, None)
    assert (address.model, address.base, address.query) == (model, base, query)
    assert address.key_env == "OPENAI_API_KEY"
    assert address.needs_key == (base == OPENAI)


def test_without_a_url_it_is_the_environments(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://here:1/v1")
    assert read_address("m", None).base == "http://here:1/v1"
    assert open_judge("openai:m").name == "openai:m@http://here:1/v1"


@pytest.mark.parametrize(
    "spec", ["m@http:///v1", "m@http://h:0x/v1", "m@http://h v1", "m@http://h/\u202e", "m@http://:1", "m@http://h/v1#x"]
)
def test_urls_that_are_none(spec):
    with pytest.raises(UsageError, match="is none; write http://HOST:PORT/v1"):
        read_address(spec, None)


@pytest.mark.parametrize(
    "url",
    ["http://me:hunter2@h/v1", "HTTP://me:hunter2@h/v1", "http://h/v1?key=hunter2", "http://h?access_token=hunter2"],
)
def test_urls_with_keys_in_them_are_refused_without_showing_them(url):
    with pytest.raises(UsageError, match="holds a key or password") as error:
        read_address(f"m@{url}", None)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("spec", "rest", "options"),
    [
        ("openai:m@http://h:8000/v1?in_flight=4&by=text", "m@http://h:8000/v1", {"in_flight": "4", "by": "text"}),
        ("openai:m@http://h:8000/v1?api-version=1", "m@http://h:8000/v1?api-version=1", {}),
        ("openai:m@http://h/v1?api-version=1?seed=2", "m@http://h/v1?api-version=1", {"seed": "2"}),
    ],
)
def test_options_stand_behind_a_url_and_its_query(spec, rest, options):
    assert read_spec(spec) == ("openai", rest, options)


@pytest.mark.parametrize(
    "spec",
    [
        "openai:m@http://h:8000/v1:seed=3",
        "openai:m@http://h:8000/v1?seed=3",
        "openai:a:b@http://h/v1?api-version=1?seed=3",
    ],
)
def test_judges_with_options_are_opened_again_by_their_names(spec):
    judge = open_judge(spec)
    assert judge.asking.seed == 3
    assert open_judge(judge.name).name == judge.name
    assert open_judge(judge.name).fingerprint == judge.fingerprint


def answer(prompt, completion):
    return SimpleNamespace(usage=SimpleNamespace(prompt_tokens=prompt, completion_tokens=completion))


def test_what_is_counted():
    meter = Meter("m", Caps(price_in=2.0, price_out=10.0))
    assert meter.used() == {"m": Usage(0, 0, 0, 0.0)}
    for told, tokens in ((answer(1_000, 100), 1_100), (None, 0), (answer(None, "x"), 0), (SimpleNamespace(), 0)):
        meter.begin(10)
        assert meter.end(told) == tokens
    assert meter.used() == {"m": Usage(4, 1_000, 100, pytest.approx(0.003))}
    meter.charge({"m": Usage(6, 1, 1, 1.0), "other": Usage(9, 9, 9, 9.0)})
    assert meter.used() == {"m": Usage(10, 1_001, 101, pytest.approx(1.003))}
    free = Meter("m", Caps())
    free.begin(1)
    free.end(answer(5, 5))
    assert free.used() == {"m": Usage(1, 5, 5, None)}


def test_a_cap_counts_what_is_under_way_as_the_dearest_so_far():
    meter = Meter("m", Caps(price_in=1.0, max_cost=10.0))
    meter.begin(1)
    meter.end(answer(4_000_000, 0))
    meter.begin(1)
    with pytest.raises(JudgeError, match=r"max_cost=10 is reached: 4 is spent and 1 calls of up to 4 are under way"):
        meter.begin(1)
    meter.end(answer(1_000_000, 0))
    meter.begin(1)


class Clock:
    """Time that passes only in sleep."""

    def __init__(self):
        self.now = 100.0

    async def sleep(self, seconds):
        self.now += seconds


def turns(pace, clock, count, tokens, used=None):
    async def run():
        begun = []
        for _ in range(count):
            await pace.turn(tokens)
            begun.append(round(clock.now - 100, 6))
            if used is not None:
                pace.correct(tokens, used)
        return begun

    with ThreadPoolExecutor(1) as thread:  # the browser's tests may have left a running loop in this one
        return thread.submit(asyncio.run, run()).result()


def test_the_pace():
    clock = Clock()
    make = {"clock": lambda: clock.now, "sleep": clock.sleep}
    assert turns(Pace(**make), clock, 3, 10) == [0, 0, 0]
    assert turns(Pace(rpm=30, **make), clock, 4, 10) == [0, 2, 4, 6]
    clock.now = 100.0
    assert turns(Pace(tpm=60, **make), clock, 3, 10) == [0, 10, 20]
    clock.now = 100.0
    assert turns(Pace(tpm=60, **make), clock, 3, 10, used=4) == [0, 4, 8]
    clock.now = 100.0
    both = Pace(rpm=60, tpm=60, **make)
    both.pause(7)
    assert turns(both, clock, 3, 5) == [7, 12, 17]
    for limits in ({"rpm": 0}, {"tpm": -1}, {"rpm": float("nan")}):
        with pytest.raises(UsageError, match="out of range; write a number over 0"):
            Pace(**limits)
