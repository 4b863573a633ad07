"""A language model that says how a text may go on and how likely it is: what makes finds fluent."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch

from ..corpora.errors import UsageError
from .calibrated import Calibrated
from .engine import Engine, bucket
from .judge import Judge
from .opening import open_judge
from .packing import IN_USE
from .prompted import PromptedJudge
from .prompts import defuse
from .rating import RatingJudge
from .vocabulary import decoded, special_texts

#: Tokens of texts whose perplexity is worked out in one pass, padding included: each has a row of logits in fp32.
TOKENS = 1024

#: Prompts that answers are written to in one batch.
WRITTEN = 16

#: Texts in each pass of `surprises` at most, and the fewest tokens that they are padded to.
ROWS, SHORTEST = 8, 8


class Continuation(NamedTuple):
    """A next token as text, and its log-probability."""

    piece: str
    log_probability: float


class NextToken:
    """Read off the last hidden state: log-probabilities of the next token, in fp32."""

    def __init__(self, model: Any) -> None:
        """`model` is a transformers causal language model whose logits are its output embeddings' own."""
        self.head = model.get_output_embeddings()

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` hidden states -> `(sequences, vocabulary)`."""
        return self.of_logits(self.head(hidden.to(self.head.weight.dtype)))

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
        self.specials = special_texts(tokenizer)
        self._perplexities: dict[str, float] = {}
        self._questions: dict[str, str] = {}
        texts = {i: text for i, text in decoded(tokenizer) if _is_text(text) and text not in self.specials}
        self._ids = torch.tensor(list(texts))
        self._texts = list(texts.values())

    def continuations(self, question: str, answers: Sequence[str], count: int) -> list[list[Continuation]]:
        """The `count` likeliest next tokens of each answer to a question, begun as given; likeliest first.

        Tokens that are no text of their own (special tokens, the end of the answer among them, and parts of characters)
        are left out; what they take of the probability is not shared out among the others.
        """
        if not answers:
            return []
        prompt = self._asked(question)
        plain = [defuse(answer, self.specials) for answer in answers]
        ids = self.tokenizer([prompt + answer for answer in plain], add_special_tokens=False)["input_ids"]
        values, places = self.engine.score(ids)[:, self._ids].topk(min(count, len(self._texts)))
        return [
            [Continuation(self._texts[i], value) for i, value in zip(row, likely, strict=True)]
            for row, likely in zip(places.tolist(), values.tolist(), strict=True)
        ]

    def first_sentences(self, questions: Sequence[str], *, tokens: int = 24) -> list[str]:
        """How the model begins to answer each question, greedily: up to its first full stop, colon or line end.

        What does not end within so many tokens is cut there.
        """
        rows = [self.tokenizer(self._asked(q), add_special_tokens=False)["input_ids"] for q in questions]
        said: list[str] = []
        for start in range(0, len(rows), WRITTEN):
            said += [_first_sentence(text) for text in self._written(rows[start : start + WRITTEN], tokens)]
        return said

    @torch.inference_mode()
    def _written(self, rows: Sequence[Sequence[int]], tokens: int) -> list[str]:
        """What the model writes after each of some prompts, padded on the left."""
        longest = max(map(len, rows))
        filler = _beginning(self.tokenizer)
        ids = torch.tensor([[filler] * (longest - len(row)) + list(row) for row in rows])
        mask = torch.arange(longest) >= torch.tensor([[longest - len(row)] for row in rows])
        device = self.engine.device
        with IN_USE:
            made = self.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.long().to(device),
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=filler,
            )
        texts: list[str] = self.tokenizer.batch_decode(made[:, longest:].cpu(), skip_special_tokens=True)
        return texts

    def forget(self) -> None:
        """See `Forgets`."""
        self.engine.forget()

    def _asked(self, question: str) -> str:
        """The question as the model is asked it, up to where its answer begins."""
        if question not in self._questions:
            self._questions[question] = self._rendered(question)
        return self._questions[question]

    def _rendered(self, question: str) -> str:
        plain = defuse(question, self.specials)
        if not self.tokenizer.chat_template:
            return f"{plain}\nAnswer:"
        text: str = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": plain}], tokenize=False, add_generation_prompt=True
        )
        return text

    def perplexity(self, texts: Sequence[str]) -> list[float]:
        """exp of the mean negative log-probability of a text's tokens on its own; 1 for an empty text.

        The first token is predicted from the token that begins documents. Of a text beyond the model's context, the
        part within is measured.
        """
        new = [t for t in dict.fromkeys(texts) if t not in self._perplexities]
        if len(self._perplexities) + len(new) > 1 << 18:
            self._perplexities.clear()
            new = list(dict.fromkeys(texts))
        rows = dict(zip(new, self._rows(new), strict=True))
        waiting = sorted(new, key=lambda text: (len(rows[text]), text))
        while waiting:
            part = bucket([tuple(rows[text]) for text in waiting], TOKENS)
            self._perplexities.update(zip(waiting, self._measure(part), strict=False))
            waiting = waiting[len(part) :]
        return [self._perplexities[t] for t in texts]

    def surprises(self, texts: Sequence[str]) -> list[list[float]]:
        """The negative log-probability of each token of a text on its own, in nats; see `perplexity`.

        Passes have fixed shapes (`ROWS` texts, fewer of long ones, padded to a power of two of tokens), so that a text
        is said to be as likely in any company, to the last bit, where `perplexity` may differ in bf16 with its batch.
        """
        rows = self._rows(texts)
        order = sorted(range(len(rows)), key=lambda place: _padded(len(rows[place])))
        said: dict[int, list[float]] = {}
        for length, same in groupby(order, key=lambda place: _padded(len(rows[place]))):
            places = list(same)
            many = max(1, min(ROWS, TOKENS // length))
            for start in range(0, len(places), many):
                part = places[start : start + many]
                filled = [rows[place] for place in part] + [rows[part[0]]] * (many - len(part))
                said.update(zip(part, self._surprises(filled, length), strict=False))
        return [said[place] for place in range(len(rows))]

    def _rows(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, behind the one that begins documents."""
        if not texts:
            return []
        begin = _beginning(self.tokenizer)
        context = getattr(self.model.config, "max_position_embeddings", None) or 1 << 30
        plain = [defuse(text, self.specials) for text in texts]
        return [[begin, *ids][:context] for ids in self.tokenizer(plain, add_special_tokens=False)["input_ids"]]

    def _measure(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """Perplexities of one batch."""
        said = self._surprises(rows, max(map(len, rows)))
        return [math.exp(sum(row) / max(1, len(row))) for row in said]

    @torch.inference_mode()
    def _surprises(self, rows: Sequence[Sequence[int]], length: int) -> list[list[float]]:
        """Of each token but the first of each row, in nats; padded on the right, where no token sees the padding."""
        ids = torch.zeros((len(rows), length), dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
        mask = torch.arange(length) < torch.tensor([[len(row)] for row in rows])
        device = self.engine.device
        with IN_USE:
            logits = self.model(input_ids=ids.to(device), attention_mask=mask.long().to(device)).logits
        return [self._of_row(each[: len(row) - 1], row[1:]) for each, row in zip(logits, rows, strict=True)]

    def _of_row(self, logits: torch.Tensor, tokens: Sequence[int]) -> list[float]:
        """`(tokens, vocabulary)` logits and what came of them; a row at a time, since a batch would fill the memory."""
        chosen = torch.tensor(tokens, dtype=torch.long, device=logits.device)[:, None]
        values: list[float] = (-logits.float().log_softmax(-1).gather(1, chosen)[:, 0]).double().tolist()
        return values


def _padded(length: int) -> int:
    """The length of a pass for a row of so many tokens."""
    return max(SHORTEST, 1 << (length - 1).bit_length())


def _beginning(tokenizer: Any) -> int:
    """The token that begins documents: `<|endoftext|>` where there is one, else that of a beginning or an end.

    The beginning of a chat model may be the mark of a role: SmolLM2 expects `user` after `<|im_start|>`, and finds
    plain English up to twenty times as unlikely there as after `<|endoftext|>`.
    """
    token = tokenizer.get_vocab().get("<|endoftext|>")
    known = (token, tokenizer.bos_token_id, tokenizer.eos_token_id, 0)
    return next(i for i in known if i is not None)


def _first_sentence(text: str) -> str:
    """A text up to its first full stop, colon, question mark or line end; points inside numbers are none."""
    found = re.match(r"\s*(.*?(?:[.:!?](?=\s|$)|(?=\n)|$))", text)
    return found[1].strip() if found else ""


def _is_text(text: str) -> bool:
    """Whether a token stands for text of its own: whole characters that can be seen, or blanks and line ends."""
    return bool(text) and "\ufffd" not in text and all(char.isprintable() or char in "\n\t" for char in text)


def proposer_of(judge: Judge) -> Proposer | None:
    """A judge's own language model as a proposer, whatever its threshold; None where it has none."""
    while isinstance(judge, Calibrated):
        judge = judge.judges[0]
    if isinstance(judge, PromptedJudge | RatingJudge):
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
