"""Nothing of `eval` is ever trained on, no two rounds share problems, and the seed draws all of it."""

from __future__ import annotations

import hoodwink
import pytest
from hoodwink.corpora.records import Item
from hoodwink.fuzz.duel import Duel
from hoodwink.fuzz.rounds import EVAL, TRAIN
from hoodwink.judges import hardening
from hoodwink.judges.hardening import RECIPES
from hoodwink.reports.views import summarise
from whackamole import (
    ROUNDS,
    WhackAMole,
    fight,
    finds_of,
    leaks,
    problems_of,
    steady,
)


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_recipe_trains_on_anything_of_eval(tmp_path, recipe):
    judge = WhackAMole()
    run = fight(tmp_path, judge, recipe=recipe)
    assert len(judge.log.shown) == 2
    assert leaks(run, judge) == []
    assert len(summarise(run).rounds) == 3


def test_rounds_share_no_problems(fought):
    for part, split, numbers in ((EVAL, "eval", range(1, ROUNDS + 1)), (TRAIN, "train", range(1, ROUNDS))):
        drawn = [p for n in numbers for p in problems_of(fought, n, part)]
        assert {p.split for p in drawn} == {split}
        assert len({p.id for p in drawn}) == len(drawn) == len(numbers) * 4


def harvest_eval(self, number):
    """A doctored harvest: the finds on eval problems."""
    problems = {p.id: p for p in self.plan.problems_of(number, "eval")}
    return [Item(problems[find["problem"]], find["response"]) for find in self._finds(number)]


def test_a_duel_that_would_train_on_eval_finds_is_stopped(tmp_path, monkeypatch):
    judge = WhackAMole()
    monkeypatch.setattr(Duel, "_harvested", harvest_eval)
    with pytest.raises(hoodwink.UsageError, match="of the eval split cannot be trained on"):
        fight(tmp_path, judge)
    assert judge.log.shown == []
    assert not (tmp_path / "judges").exists() or not list((tmp_path / "judges").rglob("*.json*"))


def test_the_check_itself_sees_a_leak(tmp_path, monkeypatch):
    """The duel doctored, and its one guard off: the check above finds out, in what was shown and in the files."""
    judge = WhackAMole()
    monkeypatch.setattr(Duel, "_harvested", harvest_eval)
    monkeypatch.setattr(hardening, "refuse_eval", lambda finds: None)
    run = fight(tmp_path, judge, rounds=2)
    found = leaks(run, judge)
    assert len(found) == 2 * len(finds_of(run, 1))
    assert {split for _, split in found} == {"eval"}


def test_the_same_seed_gives_the_same_duel(tmp_path):
    runs = [fight(tmp_path / name, seed=5) for name in "ab"]
    assert steady(runs[0]) == steady(runs[1])


def test_another_seed_draws_other_problems(fought, tmp_path):
    other = fight(tmp_path, rounds=2, seed=1)
    for part in (EVAL, TRAIN):
        before = {p.id for n in range(1, ROUNDS) for p in problems_of(fought, n, part)}
        assert before & {p.id for p in problems_of(other, 1, part)} == set()
    with other.store() as a, fought.store() as b:
        assert a.config["identity"]["clean"] == b.config["identity"]["clean"], "clean responses are the same"
