"""Beam search over a language model's own next tokens: what it finds reads like text.

BEAST (arXiv 2402.15570) draws next tokens from a model and keeps the texts that do best; AdvJudge-Zero (arXiv
2512.17375) does so against judges. Here the proposer is asked as if it answered the question, and the judge's margin
says what is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...corpora.records import Candidate
from ..target import ProposerTarget
from . import Proposals

if TYPE_CHECKING:
    from ...judges.proposer import Continuation

#: How answers begin. The first is an answer not begun: the model says how.
OPENINGS = (
    "",
    "The answer is",
    "Solution:",
    "Let's solve this problem step by step.",
    "Therefore,",
    "Thought process:",
    "The student's answer",
    "Yes",
)

#: Next tokens are drawn among so many times `children` of the likeliest.
TOP = 8


class Kept(NamedTuple):
    """A text of the beam, without what `append` puts in front; `asked` is the text that the judge was asked about."""

    text: str
    asked: str | None


def beam(
    target: ProposerTarget,
    rng: np.random.Generator,
    *,
    width: int = 4,
    children: int = 6,
    length: int = 24,
    temperature: float = 1.0,
    append: bool = False,
) -> Proposals:
    """Beam search over likely next tokens of a language model; finds are fluent, and their perplexity is told.

    The `width` best texts are each extended by `children` tokens, drawn without repetition from the likeliest at
    `temperature` (at 0 the likeliest themselves). After `length` tokens it starts again, from other openings.
    """
    start = target.start if append else None
    turn = 0
    while True:
        openings = [OPENINGS[(turn + i) % len(OPENINGS)] for i in range(min(width, len(OPENINGS)))]
        turn += len(openings)
        kept = [Kept(opening, start) for opening in openings]
        for _ in range(target.longest(length)):
            grown = _grown(target, rng, kept, children, temperature, append)
            texts = [target.place(child, append=append) for child in grown]
            trials = yield [
                Candidate(text, "beam", f"extend ppl={perplexity:.3g}", parent)
                for text, perplexity, parent in zip(texts, _fluency(target, texts), grown.values(), strict=True)
            ]
            told = [(t, child) for t, child in zip(trials, grown, strict=True) if t.climbable]
            kept = [Kept(child, t.text) for t, child in sorted(told, key=lambda pair: -pair[0].margin)[:width]]
            if not kept:
                break


def _grown(
    target: ProposerTarget,
    rng: np.random.Generator,
    kept: Sequence[Kept],
    children: int,
    temperature: float,
    append: bool,
) -> dict[str, str | None]:
    """Every kept text with one more token, in as many ways as there are children, and the text that it came from."""
    front = target.place("", append=append)
    begun = [target.place(k.text, append=append) if k.text else front.rstrip(" ") for k in kept]
    grown: dict[str, str | None] = {}
    for (text, asked), likely in zip(kept, target.continuations(begun, TOP * children), strict=True):
        for piece in drawn(rng, likely, children, temperature):
            # The blank between what stands in front and a text not begun is there already.
            grown.setdefault(text + piece if text or not front else piece.lstrip(" ") or piece, asked)
    return grown


def drawn(rng: np.random.Generator, likely: Sequence[Continuation], count: int, temperature: float) -> list[str]:
    """Pieces drawn one after the other without repetition, by their probabilities to the power of 1 / temperature.

    Noise of Gumbel's added to log-probabilities, and the highest sums taken, is such a draw (arXiv 1903.06059).
    """
    noise = rng.gumbel(size=len(likely)) * max(0.0, temperature)
    sums = np.array([token.log_probability for token in likely]) + noise
    return [likely[i].piece for i in np.argsort(-sums, kind="stable")[:count].tolist()]


def _fluency(target: ProposerTarget, texts: Sequence[str]) -> list[float]:
    found = target.fluency(texts)
    assert found is not None
    return found
