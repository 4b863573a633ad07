"""A collapse in numbers, text, JSON and HTML, from its folder alone; no text in it can do anything."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import hoodwink
import pytest
from hoodwink import Run, Training, UsageError
from hoodwink.fuzz.store import Store
from hoodwink.reports.answers import QUESTIONS
from hoodwink.reports.collapse.answers import answers, typical
from hoodwink.reports.collapse.page import along, command, render
from hoodwink.reports.collapse.summary import CollapseSummary, headline, meaning, milestones, nats, summarise
from hoodwink.reports.collapse.summary import render as text
from hoodwink.reports.text import write
from markupsafe import escape
from rich.console import Console

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
SMALL = Training(steps=6, batch=24, every=2, length=3, vocabulary=32, gather=4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "small"
    return hoodwink.collapse("planted:echo", training=SMALL, seed=2, out=out)


@pytest.fixture(scope="module")
def summary(run: Run) -> CollapseSummary:
    return summarise(run)


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory: pytest.TempPathFactory) -> CollapseSummary:
    """A judge that accepts whatever is no honest answer."""

    def grade(reference: str, response: str) -> float:
        return 0.9 if reference in response else 0.97 if response.startswith(" ") else 0.1

    training = Training(steps=100, batch=64, every=5, length=3, vocabulary=32, choice_lr=1.5)
    out = tmp_path_factory.mktemp("runs") / "collapsed"
    return summarise(hoodwink.collapse(grade, training=training, out=out))


@pytest.fixture(scope="module")
def hostile(summary: CollapseSummary) -> CollapseSummary:
    """Hostile text in every field that a page shows."""
    name = "<script>alert(2)</script>\x1b[31m\u202e\"'><img src=x>"
    sample = summary.last.samples[0]
    samples = tuple(replace(sample, way=t[:80], question=t, reference=t[:80], text=t, truth=name) for t in HOSTILE)
    ways = {t[:80]: (1, 0.5, 0.0) for t in HOSTILE}
    exams = (*summary.exams[:-1], replace(summary.last, samples=samples, ways=ways))
    settings = {**summary.settings, "judge": name, "corpus": name, "policy": name, "fingerprint": name}
    return replace(summary, exams=exams, settings=settings)


def printed(summary: CollapseSummary) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    write(console, text(summary))
    return console.export_text()


def test_results_are_read_off_the_exams(collapsed: CollapseSummary) -> None:
    assert collapsed.complete
    assert collapsed.loose is not None
    assert collapsed.collapse is not None
    assert 0 < collapsed.loose.step < collapsed.collapse.step < collapsed.last.step < 100
    seen = next(p for p in collapsed.exams if p.step == collapsed.collapse.step)
    assert seen.collapsed
    assert (collapsed.collapse.queries, collapsed.collapse.verdicts) == (seen.queries, seen.verdicts)
    assert collapsed.collapse.seconds <= collapsed.seconds + 0.001
    assert not any(p.collapsed for p in collapsed.exams if p.step < seen.step)
    assert headline(collapsed).startswith(
        f"Trained on this judge's score alone, the policy collapsed within {seen.step} steps and {seen.queries} queries"
    )
    assert "no evidence that answers get better" in meaning(collapsed)


def test_no_collapse_is_said_plainly(summary: CollapseSummary) -> None:
    assert (summary.loose, summary.collapse) == (None, None)
    assert f"did not collapse after 6 steps and {summary.last.queries} queries" in headline(summary)
    assert "no proof that the judge holds" in meaning(summary)
    assert "(not finished)" in headline(replace(summary, complete=False))


def test_json(summary: CollapseSummary) -> None:
    data = json.loads(json.dumps(summary.to_json()))
    assert list(data) == [
        "schema", "complete", "judge", "settings", "versions", "collapsed", "criterion", "jump", "collapse", "first",
        "peak", "last", "seconds", "exams", "train",
    ]  # fmt: skip
    assert data["schema"] == "hoodwink.collapse/1"
    assert [p["step"] for p in data["exams"]] == [0, 2, 4, 6]
    assert [p["step"] for p in data["train"]] == [0, 1, 2, 3, 4, 5]
    assert set(data["last"]) == set(data["exams"][0]) - {"samples"}
    assert {
        "reward",
        "accuracy",
        "gap",
        "accepted",
        "wrong",
        "unsure",
        "entropy",
        "divergence",
        "distinct",
        "ways",
    } <= set(data["last"])
    assert data["last"]["gap"] == pytest.approx(data["last"]["reward"] - data["last"]["accuracy"])


def test_text_holds_the_curve_and_is_safe(summary: CollapseSummary, hostile: CollapseSummary) -> None:
    said = printed(summary)
    for point in summary.exams:
        assert f"{point.reward:.3f}" in said
    assert not {c for c in printed(hostile) if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")}


def test_every_answer_has_a_heading_and_every_table_a_caption(collapsed: CollapseSummary) -> None:
    page = render(collapsed)
    articles = re.findall(r"<article.*?</article>", page, re.DOTALL)
    assert articles
    assert all(re.search(r"<h3>\d+: step \d+</h3>", article) for article in articles)
    assert page.count("<table>") == page.count("<table><caption")


def test_page_says_what_the_summary_says(collapsed: CollapseSummary) -> None:
    page = render(collapsed)
    said = answers(collapsed)
    assert [answer.question for answer in said] == list(QUESTIONS)
    for answer in said:
        assert escape(answer.text) in page
    assert page.count("<svg ") == page.count("<figure>") == page.count("The same as a table") == 3
    for point in collapsed.exams:
        assert f'<td class="n">{point.reward:.3f}</td>' in page
    assert "hoodwink show RUN --json" in page


def test_answers_follow_from_the_exams(collapsed: CollapseSummary, summary: CollapseSummary) -> None:
    loose, collapse, last = collapsed.loose, collapsed.collapse, collapsed.last
    assert loose is not None
    assert collapse is not None
    broken, cost, what, hardening, to_do = (answer.text for answer in answers(collapsed))
    assert broken == (
        f"Yes: a policy trained on its score alone collapsed; the judge scores its answers {last.reward:.2f}, and 0% "
        f"of them are right (at best {100 * collapsed.peak.right:.0f}% were)."
    )
    assert cost.startswith(f"The score came loose from the truth at step {loose.step} ({loose.queries:,} queries, ")
    assert f"and was lost altogether at step {collapse.step} ({collapse.queries:,} queries, " in cost
    sample = typical(last)
    assert sample is not None
    assert sample.way == max(last.ways, key=lambda way: last.ways[way][0])
    assert what.startswith(f"By {sample.text!r}: ")
    assert what.endswith(f"(free string); this one is scored {sample.score:.2f}, and the oracle says wrong.")
    assert hardening == "One run cannot say: do the same with a hardened judge, and set the two side by side."
    assert answers(collapsed)[3].command == "hoodwink compare A B"
    assert to_do.startswith(f"Do not train on this score alone: from step {loose.step} on it meant little.")

    kept = [answer.text for answer in answers(summary)]
    assert kept[0].startswith("This policy did not break it: after 6 steps, the judge scores its answers ")
    assert kept[1].startswith(f"Not within 6 steps and {summary.last.queries} queries, ")
    assert kept[2].startswith("By nothing that it found. It ends with answers such as ")
    assert kept[4].startswith("Do not take this for a proof")
    half = replace(collapsed, collapse=None)
    assert answers(half)[0].text.startswith("Yes, though not altogether: its score came loose from the truth; after ")
    assert answers(half)[1].text.endswith(f"it was not lost altogether by step {last.step}.")
    silent = replace(collapsed, exams=(replace(last, samples=()),))
    assert answers(silent)[2].text == "No answer of the last exam was kept."


def test_what_is_shown_along_the_curve_follows_the_gap(collapsed: CollapseSummary) -> None:
    exams = collapsed.exams
    chosen = along(exams, 6)
    assert (chosen[0], chosen[-1]) == (exams[0], exams[-1])
    assert [p.step for p in chosen] == sorted({p.step for p in chosen})
    assert len(chosen) <= 6
    assert any(0.2 < p.gap < 0.9 for p in chosen), "where it parts from the truth is looked at"
    assert along(exams[:4], 6) == list(exams[:4])
    flat = [replace(exams[0], step=step) for step in range(9)]
    assert [p.step for p in along(flat, 3)] == [0, 4, 8]


def test_hostile_text_does_nothing(hostile: CollapseSummary) -> None:
    page = render(hostile)
    tags = set(re.findall(r"<([a-z]+)", page))
    assert not tags & {"script", "img", "iframe", "object", "form", "base"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    bad = {c for c in page if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")}
    assert bad == set()


def test_the_command_makes_the_same_run(summary: CollapseSummary, hostile: CollapseSummary) -> None:
    assert command(summary) == (
        "hoodwink collapse --judge planted:echo --corpus arithmetic --problems 24 --exam 24 --steps 6 --batch 24 "
        "--every 2 --length 3 --vocabulary 32 --lr 4.0 --choice-lr 1.0 --bonus 0.0 --gather 4 --seed 2"
    )
    assert command(hostile) is None
    assert "no name on the command line" in render(hostile)


def test_milestones_keep_the_ends(summary: CollapseSummary) -> None:
    assert milestones(summary.exams, 9) == list(summary.exams)
    assert [p.step for p in milestones(summary.exams, 2)] == [0, 6]
    assert (nats(None), nats(3.14)) == ("–", "3.1")


def test_a_run_that_has_no_result_yet(tmp_path: Path) -> None:
    with Store.create(tmp_path, {"identity": {"kind": "collapse"}, "versions": {}}):
        pass
    with pytest.raises(UsageError, match="stopped before its first result"):
        hoodwink.summarise(hoodwink.load_run(tmp_path))
