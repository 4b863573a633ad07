"""Judges of steps and of pairs around the embedded model, and a process judge trained for a moment, end to end."""

from __future__ import annotations

from pathlib import Path

import hoodwink
import pytest
from hoodwink.corpora.records import Item
from hoodwink.judges.judge import ask
from hoodwink.judges.process import Process
from hoodwink.judges.steps import partials

pytestmark = pytest.mark.slow


def test_every_partial_solution_is_scored_as_if_it_were_asked_about_alone() -> None:
    inside = hoodwink.judge("smollm2", prompt="step")
    [problem] = hoodwink.corpus("arithmetic:families=shopping").sample(1, split="eval", seed=4)
    worked = Item(problem, problem.right[-1].text if problem.right[-1].kind == "worked" else problem.wrong[1].text)
    [whole] = ask(inside, [worked])
    asked = [v.score for v in ask(inside, [Item(problem, text) for text in partials(worked.response)])]
    [last] = ask(Process(inside, aggregate="last"), [worked])
    [least] = ask(Process(inside), [worked], afresh=True)
    assert len(asked) >= 4
    assert last.steps == pytest.approx(asked, abs=0.01)
    assert last.margin == pytest.approx(whole.margin, abs=0.05)
    assert least.score == pytest.approx(min(asked), abs=0.01)


def test_a_run_against_a_judge_of_steps_and_one_of_pairs(tmp_path: Path) -> None:
    for judge in ("process:referee?aggregate=sum", "pairwise:smollm2"):
        run = hoodwink.attack(
            judge,
            "arithmetic:families=sums",
            attacks=["steps"],
            problems=1,
            budget=24,
            shrink_budget=0,
            out=tmp_path / judge[:4],
        )
        [attack] = hoodwink.summarise(run).to_json()["attacks"]
        assert attack["verdicts"] > 0
        assert attack["unread"] == 0
