"""The page of a policy trained on a judge's score."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from ...corpora.corpus import CORPORA
from ...fuzz.course import Point
from ...judges.opening import NAMED
from ..answers import Figure
from ..charts import lines_chart
from ..escape import visible
from ..page import SHORT, page, shown
from ..reproduce import has_names, option_words
from .answers import answers, typical
from .chart import story_chart
from .summary import CollapseSummary, meaning, milestones, nats

#: Exams of which samples are shown, and rows of the table of exams.
SHOWN, ROWS = 8, 60


class Section(NamedTuple):
    """A figure under a heading."""

    title: str
    figure: Figure


def render(summary: CollapseSummary) -> str:
    """The page of a collapse run."""
    exams = milestones(summary.exams, ROWS)
    chosen = along(summary.exams, SHOWN)
    return page(
        "collapse.html.jinja",
        title=f"collapse of {summary.settings['judge']}",
        run=summary,
        answers=answers(summary),
        meaning=meaning(summary),
        story=_story(summary, exams, chosen),
        sections=[*([_drift(exams)] if any(p.entropy is not None for p in exams) else []), *_manners(exams)],
        samples=[(point, typical(point)) for point in chosen],
        command=command(summary),
    )


def along(points: Sequence[Point], count: int) -> list[Point]:
    """So many points, half of them spread over the steps and half over the way that the gap goes to its highest."""
    if len(points) <= count:
        return list(points)
    steps = [p.step / max(1, points[-1].step) for p in points]
    highest = list(accumulate((p.gap for p in points), max))
    grown = [(gap - highest[0]) / max(highest[-1] - highest[0], 1e-9) for gap in highest]
    far = [(step + gap) / 2 for step, gap in zip(steps, grown, strict=True)]
    wanted = [far[0] + (far[-1] - far[0]) * i / (count - 1) for i in range(count)]
    return [points[i] for i in sorted({min(range(len(far)), key=lambda i: abs(far[i] - at)) for at in wanted})]


def _story(summary: CollapseSummary, exams: Sequence[Point], chosen: Sequence[Point]) -> Section:
    caption = "Reward (the judge's score) and accuracy (the oracle's) by training step"
    columns = ("step", "queries", "reward", "accuracy", "gap", "accepted", "wrong", "unsure")
    rows = [
        (f"{p.step}", f"{p.queries}", f"{p.reward:.3f}", f"{p.right:.3f}", f"{p.gap:.3f}", f"{p.accepted:.3f}",
         f"{p.wrong:.3f}", f"{p.unsure:.3f}")
        for p in exams
    ]  # fmt: skip
    note = (
        "Reward is what the policy was trained on. Accuracy is the share of right answers, which nobody told it. "
        "The numbers mark where it was looked at, below."
    )
    if summary.loose is not None:
        note += " Dashed: where the gap between both reaches a half"
        note += "." if summary.collapse is None else ", and where nothing is right and the judge is content."
    chart = story_chart(summary, exams, chosen, caption)
    return Section("What the judge says, and what is true", Figure(f"{caption}. {note}", chart, columns, rows))


def _drift(exams: Sequence[Point]) -> Section:
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
    return Section("How far it went, and how little is left", Figure(f"{label}. {note}", chart, columns, rows))


def _manners(exams: Sequence[Point]) -> list[Section]:
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
    return [Section("How it answers", Figure(f"{label}. {note}", chart, columns, rows))]


def _way(point: Point, name: str) -> str:
    count, score, _ = point.ways.get(name, (0, 0.0, 0.0))
    return f"{count} ({score:.2f})" if count else "0"


def command(summary: CollapseSummary) -> str | None:
    """The command line that makes the run again; None for a run of objects that have no name there."""
    settings = summary.settings
    if not has_names([(settings["judge"], NAMED), (settings["corpus"], CORPORA)]):
        return None
    if settings["policy"].startswith("object "):
        return None
    words = ["hoodwink", "collapse", "--judge", settings["judge"], "--corpus", settings["corpus"]]
    if settings["policy"] != "student":
        words += ["--policy", settings["policy"]]
    counts = {"problems": settings["problem_count"], "exam": settings["exam_count"]}
    return shlex.join(words + option_words({**counts, **settings["training"], "seed": settings["seed"]}))
