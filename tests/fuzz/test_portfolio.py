"""Searches that learn from one another, on judges made for it: what one problem teaches is used on the others soon."""

from __future__ import annotations

from collections import Counter

import hoodwink
import numpy as np
import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item, Trial, Truth, Verdict
from hoodwink.fuzz.attacks import open_attack
from hoodwink.fuzz.attacks.openers import MASTER_KEYS, OTHERS
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.target import Target

PIECES = [f" {a}{b}" for a in "bdfg" for b in ("an", "im", "up", "od", "ant", "ink", "und")] + [" q"]


class Fake:
    """A margin from the problem's place in the run and the text; known right responses are accepted."""

    name = fingerprint = "fake"

    def __init__(self, margin):
        self.margin = margin
        self.places = {}

    def pieces(self):
        return PIECES

    def score(self, items):
        verdicts = []
        for item in items:
            place = self.places.setdefault(item.problem.id, len(self.places))
            right = item.response in {r.text for r in item.problem.right}
            margin = 5.0 if right else float(self.margin(place, item.response))
            verdicts.append(Verdict(0.9 if margin >= 0 else 0.1, margin, margin >= 0))
        return verdicts


def trick(place, text):
    """Four q among three other words open it everywhere; only on the first problem can a search feel its way there."""
    words = text.split()
    short = 7 - min(4, words.count("q")) - min(3, len({*words} - {"q"}))
    if not short:
        return 0.5
    return -short if place == 0 else -3.0


@pytest.mark.parametrize(
    ("attack", "op", "soon"),
    [("genetic", "migrate", 32), ("surrogate", "given", 24), ("elites", "given", 32), ("auto", "known", 60)],
)
def test_a_trick_found_on_one_problem_is_tried_on_the_others_soon(tmp_path, attack, op, soon):
    run = hoodwink.attack(Fake(trick), attacks=[attack], problems=6, budget=900, shrink_budget=5, out=tmp_path)
    queries = [f["queries"] for f in run.finds]
    assert len({f["problem"] for f in run.finds}) == len(queries) == 6
    assert max(queries) - min(queries) <= soon
    assert [f["lineage"][-1][0] for f in run.finds].count(op) >= 3
    assert min(f["response"].split().count("q") for f in run.finds) >= 4


@pytest.mark.parametrize("attack", ["genetic", "surrogate", "elites", "auto"])
def test_alone_on_problems_that_cannot_be_felt_nothing_is_found(tmp_path, attack):
    """So that the finds above are the others' work: without the first problem there is no way to them."""
    judge = Fake(lambda place, text: trick(place + 1, text))
    run = hoodwink.attack(judge, attacks=[attack], problems=3, budget=150, out=tmp_path)
    assert run.finds == []


def trials(run, role="search"):
    """Problem, query number, op and text of every trial."""
    with run.store() as store:
        return store.db.execute(
            "SELECT c.problem, t.query, t.op, v.response FROM trials t JOIN cells c ON c.id = t.cell "
            "JOIN verdicts v ON v.id = t.verdict WHERE c.role = ? ORDER BY t.cell, t.query",
            (role,),
        ).fetchall()


def test_auto_tries_the_openers_first_and_finds_the_trigger_among_them(tmp_path):
    run = hoodwink.attack("planted:trigger", attacks=["auto"], problems=6, budget=40, out=tmp_path)
    assert len(run.finds) == 6
    assert {f["shrunk"] for f in run.finds} == {"Solution"}
    assert {f["kind"] for f in run.finds} == {"nonsense"}
    assert max(f["queries"] for f in run.finds) <= 40
    assert {op for _, _, op, _ in trials(run)} == {"known"}


def test_auto_tries_every_opener_before_it_searches_where_none_fools(tmp_path):
    run = hoodwink.attack(Fake(lambda place, text: -3.0), attacks=["auto"], problems=3, budget=60, out=tmp_path)
    known = {*MASTER_KEYS, *OTHERS}
    for problem in {row[0] for row in trials(run)}:
        mine = [(op, text) for p, _, op, text in trials(run) if p == problem]
        assert len(mine) == 60
        assert {text for _, text in mine[: len(known)]} == known
        assert {op for op, _ in mine[: len(known) + 1]} == {"known"}
        assert "known" not in {op for op, _ in mine[len(known) + 1 :]}, "the last one was the question itself"


WEIGHTS = dict(zip(PIECES, np.random.default_rng(4).uniform(-0.2, 1.0, size=len(PIECES)).tolist(), strict=True))


def many_pieces(place, text):
    """More for every other piece that stands in it: a repeated unit is one piece and leads nowhere."""
    return sum(WEIGHTS.get(f" {word}", -0.1) for word in dict.fromkeys(text.split())) - 40


def one_unit(place, text):
    """Something only for a unit repeated without blanks, and never the same; flat for all else."""
    run = len(text) >= 4 and " " not in text and text[: len(text) // 2] * 2 == text[: len(text) // 2 * 2]
    return -20 + (sum(map(ord, text)) * 7919 % 1000 / 100 if run else 0)


@pytest.mark.parametrize(("margin", "arm", "least"), [(many_pieces, "random", 0.75), (one_unit, "repeat", 0.9)])
def test_auto_gives_its_queries_to_the_arm_that_pays(tmp_path, margin, arm, least):
    """By turns, `repeat` would get 32 of 40 queries and `random` 8."""
    run = hoodwink.attack(Fake(margin), attacks=["auto:arms=random+repeat"], problems=6, budget=400, out=tmp_path)
    arms = Counter(
        "random" if op in ("fresh", "change", "transfer") else "repeat"
        for _, query, op, _ in trials(run)
        if op != "known" and query > 100
    )
    assert arms[arm] / arms.total() > least


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (
            "genetic+universal",
            "attack auto cannot have universal in its arms, which needs more than the judge's verdicts",
        ),
        ("genetic+nothing", "no attack is named 'nothing'"),
        ("", "no attack is named ''"),
    ],
)
def test_auto_refuses_arms_that_it_cannot_run(tmp_path, arms, message):
    with pytest.raises(UsageError) as caught:
        hoodwink.attack("planted:trigger", attacks=[f"auto:arms={arms}"], problems=1, out=tmp_path)
    assert message in str(caught.value)


def test_appended_texts_spread_without_the_plain_wrong_answer_they_were_found_behind(tmp_path):
    run = hoodwink.attack(
        Fake(trick), attacks=["genetic:append=yes"], problems=4, budget=900, shrink_budget=5, out=tmp_path
    )
    with run.store() as store:
        start = {p.id: p.wrong[0].text for p in store.problems()}
    assert len(run.finds) == 4
    for problem, _, _, text in trials(run):
        assert text.startswith(f"{start[problem]} ")
        assert [p for p, other in start.items() if other in text.removeprefix(start[problem])] == []


def test_auto_gives_up_arms_whose_responses_are_all_refused(tmp_path):
    """Wrong answers with other characters are no nonsense: `chars` is refused whatever it proposes."""
    only = Constraints(only=("nonsense",))
    run = hoodwink.attack(
        Fake(lambda place, text: -3.0), attacks=["auto:arms=chars+random"], problems=2, budget=200, constraints=only,
        out=tmp_path,
    )  # fmt: skip
    with run.store() as store:
        states = store.db.execute("SELECT state, queries FROM cells WHERE role = 'search'").fetchall()
    assert states == [("spent", 200)] * 2


def test_auto_hands_the_proposer_to_arms_that_need_one(target_for, problems):
    search = open_attack("auto:arms=beam").start(target_for(Target, problems[0]), np.random.default_rng(0))
    batch, attacks = next(search), set()
    for _ in range(60):
        attacks |= {c.attack for c in batch}
        verdict = Verdict(0.1, -3.0, False)
        batch = search.send([Trial(c, Item(problems[0], c.text), verdict, Truth.WRONG) for c in batch])
    assert attacks == {"known", "beam"}
