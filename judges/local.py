"""What judges by a model with weights here share: how they are asked, what they read and what they lend."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from ..corpora.errors import JudgeError, UsageError
from ..corpora.records import Item, Verdict
from .engine import Engine, Readout
from .gradients import slope_of
from .judge import Slope, logit, sigmoid, too_long
from .prompts import defuse
from .readout import text_config
from .vocabulary import special_texts, text_pieces

#: Stands where a response would, so that it can be told where that is.
_MARK = "\x00response\x00"


class Located(NamedTuple):
    """Where a response stands in what a model reads.

    Attributes:
        ids: all tokens that the model reads.
        offsets: where each stands in the text; (0, 0) for what is not of it.
        text: the text.
        begin: where the response begins in it.
        end: where it ends.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]
    text: str
    begin: int
    end: int


class LocalJudge(ABC):
    """A judge by a transformers model. A kind of such judges says what the model is shown and what is made of it.

    The score is a probability or is made one by a sigmoid; the margin is its log-odds as the model gives them, not cut
    anywhere, shifted so that the threshold lies at 0. What is longer than the model's context is `parsed=False`.

    Attributes:
        tails: tokens behind a prompt at whose ends the model is read: for most judges only the prompt's own end.
        marked: whether the tokenizer adds its marks to a prompt; a chat format writes them itself.
    """

    name: str
    fingerprint: str
    tails: Sequence[tuple[int, ...]] = ((),)
    marked: bool = False

    def __init__(self, model: Any, tokenizer: Any, read: Readout | None, *, name: str, threshold: float) -> None:
        """`model` and `tokenizer` are transformers'; `read` is what the engine reads, see there.

        Raises:
            UsageError: the threshold is not inside (0, 1).
        """
        if not 0 < threshold < 1:
            raise UsageError(f"threshold {threshold} is not between 0 and 1")
        self.name = name
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.threshold = threshold
        self.engine = Engine(model, read)
        self.dtype: torch.dtype = next(p.dtype for p in model.parameters() if p.is_floating_point())

    @abstractmethod
    def prompt(self, item: Item) -> str:
        """Exactly what the model reads for an item."""

    @abstractmethod
    def log_odds(self, values: torch.Tensor) -> torch.Tensor:
        """`(prompts, tails, ...)` values read off the model -> `(prompts,)` log-odds of accepting."""

    def encode(self, items: Sequence[Item]) -> list[list[int]]:
        """Token ids of each item's prompt."""
        if not items:
            return []
        ids: list[list[int]] = self.tokenizer([self.prompt(i) for i in items], add_special_tokens=self.marked)[
            "input_ids"
        ]
        return ids

    @property
    def batch(self) -> int:
        """See `Judge`: enough responses to fill a pass, few enough that verdicts come in steadily."""
        return 128 if self.engine.device.type == "cpu" else 2048

    @property
    def context(self) -> int:
        """The most tokens that the model reads."""
        return int(getattr(text_config(self.model.config), "max_position_embeddings", None) or 1 << 30)

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        return self.compute(self.prepare(items))

    def score_afresh(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Afresh`."""
        return self.compute(self.prepare(items), afresh=True)

    def prepare(self, items: Sequence[Item]) -> list[list[int]]:
        """See `Staged`: the token ids of each item's prompt."""
        return self.encode(items)

    def compute(self, prepared: Sequence[Sequence[int]], *, afresh: bool = False) -> list[Verdict]:
        """See `Staged`: verdicts on prompts by their token ids."""
        room = self.context - max(map(len, self.tails))
        sequences = [[*ids, *tail] for ids in prepared if len(ids) <= room for tail in self.tails]
        read = iter(self._read(sequences, afresh) if sequences else ())
        return [self._verdict(next(read)) if len(ids) <= room else too_long(len(ids), room) for ids in prepared]

    def _read(self, sequences: Sequence[Sequence[int]], afresh: bool) -> list[float]:
        values = self.engine.score(sequences, afresh=afresh)
        odds: list[float] = self.log_odds(values.view(-1, len(self.tails), *values.shape[1:])).tolist()
        return odds

    def _verdict(self, log_odds: float) -> Verdict:
        margin = log_odds - logit(self.threshold)
        return Verdict(sigmoid(log_odds), margin, margin >= 0)

    @cached_property
    def _pieces(self) -> dict[str, int]:
        return text_pieces(self.tokenizer)

    @cached_property
    def _piece_texts(self) -> tuple[str, ...]:
        return tuple(self._pieces)

    @cached_property
    def piece_ids(self) -> list[int]:
        """The token id of each piece."""
        return list(self._pieces.values())

    def pieces(self) -> Sequence[str]:
        """See `HasPieces`."""
        return self._piece_texts

    def cut(self, text: str) -> list[str]:
        """See `Cuts`. A token that holds only part of a character goes with those that hold the rest."""
        offsets = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        ends = sorted({end for _, end in offsets} | {len(text)})
        return [text[a:b] for a, b in pairwise([0, *ends]) if b > a]

    def embeddings(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """See `HasEmbeddings`: what the model's first layer is given for each piece."""
        with torch.inference_mode():
            ids = torch.tensor(self.piece_ids, device=self.engine.device)
            rows: np.ndarray[Any, np.dtype[np.float32]] = self.model.get_input_embeddings()(ids).float().cpu().numpy()
        return rows

    def locate(self, item: Item) -> Located:
        """The item's prompt as tokens, and where the response stands in it.

        Raises:
            JudgeError: it does not stand there as it is.
        """
        text, response = self.prompt(item), defuse(item.response, special_texts(self.tokenizer))
        begin = self.prompt(Item(item.problem, _MARK)).find(_MARK)
        if begin < 0 or not text.startswith(response, begin):
            raise JudgeError(
                f"judge {self.name} does not show {item.response[:40]!r} as it is; it has no gradient there"
            )
        encoded = self.tokenizer(text, add_special_tokens=self.marked, return_offsets_mapping=True)
        return Located(encoded["input_ids"], encoded["offset_mapping"], text, begin, begin + len(response))

    def slope(self, item: Item) -> Slope:
        """See `GradientJudge`."""
        return slope_of(self, item)

    def forget(self) -> None:
        """See `Forgets`."""
        self.engine.forget()
