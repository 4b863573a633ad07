"""Several judges as one: it accepts what all of them do, or what they do on average."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from ..corpora.errors import UsageError
from ..corpora.records import Item, Verdict
from .judge import Cuts, Forgets, HasPieces, Judge, TrainableJudge, ask, batch_of, open_judge, sigmoid

Aggregate = Literal["min", "mean"]

#: Where a duel keeps what it trained.
JUDGES_FOLDER = "judges"


class Ensemble:
    """Judges whose margins are taken together: `min` accepts what all accept, `mean` what they accept on average.

    Its score is that of the margin taken. A response that one of them could not read is not read. Its pieces and cuts
    are those of the first judge that has any.
    """

    threshold = 0.5

    def __init__(self, judges: Sequence[Judge], *, aggregate: Aggregate = "min", name: str = "") -> None:
        """
        Raises:
            UsageError: there are no judges.
        """
        if not judges:
            raise UsageError("an ensemble needs at least one judge")
        self.judges = tuple(judges)
        self.aggregate: Aggregate = aggregate
        self.name = name or f"{aggregate} of {', '.join(j.name for j in judges)}"
        identity = (aggregate, *(j.fingerprint for j in judges))
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    @property
    def batch(self) -> int:
        """See `Judge`."""
        return min(map(batch_of, self.judges))

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        return self._together(items, afresh=False)

    def score_afresh(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Afresh`."""
        return self._together(items, afresh=True)

    def pieces(self) -> Sequence[str]:
        """See `HasPieces`; empty where no member has any."""
        return next((j.pieces() for j in self.judges if isinstance(j, HasPieces)), ())

    def cut(self, text: str) -> Sequence[str]:
        """See `Cuts`; the text whole where no member can cut."""
        return next((j.cut(text) for j in self.judges if isinstance(j, Cuts)), [text] if text else [])

    def forget(self) -> None:
        """See `Forgets`."""
        for judge in self.judges:
            if isinstance(judge, Forgets):
                judge.forget()

    def _together(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        said = [ask(judge, items, afresh=afresh) for judge in self.judges]
        return [self._verdict(verdicts) for verdicts in zip(*said, strict=True)]

    def _verdict(self, verdicts: Sequence[Verdict]) -> Verdict:
        if not all(v.parsed for v in verdicts):
            return next(v for v in verdicts if not v.parsed)
        margins = [v.margin for v in verdicts]
        margin = min(margins) if self.aggregate == "min" else fmean(margins)
        return Verdict(sigmoid(margin), margin, margin >= 0)


def from_folder(
    folder: str, *, aggregate: Aggregate = "min", rounds: int | None = None, device: str = "auto", dtype: str = "auto"
) -> Ensemble:
    """`ensemble:FOLDER`: the judges of a duel's rounds, from its folder; `rounds` takes the first so many.

    Raises:
        UsageError: no duel is there, its first judge cannot be opened by its name, or `rounds` is under 1.
    """
    if rounds is not None and rounds < 1:
        raise UsageError(f"ensemble:rounds={rounds} is out of range; write a whole number of at least 1")
    try:
        identity = json.loads((Path(folder) / "config.json").read_text("utf-8"))["identity"]
        first, threshold = identity["judge"], identity["recipe"]["threshold"]
        kept = sorted(
            (int(f.name.removeprefix("round-")), f)
            for f in (Path(folder) / JUDGES_FOLDER).glob("round-*")
            if (f / "training.json").is_file()
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"no duel in {folder} ({type(error).__name__}: {error}); give the folder of a duel") from error
    given = {name: value for name, value in (("device", device), ("dtype", dtype)) if value != "auto"}
    judge = open_judge(first, **given)  # a judge of one's own takes neither
    if not isinstance(judge, TrainableJudge):
        raise UsageError(f"judge {first} of the duel in {folder} cannot be opened with other weights")
    if judge.fingerprint != identity.get("fingerprint"):
        raise UsageError(
            f"the duel in {folder} began with a judge {first} of other settings (threshold, prompt or number format), "
            "which its name does not say; make a hoodwink.judges.ensemble.Ensemble of its judges in Python"
        )
    judges = [judge, *(judge.adapted(where, threshold=threshold) for _, where in kept)]
    return Ensemble(judges[:rounds], aggregate=aggregate, name=f"ensemble:{folder}")
