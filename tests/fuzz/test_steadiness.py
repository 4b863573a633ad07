"""What is asked again, in which company, and what is said of what changes."""

from __future__ import annotations

import re
from pathlib import Path

import hoodwink
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Item, Verdict
from hoodwink.fuzz.checks import AGAIN, WARNINGS
from hoodwink.fuzz.steadiness import RESPONSES, compared, repeat
from hoodwink.judges.judge import ask, sigmoid

DOCS = Path(__file__).parents[2] / "docs" / "calibration.md"


class Company:
    """Its margins depend on how many responses stand beside, or on the place; it keeps what it was asked."""

    name = fingerprint = "company"
    batch = 64

    def __init__(self, kind: str) -> None:
        self.kind, self.calls = kind, []

    def score(self, items):
        self.calls.append([item.response for item in items])
        add = {"size": 2.0 if len(items) == 3 else 0.0, "alone": 2.0 if len(items) == 1 else 0.0}.get(self.kind, 0.0)
        found = []
        for place, item in enumerate(items):
            right = item.response in [r.text for r in item.problem.right]
            margin = (3.0 if right else -1.0) + add
            if self.kind == "place" and place == 0 and len(items) > 3:
                margin = 1.0
            found.append(Verdict(sigmoid(margin), margin, margin >= 0))
        return found


@pytest.fixture
def items():
    return [Item(p, r.text) for p in Arithmetic().sample(3) for r in (*p.right, *p.wrong)][:20]


def test_batches_and_orders(items):
    judge = Company("")
    verdicts = ask(judge, items)
    judge.calls.clear()
    found = repeat(judge, items, verdicts)
    assert [(each.way, each.responses, each.drift, each.flipped) for each in found] == [
        ("in batches of 3", 20, 0.0, 0.0),
        ("in one batch, reversed", 20, 0.0, 0.0),
        ("in batches of 7, shuffled", 20, 0.0, 0.0),
    ]
    texts = [item.response for item in items]
    assert [len(call) for call in judge.calls] == [3] * 6 + [2] + [20] + [7, 7, 6]
    assert [text for call in judge.calls[:7] for text in call] == texts
    assert judge.calls[7] == texts[::-1]
    shuffled = [text for call in judge.calls[8:] for text in call]
    assert sorted(shuffled) == sorted(texts)
    assert shuffled != texts


def test_a_judge_that_looks_at_the_size_of_its_batch(items):
    judge = Company("size")
    threes, *others = repeat(judge, items, ask(judge, items))
    wrong = sum(item.response not in [r.text for r in item.problem.right] for item in items[:18])
    assert threes.drift == 2.0
    assert threes.flipped == wrong / 20
    assert all((each.drift, each.flipped) == (0.0, 0.0) for each in others)


def test_unread_verdicts_count_as_changed_and_have_no_drift():
    read, unread = Verdict(0.9, 2.0, True), Verdict(0.0, -1.0, False, parsed=False)
    rejected = Verdict(0.1, -1.0, False)
    seen = compared("x", [read, read, unread, rejected], [unread, Verdict(0.8, 1.5, True), unread, unread])
    assert (seen.drift, seen.flipped) == (0.5, 0.5)
    assert compared("x", [], []).flipped == 0.0


@pytest.mark.parametrize(("kind", "way"), [("size", "in batches of 3"), ("alone", "alone"), ("place", "shuffled")])
def test_a_check_warns_of_it(kind, way):
    _, checks = hoodwink.check(Company(kind), problems=6)
    (flag,) = [flag for flag in checks.flags if flag.id == "unsteady"]
    assert way in flag.seen


def test_before_an_attack_it_asks_again_only_alone(tmp_path):
    judge = Company("")
    run = hoodwink.attack(judge, attacks=["none"], problems=3, budget=1, out=tmp_path / "run")
    sizes = [len(call) for call in judge.calls]
    assert 3 not in sizes[1:]
    (repeated,) = hoodwink.summarise(run).checks.repeats
    assert (repeated.way, repeated.responses) == ("alone", AGAIN)


def test_a_check_asks_no_more_than_it_says():
    judge = Company("")
    hoodwink.check(judge, problems=6, acceptance=None)
    known = sum(len(p.right) + len(p.wrong) for p in Arithmetic().sample(6))
    distinct = sum(len({r.text for r in (*p.right, *p.wrong)}) for p in Arithmetic().sample(6))
    asked = sum(map(len, judge.calls))
    assert known >= distinct
    assert asked == distinct + AGAIN + 3 * RESPONSES
    text = " ".join(DOCS.read_text("utf-8").split())
    assert f"{AGAIN} responses alone" in text
    assert f"{RESPONSES} of them" in text


def test_every_warning_is_documented():
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert {id: (raised, means) for id, raised, means in rows} == {
        id: (w.raised_if, w.means) for id, w in WARNINGS.items()
    }


class Words(Company):
    """Its verdicts carry words for those that are counted apart."""

    def score(self, items):
        word = {"filtered": "filtered", "inconsistent": "inconsistent"}[self.kind]
        return [
            Verdict(v.score, -abs(v.margin), False, outcome=word) if i % 3 == 0 else v
            for i, v in enumerate(super().score(items))
        ]


@pytest.mark.parametrize("kind", ["filtered", "inconsistent"])
def test_verdicts_counted_apart_are_said(kind):
    _, checks = hoodwink.check(Words(kind), problems=6)
    assert kind in {flag.id for flag in checks.flags}
    share, count = checks.quality.outcomes[kind]
    assert 0.2 < share < 0.5
    assert count > 0


def test_scores_that_are_no_probabilities_are_said():
    def grade(question, reference, response):
        return 0.52 if reference in response else 0.48

    _, checks = hoodwink.check(grade, problems=6)
    assert "miscalibrated" in {flag.id for flag in checks.flags}
    assert checks.quality.ece > 0.4
    assert "miscalibrated" not in {flag.id for flag in hoodwink.check("planted:trigger", problems=6)[1].flags}
