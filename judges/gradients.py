"""Gradients of a judge's margin through the token embeddings of a response: for white-box attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..corpora.errors import JudgeError
from ..corpora.records import Item
from .judge import Slope

if TYPE_CHECKING:
    from .prompted import PromptedJudge

#: Stands where a response would, so that it can be told where that is.
_MARK = "\x00response\x00"


def slope_of(judge: PromptedJudge, item: Item) -> Slope:
    """The slope of a prompted judge's margin (HotFlip, Ebrahimi et al. 2018; GCG, Zou et al. 2023).

    Raises:
        JudgeError: the response does not stand in its prompt as it is.
    """
    text = judge.prompt(item)
    begin = judge.prompt(Item(item.problem, _MARK)).find(_MARK)
    if begin < 0 or not text.startswith(item.response, begin):
        raise JudgeError(f"judge {judge.name} does not show {item.response[:40]!r} as it is; it has no gradient there")
    encoded = judge.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    end = begin + len(item.response)
    places = [i for i, (a, b) in enumerate(offsets) if a < end and b > begin and b > a]
    tokens = tuple(text[max(begin, offsets[i][0]) : min(end, offsets[i][1])] for i in places)
    table = judge.model.get_input_embeddings()
    device = judge.engine.device
    with torch.enable_grad():
        embedded = table(torch.tensor([ids], device=device)).detach().requires_grad_(True)
        states = judge.model.base_model(inputs_embeds=embedded, use_cache=False).last_hidden_state
        margin = judge.read(states[:, -1])
        (gradient,) = torch.autograd.grad(margin.sum(), embedded)
    rise = gradient[0, places].float()
    with torch.inference_mode():
        weight = table.weight[torch.tensor(judge.piece_ids, device=device)].float()
        gains = rise @ weight.T - (rise * embedded[0, places].float()).sum(1, keepdim=True)
    return Slope(tokens, gains.cpu().numpy())
