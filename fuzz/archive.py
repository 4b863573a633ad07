"""What finds have in common: failure modes, and how widely and evenly the finds are spread over them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from .traits import CHARACTERS, LENGTHS, traits

#: Finds whose shrunk forms are at least this unlike (1 - Jaccard of their trigrams, on average) are two modes.
APART = 0.75

#: Distinct texts that are compared with each other, the most common first; the rest goes with the nearest of them.
COMPARED = 600


@dataclass(frozen=True, slots=True)
class Mode:
    """Finds that fool in the same way.

    Attributes:
        name: what most of them share: the longest text that stands in two thirds of them, or the commonest of them.
        finds: how many they are.
        problems: on how many problems.
        attacks: which attacks found them.
        examples: some of their shrunk forms, shortest first.
    """

    name: str
    finds: int
    problems: int
    attacks: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diversity:
    """How different the finds of a run are.

    Attributes:
        modes: failure modes, largest first.
        evenness: Shannon entropy of the finds over the modes, as a share of what it could be (Pielou); None below two
            modes.
        coverage: share of the cells of length and kind of characters (`traits`) that hold a find.
        cells: finds by cell.
        places: for each find, in the order given, the place of its mode in `modes`.
    """

    modes: tuple[Mode, ...]
    evenness: float | None
    coverage: float
    cells: dict[tuple[int, str], int]
    places: tuple[int, ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Specimen:
    """What is looked at of a find."""

    problem: str
    attack: str
    response: str
    shrunk: str


def diversity(finds: Sequence[Specimen]) -> Diversity:
    """Sort finds into failure modes by what their shrunk forms have in common."""
    cells = Counter(traits(find.response)[:2] for find in finds)
    labels = _labels([f.shrunk for f in finds])
    groups: dict[int, list[Specimen]] = {}
    for label, find in zip(labels, finds, strict=True):
        groups.setdefault(label, []).append(find)
    ranked = sorted(((_mode(group), label) for label, group in groups.items()), key=lambda m: (-m[0].finds, m[0].name))
    modes = [mode for mode, _ in ranked]
    places = {label: place for place, (_, label) in enumerate(ranked)}
    return Diversity(
        modes=tuple(modes),
        evenness=evenness([m.finds for m in modes]),
        coverage=len(cells) / (LENGTHS * len(CHARACTERS)),
        cells=dict(sorted(cells.items())),
        places=tuple(places[label] for label in labels),
    )


def evenness(counts: Sequence[int]) -> float | None:
    """Shannon entropy over its maximum; None below two classes."""
    if len(counts) < 2:
        return None
    total = sum(counts)
    return -sum(n / total * math.log(n / total) for n in counts if n) / math.log(len(counts))


def _labels(texts: Sequence[str]) -> list[int]:
    """A number for each text, the same for texts of one mode: average linkage over trigrams."""
    plain = [_plain(text) for text in texts]
    distinct = [text for text, _ in Counter(plain).most_common(COMPARED)]
    if len(distinct) < 2:
        return [0] * len(texts)
    grams = [_trigrams(text) for text in distinct]
    distances = np.array([_distance(grams[i], grams[j]) for i in range(len(grams)) for j in range(i + 1, len(grams))])
    found = fcluster(linkage(distances, "average"), APART, "distance")
    label = dict(zip(distinct, found.tolist(), strict=True))
    for text in plain:
        if text not in label:
            own = _trigrams(text)
            label[text] = label[distinct[min(range(len(grams)), key=lambda i: _distance(own, grams[i]))]]
    return [label[text] for text in plain]


def _plain(text: str) -> str:
    """A text without case, with single blanks."""
    return " ".join(text.casefold().split())


def _trigrams(text: str) -> frozenset[str]:
    padded = f" {text} "
    return frozenset(padded[i : i + 3] for i in range(max(1, len(padded) - 2)))


def _distance(a: frozenset[str], b: frozenset[str]) -> float:
    return 1 - len(a & b) / len(a | b)


def _mode(group: Sequence[Specimen]) -> Mode:
    texts = sorted({f.shrunk for f in group}, key=lambda t: (len(t), t))
    return Mode(
        name=_shared([_plain(t) for t in texts]) or Counter(f.shrunk for f in group).most_common(1)[0][0],
        finds=len(group),
        problems=len({f.problem for f in group}),
        attacks=tuple(dict.fromkeys(f.attack for f in group)),
        examples=tuple(texts[:5]),
    )


def _shared(texts: Sequence[str]) -> str:
    """The longest text, of two characters at least, that stands in two thirds of the texts; empty if there is none."""
    wanted = math.ceil(len(texts) * 2 / 3)
    for size in range(min(60, max(map(len, texts), default=0)), 1, -1):
        counts = Counter(part for text in texts for part in _parts(text, size))
        best, count = max(counts.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
        if count >= wanted:
            return best
    return ""


def _parts(text: str, size: int) -> Iterable[str]:
    """All parts of a size that neither begin nor end with a blank."""
    parts = (text[i : i + size] for i in range(len(text) - size + 1))
    return {part for part in parts if part == part.strip()}
