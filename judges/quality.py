"""How good a judge is on clean responses: measured one way, for the card of a trained judge and before an attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np
from scipy import stats

from ..corpora.records import COMPLETE, Problem, Response, Verdict

#: Bins of equal width of the expected calibration error.
BINS = 10

#: Resamples of an interval of the AUROC, and the fewest problems that are resampled.
RESAMPLES, LEAST = 1000, 5


@dataclass(frozen=True, slots=True)
class Graded:
    """A known response, whether it is right, and what the judge said."""

    problem: Problem
    response: Response
    right: bool
    verdict: Verdict

    @property
    def clean(self) -> bool:
        """Right or a complete wrong answer: what a competent judge must tell apart."""
        return self.right or self.response.kind in COMPLETE


@dataclass(frozen=True, slots=True)
class Quality:
    """Rates are shares in [0, 1] of the verdicts that could be read; None where there was nothing to measure.

    Attributes:
        items: how many responses were graded.
        clean_items: of them, right ones and complete wrong ones, which accuracy and AUROC are about.
        clean_accuracy: right ones accepted and complete wrong ones rejected.
        auroc: probability that a right one scores above a complete wrong one.
        right_accepted: share of right ones accepted.
        wrong_accepted: share of complete wrong ones accepted.
        acclaim: median score of right ones.
        parsed: share of verdicts that could be read.
        by_kind: share accepted and number, by style of right and kind of wrong responses.
        by_family: clean accuracy and number, by family of problems.
        right_items: how many of `clean_items` are right.
        auroc_ci: 95 % interval of the AUROC, by problem (`auroc_interval`).
        ece: expected calibration error of the scores of clean responses (`ece`).
        brier: mean squared difference between these scores and 1 or 0.
        outcomes: share and number by outcome word (`Verdict.outcome`), of verdicts on clean responses, read or not.
    """

    items: int
    clean_items: int
    clean_accuracy: float | None
    auroc: float | None
    right_accepted: float | None
    wrong_accepted: float | None
    acclaim: float | None
    parsed: float
    by_kind: dict[str, tuple[float, int]]
    by_family: dict[str, tuple[float, int]]
    right_items: int = 0
    auroc_ci: tuple[float, float] | None = None
    ece: float | None = None
    brier: float | None = None
    outcomes: dict[str, tuple[float, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Quality:
        """Rebuild what `to_json` wrote, in this version or an older one."""
        tables = ("by_kind", "by_family", "outcomes")
        pairs = {k: {name: (rate, n) for name, (rate, n) in data.get(k, {}).items()} for k in tables}
        bounds = data.get("auroc_ci")
        return cls(**{**data, **pairs, "auroc_ci": None if bounds is None else tuple(bounds)})


def known_responses(problem: Problem) -> list[tuple[Response, bool]]:
    """All known responses of a problem, with whether they are right."""
    return [(r, True) for r in problem.right] + [(r, False) for r in problem.wrong]


def measure(graded: Sequence[Graded]) -> Quality:
    """Work out a judge's quality from its verdicts on known responses."""
    read = [g for g in graded if g.verdict.parsed]
    clean = [g for g in read if g.clean]
    right = [g.verdict for g in clean if g.right]
    wrong = [g.verdict for g in clean if not g.right]
    kinds = dict.fromkeys(g.response.kind for g in read)
    families = dict.fromkeys(g.problem.family for g in clean)
    told = [g.verdict.outcome for g in graded if g.clean]
    return Quality(
        items=len(graded),
        clean_items=len(clean),
        clean_accuracy=share([g.verdict.accepted == g.right for g in clean]),
        auroc=auroc([v.margin for v in right], [v.margin for v in wrong]),
        right_accepted=share([v.accepted for v in right]),
        wrong_accepted=share([v.accepted for v in wrong]),
        acclaim=median(v.score for v in right) if right else None,
        parsed=len(read) / len(graded) if graded else 1.0,
        by_kind={k: counted([g.verdict.accepted for g in read if g.response.kind == k]) for k in kinds},
        by_family={
            f: counted([g.verdict.accepted == g.right for g in clean if g.problem.family == f]) for f in families
        },
        right_items=len(right),
        auroc_ci=auroc_interval(clean),
        ece=ece([g.verdict.score for g in clean], [g.right for g in clean]),
        brier=fmean((g.verdict.score - g.right) ** 2 for g in clean) if clean else None,
        outcomes={word: counted([each == word for each in told]) for word in sorted({*told} - {""})},
    )


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float | None:
    """Probability that a right answer scores above a wrong one, ties half (Mann-Whitney U); None without both."""
    if not right or not wrong:
        return None
    return float(stats.mannwhitneyu(right, wrong).statistic / (len(right) * len(wrong)))


def auroc_interval(clean: Sequence[Graded], confidence: float = 0.95) -> tuple[float, float] | None:
    """Interval of the AUROC by a bootstrap that resamples problems, since responses to one are not independent.

    None without right or wrong ones, or with fewer than `LEAST` problems. Where every right response scores above every
    wrong one, or none does, there is nothing to resample: the Wilson interval of as many problems stands there.
    """
    ids = sorted({g.problem.id for g in clean})
    place = {id: i for i, id in enumerate(ids)}
    right, wrong = (
        [(place[g.problem.id], g.verdict.margin) for g in clean if g.right is side] for side in (True, False)
    )
    if not right or not wrong or len(ids) < LEAST:
        return None
    above = np.zeros((len(ids), len(ids)))
    (at, high), (at_wrong, low) = (np.array(side).T for side in (right, wrong))
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    np.add.at(above, (at.astype(int)[:, None], at_wrong.astype(int)[None]), wins)
    if wins.min() == wins.max() != 0.5:
        sure = stats.binomtest(len(ids) * int(wins.min()), len(ids)).proportion_ci(confidence, method="wilson")
        return float(sure.low), float(sure.high)
    rights, wrongs = (np.bincount(each.astype(int), minlength=len(ids)) for each in (at, at_wrong))
    drawn = np.random.default_rng(0).multinomial(len(ids), np.full(len(ids), 1 / len(ids)), RESAMPLES)
    pairs = (drawn @ rights) * (drawn @ wrongs)
    values = ((drawn @ above) * drawn).sum(1)[pairs > 0] / pairs[pairs > 0]
    tail = (1 - confidence) / 2
    low_end, high_end = np.quantile(values, [tail, 1 - tail])
    return float(low_end), float(high_end)


def ece(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599) of scores taken as probabilities of being right.

    `BINS` bins of equal width over [0, 1], a score of 1 in the last one: the mean over responses of how far the mean
    score of their bin is from the share of right ones in it. As the binary form it looks at the score itself, not at
    the confidence in the decision. It depends on how many of the responses are right. None without responses.
    """
    if not scores:
        return None
    values, truths = np.asarray(scores, float), np.asarray(right, float)
    bins = np.minimum((values * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, values - truths, BINS)  # of a bin: its number times the difference of both means
    return float(np.abs(gaps).sum() / len(values))


def share(values: Sequence[bool]) -> float | None:
    """The share of true values; None of none."""
    return sum(values) / len(values) if values else None


def counted(values: Sequence[bool]) -> tuple[float, int]:
    """The share of true values (0 of none), and how many there are."""
    return share(values) or 0.0, len(values)
