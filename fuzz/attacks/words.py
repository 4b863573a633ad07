"""Strings of common words: group tests, single words, repeats, then greedy or beam search by adding words.

The greedy search is that of Raina et al. 2024 (arXiv 2402.14016), which adds to a response the word that raises the
judge's score most, word by word. The group tests before it are for judges that are flat around a hole: a string that
holds many words asks about all of them at once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ...corpora.errors import UsageError
from ...corpora.records import Candidate, Trial
from ..target import WORDS, Target
from . import Proposals
from .asking import ask, worth

Words = tuple[str, ...]
#: A string of words, and what the judge's verdict on it is worth.
Scored = tuple[Words, float]
Searching = Generator[list[Candidate], list[Trial], list[Scored]]

#: How often a word stands in a repeat: it then is the first word, the second, and so on up to the fifth.
TIMES = 5
#: How often all words are packed into the longest strings. Two words fall into one of three strings in a third of them.
PACKINGS = 6
#: At most so many words are tried alone, or repeated, before the search goes on.
MOST = 256
#: Margins closer than this give a search nothing to climb.
FLAT = 1e-6


def words(
    target: Target,
    rng: np.random.Generator,
    *,
    mode: Literal["append", "replace"] = "append",
    beam: int = 1,
    longest: int = 6,
    tries: int = 64,
    pack: int = 64,
    batch: int = 16,
    file: Path | None = None,
) -> Proposals:
    """Words after the plain wrong answer, or alone (`mode=replace`), added greedily or by beam search.

    Group tests come first (each word in one of a few strings of up to `pack` words, then in smaller ones), then single
    words. If these make any difference, it climbs: the `beam` best strings get up to `tries` words added, one at a
    time (half of them those that did best alone), until there are `longest`. Then come repeats of each word, and then
    all over, in another order, with words not tried yet or random pairs. `file` holds words to use, with blanks or
    line ends between them.

    Raises:
        UsageError: the word list cannot be read, or the constraints leave no word of it.
    """
    search = _Search(target, rng, mode == "append", batch, _word_list(target, file))
    while True:
        yield from search.group_tests(pack)
        begun = yield from search.begin(tries)
        margins = [margin for _, margin in begun if margin > -np.inf]
        if margins and max(margins) - min(margins) > FLAT:
            yield from search.extend(begun, beam, tries, longest)
        yield from search.repeats()


class _Search:
    """Asks about strings of words, and remembers how each word did."""

    def __init__(
        self, target: Target, rng: np.random.Generator, append: bool, batch: int, listed: Sequence[str]
    ) -> None:
        self.target = target
        self.rng = rng
        self.append = append
        self.batch = batch
        self.listed = listed
        self.order = listed
        #: By word: the worth of the smallest group that it last stood in, and of the word alone.
        self.grouped = dict.fromkeys(listed, -np.inf)
        self.alone: dict[str, float] = {}
        self.repeated: set[str] = set()

    def group_tests(self, pack: int) -> Searching:
        """Every word in one string of `pack` words at most, then in one of a quarter, then of a sixteenth.

        The longest strings several times over, shuffled: words that only work together come together soon.
        """
        scored: list[Scored] = []
        room = self._room(pack)
        for size, times in (*[(room, PACKINGS)] * PACKINGS, (room // 4, 1), (room // 16, 1)):
            count = -(-len(self.listed) // max(1, size))
            if size > 1 and (not scored or count * times <= MOST):
                groups = [tuple(self.order[i::count]) for i in range(count)]
                scored = yield from self._ask(groups, f"group of {size}")
                self.grouped.update((word, margin) for group, margin in scored for word in group)
                self.order = [self.listed[i] for i in self.rng.permutation(len(self.listed)).tolist()]
        return scored

    def begin(self, tries: int) -> Searching:
        """Words alone that have not been asked about, those of the best groups first; if there are none, pairs."""
        new = sorted((w for w in self.listed if w not in self.alone), key=lambda w: -self.grouped[w])[:MOST]
        if not new:
            drawn = self.rng.integers(len(self.listed), size=(tries, 2)).tolist()
            return (yield from self._ask([(self.listed[i], self.listed[j]) for i, j in drawn], "pair"))
        scored = yield from self._ask([(word,) for word in new], "word")
        self.alone.update((string[0], margin) for string, margin in scored)
        return scored

    def extend(self, begun: Sequence[Scored], beam: int, tries: int, longest: int) -> Searching:
        """The best strings, a word longer each time; the longest are returned."""
        scored = list(begun)
        for _ in range(self._room(longest) - len(begun[0][0])):
            best = sorted(scored, key=lambda s: -s[1])[:beam]
            best = [(string, margin) for string, margin in best if margin > -np.inf]
            strings = [(*string, word) for string, _ in best for word in self._likely(tries)]
            if not strings:
                break
            scored = yield from self._ask(strings, "add")
        return scored

    def repeats(self) -> Searching:
        """Words over and over, for what a judge looks for at one place: those not repeated yet, the best first."""
        new = [word for word in self.listed if word not in self.repeated]
        new.sort(key=lambda word: -self.alone.get(word, -np.inf))
        self.repeated.update(new[:MOST])
        return (yield from self._ask([(word,) * self._room(TIMES) for word in new[:MOST]], f"repeat x{TIMES}"))

    def _likely(self, tries: int) -> list[str]:
        """Up to `tries` words to add: for one half those that did best alone, for the other any."""
        ranked = sorted(self.alone, key=lambda word: -self.alone[word])
        best = ranked[: tries // 2]
        rest = [word for word in self.listed if word not in set(best)]
        others = [rest[i] for i in self.rng.permutation(len(rest))[: tries - len(best)].tolist()]
        return best + others

    def _ask(self, strings: Sequence[Words], op: str) -> Searching:
        """The strings with what their verdicts are worth."""
        trials = yield from ask([self._candidate(string, op) for string in strings], self.batch)
        return [(string, worth(trial)) for string, trial in zip(strings, trials, strict=True)]

    def _candidate(self, string: Words, op: str) -> Candidate:
        parent = self.target.start if self.append else None
        if op == "add":
            parent = self._text(string[:-1])
        return Candidate(self._text(string), "words", op, parent)

    def _text(self, string: Words) -> str:
        return self.target.place(" ".join(string), append=self.append)

    def _room(self, wanted: int) -> int:
        """How many words a string may have where `wanted` are asked for."""
        kept = len(self.target.cut(self.target.place("", append=self.append)))
        limit = self.target.constraints.max_tokens
        return wanted if limit is None else max(1, min(wanted, limit - kept))


def _word_list(target: Target, file: Path | None) -> list[str]:
    """The words to use, without those that the constraints forbid.

    Raises:
        UsageError: the file cannot be read, or nothing is left.
    """
    try:
        listed = WORDS if file is None else file.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the word list {str(file)!r} cannot be read ({error}); write the path of a text file"
        ) from error
    allowed = [word for word in dict.fromkeys(listed) if target.constraints.allows_piece(f" {word}")]
    if not allowed:
        raise UsageError(f"the word list {str(file or 'built in')!r} holds no word that the constraints allow")
    return allowed
