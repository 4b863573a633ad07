"""`attack`: the whole of an attack run in one call, and `Run`: the folder that it leaves."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..corpora.corpus import Corpus, open_corpus
from ..corpora.errors import UsageError
from ..corpora.identity import digest_of
from ..corpora.oracles import open_oracle
from ..corpora.records import Item, Problem, SplitChoice
from ..judges.judge import Judge, batch_of, open_judge
from . import checks
from .attacks import Attack, Proposals, open_attack
from .campaign import Budget, Campaign, Progress
from .constraints import Constraints
from .gate import Gate
from .objective import GOAL_LEVELS, Goal, Objective
from .store import FINDS_FILE, REPORT_FILE, Store, write_atomically
from .target import CorpusTarget, Sight

if TYPE_CHECKING:
    from ..judges.proposer import Proposer

#: Problems attacked unless another number is asked for.
PROBLEMS = 20
#: Train problems that attacks over a corpus learn on.
LEARN = 16

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
    problems: int | None = None,
    budget: int = 640,
    seed: int = 0,
    seeds: int = 1,
    goal: Goal = "accept",
    split: SplitChoice | None = None,
    shrink_budget: int = 400,
    constraints: Constraints | None = None,
    proposer: str | Proposer | None = None,
    out: str | Path | None = None,
    on_checks: Callable[[checks.Checks], None] = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Run:
    """Attack a judge and leave a run folder: the main path.

    The same call on the same folder goes on where it was stopped and pays for no verdict twice. Without `out` the
    folder is `runs/NAME`, with a name that follows from the settings. `problems` is by default `PROBLEMS`, or all of a
    smaller corpus; `split` is the corpus's own default. `proposer` names the language model that fluent attacks ask, by
    default the judge's own.

    Raises:
        UsageError: a setting is wrong, or the folder cannot be used.
        JudgeError: the judge failed; what it said so far is kept.
    """
    source, part, count = _choose(corpus, problems, split, PROBLEMS)
    check_numbers(budget=budget, seeds=seeds, shrink_budget=shrink_budget, seed=seed)
    chosen = attackable(source.sample(count, split=part, seed=seed))
    portfolio = _distinct([open_attack(a) for a in attacks])
    settings = Settings(
        judge=open_judge(judge),
        corpus=source,
        split=part,
        problems=tuple(chosen),
        learn=tuple(_to_learn_on(source, chosen, portfolio, seed)),
        attacks=portfolio,
        seeds=range(seed, seed + seeds),
        budget=Budget(budget, shrink_budget),
        goal=_known(goal),
        constraints=constraints or Constraints(),
        proposer=proposer,
    )
    sight = settings.sight()
    identity = settings.identity()
    folder = Path(out) if out is not None else Path("runs") / default_name(identity)
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        _fill(store, settings, sight, on_checks, progress)
    return Run(folder)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides what a run finds, with every name resolved."""

    judge: Judge
    corpus: Corpus
    split: SplitChoice
    problems: tuple[Problem, ...]
    learn: tuple[Problem, ...]
    attacks: tuple[Attack, ...]
    seeds: range
    budget: Budget
    goal: Goal
    constraints: Constraints
    proposer: str | Proposer | None

    def identity(self) -> dict[str, Any]:
        """The same in plain values: what a folder must agree on for a run to go on in it."""
        return {
            "judge": self.judge.name,
            "fingerprint": self.judge.fingerprint,
            "batch": batch_of(self.judge),
            "corpus": self.corpus.name,
            "oracle": self.corpus.oracle,
            "split": self.split,
            "problem_count": len(self.problems),
            "problems": digest_of_problems(self.problems),
            "learn": digest_of_problems(self.learn),
            "attacks": [a.name for a in self.attacks],
            "attack_code": [digest_of(partial(a.function, **a.options)) for a in self.attacks],
            "attack_files": [_digest_of_files(a) for a in self.attacks],
            "seed": self.seeds.start,
            "seeds": len(self.seeds),
            "budget": self.budget.search,
            "shrink_budget": self.budget.shrink,
            "goal": self.goal,
            "constraints": self.constraints.to_json(),
            "proposer": self.proposer if isinstance(self.proposer, str | None) else self.proposer.name,
        }

    def sight(self) -> Sight:
        """What the attacks see.

        Raises:
            UsageError: an attack needs what the judge or the proposer does not have.
        """
        sight = Sight(self.judge, proposer=self._proposer(), constraints=self.constraints, budget=self.budget.search)
        for attack in self.attacks:
            if why := sight.lacks(attack.kind):
                raise UsageError(f"attack {attack.name} {why}; or leave the attack out")
        if self.constraints.max_perplexity is not None and sight.proposer is None:
            raise UsageError(
                f"max-perplexity needs a language model, which judge {self.judge.name} is not; "
                "give one with --proposer smollm2"
            )
        return sight

    def _proposer(self) -> Proposer | None:
        if not isinstance(self.proposer, str | None):
            return self.proposer
        if self.proposer is None and not hasattr(self.judge, "model"):
            return None  # a judge without a model has no use for torch either
        from ..judges.proposer import open_proposer, proposer_of

        return proposer_of(self.judge) if self.proposer is None else open_proposer(self.proposer)


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
    clean = checks.run(gate, settings.problems)
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
            write_atomically(store.folder / f"{kind}-{_slug(attack)}-{seed}.json", json.dumps(knowledge))
    store.put("complete", True)
    lines = [json.dumps(find, ensure_ascii=False) + "\n" for find in read_finds(store)]
    write_atomically(store.folder / FINDS_FILE, "".join(lines))


def digest_of_problems(problems: Sequence[Problem]) -> str:
    """A hash of all that problems hold; empty without any."""
    records = json.dumps([p.to_json() for p in problems])
    return hashlib.sha256(records.encode()).hexdigest()[:16] if problems else ""


def _digest_of_files(attack: Attack) -> str:
    """A hash of the files that an attack's options name; empty where they name none.

    Raises:
        UsageError: a file cannot be read.
    """
    files = [value for value in attack.options.values() if isinstance(value, Path)]
    try:
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16] if files else ""
    except OSError as error:
        raise UsageError(f"attack {attack.name} names a file that cannot be read: {error.strerror or error}") from error


def check_numbers(*, seed: int = 0, **counts: int) -> None:
    """Seeds are at least 0 and counts at least 1."""
    for name, value, least in [("seed", seed, 0), *((n, c, 1) for n, c in counts.items())]:
        if value < least:
            raise UsageError(f"{name} is {value}; write a whole number of at least {least}")


def attackable(problems: list[Problem]) -> list[Problem]:
    """The problems, each with a wrong response to start from."""
    for problem in problems:
        if not problem.wrong:
            raise UsageError(f"problem {problem.id} ({problem.question[:40]!r}) has no wrong response; give it one")
    return problems


def _to_learn_on(source: Corpus, attacked: Sequence[Problem], attacks: Sequence[Attack], seed: int) -> list[Problem]:
    """Train problems for attacks over a corpus, none of them attacked; none where no attack needs any."""
    names = [a.name for a in attacks if a.kind is CorpusTarget]
    if not names:
        return []
    size = source.size("train")
    wanted = LEARN + len(attacked)
    drawn = source.sample(wanted if size is None else min(wanted, size), split="train", seed=seed)
    left = [p for p in drawn if p.id not in {a.id for a in attacked}][:LEARN]
    if not left:
        raise UsageError(
            f"attack {names[0]} learns on train problems, and corpus {source.name} has none besides those attacked; "
            "attack with --split eval, or leave the attack out"
        )
    return attackable(left)


def _distinct(attacks: Sequence[Attack]) -> tuple[Attack, ...]:
    names = [a.name for a in attacks]
    if not names:
        raise UsageError("no attacks are given; name at least one (hoodwink list attacks)")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"attack {name} is given {names.count(name)} times; give each once (seeds repeats them)")
    return tuple(attacks)


def _known(goal: str) -> Goal:
    for known in GOAL_LEVELS:
        if goal == known:
            return known
    raise UsageError(f"goal {goal!r} is unknown; write {' or '.join(GOAL_LEVELS)}")


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
    check_numbers(seed=seed)
    source, part, count = _choose(corpus, problems, None, checks.PROBLEMS)
    drawn = attackable(source.sample(count, split=part, seed=seed))
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
    check_numbers(problems=problems)
    return source, part, problems


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
    return f"{_slug(identity['judge'] + '-' + identity['corpus'])}-{key}"


def _slug(words: str) -> str:
    """A name that any file system takes."""
    return "".join(c if c.isalnum() else "-" for c in words)[:60].strip("-")


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
