"""A survey in numbers, from its folder alone: a row for each judge, from the summary of its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ...corpora.errors import UsageError
from ...fuzz.checks import Flag
from ...fuzz.run import Run
from ...fuzz.store import CONFIG_FILE
from ...fuzz.survey import Entrant
from ...judges.quality import Quality
from ..attack.summary import AttackSummary, Baseline, RunSummary
from ..attack.summary import summarise as summarise_attack
from ..reading import reading

#: Of the JSON that `hoodwink show --json` prints of a survey.
SCHEMA = "hoodwink.survey/1"


@dataclass(frozen=True, slots=True)
class Row:
    """One judge of a survey.

    Attributes:
        label: what it is called.
        judge: its name.
        folder: of its run, under that of the survey.
        error: why it failed; empty if it did not.
        lacks: attacks that cannot be run on it, with the reason.
        complete: whether all of its searches have ended.
        quality: on clean responses; None where it has not been checked.
        threshold: the score from which it accepts.
        baseline: what it says of plain wrong answers unattacked.
        attacks: what each attack did, by its name; without those that it lacks.
        verdicts: that it was asked for, all in all.
        seconds: that it took for them.
        calls: of models or servers, or of other judges, that these verdicts took.
        flags: the warnings.
        machine: cores and threads, where its run ended; empty where it did not.
    """

    label: str
    judge: str
    folder: str
    error: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    quality: Quality | None = None
    threshold: float = 0.5
    baseline: Baseline | None = None
    attacks: Mapping[str, AttackSummary] = field(default_factory=dict)
    verdicts: int = 0
    seconds: float = 0.0
    calls: int = 0
    flags: tuple[Flag, ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def calls_a_verdict(self) -> float | None:
        """Calls of models, servers or other judges that a verdict takes on average."""
        return self.calls / self.verdicts if self.verdicts else None

    @property
    def rate(self) -> float | None:
        """Verdicts in a second of the judge's own time."""
        return self.verdicts / self.seconds if self.seconds else None

    @property
    def problems(self) -> list[str]:
        """What went wrong, a line each: why it failed, and what its attacks failed with."""
        failed = [f"{a.name}: {error}" for a in self.attacks.values() for error in dict.fromkeys(a.failed)]
        return [*([self.error] if self.error else []), *failed]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "label": self.label,
            "judge": self.judge,
            "folder": self.folder,
            "complete": self.complete,
            "problems": self.problems,
            "threshold": self.threshold if self.quality else None,
            "quality": None if self.quality is None else self.quality.to_json(),
            "baseline": None if self.baseline is None else self.baseline._asdict(),
            "attacks": {name: _attack_json(attack) for name, attack in self.attacks.items()},
            "lacks": dict(self.lacks),
            "verdicts": self.verdicts,
            "seconds": round(self.seconds, 3),
            "verdicts_per_second": self.rate,
            "calls_per_verdict": self.calls_a_verdict,
            "flags": [asdict(flag) for flag in self.flags],
            "machine": dict(self.machine),
        }


#: What the JSON of a survey has of each attack; the rest is in the run of the judge.
_TOLD = ("problems", "excluded", "fooled", "asr", "asr_ci", "nonsense", "queries_median", "queries_total", "failed")


def _attack_json(attack: AttackSummary) -> dict[str, Any]:
    return {name: getattr(attack, name) for name in _TOLD}


@dataclass(frozen=True, slots=True)
class SurveySummary:
    """All judges of a survey, in the order asked for.

    Attributes:
        folder: where it is, as the user wrote it.
        complete: whether every judge has been asked or has failed.
        settings: what was asked for: the identity in `config.json`.
        versions: of what a result may depend on.
        rows: the judges.
    """

    folder: str
    complete: bool
    settings: dict[str, Any]
    versions: dict[str, str]
    rows: tuple[Row, ...]

    @property
    def attacks(self) -> list[str]:
        """The names of the attacks."""
        return list(self.settings["attacks"])

    @property
    def failed(self) -> list[Row]:
        """The judges that failed, or on which an attack did."""
        return [row for row in self.rows if row.problems]

    @property
    def machines(self) -> list[str]:
        """Where the judges ran: `2 cores, 1 thread`, each once."""
        return list(dict.fromkeys(_machine(row.machine) for row in self.rows if row.machine))

    def to_json(self) -> dict[str, Any]:
        """The documented JSON of `hoodwink show --json`."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "settings": self.settings,
            "versions": self.versions,
            "judges": [row.to_json() for row in self.rows],
        }


def _machine(told: Mapping[str, Any]) -> str:
    cores, threads = told.get("cores"), told.get("threads")
    return f"{cores} cores" + (f", {threads} torch thread{'' if threads == 1 else 's'}" if threads else "")


def summarise(run: Run) -> SurveySummary:
    """Read a survey and the runs under it; an interrupted one gives what it has.

    Raises:
        UsageError: it is damaged.
    """
    with reading(run, "survey") as store:
        config, complete = store.config, bool(store.get("complete"))
        entrants = [Entrant.from_json(data) for data in store.get("entrants") or []]
        failed, machines = store.get("failed") or {}, store.get("machines") or {}
        if not entrants or "versions" not in config:
            raise UsageError(f"survey {run.folder} stopped before its first judge; run it again to go on")
        settings, versions = config["identity"], config["versions"]
        rows = tuple(_row(run, each, failed.get(each.folder, ""), machines.get(each.folder, {})) for each in entrants)
    return SurveySummary(str(run.folder), complete, settings, versions, rows)


def _row(run: Run, entrant: Entrant, error: str, machine: Mapping[str, Any]) -> Row:
    told = (entrant.label, entrant.name, entrant.folder, error, entrant.lacks or {})
    own = Run(run.folder / entrant.folder)
    if not (own.folder / CONFIG_FILE).is_file():
        return Row(*told)
    with reading(own) as store:
        if store.get("checks") is None:
            return Row(*told)
        verdicts, seconds = store.db.execute("SELECT COUNT(*), TOTAL(seconds) FROM verdicts").fetchone()
        used = store.get("used")
    summary: RunSummary = summarise_attack(own)
    calls = verdicts if used is None else sum(each[0] for each in used.values())
    return Row(
        *told,
        complete=summary.complete,
        quality=summary.checks.quality,
        threshold=summary.checks.threshold,
        baseline=summary.baseline,
        attacks={attack.name: attack for attack in summary.attacks},
        verdicts=verdicts,
        seconds=seconds,
        calls=calls,
        flags=summary.flags,
        machine=machine,
    )
