"""Turns token sequences into yes/no log-odds with a causal language model, in batches.

Sequences are sorted by length and padded on the right: under a causal mask the last real token never sees what comes
after it, so no attention mask is needed and torch takes its fast causal path. What a group of sequences shares at the
beginning (the prompt up to the response) is computed once for all of them. Only the hidden state at the readout
position is projected, in fp32, and only onto the yes and no tokens: in bf16 log-odds are a staircase on which a search
stalls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

#: Tokens in one forward pass, padding included. A CPU gains nothing from more; a GPU starves on less.
CPU_TOKENS = 4096
GPU_TOKENS = 65536

#: A prefix is computed once for a group of at least so many sequences that all share this part of the longest.
SMALLEST, WORTH = 4, 0.4

Tokens = tuple[int, ...]
KeysValues = list[tuple[torch.Tensor, torch.Tensor]]


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
        self.shares = True

    def log_odds(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(batch, width)` hidden states at the readout -> `(batch,)` log-odds in fp32."""
        logits = torch.nn.functional.linear(hidden.float(), self.rows, self.bias)
        return logits[:, : self.yes].logsumexp(1) - logits[:, self.yes :].logsumexp(1)

    def forward(self, sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        """Log-odds of one padded batch, with whatever gradients are on."""
        ids, last = _padded(sequences, self.rows.device)
        states = self.body(input_ids=ids, use_cache=False).last_hidden_state
        return self.log_odds(states[torch.arange(len(sequences), device=ids.device), last])

    @torch.inference_mode()
    def score(self, sequences: Sequence[Sequence[int]]) -> list[float]:
        """Log-odds of each token sequence, in the order given; identical sequences are computed once."""
        limit = CPU_TOKENS if self.rows.device.type == "cpu" else GPU_TOKENS
        known: dict[Tokens, float] = {}
        alone: list[Tokens] = []
        for shared, group in families({tuple(s) for s in sequences}):
            prefix = self._prefix(group[0][:shared]) if shared else None
            if prefix is None:
                alone += group
                continue
            for batch in buckets(sorted(group, key=_by_length), limit, shared):
                known.update(zip(batch, self._after(prefix, shared, batch).tolist(), strict=True))
        for batch in buckets(sorted(alone, key=_by_length), limit):
            known.update(zip(batch, self.forward(batch).tolist(), strict=True))
        return [known[tuple(s)] for s in sequences]

    def _prefix(self, tokens: Tokens) -> KeysValues | None:
        """Keys and values of a prefix, by layer; None where the model's cache is not made of plain full attention."""
        from transformers.cache_utils import DynamicCache, DynamicLayer

        if not self.shares:
            return None
        ids = torch.tensor([tokens], device=self.rows.device)
        cache = getattr(self.body(input_ids=ids, use_cache=True), "past_key_values", None)
        layers: list[Any] = cache.layers if isinstance(cache, DynamicCache) else []
        if layers and all(type(layer) is DynamicLayer for layer in layers):
            return [(layer.keys, layer.values) for layer in layers]
        self.shares = False
        return None

    def _after(self, prefix: KeysValues, shared: int, batch: Sequence[Tokens]) -> torch.Tensor:
        """Log-odds of sequences that begin with a known prefix. The cache is a fresh one: a forward pass changes it."""
        from transformers.cache_utils import DynamicCache

        rows = len(batch)
        cache = DynamicCache([(k.expand(rows, -1, -1, -1), v.expand(rows, -1, -1, -1)) for k, v in prefix])
        ids, last = _padded([s[shared:] for s in batch], self.rows.device)
        states = self.body(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
        return self.log_odds(states[torch.arange(rows, device=ids.device), last])


def _padded(sequences: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids padded on the right, `(batch, longest)`, and where each sequence ends, `(batch,)`."""
    lengths = torch.tensor([len(s) for s in sequences])
    ids = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
    return ids.to(device), (lengths - 1).to(device)


def _by_length(sequence: Tokens) -> tuple[int, Tokens]:
    return len(sequence), sequence


def families(unique: Iterable[Tokens]) -> list[tuple[int, list[Tokens]]]:
    """Sequences in groups that share a prefix worth computing once: (its length, the group); 0 for a group too small.

    In sorted order, a sequence joins the group before it while they all share `WORTH` of the longest one. At least one
    token is always left to compute, since the readout is behind the prefix.
    """
    groups: list[tuple[int, list[Tokens]]] = []
    for sequence in sorted(unique):
        if groups:
            shared, group = groups[-1]
            common = _common(group[-1], sequence, min(shared, len(sequence) - 1))
            if common >= WORTH * max(len(sequence), *(len(s) for s in group)):
                group.append(sequence)
                groups[-1] = common, group
                continue
        groups.append((len(sequence) - 1, [sequence]))
    return [(shared if len(group) >= SMALLEST else 0, group) for shared, group in groups]


def _common(first: Tokens, second: Tokens, most: int) -> int:
    """How many tokens two sequences share at their beginning, at most `most`."""
    for place in range(most):
        if first[place] != second[place]:
            return place
    return most


def buckets(ordered: Sequence[Tokens], limit: int, shared: int = 0) -> list[list[Tokens]]:
    """Cut sequences, sorted by length, into batches of at most `limit` tokens with padding (or of one sequence).

    Of a `shared` prefix a copy is read and no more: it counts for an eighth.
    """
    batches: list[list[Tokens]] = []
    for sequence in ordered:
        cost = len(sequence) - shared + shared // 8
        if batches and (len(batches[-1]) + 1) * cost <= limit:
            batches[-1].append(sequence)
        else:
            batches.append([sequence])
    return batches
