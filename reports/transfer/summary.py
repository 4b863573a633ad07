"""A transfer in numbers, from its store alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ...corpora.errors import UsageError
from ...fuzz.calibration import Calibration
from ...fuzz.run import Run
from ...fuzz.statistics import wilson
from ...fuzz.transfer import FORMS, Asked, Cell, Form
from ..reading import reading

#: Of the JSON that `hoodwink transfer --json` and `hoodwink show --json` print.
SCHEMA = "hoodwink.transfer/1"


class Origin(NamedTuple):
    """Where finds come from: an attack of a run, or of a round of a duel; see `fuzz.sources.Source`."""

    run: str
    round: int | None
    judge: str
    attack: str
    finds: int
    problems: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one judge makes of one source's finds, in one form, with its rate by problem.

    Attributes:
        cell: the counts.
        rate: share of the problems that count on which the judge accepts a find; None where none counts.
        interval: its 95 % Wilson interval.
        parsed: share of the finds' verdicts that could be read; None without finds.
    """

    cell: Cell
    rate: float | None
    interval: tuple[float, float] | None
    parsed: float | None


@dataclass(frozen=True, slots=True)
class TransferSummary:
    """A whole transfer.

    Attributes:
        folder: of the transfer.
        complete: whether every judge has been asked.
        settings: what was asked for: the identity in `config.json`.
        versions: of what a result may depend on.
        sources: whose finds were replayed, those without finds included.
        judges: who was asked so far.
        replayed: by form, source and judge: `replayed[form][source][judge]`.
        notes: judges that could not be asked, in sentences.
    """

    folder: str
    complete: bool
    settings: dict[str, Any]
    versions: dict[str, str]
    sources: tuple[Origin, ...]
    judges: tuple[Asked, ...]
    replayed: dict[Form, tuple[tuple[Replayed, ...], ...]]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The documented JSON."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "settings": self.settings,
            "versions": self.versions,
            "sources": [source._asdict() for source in self.sources],
            "judges": [_judge_json(judge) for judge in self.judges],
            "matrix": [
                {**asdict(each.cell), "rate": each.rate, "rate_ci": each.interval, "parsed": each.parsed}
                for rows in self.replayed.values()
                for row in rows
                for each in row
            ],
            "notes": list(self.notes),
        }


def _judge_json(judge: Asked) -> dict[str, Any]:
    data = asdict(judge)
    accepted, total = data.pop("right")
    interval = wilson(accepted, total)
    return {**data, "own": judge.own, "right_accepted": accepted, "right_items": total, "right_accepted_ci": interval}


def summarise(run: Run) -> TransferSummary:
    """Read a transfer's store; an interrupted one gives the judges that were asked to the end.

    Raises:
        UsageError: the transfer stopped before its first judge was through, or is damaged.
    """
    with reading(run) as store:
        config, data = store.config, store.get("transfer")
        if data is None:
            raise UsageError(f"run {run.folder} stopped before its first result; run the same command again to go on")
        cells = [Cell(**cell) for cell in data["cells"]]
        sources = tuple(Origin(**source) for source in data["sources"])
        judges = tuple(_asked(judge) for judge in data["judges"])
        return TransferSummary(
            folder=str(run.folder),
            complete=bool(store.get("complete")),
            settings=config["identity"],
            versions=config["versions"],
            sources=sources,
            judges=judges,
            replayed={form: _matrix(cells, form, len(sources), len(judges)) for form in FORMS},
            notes=tuple(data["notes"]),
        )


def _asked(data: dict[str, Any]) -> Asked:
    fixed = data["calibration"]
    right = (data["right"][0], data["right"][1])
    made = tuple(data["made"])
    return Asked(
        **{**data, "made": made, "right": right, "calibration": None if fixed is None else Calibration.from_json(fixed)}
    )


def _matrix(cells: Sequence[Cell], form: Form, sources: int, judges: int) -> tuple[tuple[Replayed, ...], ...]:
    by_place = {(cell.source, cell.judge): _replayed(cell) for cell in cells if cell.form == form}
    return tuple(tuple(by_place[source, judge] for judge in range(judges)) for source in range(sources))


def _replayed(cell: Cell) -> Replayed:
    rate = cell.fooled / cell.problems if cell.problems else None
    parsed = 1 - cell.unread / cell.finds if cell.finds else None
    return Replayed(cell, rate, wilson(cell.fooled, cell.problems), parsed)
