"""Do finds that fool one judge fool others? A run's finds, replayed on other judges, and on its own again.

A problem counts for a judge only where that judge rejects its plain wrong answer unattacked: else its acceptance of a
find says nothing of the find. Every response is asked about alone, in a batch of one, as finds are confirmed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..corpora.corpus import Corpus, open_corpus
from ..corpora.errors import UsageError
from ..corpora.oracles import open_oracle
from ..corpora.records import Candidate, Problem, SplitChoice, Verdict
from ..judges.judge import Judge, threshold_of
from ..judges.opening import open_judge
from .calibration import Calibration, check_acceptance, to_calibrate_on, turn
from .gate import Ask, Gate
from .run import Run, load_run, versions
from .sources import Source, own_judge, sources_of
from .store import Store

#: A find as it was found, and its smallest form that still fooled the judge it was found on.
Form = Literal["found", "shrunk"]
FORMS: tuple[Form, ...] = ("found", "shrunk")


@dataclass(frozen=True, slots=True)
class Asked:
    """A judge that finds were replayed on.

    Attributes:
        given: the name of the judge that was given.
        name: of the judge that was asked: another one where a threshold was fixed.
        threshold: the score from which it accepts.
        made: the places of the sources whose finds were made on it.
        rejected: problems of the runs whose plain wrong answer it rejects: those that count.
        accepted: those whose plain wrong answer it accepts unattacked.
        unread: those on whose plain wrong answer its verdict cannot be read.
        right: right answers to these problems that it accepts, and of how many that could be read.
        calibration: how its threshold was fixed; None where it goes by its own decision.
        used: what its verdicts have cost, by the names of judges inside it (`judges.judge.Usage`); empty of plain ones.
    """

    given: str
    name: str
    threshold: float
    made: tuple[int, ...]
    rejected: int
    accepted: int
    unread: int
    right: tuple[int, int]
    calibration: Calibration | None = None
    used: Mapping[str, Sequence[float | None]] = field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Whether finds of one of the runs were made on it."""
        return bool(self.made)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one judge makes of the finds of one source, in one form.

    Attributes:
        source, judge: their places in the lists.
        form: of the finds.
        problems: problems with a find that count for this judge.
        excluded: problems with a find that do not.
        fooled: of `problems`, those on which it accepts a find.
        finds: finds on `problems`.
        accepted: of these, the ones it accepts.
        unread: of these, the ones on which its verdict cannot be read.
    """

    source: int
    judge: int
    form: Form
    problems: int
    excluded: int
    fooled: int
    finds: int
    accepted: int
    unread: int


def transfer(
    runs: str | Path | Run | Sequence[str | Path | Run],
    judges: Sequence[str | Judge | Callable[..., Any]] = (),
    *,
    acceptance: float | None = None,
    out: str | Path | None = None,
    on_judge: Callable[[str, int], None] = lambda name, verdicts: None,
) -> Run:
    """Replay the finds of attack runs and duels on judges, and on the judges that they were made on.

    With an `acceptance` each judge accepts from the margin on from which it accepts that share of right answers to
    other problems of the corpus (`fuzz.calibration`). The same call on the same folder goes on where it was stopped;
    without `out` it lies beside the first run. `on_judge` is told each judge and how many verdicts it gave.

    Raises:
        UsageError: a run has no finds or is none, runs do not fit together, or a judge cannot be opened.
        JudgeError: a judge failed; what was said so far is kept.
    """
    check_acceptance(acceptance)
    given = [runs] if isinstance(runs, str | Path | Run) else list(runs)
    loaded = [run if isinstance(run, Run) else load_run(run) for run in given]
    if not loaded:
        raise UsageError("no runs are given; name the folder of an attack run or a duel")
    sources = [source for run in loaded for source in sources_of(run)]
    if not any(source.finds for source in sources):
        raise UsageError(f"run {loaded[0].folder} has no finds to replay; attack with more problems or a larger budget")
    opened, notes = _judges(sources, judges, acceptance)
    replay = _Replay(sources, opened, acceptance, notes)
    identity = replay.identity()
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    folder = Path(out) if out is not None else _beside(loaded[0].folder, key)
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        replay.run(store, on_judge)
    return Run(folder)


def _beside(run: Path, key: str) -> Path:
    """A folder beside a run's; `.` and `..` have no name of their own, and nothing is to lie inside the run."""
    place = run if run.name not in ("", "..") else run.resolve()
    return place.parent / f"{place.name}-transfer-{key}"


def _judges(
    sources: Sequence[Source], given: Sequence[Any], acceptance: float | None
) -> tuple[list[tuple[Judge, list[int]]], list[str]]:
    """Each judge once, those of the runs first, with the sources that were made on it; and what is to be said of them.

    A source's judge is opened once, however many attacks there were on it.
    """
    found: dict[str, tuple[Judge, list[int]]] = {}
    notes: list[str] = []
    opened: dict[str, Judge | str] = {}
    for place, source in enumerate(sources):
        if source.fingerprint not in opened:
            opened[source.fingerprint] = own_judge(source, raw=acceptance is not None)
        own = opened[source.fingerprint]
        if isinstance(own, str):
            notes.append(own)
        else:
            found.setdefault(own.fingerprint, (own, []))[1].append(place)
    for judge in map(open_judge, given):
        found.setdefault(judge.fingerprint, (judge, []))
    if not found:
        raise UsageError(f"there is no judge to replay finds on ({notes[0]}); name one with --judge")
    return list(found.values()), list(dict.fromkeys(notes))


class _Replay:
    """A transfer with everything resolved."""

    def __init__(
        self,
        sources: Sequence[Source],
        judges: Sequence[tuple[Judge, list[int]]],
        acceptance: float | None,
        notes: Sequence[str],
    ) -> None:
        self.sources, self.judges, self.acceptance, self.notes = sources, judges, acceptance, notes
        self.problems = list({p.id: p for source in sources for p in source.problems.values()}.values())
        self.oracle = self._common("oracle", {source.oracle for source in sources})
        self.calibration: list[Problem] = []
        if acceptance is not None:
            name = self._common("corpus", {source.corpus for source in sources})
            parts: set[SplitChoice] = {source.split for source in sources}
            corpus: Corpus = open_corpus(name)
            self.calibration = to_calibrate_on(corpus, parts.pop() if len(parts) == 1 else "all", self.problems)

    def _common(self, what: str, values: set[str]) -> str:
        if len(values) > 1:
            raise UsageError(f"the runs are not of one {what} ({', '.join(sorted(values))}); replay them apart")
        return values.pop()

    def identity(self) -> dict[str, Any]:
        """What a folder must agree on for a transfer to go on in it."""
        finds = json.dumps([[s.run, s.attack, s.finds] for s in self.sources])
        return {
            "kind": "transfer",
            "runs": list(dict.fromkeys(source.run for source in self.sources)),
            "finds": hashlib.sha256(finds.encode()).hexdigest()[:16],
            "judges": [judge.name for judge, _ in self.judges],
            "fingerprints": [judge.fingerprint for judge, _ in self.judges],
            "acceptance": self.acceptance,
            "oracle": self.oracle,
            "corpus": sorted({source.corpus for source in self.sources}),
        }

    def run(self, store: Store, on_judge: Callable[[str, int], None]) -> None:
        """Ask every judge in turn; what each showed is kept as soon as it is known."""
        store.rewind(self.problems)
        asked: list[Asked] = []
        cells: list[Cell] = []
        for place, (judge, made) in enumerate(self.judges):
            # A store of its own: what a judge has used and noted is its own too.
            own = {"kind": "replayed", "judge": judge.name, "fingerprint": judge.fingerprint}
            with Store.create(store.folder / "judges" / str(place + 1), {"identity": own}) as kept:
                gate = Gate(judge, open_oracle(self.oracle), kept)
                seen, of_sources = self._ask(gate, place, made)
                used = kept.get("used") or {}
            asked.append(replace(seen, used=used))
            cells += of_sources
            store.put("transfer", self._record(asked, cells))
            on_judge(seen.name, gate.asked)
        store.put("complete", True)

    def _record(self, asked: Sequence[Asked], cells: Sequence[Cell]) -> dict[str, Any]:
        return {
            "sources": [source.to_json() for source in self.sources],
            "judges": [asdict(each) for each in asked],
            "cells": [asdict(cell) for cell in cells],
            "notes": list(self.notes),
        }

    def _ask(self, gate: Gate, place: int, made: Sequence[int]) -> tuple[Asked, list[Cell]]:
        """One judge's threshold and baseline, and what it makes of all finds."""
        given, fixed = gate.judge.name, None
        if self.acceptance is not None:
            fixed = turn(gate, self.calibration, self.acceptance)
        plain = _verdicts(gate, [(p, p.wrong[0].text) for p in self.problems])
        right = [v for v in _verdicts(gate, [(p, r.text) for p in self.problems for r in p.right]) if v.parsed]
        counted = {p.id for p, v in zip(self.problems, plain, strict=True) if v.parsed and not v.accepted}
        accepted = sum(v.parsed and v.accepted for v in plain)
        asked = Asked(
            given=given,
            name=gate.judge.name,
            threshold=threshold_of(gate.judge),
            made=tuple(made),
            rejected=len(counted),
            accepted=accepted,
            unread=len(plain) - len(counted) - accepted,
            right=(sum(v.accepted for v in right), len(right)),
            calibration=fixed,
        )
        return asked, [
            _cell(gate, source, number, place, form, counted)
            for number, source in enumerate(self.sources)
            for form in FORMS
        ]


def _cell(gate: Gate, source: Source, number: int, place: int, form: Form, counted: set[str]) -> Cell:
    finds = [(problem, shrunk if form == "shrunk" else response) for problem, response, shrunk in source.finds]
    some = [(problem, text) for problem, text in finds if problem in counted]
    verdicts = _verdicts(gate, [(source.problems[problem], text) for problem, text in some], alone=True)
    fooled = {problem for (problem, _), v in zip(some, verdicts, strict=True) if v.accepted}
    problems = {problem for problem, _ in some}
    return Cell(
        source=number,
        judge=place,
        form=form,
        problems=len(problems),
        excluded=len({problem for problem, _ in finds} - problems),
        fooled=len(fooled),
        finds=len(some),
        accepted=sum(v.accepted for v in verdicts),
        unread=sum(not v.parsed for v in verdicts),
    )


def _verdicts(gate: Gate, texts: Sequence[tuple[Problem, str]], *, alone: bool = False) -> list[Verdict]:
    asks = [Ask(problem, Candidate(text, "transfer", "replay"), repeat=int(alone)) for problem, text in texts]
    return [answer.trial.verdict for answer in gate.consider(asks)] if asks else []
