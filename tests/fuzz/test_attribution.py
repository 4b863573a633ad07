"""Which tokens carry a find: each left out once, whatever their number, and what is known is what the judge says."""

from __future__ import annotations

import re

import hoodwink
import pytest
from hoodwink import Candidate
from hoodwink.corpora.errors import JudgeError
from hoodwink.corpora.records import Item, Trial, Truth, Verdict, Weight
from hoodwink.fuzz.attribution import MOST, Attribution, joined
from hoodwink.fuzz.cells import Cell
from hoodwink.fuzz.target import cut_by, cut_plainly
from hypothesis import given
from hypothesis import strategies as st


def weigh(text, margin, problem, refuse=None):
    """The weights of a text's pieces under a judge of margins, and what was asked for."""
    attribution = Attribution(text, "test", cut_plainly)
    cell = Cell(1, problem, attribution.steps(), MOST, refuse=refuse)
    asked = []
    while cell.state == "running":
        batch = cell.pending()
        asked += [candidate.text for candidate in batch]
        cell.tell([Trial(c, Item(problem, c.text), Verdict(0.5, margin(c.text), False), Truth.WRONG) for c in batch])
        cell.go_on()
    return attribution.weights, asked


def test_each_piece_is_left_out_once(problems):
    weights, asked = weigh("yes day yes", lambda text: float(text.count("yes")), problems[0])
    assert weights == (Weight("yes", 0.5, 1.0), Weight(" day", 0.5, 2.0), Weight(" yes", 0.5, 1.0))
    assert asked == [" day yes", "yes yes", "yes day"]


def test_equal_texts_are_asked_about_once(problems):
    weights, asked = weigh(" ha ha ha", lambda text: 1.0, problems[0])
    assert [w.piece for w in weights] == [" ha"] * 3
    assert asked == [" ha ha"]


def test_what_a_constraint_forbids_is_not_asked_about(problems):
    refused = lambda problem, texts: ["forbidden" if text == "b" else "" for text in texts]  # noqa: E731
    weights, asked = weigh("a b", lambda text: 1.0, problems[0], lambda p, ts: refused(p, [t.strip() for t in ts]))
    assert weights == (Weight("a", None, None), Weight(" b", 0.5, 1.0))
    assert asked == ["a"]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=300), st.integers(1, 60))
def test_joining_neighbours_loses_nothing_and_keeps_to_the_limit(pieces, most):
    runs = joined(pieces, most)
    assert "".join(runs) == "".join(pieces)
    assert len(runs) <= most
    assert len(pieces) > most or runs == pieces


def test_a_long_text_costs_no_more_than_the_limit(problems):
    weights, asked = weigh(" w" * 500 + " end", lambda text: 1.0, problems[0])
    assert "".join(w.piece for w in weights) == " w" * 500 + " end"
    assert len(asked) <= len(weights) <= MOST


def pairing(reference, response):
    """Accepts right answers, and whatever holds two certain words."""
    words = set(re.findall(r"\w+", response))
    return 0.9 if reference in response else 0.2 + 0.2 * len(words & {"odd", "words"})


def two_words(target, rng):
    """A find with words that matter and one that does not go alone."""
    yield [Candidate("some odd and useless words", "two_words", "try")]


def test_a_run_keeps_what_each_token_of_a_shrunk_find_is_worth(tmp_path):
    run = hoodwink.attack(pairing, attacks=[two_words], problems=3, budget=5, seed=3, out=tmp_path)
    assert len(run.finds) == 3
    for find in run.finds:
        assert find["shrunk"] == "odd words"
        assert [piece for piece, _, _ in find["tokens"]] == ["odd", " words"]
        assert [score for _, score, _ in find["tokens"]] == pytest.approx([0.4, 0.4])
        assert find["shrunk_score"] == pytest.approx(0.6)
        assert all(margin < find["shrunk_margin"] for _, _, margin in find["tokens"])


def test_weighing_costs_no_query_and_finds_that_are_left_as_they_are_are_not_weighed(tmp_path):
    asked = [
        hoodwink.summarise(
            hoodwink.attack(
                pairing, attacks=[two_words], problems=3, budget=5, seed=3, shrink_budget=budget, out=tmp_path / name
            )
        )
        for budget, name in ((0, "whole"), (100, "shrunk"))
    ]
    assert [s.attacks[0].queries_total for s in asked] == [3, 3]
    assert [{len(f["tokens"]) for f in s.finds} for s in asked] == [{0}, {2}]


class Cutting:
    """A judge that cuts texts as it is told to."""

    name, fingerprint = "cutting", "cutting-1"

    def __init__(self, cut):
        self.cut = cut

    def score(self, items):
        return [Verdict(0.9, 2.0, True) for _ in items]


def test_a_judge_is_held_to_its_cuts():
    assert cut_by(Cutting(lambda text: (text[:1], text[1:])), "a b") == ["a", " b"]
    for loses in (str.split, lambda text: [], lambda text: [*text, "!"]):
        assert cut_by(Cutting(loses), "yes day") == cut_plainly("yes day")
    with pytest.raises(JudgeError, match="judge cutting raised RuntimeError: no tokens"):
        cut_by(Cutting(fail), "yes")
    with pytest.raises(JudgeError, match=r"judge cutting cut 'yes' into \[1, 2\]; return the texts of its tokens"):
        cut_by(Cutting(lambda text: [1, 2]), "yes")
    with pytest.raises(JudgeError, match=r"judge cutting raised TypeError: .* not NoneType"):
        cut_by(Cutting(lambda text: None), "yes")


def fail(text):
    raise RuntimeError("no tokens")
