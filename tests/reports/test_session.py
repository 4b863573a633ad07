"""What a session of tests is said to have shown, by its records alone."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import pytest_plugin
from hoodwink.reports.answers import BROKEN, BY_WHAT, CHEAPLY, TO_DO
from hoodwink.reports.testing.recording import Entry, Record
from hoodwink.reports.testing.session import answers, known_finds, lines, render, write_report

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))


def group(shrunk: str, problems: int = 1, **more: Any) -> dict[str, Any]:
    """A group of finds, as a record holds it."""
    texts = {"question": "What is 20 + 3?", "reference": "23", "response": shrunk, "proof": "states no number"}
    return {
        "shrunk": shrunk,
        "problems": problems,
        "score": 0.9,
        "kind": "nonsense",
        "attack": "auto",
        "queries": 7,
    } | {
        **texts,
        **more,
    }


def attacked(fooled: int, gate: str = "failed", **more: Any) -> Record:
    """A test that attacked a judge on twenty problems."""
    shown = [group("Yes", fooled)] if fooled else []
    settings: dict[str, Any] = {"problems": 20, "fooled": fooled, "asr": fooled / 20, "interval": (0.0, 0.161)}
    settings |= {"limit": 0.05, "gated": "point", "queries": 640, "shown": shown, "finds": fooled, "again": "pytest x"}
    return Record(**{"what": "assert_robust", "gate": gate, "judge": "mine", "said": "is fooled", **settings, **more})


def known(gate: str, judge: str = "mine") -> Record:
    """A test of one known find."""
    shown = [group("x", attack="", proof="")] if gate == "failed" else []
    return Record(what="assert_rejects", gate=gate, judge=judge, said="accepts 'x'", shown=shown)  # type: ignore[arg-type]


def entries(*records: Record) -> list[Entry]:
    return [Entry(f"test_{i}.py::test", "failed" if r.gate == "failed" else "passed", r) for i, r in enumerate(records)]


def test_lines_are_one_for_each_attack_and_one_for_all_known_finds_of_a_judge() -> None:
    told = lines(
        entries(attacked(3), known("passed"), known("failed"), attacked(0, "passed"), known("passed", "other"))
    )
    assert told == [
        ("failed  test_0.py::test: judge mine is fooled", True),
        ("passed  test_3.py::test: judge mine is fooled", False),
        ("failed  judge mine rejects 1 of 2 known finds", True),
        ("passed  judge other rejects 1 of 1 known finds", False),
    ]


def test_known_finds_are_counted_by_judge() -> None:
    found = known_finds(entries(known("passed"), known("failed"), known("failed"), known("passed", "other")))
    assert [(k.judge, k.asked, k.accepted) for k in found] == [("mine", 3, 2), ("other", 1, 0)]


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], {BROKEN: "Nobody knows: no test asked about a judge."}),
        (
            [attacked(0, "passed"), attacked(12, run="somewhere"), known("passed")],
            {
                BROKEN: "Yes: 1 of 3 tests of judges failed. The worst: "
                "mine is fooled on 12 of 20 problems (ASR 60%, 0–16%).",
                CHEAPLY: "The cheapest find took 7 queries; all searches asked about 1280 responses.",
                BY_WHAT: "Most often by 'Yes' (nonsense), on 12 problems of one test.",
                TO_DO: "Read the finds below, harden the judge on them, and keep them as tests.",
            },
        ),
        (
            [attacked(0, "passed")],
            {
                BROKEN: "The one test of a judge passed. Judge mine is fooled on 0 of 20 problems (ASR 0%, 0–16%).",
                TO_DO: "So few problems leave room for an ASR of up to 16%. "
                "Attack more of them, longer, and with another seed, every night say.",
            },
        ),
        (
            [known("failed")],
            {
                BROKEN: "Yes: the one test of a judge failed.",
                TO_DO: "The judge accepts finds that it should know: harden it on them, or go back to the one before.",
            },
        ),
        (
            [attacked(0, "unfit", asr=None, interval=None, run="somewhere")],
            {
                BROKEN: "Yes: the one test of a judge failed.",
                TO_DO: "Mend what is wrong without any attack first: the table below says what that is.",
            },
        ),
    ],
)
def test_the_first_screen(records: list[Record], said: dict[str, str]) -> None:
    assert {answer.question: answer.text for answer in answers(entries(*records))} == said


def test_what_to_do_comes_as_a_command() -> None:
    made = answers(entries(attacked(3, run="runs/a"), attacked(9, run="runs/b c"), attacked(0, "passed", run="runs/d")))
    assert made[-1].command == "hoodwink export 'runs/b c' --to pytest tests/known"
    words = answers(entries(attacked(0, "passed")))[-1].command.split()
    known = {f"--hoodwink-{option.name}" for option in pytest_plugin.SETTINGS} | {"--hoodwink-explore"}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_page_links_to_the_runs_that_are_there(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"attacks": ["openers"], "problems": 2, "budget": 12, "shrink_budget": 0}
    run = hoodwink.attack("planted:trigger", **settings, out=tmp_path / "runs" / "a b")
    made = [attacked(2, run=str(run.folder)), attacked(1, run=str(tmp_path / "elsewhere"))]
    page = write_report(entries(*made), tmp_path / "out" / "page.html").read_text("utf-8")
    assert 'href="../runs/a%20b/report.html"' in page
    assert (tmp_path / "runs" / "a b" / "report.html").is_file()
    assert page.count(">report</a>") == 1
    assert page.count("<code>pytest x</code>") == 2


def test_a_page_says_where_the_test_and_the_gate_differ(tmp_path: Path) -> None:
    page = render([Entry("t", "passed", attacked(5)), Entry("u", "failed", attacked(5))], tmp_path)
    assert page.count("(test passed)") == 1
    assert "(test failed)" not in page


def test_pages_are_bounded_and_everything_is_escaped(tmp_path: Path) -> None:
    hostile = "".join(HOSTILE)
    shown = [group(f"{i} {'<i>' * 700}", response="<b>" * 700) for i in range(20)]
    made = [
        attacked(20, judge=hostile, said=hostile, shown=[group(hostile, 2, question=hostile), *shown])
        for _ in range(40)
    ]
    page = render([Entry(hostile, "failed", r) for r in made], tmp_path, seed=17)
    assert len(page.encode()) < 2_000_000
    assert "more groups of finds did not fit" in page
    assert "--hoodwink-seed 17" in page
    assert "<script" not in page
    assert "<img" not in page
    assert html.escape("<script>alert(1)</script>") in page
