"""Where problems come from: the protocol, and the table of corpora."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from .names import convert_options, lookup, split_options
from .records import Problem, SplitChoice

CORPORA = {
    "arithmetic": "hoodwink.corpora.arithmetic:Arithmetic",
    "file": "hoodwink.corpora.files:FileCorpus",
}


@runtime_checkable
class Corpus(Protocol):
    """Gives problems. `name` is what the user wrote; `oracle` names how its answers are checked."""

    name: str
    oracle: str
    default_split: SplitChoice

    def size(self, split: SplitChoice) -> int | None:
        """How many problems a split holds; None if as many as one asks for."""
        ...

    def sample(self, n: int, *, split: SplitChoice = ..., seed: int = 0) -> list[Problem]:
        """`n` different problems of a split, the same for the same seed; a smaller `n` gives a prefix.

        Raises:
            UsageError: the corpus does not hold `n` problems in that split.
        """
        ...


def sample_up_to(corpus: Corpus, n: int, *, split: SplitChoice, seed: int) -> list[Problem]:
    """`n` problems of a split, or all of fewer."""
    size = corpus.size(split)
    return corpus.sample(n if size is None else min(n, size), split=split, seed=seed)


def open_corpus(spec: str) -> Corpus:
    """The corpus that a name stands for: `arithmetic`, `arithmetic:families=sums+clock`, `file:PATH`.

    Raises:
        UsageError: unknown name or option, or an unreadable file.
    """
    name, _, rest = spec.partition(":")
    factory = lookup(CORPORA, name, "corpus")
    if name == "file":
        corpus: Corpus = factory(rest)
        return corpus
    options = convert_options(factory, split_options(spec)[1], spec)
    corpus = factory(**options)
    corpus.name = spec
    return corpus
