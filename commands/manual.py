"""What stands below the options in each command's help: examples, files, exit codes, environment."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

EXIT_CODES = (
    "0    fine",
    "1    a gate failed",
    "2    wrong usage: one line says what is wrong and what to write instead",
    "3    the judge or the machine failed: the same command goes on from there",
    "130  interrupted",
)

ENVIRONMENT = (
    "HOODWINK_BUDGET and so on  what --budget is where it is not given",
    "HOODWINK_CACHE             where models are kept; else ~/.cache/hoodwink",
    "NO_COLOR, FORCE_COLOR      no colours, or colours also without a terminal",
)

#: What a run leaves.
RUN_FILES = (
    "RUN/run.db           every verdict, as SQLite",
    "RUN/config.json      all settings, with versions and seeds",
    "RUN/report.html      the report, one file",
)


@dataclass(frozen=True, slots=True)
class Page:
    """What is special of a command."""

    examples: Sequence[str]
    files: Sequence[str] = ()

    def text(self) -> str:
        """The sections, as help shows them."""
        sections = {
            "Examples": self.examples,
            "Files": (*self.files, "pyproject.toml       options, in [tool.hoodwink]: see hoodwink show-config"),
            "Exit codes": EXIT_CODES,
            "Environment": ENVIRONMENT,
        }
        return "\n\n".join("\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections.items())


ROOT = Page(
    (
        "hoodwink attack --judge referee --problems 5 --budget 100 --out runs/first",
        "hoodwink attack --judge python:my_judges:grade --corpus file:problems.jsonl",
        "hoodwink show runs/first --json",
        "hoodwink attack --help",
    ),
)

PAGES = {
    "attack": Page(
        (
            "hoodwink attack --attacks random,openers --problems 30 --out runs/first",
            "hoodwink attack --judge python:my_judges:grade --corpus file:problems.jsonl",
            "hoodwink attack --judge hf:ORG/MODEL --dry-run --measure",
            "hoodwink attack --judge smollm2 --threshold 95%",
        ),
        (*RUN_FILES[:2], "RUN/finds.jsonl      a find a line", RUN_FILES[2]),
    ),
    "check": Page(
        (
            "hoodwink check --judge python:my_judges:grade --corpus file:problems.jsonl",
            "hoodwink check --judge smollm2 --problems 10 --json",
            "hoodwink check --judge smollm2 --threshold 90%",
        ),
    ),
    "duel": Page(
        (
            "hoodwink duel --judge referee --rounds 5 --out runs/duel",
            "hoodwink duel --rounds 2 --recipe all --out runs/recipes",
            "hoodwink duel --rounds 2 --dry-run",
        ),
        (
            *RUN_FILES,
            "RUN/judges/round-N/  a round's judge, and what it was trained on",
            "RUN/rounds/N/        attack runs like any other: eval, held-out, train",
        ),
    ),
    "collapse": Page(
        (
            "hoodwink collapse --judge referee --out runs/collapse",
            "hoodwink collapse --policy smollm2 --batch 32 --steps 200",
        ),
        RUN_FILES,
    ),
    "train": Page(
        ("hoodwink train --out runs/my-referee", "hoodwink attack --judge referee:adapter=runs/my-referee"),
        ("OUT/README.md        the card: how good the judge is on held-out problems",),
    ),
    "harden": Page(
        (
            "hoodwink attack --split train --problems 150 --out runs/harvest",
            "hoodwink harden runs/harvest --out runs/hard",
            "hoodwink attack --judge referee:adapter=runs/hard",
        ),
        ("OUT/README.md        the card: how good the judge is on held-out problems",),
    ),
    "survey": Page(
        (
            "hoodwink survey --judge referee --judge smollm2 --problems 8 --out runs/survey",
            "hoodwink survey --judges judges.toml --attacks openers,random,auto --out runs/survey",
            "hoodwink survey --judges judges.toml --dry-run",
        ),
        (
            "RUN/table.md         the table in Markdown",
            "RUN/report.html      the report, one file",
            "RUN/JUDGE/           the run of a judge, like any other",
        ),
    ),
    "show": Page(("hoodwink show runs/first", "hoodwink show runs/first --json")),
    "report": Page(("hoodwink report runs/first", "hoodwink report runs/first --to page.html")),
    "export": Page(
        (
            "hoodwink export runs/mine --to pytest tests/judge && pytest tests/judge",
            "hoodwink export runs/mine --to preferences --split train preferences.jsonl",
        ),
    ),
    "compare": Page(
        (
            "hoodwink compare runs/before runs/after",
            "hoodwink compare runs/before runs/after --fail-on-regression --to runs/compare.html",
        ),
    ),
    "transfer": Page(
        (
            "hoodwink transfer runs/first --judge smollm2 --judge planted:echo",
            "hoodwink transfer runs/first runs/second --threshold 95%",
        ),
        RUN_FILES,
    ),
    "list": Page(("hoodwink list judges", "hoodwink list attacks")),
    "show-config": Page(
        ("hoodwink show-config", "hoodwink show-config attack", "HOODWINK_BUDGET=100 hoodwink show-config attack"),
    ),
    "completion": Page(
        (
            'eval "$(hoodwink completion bash)"            # bash, in ~/.bashrc',
            "hoodwink completion zsh > ~/.zfunc/_hoodwink  # zsh, with fpath+=~/.zfunc before compinit",
            "hoodwink completion fish > ~/.config/fish/completions/hoodwink.fish",
        ),
    ),
}


def paragraphs(command: Callable[..., Any]) -> str:
    """A command's docstring with a line for each paragraph: a terminal has its own width."""
    return "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(command) or "").split("\n\n"))


def epilogue(command: str) -> str:
    """What stands below the options of a command; commands without a page of their own have the common sections."""
    return PAGES.get(command, Page((f"hoodwink {command} --help",))).text()
