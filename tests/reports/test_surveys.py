"""What a survey shows: in numbers, as text, in Markdown and on its page; hostile text is shown and never obeyed."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Run, UsageError
from hoodwink.fuzz.checks import Flag
from hoodwink.fuzz.survey import folder_name
from hoodwink.reports.survey.answers import HOLDS, answers
from hoodwink.reports.survey.cells import notes
from hoodwink.reports.survey.markdown import plain, render_markdown, write_table
from hoodwink.reports.survey.page import command, rates, render
from hoodwink.reports.survey.summary import SCHEMA, SurveySummary, summarise
from hoodwink.reports.survey.text import render_survey
from rich.console import Console

#: A label that nothing that is shown should obey.
HOSTILE_NAME = "<img src=x onerror=alert(1)>\x1b[31m\u202e[red]{{ 7*7 }}:smile:|`"

SMALL: dict[str, Any] = {"attacks": ["openers", "repeat"], "problems": 5, "budget": 80}


def breaking(reference: str, response: str) -> float:
    """Fails on the second problem."""
    raise RuntimeError(HOSTILE_NAME)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    judges = {"long": "planted:length", "keys": "planted:trigger", "holds": "planted:claim", "broken": breaking}
    return hoodwink.survey(judges, **SMALL, out=tmp_path_factory.mktemp("survey") / "run")


@pytest.fixture(scope="module")
def summary(planted: Run) -> SurveySummary:
    return summarise(planted)


def printed(what: Any, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(what, markup=False, emoji=False, highlight=False)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_rates_are_those_of_each_judges_own_run(planted: Run, summary: SurveySummary) -> None:
    for row in summary.rows[:3]:
        own = hoodwink.summarise(hoodwink.load_run(planted.folder / row.folder))
        assert [(a.name, a.asr, a.asr_ci, a.queries_median) for a in own.attacks] == [
            (name, a.asr, a.asr_ci, a.queries_median) for name, a in row.attacks.items()
        ]
        assert row.quality == own.checks.quality
    found = {row.label: {name: a.fooled for name, a in row.attacks.items()} for row in summary.rows}
    assert found == {
        "long": {"openers": 0, "repeat": 5},
        "keys": {"openers": 5, "repeat": 0},
        "holds": {"openers": 0, "repeat": 0},
        "broken": {},
    }


def test_the_answers_follow_from_the_rows(summary: SurveySummary) -> None:
    said = {a.question: a.text for a in answers(summary)}
    assert said["Is it broken?"] == (
        "Yes: 2 of 3 judges are fooled on at least half of their problems, 2 on any. Competent on clean responses: "
        "3 of 3; 1 judge failed."
    )
    assert said["By what?"] == "Judges fooled on at least half of their problems: by openers 1 of 3, repeat 1 of 3."
    assert said[HOLDS].startswith("Of 3 competent judges, holds is fooled least: on 0% of its problems")
    assert said["What to do?"] == "Mend what failed first (broken), and run the same command again."
    assert said["How cheaply?"] == "Half of the searches on each of 2 judges succeed within 6 queries."


def test_the_dearest_and_the_cheapest_are_named(tmp_path: Path) -> None:
    settings = {**SMALL, "attacks": ["openers", "random"], "budget": 300}
    judges = ["planted:trigger", "planted:length"]
    found = summarise(hoodwink.survey(judges, **settings, out=tmp_path / "run"))
    medians = {r.label: a.queries_median for r in found.rows for a in r.attacks.values() if (a.asr or 0) >= 0.5}
    least, most = min(medians, key=lambda name: medians[name]), max(medians, key=lambda name: medians[name])
    assert medians[least] < medians[most]
    said = answers(found)[1].text
    assert f"within {medians[least]} queries on {least}, and {medians[most]} queries on {most}." in said
    alike = answers(found)[3].text
    assert alike.startswith(
        "2 of 2 competent judges are fooled least, and alike: each on 100% of its problems at worst"
    )
    assert f"{most} takes the most queries (half of its searches succeed within" in alike


def test_what_an_echo_check_refuses_does_not_make_a_judge_the_best(tmp_path: Path) -> None:
    judges = ["planted:trigger", "echo:planted:trigger", "ensemble:planted:claim,echo:planted:length"]
    found = summarise(hoodwink.survey(judges, **{**SMALL, "attacks": ["openers"]}, out=tmp_path / "run"))
    flagged = [row.label for row in found.rows if "echo-check" in {flag.id for flag in row.flags}]
    assert flagged == judges[1:]
    assert answers(found)[3].text.startswith("Of 1 competent judge, planted:trigger is fooled least: on 100%")


@pytest.mark.parametrize("width", [100, 120])
def test_the_text_fits(summary: SurveySummary, width: int) -> None:
    text = printed(render_survey(summary), width)
    assert max(map(len, text.splitlines())) <= width
    whole = " ".join(text.split())
    assert re.search(r"│ keys │ 100\.0% │ 1\.000 │ 100% │ 0 of 5 │ 100% \d+ │ 0% – │", whole)
    assert "57–100%" in whole
    assert "broken: failed: judge " in whole
    assert "\x1b" not in text


def test_markdown_has_a_row_for_each_judge(summary: SurveySummary, planted: Run) -> None:
    target = write_table(summary, planted.folder)
    text = target.read_text("utf-8")
    assert text == render_markdown(summary)
    lines = text.splitlines()
    assert lines[0].startswith(
        "| judge | clean accuracy | AUROC | right accepted | unattacked | `openers` | `repeat` |"
    )
    assert re.match(
        r"\| keys \| 100\.0% \| 1\.000 \| 100% \| 0 of 5 \| 100% \(57–100%\), \d+ \| 0% \(0–43%\), – \| 1 \|", lines[3]
    )
    assert lines[5] == "| broken | – | – | – | – | – | – | – | – |"
    assert {line.count("|") for line in lines[:6]} == {10}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SmolLM2, rating (1-5)", "SmolLM2, rating (1-5)"),
        ("a|b`c*d_e", r"a\|b\`c\*d\_e"),
        ("<b>[x](http://e)</b>", r"\<b\>\[x\](http\://e)\</b\>"),
        ("www.evil.example", r"www\.evil.example"),
        ("a\nb\x1b[31m", r"a\\nb\\x1b\[31m"),
    ],
)
def test_markdown_obeys_nothing(text: str, wanted: str) -> None:
    assert plain(text) == wanted


def test_json_holds_what_the_table_shows(summary: SurveySummary) -> None:
    data = json.loads(json.dumps(summary.to_json()))
    assert (data["schema"], data["complete"]) == (SCHEMA, True)
    keys = data["judges"][1]
    assert (keys["label"], keys["judge"], keys["calls_per_verdict"]) == ("keys", "planted:trigger", 1.0)
    assert (keys["attacks"]["openers"]["fooled"], keys["attacks"]["openers"]["asr"]) == (5, 1.0)
    assert data["judges"][3]["quality"] is None
    assert len(data["judges"][3]["problems"]) == 1


def test_the_chart_has_every_attack_that_counts(summary: SurveySummary) -> None:
    figure = rates(summary)
    assert figure is not None
    assert [row[0] for row in figure.rows] == [
        f"{judge}, {attack}" for judge in ("long", "keys", "holds") for attack in ("openers", "repeat")
    ]
    assert str(figure.chart).count("<svg ") == 1


def test_the_command_makes_it_again(summary: SurveySummary, tmp_path: Path) -> None:
    assert command(summary) is None, "one of the judges is a function"
    named = summarise(hoodwink.survey(["planted:length"], **SMALL, out=tmp_path / "run"))
    assert command(named) == (
        "hoodwink survey --judge planted:length --corpus arithmetic --attacks openers,repeat --problems 5 --budget 80 "
        "--seed 0 --seeds 1 --split eval --shrink-budget 0"
    )


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    def grade(reference: str, response: str) -> float:
        return 0.9 if reference in response else 0.1

    run = hoodwink.survey({HOSTILE_NAME: grade, "fails": breaking}, **SMALL, out=tmp_path / "run")
    found = summarise(run)
    html, text, markdown = render(found), printed(render_survey(found), 120), render_markdown(found)
    assert "<img" not in html.replace("&lt;img", "")
    assert html.count("<script") == 0
    assert "49" not in re.findall(r"\{\{.{0,9}", html)
    for shown in (text, markdown, html):
        assert not set(shown) & {"\x1b", "\u202e"}
        assert "onerror=alert(1)" in shown.replace("\n", "")
    assert not re.search(r"(?<!\\)<", markdown)
    assert hoodwink.report(run).read_text("utf-8") == html


def test_an_unfinished_survey_shows_what_it_has(tmp_path: Path) -> None:
    class Stops:
        name = fingerprint = "stops"

        def score(self, items: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hoodwink.survey(["planted:length", Stops()], **SMALL, out=tmp_path / "run")
    found = summarise(hoodwink.load_run(tmp_path / "run"))
    text = " ".join(printed(render_survey(found), 120).split())
    assert "stops: has not been asked yet" in text
    assert "This survey is not finished; the same command goes on with it." in text
    assert "This survey is not finished" in render(found)
    assert {a.question: a.text for a in answers(found)}["What to do?"].startswith("Run the same command to the end")


def test_only_judges_that_were_attacked_to_the_end_and_read_can_hold_best(summary: SurveySummary) -> None:
    long, keys, holds, _ = summary.rows
    breaks = replace(holds, flags=(Flag("unparsed-attacks", "", ""),))
    stopped = replace(holds, complete=False, error="the server hung up")
    for row in (breaks, stopped):
        found = replace(summary, rows=(long, keys, row))
        assert "holds is fooled least" not in {a.question: a.text for a in answers(found)}[HOLDS]
    said = notes(replace(summary, rows=(stopped,)))
    assert [text for _, text in said] == ["failed: the server hung up", "is not finished: its rates are too high"]
    none = {a.question: a.text for a in answers(replace(summary, rows=(stopped,)))}
    assert none[HOLDS].startswith("That cannot be said")


def test_a_judge_that_accepts_everything_counts_in_no_attack(tmp_path: Path) -> None:
    judges = {"gullible": lambda response: 1.0}
    found = summarise(hoodwink.survey(judges, **SMALL, out=tmp_path / "run"))
    text = " ".join(printed(render_survey(found), 120).split())
    assert "gullible: openers, repeat: no problem counts, as no plain wrong answer is rejected" in text
    assert "5 of 5" in text
    assert "That cannot be said: no attack counts on any of 1 judge." in text


def test_what_is_damaged_gives_a_line(tmp_path: Path) -> None:
    run = hoodwink.survey(["planted:length"], **SMALL, out=tmp_path / "run")
    with run.store() as store:
        assert store.get("entrants")[0]["folder"] == folder_name("planted:length")
    import sqlite3

    with sqlite3.connect(run.folder / "run.db") as db:
        db.execute("UPDATE meta SET value = '[{\"label\": 3}]' WHERE key = 'entrants'")
    with pytest.raises(UsageError, match=r"survey .* is damaged"):
        summarise(run)
