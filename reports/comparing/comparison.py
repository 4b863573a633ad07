"""What a comparison of two runs holds: A is the baseline, B the candidate, and all differences are B less A."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..duel.rates import Interval

#: Of the JSON that `hoodwink compare --json` prints; changes when a field changes its meaning or goes.
SCHEMA = "hoodwink.compare/1"

Better = Literal["lower", "higher", "neither"]
Way = Literal["worse", "better"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs; `about` says what its numbers are about, where the judge's name does not."""

    folder: str
    judge: str
    fingerprint: str
    complete: bool
    about: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A number in both runs; None where it is not known.

    Attributes:
        name: what is measured.
        before, after: in A and in B.
        before_ci, after_ci: their intervals.
        interval: of the difference.
        better: which way is better.
        share: whether it is a share in [0, 1], shown in percent.
        p: of the test that both are the same; None of what does not count for a regression.
        p_holm: the same, corrected for all tests of the comparison that gate (Holm).
    """

    name: str
    before: float | None
    after: float | None
    before_ci: Interval = None
    after_ci: Interval = None
    interval: Interval = None
    better: Better = "neither"
    share: bool = True
    p: float | None = None
    p_holm: float | None = None

    @property
    def difference(self) -> float | None:
        """B less A."""
        return None if self.before is None or self.after is None else self.after - self.before

    def differs(self, alpha: float) -> Way | None:
        """Which way B differs measurably from A in what counts for a regression."""
        if self.p_holm is None or self.p_holm >= alpha or not self.difference:
            return None
        return "worse" if (self.difference > 0) == (self.better == "lower") else "better"

    def to_json(self) -> dict[str, Any]:
        """As an object."""
        return {**asdict(self), "difference": self.difference}


@dataclass(frozen=True, slots=True)
class Contest:
    """What one attack, or one round's fresh search, did to both judges.

    Attributes:
        name: of the attack or the round.
        budget: queries a problem up to which success counts, the smaller of both runs'.
        problems: problems that the rates of A and of B are over.
        paired: whether these are the same problems.
        asr: attack success rate.
        asr_p: that both are the same: exact McNemar over problems where paired, else Fisher's exact test; with several
            seeds, permutation tests.
        medians: queries within which half of the searches succeed, in A and in B; None where half never do.
        queries_p: logrank test that queries to success are the same, one a problem (the lower median of its seeds),
            failures censored; None where nothing says so.
        sooner: whether B is fooled with fewer queries, measurably or not.
        verdicts: verdicts asked for, in A and in B; None where they are not told apart.
        curves: share of searches that fooled within so many queries (Kaplan-Meier), in A and in B.
        asr_holm, queries_holm: the same p values, corrected for all tests of the comparison that gate (Holm).
        gates: whether it counts for a regression.
    """

    name: str
    budget: int
    problems: tuple[int, int]
    paired: bool
    asr: Change
    asr_p: float | None
    medians: tuple[int | None, int | None]
    queries_p: float | None
    sooner: bool
    verdicts: tuple[int, int] | None
    curves: tuple[tuple[tuple[int, float], ...], tuple[tuple[int, float], ...]]
    asr_holm: float | None = None
    queries_holm: float | None = None
    gates: bool = True

    def differs(self, alpha: float) -> Way | None:
        """Which way B differs measurably from A, by how often it is fooled or else by how cheaply."""
        if self.asr_holm is not None and self.asr_holm < alpha and self.asr.difference:
            return "worse" if self.asr.difference > 0 else "better"
        if self.queries_holm is not None and self.queries_holm < alpha:
            return "worse" if self.sooner else "better"
        return None

    def to_json(self) -> dict[str, Any]:
        """As an object."""
        return {**asdict(self), "asr": self.asr.to_json()}


@dataclass(frozen=True, slots=True)
class ModeChange:
    """A failure mode over the finds of both runs, and how many of each belong to it."""

    name: str
    example: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class OldFinds:
    """The finds of A (each text once a problem), looked for in B.

    Attributes:
        finds: how many there are.
        again: found by B too: the same problem and the same response, or the same shrunk form.
        asked: those that B's judge was asked about within B's run, and `accepted` of them; None where that is not kept.
    """

    finds: int
    again: int
    asked: int | None
    accepted: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one kind, set against each other.

    Attributes:
        kind: attack, duel or collapse.
        alpha: level of the tests; intervals of differences have a confidence of 1 - alpha.
        budget: queries a problem up to which success counts: the smaller of both runs' budgets; None of a collapse.
        a, b: the runs.
        settings: what was asked for and differs: name, in A, in B.
        caveats: what limits what the comparison can say.
        measures: clean responses; of a collapse, what became of the policy.
        contests: attacks that are in both runs, or rounds.
        modes: failure modes, the largest first.
        old: what became of A's finds.
        courses: of a collapse, step, reward and accuracy of each exam, in A and in B.
        regressions: why B is measurably worse, a sentence each; empty where it is not.
        improvements: where it is measurably better.
    """

    kind: str
    alpha: float
    budget: int | None
    a: Side
    b: Side
    settings: tuple[tuple[str, str, str], ...]
    caveats: tuple[str, ...]
    measures: tuple[Change, ...]
    contests: tuple[Contest, ...] = ()
    modes: tuple[ModeChange, ...] = ()
    old: OldFinds | None = None
    courses: tuple[tuple[tuple[int, float, float], ...], ...] = ()
    regressions: tuple[str, ...] = ()
    improvements: tuple[str, ...] = ()

    @property
    def worse(self) -> bool:
        """Whether B is measurably worse than A: what `--fail-on-regression` looks at."""
        return bool(self.regressions)

    @property
    def decided(self) -> bool:
        """Whether anything attacked both judges, without which not being worse says nothing."""
        return self.kind == "collapse" or any(c.gates and c.asr_p is not None for c in self.contests)

    def to_json(self) -> dict[str, Any]:
        """The documented JSON of `hoodwink compare --json`."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "alpha": self.alpha,
            "budget": self.budget,
            "regression": self.worse,
            "decided": self.decided,
            "regressions": self.regressions,
            "improvements": self.improvements,
            "a": asdict(self.a),
            "b": asdict(self.b),
            "settings": {name: {"a": a, "b": b} for name, a, b in self.settings},
            "caveats": self.caveats,
            "measures": [change.to_json() for change in self.measures],
            "contests": [contest.to_json() for contest in self.contests],
            "modes": [asdict(mode) for mode in self.modes],
            "old_finds": None if self.old is None else asdict(self.old),
            "courses": self.courses,
        }
