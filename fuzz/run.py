"""`attack`: the whole of an attack run in one call, and `Run`: the folder that it leaves."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..corpora.corpus import Corpus
from ..corpora.oracles import open_oracle
from ..corpora.records import Item, Problem, SplitChoice
from ..judges.judge import Judge
from ..judges.opening import open_judge
from . import checks
from .attacks import Attack, Proposals, open_attack
from .calibration import ACCEPTANCE, beside_a_check, calibrate, check_acceptance, to_calibrate_on, turn
from .campaign import Budget, Campaign, Progress
from .constraints import Constraints
from .gate import Gate
from .objective import Goal, Objective
from .settings import Settings, check_counts, check_numbers, distinct, drawn, known_goal, slug, to_learn_on
from .store import FINDS_FILE, REPORT_FILE, Store, write_atomically
from .target import Sight

if TYPE_CHECKING:
    from ..judges.proposer import Proposer

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
    attacks: Sequence[str | Attack | Callable[..., Proposals]] = ("auto",),
    problems: int | Sequence[Problem] | None = None,
    budget: int = 640,
    seed: int = 0,
    seeds: int = 1,
    goal: Goal = "accept",
    split: SplitChoice | None = None,
    shrink_budget: int = 400,
    constraints: Constraints | None = None,
    proposer: str | Proposer | None = None,
    acceptance: float | None = None,
    out: str | Path | None = None,
    on_checks: Callable[[checks.Checks], None] = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Run:
    """Attack a judge and leave a run folder: the main path.

    The same call on the same folder goes on where it was stopped and pays for no verdict twice. Without `out` the
    folder is `runs/NAME`, with a name that follows from the settings. `problems` is how many are drawn (by default
    `PROBLEMS`, or all of a smaller corpus), or which; `split` is the corpus's own default. With a `shrink_budget` of 0
    finds are left as they are. `proposer` names the language model that fluent attacks ask, by
    default the judge's own. With an `acceptance` (0.95, say) the judge is attacked not by its own decision but from the
    margin on from which it accepts that share of right answers to problems that are not attacked (`fuzz.calibration`).

    Raises:
        UsageError: a setting is wrong, or the folder cannot be used.
        JudgeError: the judge failed; what it said so far is kept.
    """
    settings = resolve(
        judge,
        corpus,
        attacks=attacks,
        problems=problems,
        budget=budget,
        seed=seed,
        seeds=seeds,
        goal=goal,
        split=split,
        shrink_budget=shrink_budget,
        constraints=constraints,
        proposer=proposer,
        acceptance=acceptance,
    )
    sight = settings.sight()
    identity = settings.identity()
    folder = Path(out) if out is not None else Path("runs") / default_name(identity)
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        _fill(store, settings, sight, on_checks, progress)
    return Run(folder)


def resolve(
    judge: str | Judge | Callable[..., Any],
    corpus: str | Corpus,
    *,
    attacks: Sequence[str | Attack | Callable[..., Proposals]],
    problems: int | Sequence[Problem] | None,
    budget: int,
    seed: int,
    seeds: int,
    goal: Goal,
    split: SplitChoice | None,
    shrink_budget: int,
    constraints: Constraints | None,
    proposer: str | Proposer | None,
    acceptance: float | None = None,
) -> Settings:
    """The settings of an attack, with every name resolved and every number checked; nothing is asked or written.

    Raises:
        UsageError: a setting is wrong.
    """
    check_numbers(seed=seed, shrink_budget=shrink_budget)
    check_counts(budget=budget, seeds=seeds)
    check_acceptance(acceptance)
    source, part, chosen = drawn(corpus, problems, split, seed, default=PROBLEMS)
    portfolio = distinct([open_attack(a) for a in attacks])
    return Settings(
        judge=open_judge(judge),
        corpus=source,
        split=part,
        problems=tuple(chosen),
        learn=tuple(to_learn_on(source, chosen, portfolio, seed)),
        attacks=portfolio,
        seeds=range(seed, seed + seeds),
        budget=Budget(budget, shrink_budget),
        goal=known_goal(goal),
        constraints=constraints or Constraints(),
        proposer=proposer,
        acceptance=acceptance,
        calibration=() if acceptance is None else tuple(to_calibrate_on(source, part, chosen)),
    )


def _fill(
    store: Store,
    settings: Settings,
    sight: Sight,
    on_checks: Callable[[checks.Checks], None],
    progress: Callable[[Progress], None],
) -> None:
    """Check the judge, run the campaign, write the finds; all of it lands in the store."""
    store.rewind(settings.problems)
    gate = Gate(settings.judge, open_oracle(settings.corpus.oracle), store)
    fixed = None
    if settings.acceptance is not None:
        fixed = turn(gate, settings.calibration, settings.acceptance)
        store.put("judge", {"name": gate.judge.name, "fingerprint": gate.judge.fingerprint})
    clean = checks.run(gate, settings.problems, calibration=fixed)
    store.put("checks", clean.to_json())
    on_checks(clean)
    objective = Objective(settings.goal, clean.acclaim)
    campaign = Campaign(
        gate,
        settings.problems,
        settings.attacks,
        objective,
        sight=sight,
        learn=settings.learn,
        seeds=settings.seeds,
        budget=settings.budget,
        progress=progress,
    )
    campaign.run()
    for (attack, seed), commons in campaign.commons.items():
        for kind, knowledge in commons.knowledge().items():
            write_atomically(store.folder / f"{kind}-{slug(attack)}-{seed}.json", json.dumps(knowledge))
    store.put("complete", True)
    lines = [json.dumps(find, ensure_ascii=False) + "\n" for find in read_finds(store)]
    write_atomically(store.folder / FINDS_FILE, "".join(lines))


def check(
    judge: str | Judge | Callable[..., Any],
    corpus: str | Corpus = "arithmetic",
    *,
    problems: int | None = None,
    seed: int = 0,
    acceptance: float | None = ACCEPTANCE,
    after: Callable[[Gate, Sequence[Problem]], None] = lambda gate, problems: None,
) -> tuple[str, checks.Checks]:
    """A judge's name and how it does on clean responses; nothing is written.

    Besides by its own decision it is measured from the margin on from which it accepts a share `acceptance` of right
    answers to other problems, where the corpus has any; None leaves that out. `after` is given the gate and the
    problems when the judge has been asked, and may ask more.

    Raises:
        UsageError: a setting is wrong.
        JudgeError: the judge failed.
    """
    check_numbers(seed=seed)
    check_acceptance(acceptance)
    source, part, chosen = drawn(corpus, problems, None, seed, default=checks.PROBLEMS)
    judging = open_judge(judge)
    others = beside_a_check(source, part, chosen) if acceptance is not None else []
    with Store.in_memory() as store:
        gate = Gate(judging, open_oracle(source.oracle), store)
        fixed = calibrate(gate, others, acceptance) if acceptance is not None and others else None
        found = checks.run(gate, chosen, calibration=fixed, full=True)
        after(gate, chosen)
        return judging.name, found


def attacked(store: Store) -> dict[str, str]:
    """Name and fingerprint of the judge that a run attacked: another one than it was given, where it fixed a threshold.

    Under this fingerprint the store has its verdicts. Runs of older versions fixed none.
    """
    identity = store.config["identity"]
    return store.get("judge") or {"name": identity["judge"], "fingerprint": identity["fingerprint"]}


def items_of(run: Run) -> list[Item]:
    """The finds of a run as items, in the order in which they were made: what a judge is hardened on."""
    with run.store() as store:
        problems = {p.id: p for p in store.problems()}
        return [Item(problems[find["problem"]], find["response"]) for find in read_finds(store)]


def read_finds(store: Store) -> list[dict[str, Any]]:
    """All finds of a run, in the order in which they were made."""
    return [json.loads(record) for (record,) in store.db.execute("SELECT record FROM finds ORDER BY id")]


def default_name(identity: dict[str, Any]) -> str:
    """A folder name that says judge and corpus and differs for every other setting."""
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    return f"{slug(identity['judge'] + '-' + identity['corpus'])}-{key}"


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
