"""What is read off a model's last hidden state: log-odds of yes against no, next tokens, or a classifier's logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

#: Rows of the output matrix that are turned into fp32 at once.
ROWS = 8192


class _Vocabulary:
    """The part of a language model's output that belongs to some tokens.

    Only their rows of the output matrix are used, in fp32: in bf16 log-odds are a staircase on which a search stalls.
    """

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        """`model` is a transformers causal language model."""
        self.head = model.get_output_embeddings()
        self.ids = torch.tensor(list(ids))
        config = text_config(model.config)
        # Known ways to treat logits; of others the engine finds out, and takes the model's own.
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)
        self.scale = float(getattr(config, "logit_scale", None) or 1) / float(
            getattr(config, "logits_scaling", None) or 1
        )

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences, ids)` logits of the tokens, in fp32."""
        ids = self.ids.to(hidden.device)
        return self._treated(_products(hidden, self.head.weight[ids].float()), ids)

    def total(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences,)` logarithms of the sum over all tokens, by which a logit becomes a log-probability."""
        parts = []
        for first in range(0, self.head.weight.shape[0], ROWS):
            rows = slice(first, first + ROWS)
            part = hidden.float() @ self.head.weight[rows].float().T
            parts.append(self._treated(part, rows).logsumexp(1))
        return torch.stack(parts).logsumexp(0)

    def _treated(self, products: torch.Tensor, rows: Any) -> torch.Tensor:
        """What the model makes of the products with some rows of its output matrix."""
        if getattr(self.head, "bias", None) is not None:
            products = products + self.head.bias[rows].float()
        products = products * self.scale
        return products if self.softcap is None else self.softcap * torch.tanh(products / self.softcap)


class YesNo(_Vocabulary):
    """Log-odds of yes against no, over all spellings of either."""

    def __init__(self, model: Any, yes_ids: Sequence[int], no_ids: Sequence[int]) -> None:
        """`model` is a transformers causal language model."""
        super().__init__(model, [*yes_ids, *no_ids])
        self.yes = len(yes_ids)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences,)` log-odds in fp32."""
        return self._odds(self.logits(hidden))

    def of_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The same from the model's own logits, `(sequences, vocabulary)`."""
        return self._odds(logits[:, self.ids.to(logits.device)].float())

    def _odds(self, logits: torch.Tensor) -> torch.Tensor:
        return logits[:, : self.yes].logsumexp(1) - logits[:, self.yes :].logsumexp(1)


class NextTokens(_Vocabulary):
    """Log-probabilities that some tokens come next, among all of the vocabulary."""

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences, ids)` log-probabilities in fp32."""
        return self.logits(hidden) - self.total(hidden)[:, None]

    def of_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The same from the model's own logits, `(sequences, vocabulary)`."""
        return logits.float().log_softmax(1)[:, self.ids.to(logits.device)]


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
