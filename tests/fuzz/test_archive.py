"""Failure modes: finds sorted by what their shrunk forms have in common, and how widely they are spread."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from hoodwink.fuzz import archive
from hoodwink.fuzz.archive import Specimen, diversity, evenness
from hoodwink.fuzz.traits import CHARACTERS, LENGTHS, traits
from hypothesis import given, settings
from hypothesis import strategies as st

HOSTILE = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))


def finds(*shrunk, attack="random"):
    """A find on a problem of its own for each shrunk form."""
    return [Specimen(f"p{at}", attack, f"{text} and more", text) for at, text in enumerate(shrunk)]


THREE = ["Solution: step", "solution step", "Solution step by", "dhdhdhdh", "dhdhdhdhdh", "%%%%"]


def test_finds_that_share_their_trigrams_are_one_mode_named_by_what_they_share():
    modes = diversity(finds(*THREE)).modes
    told = [(m.name, m.finds, m.problems) for m in modes]
    assert told == [("solution step", 3, 3), ("dhdhdhdh", 2, 2), ("%%%%", 1, 1)]
    assert modes[0].examples == ("solution step", "Solution: step", "Solution step by")
    assert modes[1].examples == ("dhdhdhdh", "dhdhdhdhdh")


def test_a_mode_counts_finds_problems_and_attacks_each_once():
    some = [
        Specimen("p1", "random", "x", "the the"),
        Specimen("p1", "auto", "x", "the the"),
        Specimen("p2", "random", "x", "The  the"),
    ]
    (mode,) = diversity(some).modes
    assert (mode.name, mode.finds, mode.problems, mode.attacks) == ("the the", 3, 2, ("random", "auto"))
    assert mode.examples == ("the the", "The  the")


def test_case_and_blanks_make_no_mode():
    assert len(diversity(finds("Thought process", "THOUGHT\n process", " thought\tprocess ")).modes) == 1


def test_the_name_is_the_longest_text_in_two_thirds_of_the_forms():
    (mode,) = diversity(finds("xyz abcdef", "q abcdefg", "abcdef xyz")).modes
    assert mode.name == "abcdef"


def test_a_mode_of_which_nothing_is_shared_is_named_by_its_commonest_form():
    assert [m.name for m in diversity(finds("a", "a", "b")).modes] == ["a", "b"]
    assert [m.name for m in diversity(finds("", "")).modes] == [""]


def test_no_finds_are_no_modes():
    nothing = diversity([])
    assert (nothing.modes, nothing.evenness, nothing.coverage, nothing.cells) == ((), None, 0, {})


def test_one_find_is_one_mode_without_evenness():
    one = diversity(finds("abc"))
    assert ([m.name for m in one.modes], one.evenness) == (["abc"], None)
    assert one.coverage == 1 / (LENGTHS * len(CHARACTERS))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([], None), ([5], None), ([2, 2], 1.0), ([3, 3, 3, 3], 1.0), ([3, 1], 0.8112781), ([99, 1], 0.0807931)],
)
def test_evenness_is_entropy_over_its_maximum(counts, expected):
    assert evenness(counts) == (None if expected is None else pytest.approx(expected))


def test_cells_are_of_the_whole_response_by_length_and_characters():
    some = [
        Specimen("p", "a", text, "x")
        for text in ("", "  ", "abc", "ab cd", "12", "?!", "解解", "a1?", "a" * 255, "a" * 9999)
    ]
    spread = diversity(some)
    assert spread.cells == {
        (0, "blank"): 1, (2, "blank"): 1, (2, "digits"): 1, (2, "foreign"): 1, (2, "letters"): 1, (2, "mixed"): 1,
        (2, "signs"): 1, (3, "words"): 1, (8, "letters"): 2,
    }  # fmt: skip
    assert spread.coverage == 9 / 63


def test_evenness_is_over_modes():
    assert diversity(finds(*THREE)).evenness == pytest.approx(
        -sum(n / 6 * math.log(n / 6) for n in (3, 2, 1)) / math.log(3)
    )


def test_the_same_finds_give_the_same_and_their_order_changes_no_mode():
    first = diversity(finds(*THREE))
    assert first == diversity(finds(*THREE))
    shuffled = finds(*THREE)
    random.Random(3).shuffle(shuffled)
    assert diversity(shuffled) == first


def test_many_duplicates_are_compared_once(monkeypatch):
    compared = []
    distance = archive._distance
    monkeypatch.setattr(archive, "_distance", lambda a, b: compared.append(1) or distance(a, b))
    modes = diversity(finds(*["solution step"] * 3000, *["dhdhdhdh"] * 2000, "%%%%")).modes
    assert [(m.name, m.finds) for m in modes] == [("solution step", 3000), ("dhdhdhdh", 2000), ("%%%%", 1)]
    assert len(compared) == 3


def test_more_texts_than_are_compared_go_with_the_nearest(monkeypatch):
    monkeypatch.setattr(archive, "COMPARED", 4)
    common = ["solution step", "solution steps", "dhdhdhdh", "dhdhdhdhdh"] * 2
    rare = [f"solution step {at}" for at in range(5)] + ["dhdhdhdhdhd", "xdhdhdhdh"]
    modes = diversity(finds(*common, *rare)).modes
    assert [(m.name, m.finds) for m in modes] == [("solution step", 9), ("dhdhdhdh", 6)]


def test_hostile_texts_are_sorted_like_others():
    modes = diversity(finds(*HOSTILE, "", " ", "\x00", "\u202e", "🎈" * 300)).modes
    assert sum(m.finds for m in modes) == len(HOSTILE) + 5
    assert [m.finds for m in modes] == sorted((m.finds for m in modes), reverse=True)


TEXT = st.text(st.sampled_from("ab 1?é\n\x00"), max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("pqr"), TEXT, TEXT), max_size=12))
def test_every_find_is_in_one_mode_and_one_cell(rows):
    some = [Specimen(problem, "a", response, shrunk) for problem, response, shrunk in rows]
    spread = diversity(some)
    assert sum(m.finds for m in spread.modes) == sum(spread.cells.values()) == len(rows)
    assert all(1 <= m.problems <= m.finds and 1 <= len(m.examples) <= 5 for m in spread.modes)
    assert set(spread.cells) == {traits(response)[:2] for _, response, _ in rows}
    assert [spread.places.count(place) for place in range(len(spread.modes))] == [m.finds for m in spread.modes]
    assert all(
        find.shrunk in spread.modes[place].examples or len(spread.modes[place].examples) == 5
        for find, place in zip(some, spread.places, strict=True)
    )
    assert (spread.evenness is None) == (len(spread.modes) < 2)
    if spread.evenness is not None:
        assert 0 < spread.evenness <= 1 + 1e-9


@pytest.mark.parametrize(
    ("text", "perplexity", "cell"),
    [
        ("", None, (0, "blank", 0)), ("a", 1.0, (1, "letters", 1)), ("a", 0.0, (1, "letters", 1)),
        ("a" * 7, 99.0, (3, "letters", 2)), ("a" * 8, 100.0, (4, "letters", 3)), ("a", 1e30, (1, "letters", 6)),
        ("a b", 12.0, (2, "words", 2)), ("١٢", None, (2, "foreign", 0)),
    ],
)  # fmt: skip
def test_traits(text, perplexity, cell):
    assert traits(text, perplexity) == cell
