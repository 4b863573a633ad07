"""A student: answers as its skill and its shares say, learns what is paid, and never quite stops trying."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Problem, Response, Truth
from hoodwink.fuzz.student import EXPLORE, FREE, WAYS, Student

PIECES = [f" w{i}" for i in range(32)]


def make(**settings):
    return Student(PIECES, 4, **{"lr": 4.0, "choice_lr": 0.5, "bonus": 0.0, "gather": 16, **settings})


def learn(student, problem, reward, steps, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        answers = student.answer([problem] * 128, rng)
        rewards = np.array([reward(w, t) for w, t in zip(answers.names(), answers.texts, strict=True)])
        student.learn(answers, rewards, np.ones(128, dtype=bool))


def test_shares_at_first_are_those_of_the_ways():
    student = make()
    assert student.shares() == pytest.approx({**{w.name: w.share for w in WAYS}, FREE: EXPLORE})
    assert math.fsum([EXPLORE, *(w.share for w in WAYS)]) == pytest.approx(1)
    assert student.divergence() == pytest.approx(0, abs=1e-9)


def test_honest_answers_are_right_as_often_as_their_skill_says(problems):
    oracle, rng = open_oracle("exact"), np.random.default_rng(0)
    for way in WAYS:
        truths = [oracle.truth(p, way.write(p, rng)) for p in problems for _ in range(300)]
        assert truths.count(Truth.RIGHT) / len(truths) == pytest.approx(way.skill, abs=0.05)


def test_a_problem_with_few_responses_still_gets_an_answer():
    problem = Problem.make(family="f", question="q", reference="7", wrong=(Response("8", "odd"),))
    said = {way.write(problem, np.random.default_rng(i)) for way in WAYS for i in range(20)}
    assert said == {"7", "8"}


def test_a_student_learns_which_way_is_paid(problems):
    student = make()
    learn(student, problems[0], lambda way, text: float(way == "worked solution"), 120)
    assert student.shares()["worked solution"] > 0.9
    assert student.shares()[FREE] == pytest.approx(EXPLORE)


def test_a_string_that_pays_is_found_and_takes_over(problems):
    """Nothing else says so: the score of a free string is the share of one token in it."""
    student = make()
    learn(student, problems[0], lambda way, text: text.count(" w7") / 4 if way == FREE else 0.3, 150)
    assert student.shares()[FREE] > 0.95
    assert student.likeliest() == " w7" * 4
    assert student.entropy() < 1
    assert student.divergence() > 8


def test_free_strings_teach_once_enough_are_judged(problems):
    student, rng = make(gather=20), np.random.default_rng(1)
    before = student.speech.logits.copy()
    seen = 0
    while seen < 20:
        assert (student.speech.logits == before).all()
        answers = student.answer([problems[0]] * 64, rng)
        seen += Counter(answers.names())[FREE]
        student.learn(answers, rng.random(64), np.ones(64, dtype=bool))
    assert (student.speech.logits != before).any()


def test_what_was_not_read_teaches_nothing(problems):
    student = make(gather=1)
    answers = student.answer([problems[0]] * 64, np.random.default_rng(0))
    choice, speech = student.choice.logits.copy(), student.speech.logits.copy()
    told = np.zeros(64, dtype=bool)
    told[0] = True
    student.learn(answers, np.arange(64.0), told)  # one reward alone has no spread
    assert (student.choice.logits == choice).all()
    assert (student.speech.logits == speech).all()


def test_entropy_and_divergence_are_those_of_samples(problems):
    """Both as means over many samples of log-probabilities, with the strings' own counted in full."""
    student, rng = make(), np.random.default_rng(2)
    start = make()
    student.choice.logits += rng.normal(size=student.choice.logits.shape)
    student.speech.logits += rng.normal(size=student.speech.logits.shape)
    answers = student.answer([problems[0]] * 40_000, rng)

    def logs(of):
        ways = np.log(np.array(list(of.shares().values())))
        rows = of.speech.logits - np.log(np.exp(of.speech.logits).sum(1, keepdims=True))
        strings = rows[np.arange(4), answers.tokens].sum(1)
        return ways[answers.ways] + np.where(answers.ways == len(WAYS), strings, 0)

    assert student.entropy() == pytest.approx(-logs(student).mean(), abs=0.05)
    assert student.divergence() == pytest.approx((logs(student) - logs(start)).mean(), abs=0.05)
