"""A function's digest: the same in every process, another where the function may behave otherwise."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import enum
import functools
import importlib
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hoodwink.corpora.identity import digest_of


def grade(response, k=3):
    return response in {"yes", "ok", "sure", "fine"} and k > 1


class Grader:
    def __init__(self, k):
        self.k = k

    def grade(self, response):
        return len(response) > self.k

    def __call__(self, response):
        return self.grade(response)


def closure(k):
    return lambda response: len(response) > k


def test_what_may_behave_otherwise_has_another_digest():
    functions = [
        grade,
        functools.partial(grade, k=3),
        functools.partial(grade, k=50),
        Grader(1),
        Grader(50),
        Grader(1).grade,
        Grader(50).grade,
        closure(1),
        closure(50),
        lambda response, k=1: len(response) > k,
        lambda response, k=50: len(response) > k,
        lambda response: response in {"a", "b"},
        lambda response: response in {"a", "c"},
        len,
    ]
    assert len({digest_of(f) for f in functions}) == len(functions)
    assert digest_of(closure(1)) == digest_of(closure(1))


@dataclasses.dataclass
class Config:
    model: str
    words: list[str]


class Holder:
    """Closes over whatever it is given, as a user's judge does."""

    def __init__(self, held):
        self.held = held

    def __call__(self, response):
        return self.held is not None


class Part:
    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner


def model(value):
    made = torch.nn.Linear(2, 2)
    with torch.no_grad():
        made.weight.fill_(value)
        made.bias.fill_(0)
    return made


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


PAIRS = [
    (["yes"], ["no"]),
    ({"a": {"b": 1}}, {"a": {"b": 2}}),
    ({"yes", "ok"}, {"yes", "no"}),
    (Path("a"), Path("b")),
    (re.compile("a"), re.compile("b")),
    (datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)),
    (Colour.RED, Colour.BLUE),
    (Config("a", ["x"]), Config("a", ["y"])),
    (Part(Part(1)), Part(Part(2))),
    ([Part(1)], [Part(2)]),
    (grade, functools.partial(grade, k=1)),
    (np.arange(3), np.arange(3) + 1),
    (np.zeros(3), np.zeros((3, 1))),
    (torch.zeros(3), torch.ones(3)),
    (torch.zeros(3), torch.zeros(3, dtype=torch.float64)),
    (model(0), model(1)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda value: type(value).__name__)
def test_what_is_captured_is_told_apart(one, other):
    """In an attribute, in a closure, as a default and in a partial."""
    for wrap in (Holder, lambda held: lambda response: held, lambda held: functools.partial(grade, k=held)):
        assert digest_of(wrap(one)) == digest_of(wrap(copy.deepcopy(one)))
        assert digest_of(wrap(one)) != digest_of(wrap(other))


def test_what_differs_between_processes_is_not_told():
    """Locks, connections and caches, in the holder and in a library's object that it holds."""
    client = socket.socket()
    before = digest_of(Holder(client))
    client.close()
    assert digest_of(Holder(client)) == before
    assert digest_of(Holder(threading.Lock())) == digest_of(Holder(threading.Lock()))
    assert digest_of(Holder(object())) == digest_of(Holder(object()))
    assert digest_of(Holder([object()])) == digest_of(Holder([object(), object()]))


def in_notebook(source):
    """The name `f` of source that no file holds."""
    space = {"__name__": "nowhere"}
    exec(source, space)
    return space["f"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LIMIT = 1\ndef f(response): return len(response) > LIMIT", "LIMIT = 2\n"),
        ("WORDS = ['a']\ndef f(response): return any(w in response for w in WORDS)", "WORDS = ['b']\n"),
        ("LIMIT = 1\ndef f(response): return (lambda: LIMIT)()", "LIMIT = 2\n"),
        ("def g(): return 1\ndef f(response): return g()", "def g(): return 2\n"),
        (
            "class F:\n    def __call__(self, response): return self.g()\n    def g(self): return 1\nf = F()",
            "class F:\n    def __call__(self, response): return self.g()\n    def g(self): return 2\n",
        ),
    ],
)
def test_in_a_notebook_globals_and_classes_are_told(one, other):
    """There, no file holds them."""
    lines = other.count("\n")
    changed = other + "\n".join(one.split("\n")[lines:])
    assert digest_of(in_notebook(one)) == digest_of(in_notebook(one))
    assert digest_of(in_notebook(one)) != digest_of(in_notebook(changed))


def test_a_global_that_comes_from_outside_is_told(tmp_path, monkeypatch):
    (tmp_path / "hw_env.py").write_text("import os\nMODEL = os.environ['HW_MODEL']\ndef f(response): return MODEL\n")
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for name in ("a", "b", "a"):
        monkeypatch.setenv("HW_MODEL", name)
        digests.append(digest_of(importlib.import_module("hw_env").f))
        del sys.modules["hw_env"]
    assert digests[0] == digests[2] != digests[1]


def test_the_digest_is_the_same_in_every_process(tmp_path):
    source = (
        "import re, pathlib, numpy\nWORDS = {'a', 'b', 'c'}\n"
        "class F:\n    def __init__(self):\n"
        "        self.held = [pathlib.Path('x'), re.compile('y'), {'a', 'b', 'c'}, numpy.ones(3), object()]\n"
        "    def __call__(self, response):\n"
        "        return response in {'yes', 'ok', 'sure', 'fine'} and (lambda r: r in {1, 2})(3)\n"
        "held = F()\ndef f(response):\n    return held(response) and WORDS\n"
    )
    (tmp_path / "mine.py").write_text(source)
    code = (
        "from hoodwink.corpora.identity import digest_of; import mine; print(digest_of(mine.f), digest_of(mine.held))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(digests) == 1


def test_a_function_that_holds_itself_is_described():
    def loop(n):
        return loop(n - 1) if n else 0

    assert digest_of(loop) == digest_of(loop)
