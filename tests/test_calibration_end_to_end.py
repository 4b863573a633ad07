"""A threshold fixed for the referee, its finds replayed on the model it was made of: on real weights, end to end."""

from __future__ import annotations

from pathlib import Path

import hoodwink
import pytest
from hoodwink.fuzz import calibration

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A threshold on 40 right answers, so that it takes a moment."""
    monkeypatch.setattr(calibration, "ANSWERS", 40)


def test_the_referee_attacked_where_it_accepts_most_right_answers(tmp_path: Path) -> None:
    run = hoodwink.attack(
        "referee", attacks=["openers"], problems=2, budget=12, shrink_budget=0, acceptance=0.9, out=tmp_path / "run"
    )
    checks = hoodwink.summarise(run).checks
    fixed = checks.calibration
    assert fixed is not None
    assert fixed.stands
    assert fixed.answers >= 40
    assert 0.9 * fixed.answers <= fixed.accepted <= fixed.own
    assert fixed.margin > 0, "the referee gives right answers far more than one half"
    assert checks.threshold > 0.9
    assert checks.quality.right_accepted is not None
    assert checks.quality.right_accepted > 0.5
    for find in run.finds:
        assert find["judge"] == f"calibrated:referee?margin={fixed.margin}"
        assert find["score"] > 0.9


def test_finds_of_the_referee_on_smollm2(tmp_path: Path) -> None:
    run = hoodwink.attack("referee", attacks=["nearmiss"], problems=2, budget=24, shrink_budget=0, out=tmp_path / "run")
    assert run.finds, "a digit dropped passes"
    summary = hoodwink.summarise(hoodwink.transfer(run, ["smollm2"], out=tmp_path / "out"))
    own, other = summary.judges
    assert (own.given, other.given) == ("referee", "smollm2")
    ((at_home, away),) = summary.replayed["found"]
    assert at_home.cell.fooled == at_home.cell.problems == len({find["problem"] for find in run.finds})
    assert away.cell.problems + away.cell.excluded == at_home.cell.problems
    assert away.cell.unread == 0
