"""The commands that ask a judge: attack and check."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from .options import (
    COMMON,
    JUDGE,
    NO_LIMITS,
    NO_OPENING,
    NOT_AHEAD,
    OUTPUT,
    PROBLEMS,
    SEARCH,
    AheadOptions,
    CommonOptions,
    ConfigFile,
    Goal,
    LimitOptions,
    OpeningOptions,
    Out,
    Seed,
    constraints,
    names,
    open_named,
)
from .terminal import errors, output, print_json, show_forecast


def attack(
    *,
    judge: Annotated[str, Parameter(group=JUDGE, help="Judge to attack: see `hoodwink list judges`.")] = "referee",
    opening: OpeningOptions = NO_OPENING,
    corpus: Annotated[str, Parameter(group=PROBLEMS, help="Problems: see `hoodwink list corpora`.")] = "arithmetic",
    problems: Annotated[
        int | None, Parameter(group=PROBLEMS, help="Problems to attack. [default: 20, or all of a smaller corpus]")
    ] = None,
    split: Annotated[
        Literal["train", "eval", "all"] | None,
        Parameter(group=PROBLEMS, help="Part of the corpus. [default: its own]"),
    ] = None,
    attacks: Annotated[
        str, Parameter(group=SEARCH, help="Attacks, comma-separated: see `hoodwink list attacks`.")
    ] = "auto",
    budget: Annotated[
        int, Parameter(group=SEARCH, help="Queries (distinct responses) for each problem, attack and seed.")
    ] = 640,
    seed: Seed = 0,
    seeds: Annotated[int, Parameter(group=SEARCH, help="How many seeds each attack runs with on each problem.")] = 1,
    goal: Goal = "accept",
    shrink_budget: Annotated[
        int, Parameter(group=SEARCH, help="Queries for shrinking each find; 0 leaves them as they are.")
    ] = 400,
    proposer: Annotated[
        str | None,
        Parameter(group=SEARCH, help="Language model for fluent attacks and perplexity. [default: the judge's own]"),
    ] = None,
    limits: LimitOptions = NO_LIMITS,
    ahead: AheadOptions = NOT_AHEAD,
    out: Out = None,
    common: CommonOptions = COMMON,
) -> int:
    """Attack a judge: search for wrong answers that it accepts, shrink them, write a report.

    Every verdict is kept before it is used. A run that was stopped goes on with the same command, pays for no verdict
    twice, and ends with the numbers of a run that never was.
    """
    from ..fuzz.run import attack as call
    from ..fuzz.run import resolve
    from ..reports.attack.summary import summarise
    from ..reports.attack.text import render_summary
    from ..reports.progress import AttackProgress
    from ..reports.text import write
    from ..reports.views import report as write_report

    judging = open_named(judge, opening, calibrating=True)
    settings: dict[str, Any] = {
        "attacks": names(attacks),
        "problems": problems,
        "budget": budget,
        "seed": seed,
        "seeds": seeds,
        "goal": goal,
        "split": split,
        "shrink_budget": shrink_budget,
        "constraints": constraints(limits),
        "proposer": proposer,
        "acceptance": opening.acceptance(),
    }
    if ahead.asked():
        from ..fuzz.forecast import of_attack

        resolved = resolve(judging, corpus, **settings)
        resolved.sight()  # refuses what the judge does not have
        return show_forecast(of_attack(resolved), judging, resolved.problems, ahead)
    with AttackProgress(errors(quiet=common.quiet)) as display:
        run = call(
            judging,
            corpus,
            **settings,
            out=out,
            on_checks=lambda checks: display.checks(judging.name, checks),
            progress=display,
        )
    summary = summarise(run)
    write(output(quiet=common.quiet), render_summary(summary, checks=False))
    page = write_report(run)
    if common.quiet:
        print(run.folder)
    else:
        print(f"run     {run.folder}\nfinds   {run.folder / 'finds.jsonl'}\nreport  {page}")
    return 3 if any(a.failed for a in summary.attacks) else 0


def check(
    *,
    judge: Annotated[str, Parameter(group=JUDGE, help="Judge to check: see `hoodwink list judges`.")] = "referee",
    opening: OpeningOptions = NO_OPENING,
    corpus: Annotated[
        str, Parameter(group=PROBLEMS, help="Problems with known responses: see `hoodwink list corpora`.")
    ] = "arithmetic",
    problems: Annotated[
        int | None, Parameter(group=PROBLEMS, help="Problems to use. [default: 40, or all of a smaller corpus]")
    ] = None,
    seed: Annotated[int, Parameter(group=PROBLEMS, help="Draws the problems.")] = 0,
    json: Annotated[
        bool,
        Parameter(group=OUTPUT, negative=(), show_default=False, help="Print JSON (schema hoodwink.checks/2)."),
    ] = False,
    config: ConfigFile = None,
) -> int:
    """Measure a judge on clean responses, and say whether an attack on it would mean anything.

    It asks for right answers, wrong ones and near misses, some of them again in other batches and orders, and writes
    nothing. Beside the judge's own decision stands what it accepts from a threshold on that is fixed on other problems,
    so that it accepts 95 % of right answers (--threshold 90% for another share). Each warning says what it means for
    the results of an attack. Of a judge around another it also shows what that costs: the same rates of the judge
    inside, on the same responses.
    """
    from ..fuzz.calibration import ACCEPTANCE
    from ..fuzz.defence_cost import Layer, layers
    from ..fuzz.run import check as call
    from ..judges.judge import Metered
    from ..reports.checking import checks_json, render_check
    from ..reports.defence_cost import render_layers
    from ..reports.text import write
    from ..reports.usage import render_usage, usage_json, usage_of

    judging = open_named(judge, opening, calibrating=True)
    inside: list[Layer] = []
    name, checks = call(
        judging,
        corpus,
        problems=problems,
        seed=seed,
        acceptance=opening.acceptance() or ACCEPTANCE,
        after=lambda gate, drawn: inside.extend(layers(gate, drawn)),
    )
    if json:
        more = {"layers": [layer.to_json() for layer in inside]} if inside else {}
        used = {"used": usage_json(judging.used())} if isinstance(judging, Metered) else {}
        print_json({**checks_json(name, checks), **more, **used})
    else:
        write(output(), render_check(name, checks))
        if inside:
            write(output(), render_layers(inside))
        write(output(), render_usage(usage_of(judging)))
    return 0
