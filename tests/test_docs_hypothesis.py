"""docs/hypothesis.md: its files, put into a folder, do what the page says that they do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "hypothesis.md").read_text("utf-8")
FILES = {name: text for text, name in re.findall(r"```python\n(# (\S+)\n.*?)```", PAGE, re.DOTALL)}
PRINTED = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says in a folder with these files."""
    folder = tmp_path_factory.mktemp("docs")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--tb=short"],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_all_examples_are_files() -> None:
    assert sorted(FILES) == ["conftest.py", "my_judges.py", "test_properties.py", "test_wrong.py"]
    assert PAGE.count("```python") == len(FILES)


def test_what_passes_and_what_fails(output: str) -> None:
    assert set(re.findall(r"^(PASSED|FAILED) \S+::(\w+)", output, re.MULTILINE)) == {
        ("FAILED", "test_wrong_responses_are_rejected"),
        ("PASSED", "test_right_responses_are_accepted"),
        ("FAILED", "test_blanks_at_the_end_change_nothing"),
        ("PASSED", "test_a_verdict_can_be_read"),
    }


@pytest.mark.parametrize("printed", PRINTED, ids=lambda text: re.findall(r"test_\w+", text)[0])
def test_failing_examples_are_printed_as_on_the_page(printed: str, output: str) -> None:
    """But for the first words, which change from one release of Hypothesis to the next."""
    said = [line.removeprefix("E").strip() for line in output.splitlines()]
    wanted = [line.strip() for line in printed.partition(": ")[2].splitlines()]
    assert "\n".join(wanted) in "\n".join(said)
