"""A duel in numbers, computed from its folder alone: rounds, the matrix of finds and judges, and what they answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any, NamedTuple

from ..corpora.errors import UsageError
from ..fuzz.archive import Diversity, Specimen, diversity
from ..fuzz.checks import Checks
from ..fuzz.kinds import KINDS
from ..fuzz.rounds import EVAL, HELD_OUT, Look, Round, Rounds, folder_of
from ..fuzz.run import Run, read_finds
from ..fuzz.statistics import Queries, logrank, median_queries, rate_interval, success_curve, wilson
from ..fuzz.store import Store
from ..judges.quality import Quality

#: Of the JSON that `hoodwink show --json` prints of a duel; changes when a field changes its meaning or goes.
SCHEMA = "hoodwink.duel/1"

#: Budgets at which each round's ASR is given, besides the whole one.
BUDGETS = (1, 10, 40, 160, 640, 2560)

Interval = tuple[float, float] | None

#: What came of searches, by problem and seed.
Outcomes = Mapping[tuple[str, int], "Outcome"]


class Rate(NamedTuple):
    """A share of problems with its 95 % interval, resampled by problem; None where there are none."""

    rate: float | None
    interval: Interval
    problems: int


class Outcome(NamedTuple):
    """What came of one problem and seed: queries to the first find, None without any; queries spent without one."""

    queries: int | None
    spent: int


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """One round. Rates are shares of problems with intervals.

    Attributes:
        round: its number.
        judge: what was attacked.
        adaptive: fresh search by the portfolio on this judge; with several seeds, the mean over them.
        by_seed: the same by seed. Problems of one seed share what they learn, so seeds differ more than problems do.
        budgets: the same within smaller budgets, and the whole one.
        nonsense: fooled by nonsense, fresh.
        queries_median: queries within which half of the searches fool, failures censored.
        curve: share of searches (problems and seeds) that fooled within so many queries (Kaplan-Meier).
        stale: the finds of all earlier rounds, replayed; None in the first.
        stale_kinds: the same by kind of find.
        variants: edited copies of those finds, not searched for: the mean share accepted by problem.
        held_out: fresh search by families that are never trained on.
        held_out_by: the same by attack.
        keys: master keys: the mean share of them that passes on a problem.
        keys_by: each of them.
        quality: how the judge does on clean responses.
        threshold: the score from which it accepts.
        reopened: earlier finds that this judge accepts and the judge before it did not.
        logrank_previous: p of queries to success against the round before (two-sided, failures
            censored; one a problem, the lower median of its seeds).
        logrank_first: the same against the first round.
        kinds: finds of each kind.
        diversity: failure modes.
        tokens: median length of a find in tokens.
        perplexity: median perplexity of a find under the first judge's model; None without one.
        finds: how many finds there are on eval problems.
        trained_on: finds that this judge was trained on, and all examples; None of the first.
        training_seconds: wall time of that training.
        seconds: wall time of the round by stage.
    """

    round: int
    judge: str
    adaptive: Rate
    by_seed: dict[int, Rate]
    budgets: dict[int, Rate]
    nonsense: Rate
    queries_median: int | None
    curve: tuple[tuple[int, float], ...]
    stale: Rate
    stale_kinds: dict[str, Rate]
    variants: Rate
    held_out: Rate
    held_out_by: dict[str, Rate]
    keys: Rate
    keys_by: dict[str, Rate]
    quality: Quality
    threshold: float
    reopened: tuple[dict[str, Any], ...]
    logrank_previous: float | None
    logrank_first: float | None
    kinds: dict[str, int]
    diversity: Diversity
    tokens: float | None
    perplexity: float | None
    finds: int
    trained_on: dict[str, int] | None
    training_seconds: float | None
    seconds: dict[str, float]

    @property
    def over_rejection(self) -> float | None:
        """Share of right responses rejected."""
        accepted = self.quality.right_accepted
        return None if accepted is None else 1 - accepted

    def to_json(self) -> dict[str, Any]:
        """A round as documented."""
        return {
            "round": self.round,
            "judge": self.judge,
            **_named("adaptive_asr", self.adaptive),
            "adaptive_asr_by_seed": {str(seed): _json(rate) for seed, rate in self.by_seed.items()},
            "asr_at": {str(budget): _json(rate) for budget, rate in self.budgets.items()},
            **_named("nonsense_asr", self.nonsense),
            "queries_median": self.queries_median,
            "logrank_previous": self.logrank_previous,
            "logrank_first": self.logrank_first,
            **_named("stale_asr", self.stale),
            "stale_asr_by_kind": {kind: _json(rate) for kind, rate in self.stale_kinds.items()},
            **_named("stale_variants", self.variants),
            "reopened": len(self.reopened),
            **_named("held_out_family_asr", self.held_out),
            "held_out_by_attack": {attack: _json(rate) for attack, rate in self.held_out_by.items()},
            **_named("master_key_rate", self.keys),
            "master_keys": {key: _json(rate) for key, rate in self.keys_by.items()},
            "threshold": self.threshold,
            "clean_accuracy": self.quality.clean_accuracy,
            "auroc": self.quality.auroc,
            "over_rejection": self.over_rejection,
            "accepted_by_kind": self.quality.by_kind,
            "accuracy_by_family": self.quality.by_family,
            "finds": self.finds,
            "kinds": self.kinds,
            "modes": [asdict(mode) for mode in self.diversity.modes],
            "evenness": self.diversity.evenness,
            "tokens_median": self.tokens,
            "perplexity_median": self.perplexity,
            "trained_on": self.trained_on,
            "training_seconds": self.training_seconds,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class DuelSummary:
    """A whole duel; `ended` says why it ended before its last round, if it did.

    `matrix[i][j]`: the finds of the i-th round on the judge of the j-th.
    """

    folder: str
    complete: bool
    ended: str | None
    settings: dict[str, Any]
    versions: dict[str, str]
    rounds: tuple[RoundSummary, ...]
    matrix: tuple[tuple[Rate, ...], ...]
    finds: tuple[tuple[int, dict[str, Any]], ...]

    def to_json(self) -> dict[str, Any]:
        """The documented JSON of `hoodwink show --json`."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "ended": self.ended,
            "settings": self.settings,
            "versions": self.versions,
            "rounds": [r.to_json() for r in self.rounds],
            "matrix": [[_json(cell) for cell in row] for row in self.matrix],
        }


def _json(rate: Rate) -> dict[str, Any]:
    return {"rate": rate.rate, "ci": rate.interval, "n": rate.problems}


def _named(name: str, rate: Rate) -> dict[str, Any]:
    return {name: rate.rate, f"{name}_ci": rate.interval, f"{name}_n": rate.problems}


class Fought(NamedTuple):
    """A finished round as it is read: its record, finds and what they look like, and what came of each problem.

    Problems whose plain wrong answer the round's judge accepts unattacked are left out of all of it.
    """

    record: Round
    finds: list[dict[str, Any]]
    looks: list[Look]
    outcomes: Outcomes
    nonsense: Rate
    held_out: dict[str, Outcomes]

    @property
    def holes(self) -> list[dict[str, Any]]:
        """The finds, each text once a problem: several seeds may find the same."""
        return list({(find["problem"], find["response"]): find for find in self.finds}.values())


def summarise(run: Run) -> DuelSummary:
    """Read a duel's folder and work out what it shows; an unfinished one gives the rounds that it has.

    Raises:
        UsageError: it stopped before the end of its first round, or is damaged.
    """
    try:
        with run.store() as store:
            return _summarise(run, store)
    except (sqlite3.Error, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"duel {run.folder} is damaged ({type(error).__name__}: {error}); run it again in another folder"
        ) from error


def _summarise(run: Run, store: Store) -> DuelSummary:
    rounds = Rounds(store)
    config = store.config
    fought = [_fought(run, record) for record in rounds.all()]
    if not fought:
        raise UsageError(f"duel {run.folder} stopped before the end of its first round; run it again to go on")
    return DuelSummary(
        folder=str(run.folder),
        complete=bool(store.get("complete")),
        ended=store.get("ended"),
        settings=config["identity"],
        versions=config["versions"],
        rounds=tuple(_round(rounds, fought, place, config["identity"]["budget"]) for place in range(len(fought))),
        matrix=tuple(tuple(_cell(rounds, finder, judge) for judge in fought) for finder in fought),
        finds=tuple((f.record.number, find) for f in fought for find in f.finds),
    )


def _fought(run: Run, record: Round) -> Fought:
    with Run(folder_of(run.folder, record.number, EVAL)).store() as store:
        outcomes = _outcomes(store)
        counted = set(Checks.from_json(store.get("checks")).rejected_baseline)
        pairs = [(f, look) for f, look in zip(read_finds(store), record.looks, strict=True) if f["problem"] in counted]
    finds = [find for find, _ in pairs]
    fooled = {(f["problem"], f["seed"]) for f in finds if f["kind"] == "nonsense"}
    held = folder_of(run.folder, record.number, HELD_OUT)
    families: dict[str, Outcomes] = {}
    if held.is_dir():
        with Run(held).store() as store:
            families = {name: _outcomes(store, name) for name in store.config["identity"]["attacks"]}
    nonsense = _by_problem({cell: cell in fooled for cell in outcomes})
    return Fought(record, finds, [look for _, look in pairs], outcomes, nonsense, families)


def _outcomes(store: Store, attack: str | None = None) -> Outcomes:
    """What came of each problem that counts, by one attack or by the one that needed the fewest queries."""
    counted = set(Checks.from_json(store.get("checks")).rejected_baseline)
    budget = store.config["identity"]["budget"]
    rows = store.db.execute(
        "SELECT c.problem, c.seed, c.queries, c.state, MIN(f.queries) FROM cells c LEFT JOIN finds f ON f.cell = c.id "
        "WHERE c.role = 'search' AND c.state NOT IN ('running', 'failed') AND (?1 IS NULL OR c.attack = ?1) "
        "GROUP BY c.id ORDER BY c.id",
        (attack,),
    )
    # As in `summary`: a search of which every response was refused says nothing of the judge, and one that had nothing
    # left to try would not have succeeded later either.
    return _best(
        ((problem, seed), Outcome(found, queries if state == "spent" else max(budget, queries)))
        for problem, seed, queries, state, found in rows
        if problem in counted and (queries or found is not None)
    )


def _best(outcomes: Iterable[tuple[tuple[str, int], Outcome]]) -> Outcomes:
    """What came of each problem and seed by the attack that needed the fewest queries."""
    best: dict[tuple[str, int], Outcome] = {}
    for cell, (found, spent) in outcomes:
        known = best.get(cell, Outcome(None, 0))
        queries = min((q for q in (known.queries, found) if q is not None), default=None)
        best[cell] = Outcome(queries, max(known.spent, spent))
    return best


def _round(rounds: Rounds, fought: Sequence[Fought], place: int, budget: int) -> RoundSummary:
    this = fought[place]
    record = this.record
    earlier = fought[:place]
    stale = {kind: _stale(rounds, record, earlier, kind) for kind in KINDS}
    curve = success_curve(*_queries(this.outcomes))
    looks = this.looks
    return RoundSummary(
        round=record.number,
        judge=record.judge,
        adaptive=_fooled(this.outcomes),
        by_seed={
            seed: _fooled({cell: outcome for cell, outcome in this.outcomes.items() if cell[1] == seed})
            for seed in dict.fromkeys(seed for _, seed in this.outcomes)
        },
        budgets={within: _fooled(this.outcomes, within) for within in [*(b for b in BUDGETS if b < budget), budget]},
        nonsense=this.nonsense,
        queries_median=median_queries(curve),
        curve=tuple(curve),
        stale=_stale(rounds, record, earlier),
        stale_kinds={kind: rate for kind, rate in stale.items() if rate.problems},
        variants=_mean([share for shares in record.variants.values() for share in shares.values()]),
        held_out=_fooled(_best(cell for outcomes in this.held_out.values() for cell in outcomes.items())),
        held_out_by={attack: _fooled(outcomes) for attack, outcomes in this.held_out.items()},
        keys=_mean([fmean(passed) for passed in zip(*record.keys.values(), strict=True)]),
        keys_by={key: _share(passed) for key, passed in record.keys.items()},
        quality=record.quality,
        threshold=record.threshold,
        reopened=tuple(_reopened(rounds, fought, place)),
        logrank_previous=_compare(fought[place - 1], this) if place else None,
        logrank_first=_compare(fought[0], this) if place else None,
        kinds={kind: sum(f["kind"] == kind for f in this.finds) for kind in KINDS},
        diversity=diversity([Specimen(f["problem"], f["attack"], f["response"], f["shrunk"]) for f in this.finds]),
        tokens=median(look.tokens for look in looks) if looks else None,
        perplexity=_typical(looks),
        finds=len(this.finds),
        trained_on=record.training["set"] if record.training else None,
        training_seconds=record.training["seconds"] if record.training else None,
        seconds=record.seconds,
    )


def _share(values: Sequence[bool]) -> Rate:
    """The share of problems of which something is true."""
    return Rate(fmean(values) if values else None, wilson(sum(values), len(values)), len(values))


def _mean(shares: Sequence[float]) -> Rate:
    """The mean of shares, one a problem: Wilson where all are 0 or 1, else a bootstrap over problems."""
    whole = all(share in (0, 1) for share in shares)
    return Rate(fmean(shares) if shares else None, rate_interval(shares, 1 if whole else 2), len(shares))


def _by_problem(cells: Mapping[tuple[str, int], bool]) -> Rate:
    """The mean over problems of the share of their seeds of which something is true."""
    shares: dict[str, list[bool]] = {}
    for (problem, _), value in cells.items():
        shares.setdefault(problem, []).append(value)
    return _mean([fmean(values) for values in shares.values()])


def _fooled(outcomes: Outcomes, budget: int | None = None) -> Rate:
    """The share of problems fooled within a budget."""
    within = budget if budget is not None else 1 << 62
    return _by_problem({cell: o.queries is not None and o.queries <= within for cell, o in outcomes.items()})


def _typical_of(outcomes: Outcomes) -> Outcomes:
    """One outcome a problem, the lower median of its seeds: they are not independent of one another."""
    by_problem: dict[str, list[Outcome]] = {}
    for (problem, _), outcome in outcomes.items():
        by_problem.setdefault(problem, []).append(outcome)
    return {
        (problem, 0): sorted(seeds, key=lambda o: (o.queries is None, o.queries or o.spent))[(len(seeds) - 1) // 2]
        for problem, seeds in by_problem.items()
    }


def _queries(outcomes: Outcomes) -> Queries:
    found = [o.queries for o in outcomes.values() if o.queries is not None]
    return found, [o.spent for o in outcomes.values() if o.queries is None]


def _compare(before: Fought, after: Fought) -> float | None:
    return logrank(_queries(_typical_of(before.outcomes)), _queries(_typical_of(after.outcomes)))


def _stale(rounds: Rounds, record: Round, earlier: Sequence[Fought], kind: str | None = None) -> Rate:
    """Earlier rounds' finds that a judge accepts, by problem."""
    shares: list[float] = []
    for fought in earlier:
        finds = [f for f in fought.holes if kind in (None, f["kind"])]
        shares += [fmean(accepted) for accepted in rounds.accepted(record.fingerprint, finds).values()]
    return _mean(shares)


def _cell(rounds: Rounds, finder: Fought, judge: Fought) -> Rate:
    """The finds of one round on the judge of another; on its own judge they were confirmed."""
    if finder is judge:
        return _share([True] * len({f["problem"] for f in finder.finds}))
    accepted = rounds.accepted(judge.record.fingerprint, finder.holes)
    return _mean([fmean(decided) for decided in accepted.values()])


def _reopened(rounds: Rounds, fought: Sequence[Fought], place: int) -> list[dict[str, Any]]:
    """Earlier finds that a judge accepts and the judge before it rejected."""
    found = []
    for finder in fought[: max(0, place - 1)]:
        for find in finder.holes:
            before, now = (rounds.accepted(fought[p].record.fingerprint, [find]) for p in (place - 1, place))
            if now.get(find["problem"]) == [True] and before.get(find["problem"]) == [False]:
                found.append(find)
    return found


def _typical(looks: Sequence[Look]) -> float | None:
    known = [look.perplexity for look in looks if look.perplexity is not None]
    return median(known) if known else None
