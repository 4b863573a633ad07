"""The prefix tree against a plain list of sequences."""

from __future__ import annotations

import pytest
import torch
from hoodwink.judges.prefixes import Prefixes
from hypothesis import given, settings
from hypothesis import strategies as st

#: Bytes of one token's keys and values: two times one layer, one head, one fp32.
TOKEN = 8

sequences = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9).map(tuple), max_size=8, unique=True)


def values(sequence):
    """Keys and values that say which prefix they belong to."""
    return [hash(sequence[: place + 1]) % 997 for place in range(len(sequence))]


def through(tree, batch, *, keeps=lambda run: True):
    """One call of an engine: begin, then keep or drop every new path, from the last to the first."""
    runs = tree.begin(batch)
    for run in reversed(runs):
        if run.path is None:
            continue
        if keeps(run) or run.path.after:
            ways = [s for s in batch if s[run.path.start : run.path.end] == run.tokens and ends_at(tree, s, run.path)]
            own = torch.tensor(values(ways[0])[run.path.start : run.path.end], dtype=torch.float32)
            tree.keep(run.path, own.view(1, 1, 1, -1, 1).repeat(2, 1, 1, 1, 1))
        else:
            tree.drop(run.path)
    return runs


def ends_at(tree, sequence, path):
    return tree.find(sequence)[0] is path


def stored(tree):
    """Every sequence that the tree holds, from its paths alone."""
    held = []
    for path in tree.paths():
        tokens = ()
        for part, end in path.chain(path.end):
            tokens += part.tokens[: end - part.start]
        held.append(tokens)
    return held


def shared(first, second):
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


@settings(max_examples=150, deadline=None)
@given(batches=st.lists(sequences, max_size=6))
def test_what_is_found_is_the_longest_prefix_ever_given(batches):
    tree = Prefixes(1 << 20)
    seen = []
    for batch in batches:
        runs = through(tree, batch)
        tree._check_invariants()
        assert [tuple(_whole(run)) for run in runs] == sorted(batch)
        seen += batch
        for sequence in seen:
            path, depth = tree.find(sequence)
            assert depth == len(sequence)
            read = torch.cat([part.cache[0, 0, 0, : end - part.start, 0] for part, end in path.chain(depth)])
            assert read.tolist() == values(sequence)
        assert tree.bytes == TOKEN * len({s[: i + 1] for s in seen for i in range(len(s))})
    assert sorted({s[: i + 1] for s in stored(tree) for i in range(len(s))}) == sorted(
        {s[: i + 1] for s in seen for i in range(len(s))}
    )


def _whole(run):
    tokens = []
    for part, end in run.before.chain(run.start):
        tokens += part.tokens[: end - part.start]
    return [*tokens, *run.tokens]


@settings(max_examples=100, deadline=None)
@given(batches=st.lists(sequences, max_size=6), budget=st.integers(0, 60), data=st.data())
def test_trimming_keeps_to_the_budget_and_spares_the_latest(batches, budget, data):
    tree = Prefixes(budget * TOKEN)
    for batch in batches:
        through(tree, batch, keeps=lambda run: data.draw(st.booleans()))
        tree._check_invariants()
        latest = {path for path in tree.paths() if path.used == tree._clock}
        tree.trim(tree.budget)
        tree._check_invariants()
        left = set(tree.paths())
        assert latest <= left
        assert tree.bytes <= tree.budget or left == latest


def test_the_least_recently_used_goes_first():
    tree = Prefixes(3 * TOKEN)
    for batch in ([(1,)], [(2,)], [(1,)], [(3, 3)]):
        through(tree, batch)
    tree.trim(tree.budget)
    assert sorted(stored(tree)) == [(1,), (3, 3)]


def test_what_must_be_computed():
    tree = Prefixes(1 << 20)
    first = through(tree, [(1, 2, 3, 4)])
    again = through(tree, [(1, 2, 3, 4), (1, 2, 9), (1, 2), (1, 2, 9, 9)])
    assert [(r.start, r.tokens) for r in first] == [(0, (1, 2, 3, 4))]
    assert [(r.start, r.tokens, r.path is None) for r in again] == [
        (1, (2,), True),
        (3, (4,), True),
        (2, (9,), False),
        (3, (9,), False),
    ]
    assert tree.find((1, 2, 9, 7))[1] == 3


def test_a_path_on_which_others_hang_cannot_be_dropped():
    tree = Prefixes(1 << 20)
    through(tree, [(1, 2)])
    through(tree, [(1, 3)])
    holder, _ = tree.find((1, 2))
    with pytest.raises(AssertionError):
        tree.drop(holder)
