"""The command line: parse, call, print. What a command does is one call of the library.

Exit codes: 0 fine, 1 a gate failed, 2 usage, 3 the judge or the machine failed, 130 interrupted.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from . import __version__
from .corpora.errors import HoodwinkError
from .options import (
    LESSONS,
    NO_LIMITS,
    Device,
    Dtype,
    Lessons,
    Limits,
    Out,
    Threads,
    Threshold,
    constraints,
    open_named,
)

app = App(
    name="hoodwink",
    help="Find out what fools your LLM judge, how cheaply, and prove it.",
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # `run` says how to go on
)
app["--help"].group = "Options"
app["--version"].group = "Options"


@app.command
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
    shrink_budget: Annotated[int, Parameter(help="Queries for shrinking each find.")] = 400,
    limits: Annotated[Limits, Parameter(name="*")] = NO_LIMITS,
    proposer: Annotated[
        str | None, Parameter(help="Language model for fluent attacks and perplexity. [default: the judge's own]")
    ] = None,
    threshold: Threshold = None,
    device: Device = None,
    dtype: Dtype = None,
    threads: Threads = None,
    out: Out = None,
) -> int:
    """Attack a judge: search for wrong answers that it accepts, shrink them, write a report.

    Examples:
        hoodwink attack --judge referee --attacks random,openers --problems 30 --seed 0 --out runs/first

        hoodwink attack --judge python:my_judges:grade --corpus file:problems.jsonl
    """
    from .fuzz.run import attack as call
    from .reports.progress import AttackProgress
    from .reports.summary import summarise
    from .reports.text import render_summary, write
    from .reports.views import report as write_report

    judging = open_named(judge, threshold=threshold, device=device, dtype=dtype, threads=threads)
    with AttackProgress(_errors()) as display:
        run = call(
            judging,
            corpus,
            attacks=[name.strip() for name in attacks.split(",") if name.strip()],
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
    write(_output(), render_summary(summary, checks=False))
    print(f"run     {run.folder}\nfinds   {run.folder / 'finds.jsonl'}\nreport  {write_report(run)}")
    return 3 if any(a.failed for a in summary.attacks) else 0


@app.command
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
    threshold: Threshold = None,
    device: Device = None,
    dtype: Dtype = None,
    threads: Threads = None,
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
    from .fuzz.collapse import Training
    from .fuzz.collapse import collapse as call
    from .reports.progress import CollapseProgress
    from .reports.text import write
    from .reports.views import report as write_report
    from .reports.views import view_of

    judging = open_named(judge, threshold=threshold, device=device, dtype=dtype, threads=threads)
    training = Training(**asdict(course))
    with CollapseProgress(_errors()) as display:
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
    view = view_of(run)
    write(_output(), view.text(view.summarise(run)))
    print(f"run     {run.folder}\nreport  {write_report(run)}")
    return 0


@app.command
def report(
    run: Path, *, to: Annotated[Path | None, Parameter(help="File to write. [default: RUN/report.html]")] = None
) -> int:
    """Write a run's HTML report, from its folder alone."""
    from .fuzz.run import load_run
    from .reports.views import report as call

    print(call(load_run(run), to=to))
    return 0


@app.command
def show(
    run: Path,
    *,
    json: Annotated[bool, Parameter(negative=(), help="Print JSON (schema hoodwink.run/1 and such).")] = False,
) -> int:
    """Print a run's results, from its folder alone."""
    from .fuzz.run import load_run
    from .reports.text import write
    from .reports.views import view_of

    loaded = load_run(run)
    view = view_of(loaded)
    summary = view.summarise(loaded)
    if json:
        _print_json(summary.to_json())
    else:
        write(_output(), view.text(summary))
    return 0


@app.command
def check(
    *,
    judge: Annotated[str, Parameter(help="Judge to check.")] = "referee",
    corpus: Annotated[str, Parameter(help="Problems with known right and wrong responses.")] = "arithmetic",
    problems: Annotated[
        int | None, Parameter(help="Problems to use. [default: 40, or all of a smaller corpus]")
    ] = None,
    seed: Annotated[int, Parameter(help="Draws the problems.")] = 0,
    threshold: Threshold = None,
    device: Device = None,
    dtype: Dtype = None,
    threads: Threads = None,
    json: Annotated[bool, Parameter(negative=(), help="Print JSON (schema hoodwink.checks/1).")] = False,
) -> int:
    """Measure a judge on clean responses, and say whether an attack on it would mean anything."""
    from .fuzz.run import check as call
    from .reports.text import render_checks, render_kinds, write

    judging = open_named(judge, threshold=threshold, device=device, dtype=dtype, threads=threads)
    name, checks = call(judging, corpus, problems=problems, seed=seed)
    if json:
        _print_json({"schema": "hoodwink.checks/1", "judge": name, **checks.to_json()})
    else:
        write(_output(), render_checks(name, checks))
        write(_output(), render_kinds(checks.quality))
    return 0


@app.command(name="list")
def list_names(what: Literal["judges", "attacks", "corpora"]) -> int:
    """List the judges, attacks or corpora that can be named, with their options."""
    from .reports.names import render_names
    from .reports.text import write

    write(_output(), render_names(what))
    return 0


@app.command
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
    from .judges.lora import Recipe
    from .judges.training import train as call
    from .reports.progress import TrainProgress

    recipe = Recipe(problems=problems, epochs=epochs, lr=lr, rank=rank, layers=layers, seed=seed)
    with TrainProgress(_errors()) as display:
        card = call(out, corpus, recipe=recipe, device=device, progress=display)
    return _trained(card, out)


@app.command
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
    from .fuzz.run import items_of, load_run
    from .judges.lora import Recipe
    from .judges.training import harden as call
    from .reports.progress import TrainProgress

    recipe = Recipe(problems=problems, epochs=epochs, lr=lr, seed=seed)
    items = items_of(load_run(run))[:finds]
    with TrainProgress(_errors()) as display:
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


def main(tokens: list[str] | None = None) -> None:
    """Run a command and exit with its code; errors are one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character gets its escape
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if tokens is None else tokens))


def run(tokens: list[str]) -> int:
    """Run a command and return its exit code."""
    from .reports.escape import visible

    try:
        code: Any = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except CycloptsError as error:
        return _fail(f"{visible(' '.join(str(error).split()))} (hoodwink --help lists commands and options)", 2)
    except HoodwinkError as error:
        return _fail(visible(" ".join(str(error).split())), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on from here", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _fail("the machine ran out of memory; the same command goes on from here", 3)
    except OSError as error:
        where = f": {visible(str(error.filename))}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}; the same command goes on from here", 3)
    except sqlite3.Error as error:  # a full disk, most of the time
        return _fail(f"cannot use the run's run.db: {error}; the same command goes on from here", 3)


def _fail(message: str, code: int) -> int:
    print(f"hoodwink: {message}", file=sys.stderr)
    return code


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True))


def _output() -> Any:
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=120)


def _errors() -> Any:
    from rich.console import Console

    return Console(stderr=True) if sys.stderr.isatty() else Console(stderr=True, width=160)
