"""Gradients of a judge's margin through the token embeddings of a response: for white-box attacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ..corpora.records import Item
from .judge import Slope
from .packing import IN_USE

if TYPE_CHECKING:
    from .engine import Engine
    from .local import LocalJudge

#: Tokens of a prompt that are exchanged together: more than one where they hold parts of one character.
Places = list[int]


def slope_of(judge: LocalJudge, item: Item) -> Slope:
    """The slope of a judge's margin (HotFlip, Ebrahimi et al. 2018; GCG, Zou et al. 2023).

    A gain is the gradient times the way from one embedding to the other. A character of several tokens counts as one
    token, with the mean of their gains. Not guaranteed: that a piece is read as the token it stands for where it is
    put; the first token may also hold the blank that the prompt has before the response.

    Raises:
        JudgeError: the response does not stand in its prompt as it is.
    """
    found = judge.locate(item)
    tokens, groups = _within(found.text, found.offsets, found.begin, found.end)
    embedded, gradient = _gradient(judge, found.ids)
    with torch.inference_mode():
        ids = torch.tensor(judge.piece_ids, device=judge.engine.device)
        pieces = judge.model.get_input_embeddings()(ids).float()
        held = (gradient * embedded).sum(1)
        rise = torch.stack([gradient[group].mean(0) for group in groups]) if groups else gradient[:0]
        before = torch.stack([held[group].mean() for group in groups]) if groups else held[:0]
        gains = rise @ pieces.T - before[:, None]
    return Slope(tokens, gains.cpu().numpy())


def _gradient(judge: LocalJudge, ids: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of one prompt: its embeddings and the margin's gradient by them, `(tokens, width)` in fp32."""
    with IN_USE, torch.inference_mode(False), torch.enable_grad():
        embed = judge.model.get_input_embeddings()
        with torch.no_grad():
            embedded = embed(torch.tensor(ids, device=judge.engine.device))
        embedded.requires_grad_(True)
        values = []
        for tail in judge.tails:
            after = embed(torch.tensor(tail, dtype=torch.long, device=judge.engine.device))
            values.append(_read(judge.engine, torch.cat([embedded, after]), [*ids, *tail]))
        margin = judge.log_odds(torch.stack(values)[None])
        (gradient,) = torch.autograd.grad(margin.sum(), embedded)
    return embedded.detach().float(), gradient.float()


def _read(engine: Engine, embedded: torch.Tensor, ids: list[int]) -> torch.Tensor:
    """What is read off one sequence by its tokens' embeddings, `(tokens, width)`."""
    options: dict[str, Any] = {"inputs_embeds": embedded[None], **engine.texts_of([ids])}
    if engine.read is not None and engine.reads_states:
        return engine.read(engine.body(**options, use_cache=False).last_hidden_state[:, -1])[0]
    logits: torch.Tensor = engine.model(**options).logits
    logits = logits[:, -1] if logits.dim() == 3 else logits
    return (logits if engine.read is None else engine.read.of_logits(logits))[0]


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
