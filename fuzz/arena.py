"""What decides a duel: judge, problems, attacks and recipe, with every name resolved and checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from ..corpora.corpus import Corpus, open_corpus, sample_up_to
from ..corpora.errors import UsageError
from ..corpora.identity import digest_of
from ..corpora.records import Problem, Split
from ..judges.ensemble import Ensemble
from ..judges.hardening import Hardening, open_hardening
from ..judges.judge import Judge, TrainableJudge, batch_of
from ..judges.opening import defended, open_judge
from .attacks import Attack, Proposals, open_attack
from .constraints import Constraints
from .objective import Goal
from .settings import attackable, check_counts, check_numbers, digest_of_problems, distinct, known_goal
from .target import CorpusTarget, ProposerTarget, Sight

#: `eval` problems on whose known responses every judge of a duel is measured, and the seed that draws them.
CLEAN, CLEAN_SEED = 48, 1_000_003

#: Seeds of rounds lie this far apart, and those of duels so many rounds.
APART, MOST = 100, 1_000


Attacks = Sequence[str | Attack | Callable[..., Proposals]]


@dataclass(frozen=True)
class Plan:
    """A duel with every name resolved.

    Attributes:
        judge: the first judge.
        corpus: where problems come from; it must have a `train` and an `eval` split.
        rounds: how many judges are attacked. Not part of the identity: a duel may be taken further.
        recipe: how judges are retrained.
        attacks: the portfolio on `eval` problems, whose ASR is the adaptive one.
        train_attacks: what searches `train` problems for examples.
        held_out: families of attacks that are never trained on.
        problems: `eval` problems of each round.
        train_problems: `train` problems of each round.
        seeds: searches of each `eval` problem by the portfolio; all others get one.
        held_out_problems: so many of the `eval` problems are attacked by `held_out` too.
        budget: queries for each problem and attack; `held_out_budget` of the held-out ones.
        shrink_budget: queries for shrinking a find on an `eval` problem; finds to train on are left as they are.
        seed: everything follows from it.
    """

    judge: TrainableJudge
    corpus: Corpus
    rounds: int
    recipe: Hardening
    attacks: tuple[Attack, ...]
    train_attacks: tuple[Attack, ...]
    held_out: tuple[Attack, ...]
    problems: int
    train_problems: int
    seeds: int
    held_out_problems: int
    budget: int
    held_out_budget: int
    shrink_budget: int
    goal: Goal
    constraints: Constraints
    seed: int

    def seed_of(self, number: int) -> int:
        """The seed of a round's attacks and training."""
        return (self.seed * MOST + number) * APART

    def problems_of(self, number: int, split: Split) -> list[Problem]:
        """The problems of a round in one split: no two rounds share any.

        Raises:
            UsageError: the corpus does not hold so many.
        """
        each = self.problems if split == "eval" else self.train_problems
        size = self.corpus.size(split)
        if size is not None and size < number * each:
            raise UsageError(
                f"corpus {self.corpus.name} has {size} {split} problems, and round {number} of a duel needs "
                f"{number} times {each}; ask for fewer rounds or problems"
            )
        return attackable(self.corpus.sample(number * each, split=split, seed=self.seed)[-each:])

    @cached_property
    def clean(self) -> list[Problem]:
        """The problems on whose known responses every judge is measured."""
        return sample_up_to(self.corpus, CLEAN, split="eval", seed=CLEAN_SEED)

    def check(self) -> None:
        """Find out what would fail in a later round before the first begins.

        Raises:
            UsageError: too few problems, or a held-out family that is also trained on.
        """
        if self.seeds > APART or self.rounds > MOST or self.seed_of(self.rounds + 1) >= 1 << 63:
            raise UsageError(
                f"seed {self.seed} with {self.seeds} seeds and {self.rounds} rounds is out of range; "
                f"write a seed under {(1 << 63) // (APART * MOST)}, at most {APART} seeds and {MOST} rounds"
            )
        self.problems_of(self.rounds, "eval")
        if self.recipe.finds and self.rounds > 1:
            self.problems_of(self.rounds - 1, "train")
        if self.rounds > 1 and self.corpus.size("train") == 0:
            raise UsageError(f"corpus {self.corpus.name} has no train problems, which judges are retrained on")
        if self.recipe.ensemble or (self.recipe.defence and self.rounds > 1):
            self._check_around()
        trained = {family for attack in self.train_attacks for family in families(attack)}
        for attack in self.held_out:
            for family in families(attack):
                if family in trained and self.recipe.finds:
                    raise UsageError(
                        f"attack {family} is held out and trained on; leave it out of one of both "
                        f"(--held-out {','.join(a.name for a in self.held_out)})"
                    )

    def _check_around(self) -> None:
        """A defence that cannot be made, and attacks that need what it or an ensemble lacks, would fail in round 2."""
        around: Judge = Ensemble([self.judge]) if self.recipe.ensemble else self.judge
        sight = Sight(defended(self.recipe.defence, around) if self.recipe.defence else around, budget=self.budget)
        for attack in (*self.attacks, *self.train_attacks, *self.held_out):
            if attack.kind not in (ProposerTarget, CorpusTarget) and (why := sight.lacks(attack.kind)):
                raise UsageError(f"attack {attack.name} {why}; leave it out of recipe {self.recipe.name}")

    def identity(self) -> dict[str, Any]:
        """What a folder must agree on for the duel to go on in it."""
        attacks = {"attacks": self.attacks, "train_attacks": self.train_attacks, "held_out": self.held_out}
        return {
            "kind": "duel",
            "judge": self.judge.name,
            "fingerprint": self.judge.fingerprint,
            "batch": batch_of(self.judge),
            "corpus": self.corpus.name,
            "oracle": self.corpus.oracle,
            "clean": digest_of_problems(self.clean),
            "eval": digest_of_problems(self.problems_of(1, "eval")),
            "train": digest_of_problems(self.problems_of(1, "train")) if self.recipe.finds else "",
            "recipe": self.recipe.to_json(),
            **{part: [a.name for a in chosen] for part, chosen in attacks.items()},
            "attack_code": [digest_of(partial(a.function, **a.options)) for chosen in attacks.values() for a in chosen],
            "problems": self.problems,
            "train_problems": self.train_problems,
            "seeds": self.seeds,
            "held_out_problems": self.held_out_problems,
            "budget": self.budget,
            "held_out_budget": self.held_out_budget,
            "shrink_budget": self.shrink_budget,
            "goal": self.goal,
            "constraints": self.constraints.to_json(),
            "seed": self.seed,
        }


def resolve(
    judge: str | Judge,
    corpus: str | Corpus,
    *,
    rounds: int,
    recipe: str | Hardening,
    attacks: Attacks,
    train_attacks: Attacks,
    held_out: Attacks,
    problems: int,
    train_problems: int,
    seeds: int,
    held_out_problems: int,
    budget: int,
    held_out_budget: int,
    shrink_budget: int,
    goal: Goal,
    constraints: Constraints | None,
    seed: int,
) -> Plan:
    """The plan of a duel, with every name resolved and everything checked; nothing is asked or written.

    Raises:
        UsageError: a setting is wrong, or the judge cannot be trained.
    """
    check_counts(rounds=rounds, problems=problems, train_problems=train_problems, budget=budget)
    check_counts(seeds=seeds, held_out_problems=held_out_problems, held_out_budget=held_out_budget)
    check_numbers(seed=seed, shrink_budget=shrink_budget)
    first = open_judge(judge)
    if not isinstance(first, TrainableJudge):
        raise UsageError(f"judge {first.name} cannot be retrained; duel with referee, smollm2 or hf:ORG/MODEL")
    plan = Plan(
        judge=first,
        corpus=open_corpus(corpus) if isinstance(corpus, str) else corpus,
        rounds=rounds,
        recipe=open_hardening(recipe),
        attacks=distinct([open_attack(a) for a in attacks]),
        train_attacks=distinct([open_attack(a) for a in train_attacks]),
        held_out=distinct([open_attack(a) for a in held_out]) if held_out else (),
        problems=problems,
        train_problems=train_problems,
        seeds=seeds,
        held_out_problems=min(held_out_problems, problems),
        budget=budget,
        held_out_budget=held_out_budget,
        shrink_budget=shrink_budget,
        goal=known_goal(goal),
        constraints=constraints or Constraints(),
        seed=seed,
    )
    plan.check()
    return plan


def families(attack: Attack) -> Sequence[str]:
    """The families of attacks that one consists of: itself, or the arms of a portfolio, which tries openers too."""
    known = inspect.signature(attack.function).parameters
    if "arms" not in known:
        parts = attack.name.split(":")
        return [":".join(parts[:3]) if parts[0] == "python" else parts[0]]
    arms: str = attack.options.get("arms", known["arms"].default)
    return ["openers", *arms.split("+")]
