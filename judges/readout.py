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
        self.head = model.get_output_embeddings()
        self.ids = torch.tensor([*yes_ids, *no_ids])
        self.yes = len(yes_ids)
        config = text_config(model.config)
        # Known ways to treat logits; of others the engine finds out, and takes the model's own.
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)
        self.scale = float(getattr(config, "logit_scale", None) or 1) / float(
            getattr(config, "logits_scaling", None) or 1
        )

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences,)` log-odds in fp32."""
        ids = self.ids.to(hidden.device)
        logits = _products(hidden, self.head.weight[ids].float())
        if getattr(self.head, "bias", None) is not None:
            logits = logits + self.head.bias[ids].float()
        logits = logits * self.scale
        if self.softcap is not None:
            logits = self.softcap * torch.tanh(logits / self.softcap)
        return self._odds(logits)

    def of_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The same from the model's own logits, `(sequences, vocabulary)`."""
        return self._odds(logits[:, self.ids.to(logits.device)].float())

    def _odds(self, logits: torch.Tensor) -> torch.Tensor:
        return logits[:, : self.yes].logsumexp(1) - logits[:, self.yes :].logsumexp(1)


class Labels:
    """The logits of a decoder-only sequence classifier, which reads the last token (also where that is padding's)."""

    def __init__(self, model: Any) -> None:
        """`model` is transformers' `...ForSequenceClassification` with a linear `score` on top of a causal body."""
        self.head = model.score

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences, labels)` logits in fp32."""
        logits = _products(hidden, self.head.weight.float())
        return logits if self.head.bias is None else logits + self.head.bias.float()

    def of_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The model's own logits, `(sequences, labels)`, as they are."""
        return logits.float()


def labels_of(model: Any) -> Labels | None:
    """How to read a sequence classifier, or None where its logits are not one linear layer on the last token."""
    return Labels(model) if isinstance(getattr(model, "score", None), torch.nn.Linear) and is_causal(model) else None


def text_config(config: Any) -> Any:
    """The part of a model's config that is about text: all of it, for most models."""
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def is_causal(model: Any) -> bool:
    """Whether no token of a sequence sees what comes after it."""
    if getattr(model.config, "is_encoder_decoder", False):
        return False
    return any(getattr(module, "is_causal", False) for module in model.base_model.modules())


def _products(hidden: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """`hidden @ rows.T` in fp32, each product for itself: a matrix product would round by the size of the batch."""
    return (hidden.float().unsqueeze(1) * rows).sum(2)
