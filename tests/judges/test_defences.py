"""Filters and random copies: what is refused, what it costs to climb, and how defences stand around one another."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Item, Problem, Truth, Verdict
from hoodwink.judges.defences.characters import Characters, allowed
from hoodwink.judges.defences.copies import MODES, copies_of
from hoodwink.judges.defences.echo import Echo
from hoodwink.judges.defences.length import Length
from hoodwink.judges.defences.refusal import FILTERED, REFUSED
from hoodwink.judges.defences.smooth import Smooth
from hoodwink.judges.judge import Usage, ask, sigmoid, unread
from hoodwink.judges.opening import defended, open_judge
from hypothesis import given
from hypothesis import strategies as st

PROBLEMS = Arithmetic().sample(21, split="all", seed=4)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("272., dh$", max_size=40)


class Says:
    """Gives each response the margin that a function says; None is unread. Remembers what it was asked."""

    name = fingerprint = "says"

    def __init__(self, margin: Callable[[str], float | None] = lambda text: 1.0) -> None:
        self.margin = margin
        self.asked: list[str] = []

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        self.asked += [i.response for i in items]
        said = [self.margin(i.response) for i in items]
        return [unread("no") if m is None else Verdict(sigmoid(m), m, m >= 0) for m in said]


def asked(judge, *texts: str, problem: Problem = PROBLEMS[0]) -> list[Verdict]:
    return ask(judge, [Item(problem, text) for text in texts])


def with_reference(reference: str) -> Problem:
    return Problem.make(family="f", question="q", reference=reference)


# Filters


def test_a_refused_response_never_reaches_the_judge_and_says_why():
    inside = Says()
    judge = Length(inside, most=5)
    short, long, empty = asked(judge, "12345", "123456", "")
    assert inside.asked == ["12345"]
    assert (short.accepted, short.outcome) == (True, "")
    assert [(v.accepted, v.parsed, v.outcome) for v in (long, empty)] == [(False, True, FILTERED)] * 2
    assert long.text == "refused before the judge: 6 characters, of 5 allowed"
    assert empty.text == "refused before the judge: 0 characters, of 1 needed"
    assert judge.used() == {"says": Usage(1)}


def test_how_far_over_the_bound_a_response_is_can_be_climbed_and_lies_under_all_verdicts_inside():
    judge = Length(Says(lambda text: -15.0), most=10)
    margins = [v.margin for v in asked(judge, "x" * 10, "x" * 11, "x" * 20, "x" * 10_000)]
    assert margins == sorted(margins, reverse=True)
    assert margins[0] == -15.0
    assert margins[2] == pytest.approx(REFUSED - math.log(2))
    assert all(math.isfinite(m) for m in margins)


@pytest.mark.parametrize(
    ("options", "text", "passes"),
    [
        ("", "The answer is $2,450.\n\t~", True),
        ("", "The answer is 2\u00a0450", False),
        ("", "\u202e272", False),
        ("", "\x1b[31m272", False),
        ("", "dhdhdhdhdhdhdh", True),
        ("", "dhdhdhdhdhdhdhdh", False),
        ("", "10000000", True),
        ("", "100000000", False),
        ("repeats=8", "100000000", True),
        ("repeats=0", "0" * 90, True),
        ("", "it is " * 8, False),
        ("allow=any", "Ω 🎈\x00", True),
        ("allow=latin", "Größe 2,450 € → 12 × 3", True),
        ("allow=latin", "Größe\u200b", False),
        ("allow=latin", "Грosse", False),
        ("allow=latin+cyrillic", "Грosse", True),
        ("allow=hiragana+cjk", "かいせつ 解", True),
    ],
)
def test_characters(options: str, text: str, passes: bool) -> None:
    judge = defended(f"characters?{options}" if options else "characters", Says())
    (verdict,) = asked(judge, text)
    assert verdict.accepted is passes
    assert verdict.text.isprintable(), "what is refused is not repeated as it is"


@given(text=TEXTS)
def test_a_unit_repeated_is_found_as_a_plain_search_finds_it(text: str) -> None:
    judge = Characters(Says(), allow="any", repeats=2)
    plain = any(
        text[at : at + width] * 3 == text[at : at + 3 * width]
        for width in range(1, 9)
        for at in range(len(text) - 3 * width + 1)
    )
    assert (judge.refusals([Item(PROBLEMS[0], text)])[0] is not None) == plain


def test_ascii_is_what_can_be_printed():
    assert [chr(c) for c in range(300) if allowed(chr(c), "ascii")] == ["\t", "\n", *map(chr, range(32, 127))]


@pytest.mark.parametrize(
    ("reference", "response", "passes"),
    [
        ("272", "The answer is 272.", True),
        ("272", "2720", False),
        ("272", "1272", False),
        ("272", "0.272", False),
        ("272", "272.5", False),
        ("272", "-272", False),
        ("-272", "-272", True),
        ("-272", "272", False),
        ("272", "٢٧٢", True),
        ("2450", "2,450 eggs", True),
        ("$2,450", "it is 2450", True),
        ("$2,450", "it is 450", False),
        ("92 dollars", "92", True),
        ("16:56", "at 16:56.", True),
        ("16:56", "16:5", False),
        ("16:56", "116:56", False),
        ("Paris", "It is PARIS, I think", True),
        ("Paris", "Parisian", False),
        ("", "anything", False),
    ],
)
def test_the_reference_must_stand_in_a_response(reference: str, response: str, passes: bool) -> None:
    (verdict,) = asked(Echo(Says()), response, problem=with_reference(reference))
    assert verdict.accepted is passes
    assert verdict.outcome == ("" if passes else FILTERED)


def test_the_whole_reference_may_be_asked_for():
    judge = Echo(Says(), part="whole")
    assert [v.accepted for v in asked(judge, "92", "92  Dollars!", problem=with_reference("92 dollars"))] == [
        False,
        True,
    ]


def test_right_answers_pass_every_filter_and_what_the_oracle_proves_wrong_does_not_pass_the_echo():
    """So no find can be proved on a judge behind that check: its rate of success says nothing."""
    oracle = open_oracle("exact")
    right = [Item(p, r.text) for p in PROBLEMS for r in p.right]
    for spec in ("length", "characters", "echo"):
        assert all(v.accepted for v in ask(defended(spec, Says()), right)), spec
    wrong = [Item(p, r.text) for p in PROBLEMS for r in p.wrong]
    for item, verdict in zip(wrong, ask(Echo(Says()), wrong), strict=True):
        assert not (verdict.accepted and oracle.truth(item.problem, item.response) is Truth.WRONG), item


# Random copies


@given(text=TEXTS, mode=st.sampled_from(MODES), share=st.sampled_from([0.05, 0.1, 0.5, 1.0]), numbers=st.booleans())
def test_copies_follow_from_the_text_and_change_as_much_as_is_asked(text, mode, share, numbers):
    copies = copies_of(text, 3, mode, share, seed=1, numbers=numbers)
    assert copies == copies_of(text, 3, mode, share, seed=1, numbers=numbers)
    assert copies[:2] == copies_of(text, 2, mode, share, seed=1, numbers=numbers)
    for copy in copies:
        if not numbers:
            assert re.findall(r"\d", copy) == re.findall(r"\d", text)
        if mode == "words":
            assert len(copy.split(" ")) <= len(text.split(" "))
        elif numbers:
            many = math.ceil(share * len(text))
            assert len(copy) == len(text) + {"swap": 0, "insert": many, "drop": -many}[mode]


def test_copies_differ_by_seed_and_from_one_another():
    text = "The quick brown fox jumps over the lazy dog and 272 others."
    drawn = [copies_of(text, 4, "swap", 0.1, seed=seed, numbers=False) for seed in (0, 1)]
    assert len({copy for copies in drawn for copy in copies}) == 8
    assert all("272" in copy for copies in drawn for copy in copies)


def test_numbers_are_spared_with_the_signs_inside_them():
    for text in ("272", "2,450", "16:56", "-3.5", ""):
        kept = copies_of(text, 5, "drop", 1.0, seed=0, numbers=False)
        assert set(kept) == {text.replace("-", "")}
    assert copies_of("a, b", 1, "drop", 1.0, seed=0, numbers=False) == [""]
    assert copies_of("272", 2, "drop", 1.0, seed=0, numbers=True) == ["", ""]


def test_the_median_of_the_copies_decides_as_most_of_them_do():
    """Of an even number the lower one: half of them are no majority."""
    for copies in (1, 2, 3, 4, 5):
        judge = Smooth(inside := Says(lambda text: float(len(set(text))) - 12.5), copies=copies, mode="swap", share=0.3)
        texts = [p.question for p in PROBLEMS]
        verdicts = asked(judge, *texts)
        assert not set(inside.asked) & set(texts), "the response itself is not asked about"
        for text, verdict in zip(texts, verdicts, strict=True):
            votes = [inside.margin(copy) >= 0 for copy in judge.copies_of(text)]
            assert verdict.accepted == (2 * sum(votes) > copies) == (verdict.margin >= 0)
            assert verdict.text == f"{sum(votes)} of {copies} copies accepted"


def test_copies_that_are_the_same_text_are_asked_about_once():
    inside = Says()
    judge = Smooth(inside, copies=5)
    asked(judge, "272", "272")
    assert inside.asked == ["272"]


def test_a_majority_needs_copies_that_can_be_read():
    odd = Smooth(Says(lambda text: None if len(text) % 2 else 1.0), copies=5, mode="drop", share=0.01)
    assert [(v.parsed, v.accepted) for v in asked(odd, "abcd", "abcde")] == [(False, False), (True, True)]


def test_what_smoothing_closes_and_what_it_does_not():
    """A word that must stand there as it is breaks in most copies; what only has to be long does not."""
    text = "Solution " * 20
    assert [open_judge(f"smooth:planted:{hole}?share=0.3").score([Item(PROBLEMS[0], text)])[0].accepted
            for hole in ("trigger", "length")] == [True, True]  # fmt: skip
    assert not open_judge("smooth:planted:trigger?share=0.3").score([Item(PROBLEMS[0], "Solution")])[0].accepted


# Around one another


@pytest.mark.parametrize(
    "spec",
    [
        "smooth:(length:planted:length?most=60)?copies=3&mode=swap",
        "length:(smooth:planted:trigger?seed=3)?most=80&least=2",
        "characters:(echo:planted:claim?part=whole)?allow=latin+greek&repeats=3",
        "ensemble:(length:planted:length?most=50),(smooth:planted:claim?copies=2)?aggregate=uncertain&coefficient=0.5",
    ],
)
def test_defences_around_defences_open_again_by_their_names(spec: str) -> None:
    judge = open_judge(spec)
    assert judge.name == spec
    again = open_judge(judge.name)
    assert again.fingerprint == judge.fingerprint
    assert {open_judge(s).fingerprint for s in ("length:planted:length", spec)} > {judge.fingerprint}


def test_a_judge_that_is_made_already_stands_behind_several():
    inside = Says()
    judge = defended("smooth:(length?most=9)?copies=2", inside)
    assert judge.name == "smooth:(length:says?most=9)?copies=2"
    assert judge.judges[0].judges == (inside,)


def test_a_filter_inside_smoothing_refuses_copies_and_its_word_goes_on():
    verdict = asked(defended("smooth:(length?most=20)?copies=3&mode=insert", Says()), "x" * 40)[0]
    assert (verdict.accepted, verdict.outcome) == (False, FILTERED)
    assert verdict.text == "0 of 3 copies accepted; refused before the judge: 44 characters, of 20 allowed"
    assert verdict.margin < REFUSED


def test_a_filter_outside_refuses_before_copies_are_made():
    inside = Says()
    judge = defended("length:smooth?most=5", inside)
    assert asked(judge, "x" * 6)[0].outcome == FILTERED
    assert inside.asked == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("length?most=0", r"length\?most=0 is out of range; write a number of at least 1"),
        ("length?most=5&least=6", r"length\?most=5 is out of range; write a number of at least 6"),
        ("length?least=-1", r"length\?least=-1 is out of range"),
        ("characters?allow=klingon", "names no script 'klingon'; write ascii, any, or scripts"),
        ("characters?allow=", "names no script ''"),
        ("characters?repeats=-1", r"characters\?repeats=-1 is out of range"),
        ("characters?repeats=99999999999", "write a number of at most 1000000"),
        ("echo?part=half", "write a value of type number|whole"),
        ("smooth?copies=0", r"smooth\?copies=0 is out of range"),
        ("smooth?share=0", r"smooth\?share=0 is out of range; write a number over 0, at most 1"),
        ("smooth?share=nan", r"smooth\?share=nan is out of range"),
        ("smooth?mode=paraphrase", "write a value of type swap|insert|drop|words"),
        ("smooth?copy=3", "did you mean copies"),
        ("smoth", "no judge around another is named 'smoth'; did you mean smooth"),
        ("ensemble", "no judge around another is named 'ensemble'"),
    ],
)
def test_what_is_wrong_with_a_defence_is_said_in_a_line(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        defended(spec, Says())
    assert "\n" not in str(error.value)
