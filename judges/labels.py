"""What the labels of a classifier or reward model mean: which one accepts, and what its logits say of that."""

from __future__ import annotations

from typing import Any

import torch

from ..corpora.errors import UsageError
from ..corpora.names import nearest
from .replies import ACCEPTING, REJECTING

#: Kinds of problems, as transformers calls them, whose labels do not exclude one another.
APART = ("multi_label_classification", "regression")


class Labels:
    """The labels of a sequence classifier.

    Attributes:
        names: all of them, in the model's order.
        accept: the one that accepts.
        exclusive: whether one being true makes the others false.
    """

    def __init__(self, config: Any, accept: str | None, name: str) -> None:
        """Of a transformers `config`; `accept` is the label that a user says accepts, `name` what the judge is called.

        Raises:
            UsageError: no label plainly means accept, or `accept` is none of them.
        """
        self.names = [str(config.id2label[i]) for i in range(config.num_labels)]
        self.accept = _accepting(self.names, accept, name)
        self.exclusive = len(self.names) > 1 and config.problem_type not in APART

    def log_odds(self, logits: torch.Tensor) -> torch.Tensor:
        """`(sequences, labels)` logits -> `(sequences,)` log-odds of the label that accepts.

        Against all others where they exclude one another (a softmax); else its logit as it is (a sigmoid, a reward).
        """
        place = self.names.index(self.accept)
        if not self.exclusive:
            return logits[:, place]
        others = torch.cat([logits[:, :place], logits[:, place + 1 :]], 1)
        return logits[:, place] - others.logsumexp(1)


def _accepting(labels: list[str], accept: str | None, name: str) -> str:
    """The label that accepts."""
    if accept is not None:
        if accept not in labels:
            raise nearest(accept, labels, f"label of {name}")
        return accept
    if len(labels) == 1:
        return labels[0]
    plain = [label for label in labels if label.strip().casefold() in ACCEPTING]
    if len(plain) == 1 and any(label.strip().casefold() in REJECTING for label in labels):
        return plain[0]
    if sorted(labels) == ["LABEL_0", "LABEL_1"]:
        return "LABEL_1"
    shown = ", ".join(repr(label)[:40] for label in labels[:8])
    raise UsageError(f"which label of {name} means accept is not plain: {shown}; write accept=LABEL, one of them")
