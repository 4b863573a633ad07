"""A language model that says how a text may go on and how likely it is: what makes finds fluent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch

from ..corpora.errors import UsageError
from .engine import Engine
from .judge import Judge, open_judge
from .prompted import PromptedJudge
from .prompts import defuse
from .vocabulary import decoded, special_texts

#: Texts whose perplexity is worked out in one pass.
BATCH = 32


class Continuation(NamedTuple):
    """A next token as text, and its log-probability."""

    piece: str
    log_probability: float


@runtime_checkable
class HasModel(Protocol):
    """A judge that shows its transformers model and tokenizer."""

    model: Any
    tokenizer: Any


class NextToken:
    """Read off the last hidden state: log-probabilities of the next token, in fp32."""

    def __init__(self, model: Any) -> None:
        """`model` is a transformers causal language model whose logits are its output embeddings' own."""
        self.head = model.get_output_embeddings()

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences, vocabulary)`."""
        return self.of_logits(self.head(hidden))

    def of_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The same from the model's own logits."""
        return logits.float().log_softmax(-1)


class Proposer:
    """Proposes next tokens of an answer, and measures perplexity. Its passes are no queries of the judge."""

    def __init__(self, model: Any, tokenizer: Any, *, name: str) -> None:
        """`model` and `tokenizer` are transformers'; the model is a causal language model."""
        self.name = name
        self.model = model
        self.tokenizer = tokenizer
        self.engine = Engine(model, NextToken(model))
        self._perplexities: dict[str, float] = {}
        special = set(tokenizer.all_special_ids)
        self._texts = {
            i: t for i, t in decoded(tokenizer) if i not in special and "\ufffd" not in t and t.strip("\x00")
        }

    def continuations(self, question: str, answers: Sequence[str], count: int) -> list[list[Continuation]]:
        """The `count` likeliest next tokens of each answer to a question, begun as given; likeliest first.

        Tokens that are no text of their own (special tokens, parts of characters) are left out.
        """
        prompt = self._asked(question)
        ids = self.tokenizer([prompt + answer for answer in answers], add_special_tokens=False)["input_ids"]
        rows = self.engine.score(ids)
        found = []
        for row in rows:
            values, places = row.topk(min(2 * count + 8, row.numel()))
            pairs = zip(places.tolist(), values.tolist(), strict=True)
            found.append([Continuation(self._texts[i], v) for i, v in pairs if i in self._texts][:count])
        return found

    @lru_cache(maxsize=256)  # noqa: B019 - a proposer lives as long as its run
    def _asked(self, question: str) -> str:
        """The question as the model is asked it, up to where its answer begins."""
        plain = defuse(question, special_texts(self.tokenizer))
        if not self.tokenizer.chat_template:
            return f"{plain}\nAnswer:"
        text: str = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": plain}], tokenize=False, add_generation_prompt=True
        )
        return text

    def perplexity(self, texts: Sequence[str]) -> list[float]:
        """exp of the mean negative log-probability of a text's tokens on its own; 1 for an empty text."""
        new = [t for t in dict.fromkeys(texts) if t not in self._perplexities]
        if len(self._perplexities) + len(new) > 1 << 18:
            self._perplexities.clear()
            new = list(dict.fromkeys(texts))
        for start in range(0, len(new), BATCH):
            part = new[start : start + BATCH]
            self._perplexities.update(zip(part, self._measure(part), strict=True))
        return [self._perplexities[t] for t in texts]

    @torch.inference_mode()
    def _measure(self, texts: Sequence[str]) -> list[float]:
        first = self.tokenizer.bos_token_id
        begin = [first if first is not None else self.tokenizer.eos_token_id]
        encoded = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        rows = [begin + ids for ids in encoded]
        longest = max(map(len, rows))
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
        mask = (torch.arange(longest) < torch.tensor([[len(row)] for row in rows])).long()
        device = self.engine.device
        logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
        said = logits[:, :-1].float().log_softmax(-1).gather(2, ids[:, 1:, None].to(device))[..., 0].cpu().numpy()
        sums = np.where(mask[:, 1:].numpy() > 0, said, 0.0).sum(1)
        return [math.exp(-float(s) / max(1, len(row) - 1)) for s, row in zip(sums, rows, strict=True)]


def proposer_of(judge: Judge) -> Proposer | None:
    """A judge's own language model as a proposer; None where it has none."""
    if isinstance(judge, PromptedJudge):
        return Proposer(judge.model, judge.tokenizer, name=judge.name)
    return None


def open_proposer(spec: str) -> Proposer:
    """The proposer of a judge's name: `smollm2`, `referee`, `hf:ORG/MODEL`.

    Raises:
        UsageError: unknown name, or a judge without a language model.
    """
    found = proposer_of(open_judge(spec))
    if found is None:
        raise UsageError(f"proposer {spec!r} has no language model; write smollm2 or hf:ORG/MODEL")
    return found
