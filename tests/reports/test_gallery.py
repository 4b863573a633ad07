"""The cards of the gallery: what they say is what the store, the find and its lineage say."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hoodwink import Run
from hoodwink.fuzz.lines import shrunk_proof
from hoodwink.reports.attack.gallery import GALLERY, STEPS, WEIGHTS, card_of, chosen, hang, identity
from hoodwink.reports.attack.page import render
from hoodwink.reports.attack.summary import RunSummary, summarise
from hoodwink.reports.snippets import as_test


@pytest.fixture(scope="module")
def summary(planted_run: Run) -> RunSummary:
    return summarise(planted_run)


def with_find(summary: RunSummary, **changes: Any) -> RunSummary:
    """The same run with its first find changed."""
    return replace(summary, finds=({**summary.finds[0], **changes}, *summary.finds[1:]))


def test_small_finds_fill_the_gallery(summary: RunSummary) -> None:
    many = GALLERY + 1
    places = replace(summary.diversity, places=(0,) * many)
    assert len(hang(replace(summary, finds=summary.finds[:1] * many, diversity=places)).cards) == GALLERY


def test_every_find_has_a_card_and_no_two_share_a_link(summary: RunSummary) -> None:
    gallery = hang(summary)
    assert len(gallery.cards) == gallery.total == len(summary.finds)
    assert len({identity(find) for find in summary.finds}) == len(summary.finds)


def test_a_link_follows_from_the_find_alone(summary: RunSummary) -> None:
    find = summary.finds[0]
    assert identity(find) == identity(dict(reversed(find.items())))
    other = with_find(summary, shrunk="", queries=99, score=0.1).finds[0]
    assert identity(other) == identity(find), "a report made before shrinking has the same links"
    for field in ("problem", "attack", "response"):
        assert identity({**find, field: f"{find[field]}x"}) != identity(find)
    assert identity({**find, "seed": find["seed"] + 1}) != identity(find)


def test_the_first_cards_are_of_different_failure_modes() -> None:
    finds = [{"shrunk": text} for text in ("aaa", "aa", "b", "a", "ccc")]
    assert chosen(finds, [0, 0, 1, 0, 2]) == [3, 2, 4, 1, 0]


def test_a_crowded_gallery_has_some_of_every_mode() -> None:
    finds = [{"shrunk": "x" * (place % 7)} for place in range(10 * GALLERY)]
    modes = [0] * (9 * GALLERY) + [1 + place % 50 for place in range(GALLERY)]
    shown = chosen(finds, modes)
    assert len(shown) == len(set(shown)) == GALLERY
    assert Counter(modes[place] for place in shown) == dict.fromkeys(range(51), 4) | dict.fromkeys(range(47), 4) or (
        min(Counter(modes[place] for place in shown).values()) >= 3
    )


def test_a_page_says_how_many_modes_it_shows(summary: RunSummary) -> None:
    many = GALLERY + 100
    modes = replace(summary.diversity, modes=summary.diversity.modes[:1] * many, places=tuple(range(many)))
    crowded = replace(summary, finds=summary.finds[:1] * many, diversity=modes)
    assert hang(crowded).modes == GALLERY
    html = render(crowded).html
    assert f"{GALLERY} of them here, of {GALLERY} of {many} failure modes, and all" in html
    assert "filtered by any of them" not in html


def test_the_difference_is_from_the_plain_wrong_answer(summary: RunSummary) -> None:
    start = summary.starts[summary.finds[0]["problem"]]
    card = card_of(with_find(summary, response=f"{start} dhdh", lineage=[["op", f"{start} dhdh"]]), 0)
    assert (card.start, card.start_is) == (start, "the plain wrong answer")
    assert [(p.mark, p.text) for p in card.changes] == [("same", start), ("new", " dhdh")]
    assert card.steps == ()


def test_or_from_the_first_step_of_the_lineage(summary: RunSummary) -> None:
    problem = summary.finds[0]["problem"]
    lineage = [["fresh", "dh"], ["grow", "dh dh"], ["grow", "dh dh dh"]]
    margins = {(problem, "dh"): (0.1, -2.0), (problem, "dh dh dh"): (0.9, 3.5), ("another", "dh dh"): (0.5, 9.0)}
    card = card_of(replace(with_find(summary, response="dh dh dh", lineage=lineage), margins=margins), 0)
    assert (card.start, card.start_is) == ("dh", "the first step of its lineage")
    assert [(p.mark, p.text) for p in card.changes] == [("same", "dh"), ("new", " dh dh")]
    assert [(s.number, s.op, s.margin, s.rise) for s in card.steps] == [
        (1, "fresh", -2.0, None),
        (2, "grow", None, None),
        (3, "grow", 3.5, None),
    ]
    known = replace(with_find(summary, lineage=lineage), margins={**margins, (problem, "dh dh"): (0.4, -0.5)})
    assert [s.rise for s in card_of(known, 0).steps] == [None, 1.5, 4.0]


def test_a_long_lineage_ends_with_its_last_steps(summary: RunSummary) -> None:
    card = card_of(with_find(summary, lineage=[["op", f"{i}"] for i in range(50)]), 0)
    assert [s.number for s in card.steps] == list(range(51 - STEPS, 51))
    assert card.earlier == 50 - STEPS


def test_nothing_left_of_the_start_is_no_difference(summary: RunSummary) -> None:
    card = card_of(with_find(summary, response="ж", lineage=[["op", "ж"]]), 0)
    assert card.changes == ()
    assert card.start is not None


def test_tokens_that_carry_a_find(summary: RunSummary) -> None:
    tokens = [["dh", 0.1, -2.0], [" x", 0.8, 3.0], ["?", None, None], ["!", 0.97, 5.0]]
    card = card_of(with_find(summary, shrunk="dh x?!", shrunk_margin=4.0, tokens=tokens), 0)
    assert [(t.text, t.fall, t.emphasis, t.decides) for t in card.tokens] == [
        ("dh", 6.0, WEIGHTS, True),
        (" x", 1.0, 1, False),
        ("?", None, 0, False),
        ("!", -1.0, 0, False),
    ]
    assert [t.text for t in card.carrying] == ["dh", " x", "!"]


def test_a_find_that_no_piece_carries(summary: RunSummary) -> None:
    tokens = [["dh", 0.9, 4.0], [" x", 0.95, 4.5]]
    spread = with_find(summary, shrunk="dh x", shrunk_margin=4.0, tokens=tokens)
    spread = replace(spread, finds=spread.finds[:1], diversity=replace(spread.diversity, places=(0,)))
    assert card_of(spread, 0).spread
    assert "by no single piece: it passes without any one of them" in hang(spread).cards[0]
    assert "falls by 0.00" not in hang(spread).cards[0]
    for row in (["y", 0.1, -3.0], ["y", 0.8, 3.0], ["y", None, None]):
        assert not card_of(with_find(summary, shrunk="dh xy", shrunk_margin=4.0, tokens=[*tokens, row]), 0).spread


def test_a_card_proves_and_sorts_by_what_it_shows(summary: RunSummary) -> None:
    both = {"response": "long 8", "shrunk": "8", "proof": "of all", "score": 0.6, "shrunk_score": 0.9}
    one = replace(
        with_find(summary, **both, shrunk_proof="of the rest"), diversity=replace(summary.diversity, places=(0,))
    )
    card = hang(replace(one, finds=one.finds[:1])).cards[0]
    assert "<dt>Why wrong</dt><dd data-search>of the rest</dd>" in card
    assert 'data-score="0.9"' in card


def test_a_find_of_an_older_run_says_what_its_proof_is_of(summary: RunSummary) -> None:
    old = {k: v for k, v in summary.finds[0].items() if k != "shrunk_proof"} | {"proof": "p"}
    assert shrunk_proof({**old, "response": "a", "shrunk": "a"}) == "p"
    assert shrunk_proof({**old, "response": "ab", "shrunk": "a"}) == "as found: p"
    assert '"""as found: p"""' in as_test({**old, "response": "ab", "shrunk": "a"})


def test_a_find_of_an_older_run_has_no_tokens(summary: RunSummary) -> None:
    old = {k: v for k, v in summary.finds[0].items() if k not in ("tokens", "shrunk_margin")}
    card = card_of(replace(summary, finds=(old,)), 0)
    assert (card.tokens, card.carrying) == ((), ())


def test_the_test_of_a_find_asks_the_judge_by_name(summary: RunSummary) -> None:
    card = card_of(summary, 0)
    assert card.test is not None
    (asked,) = [node for node in ast.walk(ast.parse(card.test)) if isinstance(node, ast.Call)]
    assert ast.unparse(asked.func) == "hoodwink.assert_rejects"
    assert [ast.literal_eval(argument) for argument in asked.args] == ["planted:length"]
    assert {k.arg: ast.literal_eval(k.value) for k in asked.keywords}["response"] == summary.finds[0]["shrunk"]
    unnamed = replace(summary, settings={**summary.settings, "judge": "gullible"})
    assert "hoodwink_judge: hoodwink.Judge" in str(card_of(unnamed, 0).test)
    assert card_of(with_find(summary, shrunk="x" * 100_000), 0).test is None


def test_filters_count_the_cards(summary: RunSummary) -> None:
    filters = {f.name: f for f in hang(summary).filters}
    assert {value: n for value, _, n in filters["attack"].values} == Counter(f["attack"] for f in summary.finds)
    assert [n for _, _, n in filters["mode"].values] == [mode.finds for mode in summary.diversity.modes]
    assert all(len(f.values) > 1 for f in filters.values())
