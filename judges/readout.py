"""What is read off a model's last hidden state: log-odds of yes against no, or the logits of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class YesNo:
    """Log-odds of yes against no, over all spellings of either.

    Only their rows of the output matrix are used, in fp32: in bf16 log-odds are a staircase on which a search stalls.
    """

    def __init__(self, model: Any, yes_ids: Sequence[int], no_ids: Sequence[int]) -> None:
        """`model` is a transformers causal language model."""
        head = model.get_output_embeddings()
        ids = [*yes_ids, *no_ids]
        self.rows = _rows(head.weight, ids)
        self.bias = _rows(head.bias, ids) if getattr(head, "bias", None) is not None else None
        config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)
        # Cohere's models multiply their logits, Granite's divide them.
        self.scale = float(getattr(config, "logit_scale", None) or 1) / float(
            getattr(config, "logits_scaling", None) or 1
        )
        self.yes = len(yes_ids)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences,)` log-odds in fp32."""
        logits = _products(hidden, self.rows)
        if self.bias is not None:
            logits = logits + self.bias
        logits = logits * self.scale
        if self.softcap is not None:
            logits = self.softcap * torch.tanh(logits / self.softcap)
        return logits[:, : self.yes].logsumexp(1) - logits[:, self.yes :].logsumexp(1)


class Labels:
    """The logits of a decoder-only sequence classifier, which reads the last token."""

    def __init__(self, model: Any) -> None:
        """`model` is transformers' `...ForSequenceClassification` with a linear `score` on top of a causal body."""
        self.rows = model.score.weight.detach().float()
        self.bias = model.score.bias.detach().float() if model.score.bias is not None else None

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences, labels)` logits in fp32."""
        logits = _products(hidden, self.rows)
        return logits if self.bias is None else logits + self.bias


def labels_of(model: Any) -> Labels | None:
    """How to read a sequence classifier, or None where its logits are not one linear layer on the last token."""
    score = getattr(model, "score", None)
    causal = any(getattr(module, "is_causal", False) for module in model.base_model.modules())
    return Labels(model) if isinstance(score, torch.nn.Linear) and causal else None


def _rows(weight: torch.Tensor, ids: Sequence[int]) -> torch.Tensor:
    return weight.detach()[torch.tensor(ids, device=weight.device)].float()


def _products(hidden: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """`hidden @ rows.T` in fp32, each product for itself: a matrix product would round by the size of the batch."""
    return (hidden.float().unsqueeze(1) * rows).sum(2)
