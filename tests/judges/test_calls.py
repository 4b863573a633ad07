"""Async functions as judges: in order, so many at once, in one loop, clean when interrupted or failing."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.records import Item
from hoodwink.judges.calls import await_here, in_loop
from hoodwink.judges.function import IN_FLIGHT, ConcurrentJudge
from hoodwink.judges.judge import Staged, ask
from hoodwink.judges.opening import open_judge


def responses(items, count):
    return [Item(items[0].problem, "x" * place) for place in range(count)]


class Crowd:
    """An async function that counts how many of its calls run at once, and lets them go only when enough have come."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.running = self.most = 0
        self.enough = asyncio.Event()
        self.loops = set()

    async def __call__(self, question, response):
        self.loops.add((asyncio.get_running_loop(), threading.current_thread()))
        self.running += 1
        self.most = max(self.most, self.running)
        if self.running >= self.wanted:
            self.enough.set()
        await asyncio.wait_for(self.enough.wait(), 60)
        await asyncio.sleep(0.001 * (len(response) % 3))
        self.running -= 1
        return len(response) / 100


def test_so_many_calls_run_at_once_in_one_loop_and_come_back_in_order(items):
    crowd = Crowd(wanted=7)
    judge = open_judge(crowd, in_flight=7)
    assert isinstance(judge, Staged)
    verdicts = ask(judge, responses(items, 50))
    verdicts += ask(open_judge(crowd, in_flight=3), responses(items, 50))
    assert [v.score for v in verdicts] == [place / 100 for place in range(50)] * 2
    assert crowd.most == 7
    [(_, thread)] = crowd.loops  # the same loop for every judge: clients keep connections that belong to one
    assert thread is not threading.main_thread()


async def one(response):
    await asyncio.sleep(0)
    return response == ""


async def whole(items):
    await asyncio.sleep(0)
    return [item.response == "" for item in items]


class Grader:
    def __init__(self, shift=0):
        self.shift = shift

    async def __call__(self, response):
        return min(1.0, (len(response) + self.shift) / 10)

    async def grade(self, response, weight=1):
        return await self(response)


@pytest.mark.parametrize(
    "function", [one, whole, Grader(10), Grader(10).grade, functools.partial(one), functools.partial(Grader(10))]
)
def test_every_kind_of_async_function_is_awaited(function, items):
    judge = open_judge(function)
    [verdict, _] = ask(judge, responses(items, 2))
    assert verdict.accepted
    assert isinstance(judge, ConcurrentJudge) is (function is not whole)
    assert getattr(judge, "in_flight", None) == (None if function is whole else IN_FLIGHT)


def test_one_at_a_time_when_asked(items):
    crowd = Crowd(wanted=1)
    ask(open_judge(crowd, in_flight=1), responses(items, 5))
    assert crowd.most == 1
    assert open_judge(one, in_flight=1).fingerprint == open_judge(one).fingerprint


def test_a_batch_has_no_calls_in_flight():
    with pytest.raises(UsageError, match="takes a batch of items, so in_flight=2 has no meaning"):
        open_judge(whole, in_flight=2)


def test_inside_a_running_loop(items):
    """As in a notebook. The loop has a thread of its own: a test in a browser may hold the main one."""

    async def outer():
        return ask(open_judge(one), responses(items, 3))

    with ThreadPoolExecutor(1) as thread:
        for _ in range(2):
            verdicts = thread.submit(asyncio.run, outer()).result()
            assert [v.accepted for v in verdicts] == [True, False, False]


def test_of_errors_the_first_in_order_wins_and_nothing_begins_behind_it(items):
    begun = []
    late = asyncio.Event()

    async def grade(response):
        begun.append(len(response))
        if len(response) == 5:  # fails after the sixth has failed
            await asyncio.wait_for(late.wait(), 60)
            raise ValueError("the first")
        if len(response) == 6:
            late.set()
            raise ValueError("the second")
        return 0.5

    with pytest.raises(JudgeError, match="judge function:grade raised ValueError: the first"):
        ask(open_judge(grade, in_flight=2), responses(items, 100))
    assert sorted(begun) == list(range(7))
    assert ask(open_judge(one), responses(items, 1))[0].accepted  # the loop goes on


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError, SystemExit])
def test_what_ends_a_call_does_not_end_the_loop(error, items):
    async def grade(response):
        raise error

    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else JudgeError):
        ask(open_judge(grade), responses(items, 3))
    assert ask(open_judge(one), responses(items, 1))[0].accepted


def test_an_async_judge_inside_another_is_an_error_and_no_standstill(items):
    async def outer(response):
        return ask(open_judge(one), responses(items, 1))[0].score

    with pytest.raises(JudgeError, match="asked from inside an async judge"):
        ask(open_judge(outer), responses(items, 1))


async def generator(items):
    for _ in items:
        yield True


class Generator:
    async def __call__(self, items):
        yield True


@pytest.mark.parametrize("function", [generator, Generator()])
def test_async_generators_are_refused_when_opened(function):
    with pytest.raises(UsageError, match="is an async generator; return a list instead of yielding"):
        open_judge(function)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", [lambda response: one(response), lambda items: whole(items)])
def test_a_plain_function_that_returns_a_coroutine_is_told_to_be_async(function, items):
    with pytest.raises(JudgeError, match="judge function:<lambda> returned a coroutine; write it as `async def`"):
        ask(open_judge(function), responses(items, 1))


def test_no_calls():
    assert in_loop([], 4) == []


def test_what_a_call_carries_along_is_there(items):
    """Context variables, by which traces are kept, reach the coroutine."""
    import contextvars

    trace = contextvars.ContextVar("trace", default="none")
    trace.set("mine")

    async def told():
        return trace.get()

    assert await_here(told()) == "mine"


def run(code):
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
    )


PRELUDE = """
import asyncio, os, signal, sys, threading, time
from hoodwink.corpora.records import Item, Problem
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import open_judge
item = Item(Problem.make(family="f", question="q", reference="r"), "x")
async def grade(response):
    return True
"""


def test_an_interrupt_is_clean():
    """Ctrl-C while calls are under way: at once, with no word about tasks that were destroyed or never looked at."""
    done = run(
        PRELUDE
        + """
begun, ended = [], []
async def wait(response):
    begun.append(1)
    if len(begun) == 16:
        os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.sleep(3600)
    finally:
        ended.append(1)
try:
    ask(open_judge(wait), [item] * 40)
except KeyboardInterrupt:
    while len(ended) < 16:
        time.sleep(0.01)
    print(len(begun), "calls were interrupted")
print(len(ask(open_judge(grade), [item] * 40)), "more were made")
"""
    )
    assert (done.stdout, done.stderr, done.returncode) == ("16 calls were interrupted\n40 more were made\n", "", 0)


def test_the_program_ends_without_a_word():
    done = run(PRELUDE + "print(len(ask(open_judge(grade), [item] * 40)))")
    assert (done.stdout, done.stderr, done.returncode) == ("40\n", "", 0)


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_a_forked_child_has_a_loop_of_its_own():
    done = run(
        PRELUDE
        + """
ask(open_judge(grade), [item])
child = os.fork()
if child == 0:
    print(len(ask(open_judge(grade), [item] * 3)), flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""
    )
    assert done.stdout == "3\n0\n", done.stderr
