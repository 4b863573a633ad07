"""`attack`: the whole of an attack run in one call, and `Run`: the folder that it leaves."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..corpora.corpus import Corpus, open_corpus
from ..corpora.errors import UsageError
from ..corpora.oracles import open_oracle
from ..corpora.records import SplitChoice
from ..judges.judge import Judge, open_judge
from . import checks
from .attacks import Attack, Proposals, open_attack
from .campaign import Budget, Campaign, Progress
from .gate import Gate
from .objective import GOAL_LEVELS, Goal, Objective
from .store import FINDS_FILE, REPORT_FILE, Store, write_atomically

#: Problems attacked unless another number is asked for.
PROBLEMS = 20

_VERSIONED = ("torch", "transformers", "peft", "numpy", "scipy")


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder. Everything that can be said of a run is read from there; no model is needed."""

    folder: Path

    def store(self) -> Store:
        """The run's database, for reading; close it (or use `with`)."""
        return Store.load(self.folder)

    @property
    def finds(self) -> list[dict[str, Any]]:
        """The finds, a dict each, with the fields of `finds.jsonl`."""
        with self.store() as store:
            return read_finds(store)

    @property
    def report_file(self) -> Path:
        return self.folder / REPORT_FILE


def load_run(folder: str | Path) -> Run:
    """The run in a folder.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    run = Run(Path(folder))
    run.store().close()
    return run


def attack(
    judge: str | Judge | Callable[..., Any],
    corpus: str | Corpus = "arithmetic",
    *,
    attacks: Sequence[str | Attack | Callable[..., Proposals]] = ("openers", "random"),
    problems: int | None = None,
    budget: int = 640,
    seed: int = 0,
    seeds: int = 1,
    goal: Goal = "accept",
    split: SplitChoice | None = None,
    shrink_budget: int = 400,
    out: str | Path | None = None,
    on_checks: Callable[[checks.Checks], None] = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Run:
    """Attack a judge and leave a run folder: the main path.

    The same call on the same folder goes on where it was stopped and pays for no verdict twice. Without `out` the
    folder is `runs/NAME`, with a name that follows from the settings. `problems` is by default `PROBLEMS`, or all of a
    smaller corpus; `split` is the corpus's own default.

    Raises:
        UsageError: a setting is wrong, or the folder cannot be used.
        JudgeError: the judge failed; what it said so far is kept.
    """
    limits = {"budget": budget, "seeds": seeds, "shrink_budget": shrink_budget}
    for name, value in limits.items():
        if value < 1:
            raise UsageError(f"{name} is {value}; write a whole number of at least 1")
    if seed < 0:
        raise UsageError(f"seed is {seed}; write a whole number of at least 0")
    if goal not in GOAL_LEVELS:
        raise UsageError(f"goal {goal!r} is unknown; write {' or '.join(GOAL_LEVELS)}")
    chosen = [open_attack(a) for a in attacks]
    if not chosen or len({a.name for a in chosen}) < len(chosen):
        raise UsageError(f"attacks {', '.join(a.name for a in chosen) or '(none)'}: name at least one, each once")
    source, part, count = _choose(corpus, problems, split, PROBLEMS)
    drawn = source.sample(count, split=part, seed=seed)
    judging = open_judge(judge)
    identity = {
        "judge": judging.name,
        "fingerprint": judging.fingerprint,
        "corpus": source.name,
        "oracle": source.oracle,
        "problem_count": count,
        "problems": hashlib.sha256(" ".join(p.id for p in drawn).encode()).hexdigest()[:16],
        "attacks": [a.name for a in chosen],
        "seed": seed,
        "seeds": seeds,
        "budget": budget,
        "shrink_budget": shrink_budget,
        "goal": goal,
        "split": part,
    }
    folder = Path(out) if out is not None else Path("runs") / default_name(identity)
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        store.rewind(drawn)
        gate = Gate(judging, open_oracle(source.oracle), store)
        clean = checks.run(gate, drawn)
        store.put("checks", clean.to_json())
        on_checks(clean)
        Campaign(
            gate,
            drawn,
            chosen,
            Objective(goal, clean.acclaim),
            seeds=range(seed, seed + seeds),
            budget=Budget(budget, shrink_budget),
            progress=progress,
        ).run()
        store.put("complete", True)
        lines = [json.dumps(find, ensure_ascii=False) + "\n" for find in read_finds(store)]
        write_atomically(folder / FINDS_FILE, "".join(lines))
    return Run(folder)


def check(
    judge: str | Judge | Callable[..., Any],
    corpus: str | Corpus = "arithmetic",
    *,
    problems: int | None = None,
    seed: int = 0,
) -> tuple[str, checks.Checks]:
    """A judge's name and how it does on clean responses; nothing is written.

    Raises:
        UsageError: a setting is wrong.
        JudgeError: the judge failed.
    """
    source, part, count = _choose(corpus, problems, None, checks.PROBLEMS)
    drawn = source.sample(count, split=part, seed=seed)
    judging = open_judge(judge)
    with Store.in_memory() as store:
        return judging.name, checks.run(Gate(judging, open_oracle(source.oracle), store), drawn)


def _choose(
    corpus: str | Corpus, problems: int | None, split: SplitChoice | None, default: int
) -> tuple[Corpus, SplitChoice, int]:
    """The corpus, the part of it to use, and how many problems: `default`, or all of a smaller corpus."""
    source = open_corpus(corpus) if isinstance(corpus, str) else corpus
    part = split if split is not None else source.default_split
    if problems is None:
        problems = min(default, source.size(part) or default)
    if problems < 1:
        raise UsageError(f"problems is {problems}; write a whole number of at least 1")
    return source, part, problems


def read_finds(store: Store) -> list[dict[str, Any]]:
    """All finds of a run, in the order in which they were made."""
    return [json.loads(record) for (record,) in store.db.execute("SELECT record FROM finds ORDER BY id")]


def default_name(identity: dict[str, Any]) -> str:
    """A folder name that says judge and corpus and differs for every other setting."""
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    words = f"{identity['judge']}-{identity['corpus']}"
    return "".join(c if c.isalnum() else "-" for c in words)[:60].strip("-") + f"-{key}"


def versions() -> dict[str, str]:
    """Versions of what a result may depend on."""
    from .. import __version__

    installed = {"hoodwink": __version__}
    for name in _VERSIONED:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
