"""Shrinking: the smallest text that still fools the judge, by delta debugging in whole batches.

Smaller is `size`: fewer characters, then earlier in the alphabet. Chunks are taken out of the text, half of it at
first and single characters at the end (Zeller and Hildebrandt's ddmin, as a batch a pass: all chunks of a size are
tried at once, then as many as can go together, those first that cost the least margin). When no single character can
go, the text is 1-minimal.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from ..corpora.records import Candidate, Trial

#: At most so many removals are tried in one batch, so that the first successes of a long text are put to use.
WIDEST = 64

#: After chunks of this size come single characters: sizes between cost as much and find little.
FINEST = 4

Cut = tuple[int, int]
Proposals = Generator[list[Candidate], list[Trial], None]


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

    def steps(self) -> Proposals:
        """Propose smaller texts until none works."""
        # The empty text first: where it fools, nothing else need be tried.
        if not self.smallest or (yield from self._try([""])):
            self.minimal = True
            return
        chunk = (len(self.smallest) + 1) // 2
        while True:
            before = self.smallest
            yield from self._pass(min(chunk, len(before)))
            if chunk == 1 and self.smallest == before:
                self.minimal = True
                return
            chunk = chunk // 2 if chunk > FINEST else 1

    def _pass(self, chunk: int) -> Proposals:
        """Try to remove every chunk of a size, from the end: what goes there moves nothing that is still to come."""
        end = len(self.smallest)
        while end > 0:
            begin = max(0, end - WIDEST * chunk)
            yield from self._remove([(max(begin, stop - chunk), stop) for stop in range(end, begin, -chunk)])
            end = begin

    def _remove(self, cuts: Sequence[Cut]) -> Proposals:
        """Remove as many of the cuts as can go. One that cannot go now is left for the next pass."""
        text, gone, left = self.smallest, list[Cut](), list(cuts)
        while left:
            trials = yield [self._candidate(without(text, [*gone, cut])) for cut in left]
            able = [(t.margin, cut) for cut, t in zip(left, trials, strict=True) if self.fools(t)]
            if not able:
                return
            ranked = [cut for _, cut in sorted(able, key=lambda pair: -pair[0])]
            counts = [len(ranked) >> k for k in range(len(ranked).bit_length())]
            trials = yield [self._candidate(without(text, gone + ranked[:n])) for n in counts]
            # The last count is one, and that one is known to fool.
            count = next(n for n, t in zip(counts, trials, strict=True) if self.fools(t) or n == 1)
            gone += ranked[:count]
            left = ranked[count:]
            self.fooling.append(without(text, gone))

    def _try(self, texts: Sequence[str]) -> Generator[list[Candidate], list[Trial], bool]:
        """Keep the smallest of the texts that fools, if it is smaller than what there is."""
        trials = yield [self._candidate(t) for t in texts]
        fooling = [t.text for t in trials if self.fools(t) and size(t.text) < size(self.smallest)]
        if fooling:
            self.fooling.append(min(fooling, key=size))
        return bool(fooling)

    def _candidate(self, text: str) -> Candidate:
        return Candidate(text, self.attack, "shrink", self.smallest)


def without(text: str, cuts: Sequence[Cut]) -> str:
    """The text with some ranges left out; they do not overlap."""
    kept, at = [], 0
    for begin, end in sorted(cuts):
        kept.append(text[at:begin])
        at = end
    return "".join([*kept, text[at:]])
