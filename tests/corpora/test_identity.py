"""A function's digest: the same in every process, another where the function may behave otherwise."""

from __future__ import annotations

import argparse
import collections
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
import types
from pathlib import Path

import numpy as np
import openai
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


def client(host):
    return openai.OpenAI(api_key="none", base_url=f"http://{host}/v1")


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


class Private:
    __slots__ = ("__inner",)

    def __init__(self, inner):
        self.__inner = inner


class Single:
    __slots__ = "inner"

    def __init__(self, inner):
        self.inner = inner


def stored(module, name):
    """A class of another module of the user's."""
    made = types.ModuleType(module)
    exec(f"class {name}:\n    def __init__(self, held):\n        self.held = held\n", made.__dict__)
    sys.modules[module] = made  # copies of its objects look it up
    return vars(made)[name]


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
    (torch.tensor([0.0, 1.0]).to_sparse(), torch.tensor([0.0, 2.0]).to_sparse()),
    (torch.zeros(2, device="meta"), torch.zeros(3, device="meta")),
    (types.SimpleNamespace(t=1), types.SimpleNamespace(t=2)),
    (argparse.Namespace(t=1), argparse.Namespace(t=2)),
    (collections.deque([1]), collections.deque([2])),
    (bytearray(b"a"), bytearray(b"b")),
    (Private(1), Private(2)),
    (Single(1), Single(2)),
    (stored("hw_settings", "Settings")(1), stored("hw_settings", "Settings")(2)),
    (dict, list),
]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda value: type(value).__name__)
def test_what_is_captured_is_told_apart(one, other):
    """In an attribute, in a closure, as a default and in a partial."""
    for wrap in (Holder, lambda held: lambda response: held, lambda held: functools.partial(grade, k=held)):
        assert digest_of(wrap(one)) == digest_of(wrap(copy.deepcopy(one)))
        assert digest_of(wrap(one)) != digest_of(wrap(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"model": "a", "client": client("x")}, {"model": "b", "client": client("x")}),
        ({"model": "a", "lock": threading.Lock()}, {"model": "b", "lock": threading.Lock()}),
        ([socket.socket(), "a"], [socket.socket(), "b"]),
        (types.MappingProxyType({"t": 1}), types.MappingProxyType({"t": 2})),
        (client("x"), client("y")),
    ],
)
def test_what_cannot_be_told_hides_nothing_beside_it(one, other):
    """Only it is left out, and of a client not the server that it asks."""
    assert digest_of(Holder(one)) == digest_of(Holder(one))
    assert digest_of(Holder(one)) != digest_of(Holder(other))


def test_what_raises_when_it_is_looked_at_is_told_by_the_rest():
    class Odd:
        def __init__(self, held):
            self.held = held

        @property
        def dtype(self):
            raise RuntimeError("not loaded yet")

        base_url = state_dict = shape = dtype

    assert digest_of(Holder(Odd(1))) != digest_of(Holder(Odd(2)))
    assert digest_of(Odd(1)) != digest_of(Odd(2))


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


OTHER = """
import os
BAR = {"bar": os.environ["HW_BAR"]}
LIMIT = os.environ["HW_BAR"]
def helper(): return 1
"""


@pytest.mark.parametrize(
    "judge",
    [
        "from hw_other import BAR\ndef f(response): return BAR['bar']",
        "from hw_other import BAR as SETTINGS\ndef f(response): return SETTINGS['bar']",
        "from hw_other import *\ndef f(response): return BAR['bar']",
        "import hw_other\ndef f(response): return hw_other.BAR['bar']",
        "import hw_other\ndef f(response): return hw_other.LIMIT",
        "from hw_other import BAR\nclass F:\n    def __call__(self, response): return BAR['bar']\nf = F()",
        "from hw_other import BAR\nclass F:\n    def grade(self, response): return BAR['bar']\nf = F().grade",
    ],
)
def test_what_comes_from_another_file_is_told(judge, tmp_path, monkeypatch):
    assert len({told(tmp_path, monkeypatch, judge, OTHER, bar) for bar in ("1", "2", "1")}) == 2


@pytest.mark.parametrize(
    "judge",
    [
        "from hw_other import helper\ndef f(response): return helper()",
        "import hw_other\ndef f(response): return hw_other.helper()",
        "import hw_other\nclass F:\n    def __init__(self): self.helper = hw_other.helper\n"
        "    def __call__(self, response): return self.helper()\nf = F()",
    ],
)
def test_code_of_another_file_is_told(judge, tmp_path, monkeypatch):
    changed = OTHER.replace("return 1", "return  2")
    assert len({told(tmp_path, monkeypatch, judge, other, "1") for other in (OTHER, changed, OTHER)}) == 2


def told(folder, monkeypatch, judge, other, bar):
    """The digest of a judge's function `f`, of which another file holds a part."""
    (folder / "hw_mine.py").write_text(judge)
    (folder / "hw_other.py").write_text(other)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setenv("HW_BAR", bar)
    for name in ("hw_mine", "hw_other"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return digest_of(importlib.import_module("hw_mine").f)


COUNTING = """
import functools, json
from hw_other import LIMIT
calls = 0
cache = {}
def count():
    global calls
    calls += 1
@functools.lru_cache
def known(response): return len(response)
def f(response):
    count()
    cache[response] = json.dumps(calls)
    return known(response) > len(LIMIT)
"""


def test_counters_and_caches_of_the_judges_own_file_are_not_told(tmp_path, monkeypatch):
    before = told(tmp_path, monkeypatch, COUNTING, OTHER, "1")
    judge = sys.modules["hw_mine"]
    assert digest_of(judge.f) == before
    judge.f("x")
    assert (judge.calls, judge.cache) == (1, {"x": "1"})
    assert digest_of(judge.f) == before


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
