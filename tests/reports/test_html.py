"""The page of a run: it says what the summary says, and no text in it can do anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import hoodwink
import pytest
from hoodwink import Run, UsageError
from hoodwink.fuzz.checks import WARNINGS
from hoodwink.reports.answers import QUESTIONS
from hoodwink.reports.attack.gallery import GALLERY, hang
from hoodwink.reports.attack.page import command, render
from hoodwink.reports.attack.summary import RunSummary, summarise

VOID = {"meta", "link", "br", "hr", "img", "input", "circle", "path", "line", "rect"}


class Page(HTMLParser):
    """A page as a browser takes it: elements with their attributes, text, and whether tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def summary(hostile_run: Run) -> RunSummary:
    """A run full of hostile text, with hostile names for its parts as well."""
    summary = summarise(hostile_run)
    name = "<script>alert(2)</script>\x1b[31m\u202e\"'><img src=x>"
    attacks = (replace(summary.attacks[0], name=name, failed=(name,)), *summary.attacks[1:])
    return replace(summary, attacks=attacks, settings={**summary.settings, "judge": name, "corpus": name})


@pytest.fixture(scope="module")
def page(summary: RunSummary) -> str:
    return render(summary).html


def test_only_own_elements(page: str) -> None:
    parsed = Page(page)
    html_tags = {tag for tag, _ in parsed.tags}
    assert [tag for tag, _ in parsed.tags].count("script") == 1
    assert html_tags & {"iframe", "object", "embed", "form", "base", "img", "image", "foreignobject"} == set()
    assert [tag for tag, _ in parsed.tags].count("h1") == 1
    assert parsed.unbalanced == []
    assert parsed.open == []


def test_no_attribute_runs_or_fetches_anything(page: str) -> None:
    for tag, attributes in Page(page).tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "xlink:href", "srcset", "action"):
                assert value == "data:," or value.startswith("#"), (tag, name, value)
            if not name.startswith("xmlns"):
                assert "url(" not in value.replace("url(#", "")


def test_no_reference_to_the_network(page: str) -> None:
    left = re.sub(r"http://evil\.example?", "", page)  # as text, which is cut short in some places
    left = re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[^"]*"', "", left)
    assert re.findall(r"(?:https?:)?//[\w.]+", left) == []


def hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_policy_allows_its_own_style_and_script_alone(page: str) -> None:
    (policy,) = [m["content"] for m in Page(page).named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert style is not None
    assert script is not None
    assert policy == (
        f"default-src 'none'; script-src {hashed(script[1])}; style-src {hashed(style[1])}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    code = (Path(hoodwink.__file__).parent / "reports" / "templates" / "gallery.js").read_text("utf-8")
    assert script[1] == code, "nothing of a run is put into the script"
    before = page[: page.index("Content-Security-Policy")]
    assert "<style" not in before
    assert "<link" not in before


def test_nothing_invisible_or_turning_is_in_the_page(page: str) -> None:
    bad = {c for c in page if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")}
    assert bad == set()
    assert not {"\u3164", "\u034f", "\ufe0f"} & set(page)


def test_hostile_text_can_be_read(page: str) -> None:
    text = Page(page).text
    for shown in [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7*7 }}{% raw %}",
        r"\x1b[31mred\x1b]0;title\x07\x9b2J",
        r"\x00\x7f\r\nhoodwink: done",
        r"\u202egnp.exe\u2066 \u200b\ufeff\u2028",
        r"\u3164\u034f\ufe0f\U000e0041",
        "[red]bold[/red]",
        ":smile: :warning:",
        "&lt;b&gt; &amp;",
    ]:
        assert shown in text, shown


def test_long_text_is_cut(page: str) -> None:
    assert "x" * 1900 in page
    assert max(map(len, re.findall("x+", page))) == 2000
    assert len(page.encode()) < 1_000_000


def test_numbers_are_those_of_the_summary(planted_run: Run) -> None:
    summary = summarise(planted_run)
    text = Page(render(summary).html).text
    for attack in summary.attacks:
        low, high = attack.asr_ci or (0, 0)
        row = (
            f"{attack.name} {attack.fooled} of {attack.problems} {100 * (attack.asr or 0):.0f}% "
            f"{100 * low:.0f}–{100 * high:.0f}% {attack.kinds['nonsense']} {attack.kinds['near miss']} "
            f"{attack.acclaimed} "
            f"{attack.queries_median or '–'} {attack.queries_total} {attack.verdicts} {attack.seconds:.0f} s"
        )
        assert row in text
    assert f"{100 * (summary.checks.quality.clean_accuracy or 0):.1f}% clean accuracy" in text
    assert f"{len(summary.finds)} finds." in text
    assert "not finished" not in text
    assert text.startswith("hoodwink: attack on planted:length")


def test_charts_name_every_attack(planted_run: Run) -> None:
    page = render(summarise(planted_run)).html
    charts = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    assert len(charts) == 3
    for chart in charts[:2]:
        assert 'role="img" aria-label=' in chart[:200]
        assert "currentColor" in chart
        for name in ("none", "openers", "repeat", "random:length=4"):
            assert f">{name}</text>" in chart


def test_every_chart_has_a_table_behind_it(planted_run: Run) -> None:
    """The table of a curve says what the curve says at its budgets; that of the scores counts every response."""
    summary = summarise(planted_run)
    text = Page(render(summary).html).text
    for attack in summary.attacks:
        low, high = attack.band[-1]
        at_budget = f"{100 * attack.curve[-1][1]:.0f}%"
        if len(attack.curve) > 1:
            at_budget += f" ({100 * low:.0f}–{100 * high:.0f}%)"
        assert f"{at_budget} {attack.queries_median or '–'}" in text
    for group in summary.scores:
        assert f"{group.group} " in text
    assert "all " + " ".join(str(group.n) for group in summary.scores) in text


def test_the_first_screen_answers_five_questions(planted_run: Run) -> None:
    page = render(summarise(planted_run)).html
    places = [page.index(f">{question}</") for question in QUESTIONS]
    assert places == sorted(places)
    assert places[-1] < page.index("<h2")


def test_every_warning_is_explained(planted_run: Run) -> None:
    summary = summarise(planted_run)
    raised = {flag.id for flag in summary.checks.flags}
    text = Page(render(summary).html).text
    for id, warning in WARNINGS.items():
        seen = next((f"raised : {flag.seen}" for flag in summary.checks.flags if flag.id == id), "not raised")
        assert f"{id} {seen} {warning.raised_if} {warning.means}" in text
    assert raised < set(WARNINGS)


def test_settings_and_versions_are_there(seeded_run: Run) -> None:
    summary = summarise(seeded_run)
    text = Page(render(summary).html).text
    assert f"judge's fingerprint {summary.settings['fingerprint']} " in text
    assert "seeds 1 to 3 budget of a search 6 queries budget of shrinking 20 queries a find" in text
    for name, version in summary.versions.items():
        assert f"{name} {version}" in text


def test_the_page_stays_under_two_megabytes(hostile_run: Run) -> None:
    summary = summarise(hostile_run)
    worst = "\U000e0001" * 5000 + '"' * 5000
    find = {
        **summary.finds[0],
        **dict.fromkeys(("question", "reference", "response", "shrunk", "proof", "shrunk_proof"), worst),
    }
    find |= {"lineage": [[worst, worst]] * 500, "tokens": [[worst, 0.1, -1.0]] * 48, "shrunk_margin": 2.0}
    strings = tuple(replace(summary.strings[0], text=worst, fooled=1) for _ in range(500))
    families = {f"{i}{worst}": (0.5, 1) for i in range(500)}
    checks = replace(summary.checks, quality=replace(summary.checks.quality, by_family=families))
    modes = tuple(
        replace(summary.diversity.modes[0], name=worst, attacks=(worst,), examples=(worst,) * 5) for _ in range(500)
    )
    places = tuple(range(500)) * 2
    steps = 640
    curve = tuple((q, q / steps) for q in range(steps + 1))
    many = tuple(
        replace(summary.attacks[0], name=f"{i}{worst}", curve=curve, band=curve, asr=1.0, asr_ci=(0.9, 1.0))
        for i in range(19)
    )
    large = replace(
        summary,
        finds=(find,) * 1000,
        strings=strings,
        checks=checks,
        attacks=many,
        diversity=replace(summary.diversity, modes=modes, places=places),
        settings={**summary.settings, "budget": steps},
    )
    made = render(large)
    cards = len(hang(large).cards)
    assert 0 < cards < GALLERY
    assert len(made.html.encode()) < 2_000_000
    assert made.beside == large.finds
    text = Page(made.html).text
    assert (
        f"1000 finds; {cards} of them here, of {cards} of 500 failure modes, and all in the file beside this page"
        in text
    )
    assert "and 460 more families" in text
    assert "Lineage, 500 steps, the last 20 shown" in text


def test_finds_without_room_stand_beside_the_page(planted_run: Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("hoodwink.reports.attack.gallery.GALLERY", 2)
    path = hoodwink.report(planted_run, to=tmp_path / "mine.html")
    page = path.read_text("utf-8")
    assert len(Page(page).named("article")) == 2
    assert "is named like it and ends in .finds.jsonl" in Page(page).text
    lines = (tmp_path / "mine.finds.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == planted_run.finds


def test_where_all_finds_fit_the_page_stands_alone(planted_run: Run, tmp_path: Path) -> None:
    hoodwink.report(planted_run, to=tmp_path / "mine.html")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.html"]


def test_an_unfinished_run_says_so(unfinished_run: Run) -> None:
    text = Page(render(summarise(unfinished_run)).html).text
    assert "This run is not finished: its rates so far are too high, since searches that succeed end first." in text


def test_no_finds(empty_run: Run) -> None:
    summary = summarise(empty_run)
    text = Page(render(summary).html).text
    assert "Not by this search: 1 attack with 20 queries a problem fooled it on none of 3 problems" in text
    assert "0 finds." in text
    assert "Nothing was fooled." in text


def test_all_problems_excluded(excluded_run: Run) -> None:
    summary = summarise(excluded_run)
    page = render(summary).html
    text = Page(page).text
    assert "Yes, without any attack: it accepts the plain wrong answer of 3 of 3 problems." in text
    assert "0 of 0 (+3 excluded) –" in text
    assert page.count("<svg") == 1, "the scores alone can be drawn"


def test_a_failed_attack_is_named(tmp_path: Path) -> None:
    def clumsy(target, rng):
        raise ValueError("no <b>idea</b>")
        yield []

    run = hoodwink.attack("planted:trigger", attacks=["none", clumsy], problems=2, budget=5, out=tmp_path / "run")
    text = Page(render(summarise(run)).html).text
    assert "Attack clumsy failed in 2 cells: ValueError: no <b>idea</b>" in text


def test_the_command_makes_the_same_run(planted_run: Run) -> None:
    assert command(summarise(planted_run)) == (
        "hoodwink attack --judge planted:length --corpus arithmetic --attacks none,openers,repeat,random:length=4 "
        "--problems 7 --budget 60 --seed 5 --seeds 1 --goal accept --split eval --shrink-budget 60"
    )


def test_the_command_keeps_the_threshold(planted_run: Run) -> None:
    summary = summarise(planted_run)
    strict = replace(summary, checks=replace(summary.checks, threshold=0.85))
    assert str(command(strict)).endswith(" --threshold 0.85")


def test_a_run_of_objects_has_no_command(hostile_run: Run) -> None:
    assert command(summarise(hostile_run)) is None
    assert "no name on the command line" in Page(render(summarise(hostile_run)).html).text


def test_report_writes_where_it_is_told(planted_run: Run, tmp_path: Path) -> None:
    assert hoodwink.report(planted_run) == planted_run.folder / "report.html"
    assert hoodwink.report(planted_run, to=tmp_path / "page.html") == tmp_path / "page.html"
    first, second = planted_run.folder / "report.html", tmp_path / "page.html"
    assert first.read_bytes() == second.read_bytes()


def test_report_into_nowhere(planted_run: Run, tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "no" / "page.html"):
        with pytest.raises(UsageError, match=r"cannot write the report to .* name another file with --to"):
            hoodwink.report(planted_run, to=target)
    assert list(tmp_path.parent.glob("*.part")) == []
