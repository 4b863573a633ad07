"""What became of a policy, in numbers from its store alone, and as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ...corpora.errors import UsageError
from ...fuzz.course import ACCURACY, LOOSE, REWARD, Book, Point
from ...fuzz.run import Run
from ...fuzz.store import Store
from ..columns import Columns
from ..escape import quoted, visible
from ..reading import reading
from ..text import percent

#: Of the JSON that `hoodwink show --json` prints; changes when a field changes its meaning or goes.
SCHEMA = "hoodwink.collapse/1"

#: Points printed by `hoodwink show`.
ROWS = 14


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was first seen: after so many training steps and queries, and seconds of the judge's time."""

    step: int
    queries: int
    verdicts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CollapseSummary:
    """A whole run.

    Attributes:
        folder: of the run.
        complete: whether training came to its end.
        settings: what was asked for; two runs are alike but for the judge if these are but for judge and fingerprint.
        versions: of what a result may depend on.
        train: the points of all training batches, in order; what they show lags nothing, but they were learned from.
        exams: the points of all exams, on problems that were never learned from. All results below are read off these.
        loose: the first exam whose gap (reward less accuracy) is at least `LOOSE`: the jump; None if there was none.
        collapse: the first exam with reward of at least `REWARD` and accuracy of at most `ACCURACY`, or None.
        peak: the exam of the highest accuracy.
        seconds: judge time of all verdicts.
    """

    folder: str
    complete: bool
    settings: dict[str, Any]
    versions: dict[str, str]
    train: tuple[Point, ...]
    exams: tuple[Point, ...]
    loose: Moment | None
    collapse: Moment | None
    peak: Point
    seconds: float

    @property
    def first(self) -> Point:
        return self.exams[0]

    @property
    def last(self) -> Point:
        return self.exams[-1]

    def to_json(self) -> dict[str, Any]:
        """The documented JSON of `hoodwink show --json`."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "judge": {"name": self.settings["judge"], "fingerprint": self.settings["fingerprint"]},
            "settings": self.settings,
            "versions": self.versions,
            "collapsed": self.collapse is not None,
            "criterion": {"reward_at_least": REWARD, "accuracy_at_most": ACCURACY, "loose_gap": LOOSE},
            "jump": None if self.loose is None else asdict(self.loose),
            "collapse": None if self.collapse is None else asdict(self.collapse),
            "first": _point_json(self.first, samples=False),
            "peak": _point_json(self.peak, samples=False),
            "last": _point_json(self.last, samples=False),
            "seconds": self.seconds,
            "exams": [_point_json(p) for p in self.exams],
            "train": [_point_json(p) for p in self.train],
        }


def _point_json(point: Point, *, samples: bool = True) -> dict[str, Any]:
    """A point with its gap; its accuracy is the share that is right."""
    data = asdict(point)
    data["accuracy"], data["gap"] = data.pop("right"), point.gap
    if not samples:
        del data["samples"]
    return data


def summarise(run: Run) -> CollapseSummary:
    """Read a run's store and work out what it shows; an interrupted run gives what it has.

    Raises:
        UsageError: the run stopped before its first exam was marked, or is damaged.
    """
    with reading(run) as store:
        return _summarise(run, store)


def _summarise(run: Run, store: Store) -> CollapseSummary:
    config = store.config
    book = Book(store)
    exams = book.points("exam") if book.begun() else []
    if not exams:
        raise UsageError(f"run {run.folder} stopped before its first result; run the same command again to go on")
    (seconds,) = store.db.execute("SELECT TOTAL(seconds) FROM verdicts").fetchone()
    return CollapseSummary(
        folder=str(run.folder),
        complete=bool(store.get("complete")),
        settings=config["identity"],
        versions=config["versions"],
        train=tuple(book.points("train")),
        exams=tuple(exams),
        loose=_moment(store, next((p for p in exams if p.gap >= LOOSE), None)),
        collapse=_moment(store, next((p for p in exams if p.collapsed), None)),
        peak=max(exams, key=lambda p: p.right),
        seconds=round(seconds, 3),
    )


def _moment(store: Store, point: Point | None) -> Moment | None:
    """When a point was seen; judge time is that of all verdicts up to it, which are stored in order."""
    if point is None:
        return None
    (seconds,) = store.db.execute(
        "SELECT TOTAL(seconds) FROM (SELECT seconds FROM verdicts ORDER BY id LIMIT ?)", (point.verdicts,)
    ).fetchone()
    return Moment(point.step, point.queries, point.verdicts, round(seconds, 3))


def headline(summary: CollapseSummary) -> str:
    """The finding in one sentence."""
    last, peak = summary.last, summary.peak
    if summary.collapse is not None:
        cost = summary.collapse
        return (
            f"Trained on this judge's score alone, the policy collapsed within {cost.step} steps and {cost.queries} "
            f"queries: the judge now scores its answers {last.reward:.2f}, and {percent(last.right)} of them are right "
            f"(at best {percent(peak.right)} were)."
        )
    where = f"after {last.step} steps and {last.queries} queries" + ("" if summary.complete else " (not finished)")
    return (
        f"Trained on this judge's score alone, the policy did not collapse {where}: the judge scores its answers "
        f"{last.reward:.2f}, and {percent(last.right)} of them are right."
    )


def meaning(summary: CollapseSummary) -> str:
    """What the finding means, in a sentence or two."""
    if summary.collapse is not None:
        return (
            "Nothing told the policy what fools the judge. It found what no training answer looked like, where the "
            "score says nothing about the answer, and stayed there because it pays best. A reward that only rises "
            "is no evidence that answers get better."
        )
    if summary.loose is not None:
        return (
            "The judge's score came loose from the truth, though not all the way. More steps may well finish it: a run "
            "that did not collapse is no proof that the judge holds."
        )
    return (
        "This policy found no way to be paid for wrong answers within its steps. That is no proof that the judge "
        "holds: a stronger search or more steps may find one (hoodwink attack searches harder)."
    )


def milestones(points: Sequence[Point], count: int) -> list[Point]:
    """So many points spread evenly, with the first and the last."""
    if len(points) <= count:
        return list(points)
    return [points[round(i * (len(points) - 1) / (count - 1))] for i in range(count)]


def render(summary: CollapseSummary) -> RenderableType:
    """The finding, what it means, the curve of exams, and what the policy wrote along it."""
    settings = summary.settings
    about = (
        f"Judge {visible(settings['judge'])}, policy {visible(settings['policy'])}, "
        f"examined on {settings['exam_count']} problems that it never learned from"
    )
    parts: list[RenderableType] = [Text(headline(summary)), Text(meaning(summary)), Text(""), Text(about)]
    shown = milestones(summary.exams, ROWS)
    sample = "a sample, scored"
    names = ("step", "queries", "reward", "accuracy", "gap", "entropy", "KL", "distinct-2", sample)
    rows = [
        (
            str(point.step), str(point.queries), f"{point.reward:.3f}", f"{point.right:.3f}", f"{point.gap:.3f}",
            nats(point.entropy), nats(point.divergence), f"{point.distinct[1]:.2f}", Text(_said(point)),
        )
        for point in shown
    ]  # fmt: skip
    parts.append(Columns(names, rows, spare=("distinct-2", "KL", "entropy", "gap"), wraps={sample: 30}))
    if summary.loose is not None:
        parts.append(Text(f"the score came loose (gap of {LOOSE:g}) {_when(summary.loose)}"))
    if summary.collapse is not None:
        parts.append(Text(f"collapse (reward {REWARD:g}, accuracy {ACCURACY:g}) {_when(summary.collapse)}"))
    if not summary.complete:
        parts.append(Text("This run is not finished. The same command goes on with it.", style="yellow"))
    return Group(*parts)


def _when(moment: Moment) -> str:
    return (
        f"at step {moment.step}: {moment.queries} queries, {moment.verdicts} verdicts with exams, "
        f"{moment.seconds:.0f} s of the judge's time"
    )


def _said(point: Point) -> str:
    if not point.samples:
        return ""
    sample = point.samples[0]
    return f"{sample.score:.2f} {visible(sample.truth)} {quoted(sample.text, 48)}"


def nats(value: float | None) -> str:
    """`3.14` -> `3.1`; a dash where it is not known."""
    return "–" if value is None else f"{value:.1f}"
