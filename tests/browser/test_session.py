"""The page over a session of tests in a real browser, full of hostile text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink.reports.testing.recording import Entry, Record
from hoodwink.reports.testing.session import write_report

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tests that failed, one of them on a run that is there, and one that passed."""
    folder = tmp_path_factory.mktemp("session")
    settings: dict[str, Any] = {"attacks": ["openers"], "problems": 2, "budget": 12, "shrink_budget": 0}
    run = hoodwink.attack("planted:trigger", **settings, out=folder / "page-runs" / "first")
    texts = ("shrunk", "question", "reference", "response", "proof")
    group = {"score": 0.9, "problems": 2, "kind": "nonsense", "attack": "auto", "queries": 3}
    shown = [{**group, **dict.fromkeys(texts, text)} for text in HOSTILE]
    common: dict[str, Any] = {"corpus": "arithmetic", "attacks": ["auto"], "problems": 20, "asr": 0.1, "limit": 0.05}
    common |= {
        "interval": (0.03, 0.3),
        "fooled": 2,
        "queries": 900,
        "budget": 640,
        "shown": shown,
        "flags": ["unsteady"],
    }
    records = [
        Record(
            "assert_robust", "failed", "".join(HOSTILE), "is fooled", run=str(run.folder), again="pytest x", **common
        ),
        Record("assert_robust", "passed", "function:grade", "is fooled on 0 of 20 problems", again="pytest y"),
        Record("assert_robust", "unfit", "function:grade", HOSTILE[0], flags=["coin-flip"]),
        Record("assert_rejects", "failed", "function:grade", "accepts 'x'", shown=shown[:1]),
    ]
    names = ["".join(HOSTILE), "tests/test_judge.py::TestJudge::test_that_has_a_long_name[with-parameters]", "b", "c"]
    made = [Entry(name, "failed", record) for name, record in zip(names, records, strict=True)]
    return write_report(made, folder / "page.html", seed=3)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_it_can_be_used(visit_file: Any, report: Path, width: int, scheme: str) -> None:
    seen = visit_file(report, width, scheme)
    seen.page.wait_for_timeout(100)
    assert seen.messages == []
    assert [url for url in seen.requests if url != "data:,"] == [report.as_uri()]
    assert seen.faults() == []
    assert seen.outside() == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") == width


def test_what_it_says(visit_file: Any, report: Path) -> None:
    page = visit_file(report).page
    assert page.locator("h1").inner_text().endswith("(ASR 10%, 3–30%).")
    assert page.locator("article.find").count() == len(HOSTILE) + 1
    for shown in ["<script>alert(1)</script>", r"\x1b[31mred", "[red]bold[/red]"]:
        assert shown in page.locator("main").inner_text()
    page.get_by_role("link", name="report of").click()
    page.wait_for_url("**/page-runs/first/report.html")
    assert page.locator("article.find").count() == 2
