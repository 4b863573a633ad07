"""What the engine is measured on: prompts as attacks make them, in the calls in which a campaign sends them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence

import hoodwink
import numpy as np
from hoodwink import Item, Problem, Verdict
from hoodwink.corpora.errors import JudgeError
from hoodwink.judges.prompted import PromptedJudge

Calls = list[list[Item]]

#: Responses that a call of the judge brings, as the campaign's gate does it.
CALL = 128


def short(judge: PromptedJudge, count: int) -> Calls:
    """Strings of 8 tokens on one problem: the prompt before them has about 60."""
    rng = np.random.default_rng(1)
    [problem] = hoodwink.corpus("arithmetic").sample(1, seed=2)
    return calls([Item(problem, strings(judge, rng, 8)) for _ in range(count)])


def suffix(judge: PromptedJudge, count: int) -> Calls:
    """Suffixes of 25 tokens on a worked solution of 120."""
    rng = np.random.default_rng(2)
    [problem] = hoodwink.corpus("arithmetic").sample(1, seed=3)
    solution = text_of(judge, worked(judge, problem, 120))
    return calls([Item(problem, f"{solution}{strings(judge, rng, 25)}") for _ in range(count)])


def edits(judge: PromptedJudge, count: int) -> Calls:
    """Worked solutions of 200 tokens, of four problems in turn, with one token anywhere in them replaced.

    The first call asks about the solutions as they are, as any search does that edits them: it is not measured.
    """
    rng = np.random.default_rng(3)
    problems = hoodwink.corpus("arithmetic").sample(4, seed=4)
    solutions = [worked(judge, problem, 200) for problem in problems]
    items = [Item(p, text_of(judge, tokens)) for p, tokens in zip(problems, solutions, strict=True)]
    for i in range(count):
        tokens = solutions[i % 4]
        place = int(rng.integers(len(tokens)))
        before, after = text_of(judge, tokens[:place]), text_of(judge, tokens[place + 1 :])
        items.append(Item(problems[i % 4], f"{before}{strings(judge, rng, 1)}{after}"))
    return [items[:4], *calls(items[4:])]


def mixed(judge: PromptedJudge, count: int) -> Calls:
    """The first calls, of about `count` responses, of a campaign of 16 problems: checks, openers and random search."""
    recorder = Recorder(judge, count)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(JudgeError):
        hoodwink.attack(recorder, "arithmetic", attacks=["openers", "random"], problems=16, out=folder)
    return recorder.calls


class Recorder:
    """A judge that keeps what it is asked, and fails once that is enough."""

    name = fingerprint = "recorder"
    batch = CALL

    def __init__(self, judge: PromptedJudge, enough: int) -> None:
        self.judge = judge
        self.enough = enough
        self.calls: Calls = []

    def pieces(self) -> Sequence[str]:
        return self.judge.pieces()

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        if sum(map(len, self.calls)) >= self.enough:
            raise JudgeError("enough")
        self.calls.append(list(items))
        return self.judge.score(items)


WORKLOADS: dict[str, Callable[[PromptedJudge, int], Calls]] = {
    "short": short,
    "suffix": suffix,
    "edits": edits,
    "mixed": mixed,
}


def calls(items: list[Item]) -> Calls:
    """Items cut into calls."""
    return [items[start : start + CALL] for start in range(0, len(items), CALL)]


def strings(judge: PromptedJudge, rng: np.random.Generator, length: int) -> str:
    """The text of that many random tokens."""
    pieces = judge.pieces()
    return "".join(pieces[int(i)] for i in rng.integers(len(pieces), size=length))


def worked(judge: PromptedJudge, problem: Problem, length: int) -> list[int]:
    """Tokens of a worked solution of that length: the known one, told as often as it takes."""
    text = " ".join([*problem.solution, problem.wrong[0].text, ""])
    tokens: list[int] = judge.tokenizer(text, add_special_tokens=False)["input_ids"]
    return (tokens * (length // len(tokens) + 1))[:length]


def text_of(judge: PromptedJudge, tokens: list[int]) -> str:
    return str(judge.tokenizer.decode(tokens, clean_up_tokenization_spaces=False))
