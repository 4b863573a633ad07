"""Duels whose judges stand behind a defence from round 2 on: trained inside it, attacked through it."""

from __future__ import annotations

from typing import Any

import hoodwink
import pytest
from hoodwink.fuzz.rounds import EVAL, Rounds, folder_of
from hoodwink.fuzz.run import Run
from hoodwink.judges.hardening import RECIPES, Hardening
from hoodwink.judges.judge import GradientJudge
from hoodwink.reports.views import summarise
from whackamole import SMALL, WhackAMole, fight, finds_of, leaks, steady

#: Two defences, one behind the other: the copies are words, so that strings of tokens are changed too.
DEFENCE = "smooth:(length?most=40)?copies=3&mode=words&share=0.3"
BEHIND = Hardening("behind", "replay, behind two defences", defence=DEFENCE)
TINY: dict[str, Any] = {**SMALL, "rounds": 3, "recipe": BEHIND}


@pytest.fixture(scope="module")
def defended_duel(tmp_path_factory):
    judge = WhackAMole()
    return fight(tmp_path_factory.mktemp("defended") / "run", judge, **TINY), judge


def test_from_round_two_on_judges_stand_behind_the_defence(defended_duel):
    run, _ = defended_duel
    with run.store() as store:
        rounds = Rounds(store).all()
    assert [r.judge for r in rounds] == [
        "whackamole",
        *(f"smooth:(length:whackamole of round {n}?most=40)?copies=3&share=0.3&mode=words" for n in (2, 3)),
    ]
    assert len({r.fingerprint for r in rounds}) == 3
    for number in (2, 3):
        with Run(folder_of(run.folder, number, EVAL)).store() as store:
            assert store.config["identity"]["judge"] == rounds[number - 1].judge
    assert all(len(find["response"]) <= 2 * 40 for n in (2, 3) for find in finds_of(run, n))


def test_what_is_trained_is_the_judge_inside(defended_duel):
    run, judge = defended_duel
    plain = WhackAMole()
    assert [out.name for _, out in judge.log.trained] == ["round-2", "round-3"]
    first = judge.log.trained[0][0]
    assert first == plain.fingerprint
    assert leaks(run, judge) == []
    assert summarise(run).complete
    assert summarise(run).to_json()["settings"]["recipe"]["defence"] == DEFENCE


def test_the_cost_on_clean_data_is_seen_in_the_rounds(defended_duel):
    """Worked solutions have more than 40 characters: the filter refuses them from round 2 on."""
    run, _ = defended_duel
    kinds = [r["accepted_by_kind"] for r in summarise(run).to_json()["rounds"]]
    assert [rates["worked"][0] for rates in kinds] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("stage", [(2, "retrain"), (2, EVAL), (3, EVAL), (3, "replay")])
def test_interrupted_it_goes_on_and_ends_the_same(defended_duel, tmp_path, stage):
    from hoodwink.fuzz.duel import Watch

    def told(number, name):
        if (number, name) == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fight(tmp_path, watch=Watch(stage=told), **TINY)
    assert steady(fight(tmp_path, **TINY)) == steady(defended_duel[0])


def test_without_a_defence_a_recipe_is_written_as_it_always_was():
    """So that duels begun before there were defences go on."""
    assert "defence" not in RECIPES["replay"].to_json()
    assert BEHIND.to_json()["defence"] == DEFENCE


class Sloping(WhackAMole):
    """Says that it gives gradients, which a defence around it does not hand on."""

    def slope(self, item):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": Hardening("mine", "", defence="smoth")}, "no judge around another is named 'smoth'; did you mean"),
        ({"recipe": Hardening("mine", "", defence="smooth?copies=0")}, "out of range"),
        ({"recipe": BEHIND, "attacks": ["gcg"]}, "attack gcg needs gradients.*leave it out of recipe behind"),
    ],
)
def test_what_would_fail_in_the_second_round_is_refused_before_the_first(tmp_path, settings, message):
    judge = Sloping()
    assert isinstance(judge, GradientJudge)
    with pytest.raises(hoodwink.UsageError, match=message) as caught:
        fight(tmp_path / "run", judge, **{**TINY, **settings})
    assert "\n" not in str(caught.value)
    assert (judge.log.asked, (tmp_path / "run").exists()) == ([], False)
    if "attacks" not in settings:
        fight(tmp_path / "one", Sloping(), **{**TINY, **settings, "rounds": 1})


def test_an_ensemble_may_stand_behind_a_defence(tmp_path):
    both = Hardening("both", "all judges so far, behind a filter", ensemble=True, defence="length?most=90")
    run = fight(tmp_path, **{**TINY, "recipe": both, "rounds": 2})
    assert summarise(run).rounds[1].judge == "length:ensemble of 2 rounds?most=90"
