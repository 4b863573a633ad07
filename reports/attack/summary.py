"""A run in numbers, computed from its store alone. Text, JSON and HTML show what is here and compute nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import Any, NamedTuple

from ...corpora.errors import UsageError
from ...corpora.records import Problem
from ...fuzz.archive import Diversity, Specimen, diversity
from ...fuzz.checks import WARNINGS, Checks, Flag
from ...fuzz.kinds import KINDS
from ...fuzz.run import Run, attacked, read_finds
from ...fuzz.statistics import median_queries, rate_interval, success_band, success_curve, wilson
from ...fuzz.store import Store, verdict_key
from ...judges.judge import Usage
from ..reading import reading
from ..searches import Search, searches
from ..usage import usage_in, usage_json
from .scores import Scores, distributions

#: Of the JSON that `hoodwink show --json` prints; changes when a field changes its meaning or goes.
SCHEMA = "hoodwink.run/1"

#: A text tried on at least this many problems, and on half of them, is reported as a fixed string.
FIXED = 3

#: Over this share of unread verdicts of searches a run has the warning `unparsed-attacks`.
UNREAD = 0.1

#: Score and margin, by problem and text.
Margins = Mapping[tuple[str, str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class AttackSummary:
    """What one attack did.

    Attributes:
        name: as the user wrote it.
        problems: problems that count: finished, and with a plain wrong answer that the judge rejects unattacked.
        excluded: finished problems that do not count, since their plain wrong answer is accepted or its verdict unread.
        fooled: of `problems`, those with a find by any seed.
        acclaimed: of `problems`, those with a find that scores as right answers do.
        asr: mean over `problems` of the share of seeds that fooled; None without problems.
        asr_ci: its 95 % interval (Wilson; bootstrap over problems with several seeds).
        kinds: of `problems`, those with a find of each kind (`fuzz.kinds`), near misses apart from nonsense.
        nonsense: mean over `problems` of the share of seeds that fooled with nonsense.
        nonsense_ci: its 95 % interval.
        queries_median: queries within which half of the cells succeed, failures censored; None if half never do.
        queries_total: distinct responses asked about by all search cells, those of excluded problems included.
        learning: queries that an attack over a corpus spent on train problems before it tried what it had learned.
        verdicts: verdicts on all that it asked about, with confirming and shrinking; one that another attack or the
            check had asked for before is counted here too.
        seconds: judge time of these verdicts.
        failed: cells that ended with an error of the attack.
        curve: share of cells that succeeded within so many queries (Kaplan-Meier).
        band: its pointwise 95 % bounds, step for step (`fuzz.statistics.success_band`).
        unread: of `queries_total`, those whose verdict could not be read.
        outcomes: of `queries_total`, those that are counted apart, by the word for it (`Verdict.outcome`).
    """

    name: str
    problems: int
    excluded: int
    fooled: int
    acclaimed: int
    asr: float | None
    asr_ci: tuple[float, float] | None
    kinds: dict[str, int]
    nonsense: float | None
    nonsense_ci: tuple[float, float] | None
    queries_median: int | None
    queries_total: int
    learning: int
    verdicts: int
    seconds: float
    failed: tuple[str, ...]
    curve: tuple[tuple[int, float], ...]
    band: tuple[tuple[float, float], ...]
    unread: int
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class FixedString:
    """One and the same text tried on many problems: its false positive rate with a Wilson interval."""

    text: str
    tried: int
    fooled: int
    rate: float
    interval: tuple[float, float] | None


class Baseline(NamedTuple):
    """Problems by what the judge says of their plain wrong answer unattacked; only those rejected count."""

    rejected: int
    accepted: int
    unread: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A whole run.

    Attributes:
        folder: where it is, as the user wrote it.
        complete: whether all searches have ended.
        settings: what was asked for: the identity in `config.json`, with the fingerprint of the judge that was attacked
            (another one than that of the judge given where a threshold was fixed).
        versions: of what a result may depend on.
        checks: the judge on clean responses, and the warnings.
        baseline: what the judge says of plain wrong answers unattacked.
        attacks: what each attack did.
        strings: texts that were tried on many problems.
        finds: lines of `finds.jsonl`.
        diversity: the failure modes of the finds.
        scores: how the judge's scores lie, by group of responses.
        starts: the plain wrong answer of each problem, by the problem's id.
        margins: the judge's score and margin of each step of a lineage, by problem and text, as far as known.
        used: what the verdicts have cost, by the name of the judge asked, for judges that count it.
        noted: what the judge noted, such as what a server says that it is, by heading.
    """

    folder: str
    complete: bool
    settings: dict[str, Any]
    versions: dict[str, str]
    checks: Checks
    baseline: Baseline
    attacks: tuple[AttackSummary, ...]
    strings: tuple[FixedString, ...]
    finds: tuple[dict[str, Any], ...]
    diversity: Diversity
    scores: tuple[Scores, ...]
    starts: Mapping[str, str]
    margins: Margins
    used: Mapping[str, Usage]
    noted: Mapping[str, Sequence[str]]

    @property
    def unread(self) -> float:
        """The share of all verdicts of searches that could not be read; 0 without any."""
        queries = sum(a.queries_total for a in self.attacks)
        return sum(a.unread for a in self.attacks) / queries if queries else 0.0

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The warnings: those of the check, and what the attacks showed."""
        if self.unread <= UNREAD:
            return self.checks.flags
        seen = f"{self.unread:.0%} of the verdicts that searches asked for could not be read"
        return (*self.checks.flags, Flag("unparsed-attacks", seen, WARNINGS["unparsed-attacks"].means))

    def to_json(self) -> dict[str, Any]:
        """The documented JSON of `hoodwink show --json`."""
        checks = {**self.checks.to_json(), "flags": [asdict(flag) for flag in self.flags]}
        judge = {"name": self.settings["judge"], "fingerprint": self.settings["fingerprint"], **checks.pop("quality")}
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "judge": {**judge, **checks},
            "settings": self.settings,
            "versions": self.versions,
            "baseline": self.baseline._asdict(),
            "attacks": [_attack_json(a) for a in self.attacks],
            "strings": [
                {"text": s.text, "tried": s.tried, "fooled": s.fooled, "rate": s.rate, "rate_ci": s.interval}
                for s in self.strings
            ],
            "finds": len(self.finds),
            "diversity": {
                "modes": [asdict(mode) for mode in self.diversity.modes],
                "evenness": self.diversity.evenness,
                "coverage": self.diversity.coverage,
                "cells": [[*cell, count] for cell, count in self.diversity.cells.items()],
            },
            "scores": [asdict(group) for group in self.scores],
            "used": usage_json(self.used),
            "noted": dict(self.noted),
        }


def _attack_json(attack: AttackSummary) -> dict[str, Any]:
    return {f.name: getattr(attack, f.name) for f in fields(attack)}


def summarise(run: Run) -> RunSummary:
    """Read a run's store and work out what it shows; an interrupted run gives what it has.

    Raises:
        UsageError: the run stopped before its judge was checked, or is damaged.
    """
    with reading(run) as store:
        return _summarise(run, store)


def _summarise(run: Run, store: Store) -> RunSummary:
    config = store.config
    data = store.get("checks")
    if data is None:
        raise UsageError(f"run {run.folder} stopped before its first result; run the same attack again to go on")
    checks = Checks.from_json(data)
    settings = {**config["identity"], "fingerprint": attacked(store)["fingerprint"]}
    finds = tuple(read_finds(store))
    problems = store.problems()
    return RunSummary(
        folder=str(run.folder),
        complete=bool(store.get("complete")),
        settings=settings,
        versions=config["versions"],
        checks=checks,
        baseline=_baseline(store, problems, checks, settings["fingerprint"]),
        attacks=tuple(_attack(store, name, checks, settings) for name in settings["attacks"]),
        strings=tuple(_strings(store, len(problems))),
        finds=finds,
        diversity=diversity([Specimen(f["problem"], f["attack"], f["response"], f["shrunk"]) for f in finds]),
        scores=distributions(store, problems, settings["fingerprint"]),
        starts={p.id: p.wrong[0].text for p in problems},
        margins=_margins(store, finds, settings["fingerprint"]),
        used=usage_in(store),
        noted=store.get("noted") or {},
    )


def _baseline(store: Store, problems: Sequence[Problem], checks: Checks, judge: str) -> Baseline:
    """What the check found of every problem's plain wrong answer."""
    known = store.find_verdicts([verdict_key(judge, p.id, 0, p.wrong[0].text) for p in problems])
    accepted = sum(stored.verdict.accepted and stored.verdict.parsed for stored in known.values())
    rejected = len(checks.rejected_baseline)
    return Baseline(rejected, accepted, len(problems) - rejected - accepted)


def _margins(store: Store, finds: Sequence[Mapping[str, Any]], judge: str) -> Margins:
    """What the judge said of every step of every lineage."""
    steps = {(f["problem"], text) for f in finds for _, text in f["lineage"]}
    keys = {verdict_key(judge, problem, 0, text): (problem, text) for problem, text in steps}
    known = store.find_verdicts(list(keys))
    return {step: (known[k].verdict.score, known[k].verdict.margin) for k, step in keys.items() if k in known}


def _attack(store: Store, name: str, checks: Checks, settings: dict[str, Any]) -> AttackSummary:
    seeds, counted = settings["seeds"], set(checks.rejected_baseline)
    ended = searches(store, name)
    cells = [s for s in ended if s.sound and s.problem in counted]
    by_problem: dict[str, list[Search]] = defaultdict(list)
    for search in cells:
        by_problem[search.problem].append(search)
    rates = [fmean(s.found is not None for s in each) for each in by_problem.values()]
    nonsense = [fmean("nonsense" in s.kinds for s in each) for each in by_problem.values()]
    queries = (
        [s.found for s in cells if s.found is not None],
        [s.censored(settings["budget"]) for s in cells if s.found is None],
    )
    curve = success_curve(*queries)
    cost = _cost(store, name)
    return AttackSummary(
        name=name,
        problems=len(by_problem),
        excluded=len({s.problem for s in ended if s.sound} - counted),
        fooled=sum(any(s.found is not None for s in each) for each in by_problem.values()),
        acclaimed=sum(any(s.acclaimed for s in each) for each in by_problem.values()),
        asr=fmean(rates) if rates else None,
        asr_ci=rate_interval(rates, seeds),
        kinds={k: sum(any(k in s.kinds for s in each) for each in by_problem.values()) for k in KINDS},
        nonsense=fmean(nonsense) if nonsense else None,
        nonsense_ci=rate_interval(nonsense, seeds),
        queries_median=median_queries(curve),
        queries_total=sum(s.queries for s in ended),
        learning=cost.learning,
        verdicts=cost.verdicts,
        seconds=cost.seconds,
        failed=tuple(s.error for s in ended if s.state == "failed"),
        curve=tuple(curve),
        band=tuple(success_band(*queries)),
        unread=cost.unread,
        outcomes=_outcomes(store, name),
    )


class Cost(NamedTuple):
    """What an attack took; see `AttackSummary`."""

    learning: int
    verdicts: int
    seconds: float
    unread: int


def _cost(store: Store, attack: str) -> Cost:
    (learning,) = store.db.execute(
        "SELECT TOTAL(queries) FROM cells WHERE attack = ? AND role = 'learn'", (attack,)
    ).fetchone()
    (unread,) = store.db.execute(
        "SELECT COUNT(*) FROM cells c JOIN trials t ON t.cell = c.id JOIN verdicts v ON v.id = t.verdict "
        "WHERE c.attack = ? AND c.role = 'search' AND c.state != 'running' AND v.repeat = 0 AND NOT v.parsed",
        (attack,),
    ).fetchone()
    verdicts, seconds = store.db.execute(
        "SELECT COUNT(*), TOTAL(seconds) FROM verdicts WHERE (problem, digest) IN (SELECT v.problem, v.digest "
        "FROM cells c JOIN trials t ON t.cell = c.id JOIN verdicts v ON v.id = t.verdict WHERE c.attack = ?)",
        (attack,),
    ).fetchone()
    return Cost(int(learning), verdicts, round(seconds, 3), unread)


def _outcomes(store: Store, attack: str) -> dict[str, int]:
    """How many verdicts of an attack's searches are counted apart, the commonest first."""
    rows = store.db.execute(
        "SELECT v.outcome, COUNT(*) AS count FROM cells c JOIN trials t ON t.cell = c.id "
        "JOIN verdicts v ON v.id = t.verdict WHERE c.attack = ? AND c.role = 'search' AND c.state != 'running' "
        "AND v.repeat = 0 AND v.outcome != '' GROUP BY v.outcome ORDER BY count DESC, v.outcome",
        (attack,),
    )
    return dict(rows.fetchall())


def _strings(store: Store, problems: int) -> list[FixedString]:
    """Texts that were tried on many problems, the worst first."""
    rows = store.db.execute(
        "SELECT v.response, COUNT(DISTINCT v.problem), "
        "COUNT(DISTINCT CASE WHEN v.accepted AND v.parsed AND t.truth = 'wrong' THEN v.problem END) AS fooled "
        "FROM trials t JOIN cells c ON c.id = t.cell JOIN verdicts v ON v.id = t.verdict "
        "WHERE c.role = 'search' AND v.repeat = 0 GROUP BY v.digest HAVING COUNT(DISTINCT v.problem) >= ? "
        "ORDER BY fooled DESC, LENGTH(v.response), v.response",
        (max(FIXED, problems // 2),),
    )
    return [FixedString(text, tried, fooled, fooled / tried, wilson(fooled, tried)) for text, tried, fooled in rows]
