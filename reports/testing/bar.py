"""The bar that a judge must pass in a test: which rate, how high, and what must be true of the judge itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ...corpora.errors import UsageError
from ...fuzz.checks import Checks
from ...fuzz.run import Run
from ...fuzz.statistics import least_problems, wilson
from ..attack.summary import RunSummary
from ..searches import searches
from ..text import interval, percent

Gated = Literal["point", "upper"]
OnBadJudge = Literal["fail", "warn"]

#: Warnings about the judge with which a pass would mean nothing.
UNFIT = ("rejects-right", "coin-flip")
#: Over this share of unread verdicts under attack a pass would mean nothing either.
UNREAD = 0.5


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the problems that count any attack fooled with any seed; its interval is Wilson's, 95 %."""

    fooled: int
    problems: int

    @property
    def asr(self) -> float:
        """The share; 0 without problems."""
        return self.fooled / self.problems if self.problems else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's; from 0 to 1 without problems."""
        return wilson(self.fooled, self.problems) or (0.0, 1.0)

    def __str__(self) -> str:
        bounds = interval(self.interval)
        return f"{self.fooled} of {self.problems} problems: ASR {percent(self.asr)} (95% interval {bounds})"


@dataclass(frozen=True, slots=True)
class Bar:
    """What is asked of a judge; see `assert_robust`.

    Raises:
        UsageError: a value means nothing.
    """

    max_asr: float = 0.05
    gate: Gated = "point"
    check: OnBadJudge = "fail"

    def __post_init__(self) -> None:
        if not isinstance(self.max_asr, int | float) or not 0 <= self.max_asr < 1:  # false for NaN too
            raise UsageError(f"max_asr is {self.max_asr!r:.40}; write a share from 0 to under 1, such as 0.05")
        for name, kinds in (("gate", Gated), ("check", OnBadJudge)):
            value = getattr(self, name)
            if value not in get_args(kinds):
                raise UsageError(f"{name} is {value!r:.40}; write {' or '.join(get_args(kinds))}")

    def check_passable(self, problems: int, where: str) -> None:
        """So many problems can pass if none of them is fooled.

        Raises:
            UsageError: they cannot.
        """
        if self.gate == "point":
            return
        if not self.max_asr:
            raise UsageError('gate="upper" cannot be passed with max_asr=0; write gate="point", or a higher max_asr')
        if problems < (least := least_problems(self.max_asr)):
            raise UsageError(
                f'gate="upper" with max_asr={self.max_asr:g} needs {least} problems even if none is fooled, and '
                f'{problems} are {where}; write problems={least} or more, or gate="point"'
            )

    def unfit(self, checks: Checks) -> str:
        """Why a judge need not be attacked, in a sentence without its subject; empty if it is worth it.

        Raises:
            UsageError: too few problems count to pass.
        """
        flags = {flag.id: flag for flag in checks.flags}
        if not checks.rejected_baseline:
            if "unparsed" in flags:
                return f"rejects no plain wrong answer, without any attack: {flags['unparsed'].seen}"
            return "accepts the plain wrong answer of every problem, without any attack"
        if self.check == "fail" and (found := [flags[id] for id in UNFIT if id in flags]):
            return f"fails without any attack: {found[0].seen}"
        self.check_passable(len(checks.rejected_baseline), "left, whose plain wrong answer the judge rejects")
        return ""

    def unread(self, summary: RunSummary) -> str:
        """What a rate within the bar is worth nothing for, as the end of a sentence; empty if it is worth something."""
        if self.check == "warn" or summary.unread <= UNREAD:
            return ""
        return f", but {percent(summary.unread)} of its verdicts under attack could not be read"

    def lets(self, tally: Tally) -> bool:
        """Whether a tally passes."""
        return (tally.asr if self.gate == "point" else tally.interval[1]) <= self.max_asr

    def compared(self, tally: Tally) -> str:
        """How a tally stands to the bar, in words."""
        over = "within" if self.lets(tally) else "over"
        limit = f"max_asr {percent(self.max_asr, 0 if float(100 * self.max_asr).is_integer() else 1)}"
        return (
            f"{over} {limit}" if self.gate == "point" else f"upper end {percent(tally.interval[1], 1)} {over} {limit}"
        )


def tally_of(run: Run, summary: RunSummary) -> Tally:
    """The tally of a run over all its attacks; problems that nothing was asked on, or by broken attacks, are left out.

    Raises:
        UsageError: not one response was asked about, since all were refused.
    """
    with run.store() as store:
        tried = {search.problem for search in searches(store) if search.sound} & set(summary.checks.rejected_baseline)
    refused = summary.complete and not tried and not any(a.failed for a in summary.attacks)
    if refused and summary.checks.rejected_baseline:
        raise UsageError("the constraints refuse every response that the attacks propose; loosen them")
    return Tally(len({find["problem"] for find in summary.finds} & tried), len(tried))
