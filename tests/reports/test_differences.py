"""What changed between two texts: the pieces make both texts again, and say what a person would say."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hoodwink.reports.attack.differences import COMPARED, Piece, difference, kept
from hypothesis import given
from hypothesis import strategies as st

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
TEXTS = st.text(st.sampled_from("ab 1.é\n\u202e"), max_size=30) | st.sampled_from(HOSTILE)


@given(TEXTS, TEXTS)
def test_the_pieces_make_both_texts(old: str, new: str) -> None:
    pieces = difference(old, new)
    assert "".join(p.text for p in pieces if p.mark != "new") == old
    assert "".join(p.text for p in pieces if p.mark != "gone") == new
    assert all(p.text for p in pieces)
    assert all(a.mark != b.mark for a, b in itertools.pairwise(pieces))


def test_a_word_is_one_change_and_a_digit_another() -> None:
    assert difference("The answer is 639.", "The answer is -629.") == (
        Piece("same", "The answer is "),
        Piece("new", "-"),
        Piece("same", "6"),
        Piece("gone", "3"),
        Piece("new", "2"),
        Piece("same", "9."),
    )
    assert difference("one two", "one three") == (Piece("same", "one "), Piece("gone", "two"), Piece("new", "three"))


@pytest.mark.parametrize(("old", "new", "share"), [("", "", 0), ("abc", "", 0), ("", "abc", 0), ("a b", "a c", 1 / 2)])
def test_how_much_was_kept(old: str, new: str, share: float) -> None:
    assert kept(difference(old, new)) == pytest.approx(share)


def test_blanks_alone_are_nothing_in_common() -> None:
    pieces = difference("The answer is 628.", "even plot Hook rigor")
    assert kept(pieces) == 0
    assert [p.mark for p in pieces] == ["gone", "new"]


def test_long_texts_are_compared_at_their_beginning() -> None:
    text = "word " * 40_000
    assert difference(text, text) == (Piece("same", text),)
    pieces = difference(text, f"other {text}")
    assert "".join(p.text for p in pieces if p.mark != "gone") == f"other {text}"
    assert len(pieces[-1].text) > COMPARED
