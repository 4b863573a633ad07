"""Defences around the real referee: what they cost on clean data, what they refuse, and an attack through one."""

from __future__ import annotations

import hoodwink
import pytest
from hoodwink.fuzz.defence_cost import Layer, layers
from hoodwink.fuzz.run import check
from hoodwink.judges.opening import defended
from hoodwink.reports.views import summarise

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def referee():
    return hoodwink.judge("referee")


def test_filters_cost_few_right_answers_and_say_so(referee):
    found: list[Layer] = []
    judge = defended("perplexity:characters", referee)
    name, checks = check(judge, problems=3, after=lambda gate, problems: found.extend(layers(gate, problems)))
    assert name == "perplexity:characters:referee"
    assert [layer.name for layer in found] == [name, "characters:referee", "referee"]
    assert checks.quality.right_accepted is not None
    assert checks.quality.right_accepted >= 0.9
    assert all(layer.quality.clean_accuracy > 0.9 for layer in found)


def test_random_search_through_the_perplexity_filter_sends_nothing_unlikely_to_the_judge(referee, tmp_path):
    judge = defended("perplexity", referee)
    run = hoodwink.attack(judge, attacks=["random"], problems=1, budget=64, shrink_budget=0, out=tmp_path)
    summary = summarise(run)
    assert summary.complete
    with run.store() as store:
        rows = store.db.execute("SELECT outcome, margin, accepted FROM verdicts").fetchall()
    refused = [margin for outcome, margin, _ in rows if outcome == "filtered"]
    passed = [margin for outcome, margin, _ in rows if outcome != "filtered"]
    assert len(refused) > 32, "strings of random tokens"
    assert max(refused) < min(passed)
    assert not any(accepted for outcome, _, accepted in rows if outcome == "filtered")
    problem = store_problems(run)[0]
    assert [judge.refusals([hoodwink.Item(problem, find["response"])]) for find in run.finds] == [[None]] * len(
        run.finds
    )


def store_problems(run):
    """The problems that a run attacked."""
    with run.store() as store:
        return store.problems()
