"""What a run is foretold to ask: an upper bound that real runs keep, exact where it can be."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink.fuzz import arena, collapse, run
from hoodwink.fuzz.collapse import Training
from hoodwink.fuzz.forecast import Forecast, measure, of_attack, of_collapse, of_duel
from whackamole import SMALL, WhackAMole, fight

ATTACK: dict[str, Any] = {
    "attacks": ["openers", "random"], "problems": 3, "budget": 40, "seed": 2, "seeds": 2, "goal": "accept",
    "split": None, "shrink_budget": 20, "constraints": None, "proposer": None,
}  # fmt: skip


def asked(folder: Path) -> dict[str, int]:
    """Verdicts in all stores of a run: in batches and alone."""
    counts = {"batch": 0, "alone": 0}
    for file in folder.rglob("run.db"):
        with sqlite3.connect(file) as db:
            for repeat, count in db.execute("SELECT repeat, COUNT(*) FROM verdicts GROUP BY repeat"):
                counts["alone" if repeat else "batch"] += count
        db.close()
    return counts


def part(forecast: Forecast, name: str) -> int:
    return sum(p.verdicts for p in forecast.parts if p.name == name)


@pytest.mark.parametrize("judge", ["planted:length", "planted:conjunction"])
@pytest.mark.parametrize("goal", ["accept", "acclaim"])
def test_an_attack_asks_no_more(tmp_path: Path, judge: str, goal: str) -> None:
    settings = {**ATTACK, "goal": goal}
    forecast = of_attack(run.resolve(judge, "arithmetic", **settings))
    hoodwink.attack(judge, **settings, out=tmp_path)
    assert part(forecast, "searches") == 3 * 2 * 2 * 40
    assert part(forecast, "shrinking") == 3 * 2 * 2 * 20 * (2 if goal == "acclaim" else 1)
    assert 0 < asked(tmp_path)["batch"] <= forecast.verdicts


def test_a_judge_that_nothing_fools_is_asked_for_the_checks_and_all_searches(tmp_path: Path) -> None:
    settings = {**ATTACK, "attacks": ["random"], "seeds": 1}

    def strict(reference: str, response: str) -> float:
        return 0.9 if reference in response else 0.1

    forecast = of_attack(run.resolve(strict, "arithmetic", **settings))
    done = hoodwink.attack(strict, **settings, out=tmp_path)
    total = part(forecast, "checks") + part(forecast, "searches")
    with done.store() as store:
        (both,) = store.db.execute("SELECT COUNT(*) FROM trials").fetchone()
    assert both == part(forecast, "searches") == 3 * 40
    assert total - 2 <= sum(asked(tmp_path).values()) <= total  # a search may try a response that is known already


def test_an_attack_that_learns_has_a_budget_for_it() -> None:
    settings = {**ATTACK, "attacks": ["universal"], "seeds": 2}
    forecast = of_attack(run.resolve("planted:length", "arithmetic", **settings))
    assert part(forecast, "searches") == (3 * 1 * 2 + 2) * 40


@pytest.mark.parametrize("recipe", ["replay", "ensemble", "keys"])
def test_a_duel_asks_no_more(tmp_path: Path, recipe: str) -> None:
    settings = {**SMALL, "goal": "accept", "constraints": None, "seed": 0, "attacks": ["auto"],
                "train_attacks": ["random"], "held_out": ["injection"]}  # fmt: skip
    plan = arena.resolve(WhackAMole(), "arithmetic", recipe=recipe, **settings)
    forecast = of_duel([plan])
    fight(tmp_path, recipe=recipe, **{k: v for k, v in settings.items() if k not in ("goal", "constraints")})
    assert 0 < asked(tmp_path)["batch"] <= forecast.verdicts
    assert part(forecast, "fresh searches") == 3 * 4 * 60
    assert part(forecast, "held-out searches") == 3 * 2 * 70
    assert part(forecast, "searches to train on") == (0 if recipe == "keys" else 2 * 4 * 60)


def test_several_duels_are_added_up() -> None:
    settings = {**SMALL, "goal": "accept", "constraints": None, "seed": 0, "attacks": ["auto"],
                "train_attacks": ["random"], "held_out": []}  # fmt: skip
    plans = [arena.resolve(WhackAMole(), "arithmetic", recipe=recipe, **settings) for recipe in ("replay", "keys")]
    both = of_duel(plans)
    assert [p.name for p in both.parts] == ["recipe replay", "recipe keys"]
    assert both.verdicts == sum(of_duel([plan]).verdicts for plan in plans)


def test_a_collapse_asks_no_more(tmp_path: Path) -> None:
    training = Training(steps=5, batch=16, every=2, length=3, vocabulary=32, gather=4)
    settings: dict[str, Any] = {"policy": "student", "problems": 3, "exam": 3, "training": training, "seed": 0}
    forecast = of_collapse(collapse.resolve("planted:echo", "arithmetic", **settings))
    done = hoodwink.collapse("planted:echo", **settings, out=tmp_path)
    assert [(p.name, p.verdicts) for p in forecast.parts] == [("lessons", 5 * 16), ("exams", 4 * 16)]
    with done.store() as store:
        (exams,) = store.db.execute("SELECT COUNT(*) FROM points WHERE part = 'exam'").fetchone()
    assert exams == 4
    assert asked(tmp_path)["batch"] <= forecast.verdicts


def test_a_measurement_asks_as_little_as_it_says() -> None:
    judge = WhackAMole()
    problems = hoodwink.corpus("arithmetic").sample(4, split="eval", seed=0)
    assert measure(judge, problems) > 0
    assert len(judge.log.asked) == 33
    assert measure(judge, problems[:1]) > 0
