"""All that decides what an attack run finds: settings with every name resolved, and the checks that they pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..corpora.corpus import Corpus, open_corpus, sample_up_to
from ..corpora.errors import UsageError
from ..corpora.identity import digest_of
from ..corpora.records import Problem, SplitChoice
from ..judges.judge import Judge, batch_of
from .attacks import Attack
from .campaign import Budget
from .constraints import Constraints
from .objective import GOAL_LEVELS, Goal
from .target import CorpusTarget, Sight

if TYPE_CHECKING:
    from ..judges.proposer import Proposer

#: Train problems that attacks over a corpus learn on.
LEARN = 16
#: The largest number of any setting.
MOST = 2**63 - 1


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
    acceptance: float | None = None
    calibration: tuple[Problem, ...] = ()

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
            "acceptance": self.acceptance,
            "calibration": digest_of_problems(self.calibration),
        }

    def sight(self) -> Sight:
        """What the attacks see.

        Raises:
            UsageError: an attack needs what the judge or the proposer does not have.
        """
        sight = Sight(self.judge, proposer=self._proposed(), constraints=self.constraints, budget=self.budget.search)
        for attack in self.attacks:
            if why := sight.lacks(attack.kind):
                raise UsageError(f"attack {attack.name} {why}; or leave the attack out")
        if self.constraints.max_perplexity is not None and sight.proposer is None:
            raise UsageError(
                f"max-perplexity needs a language model, which judge {self.judge.name} is not; "
                "give one with --proposer smollm2"
            )
        return sight

    def _proposed(self) -> Proposer | None:
        if self.proposer is None:
            return own_proposer(self.judge)
        if not isinstance(self.proposer, str):
            return self.proposer
        from ..judges.proposer import open_proposer

        return open_proposer(self.proposer)


def own_proposer(judge: Judge) -> Proposer | None:
    """A judge's own language model; one without a model has no use for torch either."""
    if not hasattr(judge, "model"):
        return None
    from ..judges.proposer import proposer_of

    return proposer_of(judge)


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


def check_numbers(**numbers: int) -> None:
    """Numbers are whole and at least 0.

    Raises:
        UsageError: one is not.
    """
    _at_least(0, numbers)


def check_counts(**counts: int) -> None:
    """Counts are whole and at least 1.

    Raises:
        UsageError: one is not.
    """
    _at_least(1, counts)


def _at_least(least: int, numbers: dict[str, int]) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int) or value < least:
            raise UsageError(f"{name} is {value!r:.40}; write a whole number of at least {least}")
        if value > MOST:  # what the store holds
            raise UsageError(f"{name} is {value!r:.40}; write a whole number under 2**63")


def attackable(problems: list[Problem]) -> list[Problem]:
    """The problems, each with a wrong response to start from."""
    for problem in problems:
        if not problem.wrong:
            raise UsageError(f"problem {problem.id} ({problem.question[:40]!r}) has no wrong response; give it one")
    return problems


def to_learn_on(source: Corpus, attacked: Sequence[Problem], attacks: Sequence[Attack], seed: int) -> list[Problem]:
    """Train problems for attacks over a corpus, none of them attacked; none where no attack needs any."""
    names = [a.name for a in attacks if a.kind is CorpusTarget]
    if not names:
        return []
    drawn = sample_up_to(source, LEARN + len(attacked), split="train", seed=seed)
    left = [p for p in drawn if p.id not in {a.id for a in attacked}][:LEARN]
    if not left:
        raise UsageError(
            f"attack {names[0]} learns on train problems, and corpus {source.name} has none besides those attacked; "
            "attack with --split eval, or leave the attack out"
        )
    return attackable(left)


def distinct(attacks: Sequence[Attack]) -> tuple[Attack, ...]:
    """The attacks, each of which must be given once."""
    names = [a.name for a in attacks]
    if not names:
        raise UsageError("no attacks are given; name at least one (hoodwink list attacks)")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"attack {name} is given {names.count(name)} times; give each once (seeds repeats them)")
    return tuple(attacks)


def known_goal(goal: str) -> Goal:
    """A goal by its name."""
    for known in GOAL_LEVELS:
        if goal == known:
            return known
    raise UsageError(f"goal {goal!r} is unknown; write {' or '.join(GOAL_LEVELS)}")


def how_many(problems: int | Sequence[Problem]) -> int:
    """How many problems are asked for, by their number or as a list.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(problems, int):
        return problems
    if isinstance(problems, Sequence) and all(isinstance(problem, Problem) for problem in problems):
        return len(problems)
    raise UsageError(f"problems is {problems!r:.40}; write a whole number, or give a list of Problem")


def drawn(
    corpus: str | Corpus,
    problems: int | Sequence[Problem] | None,
    split: SplitChoice | None,
    seed: int,
    *,
    default: int,
) -> tuple[Corpus, SplitChoice, list[Problem]]:
    """The corpus, the part of it to use, and the problems: those given, or so many, or `default`, or all of fewer.

    Raises:
        UsageError: the corpus does not hold so many, or one has no wrong response to start from.
    """
    source = open_corpus(corpus) if isinstance(corpus, str) else corpus
    if not isinstance(source, Corpus):
        raise UsageError(f"corpus is {source!r:.40}; give a name, such as arithmetic, or a Corpus")
    part = split if split is not None else source.default_split
    if problems is None:
        problems = min(default, source.size(part) or default)
    check_counts(problems=how_many(problems))
    if isinstance(problems, int):
        problems = source.sample(problems, split=part, seed=seed)
        check_counts(problems=len(problems))
    return source, part, attackable(list(problems))


def slug(words: str) -> str:
    """A name that any file system takes."""
    return "".join(c if c.isalnum() else "-" for c in words)[:60].strip("-")
