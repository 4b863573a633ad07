"""Several judges as one: it accepts what all of them do, or what they do on average."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from ..corpora.errors import UsageError
from ..corpora.records import Item, Verdict
from .around import Around
from .judge import Judge, TrainableJudge, logit, sigmoid
from .opening import open_judge

Aggregate = Literal["min", "mean"]

#: Where a duel keeps what it trained.
_FOLDER, _ROUND = "judges", "round-"


class Ensemble(Around):
    """Judges whose margins are taken together: `min` accepts what all accept, `mean` what they accept on average.

    Its score is that of the margin taken. A response that one of them could not read is not read. Its pieces and cuts
    are those of the first judge that has any.
    """

    kind = "ensemble"

    def __init__(
        self, judges: Sequence[Judge], *, aggregate: Aggregate = "min", threshold: float = 0.5, name: str = ""
    ) -> None:
        """`threshold` is on the score of the margin taken: at one half, its members' own thresholds decide.

        Raises:
            UsageError: there are no judges, or the threshold is not inside (0, 1).
        """
        if not judges:
            raise UsageError("an ensemble needs at least one judge")
        if not 0 < threshold < 1:  # false for NaN too
            raise UsageError(f"threshold {threshold} is not between 0 and 1")
        super().__init__(judges, aggregate=aggregate, threshold=threshold)
        self.threshold = threshold
        self.aggregate: Aggregate = aggregate
        self.name = name or self.name

    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """See `Around`."""
        said = [self.ask(items, afresh=afresh, place=place) for place in range(len(self.judges))]
        return [self._verdict(verdicts) for verdicts in zip(*said, strict=True)]

    def _verdict(self, verdicts: Sequence[Verdict]) -> Verdict:
        if not all(v.parsed for v in verdicts):
            return next(v for v in verdicts if not v.parsed)
        margins = [v.margin for v in verdicts]
        odds = min(margins) if self.aggregate == "min" else fmean(margins)
        margin = odds - logit(self.threshold)
        return Verdict(sigmoid(odds), margin, margin >= 0)


def together(judges: Sequence[Judge], *, aggregate: Aggregate = "min", threshold: float = 0.5) -> Ensemble:
    """`ensemble:JUDGE,JUDGE`: several judges as one.

    Raises:
        UsageError: the threshold is not inside (0, 1).
    """
    return Ensemble(judges, aggregate=aggregate, threshold=threshold)


def judge_folder(duel: Path, number: int) -> Path:
    """The folder of the judge that a round of a duel attacks; round 1 has none."""
    return duel / _FOLDER / f"{_ROUND}{number}"


def from_folder(
    folder: str,
    *,
    aggregate: Aggregate = "min",
    rounds: int | None = None,
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
        raise UsageError(f"no duel in {folder} ({type(error).__name__}: {error}); give the folder of a duel") from error
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
    return Ensemble(judges[:rounds], aggregate=aggregate, threshold=threshold, name=f"ensemble:{folder}")
