"""What docs/pytest.md and docs/github-actions.md say is what happens: their code runs, their options are there."""

from __future__ import annotations

import re
from inspect import Parameter, signature
from pathlib import Path

import hoodwink
import hoodwink.reports.testing.session  # loaded here, since what an inner session loads first is dropped again
import pytest
from hoodwink import pytest_plugin
from hoodwink.reports.testing.bar import Bar

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "pytest.md").read_text("utf-8")
WORKFLOW = (DOCS / "github-actions.md").read_text("utf-8")
BLOCKS = {code.split("\n", 1)[0].removeprefix("# "): code for code in re.findall(r"```python\n(.*?)```", TEXT, re.S)}
OPTIONS = {
    *(f"--hoodwink-{o.name.replace('_', '-')}" for o in (*pytest_plugin.SETTINGS, *pytest_plugin.FILES)),
    "--hoodwink-explore",
}


@pytest.fixture
def written(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with the files of the page."""
    monkeypatch.delenv(pytest_plugin.ENVIRONMENT, raising=False)
    for name, code in BLOCKS.items():
        (pytester.path / name).write_text(code, "utf-8")
    return pytester


def test_its_tests_run(written: pytest.Pytester) -> None:
    """They are written for a judge that none of their cheap attacks fools."""
    result = written.runpytest_inprocess("-p", "no:hypothesispytest", "--hoodwink-judge=planted:conjunction")
    result.assert_outcomes(passed=7, failed=1)


def test_its_failure_is_what_pytest_prints(written: pytest.Pytester) -> None:
    (shown,) = re.findall(r"```\n(>       .*?)\n```", TEXT, re.S)
    result = written.runpytest_inprocess("-p", "no:hypothesispytest", "test_judge.py")
    lines = [line.rstrip() for line in result.outlines if re.match(r"[E>]( |$)", line)]
    printed = [re.sub(r"/\S*/hoodwink0/", "/tmp/pytest-of-you/pytest-0/hoodwink0/", line) for line in lines]
    assert printed == shown.splitlines()


def test_its_tables_name_every_option_and_keyword() -> None:
    assert set(re.findall(r"^\| `(--hoodwink-[a-z-]+)", TEXT, re.M)) == OPTIONS
    (table,) = re.findall(r"\| keyword \|.*?\n(?=\n)", TEXT, re.S)
    keywords = {word for row in table.splitlines()[2:] for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    parameters = signature(hoodwink.assert_robust).parameters.values()
    assert keywords == {p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY}
    assert f"| `max_asr` | {Bar().max_asr} |" in table
    assert f'| `gate` | `"{Bar().gate}"` |' in table
    assert f'| `check` | `"{Bar().check}"` |' in table


def test_the_workflow_is_one() -> None:
    yaml = pytest.importorskip("yaml")
    (code,) = re.findall(r"```yaml\n(.*?)```", WORKFLOW, re.S)
    jobs = yaml.safe_load(code)["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "pytest tests" in step.get("run", "")]
    assert len(commands) == len(jobs) == 2
    for command in commands:
        assert set(re.findall(r"--hoodwink-[a-z-]+", command)) <= OPTIONS
        (kept,) = {Path(file).parts[0] for file in re.findall(r"(\S+\.(?:html|xml))", command)}
        assert code.count(f"path: {kept}/") == 2
