"""What is shown of a transfer: every number is the summary's, and no name can do anything."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import replace
from pathlib import Path

import hoodwink
import pytest
from hoodwink import Run, UsageError
from hoodwink.reports.answers import Answer
from hoodwink.reports.text import write
from hoodwink.reports.transfer.answers import answers, letter
from hoodwink.reports.transfer.page import command, matrix
from hoodwink.reports.transfer.page import render as render_page
from hoodwink.reports.transfer.summary import TransferSummary, summarise
from hoodwink.reports.transfer.text import cell_text, render
from rich.console import Console

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e[red]{{ 7*7 }}:smile:"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("transfer")
    settings = {"problems": 3, "budget": 40, "shrink_budget": 40}
    run = hoodwink.attack("planted:trigger", attacks=["openers", "none"], **settings, out=folder / "run")  # type: ignore[arg-type]
    return hoodwink.transfer(run, ["planted:slope", "planted:length"], out=folder / "out")


@pytest.fixture(scope="module")
def summary(made: Run) -> TransferSummary:
    return summarise(made)


def plain(summary: TransferSummary, width: int = 200) -> str:
    out = io.StringIO()
    write(Console(file=out, width=width), render(summary))
    return out.getvalue()


def said(found: list[Answer]) -> dict[str, str]:
    return {answer.question: answer.text for answer in found}


def test_text_and_page_say_the_same(summary: TransferSummary) -> None:
    text, page = plain(summary), render_page(summary)
    for shown in ("3 of 3, 100%", "0 of 3, 0%", "0–56%", "planted:slope", "openers"):
        assert shown in text
        assert shown in page
    assert page.count("<svg") == 2
    assert "A (own)" in text


def test_the_answers(summary: TransferSummary) -> None:
    found = said(answers(summary))
    assert found["Do the finds fool other judges?"].startswith("None of them: no find passes on another judge")
    assert found["Do they still fool their own judge?"] == "On 3 of 3 problems (100%), counted by attack."
    assert "every judge rejects all of them" in found["What counts?"]
    (row, *rest), others = summary.replayed["found"], summary.judges[1:]
    fooled = replace(row[1], cell=replace(row[1].cell, fooled=2), rate=2 / 3, interval=(0.2, 0.9))
    some = replace(summary, replayed={**summary.replayed, "found": ((row[0], fooled, *row[2:]), *rest)})
    assert said(answers(some))["Do the finds fool other judges?"] == (
        "Yes: those of openers fool planted:slope on 2 of 3 problems (20–90%)."
    )
    left = replace(summary, judges=(summary.judges[0], replace(others[0], accepted=2, unread=1), *others[1:]))
    assert "left out: B 3." in said(answers(left))["What counts?"]


def test_what_does_not_count_has_no_rate(summary: TransferSummary) -> None:
    none = replace(summary.replayed["found"][1][0], rate=None)
    assert cell_text(none) == "–"
    assert cell_text(replace(none, cell=replace(none.cell, excluded=3))) == "– (3 excluded)"
    empty = replace(summary, replayed=dict.fromkeys(summary.replayed, ((none,) * 3,) * 2))
    assert matrix(empty, "found").chart is None
    assert "That cannot be said" in said(answers(empty))["Do the finds fool other judges?"]
    assert "<figure>" in render_page(empty)


def test_the_command_makes_it_again(summary: TransferSummary) -> None:
    run = summary.settings["runs"][0]
    assert command(summary) == f"hoodwink transfer {run} --judge planted:slope --judge planted:length"
    share = replace(summary, settings={**summary.settings, "acceptance": 0.9})
    assert (command(share) or "").endswith(" --threshold 90%")
    nameless = replace(summary, settings={**summary.settings, "judges": ["planted:trigger", "mine", "planted:length"]})
    assert command(nameless) is None
    assert command(replace(summary, complete=False)) is None


def test_the_command_has_the_score_that_was_given_as_a_threshold(summary: TransferSummary) -> None:
    own, *others = summary.judges
    given = replace(summary, judges=(own, *(replace(j, threshold=0.7) for j in others)))
    assert (command(given) or "").endswith("--threshold 0.7")


def test_hostile_names_do_nothing(summary: TransferSummary) -> None:
    settings = {**summary.settings, "runs": [HOSTILE], "judges": [HOSTILE] * 3}
    hostile = replace(
        summary,
        folder=HOSTILE,
        settings=settings,
        notes=(HOSTILE,),
        versions={HOSTILE: HOSTILE},
        sources=tuple(
            s._replace(run=HOSTILE + str(i), judge=HOSTILE, attack=HOSTILE) for i, s in enumerate(summary.sources)
        ),
        judges=tuple(replace(j, given=HOSTILE, name=HOSTILE) for j in summary.judges),
    )
    page = render_page(hostile)
    for bad in ("<img", "\x1b", "\u202e"):
        assert bad not in page
    assert "{{ 7*7 }}" in page
    text = plain(hostile, 400)
    assert {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")} == set()
    assert "[red]" in text


def test_it_is_a_run_like_any_other(made: Run, tmp_path: Path) -> None:
    assert hoodwink.summarise(hoodwink.load_run(made.folder)) == summarise(made)
    page = hoodwink.report(made, to=tmp_path / "page.html").read_text("utf-8")
    assert "Content-Security-Policy" in page
    assert "<script" not in page


def test_an_unfinished_one_says_so(summary: TransferSummary, tmp_path: Path) -> None:
    short = {form: tuple(row[:1] for row in rows) for form, rows in summary.replayed.items()}
    half = replace(summary, complete=False, judges=summary.judges[:1], replayed=short)
    assert "This transfer is not finished" in plain(half)
    assert "2 judges have not been asked to the end" in render_page(half)
    with pytest.raises(UsageError, match="no run in"):
        summarise(Run(tmp_path))


def test_letters() -> None:
    assert [letter(i) for i in (0, 25, 26, 52)] == ["A", "Z", "A1", "A2"]
