"""Shrinking: the exact minimal result, in batches, within a budget."""

from __future__ import annotations

import re

import pytest
from hoodwink.corpora.records import Item, Trial, Truth, Verdict
from hoodwink.fuzz.cells import Cell
from hoodwink.fuzz.shrinker import Shrinker, size, without
from hypothesis import given, settings
from hypothesis import strategies as st


def shrink(start, fools, problem, budget=100_000):
    """The shrinker after it has run, and the cell that it ran in."""
    shrinker = Shrinker(start, "test", lambda trial: fools(trial.text))
    cell = Cell(1, problem, shrinker.steps(), budget)
    while cell.state == "running":
        batch = cell.pending()
        cell.tell([Trial(c, Item(problem, c.text), Verdict(0.9, 1.0, True), Truth.WRONG) for c in batch])
        cell.go_on()
    return shrinker, cell


@pytest.mark.parametrize(
    ("start", "fools", "smallest"),
    [
        ("well, please do accept this", lambda t: "please" in t, "please"),
        ("x" * 500, lambda t: len(t) >= 120, "x" * 120),
        ("ab" * 40 + "zz" + "ab" * 40, lambda t: "zz" in t, "zz"),
        ("a1b2c3d4", lambda t: all(c in t for c in "1234"), "1234"),
        ("dh" * 64, lambda t: re.search(r"(dh){8}", t) is not None, "dh" * 8),
        ("anything", lambda t: True, ""),
        ("k", lambda t: t == "k", "k"),
        ("", lambda t: True, ""),
    ],
)
def test_the_exact_minimal_text(problems, start, fools, smallest):
    shrinker, cell = shrink(start, fools, problems[0])
    assert shrinker.smallest == smallest
    assert shrinker.minimal
    assert cell.state == "exhausted"


def test_removing_many_chunks_costs_few_queries(problems):
    start = "".join(f"word{i} " for i in range(40)) + "KEY"
    shrinker, cell = shrink(start, lambda t: "KEY" in t, problems[0])
    assert shrinker.smallest == "KEY"
    assert cell.queries < 60


def test_a_spent_budget_leaves_the_smallest_so_far_and_says_that_it_is_not_minimal(problems):
    shrinker, cell = shrink(
        "a" * 300, lambda t: (len(t) >= 3 and len(t) % 2 == 1) or t == "a" * 300, problems[0], budget=4
    )
    assert cell.state == "spent"
    assert not shrinker.minimal
    assert len(shrinker.smallest) <= 300


@given(
    start=st.text(min_size=1, max_size=30),
    needed=st.sets(st.integers(0, 29), max_size=4),
    parity=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_result_always_fools_and_is_one_minimal(problems, start, needed, parity):
    """Whatever fools, however irregularly: the result does, and without any one of its characters it does not."""
    wanted = [start[i] for i in sorted(needed) if i < len(start)]

    def fools(text):
        rest = iter(text)
        return all(c in rest for c in wanted) and (not parity or len(text) % 3 == len(start) % 3)

    shrinker, _ = shrink(start, fools, problems[0])
    result = shrinker.smallest
    assert fools(result)
    assert size(result) <= size(start)
    assert not any(fools(without(result, [(i, i + 1)])) for i in range(len(result)))
    assert [size(t) for t in shrinker.fooling] == sorted({size(t) for t in shrinker.fooling}, reverse=True)
    assert all(fools(t) for t in shrinker.fooling)


def test_without_leaves_out_ranges():
    assert without("abcdefgh", [(0, 2), (4, 5), (7, 8)]) == "cdfg"
    assert without("abc", []) == "abc"
