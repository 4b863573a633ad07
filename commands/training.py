"""The commands that train something: a judge, a judge against an attack, a policy against a judge."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from .options import (
    LESSONS,
    NO_LIMITS,
    NO_OPENING,
    NO_RETRAINING,
    Lessons,
    Limits,
    Opening,
    Out,
    Retraining,
    constraints,
    names,
    open_named,
    recipes,
)
from .terminal import errors, show_and_report


def duel(
    *,
    judge: Annotated[str, Parameter(help="Judge to begin with; one that can be trained.")] = "referee",
    corpus: Annotated[str, Parameter(help="Problems, with a train and an eval split.")] = "arithmetic",
    rounds: Annotated[int, Parameter(help="Judges to attack; a finished duel may be taken further.")] = 5,
    recipe: Annotated[
        str, Parameter(help="How judges are retrained (`hoodwink list recipes`); several, comma-separated, or all.")
    ] = "replay",
    attacks: Annotated[str, Parameter(help="Portfolio against every judge, comma-separated.")] = "auto",
    train_attacks: Annotated[
        str | None, Parameter(help="What searches train problems for examples. [default: auto, with four arms]")
    ] = None,
    held_out: Annotated[
        str | None, Parameter(help="Attacks never trained on. [default: words:mode=replace,injection]")
    ] = None,
    problems: Annotated[int, Parameter(help="Eval problems of each round.")] = 12,
    train_problems: Annotated[int, Parameter(help="Train problems of each round.")] = 24,
    seeds: Annotated[int, Parameter(help="Searches of each eval problem by the portfolio.")] = 2,
    held_out_problems: Annotated[int, Parameter(help="So many of the eval problems for held-out attacks.")] = 8,
    budget: Annotated[int, Parameter(help="Queries for each problem, attack and seed.")] = 320,
    held_out_budget: Annotated[int, Parameter(help="The same, for held-out attacks.")] = 160,
    shrink_budget: Annotated[int, Parameter(help="Queries for shrinking each find on an eval problem.")] = 40,
    seed: Annotated[int, Parameter(help="Fixes problems, search and training.")] = 0,
    goal: Annotated[Literal["accept", "acclaim"], Parameter(help="Level of find that ends a search.")] = "accept",
    training: Annotated[Retraining, Parameter(name="*")] = NO_RETRAINING,
    limits: Annotated[Limits, Parameter(name="*")] = NO_LIMITS,
    opening: Annotated[Opening, Parameter(name="*")] = NO_OPENING,
    out: Out = None,
) -> int:
    """Attack a judge, retrain it on what fooled it, attack again: does hardening help, or only move the hole?

    Examples:
        hoodwink duel --judge referee --rounds 5 --out runs/duel

        hoodwink duel --rounds 2 --recipe all --out runs/recipes
    """
    from ..fuzz.duel import HELD_OUT_ATTACKS, TRAIN_ATTACKS
    from ..fuzz.duel import duel as call
    from ..fuzz.recipes import compare_recipes
    from ..reports.progress import DuelProgress

    chosen = recipes(recipe, training)
    judging = open_named(judge, opening)
    settings = {
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
    with DuelProgress(errors(), rounds) as display:
        if len(chosen) == 1:
            run = call(judging, corpus, recipe=chosen[0], out=out, watch=display.watch(), **settings)
        else:
            folder = out or Path("runs/recipes")
            run = compare_recipes(judging, corpus, recipes=chosen, out=folder, watch=display.watch, **settings)
    return show_and_report(run)


def collapse(
    *,
    judge: Annotated[str, Parameter(help="Judge whose score is the reward: see `hoodwink list judges`.")] = "referee",
    corpus: Annotated[str, Parameter(help="Problems: see `hoodwink list corpora`.")] = "arithmetic",
    problems: Annotated[
        int | None, Parameter(help="Train problems to learn from. [default: 24, or all of a smaller corpus]")
    ] = None,
    policy: Annotated[
        str, Parameter(help="Who learns: student (simulated), or a language model: smollm2, hf:ORG/MODEL.")
    ] = "student",
    exam: Annotated[
        int | None, Parameter(help="Eval problems to be examined on. [default: 24, or all of a smaller corpus]")
    ] = None,
    course: Annotated[Lessons, Parameter(name="*")] = LESSONS,
    seed: Annotated[int, Parameter(help="Fixes problems, vocabulary and all that is drawn.")] = 0,
    opening: Annotated[Opening, Parameter(name="*")] = NO_OPENING,
    out: Out = None,
) -> int:
    """Train a policy on a judge's score alone, and show what becomes of its answers.

    The policy begins as a student who answers honestly and is sometimes right (simulated from the problems' known
    responses); rarely, it writes a string of random tokens. It learns by REINFORCE from the judge's score. Training
    ends once the judge is content (0.95) and nothing is right (at most 0.02), or after `--steps`.

    Example:
        hoodwink collapse --judge referee --out runs/collapse

        hoodwink collapse --policy smollm2 --batch 32 --steps 200    (needs pip install "hoodwink[rl]")
    """
    from ..fuzz.collapse import Training
    from ..fuzz.collapse import collapse as call
    from ..reports.progress import CollapseProgress

    judging = open_named(judge, opening)
    training = Training(**asdict(course))
    with CollapseProgress(errors()) as display:
        run = call(
            judging,
            corpus,
            policy=policy,
            problems=problems,
            exam=exam,
            training=training,
            seed=seed,
            out=out,
            progress=display,
        )
    return show_and_report(run)


def train(
    *,
    out: Annotated[Path, Parameter(help="Folder for adapter and card.")],
    corpus: Annotated[str, Parameter(help="Problems to train on and to be measured on.")] = "arithmetic",
    problems: Annotated[int, Parameter(help="Train problems that examples are taken from.")] = 340,
    epochs: Annotated[int, Parameter(help="Passes over the examples.")] = 1,
    lr: Annotated[float, Parameter(help="Highest learning rate.")] = 1e-3,
    rank: Annotated[int, Parameter(help="LoRA rank.")] = 8,
    layers: Annotated[int, Parameter(help="How many of the upper layers get adapters.")] = 12,
    seed: Annotated[int, Parameter(help="Of sampling, order and initial weights.")] = 0,
    device: str = "auto",
) -> int:
    """Train the referee: SmolLM2 with a LoRA adapter that matches answers to references.

    Example:
        hoodwink train --out runs/my-referee && hoodwink attack --judge referee:adapter=runs/my-referee
    """
    from ..judges.examples import Recipe
    from ..judges.training import train as call
    from ..reports.progress import TrainProgress

    recipe = Recipe(problems=problems, epochs=epochs, lr=lr, rank=rank, layers=layers, seed=seed)
    with TrainProgress(errors()) as display:
        card = call(out, corpus, recipe=recipe, device=device, progress=display)
    return _trained(card, out)


def harden(
    run: Path,
    *,
    out: Annotated[Path, Parameter(help="Folder for adapter and card.")],
    start: Annotated[Path | None, Parameter(help="Adapter to go on with. [default: the referee's]")] = None,
    corpus: Annotated[str, Parameter(help="Clean problems to train on beside the finds.")] = "arithmetic",
    finds: Annotated[
        int, Parameter(validator=Number(gte=1), help="At most so many finds, the first of the run.")
    ] = 150,
    problems: Annotated[
        int, Parameter(validator=Number(gte=1), help="Train problems that clean examples are taken from.")
    ] = 40,
    epochs: Annotated[int, Parameter(validator=Number(gte=1), help="Passes over the examples.")] = 2,
    lr: Annotated[float, Parameter(help="Highest learning rate.")] = 5e-4,
    seed: Annotated[int, Parameter(help="Of sampling and order.")] = 0,
    device: str = "auto",
) -> int:
    """Train the referee further: on a run's finds, which it shall reject, and on clean responses.

    Example:
        hoodwink attack --split train --attacks random --problems 150 --budget 1200 --out runs/harvest

        hoodwink harden runs/harvest --out runs/hard && hoodwink attack --judge referee:adapter=runs/hard --attacks auto
    """
    from ..fuzz.run import items_of, load_run
    from ..judges.examples import Recipe
    from ..judges.training import harden as call
    from ..reports.progress import TrainProgress

    recipe = Recipe(problems=problems, epochs=epochs, lr=lr, seed=seed)
    items = items_of(load_run(run))[:finds]
    with TrainProgress(errors()) as display:
        card = call(out, items, corpus, start=start, recipe=recipe, device=device, progress=display)
    return _trained(card, out)


def _trained(card: Any, out: Path) -> int:
    """Say how good a trained judge is."""
    quality = card.quality
    print(
        f"accuracy {quality.clean_accuracy:.4f}, AUROC {quality.auroc:.4f} on {quality.clean_items} held-out responses"
    )
    print(f"card     {out / 'README.md'}")
    return 0
