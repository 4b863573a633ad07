"""What a run will ask of its judge at most, known before it begins: nothing here asks a judge or writes a file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..corpora.records import Item, Problem
from ..corpora.words import many
from ..judges.judge import Judge, ask
from ..judges.quality import known_responses
from . import checks
from .arena import Plan
from .attacks import Attack
from .attribution import MOST
from .collapse import Settings as CollapseSettings
from .duel import KEYS, VARIANTS
from .objective import Goal
from .settings import Settings
from .target import CorpusTarget

#: Known responses that a measurement of speed asks about, after one that is not timed.
MEASURED = 32

#: Finds that one search can end with: a search that goes on for acclaim may first find what is merely accepted.
FINDS: dict[Goal, int] = {"accept": 1, "acclaim": 2}


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a judge is asked for: at most so many verdicts, and how that number is made."""

    name: str
    verdicts: int
    made_of: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run asks at most, part by part; `notes` say what is not counted."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...]

    @property
    def verdicts(self) -> int:
        """All parts together."""
        return sum(part.verdicts for part in self.parts)


#: Confirmations have no bound of their own that would say anything.
ALONE = "each response that fools is asked about once more, alone"


def of_attack(settings: Settings) -> Forecast:
    """What an attack run asks at most."""
    seeds, budget = len(settings.seeds), settings.budget
    searches = len(settings.problems) * len(settings.attacks) * seeds
    parts = [
        *_calibration(settings),
        _checks([settings.problems]),
        _searches("searches", len(settings.problems), settings.attacks, seeds, budget.search),
        *_shrinking(searches * FINDS[settings.goal], budget.shrink),
    ]
    return _forecast(parts)


def of_duel(plans: Sequence[Plan]) -> Forecast:
    """What a duel asks at most, or several with other recipes: finds in every search, and every judge shown all."""
    each = [_of_duel(plan) for plan in plans]
    if len(each) == 1:
        return each[0]
    parts = [Part(f"recipe {plan.recipe.name}", f.verdicts, "a duel") for plan, f in zip(plans, each, strict=True)]
    notes = dict.fromkeys(note for forecast in each for note in forecast.notes)
    return Forecast(tuple(parts), (*notes, "what is asked of the first judge is asked once, for all recipes"))


def of_survey(forecasts: Mapping[str, Forecast]) -> Forecast:
    """What a survey asks at most, by the label of each judge."""
    parts = tuple(Part(label, forecast.verdicts, "checks and attacks") for label, forecast in forecasts.items())
    notes = dict.fromkeys(note for forecast in forecasts.values() for note in forecast.notes)
    return Forecast(parts, tuple(notes))


def _of_duel(plan: Plan) -> Forecast:
    rounds, trained = plan.rounds, plan.rounds - 1
    harvests = trained if plan.recipe.finds else 0
    held = (
        [plan.problems_of(n, "eval")[: plan.held_out_problems] for n in range(1, rounds + 1)] if plan.held_out else []
    )
    attacked = [plan.problems_of(n, "eval") for n in range(1, rounds + 1)] + held
    attacked += [plan.problems_of(n, "train") for n in range(1, harvests + 1)]
    finds = plan.problems * len(plan.attacks) * plan.seeds * FINDS[plan.goal]
    clean = sum(len(known_responses(p)) for p in plan.clean)
    pairs = rounds * trained // 2  # of an older round and a later judge
    parts = [
        _checks(attacked),
        _searches("fresh searches", plan.problems, plan.attacks, plan.seeds, plan.budget, rounds),
        _searches("held-out searches", plan.held_out_problems, plan.held_out, 1, plan.held_out_budget, rounds),
        _searches("searches to train on", plan.train_problems, plan.train_attacks, 1, plan.budget, harvests),
        *_shrinking(finds * rounds, plan.shrink_budget),
        Part("clean responses", rounds * clean, f"{rounds} rounds x {clean}"),
        Part(
            "fixed strings",
            rounds * len(KEYS) * plan.held_out_problems,
            f"{rounds} rounds x {len(KEYS)} strings x {plan.held_out_problems} problems",
        ),
        Part(
            "old and later finds",
            pairs * finds * (2 + VARIANTS),
            f"{pairs} pairs of rounds x {finds} finds x (2 + {VARIANTS} edited copies)",
        ),
    ]
    notes = [f"training {trained} judges takes time that no verdict tells"] if trained else []
    if plan.recipe.ensemble:
        notes.append("a verdict of an ensemble asks every judge in it")
    if plan.recipe.defence:
        notes.append(f"from round 2 on judges stand behind {plan.recipe.defence}, whose verdicts may ask for several")
    return _forecast(parts, notes)


def of_collapse(settings: CollapseSettings) -> Forecast:
    """What a collapse asks at most: its answers repeat themselves, and what repeats is not asked again."""
    training = settings.training
    exams = training.steps // training.every + 1 + bool(training.steps % training.every)
    parts = [
        Part("lessons", training.steps * training.batch, f"{training.steps} steps x {training.batch} answers"),
        Part("exams", exams * training.batch, f"{exams} exams x {training.batch} answers"),
    ]
    return Forecast(tuple(parts), ("answers that repeat are not asked about again, so that it is far fewer as a rule",))


def measure(judge: Judge, problems: Sequence[Problem]) -> float:
    """Verdicts a second, of `MEASURED` known responses in one call, after one that is not timed.

    Raises:
        JudgeError: the judge failed.
    """
    known = [Item(p, r.text) for p in problems for r, _ in known_responses(p)][: MEASURED + 1]
    ask(judge, known[:1])
    started = time.perf_counter()
    ask(judge, known[1:] or known)
    return max(1, len(known) - 1) / max(1e-9, time.perf_counter() - started)


def _forecast(parts: Sequence[Part], notes: Sequence[str] = ()) -> Forecast:
    return Forecast(tuple(part for part in parts if part.verdicts), (ALONE, *notes))


def _calibration(settings: Settings) -> list[Part]:
    """Right answers to other problems, on which a threshold is fixed."""
    answers = sum(len(p.right) for p in settings.calibration)
    made_of = f"{answers} right answers to {many(len(settings.calibration), 'other problem')}"
    return [Part("fixing the threshold", answers, made_of)] if answers else []


def _checks(attacked: Sequence[Sequence[Problem]]) -> Part:
    """Known responses, before each attack."""
    known = [
        sum(len(known_responses(p)) for p in problems[: checks.PROBLEMS]) + len(problems[checks.PROBLEMS :])
        for problems in attacked
    ]
    again = sum(min(checks.AGAIN, count) for count in known)
    return Part("checks", sum(known) + again, f"{sum(known)} known responses, {again} of them again, alone")


def _searches(
    name: str, problems: int, attacks: Sequence[Attack], seeds: int, budget: int, rounds: int | None = None
) -> Part:
    """Cells times their budget; an attack over a corpus has one more for each seed, in which it learns."""
    learning = sum(attack.kind is CorpusTarget for attack in attacks) * seeds
    cells = problems * len(attacks) * seeds + learning
    factors = [many(problems, "problem"), many(len(attacks), "attack"), many(seeds, "seed")]
    made_of = " x ".join(factors) + (f" + {learning} to learn" if learning else "")
    made_of = f"({made_of})" if learning else made_of
    if rounds is not None:
        made_of = f"{many(rounds, 'round')} x {made_of}"
    return Part(name, (1 if rounds is None else rounds) * cells * budget, f"{made_of} x {budget} queries")


def _shrinking(finds: int, budget: int) -> list[Part]:
    """Every find is shrunk, and the tokens of what is left are weighed."""
    parts = {"shrinking": budget, "weighing tokens": MOST if budget else 0}
    return [Part(name, finds * most, f"{many(finds, 'find')} x {most} queries") for name, most in parts.items()]
