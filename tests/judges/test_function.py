"""Judges of a user's own: functions, classes and objects, and everything that they can do wrong."""

from __future__ import annotations

import functools
import gc
import math
import re
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hoodwink.corpora.errors import HoodwinkError, JudgeError, UsageError
from hoodwink.corpora.records import Item, Verdict
from hoodwink.judges.function import FunctionJudge
from hoodwink.judges.judge import MAX_MARGIN, Staged, ask
from hoodwink.judges.opening import open_judge


@pytest.fixture
def two(items):
    return items[:2]


def failure(judge, items, kind):
    """What opening or asking fails with: one line, of the kind expected."""
    with pytest.raises(HoodwinkError) as error:
        ask(open_judge(judge), items)
    assert type(error.value) is kind
    assert "\n" not in str(error.value)
    return str(error.value)


ACCEPTED, REJECTED = Verdict(1.0, 1.0, True), Verdict(0.0, -1.0, False)
UNREAD = Verdict(0.0, -1.0, False, parsed=False)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (True, ACCEPTED),
        (False, REJECTED),
        (np.True_, ACCEPTED),
        (np.False_, REJECTED),
        (None, UNREAD),
        (0.5, Verdict(0.5, 0.0, True)),
        (0.75, Verdict(0.75, math.log(3), True)),
        (0.25, Verdict(0.25, -math.log(3), False)),
        (np.float32(0.75), Verdict(0.75, math.log(3), True)),
        (torch.tensor(0.75), Verdict(0.75, math.log(3), True)),
        (1, Verdict(1.0, MAX_MARGIN, True)),
        (0, Verdict(0.0, -MAX_MARGIN, False)),
        (1.0, Verdict(1.0, MAX_MARGIN, True)),
        (5e-324, Verdict(5e-324, -MAX_MARGIN, False)),
        (Verdict(0.3, -7.0, False, text="no"), Verdict(0.3, -7.0, False, text="no")),
        ("Yes.", Verdict(1.0, 1.0, True, text="Yes.")),
        ('{"score": 0.25}', Verdict(0.25, -math.log(3), False, text='{"score": 0.25}')),
        ("Score: 9", Verdict(0.0, -1.0, False, parsed=False, text="Score: 9")),
    ],
)
@pytest.mark.parametrize("batch", [False, True])
def test_what_each_answer_means(answer, verdict, batch, two):
    def one(response):
        return answer

    def many(items):
        return [answer for _ in items]

    [got, again] = ask(open_judge(many if batch else one), two)
    assert got == again
    assert (got.score, got.accepted, got.parsed, got.text) == (
        verdict.score,
        verdict.accepted,
        verdict.parsed,
        verdict.text,
    )
    assert got.margin == pytest.approx(verdict.margin)
    assert type(got.accepted) is bool
    assert type(got.score) is float


def test_the_threshold_decides_and_shifts_margins(two):
    judge = open_judge(lambda response: 0.75, threshold=0.9)
    [verdict, _] = ask(judge, two)
    assert not verdict.accepted
    assert verdict.margin == pytest.approx(math.log(3) - math.log(9))
    assert ask(open_judge(lambda response: 0.9, threshold=0.9), two)[0] == Verdict(0.9, 0.0, True)


def test_fields_are_given_by_name(two):
    seen = []

    def judge(response, *, reference, question, problem, strict=True):
        seen.append((response, reference, question, problem))
        return True

    ask(open_judge(judge), two)
    assert seen == [(i.response, i.problem.reference, i.problem.question, i.problem) for i in two]


def test_a_batch_function_is_called_once_with_the_items(two):
    calls = []

    def judge(batch, temperature=0):
        calls.append(batch)
        yield from (0.1, 0.9)

    assert [v.accepted for v in ask(open_judge(judge), two)] == [False, True]
    assert calls == [two]


def test_callable_objects_methods_and_partials(two):
    class Grader:
        def __call__(self, response):
            return True

        def grade(self, items):
            return [False for _ in items]

    assert open_judge(Grader()).name == "function:Grader"
    assert ask(open_judge(Grader()), two) == [ACCEPTED] * 2
    assert ask(open_judge(Grader().grade), two) == [REJECTED] * 2
    assert ask(open_judge(functools.partial(lambda bonus, response: bonus, 0.5)), two)[0].score == 0.5


RETURN = "return a score in [0, 1], a bool, None or a model's reply"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (math.nan, "returned nan; scores lie in [0, 1]"),
        (1.01, "returned 1.01; scores lie in [0, 1]"),
        (-0.1, "returned -0.1; scores lie in [0, 1]"),
        (math.inf, "returned inf; scores lie in [0, 1]"),
        (np.float64("nan"), "returned nan; scores lie in [0, 1]"),
        ([0.5], f"returned [0.5]; {RETURN}"),
        (np.eye(2), f"returned array([[1., 0.], [0., 1.]]); {RETURN}"),
        ([0] * 50, f"returned [{'0, ' * 19}0,; {RETURN}"),
        (Verdict(math.nan, 1.0, True), "gave score nan to "),
        (Verdict(1.5, 1.0, True), "gave score 1.5 to "),
        (Verdict(0.5, math.inf, True), "gave margin inf to "),
        (Verdict(0.5, math.nan, True), "gave margin nan to "),
        (Verdict(math.nan, math.nan, False, parsed=False), "gave score nan to "),
        (Verdict("high", 1.0, True), "gave score 'high' to "),
        (Verdict(0.5, None, True), "gave margin None to "),
        (Verdict(np.float32(0.5), 0.0, True), "gave score np.float32(0.5) to "),
        (Verdict(0.5, 0.0, np.True_), "gave accepted np.True_ to "),
        (Verdict(0.5, 1.0, True, parsed=False), "accepted "),
        (Verdict(0.5, 0.0, True, text=None), "gave text None to "),
        (Verdict(0.5, 0.0, True, text="\ud800"), "gave text '\\ud800' to "),
    ],
)
def test_answers_that_break_the_contract(answer, said, two):
    def grade(response):
        return answer

    assert failure(grade, two, JudgeError).startswith(f"judge function:grade {said}")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_wrong_number_of_answers(count, two):
    def grade(items):
        return [True] * count

    assert failure(grade, two, JudgeError) == (
        f"judge function:grade returned {count} verdicts for 2 items; return one each"
    )


@pytest.mark.parametrize(
    "answer", [None, 0.5, "ok", b"ok", {"a": 1, "b": 0}, {0.1, 0.2}, types.SimpleNamespace(output_text="yes")]
)
def test_what_is_no_list_of_answers(answer, two):
    """A text of two characters, or a mapping of two keys, is no two answers."""

    def grade(items):
        return answer

    assert failure(grade, two, JudgeError) == (
        f"judge function:grade is given a list of items and returned a {type(answer).__name__}; return a list with an "
        "answer for each, or name the parameters among question, reference, response, problem to be called for each "
        "response"
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("in_flight", [1, 3])
def test_coroutines_that_nobody_awaits_are_all_closed(in_flight, items):
    async def later(response):
        return True

    def one(response):
        return later(response)

    said = "returned a coroutine; write it as `async def`"
    with pytest.raises(JudgeError, match=said):
        ask(open_judge(one, in_flight=in_flight), items[:8])
    with pytest.raises(JudgeError, match=said):
        ask(open_judge(lambda items: [True, *(later(item) for item in items[1:])]), items[:8])
    gc.collect()  # else a warning of one left over would come later, and elsewhere


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("first\nsecond"), "RuntimeError: first"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError: "),
    ],
)
def test_an_exception_is_one_line_and_keeps_its_cause(error, said, two):
    def grade(response):
        raise error

    with pytest.raises(JudgeError) as caught:
        ask(open_judge(grade), two)
    assert str(caught.value) == f"judge function:grade raised {said}"
    assert caught.value.__cause__ is error


def test_the_user_can_still_stop_it(two):
    def grade(response):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(open_judge(grade), two)


def test_a_generator_where_one_answer_is_wanted(two):
    def grade(response):
        yield True

    said = failure(grade, two, JudgeError)
    assert said.startswith("judge function:grade returned <generator object ")
    assert said.endswith(f"; {RETURN}")


FIELDS = "take (items) or some of question, reference, response, problem"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: True, f"judge function:<lambda> takes (); {FIELDS}"),
        (lambda a, b: True, f"judge function:<lambda> takes (a, b); {FIELDS}"),
        (lambda response, other: True, f"judge function:<lambda> takes (response, other); {FIELDS}"),
        (lambda *items: True, f"judge function:<lambda> takes (); {FIELDS}"),
        (lambda **fields: True, f"judge function:<lambda> takes (); {FIELDS}"),
    ],
)
def test_functions_of_the_wrong_parameters(function, said):
    with pytest.raises(UsageError) as error:
        open_judge(function)
    assert str(error.value) == said


@pytest.mark.parametrize("thing", [5, None, [1], {}])
def test_things_that_are_no_judge(thing):
    with pytest.raises(UsageError) as error:
        open_judge(thing)
    assert str(error.value) == (
        f"{thing!r} is no judge; give a name, a function, or an object with name, fingerprint and score"
    )


class Own:
    """A judge written as a class."""

    name, fingerprint = "own", "own-1"

    def score(self, items):
        return [Verdict(0.9, 2.0, True) for _ in items]


class Needy(Own):
    def __init__(self, model):
        pass


class Broken(Own):
    def __init__(self):
        raise OSError("no such\nmodel")


class Raising(Own):
    def score(self, items):
        raise RuntimeError("boom\n")


class Loose(Own):
    def score(self, items):
        return [0.5 for _ in items]


NEEDY = "TypeError: Needy.__init__() missing 1 required positional argument: 'model'"


@pytest.fixture
def module(monkeypatch):
    """The names of this file as a user's module."""
    made = types.ModuleType("hw_judges")
    for kind in (Own, Needy, Broken, Raising, Loose):
        setattr(made, kind.__name__, kind)
    made.ready, made.grade, made.number = Own(), lambda response: 0.6, 5
    monkeypatch.setitem(sys.modules, "hw_judges", made)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return made


@pytest.mark.parametrize("named", [False, True])
def test_classes_and_objects(module, named, two):
    def by(name):
        return f"python:hw_judges:{name}" if named else getattr(module, name)

    assert open_judge(by("ready")) is module.ready
    assert isinstance(open_judge(by("Own")), Own)
    assert ask(open_judge(by("Own")), two) == [Verdict(0.9, 2.0, True)] * 2
    assert failure(by("Needy"), two, UsageError) == (
        f"judge class Needy cannot be made without arguments ({NEEDY}); give an object of it instead"
    )
    assert failure(by("Broken"), two, UsageError) == (
        "judge class Broken cannot be made without arguments (OSError: no such); give an object of it instead"
    )
    assert failure(by("Raising"), two, JudgeError) == "judge own raised RuntimeError: boom"
    assert failure(by("Loose"), two, JudgeError) == "judge own returned float, not a Verdict"


def test_functions_by_name(module, two):
    judge = open_judge("python:hw_judges:grade:threshold=0.7")
    assert judge.name == "python:hw_judges:grade"
    assert [v.accepted for v in ask(judge, two)] == [False, False]
    assert failure("python:hw_judges:number", two, UsageError) == (
        "judge python:hw_judges:number is a int, not a function or a judge"
    )
    assert failure("python:hw_judges:grad", two, UsageError) == (
        "no judge in module hw_judges is named 'grad'; did you mean grade or ready?"
    )


def test_the_fingerprint_follows_threshold_name_and_source(tmp_path, monkeypatch):
    def grade(response):
        return True

    base = FunctionJudge(grade).fingerprint
    assert FunctionJudge(grade).fingerprint == base
    assert FunctionJudge(grade, threshold=0.6).fingerprint != base
    assert FunctionJudge(grade, name="other").fingerprint != base
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    prints = []
    for source in ("def f(response): return True\n", "def f(response): return  False\n"):
        (tmp_path / "hw_edited.py").write_text(source)
        prints.append(open_judge("python:hw_edited:f").fingerprint)
        del sys.modules["hw_edited"]
    assert prints[0] != prints[1]


class Crowd:
    """A function that counts how many of its calls run at once, and lets them go only when enough have come."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.lock = threading.Condition()
        self.running = self.most = 0

    def __call__(self, question, response):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.lock.notify_all()
            assert self.lock.wait_for(lambda: self.most >= self.wanted, timeout=60)
        time.sleep(0.001 * (len(response) % 3))
        with self.lock:
            self.running -= 1
        return len(response) / 100


def responses(item, count):
    return [Item(item.problem, "x" * place) for place in range(count)]


def test_so_many_calls_are_in_flight_and_no_more(two):
    crowd = Crowd(wanted=7)
    judge = open_judge(crowd, in_flight=7)
    assert isinstance(judge, Staged)
    verdicts = ask(judge, responses(two[0], 50))
    assert [v.score for v in verdicts] == [place / 100 for place in range(50)]
    assert crowd.most == 7


def test_one_call_in_flight_is_the_plain_judge(two):
    def grade(response):
        return threading.current_thread() is threading.main_thread()

    judge = open_judge(grade, in_flight=1)
    assert not isinstance(judge, Staged)
    assert ask(judge, two) == [ACCEPTED] * 2
    assert judge.fingerprint == open_judge(grade, in_flight=5).fingerprint


def test_of_errors_in_flight_the_first_in_order_wins_and_nothing_begins_behind_it(two):
    begun = []
    late = threading.Event()

    def grade(response):
        begun.append(len(response))
        if len(response) == 5:  # fails after the sixth has failed
            assert late.wait(60)
            raise ValueError("the first")
        if len(response) == 6:
            late.set()
            raise ValueError("the second")
        return 0.5

    said = failure(open_judge(grade, in_flight=2), responses(two[0], 100), JudgeError)
    assert said == "judge function:grade raised ValueError: the first"
    assert sorted(begun) == list(range(7))


def test_the_contract_holds_for_answers_in_flight(two):
    assert failure(open_judge(lambda response: 1.5, in_flight=2), two, JudgeError).endswith("scores lie in [0, 1]")
    assert ask(open_judge(lambda response: None, in_flight=2), two) == [UNREAD] * 2
    assert ask(open_judge(lambda response: True, in_flight=2), []) == []


@pytest.mark.parametrize(
    ("function", "in_flight", "said"),
    [
        (lambda items: [], 2, "judge function:<lambda> takes a batch of items, so in_flight=2 has no meaning; "),
        (lambda response: 1, 0, "in_flight 0 is out of range; write a whole number of at least 1"),
        (lambda response: 1, -3, "in_flight -3 is out of range; write a whole number of at least 1"),
    ],
)
def test_a_wrong_number_in_flight(function, in_flight, said):
    with pytest.raises(UsageError) as error:
        open_judge(function, in_flight=in_flight)
    assert str(error.value).startswith(said)


def test_an_unknown_option_of_a_function():
    with pytest.raises(UsageError) as error:
        open_judge(lambda response: 1, in_fligt=2)
    assert str(error.value) == ("no option of a judge around a function is named 'in_fligt'; did you mean in_flight?")


def test_the_number_in_flight_is_an_option_of_the_name(monkeypatch):
    module = types.ModuleType("concurrent_user")
    module.grade = lambda response: 0.5
    module.whole = lambda items: [0.5 for _ in items]
    module.Made = type("Made", (), {"name": "made", "fingerprint": "made", "score": lambda self, items: []})
    monkeypatch.setitem(sys.modules, "concurrent_user", module)
    judge = open_judge("python:concurrent_user:grade:in_flight=16")
    assert (judge.in_flight, judge.name) == (16, "python:concurrent_user:grade")
    for name, said in (
        ("whole", "takes a batch of items"),
        ("Made", "is asked in batches; in_flight=4 is for functions"),
    ):
        with pytest.raises(UsageError, match=said):
            open_judge(f"python:concurrent_user:{name}:in_flight=4")


@pytest.mark.parametrize(("name", "judge"), [("plain.py", "function:grade"), ("grader.py", "function:Grader")])
def test_the_examples_of_the_docs(name, judge, example):
    _, printed = example(name)
    assert printed.split()[0] == judge
    assert float(printed.split()[1]) > 0.9


def test_every_example_of_the_docs_is_run():
    """Here, in test_openai and in test_pipelines."""
    text = (Path(__file__).parents[2] / "docs" / "judges.md").read_text("utf-8")
    shown = ["plain.py", "grader.py", "served.py", "async_served.py", "classifier.py", "generator.py"]
    assert re.findall(r"```python\n# (\S+)\n", text) == shown
    assert text.count("```python") == len(shown)
