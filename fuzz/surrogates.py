"""A linear model of a judge: which pieces of text raise its margin, learned from every trial of a campaign."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..corpora.errors import UsageError
from ..corpora.records import Trial

#: Of the file in which knowledge is saved.
SCHEMA = "hoodwink.surrogate/1"

#: Highest step of AdaGrad, and how quickly a problem's mean margin follows.
RATE, FOLLOW = 0.5, 0.02


class Surrogate:
    """A learner (see `Commons`): margin = the problem's mean + the sum of weights of what stands in the text.

    What stands in a text are its pieces, each once, its neighbouring pairs, its first and last piece and its length.
    Weights are fitted by AdaGrad (Duchi et al. 2011), one step a trial. Weights are kept by the text of the pieces, so
    that they mean something for a judge with other tokens too.
    """

    def __init__(self, cut: Callable[[str], Sequence[str]]) -> None:
        """`cut` cuts a text into pieces."""
        self.cut = cut
        self.weights: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.squares: dict[str, float] = {}
        self.means: dict[str, float] = {}

    def observe(self, problem: str, trials: Sequence[Trial]) -> None:
        """See `Learner`."""
        for trial in trials:
            if trial.climbable:
                self._learn(problem, list(features(self.cut(trial.text))), trial.margin)

    def _learn(self, problem: str, found: list[str], margin: float) -> None:
        mean = self.means.setdefault(problem, margin)
        error = margin - mean - self._sum(found)
        self.means[problem] = mean + FOLLOW * (margin - mean)
        step = error / max(1, len(found))
        for name in found:
            self.squares[name] = self.squares.get(name, 1e-3) + step * step
            self.weights[name] = self.weights.get(name, 0.0) + RATE * step / math.sqrt(self.squares[name])
            self.seen[name] = self.seen.get(name, 0) + 1

    def _sum(self, found: Sequence[str]) -> float:
        return sum(self.weights.get(name, 0.0) for name in found)

    def predict(self, pieces: Sequence[str], *, curious: float = 0.0) -> float:
        """How far a text's margin lies above its problem's mean, and `curious` more for each thing hardly seen yet."""
        found = list(features(pieces))
        new = sum(1 / math.sqrt(1 + self.seen.get(name, 0.0)) for name in found) / max(1, len(found))
        return self._sum(found) + curious * new

    def to_json(self) -> dict[str, Any]:
        """What has been learned, without what belongs to single problems."""
        return {"schema": SCHEMA, "weights": self.weights, "seen": self.seen}

    def load(self, path: Path) -> None:
        """Begin with what another run learned.

        Raises:
            UsageError: the file cannot be read, or holds something else.
        """
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']!r}")
            weights = {str(k): float(v) for k, v in data["weights"].items()}
            seen = {str(k): float(v) for k, v in data["seen"].items()}
            if not all(math.isfinite(v) for v in weights.values()) or not all(0 <= v < math.inf for v in seen.values()):
                raise ValueError("a number in it is out of range")
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise UsageError(
                f"knowledge {path} cannot be read ({type(error).__name__}: {error}); give a surrogate-*.json of a run"
            ) from error
        self.weights, self.seen = weights, seen


def features(pieces: Sequence[str]) -> Iterator[str]:
    """What stands in a string, by name."""
    yield f"length:{len(pieces).bit_length()}"
    if not pieces:
        return
    yield f"first:{pieces[0]}"
    yield f"last:{pieces[-1]}"
    yield from dict.fromkeys(pieces)
    yield from dict.fromkeys(f"{a}\x1f{b}" for a, b in pairwise(pieces))
