"""The commands that ask a judge: attack and check."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from .options import NO_LIMITS, NO_OPENING, Limits, Opening, Out, constraints, names, open_named
from .terminal import errors, output, print_json


def attack(
    *,
    judge: Annotated[str, Parameter(help="Judge to attack: see `hoodwink list judges`.")] = "referee",
    corpus: Annotated[str, Parameter(help="Problems: see `hoodwink list corpora`.")] = "arithmetic",
    attacks: Annotated[str, Parameter(help="Attacks, comma-separated: see `hoodwink list attacks`.")] = "auto",
    problems: Annotated[
        int | None, Parameter(help="Problems to attack. [default: 20, or all of a smaller corpus]")
    ] = None,
    budget: Annotated[int, Parameter(help="Queries (distinct responses) for each problem, attack and seed.")] = 640,
    seed: Annotated[int, Parameter(help="First seed; fixes problems and search.")] = 0,
    seeds: Annotated[int, Parameter(help="How many seeds each attack runs with on each problem.")] = 1,
    goal: Annotated[Literal["accept", "acclaim"], Parameter(help="Level of find that ends a search.")] = "accept",
    split: Annotated[
        Literal["train", "eval", "all"] | None, Parameter(help="Part of the corpus. [default: its own]")
    ] = None,
    shrink_budget: Annotated[int, Parameter(help="Queries for shrinking each find; 0 leaves them as they are.")] = 400,
    limits: Annotated[Limits, Parameter(name="*")] = NO_LIMITS,
    proposer: Annotated[
        str | None, Parameter(help="Language model for fluent attacks and perplexity. [default: the judge's own]")
    ] = None,
    opening: Annotated[Opening, Parameter(name="*")] = NO_OPENING,
    out: Out = None,
) -> int:
    """Attack a judge: search for wrong answers that it accepts, shrink them, write a report.

    Examples:
        hoodwink attack --judge referee --attacks random,openers --problems 30 --seed 0 --out runs/first

        hoodwink attack --judge python:my_judges:grade --corpus file:problems.jsonl
    """
    from ..fuzz.run import attack as call
    from ..reports.progress import AttackProgress
    from ..reports.summary import summarise
    from ..reports.text import render_summary, write
    from ..reports.views import report as write_report

    judging = open_named(judge, opening)
    with AttackProgress(errors()) as display:
        run = call(
            judging,
            corpus,
            attacks=names(attacks),
            problems=problems,
            budget=budget,
            seed=seed,
            seeds=seeds,
            goal=goal,
            split=split,
            shrink_budget=shrink_budget,
            constraints=constraints(limits),
            proposer=proposer,
            out=out,
            on_checks=lambda checks: display.checks(judging.name, checks),
            progress=display,
        )
    summary = summarise(run)
    write(output(), render_summary(summary, checks=False))
    print(f"run     {run.folder}\nfinds   {run.folder / 'finds.jsonl'}\nreport  {write_report(run)}")
    return 3 if any(a.failed for a in summary.attacks) else 0


def check(
    *,
    judge: Annotated[str, Parameter(help="Judge to check.")] = "referee",
    corpus: Annotated[str, Parameter(help="Problems with known right and wrong responses.")] = "arithmetic",
    problems: Annotated[
        int | None, Parameter(help="Problems to use. [default: 40, or all of a smaller corpus]")
    ] = None,
    seed: Annotated[int, Parameter(help="Draws the problems.")] = 0,
    opening: Annotated[Opening, Parameter(name="*")] = NO_OPENING,
    json: Annotated[bool, Parameter(negative=(), help="Print JSON (schema hoodwink.checks/1).")] = False,
) -> int:
    """Measure a judge on clean responses, and say whether an attack on it would mean anything."""
    from ..fuzz.run import check as call
    from ..reports.text import render_checks, render_kinds, write

    judging = open_named(judge, opening)
    name, checks = call(judging, corpus, problems=problems, seed=seed)
    if json:
        print_json({"schema": "hoodwink.checks/1", "judge": name, **checks.to_json()})
    else:
        write(output(), render_checks(name, checks))
        write(output(), render_kinds(checks.quality))
    return 0
