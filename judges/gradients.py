"""Gradients of a judge's margin through the token embeddings of a response: for white-box attacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ..corpora.errors import JudgeError
from ..corpora.records import Item
from .judge import Slope
from .packing import IN_USE
from .prompts import defuse
from .vocabulary import special_texts

if TYPE_CHECKING:
    from .prompted import PromptedJudge

#: Stands where a response would, so that it can be told where that is.
_MARK = "\x00response\x00"

#: Tokens of a prompt that are exchanged together: more than one where they hold parts of one character.
Places = list[int]


def slope_of(judge: PromptedJudge, item: Item) -> Slope:
    """The slope of a prompted judge's margin (HotFlip, Ebrahimi et al. 2018; GCG, Zou et al. 2023).

    A gain is the gradient times the way from one embedding to the other. A character of several tokens counts as one
    token, with the mean of their gains. Not guaranteed: that a piece is read as the token it stands for where it is
    put; the first token may also hold the blank that the prompt has before the response.

    Raises:
        JudgeError: the response does not stand in its prompt as it is.
    """
    text, response = judge.prompt(item), defuse(item.response, special_texts(judge.tokenizer))
    begin = judge.prompt(Item(item.problem, _MARK)).find(_MARK)
    if begin < 0 or not text.startswith(response, begin):
        raise JudgeError(f"judge {judge.name} does not show {item.response[:40]!r} as it is; it has no gradient there")
    encoded = judge.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens, groups = _within(text, encoded["offset_mapping"], begin, begin + len(response))
    device = judge.engine.device
    ids = torch.tensor([encoded["input_ids"]], device=device)
    embedded, gradient = _gradient(judge, ids)
    with torch.inference_mode():
        pieces = judge.model.get_input_embeddings()(torch.tensor(judge.piece_ids, device=device)).float()
        held = (gradient * embedded).sum(1)
        rise = torch.stack([gradient[group].mean(0) for group in groups]) if groups else gradient[:0]
        before = torch.stack([held[group].mean() for group in groups]) if groups else held[:0]
        gains = rise @ pieces.T - before[:, None]
    return Slope(tokens, gains.cpu().numpy())


def _gradient(judge: PromptedJudge, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of one prompt, `(1, tokens)`: its embeddings and the margin's gradient by them, `(tokens, width)` in fp32."""
    with IN_USE, torch.inference_mode(False), torch.enable_grad():
        with torch.no_grad():
            embedded = judge.model.get_input_embeddings()(ids)
        embedded.requires_grad_(True)
        if judge.engine.reads_states:
            states = judge.model.base_model(inputs_embeds=embedded, use_cache=False).last_hidden_state
            margin = judge.read(states[:, -1])
        else:  # logits that this package does not know how to make: the model's own
            margin = judge.read.of_logits(judge.model(inputs_embeds=embedded, use_cache=False).logits[:, -1])
        (gradient,) = torch.autograd.grad(margin.sum(), embedded)
    return embedded.detach()[0].float(), gradient[0].float()


def _within(
    text: str, offsets: Sequence[tuple[int, int]], begin: int, end: int
) -> tuple[tuple[str, ...], list[Places]]:
    """The tokens of `text[begin:end]`, which they are when joined, and where each stands in the prompt.

    A token reaches from the end of the one before to its own: some tokenizers leave the blank before a token out of
    its offsets.
    """
    ends: list[int] = []
    groups: list[Places] = []
    reached = 0
    for place, (_, stop) in enumerate(offsets):
        if groups and stop == ends[-1]:
            groups[-1].append(place)
        elif reached < end and stop > max(begin, reached):
            ends.append(stop)
            groups.append([place])
        reached = max(reached, stop)
    starts = [begin, *ends][: len(ends)]
    return tuple(text[a : min(b, end)] for a, b in zip(starts, ends, strict=True)), groups
