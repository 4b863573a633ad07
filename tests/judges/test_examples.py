"""Examples to train on: which ones are taken, and what they may say."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import COMPLETE, Item, Problem, Response
from hoodwink.judges.examples import Example, Recipe, Training, clean_examples, process_examples


def test_clean_examples_are_right_or_complete_and_only_of_the_problems_given():
    problems = Arithmetic().sample(21, split="train", seed=8)
    examples = clean_examples(problems, np.random.default_rng(1))
    assert {e.item.problem.id for e in examples} == {p.id for p in problems}
    assert len(examples) == len({(e.item.problem.id, e.item.response) for e in examples}) == 21 * 7
    for example in examples:
        problem = example.item.problem
        known = problem.right if example.target else [r for r in problem.wrong if r.kind in COMPLETE]
        assert example.item.response in {r.text for r in known}
    assert Counter((e.item.problem.id, e.target) for e in examples) == {
        (p.id, target): count for p in problems for target, count in ((1.0, 3), (0.0, 4))
    }


def test_clean_examples_follow_from_their_stream_and_are_shuffled(problems):
    first, again, other = (clean_examples(problems, np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again != other
    order = [e.item.problem.id for e in first]
    assert order != sorted(order, key=[p.id for p in problems].index)
    assert len({e.target for e in first[:12]}) == 2


def test_clean_examples_of_problems_with_few_responses():
    problem = Problem.make(
        family="file",
        question="q",
        reference="22",
        right=(Response("22", "reference"),),
        wrong=(Response("23", "given"), Response("", "empty"), Response("-22", "sign"), Response("2", "truncated")),
    )
    examples = clean_examples([problem], np.random.default_rng(0))
    assert sorted(examples, key=lambda e: e.target) == [
        Example(Item(problem, "23"), 0.0),
        Example(Item(problem, "22"), 1.0),
    ]
    assert clean_examples([], np.random.default_rng(0)) == []


def test_process_examples_are_the_clean_ones_and_unfinished_solutions():
    problems = Arithmetic().sample(21, split="train", seed=8)
    examples = process_examples(problems, np.random.default_rng(1))
    assert examples == process_examples(problems, np.random.default_rng(1))
    clean = clean_examples(problems, np.random.default_rng(1))
    kept = set(map(_text, examples))
    assert kept >= set(map(_text, clean))
    unfinished = [e for e in examples if _text(e) not in set(map(_text, clean))]
    assert len(kept) == len(examples) == len(clean) + len(unfinished)
    for example in unfinished:
        worked = " ".join(example.item.problem.solution)
        assert worked.startswith(example.item.response) == bool(example.target)
    counts = Counter((e.item.problem.id, e.target) for e in unfinished)
    assert set(counts.values()) <= {1, 2}
    assert all(counts[p.id, 1.0] == 2 for p in problems)


def _text(example):
    return example.item.problem.id, example.item.response, example.target


@pytest.mark.parametrize("target", [-0.1, 1.5, math.nan])
def test_a_target_is_a_score(problems, target):
    with pytest.raises(UsageError, match=r"write a number from 0 \(reject\) to 1 \(accept\)"):
        Example(Item(problems[0], "x"), target)


def test_a_training_comes_back_from_its_json():
    training = Training(Recipe(seed=4), examples=8, steps=2, losses=(0.5, 0.25), seconds=1.5)
    assert Training.from_json(json.loads(json.dumps(training.to_json()))) == training
    assert Training.from_json(training.to_json()) != replace(training, finds=1)
