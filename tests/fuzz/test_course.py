"""Marking a policy's answers: what is given back, what is written down, when it is over."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hoodwink.corpora.errors import JudgeError
from hoodwink.corpora.records import Item, Verdict
from hoodwink.fuzz.course import KEPT, STAY, Answer, Book, Course, Point, State, distinct

STATE = State(1.5, 0.25)


@pytest.fixture
def course(make_gate):
    """A judge that likes long answers and cannot read what begins with a question mark."""
    judge, gate = make_gate(lambda text: len(text) - 30.0)
    book = Book(gate.store)
    book.begin()
    return judge, Course(gate, book, every=3)


def answers(problems, *texts, way="free string"):
    return [Answer(problems[i % len(problems)], text, way) for i, text in enumerate(texts)]


def test_a_batch_is_marked_and_written_down(course, problems):
    judge, teaching = course
    right = f"The answer is {problems[0].reference}."
    batch = [Answer(problems[0], right, "short answer"), Answer(problems[0], "x" * 40, "free string")]
    rewards, told = teaching.mark(0, [*batch, batch[1]], STATE)
    assert (rewards.tolist(), told.tolist()) == ([0.1, 0.9, 0.9], [True] * 3)
    (point,) = teaching.book.points("train")
    assert point == teaching.last
    assert (point.step, point.part, point.queries, point.verdicts) == (0, "train", 2, 2)
    assert (point.reward, point.accepted) == (pytest.approx(1.9 / 3), pytest.approx(2 / 3))
    assert (point.right, point.wrong, point.unsure, point.unparsed) == (
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
        0,
        0,
    )
    assert (point.entropy, point.divergence) == STATE
    assert point.gap == pytest.approx(0.3)
    assert point.ways == {"free string": (2, 0.9, 0.0), "short answer": (1, 0.1, 1.0)}
    assert [(s.way, s.truth, s.accepted) for s in point.samples] == [
        ("short answer", "right", False),
        ("free string", "wrong", True),
    ]
    assert point.samples[0].question == problems[0].question
    assert judge.asked.total() == 2


def test_points_are_what_was_written(course, problems):
    _, teaching = course
    teaching.examine(0, answers(problems, "a", "bb"), STATE)
    teaching.mark(0, answers(problems, "a", "ccc"), State(None, None))
    for part in ("train", "exam"):
        (point,) = teaching.book.points(part)
        assert Point.from_json(json.loads(json.dumps(asdict(point)))) == point
    assert teaching.book.points("exam")[0].queries == 0
    assert teaching.book.points("train")[0].queries == 1
    assert teaching.book.points("train")[0].verdicts == 3


def test_what_cannot_be_read_teaches_nothing(make_gate, problems):
    judge, gate = make_gate(lambda text: 0.0)

    def score(items: list[Item]) -> list[Verdict]:
        return [Verdict(0.0, -1.0, False, parsed=False) if i.response == "?" else Verdict(0.4, 1, True) for i in items]

    judge.score = score
    book = Book(gate.store)
    book.begin()
    teaching = Course(gate, book, every=1)
    rewards, told = teaching.mark(0, answers(problems, "?", "a"), STATE)
    assert (rewards.tolist(), told.tolist()) == ([0.0, 0.4], [False, True])
    assert (teaching.last.reward, teaching.last.unparsed) == (0.4, 0.5)
    with pytest.raises(JudgeError, match="none of 2 verdicts of judge counting can be read"):
        teaching.mark(1, answers(problems, "?", "?"), STATE)


def test_exams_are_due_and_end_it(course, problems):
    _, teaching = course
    assert [step for step in range(8) if teaching.due(step)] == [0, 3, 6]
    teaching.examine(0, answers(problems, "x" * 40), STATE)
    assert not teaching.book.points("exam")[0].collapsed  # 0.9 is not enough
    high = replace(teaching.book.points("exam")[0], reward=0.95, right=0.02)
    assert high.collapsed
    assert not replace(high, right=0.021).collapsed
    teaching.gate.judge.score = lambda items: [Verdict(0.97, 3, True) for _ in items]
    for step in range(STAY):
        assert not teaching.over
        teaching.examine(step + 1, answers(problems, f"y{step}"), STATE)
    assert teaching.over


def test_samples_are_the_first_and_the_first_in_each_way(course, problems):
    _, teaching = course
    batch = [Answer(problems[0], f"{i}", "b" if i == 6 else "a") for i in range(8)]
    teaching.examine(0, batch, STATE)
    kept = [s.text for s in teaching.book.points("exam")[0].samples]
    assert kept == [*(str(i) for i in range(KEPT)), "6"]


def test_long_texts_are_cut(course, problems):
    _, teaching = course
    teaching.examine(0, answers(problems, "x" * 10_000), STATE)
    assert len(teaching.book.points("exam")[0].samples[0].text) == 2000


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a b c", "a b c"], (0.5, 0.5, 0.5)),
        (["a a a a"], (0.5, 2 / 3, 1.0)),
        (["dhdhdh", "x"], (1.0, 0.0, 0.0)),
        ([""], (0.0, 0.0, 0.0)),
    ],
)
def test_distinct_counts_ngrams(texts, expected):
    assert distinct(texts) == pytest.approx(expected)
