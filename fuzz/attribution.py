"""Which tokens carry a find: each is left out in turn, and what the judge then says is kept (leave-one-out).

The method is the erasure of Li, Monroe and Jurafsky (2016, arXiv 1612.08220). It says what a token is worth beside all
the others: of two that do the same, neither seems to matter.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from ..corpora.records import Candidate, Trial, Weight

#: The most pieces that are left out, each at the cost of a query; of longer texts, so many runs of tokens.
MOST = 48

Proposals = Generator[list[Candidate], list[Trial], None]


class Attribution:
    """Weighs the pieces of one text. `steps` is a generator as an attack's is; `weights` says what came of it."""

    def __init__(self, text: str, attack: str, cut: Callable[[str], Sequence[str]]) -> None:
        """`cut` cuts a text into tokens that are the text when joined."""
        self.text = text
        self.attack = attack
        self.pieces = joined(cut(text), MOST)
        self.weights: tuple[Weight, ...] = ()

    def steps(self) -> Proposals:
        """Propose the text without each of its pieces, all at once."""
        texts = ["".join(self.pieces[:i] + self.pieces[i + 1 :]) for i in range(len(self.pieces))]
        trials = yield [
            Candidate(text, self.attack, f"without piece {place}", self.text) for place, text in enumerate(texts, 1)
        ]
        self.weights = tuple(
            Weight(piece, trial.verdict.score, trial.margin) if trial.verdict.parsed else Weight(piece, None, None)
            for piece, trial in zip(self.pieces, trials, strict=True)
        )


def joined(pieces: Sequence[str], most: int) -> list[str]:
    """At most so many pieces: where there are more, neighbours are joined into runs of the same number."""
    size = -(-len(pieces) // most)
    return ["".join(pieces[i : i + size]) for i in range(0, len(pieces), size)] if size > 1 else list(pieces)
