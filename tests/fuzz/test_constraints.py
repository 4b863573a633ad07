"""Constraints: what each refuses, and that nothing that breaks one is ever asked of a judge."""

from __future__ import annotations

import re

import hoodwink
import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Candidate, Problem, Response, Verdict
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.kinds import KINDS, kind_of
from hoodwink.fuzz.target import Sight, Target, cut_plainly

PROBLEM = Problem.make(
    family="test", question="q", reference="272", right=(Response("272", "bare"),),
    wrong=(Response("The answer is 31.", "other"), Response("31", "value")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("constraints", "allowed", "refused", "why"),
    [
        ({"max_chars": 3}, ["", "abc", "解解解"], ["abcd", "    "], "max-chars"),
        ({"max_tokens": 2}, ["", "two words", "a b"], ["one two three", "a b.", "..."], "max-tokens"),
        ({"ascii_only": True}, ["a\tb\n\r ~", ""], ["é", "解", "\x00", "a\x1b[1m", "\x7f", "\u200b"], "ascii-only"),
        (
            {"keep_wrong": True},
            ["The answer is 31.", "so The answer is 31. yes"],
            ["", "31", "the answer is 31.", "The answer is  31."],
            "keep-wrong",
        ),
        ({"forbid": ("step", r"^\s*$")}, ["Step", "ab"], ["a step", "", "\n \n"], "forbid"),
        ({"forbid": ("(?i)step",)}, ["s tep"], ["STEP"], "forbid"),
        ({"only": ("nonsense",)}, ["dhdh", "", "Solution"], ["271", "31", "ignore this"], "only"),
        ({"only": ("injection", "near miss")}, ["271", "ignore this"], ["dhdh", "31"], "only"),
    ],
    ids=str,
)
def test_what_each_constraint_refuses(constraints, allowed, refused, why):
    made = Constraints(**constraints)
    assert made
    assert {text: made.refusal(PROBLEM, text, cut_plainly) for text in allowed} == dict.fromkeys(allowed, "")
    assert {text: made.refusal(PROBLEM, text, cut_plainly) for text in refused} == dict.fromkeys(refused, why)


def test_no_constraint_refuses_nothing():
    assert not Constraints()
    assert Constraints().to_json() == {}
    for text in ("", "\x00", "解" * 9999, "272"):
        assert Constraints().refusal(PROBLEM, text, cut_plainly) == ""


def test_tokens_are_those_of_the_judge():
    assert Constraints(max_tokens=3).refusal(PROBLEM, "abcd", list) == "max-tokens"
    assert Constraints(max_tokens=4).refusal(PROBLEM, "abcd", list) == ""


def test_to_json_says_what_is_asked_for_alone():
    full = Constraints(max_chars=9, max_tokens=3, ascii_only=True, keep_wrong=True, max_perplexity=20.5, only=("nonsense",), forbid=("a", "b"))  # fmt: skip  # noqa: E501
    assert full.to_json() == {
        "max_chars": 9, "max_tokens": 3, "ascii_only": True, "keep_wrong": True, "max_perplexity": 20.5,
        "only": ["nonsense"], "forbid": ["a", "b"],
    }  # fmt: skip
    assert Constraints(only=KINDS).to_json() == {}


def test_kinds_in_any_order_ask_for_the_same():
    assert Constraints(only=("injection", "nonsense")) == Constraints(only=("nonsense", "injection", "nonsense"))
    assert Constraints(only=list(reversed(KINDS))) == Constraints()
    assert Constraints(forbid=["a", "b", "a"]) == Constraints(forbid=("a", "b"))


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"max_chars": 0}, "max-chars is 0; write a number of at least 1"),
        ({"max_tokens": -2}, "max-tokens is -2; write a number of at least 1"),
        ({"max_perplexity": 0.5}, "max-perplexity is 0.5; write a number of at least 1"),
        ({"max_perplexity": float("nan")}, "max-perplexity is nan; write a number of at least 1"),
        ({"max_perplexity": float("inf")}, "max-perplexity is inf; write a number of at least 1"),
        ({"only": ()}, "only is empty; name at least one kind of find: nonsense, wrong answer, near miss, injection"),
        ({"only": ("nonsens",)}, "no kind of find is named 'nonsens'; did you mean nonsense"),
        ({"only": "nonsense"}, "only is the text 'nonsense'; write a tuple of texts: ('nonsense',)"),
        ({"forbid": "abc"}, "forbid is the text 'abc'; write a tuple of texts: ('abc',)"),
        ({"forbid": ("a", "(")}, "forbid '(' is no regular expression: "),
        ({"forbid": ("a{99999999999999999999}",)}, "is no regular expression: "),
    ],
)
def test_a_bad_constraint_is_named_with_what_to_write(constraints, message):
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        Constraints(**constraints)
    assert "\n" not in str(caught.value)


def test_pieces_that_can_stand_in_no_allowed_text_are_left_out():
    free = Sight(hoodwink.judge("planted:length"))
    plain = Sight(hoodwink.judge("planted:length"), constraints=Constraints(forbid=("e", r"\d"), ascii_only=True))
    assert plain.pieces == [piece for piece in free.pieces if "e" not in piece]
    foreign = Listening()
    foreign.pieces = lambda: ["解", " é"]
    with pytest.raises(UsageError, match="leave no token to build responses from; forbid less"):
        Sight(foreign, constraints=Constraints(ascii_only=True))


def test_strings_are_as_long_as_the_tokens_allow_and_the_plain_wrong_answer_counts():
    def longest(**constraints):
        return Target("q", "The answer is 31.", PROBLEM.wrong, [" a"], constraints=Constraints(**constraints)).longest(
            8
        )

    assert longest() == longest(max_tokens=20) == longest(max_chars=1) == 8
    assert longest(max_tokens=5) == 5
    assert longest(max_tokens=9, keep_wrong=True) == 9 - 5
    assert longest(max_tokens=3, keep_wrong=True) == 1


def asked(run):
    """Role, problem and response of every stored trial of a run's cells."""
    with run.store() as store:
        problems = {p.id: p for p in store.problems()}
        rows = store.db.execute(
            "SELECT c.role, v.problem, v.response FROM trials t JOIN cells c ON c.id = t.cell "
            "JOIN verdicts v ON v.id = t.verdict"
        ).fetchall()
    return [(role, problems[p], text) for role, p, text in rows]


ATTACKS = ["openers", "random", "repeat", "genetic", "auto"]


@pytest.mark.parametrize(
    ("constraints", "keeps"),
    [
        (Constraints(max_chars=25), lambda p, text: len(text) <= 25),
        (Constraints(max_tokens=4), lambda p, text: len(cut_plainly(text)) <= 4),
        (Constraints(ascii_only=True), lambda p, text: text.isascii() and "\x00" not in text),
        (Constraints(keep_wrong=True), lambda p, text: p.wrong[0].text in text),
        (Constraints(keep_wrong=True, max_tokens=14), lambda p, text: len(cut_plainly(text)) <= 14),
        (Constraints(forbid=("e", r"\d\d")), lambda p, text: "e" not in text and not re.search(r"\d\d", text)),
        (Constraints(only=("nonsense",)), lambda p, text: kind_of(p, text) == "nonsense"),
    ],
    ids=lambda value: " ".join(value.to_json()) if isinstance(value, Constraints) else "",
)
def test_nothing_that_breaks_a_constraint_is_ever_asked(tmp_path, constraints, keeps):
    run = hoodwink.attack(
        "planted:length",
        attacks=ATTACKS,
        problems=2,
        budget=60,
        shrink_budget=40,
        constraints=constraints,
        out=tmp_path,
    )
    trials = asked(run)
    assert [text for _, problem, text in trials if not keeps(problem, text)] == []
    # Searches that build strings are not brought to a stand by what they may not ask.
    with run.store() as store:
        ends = store.db.execute(
            "SELECT DISTINCT state FROM cells WHERE attack IN ('random', 'genetic') AND role = 'search'"
        ).fetchall()
    assert {state for (state,) in ends} <= {"spent", "found"}


def test_shrinking_keeps_what_has_to_be_kept(tmp_path):
    run = hoodwink.attack(
        "planted:trigger", attacks=["openers"], problems=3, constraints=Constraints(keep_wrong=True), out=tmp_path
    )
    with run.store() as store:
        start = {p.id: p.wrong[0].text for p in store.problems()}
    assert [f["shrunk"] for f in run.finds] == [f"{start[f['problem']]}Solution" for f in run.finds]
    assert len(run.finds) == 3
    assert all(f["minimal"] and f["response"] == f"{start[f['problem']]} Solution" for f in run.finds)


class Listening:
    """Rejects everything and remembers what it was asked."""

    name = fingerprint = "listening"

    def __init__(self):
        self.asked = []

    def score(self, items):
        self.asked += [i.response for i in items]
        return [Verdict(0.1, -1.0, False) for _ in items]


def cells(run):
    with run.store() as store:
        return store.db.execute("SELECT state, queries FROM cells WHERE role = 'search'").fetchall()


def test_refused_candidates_cost_no_query_and_come_back_unparsed_in_their_place(tmp_path):
    received = []

    def mixed(target, rng):
        received.append((yield [Candidate(t, "mixed", "op") for t in ("long text", "ab", "too long", "cd", "ab")]))
        received.append((yield [Candidate(t, "mixed", "op") for t in ("long text", "ef", "gh", "ij")]))

    judge = Listening()
    run = hoodwink.attack(
        judge, attacks=[mixed], problems=1, budget=4, constraints=Constraints(max_chars=2), out=tmp_path
    )
    assert cells(run) == [("spent", 4)]
    assert [[(t.text, t.verdict.parsed, t.verdict.text) for t in trials] for trials in received] == [
        [
            ("long text", False, "refused: max-chars"), ("ab", True, ""), ("too long", False, "refused: max-chars"),
            ("cd", True, ""), ("ab", True, ""),
        ],
    ]  # fmt: skip
    assert not any(t.fools or t.climbable for trials in received for t in trials if not t.verdict.parsed)
    assert {"long text", "too long", "ij"}.isdisjoint(judge.asked)
    assert {"ab", "cd", "ef", "gh"} <= set(judge.asked)


@pytest.mark.parametrize("attack", ["random", "genetic", "surrogate", "elites"])
def test_a_search_spends_its_budget_on_strings_as_short_as_they_have_to_be(tmp_path, attack):
    judge = Listening()
    judge.pieces = lambda: [f" {a}{b}" for a in "bdfg" for b in "aeiou"]
    limits = Constraints(max_tokens=3)
    run = hoodwink.attack(judge, attacks=[attack], problems=1, budget=90, constraints=limits, out=tmp_path)
    assert cells(run) == [("spent", 90)]
    assert max(len(cut_plainly(text)) for _, _, text in asked(run)) == 3


def test_a_search_of_which_everything_is_refused_is_stuck(tmp_path):
    def always(target, rng):
        for at in range(10**6):
            yield [Candidate(f"number {at}", "always", "op")]

    judge = Listening()
    run = hoodwink.attack(judge, attacks=[always], problems=2, constraints=Constraints(max_chars=5), out=tmp_path)
    assert cells(run) == [("stuck", 0)] * 2
    assert not any(text.startswith("number") for text in judge.asked)


def test_a_perplexity_limit_asks_the_proposer_about_what_nothing_else_refuses():
    class Proposer:
        name = "lengths"
        asked: list = []  # noqa: RUF012

        def perplexity(self, texts):
            self.asked.append(list(texts))
            return [float(len(t)) for t in texts]

    sight = Sight(
        hoodwink.judge("planted:length"),
        proposer=Proposer(),
        constraints=Constraints(max_perplexity=4, ascii_only=True),
    )
    assert sight.refusal(PROBLEM, ["abcd", "解", "abcde", "abcd"]) == ["", "ascii-only", "max-perplexity", ""]
    assert Proposer.asked == [["abcd", "abcde", "abcd"]]


def test_a_perplexity_limit_needs_a_language_model(tmp_path):
    with pytest.raises(UsageError, match="max-perplexity needs a language model, which judge planted:length is not"):
        hoodwink.attack("planted:length", constraints=Constraints(max_perplexity=9), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_constraints_are_part_of_what_a_folder_agrees_on(tmp_path):
    def call(**constraints):
        return hoodwink.attack(
            "planted:length", attacks=["openers"], problems=1, constraints=Constraints(**constraints), out=tmp_path
        )

    call(only=("nonsense", "injection"), forbid=("a",))
    call(only=("injection", "nonsense"), forbid=("a",))
    with pytest.raises(UsageError, match="holds another run \\(constraints"):
        call(only=("nonsense",), forbid=("a",))
