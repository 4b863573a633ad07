"""What the store of a duel keeps of its rounds, and what is worked out of it: who accepts whose finds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..judges.quality import Quality
from .store import Store, verdict_key

_TABLE = "CREATE TABLE IF NOT EXISTS rounds (round INTEGER PRIMARY KEY, record TEXT NOT NULL)"

#: The runs of a round: fresh search on `eval` problems, by attacks that are trained on and by others, and the search on
#: `train` problems for what the next judge is trained on.
EVAL, HELD_OUT, TRAIN = "eval", "held-out", "train"


@dataclass(frozen=True, slots=True)
class Look:
    """What a find looks like: its length in tokens (of the first judge) and its perplexity, None without a model."""

    tokens: int
    perplexity: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured of one round's judge, besides its attack runs.

    Attributes:
        number: from 1; round 1 attacks the judge as it was given.
        judge: its name.
        fingerprint: keys its verdicts.
        seed: of the round's attacks.
        quality: how it does on clean responses, the same in every round.
        threshold: the score from which it accepts.
        keys: of each fixed string, whether it passed on each problem that held-out attacks are tried on.
        variants: of each earlier round's finds, by problem: the share of edited copies, not searched for, accepted.
        looks: what this round's finds are like, in the order of `finds.jsonl` of its `eval` run.
        training: how the judge was made: what `Training.to_json` says, and `set`, examples by origin; None if given.
        seconds: wall time by stage, on the call that finished it.
    """

    number: int
    judge: str
    fingerprint: str
    seed: int
    quality: Quality
    threshold: float
    keys: dict[str, tuple[bool, ...]]
    variants: dict[int, dict[str, float]]
    looks: tuple[Look, ...]
    training: dict[str, Any] | None
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Round:
        """Rebuild what `to_json` wrote."""
        parts = {
            "quality": Quality.from_json(data["quality"]),
            "keys": {key: tuple(passed) for key, passed in data["keys"].items()},
            "variants": {int(number): shares for number, shares in data["variants"].items()},
            "looks": tuple(Look(**look) for look in data["looks"]),
        }
        return cls(**{**data, **parts})


class Rounds:
    """The rounds of a duel's store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def create(cls, store: Store) -> Rounds:
        """Make room for rounds in a store that is open for writing."""
        store.db.execute(_TABLE)
        return cls(store)

    def add(self, done: Round) -> None:
        """Keep a finished round."""
        self.store.db.execute("INSERT OR REPLACE INTO rounds VALUES (?, ?)", (done.number, json.dumps(done.to_json())))

    def all(self) -> list[Round]:
        """The finished rounds, in order."""
        rows = self.store.db.execute("SELECT record FROM rounds ORDER BY round")
        return [Round.from_json(json.loads(record)) for (record,) in rows]

    def accepted(self, judge: str, finds: Sequence[dict[str, Any]]) -> dict[str, list[bool]]:
        """Whether a judge, by its fingerprint, accepts finds, by problem; those it was not asked about are left out."""
        keys = [verdict_key(judge, find["problem"], 1, find["response"]) for find in finds]
        known = self.store.find_verdicts(keys)
        decided: dict[str, list[bool]] = {}
        for find, key in zip(finds, keys, strict=True):
            if key in known:
                decided.setdefault(find["problem"], []).append(known[key].verdict.accepted)
        return decided


def folder_of(duel: Path, number: int, part: str) -> Path:
    """The folder of one of a round's runs."""
    return duel / "rounds" / str(number) / part
