"""How good a judge is on clean responses: measured one way, for the card of a trained judge and before an attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from scipy import stats

from ..corpora.records import COMPLETE, Problem, Response, Verdict


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

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Quality:
        """Rebuild what `to_json` wrote."""
        pairs = {k: {name: (rate, n) for name, (rate, n) in data[k].items()} for k in ("by_kind", "by_family")}
        return cls(**{**data, **pairs})


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
    )


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float | None:
    """Probability that a right answer scores above a wrong one, ties half (Mann-Whitney U); None without both."""
    if not right or not wrong:
        return None
    return float(stats.mannwhitneyu(right, wrong).statistic / (len(right) * len(wrong)))


def share(values: Sequence[bool]) -> float | None:
    """The share of true values; None of none."""
    return sum(values) / len(values) if values else None


def counted(values: Sequence[bool]) -> tuple[float, int]:
    """The share of true values (0 of none), and how many there are."""
    return share(values) or 0.0, len(values)
