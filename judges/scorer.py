"""Turns token sequences into yes/no log-odds with a causal language model, in batches.

Sequences are sorted by length and padded on the right: under a causal mask the last real token never sees what comes
after it, so no attention mask is needed and torch takes its fast causal path. Only the hidden state at the readout
position is projected, in fp32, and only onto the yes and no tokens: in bf16 log-odds are a staircase on which a search
stalls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

#: Tokens in one forward pass, padding included. A CPU gains nothing from more; a GPU starves on less.
CPU_TOKENS = 4096
GPU_TOKENS = 65536


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the processor multiplies it in hardware, else fp32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return torch.float32


class YesNoScorer:
    """Log-odds of yes against no at the end of a prompt."""

    def __init__(self, model: Any, yes_ids: Sequence[int], no_ids: Sequence[int]) -> None:
        """`model` is a transformers causal language model; the ids are all spellings of either answer."""
        self.body = model.base_model
        head = model.get_output_embeddings()
        rows = torch.tensor([*yes_ids, *no_ids], device=head.weight.device)
        self.rows = head.weight.detach()[rows].float()
        self.bias = head.bias.detach()[rows].float() if getattr(head, "bias", None) is not None else None
        self.yes = len(yes_ids)

    def log_odds(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(batch, width)` hidden states at the readout -> `(batch,)` log-odds in fp32."""
        logits = torch.nn.functional.linear(hidden.float(), self.rows, self.bias)
        return logits[:, : self.yes].logsumexp(1) - logits[:, self.yes :].logsumexp(1)

    def forward(self, sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        """Log-odds of one padded batch, with whatever gradients are on."""
        lengths = torch.tensor([len(s) for s in sequences])
        ids = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
        device = self.rows.device
        states = self.body(input_ids=ids.to(device), use_cache=False).last_hidden_state
        return self.log_odds(states[torch.arange(len(sequences), device=device), (lengths - 1).to(device)])

    @torch.inference_mode()
    def score(self, sequences: Sequence[Sequence[int]]) -> list[float]:
        """Log-odds of each token sequence, in the order given; identical sequences are computed once."""
        unique = sorted({tuple(s) for s in sequences}, key=lambda s: (len(s), s))
        known: dict[tuple[int, ...], float] = {}
        limit = CPU_TOKENS if self.rows.device.type == "cpu" else GPU_TOKENS
        for batch in buckets(unique, limit):
            known.update(zip(batch, self.forward(batch).tolist(), strict=True))
        return [known[tuple(s)] for s in sequences]


def buckets(ordered: Sequence[tuple[int, ...]], limit: int) -> list[list[tuple[int, ...]]]:
    """Cut sequences, sorted by length, into batches of at most `limit` tokens with padding (or of one sequence)."""
    batches: list[list[tuple[int, ...]]] = []
    for sequence in ordered:
        if batches and (len(batches[-1]) + 1) * len(sequence) <= limit:
            batches[-1].append(sequence)
        else:
            batches.append([sequence])
    return batches
