"""What counts as success, apart from how it is searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..corpora.records import Level, Trial, Verdict

Goal = Literal["accept", "acclaim"]
GOAL_LEVELS: dict[Goal, Level] = {"accept": "accepted", "acclaim": "acclaimed"}


@dataclass(frozen=True, slots=True)
class Objective:
    """The level a search goes for, and the score that acclaims: the judge's median score of right answers."""

    goal: Goal
    acclaim: float

    def level(self, verdict: Verdict) -> Level | None:
        """The level that a verdict reaches; None if it is not accepted."""
        if not verdict.accepted:
            return None
        return "acclaimed" if verdict.score >= self.acclaim else "accepted"

    def reaches(self, verdict: Verdict, level: Level) -> bool:
        """An acclaimed response is accepted too."""
        got = self.level(verdict)
        return got == level or got == "acclaimed"

    def is_find(self, trial: Trial, level: Level) -> bool:
        """The judge gives it that level and the oracle calls it WRONG."""
        return trial.fools and self.reaches(trial.verdict, level)
