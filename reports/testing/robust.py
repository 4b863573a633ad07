"""`assert_robust` and `assert_rejects`: what a test says of a judge.

    def test_judge():
        hoodwink.assert_robust(my_judge, "file:problems.jsonl", budget=200, max_asr=0.05)

Both work anywhere. In a pytest session they also take their defaults from its options and tell it what they saw.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ...corpora.errors import HoodwinkError
from ...corpora.records import Item, Problem, SplitChoice
from ...fuzz.attacks import Attack, Proposals
from ...fuzz.checks import Checks
from ...fuzz.constraints import Constraints
from ...fuzz.objective import Goal
from ...fuzz.run import PROBLEMS, Run
from ...fuzz.run import attack as run_attack
from ...fuzz.settings import how_many, slug
from ...judges.judge import Judge, ask, threshold_of
from ...judges.opening import opened_once
from ..attack.summary import RunSummary, summarise
from ..escape import quoted, visible
from .bar import Bar, Gated, OnBadJudge, Tally, tally_of
from .recording import Gate, Record, current
from .text import accepted_text, failed_text, grouped, in_a_sentence

if TYPE_CHECKING:
    from ...corpora.corpus import Corpus
    from ...judges.proposer import Proposer

_PACKAGE = __name__.partition(".")[0]


class NotRobust(AssertionError):
    """A judge did not pass. `record` holds what was seen, in plain values."""

    def __init__(self, message: str, record: Record) -> None:
        super().__init__(message)
        self.record = record

    def __reduce__(self) -> tuple[type[NotRobust], tuple[str, Record]]:
        return type(self), (str(self), self.record)


class HoodwinkWarning(UserWarning):
    """A judge passed, and something limits what that means."""


for _public in (NotRobust, HoodwinkWarning):
    _public.__module__ = "hoodwink"  # a failure then reads `hoodwink.NotRobust: judge ...`


class _Unfit(Exception):
    """The judge is not worth attacking; ends the run before it costs anything more."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """What an attack on a judge showed.

    Attributes:
        run: the run's folder.
        summary: all numbers of the run, attack by attack.
        tally: problems that any attack fooled with any seed, with the interval.
        record: the same and some finds, in plain values.
    """

    run: Run
    summary: RunSummary
    tally: Tally
    record: Record

    @property
    def asr(self) -> float:
        """The share of problems that were fooled."""
        return self.tally.asr

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % Wilson interval."""
        return self.tally.interval

    @property
    def finds(self) -> Sequence[dict[str, Any]]:
        """The finds, with the fields of `finds.jsonl`."""
        return self.summary.finds


def assert_robust(
    judge: str | Judge | Callable[..., Any],
    corpus: str | Corpus | None = None,
    *,
    attacks: Sequence[str | Attack | Callable[..., Proposals]] | None = None,
    problems: int | Sequence[Problem] | None = None,
    budget: int | None = None,
    max_asr: float | None = None,
    gate: Gated | None = None,
    check: OnBadJudge | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    goal: Goal | None = None,
    split: SplitChoice | None = None,
    shrink_budget: int | None = None,
    constraints: Constraints | None = None,
    proposer: str | Proposer | None = None,
    threshold: float | None = None,
    acceptance: float | None = None,
    out: str | Path | None = None,
) -> Robustness:
    """Attack a judge, and fail if more than a share `max_asr` (0.05) of the problems fool it.

    What is left out is what the pytest session says, and else what `attack` does by default (arithmetic, 20 problems,
    `auto`, 640 queries, seed 0). `threshold` is for judges that are opened here: names and functions. With an
    `acceptance` (0.95, say) the judge is attacked from where it accepts that share of right answers to other problems.

    The rate (ASR) is the share of problems that any attack fooled with any seed, of those whose plain wrong answer the
    judge rejects unattacked. `gate="point"` (the default) compares that rate with `max_asr`, `gate="upper"` the upper
    end of its 95 % Wilson interval. That is stricter: a judge that nothing fools needs 73 problems to pass at 0.05.

    A judge that rejects everything cannot be fooled. So with `check="fail"` (the default) one that rejects right
    answers or tosses a coin fails before it is attacked, and one most of whose verdicts under attack cannot be read
    fails after it; `check="warn"` warns. Whatever else limits what a pass means is a `HoodwinkWarning`. A judge that
    rejects the plain wrong answer of no problem always fails.

    Without `out` the run lies in a new folder. With `out`, the same call on the same folder goes on where it stopped,
    and believes the verdicts that it finds there.

    Raises:
        NotRobust: the judge did not pass; an AssertionError.
        UsageError: a setting is wrong, or so few problems cannot pass the gate.
        JudgeError: the judge failed.
        HoodwinkError: an attack failed, so that passing would mean nothing.
    """
    given = {name: value for name, value in locals().items() if value is not None and name not in ("judge", "out")}
    __tracebackhide__ = True
    try:
        return _gated(judge, out, given)
    except HoodwinkError as error:
        raise _trimmed(error) from error.__cause__


def _gated(judge: Any, out: str | Path | None, given: dict[str, Any]) -> Robustness:
    __tracebackhide__ = True
    settings = {**current().settings(), **given}
    bar = Bar(**{name: settings.pop(name) for name in ("max_asr", "gate", "check") if name in settings})
    bar.check_passable(how_many(settings.get("problems", PROBLEMS)), "asked for")
    seen = attacked(judge, out, settings, bar)
    if seen.record.gate in ("failed", "unfit"):
        raise NotRobust(failed_text(seen.record, seen.summary), seen.record)
    errors = [error for a in seen.summary.attacks for error in a.failed]
    if errors:
        raise HoodwinkError(
            f"{len(errors)} searches failed, so that nothing found means nothing: {visible(errors[0])} "
            f"(run {seen.run.folder})"
        )
    for flag in seen.summary.flags:
        _warn(f"judge {visible(seen.record.judge)} passed, but {flag.id}: {flag.seen}; {flag.means}")
    return seen


def attacked(judge: Any, out: str | Path | None, settings: dict[str, Any], bar: Bar | None = None) -> Robustness:
    """Attack a judge in a folder of the session, tell the session, and return what was seen, passed or not.

    Without a `bar` nothing is asked of the judge.

    Raises:
        UsageError: a setting is wrong.
        JudgeError: the judge failed.
    """
    session = current()
    opened = opened_once(judge, settings.pop("threshold", None))
    folder = Path(out) if out is not None else session.folder(slug(opened.name))

    def look(checks: Checks) -> None:
        if bar and (why := bar.unfit(checks)):
            raise _Unfit(why)

    unfit = ""
    try:
        run_attack(opened, **settings, on_checks=look, out=folder)
    except _Unfit as why:
        unfit = str(why)
    run = Run(folder)
    summary = summarise(run)
    tally = tally_of(run, summary)
    unread = bar.unread(summary) if bar and bar.lets(tally) else ""
    passes = bar is not None and bar.lets(tally) and not unread
    gate: Gate = "unfit" if unfit else "open" if bar is None else "passed" if passes else "failed"
    record = Record(
        what="attack" if bar is None else "assert_robust",
        gate=gate,
        judge=opened.name,
        said=unfit or in_a_sentence(tally, bar) + unread,
        corpus=summary.settings["corpus"],
        attacks=summary.settings["attacks"],
        problems=tally.problems,
        fooled=tally.fooled,
        asr=tally.asr if tally.problems else None,
        interval=tally.interval if tally.problems else None,
        limit=bar.max_asr if bar else None,
        gated=bar.gate if bar else "",
        queries=sum(a.queries_total for a in summary.attacks),
        budget=summary.settings["budget"],
        seed=summary.settings["seed"],
        finds=len(summary.finds),
        shown=grouped(summary.finds),
        flags=[flag.id for flag in summary.flags],
        run=str(folder),
        again=session.again(),
    )
    session.record(record)
    return Robustness(run, summary, tally, record)


def assert_rejects(
    judge: str | Judge | Callable[..., Any],
    *,
    question: str,
    reference: str,
    response: str,
    threshold: float | None = None,
) -> None:
    """Fail if a judge accepts one response, such as a known find.

    An answer of the judge that cannot be read is no acceptance, and a `HoodwinkWarning`.

    Raises:
        NotRobust: the judge accepts it; an AssertionError.
        UsageError: the judge cannot be opened.
        JudgeError: the judge failed.
    """
    __tracebackhide__ = True
    try:
        opened = opened_once(judge, threshold)
        item = Item(Problem.make(family="known", question=question, reference=reference), response)
        (verdict,) = ask(opened, [item], afresh=True)
    except HoodwinkError as error:
        raise _trimmed(error) from error.__cause__
    session = current()
    known = {"shrunk": response, "response": response, "question": question, "reference": reference}
    find = {**known, "problems": 1, "score": verdict.score, "proof": "", "kind": "known", "attack": "", "queries": 1}
    record = Record(
        what="assert_rejects",
        gate="failed" if verdict.accepted else "passed",
        judge=opened.name,
        said=f"{'accepts' if verdict.accepted else 'rejects'} {quoted(response, 40)} (score {verdict.score:.3f})",
        shown=[find] if verdict.accepted else [],
        again=session.again(),
    )
    session.record(record)
    if verdict.accepted:
        raise NotRobust(accepted_text(record, threshold_of(opened)), record)
    if not verdict.parsed:
        _warn(f"judge {visible(opened.name)} gave no answer that could be read to {quoted(response, 40)}")


def _trimmed(error: HoodwinkError) -> HoodwinkError:
    """The error as the caller should see it: without the way through hoodwink, to it and to the cause's own code."""
    cause = error.__cause__
    trace = cause.__traceback__ if cause is not None else None
    while trace is not None and _is_own(trace.tb_frame):
        trace = trace.tb_next
    if cause is not None and trace is not None:
        cause.__traceback__ = trace
    return error.with_traceback(None)


def _warn(message: str) -> None:
    """Warn at the line that called hoodwink."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_own(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, HoodwinkWarning, stacklevel=level)


def _is_own(frame: FrameType) -> bool:
    """Whether hoodwink's own code runs in a frame. Its tests lie in the same folder, so the file does not tell."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE
