"""Whose finds are replayed on other judges: each attack of a run, and each round of a duel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..corpora.errors import UsageError
from ..corpora.records import Problem, SplitChoice
from ..judges.judge import Judge
from ..judges.opening import NAMED, open_judge, with_option
from .rounds import EVAL, folder_of
from .run import Run, attacked, read_finds


@dataclass(frozen=True, slots=True)
class Source:
    """Finds that one attack made on one judge.

    Attributes:
        run: the folder of the run, or of the duel, as it was given.
        round: of a duel; None for an attack run.
        judge: the name of the judge that was attacked.
        attack: by which attack.
        finds: problem id, response and shrunk form of each.
        problems: those with a find, by id.
        corpus, split, oracle: where the problems come from.
        given: the judge that was given to the run, which is another one where it fixed a threshold.
        fingerprint: of the judge that was attacked.
        threshold: the score from which that judge accepts.
    """

    run: str
    round: int | None
    judge: str
    attack: str
    finds: tuple[tuple[str, str, str], ...]
    problems: dict[str, Problem] = field(repr=False)
    corpus: str
    split: SplitChoice
    oracle: str
    given: str
    fingerprint: str
    threshold: float

    def to_json(self) -> dict[str, Any]:
        """What a report says of it."""
        return {
            "run": self.run,
            "round": self.round,
            "judge": self.judge,
            "attack": self.attack,
            "finds": len(self.finds),
            "problems": len(self.problems),
        }


def sources_of(run: Run) -> list[Source]:
    """The sources of an attack run, one for each attack, or of a duel, one for each attack of a round's fresh search.

    Raises:
        UsageError: the run is of another kind, or stopped before its judge was checked.
    """
    with run.store() as store:
        kind = store.config["identity"].get("kind", "attack")
    if kind == "attack":
        return _of_attack(run, str(run.folder), None)
    if kind != "duel":
        raise UsageError(f"run {run.folder} is of kind {kind!r:.40}, which has no finds; give an attack run or a duel")
    numbers = sorted(int(path.name) for path in (run.folder / "rounds").glob("*") if path.name.isdecimal())
    rounds = [(n, folder_of(run.folder, n, EVAL)) for n in numbers]
    return [s for n, place in rounds if place.is_dir() for s in _of_attack(Run(place), str(run.folder), n)]


def _of_attack(run: Run, given: str, number: int | None) -> list[Source]:
    with run.store() as store:
        identity, judge, checks = store.config["identity"], attacked(store), store.get("checks")
        problems, finds = {p.id: p for p in store.problems()}, read_finds(store)
    if checks is None:
        raise UsageError(f"run {run.folder} stopped before its first result; run the same attack again to go on")
    by_attack = {name: [find for find in finds if find["attack"] == name] for name in identity["attacks"]}
    return [
        Source(
            run=given,
            round=number,
            judge=judge["name"],
            attack=name,
            finds=tuple((find["problem"], find["response"], find["shrunk"]) for find in mine),
            problems={find["problem"]: problems[find["problem"]] for find in mine},
            corpus=identity["corpus"],
            split=identity["split"],
            oracle=identity["oracle"],
            given=identity["judge"],
            fingerprint=judge["fingerprint"],
            threshold=checks["threshold"],
        )
        for name, mine in by_attack.items()
    ]


def own_judge(source: Source, *, raw: bool = False) -> Judge | str:
    """The judge that a source's finds were made on, by its name; a sentence that says why there is none.

    `raw` asks for the judge that was given to the run, before a threshold was fixed for it.
    """
    name = source.given if raw else source.judge
    if name.partition(":")[0] not in NAMED:
        return f"judge {name} was given in Python and has no name that opens it: its finds are not replayed on itself"
    try:
        judge = open_judge(name)
        if raw or judge.fingerprint == source.fingerprint:
            return judge
        judge = open_judge(with_option(name, "threshold", source.threshold))
    except UsageError as error:
        return f"judge {name} cannot be opened again ({error}): its finds are not replayed on itself"
    if judge.fingerprint == source.fingerprint:
        return judge
    return f"judge {name} is not what it was (weights, prompt or settings): its finds are not replayed on itself"
