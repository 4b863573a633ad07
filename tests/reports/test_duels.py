"""What is shown of a duel and of a comparison of recipes: numbers, text and page, from the folder alone."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Candidate, Run, UsageError
from hoodwink.cli import app
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.run import load_run
from hoodwink.reports.answers import QUESTIONS
from hoodwink.reports.duel import page as duel_page
from hoodwink.reports.duel import recipes, recipes_page
from hoodwink.reports.duel.answers import answers, details, share
from hoodwink.reports.duel.rates import Rate
from hoodwink.reports.duel.summary import DuelSummary, RoundSummary, summarise
from hoodwink.reports.duel.text import render_duel
from hoodwink.reports.escape import visible
from hoodwink.reports.progress import STAGES, DuelProgress
from hoodwink.reports.text import write
from hoodwink.reports.views import VIEWS, report, view_of
from rich.console import Console
from whackamole import SMALL, WhackAMole, fight

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
NAME = "<script>alert(2)</script>\x1b[31m\u202e\"'><img src=x>[red]:smile:"

#: Categories of characters that no page and no terminal may be given.
UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")

VOID = {"meta", "link", "br", "hr", "img", "input", "circle", "path", "line", "rect"}


class Page(HTMLParser):
    """A page as a browser takes it: its elements, its text, and whether its tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.balanced = True
        self.feed(page)
        self.close()
        self.balanced &= not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def printed(what: Any, width: int = 200) -> str:
    """What a terminal without colours is given."""
    out = io.StringIO()
    write(Console(file=out, width=width), what)
    return out.getvalue()


def assert_harmless(page: str) -> None:
    """No element or attribute but the page's own, nothing fetched, nothing invisible."""
    parsed = Page(page)
    assert parsed.balanced
    names = {tag for tag, _ in parsed.tags}
    assert names & {"script", "iframe", "object", "embed", "form", "base", "img", "image", "foreignobject"} == set()
    assert [tag for tag, _ in parsed.tags].count("h1") == 1
    for tag, attributes in parsed.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "xlink:href", "srcset", "action"):
                assert value == "data:," or (tag == "a" and value.startswith("#")), (tag, name, value)
    assert {c for c in page if c != "\n" and unicodedata.category(c) in UNSEEN} == set()
    assert not {"\u3164", "\u034f", "\ufe0f"} & set(page)
    shown = page
    for text in ("[link=http://evil.example]", "http://evil.example/a.png"):
        shown = shown.replace(html.escape(text), "")
    shown = re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[^"]*"', "", shown)
    assert re.findall(r"(?:https?:)?//[\w.]+", shown) == []


# A duel


@pytest.fixture(scope="module")
def summary(duel_run: Run) -> DuelSummary:
    return summarise(duel_run)


def test_the_page_has_the_numbers_of_the_summary(summary: DuelSummary) -> None:
    page = duel_page.render(summary)
    assert_harmless(page)
    text = Page(page).text
    for answer in answers(summary):
        assert f"{answer.question} {answer.text}" in text
    for sentence in details(summary):
        assert sentence in text
    for r in summary.rounds:
        low, high = r.adaptive.interval or (0, 0)
        assert f"{100 * (r.adaptive.rate or 0):.0f}% ({100 * low:.0f}–{100 * high:.0f}%)" in text
        assert f"Round {r.round}: {r.judge}" in text
    assert page.count("<svg") == 3
    assert "not finished" not in text
    assert "3 rounds; in each, 4 problems of its own are attacked afresh with at most 60 queries each" in text
    assert page.count('<article class="find">') == sum(min(duel_page.GALLERY, r.finds) for r in summary.rounds)
    for _, find in summary.finds:
        assert find["shrunk_proof"] in text


def test_the_page_follows_from_the_folder_alone(duel_run: Run, tmp_path: Path) -> None:
    """No judge is opened and no model is loaded for it, nor for the text and the JSON."""
    copy = shutil.copytree(duel_run.folder, tmp_path / "copy")
    shutil.rmtree(copy / "judges")
    code = (
        "import sys; from hoodwink.cli import run\n"
        "assert run(['report', sys.argv[1], '--to', sys.argv[2]]) == 0\n"
        "assert run(['show', sys.argv[1], '--json']) == 0\n"
        "assert not {'torch', 'transformers', 'whackamole'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(copy), str(tmp_path / "page.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").read_text("utf-8") == duel_page.render(summarise(duel_run))
    shown = json.loads(done.stdout[done.stdout.index("{") :])
    assert shown == json.loads(json.dumps(summarise(duel_run).to_json()))


def test_the_text_has_the_numbers_of_the_summary(summary: DuelSummary) -> None:
    text = printed(render_duel(summary), 500)
    assert text.startswith("Duel with python:whackamole:judge, recipe replay\n")
    for answer in answers(summary):
        assert f"  {answer.question} {answer.text} {answer.command}".rstrip() + "\n" in text
    for sentence in details(summary):
        assert f"  {sentence}\n" in text
    for r in summary.rounds:
        assert re.search(rf"│ {r.round} +│ {re.escape(share(r.adaptive))} +│", text)
    assert "not finished" not in text
    assert "accepted by the judge of round (across)" in text


def test_the_text_fits_a_file_of_120_columns(summary: DuelSummary) -> None:
    """As wide as the command writes where there is no terminal: nothing is cut off."""
    text = printed(render_duel(summary), width=120)
    assert max(map(len, text.splitlines())) <= 120
    for r in summary.rounds:
        for rate in (r.adaptive, r.stale, r.held_out):
            for word in share(rate).split():
                assert word in text


def test_answers_say_what_happened(summary: DuelSummary) -> None:
    summary = with_last(summary, held_out=Rate(0.0, (0.0, 0.66), 2))
    said = answers(summary)
    first, last = summary.rounds[0], summary.rounds[-1]
    assert [answer.question for answer in said] == list(QUESTIONS)
    assert said[0].text == (
        f"The first judge is: fresh search fools it on {share(first.adaptive)} of problems, and the newest, hardened 2 "
        f"times, on {share(last.adaptive)}."
    )
    assert said[1].text == (
        "Queries to success differ: half of the searches fool the first judge within 4 queries, the newest not within "
        "60 queries (logrank test, p = 0.007)."
    )
    assert said[2].text == (
        "In round 1, 4 finds (4 nonsense); 2 of them are texts like 'respuesta'. In round 2, 4 finds (4 nonsense); 4 "
        "of them are texts like 'zebra'. Round 3 has no finds."
    )
    assert said[3].text == (
        "Within 60 queries, yes: fresh search finds nothing any more, and the newest judge accepts "
        f"{share(last.stale)} of earlier finds."
    )
    assert said[4].text == (
        "Take the newest judge, but attack it with more than 60 queries before you trust it: with none of 4 problems "
        "fooled, up to 49% may be."
    )
    assert said[4].command == "", "this judge has no name on the command line"
    old, families, price = details(summary)
    assert old.startswith("Old holes are nearly closed: the newest judge accepts 0% (0–")
    assert families == (
        f"Families of attacks never trained on fool the newest judge on {share(last.held_out)} of problems "
        f"(the first: {share(first.held_out)})."
    )
    assert price == (
        "Hardening cost next to nothing on clean responses: accuracy 100.0% before, 100.0% after; right answers "
        "rejected 0.0% before, 0.0% after."
    )


def with_last(summary: DuelSummary, **changes: Any) -> DuelSummary:
    """The same duel, but that its last round was otherwise."""
    return replace(summary, rounds=(*summary.rounds[:-1], replace(summary.rounds[-1], **changes)))


def test_answers_follow_the_numbers(summary: DuelSummary) -> None:
    def said(**changes: Any) -> str:
        duel = with_last(summary, **changes)
        return " ".join([*(answer.text for answer in answers(duel)), *details(duel)])

    half = Rate(0.5, (0.4, 0.6), 4)
    assert "Queries to success differ: " in said(logrank_first=0.049)
    assert "(logrank test, p < 0.001)" in said(logrank_first=0.0001)
    assert "Queries to success do not differ measurably: " in said(logrank_first=0.05)
    assert "Half of the searches fool the first judge within 4 queries, the" in said(logrank_first=None)
    assert ", the newest within 7 queries" in said(queries_median=7)
    assert ", the newest with the first query" in said(queries_median=1)
    assert "Old holes are not closed: the newest judge accepts 50%" in said(stale=half)
    assert "1 that one judge rejected were accepted by the next" in said(reopened=({},))
    assert "It moves the hole: the newest judge accepts 0%" in said(adaptive=half)
    assert "fresh search still fools it on 50% of problems, at a median of 9 queries instead of 4." in said(
        adaptive=half, queries_median=9
    )
    assert "It leaves holes open: the newest judge accepts 50%" in said(adaptive=half, stale=half)
    assert "Do not rely on the newest judge alone" in said(adaptive=half)
    worse = replace(summary.rounds[-1].quality, clean_accuracy=0.9, right_accepted=0.8)
    assert "Hardening cost on clean responses: accuracy 100.0% before, 90.0% after" in said(quality=worse)
    cost = "clean accuracy falls from 100.0% to 90.0%, right answers rejected rise from 0.0% to 20.0%."
    assert f"It also costs: {cost}" in said(quality=worse)
    assert (
        f"Do not deploy the newest judge as it is: {cost} Replay the clean responses of more than 40 problems (--c"
        in (said(quality=worse))
    )
    lax = replace(summary.rounds[-1].quality, clean_accuracy=0.95, wrong_accepted=0.1)
    assert (
        "It also costs: clean accuracy falls from 100.0% to 95.0%, wrong answers accepted rise from 0.0% to 10.0%."
        in (said(quality=lax))
    )
    mute = replace(lax, clean_accuracy=None, right_accepted=None, wrong_accepted=None, parsed=0.0)
    assert "as it is: verdicts that can be read fall from 100.0% to 0.0%." in said(quality=mute)
    unknown = replace(worse, clean_accuracy=None)
    assert "What hardening cost on clean responses could not be measured." in said(quality=unknown)
    none = Rate(None, None, 0)
    assert "never trained on" not in said(held_out=none)
    assert "Unknown: no problem counts" in said(adaptive=none)
    assert "Mend the judge before it is attacked" in said(adaptive=none)


def test_families_held_out_count_as_fresh_search_does(summary: DuelSummary, single_duel: Run) -> None:
    """Fresh search finds nothing on the newest judge, and families that were never trained on fool it everywhere."""
    held = Rate(1.0, (0.8, 1.0), 14)
    broken, _, _, hardening, to_do = answers(with_last(summary, held_out=held))
    first = share(summary.rounds[0].adaptive)
    assert broken.text == (
        "Yes: families of attacks never trained on fool the newest, hardened 2 times, on 100% (80–100%) of problems; "
        f"fresh search fools the first judge on {first} and the newest on {share(summary.rounds[-1].adaptive)}."
    )
    assert hardening.text.startswith(
        "In part: within 60 queries fresh search finds nothing any more, and the newest ju"
    )
    assert hardening.text.endswith("but families never trained on fool the newest judge on 100% (80–100%) of problems.")
    assert to_do.text.startswith("Do not rely on the newest judge alone")
    nothing = replace(
        summary, rounds=(replace(summary.rounds[0], adaptive=Rate(0.0, (0, 0.5), 4)), *summary.rounds[1:])
    )
    shut = with_last(nothing, held_out=Rate(0.0, (0.0, 0.2), 14))
    assert answers(shut)[3].text.endswith("fresh search fooled the first judge nowhere.")
    assert "nowhere; but families never trained on fool" in answers(with_last(nothing, held_out=held))[3].text
    alone = with_last(summarise(single_duel), held_out=held, adaptive=Rate(0.0, (0, 0.5), 4))
    assert answers(alone)[0].text.startswith(
        "Yes: families of attacks held out fool the judge on 100% (80–100%) of prob"
    )
    assert answers(alone)[4].text.startswith("Retrain it on what fools it")


def test_a_recipe_without_clean_responses_is_told_to_replay_them(summary: DuelSummary) -> None:
    worse = replace(summary.rounds[-1].quality, right_accepted=0.8)
    alone = replace(summary, settings={**summary.settings, "recipe": {**summary.settings["recipe"], "clean": 0}})
    said = answers(with_last(alone, quality=worse))[4].text
    assert said.endswith("Use a recipe that replays clean responses, such as replay.")


def test_an_interrupted_duel_goes_on_to_the_rounds_that_were_asked_for(unfinished_duel: Run, duel_run: Run) -> None:
    assert summarise(unfinished_duel).planned == 3
    command = duel_page.command(replace(summarise(duel_run), complete=False, planned=7))
    assert "--rounds 7 " in str(command)


def test_a_long_command_is_not_cut(summary: DuelSummary) -> None:
    attacks = [f"random:length=12:batch={i}" for i in range(200)]
    duel = replace(summary, settings={**summary.settings, "attacks": attacks})
    command = str(duel_page.command(duel))
    assert len(command) > 4000
    assert html.escape(command) in duel_page.render(duel)


def test_finds_take_so_much_of_a_page_and_no_more(summary: DuelSummary) -> None:
    """Characters that are written as escapes of ten: eight finds a round would be 3 MB."""
    texts = dict.fromkeys(("question", "reference", "response", "shrunk", "proof"), "\U000e0041" * 100_000)
    finds = tuple((number, {**summary.finds[0][1], **texts}) for number in (1, 2, 3) for _ in range(12))
    rounds = tuple(replace(summary.rounds[0], round=n, finds=12) for n in (1, 2, 3))
    page = duel_page.render(replace(summary, finds=finds, rounds=rounds))
    assert len(page.encode()) < 2_000_000
    cards = page.count('<article class="find">')
    assert 0 < cards < 3 * duel_page.GALLERY
    assert f"the first {cards // 3} here, all in rounds/2/eval" in page


def test_a_shrunk_find_has_its_own_proof(summary: DuelSummary) -> None:
    find = {**summary.finds[0][1], "response": "so: 12", "shrunk": "12", "proof": "final answer 8"}
    known = Page(duel_page.render(replace(summary, finds=((1, {**find, "shrunk_proof": "final answer 12"}),)))).text
    assert "Why that is wrong final answer 8 Why wrong final answer 12" in known
    find.pop("shrunk_proof", None)
    older = Page(duel_page.render(replace(summary, finds=((1, find),)))).text
    assert "Why that is wrong final answer 8" in older
    assert "Why wrong" not in older


def test_every_table_has_a_caption(summary: DuelSummary) -> None:
    page = duel_page.render(summary)
    assert page.count("<table>") == page.count("<table><caption")


def test_the_advice_comes_with_a_command_where_the_judges_have_names(summary: DuelSummary) -> None:
    def advised(**changes: Any) -> str:
        duel = replace(summary, folder="runs/my duel", settings={**summary.settings, "judge": "referee"})
        given = {"judge": "referee:adapter=runs/d/judges/round-3", "held_out": Rate(0.0, (0.0, 0.66), 2), **changes}
        return answers(with_last(duel, **given))[4].command

    assert advised() == (
        "hoodwink attack --judge referee:adapter=runs/d/judges/round-3 --corpus arithmetic --budget 240"
    )
    assert advised(adaptive=Rate(0.5, (0.4, 0.6), 4)) == (
        "hoodwink attack --judge 'ensemble:runs/my duel' --corpus arithmetic --budget 240"
    )
    assert "ensemble:" in advised(held_out=Rate(0.5, (0.4, 0.6), 4))
    assert advised(quality=replace(summary.rounds[-1].quality, right_accepted=0.8)) == ""


def test_the_command_makes_the_same_duel(
    summary: DuelSummary, duel_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parsed and run as it is printed, it goes on in the same folder: every setting that counts is in it."""
    command = duel_page.command(summary)
    assert command is not None
    assert command.startswith(
        "hoodwink duel --judge python:whackamole:judge --corpus arithmetic --rounds 3 --recipe replay --attacks auto "
        "--train-attacks auto:arms=surrogate+genetic+random+repeat --held-out words:mode=replace,injection "
        "--problems 4 --train-problems 4 --seeds 1 --held-out-problems 2 --budget 60 --held-out-budget 70 "
        "--shrink-budget 20 --start previous --clean 40 --epochs 2 --lr 0.0005 --seed 0 --goal accept"
    )
    copy = shutil.copytree(duel_run.folder, tmp_path / "copy")
    tokens = [*shlex.split(command)[1:], "--out", str(copy)]
    assert app(tokens, exit_on_error=False, result_action="return_value") == 0
    assert "Duel with python:whackamole:judge, recipe replay" in capsys.readouterr().out


def test_a_duel_of_objects_has_no_command(unfinished_duel: Run) -> None:
    summary = summarise(unfinished_duel)
    assert duel_page.command(summary) is None
    assert "no name on the command line" in Page(duel_page.render(summary)).text


def test_a_command_keeps_odd_options(summary: DuelSummary) -> None:
    recipe = {**summary.settings["recipe"], "start": "first", "clean": 0}
    settings = {**summary.settings, "recipe": recipe, "held_out": [], "corpus": "file:my file.jsonl", "seed": 7}
    command = str(duel_page.command(replace(summary, settings=settings)))
    assert "--corpus 'file:my file.jsonl'" in command
    assert "--held-out '' " in command
    assert "--start first --clean 0 " in command
    assert "--seed 7 " in command
    mine = {**settings, "recipe": {**recipe, "name": "mine"}}
    assert duel_page.command(replace(summary, settings=mine)) is None


def test_a_duel_of_one_round(single_duel: Run) -> None:
    summary = summarise(single_duel)
    said = answers(summary)
    sentence = f"Yes: fresh search fools the judge on {share(summary.rounds[0].adaptive)} of problems."
    assert said[0].text == sentence
    assert said[3].text == "Not asked: a duel of one round retrains nothing."
    assert details(summary) == []
    page = duel_page.render(summary)
    assert_harmless(page)
    assert page.count("<svg") == 1, "the curve alone: there is no course of rounds"
    assert sentence in printed(render_duel(summary))
    assert [[cell.rate for cell in row] for row in summary.matrix] == [[1.0]]
    assert not (single_duel.folder / "judges").exists()


def test_an_unfinished_duel_says_so(unfinished_duel: Run) -> None:
    summary = summarise(unfinished_duel)
    assert (summary.complete, len(summary.rounds)) == (False, 2)
    assert "This duel is not finished." in Page(duel_page.render(summary)).text
    assert "This duel is not finished; the same command goes on with it." in printed(render_duel(summary))


def test_a_duel_that_found_nothing(quiet_duel: Run) -> None:
    summary = summarise(quiet_duel)
    page = duel_page.render(summary)
    assert_harmless(page)
    text = Page(page).text
    assert text.count("No finds.") == 2
    assert "Nothing was fooled." in text
    assert "Round 2 has no finds." in printed(render_duel(summary))


def test_hostile_text_of_a_duel_does_no_harm(hostile_duel: Run) -> None:
    summary = summarise(hostile_duel)
    assert summary.rounds[0].finds >= len(HOSTILE) - 3, "the oracle calls nearly all of them wrong"
    assert len({f["lineage"][0][0] for _, f in summary.finds}) >= 6, "most of the texts are in it"
    page = duel_page.render(summary)
    assert_harmless(page)
    text = Page(page).text
    for r in summary.rounds:
        for find in [find for number, find in summary.finds if number == r.round][: duel_page.GALLERY]:
            for shown in (find["question"], find["response"], find["family"]):
                assert " ".join(visible(shown).split()) in text
    for width in (80, 200):
        out = printed(render_duel(summary), width)
        assert {c for c in out if c != "\n" and unicodedata.category(c) in UNSEEN} == set()
        assert "☺" not in out
        assert "😄" not in out
    assert f"Duel with {visible(HOSTILE[0])}, recipe {visible(''.join(HOSTILE))}" in printed(render_duel(summary), 2000)


def hostile_names(summary: DuelSummary) -> DuelSummary:
    """The same duel with hostile names for all that has one."""

    def renamed(r: RoundSummary) -> RoundSummary:
        quality = replace(r.quality, by_kind={NAME: (0.5, 2)}, by_family={NAME: (0.5, 2)})
        return replace(r, judge=NAME, quality=quality, keys_by={NAME: r.keys}, held_out_by={NAME: r.held_out})

    changed = dict.fromkeys(("judge", "corpus", "fingerprint"), NAME)
    settings = {**summary.settings, **changed, "attacks": [NAME], "held_out": [NAME], "recipe": {"name": NAME}}
    texts = dict.fromkeys(("attack", "kind", "family", "question", "reference", "response", "shrunk", "proof"), NAME)
    finds = tuple((number, {**find, **texts}) for number, find in summary.finds)
    rounds = tuple(map(renamed, summary.rounds))
    return replace(summary, settings=settings, versions={NAME: NAME}, rounds=rounds, finds=finds)


def test_hostile_names_of_a_duel_do_no_harm(summary: DuelSummary) -> None:
    changed = hostile_names(summary)
    assert_harmless(duel_page.render(changed))
    out = printed(render_duel(changed))
    assert {c for c in out if c != "\n" and unicodedata.category(c) in UNSEEN} == set()
    assert f"Duel with {visible(NAME)}, recipe {visible(NAME)}" in out
    assert visible(NAME) in Page(duel_page.render(changed)).text


def test_holes_that_open_again_are_counted_in_page_and_text(hostile_duel: Run) -> None:
    summary = summarise(hostile_duel)
    again = summary.rounds[2].reopened
    assert [r.reopened for r in summary.rounds[:2]] == [(), ()]
    assert again
    text = again[0]["response"].removeprefix("so: ")
    old = [find for number, find in summary.finds if number == 1 and text in find["response"]]
    assert list(again) == old
    assert f"; {len(old)} that one judge rejected were accepted by the next." in details(summary)[0]
    figure = duel_page.rates_figure(summary)
    place = list(figure.columns).index("reopened")
    assert [row[place] for row in figure.rows] == ["–", "0", str(len(old))]
    assert f'<td class="n">{len(old)}</td>' in duel_page.render(summary).split('id="rounds"')[1].split("</table>")[0]


# What counts


def only_some(target: Any, rng: object) -> Iterator[list[Candidate]]:
    """A miss, and then a find, on questions of some families; on others nothing after the miss."""
    yield [Candidate("mmm", "only_some", "miss")]
    if len(target.question) % 2:
        yield [Candidate("Solution", "only_some", "hit")]


def test_a_search_that_ran_out_of_ideas_weighs_on_the_curve_to_the_end(tmp_path: Path) -> None:
    run = fight(tmp_path, rounds=1, problems=14, attacks=[only_some], held_out=[only_some], held_out_problems=14)
    (summary,) = summarise(run).rounds
    assert 0 < (summary.adaptive.rate or 0) < 1
    assert summary.curve[-1] == (2, pytest.approx(summary.adaptive.rate))


def foreign(target: Any, rng: object) -> Iterator[list[Candidate]]:
    """A text that is refused where only ASCII is allowed, on some questions; a find on others."""
    yield [Candidate("解" if len(target.question) % 2 else "Solution", "foreign", "op")]


def test_a_search_of_which_all_was_refused_does_not_count(tmp_path: Path) -> None:
    run = fight(tmp_path, rounds=1, problems=14, attacks=[foreign], constraints=Constraints(ascii_only=True))
    (summary,) = summarise(run).rounds
    assert 0 < summary.adaptive.problems < 14
    assert summary.adaptive.rate == 1.0


def test_problems_whose_plain_wrong_answer_is_accepted_do_not_count(tmp_path: Path) -> None:
    """The judge accepts plain sentences of answers with a seven: those problems say nothing."""
    run = fight(tmp_path, WhackAMole(["Solution", "The answer is 7", "The answer is 2"]), rounds=1, problems=14)
    (summary,) = summarise(run).rounds
    assert 0 < summary.adaptive.problems < 14
    assert summary.adaptive.rate == 1.0


# A comparison of recipes


@pytest.fixture(scope="module")
def compared(recipes_run: Run) -> recipes.RecipesSummary:
    return recipes.summarise(recipes_run)


def test_the_table_of_recipes_has_a_row_for_each(compared: recipes.RecipesSummary) -> None:
    text = printed(recipes.render_recipes(compared), 400)
    for name, duel in compared.duels.items():
        first, last = duel.rounds[0], duel.rounds[-1]
        cells = f"{visible(name)} │ 2 "
        assert cells in re.sub(" +", " ", text)
        assert f"{share(last.adaptive)} [{100 * (first.adaptive.rate or 0):.0f}%]" in text
    assert {c for c in text if c != "\n" and unicodedata.category(c) in UNSEEN} == set()
    assert recipes.headline(compared) in text
    assert "not finished" not in text


def test_the_page_of_recipes_has_the_rounds_of_each(compared: recipes.RecipesSummary) -> None:
    page = recipes_page.render(compared)
    assert_harmless(page)
    parsed = Page(page)
    assert len([tag for tag, _ in parsed.tags if tag == "table"]) == 1 + len(compared.duels) == 4
    assert page.count("<svg") == 1
    for answer in recipes_page.answers(compared):
        assert f"{answer.question} {answer.text}" in parsed.text
    assert "finds to reject, and clean responses so that nothing is forgotten" in parsed.text
    assert visible(list(compared.duels)[2]) in parsed.text
    assert recipes.headline(compared) in parsed.text
    for duel in compared.duels.values():
        low, high = duel.rounds[1].adaptive.interval or (0, 0)
        assert f"{100 * (duel.rounds[1].adaptive.rate or 0):.0f}% ({100 * low:.0f}–{100 * high:.0f}%)" in parsed.text


def test_the_json_of_recipes_holds_each_duel(compared: recipes.RecipesSummary, recipes_run: Run) -> None:
    data = compared.to_json()
    assert list(data) == ["schema", "complete", "settings", "versions", "recipes"]
    assert (data["schema"], data["complete"]) == ("hoodwink.recipes/1", True)
    assert list(data["recipes"]) == data["settings"]["recipes"]
    for name, duel in data["recipes"].items():
        assert duel == summarise(Run(recipes_run.folder / name)).to_json()


def test_the_headline_is_the_recipe_that_is_fooled_least(compared: recipes.RecipesSummary) -> None:
    def rated(rate: float | None, median: int | None) -> DuelSummary:
        duel = compared.duels["replay"]
        last = replace(duel.rounds[-1], adaptive=Rate(rate, None, 4), queries_median=median)
        return replace(duel, rounds=(*duel.rounds[:-1], last))

    def best(**duels: DuelSummary) -> str:
        return recipes.headline(replace(compared, duels=duels)).split(",")[0].removeprefix("Hardened by recipe ")

    assert best(a=rated(0.5, 3), b=rated(0.25, 2), c=rated(0.75, 900)) == "b"
    assert best(a=rated(1.0, 3), b=rated(1.0, 200), c=rated(1.0, 20)) == "b", "of those fooled as often, the dearest"
    assert best(a=rated(0.5, 30), b=rated(0.5, None)) == "b", "half of its problems were not fooled at all"
    assert best(a=rated(None, None), b=rated(1.0, 3)) == "b"
    none = replace(compared, duels={"a": rated(None, None)})
    assert recipes.headline(none) == "No recipe has a result that counts."
    assert recipes.headline(compared).endswith("the least of 3 recipes.")


def test_a_comparison_that_is_under_way(recipes_run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(recipes_run.folder, tmp_path / "copy")
    shutil.rmtree(copy / "keys")
    with sqlite3.connect(copy / "run.db") as db:
        db.execute("DELETE FROM meta WHERE key = 'complete'")
    db.close()
    summary = recipes.summarise(Run(copy))
    assert (summary.complete, "keys" in summary.duels, len(summary.duels)) == (False, False, 2)
    assert "not finished" in printed(recipes.render_recipes(summary))
    assert "This comparison is not finished." in Page(recipes_page.render(summary)).text
    for name in summary.duels:
        shutil.rmtree(copy / name)
    with pytest.raises(UsageError, match="stopped before its first result; run it again to go on"):
        recipes.summarise(Run(copy))


# Views


def test_every_kind_of_run_has_its_view(planted_run: Run, duel_run: Run, recipes_run: Run, tmp_path: Path) -> None:
    schemas = {}
    for run in (planted_run, duel_run, recipes_run):
        view = view_of(run)
        summary = view.summarise(run)
        assert type(hoodwink.summarise(run)) is type(summary)
        made = view.page(summary)
        page = made if isinstance(made, str) else made.html
        assert report(run, to=tmp_path / "page.html").read_text("utf-8") == page
        assert printed(view.text(summary))
        schemas[summary.to_json()["schema"]] = page
    assert list(schemas) == ["hoodwink.run/1", "hoodwink.duel/1", "hoodwink.recipes/1"]
    assert len(set(schemas.values())) == 3
    assert set(VIEWS) == {"attack", "duel", "recipes", "survey", "collapse", "transfer"}


@pytest.mark.parametrize("kind", ["siege", "\x1b[31m", 7, ["duel"], {"duel": 1}, None, ""])
def test_a_kind_of_run_that_is_not_known(duel_run: Run, tmp_path: Path, kind: object) -> None:
    copy = shutil.copytree(duel_run.folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["identity"]["kind"] = kind
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(UsageError, match=r"is of kind .*, which this version does not know; use a newer one") as caught:
        view_of(load_run(copy))
    assert "\x1b" not in str(caught.value)


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Damages the first round's record."""

    def damage(folder: Path) -> None:
        db = sqlite3.connect(folder / "run.db")
        record = json.loads(db.execute("SELECT record FROM rounds WHERE round = 1").fetchone()[0])
        change(record)
        db.execute("UPDATE rounds SET record = ? WHERE round = 1", (json.dumps(record),))
        db.commit()
        db.close()

    return damage


def executed(statement: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        db = sqlite3.connect(folder / "run.db")
        db.execute(statement)
        db.commit()
        db.close()

    return damage


def reconfigured(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    change(config)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no-table": executed("DROP TABLE rounds"),
    "no-json": executed("UPDATE rounds SET record = '{'"),
    "a-list": executed("UPDATE rounds SET record = '[]'"),
    "no-quality": edited(lambda record: record.pop("quality")),
    "keys-a-list": edited(lambda record: record.update(keys=[])),
    "one-more-field": edited(lambda record: record.update(more=1)),
    "looks-of-numbers": edited(lambda record: record.update(looks=[1])),
    "variants-by-name": edited(lambda record: record.update(variants={"one": {}})),
    "keys-of-two-lengths": edited(lambda record: record.update(keys={"a": [True], "b": []})),
    "no-run-of-the-round": lambda folder: shutil.rmtree(folder / "rounds" / "1" / "eval"),
    "half-a-run": lambda folder: (folder / "rounds" / "1" / "eval" / "run.db").write_bytes(b"SQLite format 3"),
    "a-run-without-config": lambda folder: (folder / "rounds" / "1" / "eval" / "config.json").write_text("{}"),
    "no-versions": lambda folder: reconfigured(folder, lambda config: config.pop("versions")),
    "garbage": lambda folder: (folder / "run.db").write_bytes(b"not a database at all" * 100),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_duel_gives_a_line(duel_run: Run, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    copy = shutil.copytree(duel_run.folder, tmp_path / "copy")
    damage(copy)
    with pytest.raises(UsageError, match=r"is damaged|no run in") as caught:
        hoodwink.report(Run(copy))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["identity"].pop("recipes"),
        lambda config: config["identity"].update(recipes="replay"),
        lambda config: config["identity"].update(recipes=[["replay"]]),
        lambda config: config.pop("versions"),
    ],
)
def test_a_damaged_comparison_gives_a_line(recipes_run: Run, tmp_path: Path, change: Any) -> None:
    copy = shutil.copytree(recipes_run.folder, tmp_path / "copy")
    reconfigured(copy, change)
    with pytest.raises(UsageError, match="is damaged") as caught:
        hoodwink.report(Run(copy))
    assert "\n" not in str(caught.value)


def test_a_damaged_duel_of_a_comparison_gives_a_line(recipes_run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(recipes_run.folder, tmp_path / "copy")
    executed("UPDATE rounds SET record = '{}'")(copy / "keys")
    with pytest.raises(UsageError, match=r"duel .*keys is damaged"):
        hoodwink.report(Run(copy))


# Progress


def test_progress_of_a_duel_names_every_stage(tmp_path: Path) -> None:
    out = io.StringIO()
    with DuelProgress(Console(file=out, width=200), 2) as display:
        fight(tmp_path, rounds=2, watch=display.watch())
    lines = out.getvalue().splitlines()
    heads = [line for line in lines if re.match(r"round \d/2 ", line) and line.endswith(tuple(STAGES.values()))]
    wanted = [(1, "eval"), (1, "held-out"), (1, "replay"), (1, "train"), (2, "retrain"), (2, "eval"), (2, "held-out"),
              (2, "replay"), (1, "look back")]  # fmt: skip
    assert heads == [f"round {number}/2 {STAGES[stage]}" for number, stage in wanted]
    ends = [line for line in lines if " done in " in line]
    assert [line.split(" done")[0] for line in ends] == ["round 1", "round 2"]
    assert "clean accuracy 100.0%, right accepted 100.0%" in ends[0]
    assert f"{SMALL['problems']}/{SMALL['problems']}" in out.getvalue()
    assert "loss " in out.getvalue()


def test_progress_of_a_comparison_names_the_recipe_as_it_is(tmp_path: Path) -> None:
    out = io.StringIO()
    with DuelProgress(Console(file=out, width=200, force_terminal=True, legacy_windows=False), 1) as display:
        fight(tmp_path, rounds=1, watch=display.watch("[red]mine"))
    seen = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", out.getvalue())
    assert "[red]mine round 1/1 attack on eval problems" in seen
