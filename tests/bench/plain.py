"""The other side of the measurements: what most people write with transformers, and the bare forward pass."""

from __future__ import annotations

from typing import Any

import torch
from hoodwink.judges.devices import choose
from hoodwink.judges.embedded import HUB_NAME, dequantised

#: Prompts in a batch of the plain loop, and tokens in a pass of the bare model on a CPU.
BATCH, PASS = 32, 1024


def load(device: str, dtype: str) -> tuple[Any, Any]:
    """SmolLM2 and its tokenizer by transformers alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where, kind = choose(device, dtype)
    folder = str(dequantised() or HUB_NAME)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=kind).eval().to(where), AutoTokenizer.from_pretrained(
        folder
    )


@torch.no_grad()
def loop(model: Any, tokenizer: Any, prompts: list[str]) -> list[float]:
    """Log-odds of Yes against No: batches in the order given, padded, the model's own logits at the last place."""
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    yes, no = tokenizer.convert_tokens_to_ids(["Yes", "No"])
    odds: list[float] = []
    for start in range(0, len(prompts), BATCH):
        batch = tokenizer(prompts[start : start + BATCH], return_tensors="pt", padding=True, add_special_tokens=False)
        logits = model(**batch.to(model.device)).logits[:, -1].float()
        odds += (logits[:, yes] - logits[:, no]).tolist()
    return odds


@torch.no_grad()
def odds_of(model: Any, prompts: list[list[int]], yes: list[int], no: list[int]) -> list[float]:
    """Log-odds over all spellings, in padded batches in the order given."""
    odds: list[float] = []
    for start in range(0, len(prompts), BATCH):
        batch = prompts[start : start + BATCH]
        longest = max(map(len, batch))
        ids, mask = torch.zeros(2, len(batch), longest, dtype=torch.long)
        for row, prompt in enumerate(batch):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits[:, -1].float()
        odds += (logits[:, yes].logsumexp(1) - logits[:, no].logsumexp(1)).tolist()
    return odds


@torch.inference_mode()
def forward(model: Any, rows: int, length: int) -> int:
    """The bare model on `rows` sequences of `length` random tokens, in passes of about `PASS`; returns the tokens."""
    ids = torch.randint(20, model.config.vocab_size, (rows, length), device=model.device)
    for part in ids.split(max(1, PASS // length) if model.device.type == "cpu" else 2048):
        model.base_model(input_ids=part, use_cache=False)
    return ids.numel()
