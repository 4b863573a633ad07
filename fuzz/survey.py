"""A survey: many judges, each checked and attacked in the same way, each in a run of its own under one folder."""

from __future__ import annotations

import gc
import hashlib
import os
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..corpora.corpus import Corpus
from ..corpora.errors import JudgeError, UsageError
from ..corpora.records import Problem, SplitChoice
from ..judges.judge import Forgets, Judge
from ..judges.opening import open_judge
from .attacks import Attack, Proposals, open_attack
from .campaign import Progress
from .forecast import Forecast, of_attack
from .run import Run, attack, resolve, versions
from .settings import slug
from .store import CONFIG_FILE, Store

#: What every judge is attacked with unless other attacks are asked for.
ATTACKS = ("openers", "random", "auto")

#: What a survey is asked about: names, objects or functions, or these by a label each.
Judges = Sequence[str | Judge | Callable[..., Any]] | Mapping[str, str | Judge | Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A judge of a survey, as its folder keeps it.

    Attributes:
        label: what the table calls it.
        name: of the judge, or what was asked for where it could not be opened.
        folder: of its run, under that of the survey.
        attacks: those that it was attacked with.
        lacks: the others, each with the reason.
    """

    label: str
    name: str
    folder: str
    attacks: tuple[str, ...] = ()
    lacks: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "label": self.label,
            "name": self.name,
            "folder": self.folder,
            "attacks": list(self.attacks),
            "lacks": dict(self.lacks or {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entrant:
        """Rebuild what `to_json` wrote."""
        return cls(data["label"], data["name"], data["folder"], tuple(data["attacks"]), dict(data["lacks"]))


class Watch(NamedTuple):
    """Who is told how far a survey is: a judge is opened to see that it can be (its place from 1, of so many); then a
    judge begins, its attack goes on, it ends.

    What ends is told with the line that says why it failed, empty if it did not, and the seconds that it took.
    """

    open: Callable[[str, int, int], None] = lambda label, place, total: None
    begin: Callable[[Entrant, int, int], None] = lambda entrant, place, total: None
    attack: Callable[[Progress], None] = lambda progress: None
    end: Callable[[Entrant, str, float], None] = lambda entrant, error, seconds: None


@dataclass(frozen=True, slots=True)
class Place:
    """A judge that is to be asked.

    Attributes:
        given: how it is opened again; an object that has no name is itself.
        entrant: as the folder keeps it.
        identity: of its run; None where opening it failed.
        forecast: what its run asks at most.
        error: why it failed when it was opened.
    """

    given: str | Judge | Callable[..., Any]
    entrant: Entrant
    identity: Mapping[str, Any] | None = None
    forecast: Forecast | None = None
    error: str = ""


def survey(
    judges: Judges,
    corpus: str | Corpus = "arithmetic",
    *,
    attacks: Sequence[str | Attack | Callable[..., Proposals]] = ATTACKS,
    problems: int | Sequence[Problem] | None = None,
    budget: int = 640,
    seed: int = 0,
    seeds: int = 1,
    split: SplitChoice | None = None,
    shrink_budget: int = 0,
    proposer: str | None = None,
    acceptance: float | None = None,
    out: str | Path = "runs/survey",
    watch: Watch | None = None,
) -> Run:
    """Check and attack many judges on the same problems, with the same attacks and budget.

    `judges` are names, objects or functions, or a mapping of labels to these. The run of each is in a folder of its own
    under `out`, and like any other; the settings are those of `attack`. With an `acceptance` (0.95, say) every judge is
    attacked from the threshold on from which it accepts that share of right answers to other problems.

    A judge that fails is passed over, with the reason kept. The same call on the same folder goes on where it was
    stopped, and tries again what failed; with more judges it asks those that are new.

    Raises:
        UsageError: a setting is wrong, a judge cannot be opened or is given twice, or the folder cannot be used;
            nothing has been asked then.
    """
    told = watch or Watch()
    settings = _whole(
        attacks=attacks,
        problems=problems,
        budget=budget,
        seed=seed,
        seeds=seeds,
        split=split,
        shrink_budget=shrink_budget,
        proposer=proposer,
        acceptance=acceptance,
    )
    folder = Path(out)
    lineup = line_up(judges, corpus, folder, settings, told)
    identity = _identity(lineup, settings)
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        store.put("complete", False)
        store.put("entrants", [each.entrant.to_json() for each in lineup])
        store.put("failed", {each.entrant.folder: each.error for each in lineup if each.error})
        for place, each in enumerate(lineup, 1):
            told.begin(each.entrant, place, len(lineup))
            started = time.monotonic()
            there = not each.error and _is_complete(folder / each.entrant.folder)
            error = each.error or ("" if there else _ask(each, corpus, folder, settings, told))
            if error:
                store.put("failed", {**store.get("failed"), each.entrant.folder: error})
            elif not there:  # else it ran where an earlier call did
                store.put("machines", {**(store.get("machines") or {}), each.entrant.folder: machine()})
            told.end(each.entrant, error, time.monotonic() - started)
        store.put("complete", True)
    return Run(folder)


def foretell(
    judges: Judges, corpus: str | Corpus = "arithmetic", *, out: str | Path = "runs/survey", **settings: Any
) -> dict[str, Forecast]:
    """What the run of each judge asks at most, by its label; `settings` are those of `survey`, all of them.

    Raises:
        UsageError: as `survey`.
    """
    lineup = line_up(judges, corpus, Path(out), _whole(**settings), Watch())
    return {each.entrant.label: each.forecast for each in lineup if each.forecast}


def _whole(*, attacks: Sequence[str | Attack | Callable[..., Proposals]], **settings: Any) -> dict[str, Any]:
    """The settings as `attack` takes them, with those that a survey has no say in."""
    return {"attacks": [open_attack(a) for a in attacks], **settings, "goal": "accept", "constraints": None}


def line_up(
    judges: Judges, corpus: str | Corpus, folder: Path, settings: Mapping[str, Any], told: Watch
) -> list[Place]:
    """The judges, each opened once to see that it can be, that its run can go on, and which attacks it allows.

    Models are let go at once: only one is held in memory at a time.

    Raises:
        UsageError: there are none, one is given twice or cannot be opened, or a folder holds another run.
    """
    if not isinstance(judges, Sequence | Mapping) or isinstance(judges, str):
        raise UsageError(f"judges are {judges!r:.40}; give a list of them, or a mapping of labels to them")
    labelled = list(judges.items()) if isinstance(judges, Mapping) else [("", judge) for judge in judges]
    if not labelled:
        raise UsageError("no judges are given; name at least one (hoodwink list judges)")
    for label, _ in labelled:
        if not isinstance(label, str):
            raise UsageError(f"label {label!r:.40} is no text; give each judge a label in quotes")
    lineup: list[Place] = []
    for place, (label, given) in enumerate(labelled, 1):
        told.open(label or str(given), place, len(labelled))
        lineup.append(_entered(label, given, corpus, folder, settings))
        _let_go()
    for what in ("folder", "label"):
        seen = [getattr(each.entrant, what) for each in lineup]
        for each, value in zip(lineup, seen, strict=True):
            if seen.count(value) > 1:
                twice = f"judge {each.entrant.name}" if what == "folder" else f"label {value!r}"
                raise UsageError(f"{twice} is given {seen.count(value)} times; give each judge and label once")
    if not any(each.identity for each in lineup):
        raise JudgeError(f"no judge could be opened; the first: {lineup[0].error}")
    return lineup


def _entered(
    label: str,
    given: str | Judge | Callable[..., Any],
    corpus: str | Corpus,
    folder: Path,
    settings: Mapping[str, Any],
) -> Place:
    """A judge as it takes part; one whose server or model fails when it is opened takes part with that line."""
    try:
        judge = open_judge(given)
    except JudgeError as error:
        name = str(given)
        return Place(given, Entrant(label or name, name, folder_name(name)), error=" ".join(str(error).split()))
    resolved = resolve(judge, corpus, **settings)
    sight = replace(resolved, attacks=()).sight()
    lacks = {a.name: why for a in resolved.attacks if (why := sight.lacks(a.kind))}
    able = tuple(a for a in resolved.attacks if a.name not in lacks)
    if not able:
        raise UsageError(f"no attack can be run on judge {judge.name}: {next(iter(lacks.values()))}")
    resolved = replace(resolved, attacks=able)
    entrant = Entrant(label or judge.name, judge.name, folder_name(judge.name), tuple(a.name for a in able), lacks)
    own = folder / entrant.folder
    if (own / CONFIG_FILE).exists():  # refuses what cannot go on, and changes nothing
        Store.create(own, {"identity": resolved.identity(), "versions": versions()}).close()
    again = given if isinstance(given, str) else judge
    return Place(again, entrant, resolved.identity(), of_attack(resolved))


def _ask(each: Place, corpus: str | Corpus, folder: Path, settings: Mapping[str, Any], told: Watch) -> str:
    """The run of a judge; why it failed, if it did."""
    judge: Judge | None = None
    try:
        judge = open_judge(each.given)
        chosen = [a for a in settings["attacks"] if a.name in each.entrant.attacks]
        attack(judge, corpus, **{**settings, "attacks": chosen}, out=folder / each.entrant.folder, progress=told.attack)
        if isinstance(judge, Forgets):
            judge.forget()
    except JudgeError as error:
        return " ".join(str(error).split())
    finally:
        judge = None
        _let_go()
    return ""


def _is_complete(folder: Path) -> bool:
    """Whether a run is there and has been carried through; that it is the one asked for has been seen before."""
    if not (folder / CONFIG_FILE).exists():
        return False
    with Store.load(folder) as store:
        return bool(store.get("complete"))


def _let_go() -> None:
    """Give the memory of a model back now: the paths of its cache hold one another."""
    gc.collect()


def _identity(lineup: Sequence[Place], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a folder must agree on for a survey to go on in it: all but the judges, of which there may be more."""
    own = next(each.identity for each in lineup if each.identity)
    kept = ("corpus", "oracle", "split", "problem_count", "problems", "seed", "seeds", "budget", "shrink_budget",
            "goal", "proposer", "acceptance", "calibration")  # fmt: skip
    return {"kind": "survey", "attacks": [a.name for a in settings["attacks"]], **{name: own[name] for name in kept}}


def machine() -> dict[str, Any]:
    """What verdicts a second depend on; threads are torch's, where a judge has loaded it."""
    torch = sys.modules.get("torch")
    return {"cores": os.cpu_count(), "threads": None if torch is None else int(torch.get_num_threads())}


def folder_name(judge: str) -> str:
    """The folder of a judge's run: its name as far as a file system takes it, and a hash of all of it."""
    key = hashlib.sha256(judge.encode("utf-8", "replace")).hexdigest()[:6]
    return f"{slug(judge)[:40].strip('-') or 'judge'}-{key}"


def read_judges(file: str | Path) -> dict[str, str]:
    """Judges by their labels, from a file: TOML with tables `[[judge]]` of `name` and `label`, or a name a line.

    In TOML a label may be left out; then it is the name, as it is in a file of lines. Behind `#` stands a comment: in
    a file of lines only where the line begins with it.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    path = Path(file)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8"
        raise UsageError(f"judges {path} cannot be read: {why}; give a TOML file or one with a name a line") from error
    if path.suffix.lower() == ".toml":
        pairs = _from_toml(path, text)
    else:
        lines = [line.strip() for line in text.splitlines()]
        pairs = [(line, line) for line in lines if line and not line.startswith("#")]
    if not pairs:
        raise UsageError(f"judges {path} names no judge; write a name on a line of its own")
    labels = [label for label, _ in pairs]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"judges {path}: {label!r} is there {labels.count(label)} times; give each a label once")
    return dict(pairs)


def _from_toml(path: Path, text: str) -> list[tuple[str, str]]:
    """Labels and names of the tables in a file."""
    example = 'write [[judge]], and in it name = "referee" and perhaps label = "our judge"'
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"judges {path} is no TOML: {error}") from error
    tables = data.get("judge")
    if set(data) - {"judge"} or not isinstance(tables, list):
        raise UsageError(f"judges {path} has {', '.join(map(repr, data)) or 'nothing'} in it; {example}")
    pairs = []
    for table in tables:
        known = isinstance(table, dict) and set(table) <= {"name", "label"} and "name" in table
        if not known or not all(isinstance(value, str) and value for value in table.values()):
            raise UsageError(f"judges {path}: {table!r:.80} is no judge; {example}")
        pairs.append((table.get("label", table["name"]), table["name"]))
    return pairs
