"""Several judges as one: it accepts what all of them do, or what they do on average, sure of it or not.

Of reward models, Coste et al. 2023 (arXiv 2310.02743) compare the mean, the worst case (their WCO, `min` here) and the
mean less a coefficient times the variance (UWO, `uncertain`), and find that the last two hold up against optimisation
where the mean does not.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pvariance
from typing import Any, Literal

from ..corpora.errors import UsageError
from ..corpora.records import Item, Verdict
from .around import Around
from .judge import Judge, TrainableJudge, logit, sigmoid
from .opening import open_judge

Aggregate = Literal["min", "worst", "mean", "uncertain"]

#: Where a duel keeps what it trained.
_FOLDER, _ROUND = "judges", "round-"


class Ensemble(Around):
    """Judges whose margins are taken together, each divided by its scale.

    `min`, also called `worst`, accepts what all accept; `mean` what they accept on average; `uncertain` what they do by
    their mean less `coefficient` times their variance (of all members, not of a sample), so that disagreement counts
    against a response. The score is that of the margin taken. A response that one of them could not read is not read.
    Its pieces and cuts are those of the first judge that has any.

    Margins of judges of one kind (log-odds) compare as they are. A reward model's are on a scale of their own, and its
    swings would drown log-odds in a mean: give `scales`, such as the spread of each judge's margins on clean responses.
    `min` decides the same on any scales, but what a search climbs is the member that lies lowest by them.
    """

    kind = "ensemble"

    def __init__(
        self,
        judges: Sequence[Judge],
        *,
        aggregate: Aggregate = "min",
        coefficient: float = 0.1,
        scales: str = "",
        threshold: float = 0.5,
        name: str = "",
    ) -> None:
        """`threshold` is on the score of the margin taken: at one half, its members' own thresholds decide.

        `scales` are numbers over 0 joined by `+`, one for each judge, by which its margins are divided.

        Raises:
            UsageError: there are no judges, the threshold is not inside (0, 1), the coefficient is negative, or the
                scales are not as many as the judges.
        """
        if not judges:
            raise UsageError("an ensemble needs at least one judge")
        if not 0 < threshold < 1:  # false for NaN too
            raise UsageError(f"threshold {threshold} is not between 0 and 1")
        if not 0 <= coefficient < math.inf:
            raise UsageError(f"ensemble?coefficient={coefficient:g} is out of range; write a number of at least 0")
        said: dict[str, Any] = {"aggregate": "min" if aggregate == "worst" else aggregate}
        # What does not bear on the verdicts tells no two ensembles apart.
        said |= {"coefficient": coefficient} if aggregate == "uncertain" else {}
        said |= {"scales": scales} if scales else {}
        super().__init__(judges, **said, threshold=threshold)
        self.threshold = threshold
        self.aggregate: Aggregate = aggregate
        self.coefficient = coefficient
        self.scales = _scales(scales, len(judges))
        self.name = name or self.name

    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """See `Around`."""
        said = [self.ask(items, afresh=afresh, place=place) for place in range(len(self.judges))]
        return [self._verdict(verdicts) for verdicts in zip(*said, strict=True)]

    def _verdict(self, verdicts: Sequence[Verdict]) -> Verdict:
        if not all(v.parsed for v in verdicts):
            return next(v for v in verdicts if not v.parsed)
        odds = self._taken([v.margin / scale for v, scale in zip(verdicts, self.scales, strict=True)])
        margin = odds - logit(self.threshold)
        refused = next((v for v in verdicts if v.outcome and not v.accepted), None) if margin < 0 else None
        text, outcome = (refused.text, refused.outcome) if refused else ("", "")
        return Verdict(sigmoid(odds), margin, margin >= 0, text=text, outcome=outcome)

    def _taken(self, margins: Sequence[float]) -> float:
        if self.aggregate in ("min", "worst"):
            return min(margins)
        less = self.coefficient * pvariance(margins) if self.aggregate == "uncertain" else 0.0
        return fmean(margins) - less


def _scales(written: str, judges: int) -> tuple[float, ...]:
    """What the margins of each judge are divided by; 1 where nothing is written.

    Raises:
        UsageError: they are not as many as the judges, or one is not over 0.
    """
    if not written:
        return (1.0,) * judges
    try:
        scales = tuple(float(part) for part in written.split("+"))
    except ValueError:
        scales = ()
    if len(scales) != judges or not all(0 < scale < math.inf for scale in scales):
        raise UsageError(
            f"ensemble?scales={written} does not fit {judges} judges; write a number over 0 for each, joined by +"
        )
    return scales


def together(
    judges: Sequence[Judge],
    *,
    aggregate: Aggregate = "min",
    coefficient: float = 0.1,
    scales: str = "",
    threshold: float = 0.5,
) -> Ensemble:
    """`ensemble:JUDGE,JUDGE`: several judges as one.

    `aggregate` is min (or worst), mean, or uncertain: the mean less `coefficient` times the variance. `scales=1+8`
    divides the margins of each judge by a number of its own.

    Raises:
        UsageError: see `Ensemble`.
    """
    return Ensemble(judges, aggregate=aggregate, coefficient=coefficient, scales=scales, threshold=threshold)


def judge_folder(duel: Path, number: int) -> Path:
    """The folder of the judge that a round of a duel attacks; round 1 has none."""
    return duel / _FOLDER / f"{_ROUND}{number}"


def from_folder(
    folder: str,
    *,
    aggregate: Aggregate = "min",
    rounds: int | None = None,
    coefficient: float = 0.1,
    threshold: float = 0.5,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> Ensemble:
    """`ensemble:FOLDER`: the judges of a duel's rounds, from its folder; `rounds` takes the first so many.

    Raises:
        UsageError: no duel is there, its first judge cannot be opened by its name, or `rounds` is under 1.
    """
    if rounds is not None and rounds < 1:
        raise UsageError(f"ensemble:rounds={rounds} is out of range; write a whole number of at least 1")
    try:
        identity = json.loads((Path(folder) / "config.json").read_text("utf-8"))["identity"]
        first, own = identity["judge"], identity["recipe"]["threshold"]
        kept = sorted(
            (int(f.name.removeprefix(_ROUND)), f)
            for f in (Path(folder) / _FOLDER).glob(f"{_ROUND}*")
            if (f / "training.json").is_file()
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"no duel in {folder} ({type(error).__name__}: {error}); give the folder of a duel, or ensemble:JUDGE,JUDGE"
        ) from error
    asked: dict[str, Any] = {"device": device, "dtype": dtype, "threads": threads}
    # A judge of one's own may take none of these.
    judge = open_judge(first, **{name: value for name, value in asked.items() if value not in ("auto", None)})
    if not isinstance(judge, TrainableJudge):
        raise UsageError(f"judge {first} of the duel in {folder} cannot be opened with other weights")
    if judge.fingerprint != identity.get("fingerprint"):
        raise UsageError(
            f"the duel in {folder} began with a judge {first} of other settings (threshold, prompt or number format), "
            "which its name does not say; make a hoodwink.judges.ensemble.Ensemble of its judges in Python"
        )
    judges = [judge, *(judge.adapted(where, threshold=own) for _, where in kept)]
    options = {"aggregate": aggregate, "rounds": rounds, "coefficient": coefficient, "threshold": threshold}
    defaults = {key: parameter.default for key, parameter in inspect.signature(from_folder).parameters.items()}
    said = "&".join(f"{key}={value}" for key, value in options.items() if value != defaults[key])
    return Ensemble(
        judges[:rounds],
        aggregate=aggregate,
        coefficient=coefficient,
        threshold=threshold,
        name=f"ensemble:{folder}" + (f"?{said}" if said else ""),
    )
