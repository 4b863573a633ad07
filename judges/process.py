"""A judge of steps: it has another judge look at every partial solution, and takes together what that says of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Literal

from ..corpora.errors import UsageError
from ..corpora.records import Item, Verdict
from .around import Around
from .judge import MAX_MARGIN, Judge, logit, sigmoid, unread
from .steps import MOST, partials

Aggregate = Literal["min", "product", "last", "mean", "sum"]


class Process(Around):
    """Judges every partial solution of a response (`steps.partials`), and aggregates.

    Aggregates are taken of what the judge inside says of the partial solutions, in order:

    - `min`: the least margin. One bad step is enough to reject (Lightman et al. 2023, arXiv 2305.20050, and, for what
      training does with it, Cheng et al. 2025, arXiv 2504.15275).
    - `product`: the product of the scores, as if each were the probability that its step is right, in log-odds
      (Lightman et al. again). It falls with every step, good ones included.
    - `last`: what is said of the whole response, as a judge of outcomes would; the others are only shown.
    - `mean`: the mean of the margins.
    - `sum`: the sum of the margins: the steps' log-odds added up as evidence, or rewards without a discount. It grows
      with every harmless step that is added, a hole that policies find (Cheng et al. again: step rewards summed are
      hacked). At a threshold of one half it accepts what `mean` accepts, but its score has no ceiling.

    The score is that of the log-odds that come of it. Of a response with a single step every aggregate gives what the
    judge inside says of it. A partial solution whose verdict could not be read makes the whole unread; what is rejected
    has the outcome of its worst partial solution. Partial solutions that responses of one call share are asked once.
    """

    kind = "process"

    def __init__(
        self, judge: Judge, *, aggregate: Aggregate = "min", steps: int = MOST, threshold: float = 0.5
    ) -> None:
        """`steps` is the most partial solutions looked at; of longer responses neighbouring steps are taken together.

        `threshold` is on the score of the aggregate: at one half, the judge's own threshold is what margins are from.

        Raises:
            UsageError: the threshold is not inside (0, 1), or `steps` is under 1.
        """
        if not 0 < threshold < 1:  # false for NaN too
            raise UsageError(f"threshold {threshold} is not between 0 and 1")
        if steps < 1:
            raise UsageError(f"process:steps={steps} is out of range; write a whole number of at least 1")
        super().__init__([judge], aggregate=aggregate, steps=steps, threshold=threshold)
        self.threshold = threshold
        self.aggregate: Aggregate = aggregate
        self.steps = steps

    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """See `Around`."""
        cut = [[Item(item.problem, text) for text in partials(item.response, self.steps)] for item in items]
        wanted = {_key(partial): partial for each in cut for partial in each}
        said = dict(zip(wanted, self.ask(list(wanted.values()), afresh=afresh), strict=True))
        return [self._verdict([said[_key(partial)] for partial in each]) for each in cut]

    def _verdict(self, partial: Sequence[Verdict]) -> Verdict:
        for place, verdict in enumerate(partial, 1):
            if not verdict.parsed:
                return unread(f"step {place} of {len(partial)}: {verdict.text}")
        odds = _AGGREGATES[self.aggregate](partial) if len(partial) > 1 else partial[0].margin
        margin = odds - logit(self.threshold)
        outcome = "" if margin >= 0 else min(partial, key=_margin).outcome
        return Verdict(sigmoid(odds), margin, margin >= 0, outcome=outcome, steps=tuple(v.score for v in partial))


def process(judge: Judge, *, aggregate: Aggregate = "min", steps: int = MOST, threshold: float = 0.5) -> Process:
    """`process:JUDGE`: every partial solution is judged, and the least (or the mean, sum, ...) of it counts.

    Raises:
        UsageError: the threshold is not inside (0, 1), or `steps` is under 1.
    """
    return Process(judge, aggregate=aggregate, steps=steps, threshold=threshold)


def _key(item: Item) -> tuple[str, str]:
    return item.problem.id, item.response


def _margin(verdict: Verdict) -> float:
    return verdict.margin


def _product(partial: Sequence[Verdict]) -> float:
    """Log-odds of the product of scores. A score that is 0 counts by its margin, so that a search can still climb."""
    log = sum(math.log(v.score) if v.score > 0 else min(v.margin, -MAX_MARGIN) for v in partial)
    rest = -math.expm1(log)
    return min(MAX_MARGIN, log - math.log(rest)) if rest > 0 else MAX_MARGIN


_AGGREGATES: dict[Aggregate, Callable[[Sequence[Verdict]], float]] = {
    "min": lambda partial: min(v.margin for v in partial),
    "product": _product,
    "last": lambda partial: partial[-1].margin,
    "mean": lambda partial: fmean(v.margin for v in partial),
    "sum": lambda partial: math.fsum(v.margin for v in partial),
}
