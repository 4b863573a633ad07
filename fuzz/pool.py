"""Texts that fooled the judge on some problem, and how they did on others: where a search on a new problem starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..corpora.records import Trial

#: Texts kept besides those that fooled: the best on each problem so far.
RUNNERS_UP = 4


@dataclass(slots=True)
class Record:
    """How one text did: the problems it was tried on and those it fooled the judge on, and its margins there."""

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
    """A learner (see `Commons`): every text that fooled the judge, and the best texts of problems not fooled yet."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._best: dict[str, list[tuple[float, str]]] = {}

    def watch(self, texts: Iterable[str]) -> None:
        """Keep account of some texts from now on, whether they fool or not."""
        for text in texts:
            self._records.setdefault(text, Record(text))

    def observe(self, problem: str, trials: Sequence[Trial]) -> None:
        """See `Learner`."""
        for trial in trials:
            if not trial.verdict.parsed:
                continue
            record = self._records.get(trial.text)
            if record is None:
                if not trial.fools:
                    self._rank(problem, trial)
                    continue
                record = self._records[trial.text] = Record(trial.text)
            if problem not in record.tried:
                record.tried.add(problem)
                record.margins += trial.margin
            if trial.fools:
                record.fooled.add(problem)

    def _rank(self, problem: str, trial: Trial) -> None:
        best = self._best.setdefault(problem, [])
        if len(best) < RUNNERS_UP or trial.margin > best[-1][0]:
            best.append((trial.margin, trial.text))
            best.sort(key=lambda pair: -pair[0])
            del best[RUNNERS_UP:]

    def finds(self, *, besides: str = "") -> Iterator[Record]:
        """Texts that fooled the judge on another problem than `besides`, in the order in which they first did."""
        for record in self._records.values():
            if record.fooled - {besides}:
                yield record

    def watched(self) -> Iterator[Record]:
        """All texts of which account is kept."""
        yield from self._records.values()

    def runners_up(self, *, besides: str = "") -> list[str]:
        """The best texts of the other problems that have not been fooled by them, best first."""
        ranked = [pair for problem, best in self._best.items() if problem != besides for pair in best]
        return [text for _, text in sorted(ranked, key=lambda pair: -pair[0])]
