"""Which finds of a run are exported, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from ...corpora.errors import UsageError
from ...corpora.names import nearest
from ...corpora.records import Problem, SplitChoice
from ...fuzz.kinds import KINDS
from ...fuzz.rounds import EVAL, HELD_OUT, TRAIN, folder_of
from ...fuzz.run import Run, attacked, read_finds
from ...fuzz.store import Store, verdict_key
from ...judges.opening import NAMED, with_option
from ..reading import reading

Which = Literal["all", "minimal", "acclaimed"]
Forms = Literal["found", "shrunk", "both"]


@dataclass(frozen=True, slots=True)
class Picking:
    """What is asked for; see `export`.

    Raises:
        UsageError: an unknown choice, or a limit under 1.
    """

    which: Which = "all"
    kinds: tuple[str, ...] = KINDS
    split: SplitChoice = "all"
    limit: int | None = None

    def __post_init__(self) -> None:
        known(self.which, get_args(Which), "choice of finds")
        known(self.split, get_args(SplitChoice), "split")
        for kind in self.kinds:
            known(kind, KINDS, "kind of find")
        if not self.kinds:
            raise UsageError(f"kinds is empty; name at least one kind of find: {', '.join(KINDS)}")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"limit is {self.limit}; ask for 1 or more finds")

    def takes(self, case: Case) -> bool:
        """Whether a find is asked for."""
        find = case.find
        fits = {"all": True, "minimal": find["minimal"], "acclaimed": find["level"] == "acclaimed"}[self.which]
        return fits and find["kind"] in self.kinds and self.split in ("all", case.problem.split)

    def __str__(self) -> str:
        asked = {"which": self.which, "kinds": ",".join(self.kinds), "split": self.split}
        usual = {"which": "all", "kinds": ",".join(KINDS), "split": "all"}
        return " ".join(f"--{name} {value!r}" for name, value in asked.items() if value != usual[name])


@dataclass(frozen=True, slots=True)
class Case:
    """A find with what its use elsewhere needs.

    Attributes:
        find: the line of `finds.jsonl`.
        problem: what it was found on.
        right: right responses of the problem, those first that the judge accepted.
        round, part: where in a duel it was found (`rounds/ROUND/PART`); None in an attack run.
    """

    find: dict[str, Any]
    problem: Problem
    right: tuple[str, ...]
    round: int | None = None
    part: str | None = None


class Text(NamedTuple):
    """One text that fooled the judge: a find's as it was found, or its shrunk form."""

    case: Case
    form: Literal["found", "shrunk"]
    text: str


@dataclass(frozen=True, slots=True)
class Picked:
    """The finds to be exported, and the run: its folder, the judge that it began with, and whether it is complete.

    `judge` is None where no name opens it (a function given in Python).
    """

    folder: Path
    judge: str | None
    complete: bool
    cases: tuple[Case, ...]

    def texts(self, forms: Forms) -> list[Text]:
        """The texts of these forms, each once a problem.

        Raises:
            UsageError: there are no such forms.
        """
        known(forms, get_args(Forms), "form of finds")
        every = [Text(case, "found", case.find["response"]) for case in self.cases]
        small = [Text(case, "shrunk", case.find["shrunk"]) for case in self.cases]
        pairs = {"found": zip(every), "shrunk": zip(small), "both": zip(every, small, strict=True)}[forms]
        once: dict[tuple[str, str], Text] = {}
        for text in (text for pair in pairs for text in pair):
            once.setdefault((text.case.problem.id, text.text), text)
        return list(once.values())


def known(name: str, names: Sequence[str], kind: str) -> None:
    """Refuse a name that is not among those that are known.

    Raises:
        UsageError: it is not.
    """
    if name not in names:
        raise nearest(str(name), names, kind)


def pick(run: Run, asked: Picking) -> Picked:
    """The finds of an attack run or a duel that are asked for.

    Raises:
        UsageError: it has none, is of another kind, or is damaged.
    """
    with reading(run) as store:
        identity, complete = store.config["identity"], bool(store.get("complete"))
        every = list(_cases(run, identity))
        cases: dict[tuple[str, str], Case] = {}
        for case in filter(asked.takes, every):
            cases.setdefault((case.problem.id, case.find["response"]), case)
        first = folder_of(run.folder, 1, EVAL) if identity.get("kind") == "duel" else run.folder
        judge = _name(first) if every else None
    if not every:
        raise UsageError(f"run {run.folder} has no finds; attack with a larger --budget, or export another run")
    if not cases:
        raise UsageError(f"none of the {len(every)} finds of run {run.folder} fits {asked}; ask for less")
    return Picked(run.folder, judge, complete, tuple(cases.values())[: asked.limit])


def _cases(run: Run, identity: dict[str, Any]) -> Iterator[Case]:
    """All finds of a run, in the order in which they were made."""
    kind = identity.get("kind", "attack")
    if kind == "attack":
        yield from _attack(run)
    elif kind == "duel":
        yield from _duel(run.folder)
    elif kind == "recipes":
        raise UsageError(f"run {run.folder} compares recipes; export the duel of one: {run.folder / 'NAME'}")
    else:
        raise UsageError(f"run {run.folder} is a {kind!r:.40}, which has no finds; export an attack run or a duel")


def _duel(folder: Path) -> Iterator[Case]:
    numbers = sorted(int(path.name) for path in (folder / "rounds").glob("*") if path.name.isdecimal())
    for number in numbers:
        for part in (EVAL, HELD_OUT, TRAIN):
            place = folder_of(folder, number, part)
            if place.is_dir():
                yield from _attack(Run(place), number, part)


def _attack(run: Run, number: int | None = None, part: str | None = None) -> Iterator[Case]:
    with run.store() as store:
        fingerprint = attacked(store)["fingerprint"]
        problems = {p.id: p for p in store.problems()}
        finds = read_finds(store)
        right = {p: _right(store, fingerprint, problems[p]) for p in {find["problem"] for find in finds}}
    for find in finds:
        yield Case(find, problems[find["problem"]], right[find["problem"]], number, part)


def _name(folder: Path) -> str | None:
    """The name that opens the judge of an attack run; None where no name does (a function given in Python).

    A threshold that was given beside the name becomes part of it. A judge of the user's may have one of its own: then
    it has the same again.
    """
    with Run(folder).store() as store:
        name = attacked(store)["name"]
        threshold: float = store.get("checks")["threshold"]
    kind = name.split(":")[0]
    if kind not in NAMED:
        return None
    return (
        name
        if threshold == 0.5 or kind in ("python", "planted", "calibrated")
        else with_option(name, "threshold", threshold)
    )


def _right(store: Store, judge: str, problem: Problem) -> tuple[str, ...]:
    """The right responses of a problem, those first that the judge accepted when it was checked."""
    keys = {r.text: verdict_key(judge, problem.id, 0, r.text) for r in problem.right}
    said = store.find_verdicts(list(keys.values()))
    accepted = {text for text, key in keys.items() if key in said and said[key].verdict.accepted}
    return tuple(sorted(keys, key=lambda text: text not in accepted))
