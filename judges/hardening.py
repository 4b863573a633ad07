"""Hardening: how a judge is retrained between the rounds of a duel, and the recipes that are compared.

What a recipe adds to the finds is never taken from the `eval` split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from ..corpora.corpus import Corpus, sample_up_to
from ..corpora.errors import UsageError
from ..corpora.names import nearest
from ..corpora.oracles import Oracle, open_oracle
from ..corpora.records import Item, Problem, Truth
from .examples import Example, Recipe, clean_examples

Start = Literal["previous", "first"]

#: Few clean problems and gentle passes: they cost next to nothing on clean data.
GENTLE = Recipe(problems=40, epochs=2, lr=5e-4)

#: Pieces in a random string that nobody searched for: from one to so many.
LONGEST = 24


class NothingToTrainOnError(UsageError):
    """A recipe that trains on finds alone, and there are none."""


class Writer(Protocol):
    """Begins answers to questions, as a language model would."""

    def first_sentences(self, questions: Sequence[str]) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Hardening:
    """What a judge is retrained on, and how.

    Attributes:
        name: what the recipe is called.
        means: what it is, in a line.
        finds: whether finds are trained on.
        clean: train problems whose right and complete wrong responses are replayed.
        truncated: train problems of which answers cut after their first sentence are to be rejected: the published fix
            for master keys (arXiv 2507.08794).
        gibberish: random strings, never searched for, to be rejected.
        nonsense: the probability of yes that finds and gibberish are given as a target: 0 rejects, one half asks for
            the highest entropy (Feng et al. 2018, arXiv 1804.07781).
        threshold: score from which the hardened judges accept; None leaves the judge's own.
        ensemble: whether the judge of a round is all judges so far, the least of whose margins counts.
        defence: what every judge from round 2 on stands behind (`opening.defended`): `smooth?copies=3`; empty for none.
            Training goes on on the judge inside, which is not told of it.
        start: the weights that training begins with: those of the round before, or the first judge's.
        training: epochs, learning rate, batch and adapters. Its `problems` are not used.
    """

    name: str
    means: str
    finds: bool = True
    clean: int = GENTLE.problems
    truncated: int = 0
    gibberish: int = 0
    nonsense: float = 0.0
    threshold: float | None = None
    ensemble: bool = False
    defence: str = ""
    start: Start = "previous"
    training: Recipe = GENTLE

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the description, and without a defence where there is none: older duels go on."""
        return {name: value for name, value in asdict(self).items() if name != "means" and (value or name != "defence")}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Hardening("replay", "finds to reject, and clean responses so that nothing is forgotten"),
        Hardening("finds", "finds to reject, alone", clean=0),
        Hardening(
            "keys", "no finds: answers cut after their first sentence (the published fix)", finds=False, truncated=80
        ),
        Hardening("truncated", "replay, and answers cut after their first sentence", truncated=80),
        Hardening("gibberish", "replay, and random strings that nobody searched for", gibberish=120),
        Hardening(
            "entropy",
            "replay; finds and random strings have a target of one half, and 0.75 accepts",
            gibberish=120,
            nonsense=0.5,
            threshold=0.75,
        ),
        Hardening("ensemble", "replay; all judges so far must accept", ensemble=True),
        Hardening("length", "replay, behind a filter by length", defence="length"),
        Hardening("characters", "replay, behind a filter by characters and repeats", defence="characters"),
        Hardening("perplexity", "replay, behind a filter by perplexity", defence="perplexity"),
        Hardening("smooth", "replay, by the majority over random copies", defence="smooth"),
    )
}


def open_hardening(spec: str | Hardening) -> Hardening:
    """The recipe of that name; recipes pass through.

    Raises:
        UsageError: there is none of that name.
    """
    if isinstance(spec, Hardening):
        return spec
    if spec not in RECIPES:
        raise nearest(spec, RECIPES, "recipe")
    return RECIPES[spec]


def changed(recipe: Hardening, *, start: Start | None = None, **training: Any) -> Hardening:
    """A recipe with another start or training; what is None stays."""
    given = {name: value for name, value in training.items() if value is not None}
    clean = given.pop("clean", recipe.clean)
    return replace(recipe, start=start or recipe.start, clean=clean, training=replace(recipe.training, **given))


def training_set(
    recipe: Hardening,
    finds: Sequence[Item],
    corpus: Corpus,
    rng: np.random.Generator,
    *,
    pieces: Sequence[str] = (),
    writer: Writer | None = None,
) -> list[Example]:
    """The examples that a recipe makes of finds, shuffled.

    `pieces` are what random strings are made of (printable ASCII without any), `writer` begins answers to questions:
    without one, only worked solutions are cut. Of both, what the oracle cannot prove wrong is left out.

    Raises:
        UsageError: an example is on an `eval` problem, or (`NothingToTrainOnError`) there is none.
    """
    refuse_eval(finds)
    drawn = max(recipe.clean, recipe.truncated, 1)
    problems = sample_up_to(corpus, drawn, split="train", seed=int(rng.integers(2**31)))
    oracle = open_oracle(corpus.oracle)
    examples = clean_examples(problems[: recipe.clean], rng)
    if recipe.finds:
        examples += [Example(item, recipe.nonsense) for item in finds]
    begun = _first_sentences(problems[: recipe.truncated], writer)
    examples += [Example(item, 0.0) for item in begun if _is_wrong(oracle, item)]
    random = [Item(problems[i % len(problems)], _gibberish(rng, pieces)) for i in range(recipe.gibberish)]
    examples += [Example(item, recipe.nonsense) for item in random if _is_wrong(oracle, item)]
    if not examples:
        raise NothingToTrainOnError(
            f"recipe {recipe.name} has nothing to train on: no find has been made; use recipe replay"
        )
    refuse_eval([example.item for example in examples])  # also of a corpus that does not keep its splits apart
    return [examples[i] for i in rng.permutation(len(examples))]


def refuse_eval(finds: Sequence[Item]) -> None:
    """Hold finds to the one rule of training on them.

    Raises:
        UsageError: one of them is on a problem of the `eval` split.
    """
    for item in finds:
        if item.problem.split == "eval":
            raise UsageError(
                f"a response to problem {item.problem.id} of the eval split cannot be trained on: later rates on eval "
                "problems would mean nothing; attack with --split train"
            )


def _first_sentences(problems: Sequence[Problem], writer: Writer | None) -> list[Item]:
    """Answers that end after their first sentence: those of worked solutions, and those that a model begins."""
    items = [Item(p, p.solution[0]) for p in problems if len(p.solution) > 1]
    if writer is not None:
        said = writer.first_sentences([p.question for p in problems])
        items += [Item(p, text) for p, text in zip(problems, said, strict=True) if text]
    return items


def _gibberish(rng: np.random.Generator, pieces: Sequence[str]) -> str:
    """A random string of random length."""
    length = int(rng.integers(1, LONGEST + 1))
    if not pieces:
        return "".join(map(chr, rng.integers(32, 127, size=4 * length).tolist()))
    return "".join(pieces[i] for i in rng.integers(len(pieces), size=length).tolist())


def _is_wrong(oracle: Oracle, item: Item) -> bool:
    return oracle.truth(item.problem, item.response) is Truth.WRONG
