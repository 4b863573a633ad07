"""A function's digest: the same in every process, another where the function may behave otherwise."""

from __future__ import annotations

import functools
import subprocess
import sys

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


def test_the_digest_is_the_same_in_every_process(tmp_path):
    source = "def f(response):\n    return response in {'yes', 'ok', 'sure', 'fine'} and (lambda r: r in {1, 2})(3)\n"
    (tmp_path / "mine.py").write_text(source)
    code = "from hoodwink.corpora.identity import digest_of; import mine; print(digest_of(mine.f))"
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
