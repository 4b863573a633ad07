"""What searches on different problems learn from one another: texts that fooled the judge, or nearly did."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..corpora.records import Trial

#: Texts kept for each problem, the best by margin.
KEPT = 24


@dataclass(slots=True)
class Record:
    """How one text did on the problems it was tried on: where it fooled the judge, and its margins."""

    text: str
    tried: set[str] = field(default_factory=set)
    fooled: set[str] = field(default_factory=set)
    margins: float = 0.0

    @property
    def rate(self) -> float:
        """The share of problems that it is expected to fool: the mean of a Beta(1, 1) prior and what was seen."""
        return (len(self.fooled) + 1) / (len(self.tried) + 2)

    @property
    def margin(self) -> float:
        """Its mean margin over the problems it was tried on."""
        return self.margins / max(1, len(self.tried))


class Pool:
    """A learner (see `Commons`) of texts: all that fooled the judge, and the best ones on each problem.

    A text is kept as an attack wrote it: where the plain wrong answer stands in front, it is left off, so that the rest
    can be put behind another one.
    """

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self._best: dict[str, list[tuple[float, str]]] = {}

    def watch(self, texts: Iterable[str]) -> None:
        """Keep account of some texts from now on, whether they fool or not."""
        for text in texts:
            self.records.setdefault(text, Record(text))

    def observe(self, problem: str, trials: Sequence[Trial]) -> None:
        """See `Learner`."""
        for trial in trials:
            if trial.verdict.parsed:
                self._note(problem, written(trial), trial)

    def _note(self, problem: str, text: str, trial: Trial) -> None:
        best = self._best.setdefault(problem, [])
        if (len(best) < KEPT or -trial.margin < best[-1][0]) and all(text != known for _, known in best):
            insort(best, (-trial.margin, text))
            del best[KEPT:]
        record = self.records.get(text)
        if record is None:
            if not trial.fools:
                return
            record = self.records[text] = Record(text)
        if problem not in record.tried:
            record.tried.add(problem)
            record.margins += trial.margin
        if trial.fools:
            record.fooled.add(problem)

    def best(self, problem: str, count: int = KEPT) -> list[str]:
        """The texts with the highest margins on a problem, best first."""
        return [text for _, text in self._best.get(problem, ())[:count]]

    def others(self, besides: str, count: int = 2) -> list[str]:
        """The `count` best texts of every other problem, best first."""
        ranked = sorted(pair for problem, best in self._best.items() if problem != besides for pair in best[:count])
        return list(dict.fromkeys(text for _, text in ranked))

    def finds(self, besides: str = "") -> list[Record]:
        """Texts that fooled the judge on another problem than `besides`, those first that are likeliest to again."""
        found = [record for record in self.records.values() if record.fooled - {besides}]
        return sorted(found, key=lambda r: (-r.rate, -r.margin, r.text))


def written(trial: Trial) -> str:
    """What an attack wrote of a text: all of it, or what stands behind the plain wrong answer."""
    start = trial.item.problem.wrong[0].text
    return trial.text.removeprefix(f"{start} ")
