"""Attacks: one file each, a generator function that yields candidates and is sent back their trials.

An attack's first parameter says what it needs, its docstring's first line is its summary, and its keyword-only
arguments are its options (`random:length=12`). It must be a pure function of its random stream and the trials sent to
it: a resumed run replays it from stored verdicts.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...corpora.errors import UsageError
from ...corpora.names import convert_options, load, load_user, lookup, split_options
from ...corpora.records import Candidate, Trial
from ..target import CorpusTarget, GradientTarget, ProposerTarget, ReferenceTarget, Target

Proposals = Generator[list[Candidate], list[Trial], None]
#: An attack over a corpus returns the responses to try on other problems, best first.
Lessons = Generator[list[Candidate], list[Trial], list[str]]

ATTACKS = {
    "auto": "hoodwink.fuzz.attacks.auto:auto",
    "none": "hoodwink.fuzz.attacks.none:none",
    "openers": "hoodwink.fuzz.attacks.openers:openers",
    "repeat": "hoodwink.fuzz.attacks.repeat:repeat",
    "steps": "hoodwink.fuzz.attacks.steps:steps",
    "random": "hoodwink.fuzz.attacks.random_search:random_search",
    "genetic": "hoodwink.fuzz.attacks.genetic:genetic",
    "surrogate": "hoodwink.fuzz.attacks.surrogate:surrogate",
    "elites": "hoodwink.fuzz.attacks.elites:elites",
    "universal": "hoodwink.fuzz.attacks.universal:universal",
    "anneal": "hoodwink.fuzz.attacks.anneal:anneal",
    "evolution": "hoodwink.fuzz.attacks.evolution:evolution",
    "beam": "hoodwink.fuzz.attacks.beam:beam",
    "gcg": "hoodwink.fuzz.attacks.gcg:gcg",
    "policy": "hoodwink.fuzz.attacks.policy:policy",
    "chars": "hoodwink.fuzz.attacks.chars:chars",
    "nearmiss": "hoodwink.fuzz.attacks.nearmiss:nearmiss",
    "words": "hoodwink.fuzz.attacks.words:words",
    "injection": "hoodwink.fuzz.attacks.injection:injection",
}


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack with its options filled in. `name` is what the user wrote and keys its random streams."""

    name: str
    function: Callable[..., Proposals | Lessons]
    options: dict[str, Any]

    @property
    def kind(self) -> type[Target] | type[CorpusTarget]:
        """What it needs: the type of its first parameter; `Target` where that says nothing."""
        try:
            hints = typing.get_type_hints(self.function)
        except NameError:  # names that a user's module imports for type checkers alone
            hints = {}
        first = next(iter(inspect.signature(self.function).parameters))
        kind = hints.get(first)
        return kind if kind in (CorpusTarget, GradientTarget, ProposerTarget, ReferenceTarget) else Target

    def start(self, target: Target | CorpusTarget, rng: np.random.Generator) -> Proposals | Lessons:
        """Begin the attack on one target."""
        return self.function(target, rng, **self.options)


def open_attack(spec: str | Attack | Callable[..., Proposals | Lessons]) -> Attack:
    """The attack that a name stands for (`random`, `random:length=12`, `python:module:function`), or around a function.

    Raises:
        UsageError: unknown name or option, or something that is not a generator function.
    """
    if isinstance(spec, Attack):
        return spec
    if callable(spec):
        return Attack(getattr(spec, "__name__", type(spec).__name__), _generator(spec), {})
    if spec.startswith("python:"):
        module, _, rest = spec.removeprefix("python:").partition(":")
        name, options = split_options(rest)
        function = _generator(load_user(f"{module}:{name}", "attack"))
    else:
        name, options = split_options(spec)
        function = lookup(ATTACKS, name, "attack")
    converted = convert_options(function, options, f"attack {name}")
    for key, value in converted.items():
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            raise UsageError(f"attack {name}:{key}={value} is out of range; write a whole number of at least 1")
        if isinstance(value, float) and not 0 <= value < float("inf"):
            raise UsageError(f"attack {name}:{key}={value} is out of range; write a number of at least 0")
    if name == "auto":
        load(ATTACKS[name].replace(":auto", ":check"))(**converted)
    return Attack(spec, function, converted)


def _generator(function: Any) -> Callable[..., Proposals | Lessons]:
    if not inspect.isgeneratorfunction(function):
        raise UsageError(f"attack {function!r} is not a generator function; it must yield lists of Candidate")
    try:
        inspect.signature(function).bind(None, None)
    except TypeError as error:
        raise UsageError(
            f"attack {function.__name__}{inspect.signature(function)} cannot be started ({error}); "
            "take (target, rng), and options with defaults after a *"
        ) from error
    checked: Callable[..., Proposals | Lessons] = function
    return checked
