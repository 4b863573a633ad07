"""The command line: parse, call, print. What a command does is one call of the library.

Exit codes: 0 fine, 1 a gate failed, 2 usage, 3 the judge or the machine failed, 130 interrupted.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from . import __version__
from .corpora.errors import HoodwinkError
from .options import NO_LIMITS, Device, Dtype, Limits, Out, Threads, Threshold, constraints, names, open_named
from .terminal import errors, output
from .training import collapse, duel, harden, train

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
    shrink_budget: Annotated[int, Parameter(help="Queries for shrinking each find; 0 leaves them as they are.")] = 400,
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
    run: Path, *, json: Annotated[bool, Parameter(negative=(), help="Print JSON (schema hoodwink.run/1).")] = False
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
        write(output(), view.text(summary))
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
        write(output(), render_checks(name, checks))
        write(output(), render_kinds(checks.quality))
    return 0


@app.command(name="list")
def list_names(what: Literal["judges", "attacks", "corpora", "recipes"]) -> int:
    """List the judges, attacks, corpora or recipes of hardening that can be named, with their options."""
    from .reports.names import render_names
    from .reports.text import write

    write(output(), render_names(what))
    return 0


for _command in (duel, collapse, train, harden):
    app.command(_command)


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
