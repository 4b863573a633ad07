"""Cells: what counts as a query, and every way in which a cell ends."""

from __future__ import annotations

import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Candidate, Item, Trial, Truth, Verdict
from hoodwink.fuzz.cells import PATIENCE, Cell


def candidate(text):
    return Candidate(text, "test", "op")


def drive(cell, problem):
    """Run a cell to its end with a judge that rejects everything; the texts asked, batch by batch."""
    asked = []
    while cell.state == "running":
        batch = cell.pending()
        asked.append([c.text for c in batch[: cell.new]])
        cell.tell([Trial(c, Item(problem, c.text), Verdict(0.1, -1.0, False), Truth.WRONG) for c in batch])
        cell.go_on()
    return asked


def test_repeats_inside_a_cell_are_free_and_are_answered(problems):
    received = []

    def attack():
        received.append((yield [candidate("a"), candidate("b"), candidate("a")]))
        received.append((yield [candidate("b"), candidate("c")]))

    cell = Cell(1, problems[0], attack(), budget=10)
    assert drive(cell, problems[0]) == [["a", "b"], ["c"]]
    assert [[t.text for t in trials] for trials in received] == [["a", "b", "a"], ["b", "c"]]
    assert (cell.state, cell.queries) == ("exhausted", 3)


def test_what_is_asked_again_comes_after_what_is_new_and_is_no_query(problems):
    def attack():
        yield [candidate("a"), candidate("b")]
        yield [candidate("b"), candidate("c"), candidate("a"), candidate("b")]

    cell = Cell(1, problems[0], attack(), budget=10)
    batches = []
    while cell.state == "running":
        batches.append(([c.text for c in cell.pending()], cell.new))
        cell.tell([Trial(c, Item(problems[0], c.text), Verdict(0.1, -1.0, False), Truth.WRONG) for c in cell.pending()])
        cell.go_on()
    assert batches == [(["a", "b"], 2), (["c", "b", "a"], 1)]
    assert cell.queries == 3


def test_a_batch_over_budget_is_cut_and_never_sent_back_short(problems):
    received = []

    def attack():
        received.append((yield [candidate("a"), candidate("b")]))
        received.append((yield [candidate("c"), candidate("d"), candidate("e")]))

    cell = Cell(1, problems[0], attack(), budget=4)
    assert drive(cell, problems[0]) == [["a", "b"], ["c", "d"]]
    assert len(received) == 1
    assert (cell.state, cell.queries) == ("spent", 4)


def test_a_budget_used_up_exactly_lets_the_attack_finish_on_what_it_knows(problems):
    def attack():
        yield [candidate("a"), candidate("b")]
        yield [candidate("b")]

    cell = Cell(1, problems[0], attack(), budget=2)
    assert drive(cell, problems[0]) == [["a", "b"], []]
    assert cell.state == "exhausted"


def test_an_attack_that_asks_for_nothing_new_is_stopped(problems):
    def attack():
        while True:
            yield [candidate("a")]

    cell = Cell(1, problems[0], attack(), budget=10)
    assert len(drive(cell, problems[0])) == PATIENCE + 1
    assert (cell.state, cell.queries) == ("stuck", 1)


@pytest.mark.parametrize("batch", [["text"], [candidate(3)], None, 7])
def test_an_attack_that_yields_no_candidates_fails_with_a_reason(problems, batch):
    def attack():
        yield batch

    cell = Cell(1, problems[0], attack(), budget=10)
    assert cell.state == "failed"
    assert cell.error.startswith("TypeError: ")


def test_an_attack_that_raises_fails_alone(problems):
    def attack():
        yield [candidate("a")]
        raise ValueError("first line\nsecond line")

    cell = Cell(1, problems[0], attack(), budget=10)
    assert drive(cell, problems[0]) == [["a"]]
    assert (cell.state, cell.error) == ("failed", "ValueError: first line")


def test_an_error_of_the_users_is_not_swallowed(problems):
    def attack():
        raise UsageError("bad option")
        yield

    with pytest.raises(UsageError, match="bad option"):
        Cell(1, problems[0], attack(), budget=10)


def test_an_attack_with_nothing_to_try_is_exhausted_at_once(problems):
    cell = Cell(1, problems[0], iter_nothing(), budget=10)
    assert (cell.state, cell.pending(), cell.queries) == ("exhausted", [], 0)


def iter_nothing():
    return
    yield


def test_ending_a_cell_closes_its_generator(problems):
    closed = []

    def attack():
        try:
            yield [candidate("a")]
        finally:
            closed.append(True)

    cell = Cell(1, problems[0], attack(), budget=10)
    cell.end("found")
    cell.end("spent")
    assert closed == [True]
    assert cell.state == "found"
