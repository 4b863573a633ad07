"""From which margin a judge accepts: fixed so that it accepts a given share of right answers, on other problems.

A rate of false acceptance says nothing without the rate of true acceptance beside it: a judge that rejects nearly all
looks robust. With `acceptance=0.95` all judges are attacked where they accept the same share of right answers. That
share is fixed on problems that are neither attacked nor checked, so that what is accepted of those is a measurement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..corpora.corpus import Corpus, sample_up_to
from ..corpora.errors import UsageError
from ..corpora.records import Candidate, Problem, SplitChoice, Truth
from ..judges.calibrated import Calibrated
from ..judges.judge import Judge, threshold_of
from .gate import Ask, Gate
from .statistics import wilson

#: The share of right answers that a judge is to accept, where none is given.
ACCEPTANCE = 0.95
#: About so many right answers are asked for: then the share accepted is known to three points or so.
ANSWERS = 200
#: With fewer right answers than this a check warns (`few-right`).
FEW = 40
#: Draws the problems. It is no option: so all runs on a corpus, whatever their seed, have nearly the same threshold.
SEED = 1_000_033

#: Problems drawn at first and at most, besides as many as are attacked.
_FIRST, _MOST = 48, 8 * ANSWERS


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a judge's threshold was fixed.

    Attributes:
        acceptance: the share of right answers that was asked for.
        margin: from this margin of the judge's own on a response is accepted; 0 where its own decision stands.
        threshold: the score that has this margin (`judges.calibrated`).
        problems: how many problems were asked about, none of them attacked or checked.
        answers: right answers to them that were counted: read, and not refused for a reason apart from the margin.
        accepted: of these, the ones accepted from `margin` on: at least the share asked for, more where margins tie.
        own: of these, the ones that the judge accepts by its own decision.
        unread: right answers whose verdict could not be read.
        apart: right answers that were refused with an outcome of their own (filtered, inconsistent).
        decides: the judge only decides (all margins are +1 or -1), so that there is no threshold to fix.
    """

    acceptance: float
    margin: float
    threshold: float
    problems: int
    answers: int
    accepted: int
    own: int
    unread: int
    apart: int
    decides: bool

    @property
    def stands(self) -> bool:
        """Whether a threshold could be fixed."""
        return self.answers > 0 and not self.decides

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % Wilson interval of the share of right answers accepted from the margin on."""
        return wilson(self.accepted, self.answers)

    def judge(self, judge: Judge) -> Judge:
        """The judge that accepts from this margin on; the judge itself where its own decision stands."""
        return Calibrated(judge, margin=self.margin) if self.stands else judge

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Calibration:
        """Rebuild what `to_json` wrote."""
        return cls(**data)


def margin_for(margins: Sequence[float], acceptance: float) -> float:
    """The highest margin from which at least a share `acceptance` of these is accepted.

    It is one of them, so that with ties more may be accepted, and never fewer.

    Raises:
        ValueError: there are no margins.
    """
    if not margins:
        raise ValueError("no margins to fix a threshold on")
    # 0.07 * 100 is a little more than 7.
    wanted = math.ceil(acceptance * len(margins) - 1e-9)
    return sorted(margins, reverse=True)[max(1, wanted) - 1]


def calibrate(gate: Gate, problems: Sequence[Problem], acceptance: float) -> Calibration:
    """Ask for the right answers to problems, and fix the margin from which the judge is to accept.

    What the oracle proves wrong is no right answer, whatever the corpus says.

    Raises:
        JudgeError: the judge failed.
    """
    asks = [Ask(p, Candidate(r.text, "calibration", r.kind)) for p in problems for r in p.right]
    verdicts = [a.trial.verdict for a in gate.consider(asks) if a.trial.truth is not Truth.WRONG]
    read = [v for v in verdicts if v.parsed]
    counted = [v for v in read if v.accepted or not v.outcome]
    margins = [v.margin for v in counted]
    decides = bool(margins) and {*margins} <= {1.0, -1.0}
    margin = margin_for(margins, acceptance) if margins and not decides else 0.0
    return Calibration(
        acceptance=acceptance,
        margin=margin,
        threshold=threshold_of(Calibrated(gate.judge, margin=margin)),
        problems=len(problems),
        answers=len(counted),
        accepted=sum(v.accepted if decides else v.margin >= margin for v in counted),
        own=sum(v.accepted for v in counted),
        unread=len(verdicts) - len(read),
        apart=len(read) - len(counted),
        decides=decides,
    )


def turn(gate: Gate, problems: Sequence[Problem], acceptance: float) -> Calibration:
    """`calibrate`, and have the gate ask the judge that accepts from there on.

    Raises:
        JudgeError: the judge failed.
    """
    judge = gate.judge
    gate.turn_to(Calibrated(judge))  # which counts what it asks: so the run knows what its threshold has cost
    fixed = calibrate(gate, problems, acceptance)
    fixed = replace(fixed, threshold=threshold_of(fixed.judge(judge)))
    gate.turn_to(fixed.judge(judge))
    return fixed


def problems_beside(
    source: Corpus, split: SplitChoice, taken: Sequence[Problem], answers: int = ANSWERS
) -> list[Problem]:
    """Problems with about so many right answers, none of them among those `taken`; none where there are no others.

    They are of the same split as long as that has enough, since a judge may have been trained on the other one.
    """
    found: dict[str, Problem] = {}
    parts: tuple[SplitChoice, ...] = (split, "all")
    for part in dict.fromkeys(parts):
        for problem in _others(source, part, taken, answers):
            if sum(len(p.right) for p in found.values()) >= answers:
                break
            found.setdefault(problem.id, problem)
    return list(found.values())


def _others(source: Corpus, split: SplitChoice, taken: Sequence[Problem], answers: int) -> list[Problem]:
    ids = {p.id for p in taken}
    count = _FIRST
    while True:
        drawn = sample_up_to(source, count + len(ids), split=split, seed=SEED)
        others = [p for p in drawn if p.id not in ids and p.right]
        enough = sum(len(p.right) for p in others) >= answers
        if enough or len(drawn) < count + len(ids) or count >= _MOST:
            return others
        count *= 2


def beside_a_check(source: Corpus, split: SplitChoice, checked: Sequence[Problem]) -> list[Problem]:
    """`problems_beside` for a check: fewer where it asks about little, since verdicts may cost money."""
    answers = min(ANSWERS, max(FEW, 2 * sum(len(p.right) for p in checked)))
    return problems_beside(source, split, checked, answers)


def to_calibrate_on(source: Corpus, split: SplitChoice, taken: Sequence[Problem]) -> list[Problem]:
    """`problems_beside`, of which there must be some.

    Raises:
        UsageError: the corpus has no other problems with right answers.
    """
    found = problems_beside(source, split, taken, ANSWERS)
    if not found:
        raise UsageError(
            f"corpus {source.name} has no problem besides the {len(taken)} attacked, on which a threshold could be "
            "fixed; attack fewer (--problems), or give a score as threshold"
        )
    return found


def check_acceptance(acceptance: float | None) -> None:
    """A share of right answers lies above 0 and is at most 1.

    Raises:
        UsageError: it does not.
    """
    if acceptance is not None and not (isinstance(acceptance, int | float) and 0 < acceptance <= 1):
        raise UsageError(f"acceptance is {acceptance!r:.40}; write the share of right answers to accept, such as 0.95")
