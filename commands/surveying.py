"""The command that sets many judges side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from ..corpora.errors import UsageError
from .options import COMMON, FORECAST, JUDGE, OUTPUT, PROBLEMS, SEARCH, CommonOptions, Seed, names, share_of
from .terminal import errors, output, print_json

#: Where a survey is left unless another folder is named.
FOLDER = Path("runs/survey")


def survey(
    *,
    judge: Annotated[
        tuple[str, ...],
        Parameter(
            group=JUDGE, negative=(), show_default=False, help="A judge, see `hoodwink list judges`; once for each."
        ),
    ] = (),
    judges: Annotated[
        Path | None,
        Parameter(group=JUDGE, help="File with judges: a name a line, or TOML with [[judge]] tables (name, label)."),
    ] = None,
    threshold: Annotated[
        str | None,
        Parameter(
            group=JUDGE,
            help="Share of right answers that every judge is to accept, such as 95%: thresholds are fixed by that on "
            "other problems. [default: their own]",
        ),
    ] = None,
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
    ] = "openers,random,auto",
    budget: Annotated[
        int, Parameter(group=SEARCH, help="Queries (distinct responses) for each problem, attack and seed.")
    ] = 640,
    seed: Seed = 0,
    seeds: Annotated[int, Parameter(group=SEARCH, help="How many seeds each attack runs with on each problem.")] = 1,
    shrink_budget: Annotated[
        int, Parameter(group=SEARCH, help="Queries for shrinking each find; 0 leaves them as they are.")
    ] = 0,
    proposer: Annotated[
        str | None, Parameter(group=SEARCH, help="Language model for fluent attacks. [default: each judge's own]")
    ] = None,
    dry_run: Annotated[
        bool,
        Parameter(
            group=FORECAST,
            negative=(),
            show_default=False,
            help="Say what the survey would ask at most; ask and write nothing.",
        ),
    ] = False,
    out: Annotated[
        Path,
        Parameter(group=OUTPUT, help="Folder of the survey; the same command on it goes on where it stopped."),
    ] = FOLDER,
    json: Annotated[
        bool,
        Parameter(group=OUTPUT, negative=(), show_default=False, help="Print JSON (schema hoodwink.survey/1)."),
    ] = False,
    common: CommonOptions = COMMON,
) -> int:
    """Check and attack many judges in the same way, and set them side by side in one table.

    The run of each judge is in a folder of its own and like any other: `hoodwink show` and `report` read it. A judge
    that fails leaves a line in the table, and the others go on; the same command tries it again. With more judges, the
    same folder asks those that are new.
    """
    from ..fuzz.survey import survey as call
    from ..reports.progress import SurveyProgress
    from ..reports.survey.markdown import write_table
    from ..reports.survey.summary import summarise
    from ..reports.survey.text import render_survey
    from ..reports.text import write
    from ..reports.views import report as write_report

    chosen = _chosen(judge, judges)
    settings: dict[str, Any] = {
        "attacks": names(attacks),
        "problems": problems,
        "budget": budget,
        "seed": seed,
        "seeds": seeds,
        "split": split,
        "shrink_budget": shrink_budget,
        "proposer": proposer,
        "acceptance": _acceptance(threshold),
    }
    if dry_run:
        return _foretell(chosen, corpus, out, settings)
    with SurveyProgress(errors(quiet=common.quiet)) as display:
        run = call(chosen, corpus, **settings, out=out, watch=display.watch())
    summary = summarise(run)
    table, page = write_table(summary, run.folder), write_report(run)
    if common.quiet:
        print(run.folder)
    elif json:
        print_json(summary.to_json())
    else:
        write(output(), render_survey(summary))
        print(f"survey  {run.folder}\ntable   {table}\nreport  {page}")
    return 3 if summary.failed else 0


def _acceptance(threshold: str | None) -> float | None:
    """The share of right answers that judges are to accept; a score as a threshold belongs to one judge."""
    share = None if threshold is None else share_of(threshold)
    if threshold is not None and share is None:
        raise UsageError(f"threshold {threshold!r} is no percentage; write 95%, or a score in a judge's name")
    return share


def _chosen(given: tuple[str, ...], file: Path | None) -> dict[str, str]:
    """The judges by their labels, those of the file before those of the command line."""
    from ..fuzz.survey import read_judges

    for name in given:
        if given.count(name) > 1:
            raise UsageError(f"judge {name} is given {given.count(name)} times; give each once")
    found = {} if file is None else read_judges(file)
    for name in given:
        if name in found:
            raise UsageError(f"judge {name} is in {file} too; give each once")
    chosen = {**found, **{name: name for name in given}}
    if not chosen:
        raise UsageError("no judge is given; write --judge NAME for each, or --judges FILE")
    return chosen


def _foretell(chosen: dict[str, str], corpus: str, out: Path, settings: dict[str, Any]) -> int:
    """Print what a survey would ask at most."""
    from ..fuzz.forecast import of_survey
    from ..fuzz.survey import foretell
    from ..reports.forecast import render_survey_forecast
    from ..reports.text import write

    write(output(), render_survey_forecast(of_survey(foretell(chosen, corpus, out=out, **settings))))
    return 0
