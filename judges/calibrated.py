"""A judge with another threshold: its margins are shifted, and it decides anew by them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..corpora.errors import UsageError
from ..corpora.records import Item, Verdict
from .around import Around
from .judge import GradientJudge, Judge, Piecemeal, Staged, logit, sigmoid, threshold_of


class Calibrated(Around):
    """`calibrated:JUDGE?margin=M`: accepts what the judge inside gives a margin of at least M.

    Scores stay the judge's, and so do gradients, since a shift has none. What could not be read stays unread, and what
    the judge refuses for a reason of its own (`Verdict.outcome`) stays refused: no threshold buys that back. Its
    threshold is the score that has the margin M where margins are log-odds of scores, as those of most judges are.
    """

    kind = "calibrated"

    def __init__(self, judge: Judge, *, margin: float = 0.0) -> None:
        """
        Raises:
            UsageError: the margin is not finite.
        """
        if not math.isfinite(margin):
            raise UsageError(f"calibrated:margin={margin} is not finite; write a number, such as 1.5")
        super().__init__([judge], margin=margin)
        self.margin = margin
        self.threshold = sigmoid(logit(threshold_of(judge)) + margin)
        # As with what `Around` lends: only what the judge inside can do.
        if isinstance(judge, GradientJudge):
            self.slope = judge.slope
        if isinstance(judge, Staged):
            self.prepare, self.compute = judge.prepare, self._compute
        if isinstance(judge, Piecemeal):
            self.done = self._done
        if hasattr(judge, "model"):
            self.model = judge.model  # what fluent attacks ask (`judges.proposer`)

    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """See `Around`."""
        return [shifted(verdict, self.margin) for verdict in self.ask(items, afresh=afresh)]

    def _compute(self, prepared: Any) -> list[Verdict]:
        """See `Staged`."""
        judge = self.judges[0]
        assert isinstance(judge, Staged)
        verdicts = judge.compute(prepared)
        self._asked[0] += len(verdicts)
        return [shifted(verdict, self.margin) for verdict in verdicts]

    def _done(self, items: Sequence[Item]) -> dict[int, Verdict]:
        """See `Piecemeal`."""
        judge = self.judges[0]
        assert isinstance(judge, Piecemeal)
        return {place: shifted(verdict, self.margin) for place, verdict in judge.done(items).items()}


def shifted(verdict: Verdict, margin: float) -> Verdict:
    """What a verdict is where a judge accepts from this margin on."""
    if not verdict.parsed:
        return verdict
    left = verdict.margin - margin
    if verdict.outcome and not verdict.accepted:
        return replace(verdict, margin=min(left, verdict.margin))
    return replace(verdict, margin=left, accepted=left >= 0)


def calibrated(judge: Judge, *, margin: float = 0.0) -> Calibrated:
    """`calibrated:JUDGE?margin=M`: the judge, accepting from another margin on.

    Raises:
        UsageError: the margin is not finite.
    """
    return Calibrated(judge, margin=margin)
