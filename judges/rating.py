"""A judge that asks a language model for a number on a scale, and is read by the expected value of that number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch

from ..corpora.errors import UsageError
from ..corpora.records import Item, Problem
from .local import LocalJudge
from .origin import Origin
from .prompted import PromptedJudge
from .prompts import Prompt
from .readout import NextTokens
from .scale import Scale
from .vocabulary import decoded

Tokens = tuple[int, ...]

#: The least share of a number's probability that is left when longer numbers go on from it: roundings give no less.
LEAST = 1e-9


class RatingJudge(LocalJudge):
    """Asks a language model for a rating; nothing is generated (expected value as in G-Eval, arXiv 2303.16634).

    The score is the expected value of the numbers on the scale, the lowest worth 0 and the highest 1, given that the
    model writes one of them; the margin is the log-odds of that score, shifted so that the threshold lies at 0. A
    number of several tokens is read token by token: P(10) is P(`1`) P(`0` after `1`), and what goes on to 10 is no 1.
    A reply counts as the longest number of the scale that it begins with: what else follows is not looked at.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        prompt: Prompt,
        *,
        name: str,
        weights: str,
        threshold: float = 0.5,
    ) -> None:
        """`model` and `tokenizer` are transformers'; `weights` identifies the weights and goes into the fingerprint.

        Raises:
            UsageError: the prompt asks for no rating, or the threshold is not inside (0, 1).
        """
        if prompt.scale is None:
            raise UsageError(f"the prompt of {name} asks for no rating; give it a scale such as scale=1-10")
        self.template = prompt
        self.tokenizer = tokenizer
        self.numerals = Numerals(self._spelt(prompt.scale))
        super().__init__(model, tokenizer, NextTokens(model, self.numerals.ids), name=name, threshold=threshold)
        self.tails = self.numerals.tails
        self.worth = torch.tensor([prompt.scale.worth(n) for n in prompt.scale.numbers], dtype=torch.float64).log()
        self.rest = torch.tensor([1 - prompt.scale.worth(n) for n in prompt.scale.numbers], dtype=torch.float64).log()
        identity = (weights, prompt.fingerprint, threshold, str(self.dtype))
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    def prompt(self, item: Item) -> str:
        """Exactly what the model reads for an item."""
        return self.template.render(item, self.tokenizer)

    def log_odds(self, values: torch.Tensor) -> torch.Tensor:
        """See `LocalJudge.log_odds`: those of the expected value."""
        chances = self.chances(values)
        return (chances + self.worth).logsumexp(1) - (chances + self.rest).logsumexp(1)

    def chances(self, values: torch.Tensor) -> torch.Tensor:
        """`(prompts, tails, ids)` log-probabilities of tokens -> `(prompts, numbers)` of the scale's numbers."""
        return self.numerals.chances(values.cpu().double())

    def _spelt(self, scale: Scale) -> list[list[Tokens]]:
        """For each number of the scale, the tokens in which the model would write it behind its prompt.

        As its tokenizer writes the number there, with a blank before it too where none stands there; and every single
        token that says it.
        """
        text = self.prompt(Item(Problem.make(family="", question="?", reference="?"), "?"))
        before = self._ids(text)
        blanks = ("",) if text[-1:].isspace() else ("", " ")
        single: dict[str, list[Tokens]] = {}
        for i, token in decoded(self.tokenizer):
            single.setdefault(token.strip(), []).append((i,))
        return [
            [*single.get(str(n), []), *(self._behind(text, before, f"{blank}{n}") for blank in blanks)]
            for n in scale.numbers
        ]

    def _behind(self, text: str, before: Tokens, written: str) -> Tokens:
        """The tokens of what is written behind a text; those of it alone if they do not end where the text does."""
        both = self._ids(text + written)
        return both[len(before) :] if both[: len(before)] == before else self._ids(written)

    def _ids(self, text: str) -> Tokens:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])


class Numerals:
    """The ways to write some numbers as a tree of tokens, and the probability of each number by those of the tokens.

    Attributes:
        tails: the ways that others go on from, the empty one first: behind each the next token is looked at.
        ids: the tokens that come next anywhere.
    """

    def __init__(self, spelt: Sequence[Sequence[Tokens]]) -> None:
        """`spelt` holds the spellings of each number, each in one or more tokens."""
        ways = {way: place for place, spellings in enumerate(spelt) for way in spellings if way}
        self.tails: list[Tokens] = sorted({way[:end] for way in ways for end in range(len(way))})
        self.ids = sorted({way[end] for way in ways for end in range(len(way))})
        self._after = {tail: place for place, tail in enumerate(self.tails)}
        self._column = {token: place for place, token in enumerate(self.ids)}
        self._following: dict[Tokens, set[int]] = {tail: set() for tail in self.tails}
        for way in ways:
            for end, token in enumerate(way):
                self._following[way[:end]].add(token)
        self._of = [[way for way, number in ways.items() if number == place] for place in range(len(spelt))]

    def chances(self, values: torch.Tensor) -> torch.Tensor:
        """`(prompts, tails, ids)` log-probabilities -> `(prompts, numbers)`, not normalised."""
        numbers = [torch.stack([self._chance(values, way) for way in ways]).logsumexp(0) for ways in self._of]
        return torch.stack(numbers, 1)

    def _chance(self, values: torch.Tensor, way: Tokens) -> torch.Tensor:
        """`(prompts,)`: that the tokens of a spelling come, and no longer number of the tree goes on from them."""
        steps = [values[:, self._after[way[:end]], self._column[token]] for end, token in enumerate(way)]
        chance = torch.stack(steps).sum(0)
        if way in self._after:
            columns = [self._column[token] for token in sorted(self._following[way])]
            going_on = values[:, self._after[way]][:, columns].logsumexp(1).exp()
            chance = chance + (1 - going_on).clamp_min(LEAST).log()
        return chance


def asked(
    model: Any,
    tokenizer: Any,
    prompt: Prompt,
    *,
    name: str,
    weights: str,
    threshold: float,
    origin: Origin,
) -> PromptedJudge | RatingJudge:
    """A judge by a language model that asks what a prompt asks for: one of two words, or a number."""
    if prompt.scale is not None:
        return RatingJudge(model, tokenizer, prompt, name=name, weights=weights, threshold=threshold)
    return PromptedJudge(model, tokenizer, prompt, name=name, weights=weights, threshold=threshold, origin=origin)
