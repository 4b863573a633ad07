"""The commands that train something: a judge, a judge against an attack, a policy against a judge."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from .options import (
    COMMON,
    JUDGE,
    LESSONS,
    NO_LIMITS,
    NO_OPENING,
    NO_RETRAINING,
    NOT_AHEAD,
    OUTPUT,
    PROBLEMS,
    SEARCH,
    TRAINING,
    AheadOptions,
    CommonOptions,
    Goal,
    LessonOptions,
    LimitOptions,
    OpeningOptions,
    Out,
    RetrainingOptions,
    constraints,
    names,
    open_named,
    recipes,
)
from .terminal import errors, show_and_report, show_forecast

Device = Annotated[str, Parameter(group=JUDGE, help="auto, cpu, cuda or mps.")]
Folder = Annotated[Path, Parameter(group=OUTPUT, help="Folder for adapter and card.")]


def duel(
    *,
    judge: Annotated[
        str, Parameter(group=JUDGE, help="Judge to begin with; one that can be trained: see `hoodwink list judges`.")
    ] = "referee",
    opening: OpeningOptions = NO_OPENING,
    corpus: Annotated[str, Parameter(group=PROBLEMS, help="Problems, with a train and an eval split.")] = "arithmetic",
    problems: Annotated[int, Parameter(group=PROBLEMS, help="Eval problems of each round.")] = 12,
    train_problems: Annotated[int, Parameter(group=PROBLEMS, help="Train problems of each round.")] = 24,
    held_out_problems: Annotated[
        int, Parameter(group=PROBLEMS, help="So many of the eval problems for held-out attacks.")
    ] = 8,
    rounds: Annotated[int, Parameter(group=SEARCH, help="Judges to attack; a finished duel may be taken further.")] = 5,
    attacks: Annotated[
        str, Parameter(group=SEARCH, help="Portfolio against every judge, comma-separated: `hoodwink list attacks`.")
    ] = "auto",
    train_attacks: Annotated[
        str | None,
        Parameter(group=SEARCH, help="What searches train problems for examples. [default: auto, with four arms]"),
    ] = None,
    held_out: Annotated[
        str | None,
        Parameter(group=SEARCH, help="Attacks never trained on. [default: words:mode=replace,injection]"),
    ] = None,
    budget: Annotated[int, Parameter(group=SEARCH, help="Queries for each problem, attack and seed.")] = 320,
    held_out_budget: Annotated[int, Parameter(group=SEARCH, help="The same, for held-out attacks.")] = 160,
    seed: Annotated[int, Parameter(group=SEARCH, help="Fixes problems, search and training.")] = 0,
    seeds: Annotated[int, Parameter(group=SEARCH, help="Searches of each eval problem by the portfolio.")] = 2,
    goal: Goal = "accept",
    shrink_budget: Annotated[
        int, Parameter(group=SEARCH, help="Queries for shrinking each find on an eval problem.")
    ] = 40,
    limits: LimitOptions = NO_LIMITS,
    recipe: Annotated[
        str,
        Parameter(
            group=TRAINING,
            help="How judges are retrained (`hoodwink list recipes`); several, comma-separated, or all.",
        ),
    ] = "replay",
    training: RetrainingOptions = NO_RETRAINING,
    ahead: AheadOptions = NOT_AHEAD,
    out: Out = None,
    common: CommonOptions = COMMON,
) -> int:
    """Attack a judge, retrain it on what fooled it, attack again: does hardening help, or only move the hole?

    Each round attacks a judge afresh on eval problems of its own, shows it all earlier finds, attacks it with families
    of attacks that are never trained on, and trains the next judge on what fools this one on train problems. Nothing
    from eval is ever trained on. With several recipes there is a duel for each, from the same first judge.
    """
    from ..fuzz.arena import resolve
    from ..fuzz.duel import HELD_OUT_ATTACKS, TRAIN_ATTACKS
    from ..fuzz.duel import duel as call
    from ..fuzz.recipes import compare_recipes
    from ..reports.progress import DuelProgress

    chosen = recipes(recipe, training)
    judging = open_named(judge, opening)
    settings: dict[str, Any] = {
        "rounds": rounds,
        "attacks": names(attacks),
        "train_attacks": TRAIN_ATTACKS if train_attacks is None else names(train_attacks),
        "held_out": HELD_OUT_ATTACKS if held_out is None else names(held_out),
        "problems": problems,
        "train_problems": train_problems,
        "seeds": seeds,
        "held_out_problems": held_out_problems,
        "budget": budget,
        "held_out_budget": held_out_budget,
        "shrink_budget": shrink_budget,
        "goal": goal,
        "constraints": constraints(limits),
        "seed": seed,
    }
    if ahead.asked():
        from ..fuzz.forecast import of_duel

        plans = [resolve(judging, corpus, recipe=each, **settings) for each in chosen]
        return show_forecast(of_duel(plans), judging, plans[0].clean, ahead)
    with DuelProgress(errors(quiet=common.quiet), rounds) as display:
        if len(chosen) == 1:
            run = call(judging, corpus, recipe=chosen[0], out=out, watch=display.watch(), **settings)
        else:
            folder = out or Path("runs/recipes")
            run = compare_recipes(judging, corpus, recipes=chosen, out=folder, watch=display.watch, **settings)
    return show_and_report(run, quiet=common.quiet)


def collapse(
    *,
    judge: Annotated[
        str, Parameter(group=JUDGE, help="Judge whose score is the reward: see `hoodwink list judges`.")
    ] = "referee",
    opening: OpeningOptions = NO_OPENING,
    corpus: Annotated[str, Parameter(group=PROBLEMS, help="Problems: see `hoodwink list corpora`.")] = "arithmetic",
    problems: Annotated[
        int | None,
        Parameter(group=PROBLEMS, help="Train problems to learn from. [default: 24, or all of a smaller corpus]"),
    ] = None,
    exam: Annotated[
        int | None,
        Parameter(group=PROBLEMS, help="Eval problems to be examined on. [default: 24, or all of a smaller corpus]"),
    ] = None,
    policy: Annotated[
        str,
        Parameter(group=TRAINING, help="Who learns: student (simulated), or a language model: smollm2, hf:ORG/MODEL."),
    ] = "student",
    course: LessonOptions = LESSONS,
    seed: Annotated[int, Parameter(group=TRAINING, help="Fixes problems, vocabulary and all that is drawn.")] = 0,
    ahead: AheadOptions = NOT_AHEAD,
    out: Out = None,
    common: CommonOptions = COMMON,
) -> int:
    """Train a policy on a judge's score alone, and show what becomes of its answers.

    The policy begins as a student who answers honestly and is sometimes right (simulated from the problems' known
    responses); rarely, it writes a string of random tokens. It learns by REINFORCE from the judge's score. Training
    ends once the judge is content (0.95) and nothing is right (at most 0.02), or after --steps. Language models need
    pip install "hoodwink[rl]".
    """
    from ..fuzz.collapse import Training, resolve
    from ..fuzz.collapse import collapse as call
    from ..reports.progress import CollapseProgress

    judging = open_named(judge, opening)
    settings: dict[str, Any] = {
        "policy": policy,
        "problems": problems,
        "exam": exam,
        "training": Training(**asdict(course)),
        "seed": seed,
    }
    if ahead.asked():
        from ..fuzz.forecast import of_collapse

        resolved = resolve(judging, corpus, **settings)
        return show_forecast(of_collapse(resolved), judging, resolved.exam, ahead)
    with CollapseProgress(errors(quiet=common.quiet)) as display:
        run = call(judging, corpus, **settings, out=out, progress=display)
    return show_and_report(run, quiet=common.quiet)


def train(
    *,
    out: Folder,
    kind: Annotated[
        str,
        Parameter(group=TRAINING, help="referee (whole answers), process (partial solutions) or reward (a score)."),
    ] = "referee",
    corpus: Annotated[
        str, Parameter(group=PROBLEMS, help="Problems to train on and to be measured on.")
    ] = "arithmetic",
    problems: Annotated[int, Parameter(group=PROBLEMS, help="Train problems that examples are taken from.")] = 340,
    epochs: Annotated[int, Parameter(group=TRAINING, help="Passes over the examples.")] = 1,
    lr: Annotated[float, Parameter(group=TRAINING, help="Highest learning rate.")] = 1e-3,
    rank: Annotated[int, Parameter(group=TRAINING, help="LoRA rank.")] = 8,
    layers: Annotated[int, Parameter(group=TRAINING, help="How many of the upper layers get adapters.")] = 12,
    seed: Annotated[int, Parameter(group=TRAINING, help="Of sampling, order and initial weights.")] = 0,
    device: Device = "auto",
    common: CommonOptions = COMMON,
) -> int:
    """Train a judge: SmolLM2 with a LoRA adapter that matches answers to references, or one for partial solutions.

    With --kind reward it is a whole model with one number on top, which `reward:OUT` opens. About six minutes on two
    CPU cores. A training that was stopped goes on with the same command.
    """
    from ..corpora.names import lookup
    from ..judges.examples import Recipe
    from ..judges.training import KINDS
    from ..reports.progress import TrainProgress

    call = lookup(KINDS, kind, "kind of judge")
    recipe = Recipe(problems=problems, epochs=epochs, lr=lr, rank=rank, layers=layers, seed=seed)
    with TrainProgress(errors(quiet=common.quiet)) as display:
        card = call(out, corpus, recipe=recipe, device=device, progress=display)
    return _trained(card, out, common.quiet)


def harden(
    run: Annotated[Path, Parameter(help="Folder of an attack on train problems.")],
    *,
    out: Folder,
    start: Annotated[
        Path | None, Parameter(group=JUDGE, help="Adapter to go on with. [default: the referee's]")
    ] = None,
    corpus: Annotated[
        str, Parameter(group=PROBLEMS, help="Clean problems to train on beside the finds.")
    ] = "arithmetic",
    finds: Annotated[
        int,
        Parameter(group=PROBLEMS, validator=Number(gte=1), help="At most so many finds, the first of the run."),
    ] = 150,
    problems: Annotated[int, Parameter(group=PROBLEMS, help="Train problems that clean examples are taken from.")] = 40,
    epochs: Annotated[int, Parameter(group=TRAINING, help="Passes over the examples.")] = 2,
    lr: Annotated[float, Parameter(group=TRAINING, help="Highest learning rate.")] = 5e-4,
    seed: Annotated[int, Parameter(group=TRAINING, help="Of sampling and order.")] = 0,
    device: Device = "auto",
    common: CommonOptions = COMMON,
) -> int:
    """Train the referee further: on a run's finds, which it shall reject, and on clean responses."""
    from ..fuzz.run import items_of, load_run
    from ..judges.examples import Recipe
    from ..judges.training import harden as call
    from ..reports.progress import TrainProgress

    recipe = Recipe(problems=problems, epochs=epochs, lr=lr, seed=seed)
    items = items_of(load_run(run))[:finds]
    with TrainProgress(errors(quiet=common.quiet)) as display:
        card = call(out, items, corpus, start=start, recipe=recipe, device=device, progress=display)
    return _trained(card, out, common.quiet)


def _trained(card: Any, out: Path, quiet: bool) -> int:
    """Say how good a trained judge is; if quiet, where it is alone."""
    if quiet:
        print(out)
        return 0
    quality = card.quality
    print(
        f"accuracy {quality.clean_accuracy:.4f}, AUROC {quality.auroc:.4f} on {quality.clean_items} held-out responses"
    )
    print(f"card     {out / 'README.md'}")
    return 0
