"""Where a step ends, what the partial solutions are, and which of them are known right or wrong."""

from __future__ import annotations

import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Problem, Response
from hoodwink.judges.steps import MOST, known_partials, partials, steps
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("response", "cut"),
    [
        ("", [""]),
        (" \n ", [" \n "]),
        ("272", ["272"]),
        ("Apples: 3 * 4 = 12. The answer is 12.", ["Apples: 3 * 4 = 12. ", "The answer is 12."]),
        ("3.5 and 1,000.25 are one step", ["3.5 and 1,000.25 are one step"]),
        ("So? Yes! Then...  On", ["So? ", "Yes! ", "Then...  ", "On"]),
        ('He said "ten." Then (see above.) more', ['He said "ten." ', "Then (see above.) ", "more"]),
        ("one\ntwo\n\n\nthree\n", ["one\n", "two\n\n\n", "three\n"]),
        ("one \n \n two", ["one \n \n", " two"]),
        ("\n\none. two", ["\n\none. ", "two"]),
        ("1. Add.\n2. Take 3.\n(b) x", ["1. Add.\n", "2. Take 3.\n", "(b) x"]),
        ("第一步。第二步！完", ["第一步。", "第二步！", "完"]),
        ("dh" * 50, ["dh" * 50]),
    ],
)
def test_steps(response: str, cut: list[str]) -> None:
    assert steps(response) == cut


def test_partial_solutions_end_with_the_response_as_it_is() -> None:
    assert partials("One. Two.\n c ") == ["One.", "One. Two.", "One. Two.\n c "]
    assert partials("") == [""]
    assert partials("x\n") == ["x\n"]


def test_more_steps_than_allowed_are_taken_together_evenly() -> None:
    lines = [f"line {i}\n" for i in range(10)]
    assert steps("".join(lines), 4) == ["".join(lines[a:b]) for a, b in ((0, 2), (2, 5), (5, 7), (7, 10))]
    assert steps("".join(lines), 1) == ["".join(lines)]
    assert len(steps("On. " * 1000)) == MOST


@given(st.text(alphabet='ab1 .!?\n\t)"。', max_size=60), st.integers(1, 6))
def test_nothing_is_lost_and_the_same_number_cuts_the_same_way(response: str, most: int) -> None:
    cut = steps(response, most)
    assert "".join(cut) == response
    assert 1 <= len(cut) <= most
    assert len(cut) == 1 or all(piece.strip() for piece in cut)
    assert steps(response, len(cut)) == cut
    unfinished = partials(response, most)
    assert len(unfinished) == len(cut)
    assert unfinished[-1] == response
    assert all(response.startswith(text) for text in unfinished)


def test_worked_solutions_are_cut_where_their_steps_end() -> None:
    for problem in Arithmetic().sample(28, split="all", seed=5):
        [worked] = [r for r in problem.right if r.kind == "worked"]
        assert [step.strip() for step in steps(worked.text)[:-1]] == list(problem.solution)


def test_partial_solutions_are_right_up_to_the_wrong_step() -> None:
    problem = Problem.make(
        family="x",
        question="q",
        reference="9",
        right=(Response("A: 1. B: 2. C: 9. The answer is 9.", "worked"),),
        wrong=(
            Response("A: 1. B: 3. C: 8. The answer is 8.", "slip", 1),
            Response("Z: 1. Y: 2. The answer is 3.", "other"),
        ),
        solution=("A: 1.", "B: 2.", "C: 9."),
    )
    assert known_partials(problem) == [
        (Response("A: 1.", "worked"), True),
        (Response("A: 1. B: 2.", "worked"), True),
        (Response("A: 1. B: 2. C: 9.", "worked"), True),
        (Response("A: 1. B: 3.", "slip"), False),
        (Response("A: 1. B: 3. C: 8.", "slip"), False),
    ]
    assert known_partials(Problem.make(family="x", question="q", reference="9")) == []
