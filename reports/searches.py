"""What came of each search of a run, as its store has it: what every rate is worked out from."""

from __future__ import annotations

from typing import NamedTuple

from ..fuzz.store import Store


class Search(NamedTuple):
    """A search that has ended.

    Attributes:
        problem: the id of the problem attacked.
        seed: of the search.
        queries: distinct responses asked about.
        state: how it ended (`fuzz.cells`).
        error: of the attack, where it failed.
        found: queries to its first find; None without any.
        acclaimed: a find scores as right answers do.
        kinds: the kinds of its finds.
    """

    problem: str
    seed: int
    queries: int
    state: str
    error: str
    found: int | None
    acclaimed: bool
    kinds: frozenset[str]

    @property
    def sound(self) -> bool:
        """Whether it says anything of the judge: not if it failed, or if every response was refused."""
        return self.found is not None or (self.state != "failed" and self.queries > 0)

    def censored(self, budget: int) -> int:
        """Queries within which it found nothing: one with nothing left to try would not have succeeded later either."""
        return self.queries if self.state == "spent" else max(budget, self.queries)


def searches(store: Store, attack: str | None = None) -> list[Search]:
    """The searches of one attack, or of all, in the order in which they began; those that still run are left out."""
    rows = store.db.execute(
        "SELECT c.problem, c.seed, c.queries, c.state, c.error, MIN(f.queries), MAX(f.level = 'acclaimed'), "
        "GROUP_CONCAT(json_extract(f.record, '$.kind')) FROM cells c LEFT JOIN finds f ON f.cell = c.id "
        "WHERE c.role = 'search' AND c.state != 'running' AND (?1 IS NULL OR c.attack = ?1) "
        "GROUP BY c.id ORDER BY c.id",
        (attack,),
    )
    return [
        Search(problem, seed, queries, state, error, found, bool(acclaimed), frozenset((kinds or "").split(",")))
        for problem, seed, queries, state, error, found, acclaimed, kinds in rows
    ]
