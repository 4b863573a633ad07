"""How a judge's scores lie: of right answers, of wrong ones, and of the best that each search came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from ...corpora.records import COMPLETE, NEAR, Problem, Response
from ...fuzz.checks import PROBLEMS
from ...fuzz.store import Store, verdict_key

#: Bins of equal width over [0, 1]; the last one holds 1.
BINS = 20

#: A score, and whether the judge accepts it.
Scored = tuple[float, bool]


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one group of responses.

    Attributes:
        group: which responses.
        n: how many of them the judge gave a score that could be read.
        accepted: share accepted.
        median: median score.
        bins: how many scores lie in each of `BINS` bins.
    """

    group: str
    n: int
    accepted: float
    median: float
    bins: tuple[int, ...]


def distributions(store: Store, problems: Sequence[Problem], judge: str) -> tuple[Scores, ...]:
    """Known responses of the problems that were checked in full, then what attacks came to; empty groups left out.

    Of each search its highest score of a response that is proved wrong: what the judge gave to the best attempt,
    whether it was accepted or not.
    """
    checked = problems[:PROBLEMS]

    def known(responses: Callable[[Problem], Sequence[Response]]) -> list[Scored]:
        keys = [verdict_key(judge, p.id, 0, r.text) for p in checked for r in responses(p)]
        found = store.find_verdicts(keys)
        verdicts = [found[key].verdict for key in keys if key in found]
        return [(v.score, v.accepted) for v in verdicts if v.parsed]

    groups = {
        "right answers": known(lambda p: p.right),
        "wrong answers": known(lambda p: [r for r in p.wrong if r.kind in COMPLETE]),
        "near misses": known(lambda p: [r for r in p.wrong if r.kind in NEAR]),
        "attacked": _attacked(store),
    }
    return tuple(_scores(group, scored) for group, scored in groups.items() if scored)


def _attacked(store: Store) -> list[Scored]:
    """The best of each search that has ended."""
    rows = store.db.execute(
        "SELECT MAX(v.score), MAX(v.accepted) FROM cells c JOIN trials t ON t.cell = c.id "
        "JOIN verdicts v ON v.id = t.verdict WHERE c.role = 'search' AND c.state != 'running' AND v.parsed "
        "AND t.truth = 'wrong' GROUP BY c.id ORDER BY c.id"
    )
    return [(score, bool(accepted)) for score, accepted in rows]


def _scores(group: str, scored: Sequence[Scored]) -> Scores:
    places = [min(BINS - 1, int(score * BINS)) for score, _ in scored]
    return Scores(
        group=group,
        n=len(scored),
        accepted=sum(accepted for _, accepted in scored) / len(scored),
        median=median(score for score, _ in scored),
        bins=tuple(places.count(place) for place in range(BINS)),
    )
