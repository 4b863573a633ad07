"""Shrinking: the smallest text that still fools the judge, by delta debugging in whole batches.

Smaller is `size`: fewer characters, then earlier in the alphabet. Chunks are taken out of the text, half of it at
first and single characters at the end (Zeller and Hildebrandt's ddmin, as a batch a pass: all chunks of a size are
tried at once, and where several can go, all of them together as well). When no single character can go, the text is
1-minimal.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from ..corpora.records import Candidate, Trial

#: A pass that tries more removals than this is cut into several, so that its first successes are put to use.
WIDEST = 64


def size(text: str) -> tuple[int, str]:
    """The order of texts in which shrinking goes down."""
    return len(text), text


class Shrinker:
    """Shrinks one find. `steps` is a generator as an attack's is; `fooling` and `minimal` say how far it came."""

    def __init__(self, start: str, attack: str, fools: Callable[[Trial], bool]) -> None:
        """`fools` decides whether a smaller text still does what the find did."""
        self.attack = attack
        self.fools = fools
        self.fooling = [start]
        self.minimal = not start

    @property
    def smallest(self) -> str:
        return self.fooling[-1]

    def steps(self) -> Generator[list[Candidate], list[Trial], None]:
        """Propose smaller texts until none works. A chunk size is left when no chunk of it can go."""
        # The empty text first: where it fools, nothing else need be tried.
        if not self.smallest or (yield from self._try([""])):
            self.minimal = True
            return
        chunk = (len(self.smallest) + 1) // 2
        while True:
            chunk = min(chunk, len(self.smallest))
            removed = yield from self._pass(chunk)
            if removed:
                continue
            if chunk == 1:
                self.minimal = True
                return
            chunk = (chunk + 1) // 2

    def _pass(self, chunk: int) -> Generator[list[Candidate], list[Trial], bool]:
        """Try to remove every chunk of a size; True as soon as the text has become smaller."""
        text = self.smallest
        cuts = [(i, min(i + chunk, len(text))) for i in range(0, len(text), chunk)]
        for begin in range(0, len(cuts), WIDEST):
            window = cuts[begin : begin + WIDEST]
            trials = yield [self._candidate(without(text, [cut])) for cut in window]
            able = [cut for cut, trial in zip(window, trials, strict=True) if self.fools(trial)]
            if able:
                yield from self._combine(text, able)
                return True
        return False

    def _combine(self, text: str, able: Sequence[tuple[int, int]]) -> Generator[list[Candidate], list[Trial], None]:
        """Of the chunks that can go one by one, find as many as can go together: all, or the longest run of halves."""
        self.fooling.append(min((without(text, [cut]) for cut in able), key=size))
        count = len(able)
        while count > 1:
            groups = [able[i : i + count] for i in range(0, len(able), count)]
            smaller = sorted((without(text, g) for g in groups if len(g) > 1), key=size)
            if (yield from self._try(smaller)):
                return
            count = (count + 1) // 2 if count > 2 else 1

    def _try(self, texts: Sequence[str]) -> Generator[list[Candidate], list[Trial], bool]:
        """Keep the smallest of the texts that fools, if it is smaller than what there is."""
        trials = yield [self._candidate(t) for t in texts]
        fooling = [t.text for t in trials if self.fools(t) and size(t.text) < size(self.smallest)]
        if fooling:
            self.fooling.append(min(fooling, key=size))
        return bool(fooling)

    def _candidate(self, text: str) -> Candidate:
        return Candidate(text, self.attack, "shrink", self.smallest)


def without(text: str, cuts: Sequence[tuple[int, int]]) -> str:
    """The text with some ranges, in ascending order, left out."""
    kept, at = [], 0
    for begin, end in cuts:
        kept.append(text[at:begin])
        at = end
    return "".join([*kept, text[at:]])
