"""Finds as a regression suite: two files that anyone's repository can hold, run by pytest where hoodwink is installed.

The test file is the same for every export, so that it is read once; `finds.json` beside it holds the finds, problem by
problem, to be read in a review. The test file's name follows from its folder's, since names of test files must differ
within a repository.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from ...corpora.errors import UsageError
from ...corpora.records import Problem
from ...fuzz.lines import shrunk_proof
from ..snippets import name_of
from .picking import Forms, Picked, Text
from .writing import as_json, as_python

DATA = "finds.json"
ABOUT = "Responses that fooled a judge although they are provably wrong. Made by `hoodwink export`."


def files(picked: Picked, out: Path, forms: Forms | None) -> dict[Path, bytes]:
    """A folder with a test file and `finds.json`."""
    if out.suffix.lower() == ".py":
        raise UsageError(f"{out} is the name of a file; name a folder, for the test file and {DATA}")
    if out.is_file():
        raise UsageError(f"{out} is a file; name a folder, for the test file and {DATA}")
    by_problem: dict[str, list[Text]] = {}
    for text in picked.texts(forms or "both"):
        by_problem.setdefault(text.case.problem.id, []).append(text)
    data = {
        "about": ABOUT,
        "run": picked.folder.resolve().name,
        "judge": picked.judge,
        "problems": [_problem(texts) for texts in by_problem.values()],
    }
    code = resources("hoodwink.reports").joinpath("templates", "suite.py.txt").read_text("utf-8")
    return {out / DATA: as_json(data), out / module(out): as_python(code)}


def module(folder: Path) -> str:
    """The name of the test file in a folder."""
    word = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    return "test_finds.py" if word in ("", "test", "tests") else f"test_{word.removeprefix('test_')}_finds.py"


def _problem(texts: Sequence[Text]) -> dict[str, Any]:
    """A problem with its finds; a find whose forms are all there already, by an earlier find, is left out."""
    problem = texts[0].case.problem
    finds: dict[str, dict[str, Any]] = {}
    for case, form, text in texts:
        find = case.find
        about = {name: find[name] for name in ("kind", "attack", "judge", "proof")}
        about["shrunk_proof"] = shrunk_proof(find)
        about["score"] = round(find["score"], 4)
        finds.setdefault(name_of(find), {**about, "responses": {}})["responses"][form] = text
    return {
        "name": problem_name(problem),
        "question": problem.question,
        "reference": problem.reference,
        "right": texts[0].case.right[0],
        "finds": finds,
    }


def problem_name(problem: Problem) -> str:
    """What a problem is called in tests: its family, and part of its hash, in small letters, digits and `_`."""
    family = re.sub(r"[^a-z0-9]+", "_", problem.family.lower()).strip("_")[:24]
    return "_".join(filter(None, [family, problem.id[:10]]))
