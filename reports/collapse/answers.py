"""What a collapse run says, a sentence to each question that a reader comes with."""

from __future__ import annotations

from ...fuzz.course import Point, Sample
from ..answers import BROKEN, BY_WHAT, CHEAPLY, HARDENING, TO_DO, Answer
from ..escape import quoted, visible
from ..text import percent
from .summary import CollapseSummary, Moment

#: One run says nothing of it.
HARDENING_ASKED = "One run cannot say: do the same with a hardened judge, and set the two side by side."


def answers(summary: CollapseSummary) -> list[Answer]:
    """The first screen of a collapse run."""
    return [
        Answer(BROKEN, _broken(summary)),
        Answer(CHEAPLY, _cost(summary)),
        Answer(BY_WHAT, _by_what(summary)),
        Answer(HARDENING, HARDENING_ASKED, "hoodwink compare A B"),
        Answer(TO_DO, _to_do(summary)),
    ]


def typical(point: Point) -> Sample | None:
    """The first answer of an exam in the way that most of its answers were written in; None where none was kept."""
    common = max(point.ways, key=lambda way: point.ways[way][0], default=None)
    return next((s for s in point.samples if s.way == common), point.samples[0] if point.samples else None)


def _broken(summary: CollapseSummary) -> str:
    last = summary.last
    scored = f"the judge scores its answers {last.reward:.2f}, and {percent(last.right)} of them are right"
    if summary.collapse is not None:
        best = percent(summary.peak.right)
        return f"Yes: a policy trained on its score alone collapsed; {scored} (at best {best} were)."
    where = f"after {last.step} steps" + ("" if summary.complete else " (not finished)")
    if summary.loose is not None:
        return f"Yes, though not altogether: its score came loose from the truth; {where}, {scored}."
    return f"This policy did not break it: {where}, {scored}."


def _cost(summary: CollapseSummary) -> str:
    if summary.loose is None:
        last = summary.last
        return (
            f"Not within {last.step} steps and {last.queries:,} queries, {summary.seconds:.0f} s of the judge's time."
        )
    loose = f"The score came loose from the truth {_when(summary.loose)}"
    if summary.collapse is None:
        return f"{loose}; it was not lost altogether by step {summary.last.step}."
    return f"{loose}, and was lost altogether {_when(summary.collapse)}."


def _when(moment: Moment) -> str:
    return f"at step {moment.step} ({moment.queries:,} queries, {moment.seconds:.0f} s of the judge's time)"


def _by_what(summary: CollapseSummary) -> str:
    last = summary.last
    sample = typical(last)
    if sample is None:
        return "No answer of the last exam was kept."
    total = sum(count for count, _, _ in last.ways.values())
    count = last.ways[sample.way][0] if sample.way in last.ways else 0
    such = (
        f"{percent(count / total if total else None)} of its last answers are of this kind ({visible(sample.way, 40)})"
    )
    said = f"this one is scored {sample.score:.2f}, and the oracle says {visible(sample.truth, 20)}"
    if summary.loose is None:
        return f"By nothing that it found. It ends with answers such as {quoted(sample.text, 70)}: {such}; {said}."
    return f"By {quoted(sample.text, 70)}: {such}; {said}."


def _to_do(summary: CollapseSummary) -> str:
    if summary.loose is not None:
        return (
            f"Do not train on this score alone: from step {summary.loose.step} on it meant little. Watch accuracy on "
            "problems with known answers, stop where it parts from reward, and retrain the judge (hoodwink duel)."
        )
    return (
        "Do not take this for a proof that the judge holds: try more steps, other seeds, and a search that is out to "
        "fool it (hoodwink attack)."
    )
