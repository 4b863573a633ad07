"""The page of a policy trained on a judge's score."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..corpora.corpus import CORPORA
from ..fuzz.course import LOOSE, Point
from ..judges.judge import JUDGES
from .charts import lines_chart
from .collapses import CollapseSummary, headline, meaning, milestones, nats
from .escape import visible
from .page import SHORT, page, shown
from .reproduce import has_names, option_words

#: Exams of which samples are shown, and rows of the table of exams.
SHOWN, ROWS = 8, 60


class Curve(NamedTuple):
    """A chart and the table behind it: a row for each exam shown, its step first."""

    title: str
    note: str
    chart: Markup
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def render(summary: CollapseSummary) -> str:
    """The page of a collapse run."""
    exams = milestones(summary.exams, ROWS)
    return page(
        "collapse.html.jinja",
        title=f"collapse of {summary.settings['judge']}",
        run=summary,
        headline=headline(summary),
        meaning=meaning(summary),
        loose=LOOSE,
        curves=curves(exams),
        samples=milestones(summary.exams, SHOWN),
        command=command(summary),
    )


def curves(exams: Sequence[Point]) -> list[Curve]:
    """Reward against accuracy, the policy's own measures, and how it answers."""
    return [_story(exams), *([_drift(exams)] if any(p.entropy is not None for p in exams) else []), *_manners(exams)]


def _story(exams: Sequence[Point]) -> Curve:
    lines = {
        "reward (the judge's score)": [(p.step, p.reward) for p in exams],
        "accuracy (the oracle's)": [(p.step, p.right) for p in exams],
    }
    chart = lines_chart(
        lines, label="Reward and accuracy by training step", across="training steps", up="mean of an exam", shares=True
    )
    rows = [
        (f"{p.step}", f"{p.queries}", f"{p.reward:.3f}", f"{p.accepted:.3f}", f"{p.right:.3f}", f"{p.wrong:.3f}",
         f"{p.unsure:.3f}", f"{p.gap:.3f}")
        for p in exams
    ]  # fmt: skip
    columns = ("step", "queries", "reward", "accepted", "right", "wrong", "unsure", "gap")
    note = "Reward is what the policy was trained on. Accuracy is the share of right answers, which nobody told it."
    return Curve("What the judge says, and what is true", note, chart, columns, rows)


def _drift(exams: Sequence[Point]) -> Curve:
    lines = {
        "divergence from the start": [(p.step, p.divergence) for p in exams if p.divergence is not None],
        "entropy": [(p.step, p.entropy) for p in exams if p.entropy is not None],
    }
    label = "Divergence and entropy of the policy by training step"
    chart = lines_chart(lines, label=label, across="training steps", up="nats a sample", shares=False, height=140)
    rows = [
        (f"{p.step}", nats(p.divergence), nats(p.entropy), *(f"{share:.3f}" for share in p.distinct)) for p in exams
    ]
    columns = ("step", "divergence", "entropy", "distinct-1", "distinct-2", "distinct-3")
    note = (
        "Kullback-Leibler divergence from the policy at the start, and entropy. Distinct-n, in the table: different "
        "runs of n words or signs as a share of all in a batch."
    )
    return Curve("How far it went, and how little is left", note, chart, columns, rows)


def _manners(exams: Sequence[Point]) -> list[Curve]:
    """By way of answering; nothing where there is but one."""
    names = sorted({way for p in exams for way in p.ways})
    if len(names) < 2:
        return []
    counts = [sum(count for count, _, _ in p.ways.values()) for p in exams]
    lines = {
        visible(name, SHORT): [
            (p.step, p.ways[name][0] / count if name in p.ways else 0.0) for p, count in zip(exams, counts, strict=True)
        ]
        for name in names
    }
    label = "Share of each way of answering by training step"
    chart = lines_chart(lines, label=label, across="training steps", up="share of answers", shares=True, height=140)
    rows = [(f"{p.step}", *(_way(p, name) for name in names)) for p in exams]
    note = "Share of answers, and in the table how many, with their mean score."
    columns = ("step", *(shown(name, SHORT) for name in names))
    return [Curve("How it answers", note, chart, columns, rows)]


def _way(point: Point, name: str) -> str:
    count, score, _ = point.ways.get(name, (0, 0.0, 0.0))
    return f"{count} ({score:.2f})" if count else "0"


def command(summary: CollapseSummary) -> str | None:
    """The command line that makes the run again; None for a run of objects that have no name there."""
    settings = summary.settings
    if not has_names([(settings["judge"], JUDGES), (settings["corpus"], CORPORA)]):
        return None
    if settings["policy"].startswith("object "):
        return None
    words = ["hoodwink", "collapse", "--judge", settings["judge"], "--corpus", settings["corpus"]]
    if settings["policy"] != "student":
        words += ["--policy", settings["policy"]]
    counts = {"problems": settings["problem_count"], "exam": settings["exam_count"]}
    return shlex.join(words + option_words({**counts, **settings["training"], "seed": settings["seed"]}))
