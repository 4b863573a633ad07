"""Exported tests, run by pytest: they fail on the judge that was fooled, pass on a better one, and obey no find."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Candidate, Run, export, strategies
from hoodwink.judges.opening import opened_once

pytest_plugins = ["pytester"]

#: What Hypothesis knows is registered once a process; pytester would unload it with what its first run had imported.
assert strategies.PROFILE

#: A judge that rejects everything, one that accepts it, and one that nothing fools which is proved wrong.
OTHERS = """
from hoodwink import Truth
from hoodwink.corpora.oracles import open_oracle

def nothing(response):
    return False

def everything(response):
    return True

def honest(problem, response):
    return open_oracle("exact").truth(problem, response) is not Truth.WRONG
"""
HONEST = "python:other_judges:honest"


def suite(pytester: pytest.Pytester, run: Run, to: str, out: str, **options: Any) -> hoodwink.reports.exports.Exported:
    """An export into the folder in which tests run, with other judges beside it."""
    pytester.makepyfile(other_judges=OTHERS)
    return export(run, to=to, out=pytester.path / out, **options)


def outcome(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly", *options)


def texts(run: Run) -> set[tuple[str, str]]:
    return {(find["problem"], find[form]) for find in run.finds for form in ("response", "shrunk")}


# The regression suite


def test_the_suite_fails_on_the_judge_that_was_fooled(pytester: pytest.Pytester, planted_run: Run) -> None:
    suite(pytester, planted_run, "pytest", "judge")
    problems = {find["problem"] for find in planted_run.finds}
    result = outcome(pytester)
    result.assert_outcomes(failed=len(texts(planted_run)), passed=len(problems))
    failed = {line.split("::")[1].split("[")[0] for line in result.outlines if line.startswith("FAILED")}
    assert failed == {"test_rejects_what_fooled_it"}


def test_the_suite_passes_on_a_judge_without_that_hole(pytester: pytest.Pytester, planted_run: Run) -> None:
    suite(pytester, planted_run, "pytest", "judge")
    problems = {find["problem"] for find in planted_run.finds}
    result = outcome(pytester, "--hoodwink-judge", HONEST)
    result.assert_outcomes(passed=len(texts(planted_run)) + len(problems))


def test_a_judge_that_rejects_everything_does_not_pass(pytester: pytest.Pytester, planted_run: Run) -> None:
    suite(pytester, planted_run, "pytest", "judge")
    pytester.makeini("[pytest]\nhoodwink_judge = python:other_judges:nothing\n")
    problems = {find["problem"] for find in planted_run.finds}
    result = outcome(pytester)
    result.assert_outcomes(passed=len(texts(planted_run)), failed=len(problems))
    failed = {line.split("::")[1].split("[")[0] for line in result.outlines if line.startswith("FAILED")}
    assert failed == {"test_accepts_a_right_answer"}


def test_a_suite_of_a_function_asks_for_a_name(pytester: pytest.Pytester, seeded_run: Run) -> None:
    done = suite(pytester, seeded_run, "pytest", "judge", limit=2, forms="found")
    assert json.loads(done.files[0].read_text("ascii"))["judge"] is None
    result = outcome(pytester)
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["no judge is named; *--hoodwink-judge NAME*"])
    outcome(pytester, "--hoodwink-judge", HONEST).assert_outcomes(passed=4)


def test_suites_of_two_runs_stand_beside_each_other(
    pytester: pytest.Pytester, planted_run: Run, seeded_run: Run
) -> None:
    for run, out in ((planted_run, "a/first"), (seeded_run, "b/first-2"), (seeded_run, "tests")):
        suite(pytester, run, "pytest", out, limit=1, forms="found")
    names = {path.name for path in pytester.path.rglob("test_*.py")}
    assert names == {"test_first_finds.py", "test_first_2_finds.py", "test_finds.py"}
    outcome(pytester, "--hoodwink-judge", HONEST).assert_outcomes(passed=6)


def test_the_suite_is_small_and_holds_no_find(pytester: pytest.Pytester, planted_run: Run, seeded_run: Run) -> None:
    (_, first), (_, second) = (
        suite(pytester, run, "pytest", str(i)).files for i, run in enumerate((planted_run, seeded_run))
    )
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_text("ascii").splitlines()) < 60


def test_alone_in_another_process_it_does_the_same(tmp_path: Path, planted_run: Run) -> None:
    """As in anybody's repository: nothing but hoodwink is there."""
    done = export(planted_run, to="pytest", out=tmp_path / "judge", limit=2)
    count = len({(text, problem["name"]) for problem in json.loads(done.files[0].read_text("ascii"))["problems"]
                 for find in problem["finds"].values() for text in find["responses"].values()})  # fmt: skip
    home = Path(hoodwink.__file__).parents[1]

    def result(*options: str) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "judge"],
            cwd=tmp_path,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}, "PYTHONPATH": str(home)},
            capture_output=True,
            text=True,
        )
        return ended.returncode, ended.stdout

    code, said = result()
    assert code == 1
    assert re.search(rf"{count} failed, {done.problems} passed", said)
    code, said = result("--hoodwink-judge", "planted:trigger")
    assert code == 0
    assert re.search(rf"{count + done.problems} passed", said)


@pytest.fixture(scope="module")
def referee() -> hoodwink.Judge:
    """The judge that suites open by this name. pytester moves the home folder, and with it the cache."""
    return opened_once("referee")


@pytest.mark.slow
def test_finds_on_the_referee_fail_on_it_and_pass_on_an_honest_judge(
    referee: hoodwink.Judge, pytester: pytest.Pytester
) -> None:
    out = pytester.path / "run"
    run = hoodwink.attack(referee, attacks=["openers"], problems=2, budget=30, shrink_budget=20, out=out)
    done = suite(pytester, run, "pytest", "judge")
    count = len(texts(run))
    assert count >= done.finds >= 1
    outcome(pytester, "judge").assert_outcomes(failed=count, passed=done.problems)
    outcome(pytester, "judge", "--hoodwink-judge", HONEST).assert_outcomes(passed=count + done.problems)


# Property tests


def test_property_tests_fail_on_the_judge_that_was_fooled(pytester: pytest.Pytester, planted_run: Run) -> None:
    suite(pytester, planted_run, "hypothesis", "test_judge.py")
    result = outcome(pytester)
    result.assert_outcomes(failed=1, passed=1)
    assert "Failing explicit example: test_wrong_responses_are_rejected" in result.stdout.str()


def test_property_tests_pass_on_an_honest_judge_and_not_on_one_that_rejects_everything(
    pytester: pytest.Pytester, planted_run: Run
) -> None:
    suite(pytester, planted_run, "hypothesis", "test_judge.py")
    outcome(pytester, "--hoodwink-judge", HONEST).assert_outcomes(passed=2)
    result = outcome(pytester, "--hoodwink-judge", "python:other_judges:nothing")
    result.assert_outcomes(passed=1, failed=1)
    assert "FAILED test_judge.py::test_right_responses_are_accepted" in result.stdout.str()


def examples(code: str) -> set[tuple[str, str, str, str]]:
    """Question, reference, right response and text of every `@example`, as Python reads them."""
    tree = ast.parse(code)
    (table,) = (n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "PROBLEMS")
    assert isinstance(table, ast.Dict)
    problems = {}
    for name, call in zip(table.keys, table.values, strict=True):
        assert isinstance(call, ast.Call)
        values = {k.arg: k.value for k in call.keywords}
        (right,) = values["right"].elts  # type: ignore[attr-defined]
        known = [values["question"], values["reference"], right.args[0]]
        problems[ast.literal_eval(name)] = [ast.literal_eval(value) for value in known]  # type: ignore[arg-type]
    calls = [
        d for n in tree.body if isinstance(n, ast.FunctionDef) for d in n.decorator_list if isinstance(d, ast.Call)
    ]
    items = [d.keywords[0].value for d in calls if ast.unparse(d.func) == "example"]
    pairs = [(ast.literal_eval(i.args[0].slice), ast.literal_eval(i.args[1])) for i in items]  # type: ignore[attr-defined]
    return {(*problems[name], text) for name, text in pairs}


@pytest.mark.parametrize("run", ["planted_run", "duel_run", "shouted", "hostile_duel"])
def test_every_text_is_an_example_of_exactly_its_value(
    run: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    export(request.getfixturevalue(run), to="hypothesis", out=tmp_path / "test_judge.py")
    export(request.getfixturevalue(run), to="preferences", out=tmp_path / "p.jsonl", forms="both")
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text("ascii").splitlines()]
    code = (tmp_path / "test_judge.py").read_text("ascii")
    found = {(question, reference, text) for question, reference, _, text in examples(code)}
    assert found == {(row["prompt"][0]["content"], row["reference"], row["rejected"][0]["content"]) for row in rows}


RUFF = shutil.which("ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
@pytest.mark.parametrize("run", ["duel_run", "shouted"])
def test_formatters_leave_the_files_as_they_are(run: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Else an export that nobody changed would count as changed."""
    export(request.getfixturevalue(run), to="pytest", out=tmp_path / "judge")
    export(request.getfixturevalue(run), to="hypothesis", out=tmp_path / "test_judge.py")
    for width in ("80", "88", "120"):
        arguments = ["format", "--isolated", "--no-cache", "--line-length", width, "--diff", str(tmp_path)]
        done = subprocess.run([str(RUFF), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


# Hostile finds


#: Texts that end strings, comments, lines, tags and templates where they are not escaped.
HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
HOSTILE += [
    '"""',
    "'''",
    "\\",
    '\\"',
    "\\\n",
    "# -*- coding: utf-7 -*-",
    "\r",
    "\x0c",
    "\x85\u2029",
    "\\N{BULLET}",
    "x" * 100_000,
]
HOSTILE += [
    '"""\nimport os\nos.abort()\n"""',
    "')\nimport os; os.abort()  #",
    "{{ cycler.__init__ }}",
    "${HOME} %s {0}",
]


def shout(target: hoodwink.Target, rng: object) -> Iterator[list[Candidate]]:
    """The hostile text that stands in the question; where the oracle is not sure of it, a plain one."""
    name = '\n\'"""shout'
    yield [Candidate(text, name, text[:50]) for text in HOSTILE if target.question == f"What of {text}?"]
    yield [Candidate("no", name, "no")]


@pytest.fixture(scope="session")
def shouted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A find for every hostile text, and the text in question and family too."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [
        {
            "question": f"What of {text}?",
            "reference": f"{i}1077",
            "right": [f"It is {i}1077: {text}"],
            "wrong": "2",
            "family": text,
        }
        for i, text in enumerate(HOSTILE)
    ]
    (folder / "hostile.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def grade(response: str) -> bool:
        return response != "2"

    corpus = f"file:{folder / 'hostile.jsonl'}"
    count = {"problems": len(rows), "budget": 5, "shrink_budget": 0}
    run = hoodwink.attack(grade, corpus, attacks=[shout], out=folder / "run", **count)
    # A text that is shown in another direction may state any number, so it stands in a question and a right response.
    assert {find["response"] for find in run.finds} == {text for text in HOSTILE if "\u202e" not in text} | {"no"}
    assert {find["family"] for find in run.finds} == set(HOSTILE)
    return run


@pytest.fixture(params=["shouted", "hostile_duel"])
def hostile(request: pytest.FixtureRequest) -> Run:
    """Runs full of hostile text."""
    run: Run = request.getfixturevalue(request.param)
    return run


@pytest.mark.parametrize(
    ("to", "out"),
    [("pytest", "suite"), ("hypothesis", "test_judge.py"), ("jsonl", "f.jsonl"), ("preferences", "p.jsonl")],
)
def test_hostile_finds_are_written_in_printable_ascii(hostile: Run, tmp_path: Path, to: str, out: str) -> None:
    for path in export(hostile, to=to, out=tmp_path / out).files:
        text = path.read_text("ascii")
        assert text.replace("\n", "").isprintable()
        if path.suffix == ".py":
            compile(text, str(path), "exec")


def test_hostile_finds_keep_their_values(hostile: Run, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet")
    export(hostile, to="parquet", out=tmp_path / "f.parquet")
    export(hostile, to="jsonl", out=tmp_path / "f.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "f.jsonl").read_text("ascii").splitlines()]
    assert pyarrow.read_table(tmp_path / "f.parquet").to_pylist() == rows
    folders = [hostile.folder, *(hostile.folder / "rounds").glob("*/*")]
    finds = [find for folder in folders for find in hoodwink.load_run(folder).finds]
    assert {(row["question"], row["response"]) for row in rows} == {(f["question"], f["response"]) for f in finds}


def test_names_of_hostile_finds_are_plain(hostile: Run, tmp_path: Path) -> None:
    data = json.loads(export(hostile, to="pytest", out=tmp_path / "suite").files[0].read_text("ascii"))
    names = [problem["name"] for problem in data["problems"]]
    names += [name for problem in data["problems"] for name in problem["finds"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]{10,60}", name) for name in names)


@pytest.mark.parametrize(("to", "out"), [("pytest", "suite"), ("hypothesis", "test_judge.py")])
def test_tests_of_hostile_finds_run_and_print_nothing_raw(
    pytester: pytest.Pytester, shouted: Run, to: str, out: str
) -> None:
    suite(pytester, shouted, to, out)
    honest = outcome(pytester, "--hoodwink-judge", HONEST)
    honest.assert_outcomes(passed=honest.parseoutcomes()["passed"])
    fooled = outcome(pytester, "--hoodwink-judge", "python:other_judges:everything", "-vv", "--showlocals")
    assert fooled.parseoutcomes()["failed"] >= 1
    assert "errors" not in fooled.parseoutcomes()
    shown = [line for line in fooled.outlines if not line.isprintable()]
    assert shown == []
