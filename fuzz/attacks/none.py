"""The do-nothing baseline: what the judge makes of wrong answers as they are."""

from __future__ import annotations

import numpy as np

from ...corpora.records import Candidate
from ..target import Target
from . import Proposals


def none(target: Target, rng: np.random.Generator) -> Proposals:
    """The known wrong answers, unchanged: the rate at which the judge is wrong without any attack."""
    yield [Candidate(response.text, "none", response.kind) for response in target.wrong]
