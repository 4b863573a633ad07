"""A duel in numbers, computed from its folder alone: rounds, the matrix of finds and judges, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any, NamedTuple

from ...corpora.errors import UsageError
from ...fuzz.archive import Diversity, Specimen, diversity
from ...fuzz.checks import Checks
from ...fuzz.kinds import KINDS
from ...fuzz.rounds import EVAL, HELD_OUT, Look, Round, Rounds, folder_of
from ...fuzz.run import Run, read_finds
from ...fuzz.statistics import logrank, median_queries, success_curve
from ...fuzz.store import Store
from ...judges.quality import Quality
from ..reading import reading
from .rates import Outcomes, Rate, best_of, fooled, mean_of, outcomes_of, queries_of, rate_of, share_of, typical

#: Of the JSON that `hoodwink show --json` prints of a duel; changes when a field changes its meaning or goes.
SCHEMA = "hoodwink.duel/1"

#: Budgets at which each round's ASR is given, besides the whole one.
BUDGETS = (1, 10, 40, 160, 640, 2560)


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
            **self.adaptive.named("adaptive_asr"),
            "adaptive_asr_by_seed": {str(seed): rate.to_json() for seed, rate in self.by_seed.items()},
            "asr_at": {str(budget): rate.to_json() for budget, rate in self.budgets.items()},
            **self.nonsense.named("nonsense_asr"),
            "queries_median": self.queries_median,
            "logrank_previous": self.logrank_previous,
            "logrank_first": self.logrank_first,
            **self.stale.named("stale_asr"),
            "stale_asr_by_kind": {kind: rate.to_json() for kind, rate in self.stale_kinds.items()},
            **self.variants.named("stale_variants"),
            "reopened": len(self.reopened),
            **self.held_out.named("held_out_family_asr"),
            "held_out_by_attack": {attack: rate.to_json() for attack, rate in self.held_out_by.items()},
            **self.keys.named("master_key_rate"),
            "master_keys": {key: rate.to_json() for key, rate in self.keys_by.items()},
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
    """A whole duel; `ended` says why it ended before its last round, if it did, and `planned` how many were asked for.

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
    planned: int

    def to_json(self) -> dict[str, Any]:
        """The documented JSON of `hoodwink show --json`."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "ended": self.ended,
            "settings": self.settings,
            "versions": self.versions,
            "rounds": [r.to_json() for r in self.rounds],
            "matrix": [[cell.to_json() for cell in row] for row in self.matrix],
        }


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
    with reading(run, "duel") as store:
        return _summarise(run, store)


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
        planned=store.get("planned") or len(fought),  # older versions did not keep it
    )


def _fought(run: Run, record: Round) -> Fought:
    with Run(folder_of(run.folder, record.number, EVAL)).store() as store:
        outcomes = outcomes_of(store)
        counted = set(Checks.from_json(store.get("checks")).rejected_baseline)
        pairs = [(f, look) for f, look in zip(read_finds(store), record.looks, strict=True) if f["problem"] in counted]
    finds = [find for find, _ in pairs]
    babbled = {(f["problem"], f["seed"]) for f in finds if f["kind"] == "nonsense"}
    held = folder_of(run.folder, record.number, HELD_OUT)
    families: dict[str, Outcomes] = {}
    if held.is_dir():
        with Run(held).store() as store:
            families = {name: outcomes_of(store, name) for name in store.config["identity"]["attacks"]}
    nonsense = rate_of({cell: cell in babbled for cell in outcomes})
    return Fought(record, finds, [look for _, look in pairs], outcomes, nonsense, families)


def _round(rounds: Rounds, fought: Sequence[Fought], place: int, budget: int) -> RoundSummary:
    this = fought[place]
    record = this.record
    earlier = fought[:place]
    stale = {kind: _stale(rounds, record, earlier, kind) for kind in KINDS}
    curve = success_curve(*queries_of(this.outcomes))
    looks = this.looks
    return RoundSummary(
        round=record.number,
        judge=record.judge,
        adaptive=fooled(this.outcomes),
        by_seed={
            seed: fooled({cell: outcome for cell, outcome in this.outcomes.items() if cell[1] == seed})
            for seed in dict.fromkeys(seed for _, seed in this.outcomes)
        },
        budgets={within: fooled(this.outcomes, within) for within in [*(b for b in BUDGETS if b < budget), budget]},
        nonsense=this.nonsense,
        queries_median=median_queries(curve),
        curve=tuple(curve),
        stale=_stale(rounds, record, earlier),
        stale_kinds={kind: rate for kind, rate in stale.items() if rate.problems},
        variants=mean_of([share for shares in record.variants.values() for share in shares.values()]),
        held_out=fooled(best_of(cell for outcomes in this.held_out.values() for cell in outcomes.items())),
        held_out_by={attack: fooled(outcomes) for attack, outcomes in this.held_out.items()},
        keys=mean_of([fmean(passed) for passed in zip(*record.keys.values(), strict=True)]),
        keys_by={key: share_of(passed) for key, passed in record.keys.items()},
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


def _compare(before: Fought, after: Fought) -> float | None:
    return logrank(queries_of(typical(before.outcomes)), queries_of(typical(after.outcomes)))


def _stale(rounds: Rounds, record: Round, earlier: Sequence[Fought], kind: str | None = None) -> Rate:
    """Earlier rounds' finds that a judge accepts, by problem."""
    shares: list[float] = []
    for fought in earlier:
        finds = [f for f in fought.holes if kind in (None, f["kind"])]
        shares += [fmean(accepted) for accepted in rounds.accepted(record.fingerprint, finds).values()]
    return mean_of(shares)


def _cell(rounds: Rounds, finder: Fought, judge: Fought) -> Rate:
    """The finds of one round on the judge of another; on its own judge they were confirmed."""
    if finder is judge:
        return share_of([True] * len({f["problem"] for f in finder.finds}))
    accepted = rounds.accepted(judge.record.fingerprint, finder.holes)
    return mean_of([fmean(decided) for decided in accepted.values()])


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
