"""The report in a real browser, full of hostile text: nothing of it runs, nothing is fetched, nothing sticks out.

Its own script filters, searches, sorts, links and copies; without it everything can be read.
"""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Candidate

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
LONG = "x" * 100_000

#: Widths of a desk and of a phone.
WIDTHS = [1280, 390]


def hostile(target: object, rng: object) -> Iterator[list[Candidate]]:
    """Yields hostile texts that the planted judge accepts, each the parent of the next."""
    parent = None
    for text in [*HOSTILE, LONG]:
        yield [Candidate(text, "hostile", text, parent), Candidate(f"so Solution {text}", "hostile", text, parent)]
        parent = text


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with hostile text in questions, families, responses, operators and lineages."""
    folder = tmp_path_factory.mktemp("browser")
    rows = [
        {"question": f"{text} what is {i}+40?", "reference": f"{i + 40}", "wrong": [f"so {i + 90}"], "family": text}
        for i, text in enumerate([*HOSTILE, LONG])
    ]
    (folder / "hostile.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    attacks = [hostile, "openers", "none", "random:length=4"]
    settings: dict[str, Any] = {"budget": 40, "shrink_budget": 8, "out": folder / "run"}
    run = hoodwink.attack("planted:trigger", f"file:{folder / 'hostile.jsonl'}", attacks=attacks, **settings)
    return hoodwink.report(run)


@pytest.fixture
def visit(visit_file: Any, report: Path) -> Any:
    """Opens the report at a width and in a colour scheme."""
    return partial(visit_file, report)


def test_nothing_runs_and_nothing_is_fetched(visit: Any, report: Path) -> None:
    seen = visit()
    seen.page.wait_for_timeout(200)
    assert seen.messages == []
    assert [url for url in seen.requests if url != "data:,"] == [report.as_uri()]
    assert seen.page.evaluate("document.scripts.length") == 1
    assert seen.page.evaluate("document.querySelectorAll('img, iframe, object, form').length") == 0
    assert seen.page.evaluate("performance.getEntriesByType('resource').map(e => e.name)") == []


def test_the_policy_is_at_work(visit: Any) -> None:
    """Were hostile text to become a script or an image after all, the browser would refuse it."""
    seen = visit()
    seen.page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.owned = true';
            document.body.append(script);
            const image = document.createElement('img');
            image.src = 'http://127.0.0.1:9/x.png';
            document.body.append(image);
        }"""
    )
    seen.page.wait_for_timeout(200)
    assert seen.page.evaluate("window.owned") is None
    assert sum("Content Security Policy" in message for message in seen.messages) == 2


def test_finds_are_there_and_legible(visit: Any) -> None:
    page = visit().page
    cards = page.locator("article.find")
    assert cards.count() == 2 * (len(HOSTILE) + 1), "hostile and openers fool on every problem"
    assert cards.first.is_visible()
    text = page.locator("main").inner_text()
    for shown in ["<script>alert(1)</script>", r"\x1b[31mred", r"\u202egnp.exe\u2066", "[red]bold[/red]", ":smile:"]:
        assert shown in text
    assert "makes it accept provably wrong answers" in page.locator("h1").inner_text()
    assert page.locator("figure svg[role=img]").count() == 3
    assert page.locator("figure svg[role=img][aria-label]").count() == 3


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out(visit: Any, width: int) -> None:
    seen = visit(width)
    assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.outside() == []


@pytest.mark.parametrize("width", WIDTHS)
def test_charts_can_be_read(visit: Any, width: int) -> None:
    """Labels are at least 9 CSS pixels high, lie inside the drawing, and so does the drawing in the page."""
    page = visit(width).page
    heights = page.evaluate(
        "() => [...document.querySelectorAll('figure svg text')].map(t => t.getBoundingClientRect().height)"
    )
    assert len(heights) > 10
    assert min(h for h in heights if h) >= 9
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('figure svg')].map(svg => {
            const box = svg.getBoundingClientRect();
            const texts = [...svg.querySelectorAll('text')].map(t => t.getBoundingClientRect()).filter(t => t.width);
            return [box.left, box.right, Math.min(...texts.map(t => t.left)), Math.max(...texts.map(t => t.right))];
        })"""
    )
    for left, right, text_left, text_right in boxes:
        assert left >= 0
        assert right <= width
        assert text_left >= left - 1
        assert text_right <= right + 1


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` (WCAG 2)."""
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_have_contrast(visit: Any, scheme: str) -> None:
    page = visit(1280, scheme).page
    ground = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (ground < 0.05) is (scheme == "dark")

    def contrast(selector: str, name: str) -> float:
        colour = page.evaluate(f"getComputedStyle(document.querySelector({selector!r})).{name}")
        low, high = sorted([luminance(colour), ground])
        return (high + 0.05) / (low + 0.05)

    assert contrast("h1", "color") >= 7
    assert contrast(".soft", "color") >= 4.5
    assert contrast("article.find h3 code", "color") >= 4.5
    assert contrast("article.find a", "color") >= 4.5
    assert contrast("figure svg text", "fill") >= 7
    lines = page.evaluate(
        "[...document.querySelectorAll('figure svg .mark-line path')].map(p => p.getAttribute('stroke'))"
    )
    assert len(lines) == 4
    for colour in lines:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        low, high = sorted([luminance(f"rgb({red}, {green}, {blue})"), ground])
        assert (high + 0.05) / (low + 0.05) >= 3, colour


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_no_serious_fault(visit: Any, width: int, scheme: str) -> None:
    assert visit(width, scheme).faults() == []


def search(page: Any) -> Any:
    return page.get_by_role("searchbox", name="Search")


def choice(page: Any, name: str) -> Any:
    return page.get_by_role("combobox", name=name)


def shown(page: Any) -> list[str]:
    """The ids of the finds that are shown, in order."""
    ids: list[str] = page.evaluate(
        "[...document.querySelectorAll('article.find')].filter(a => !a.hidden).map(a => a.id)"
    )
    return ids


def values(page: Any, name: str) -> list[str]:
    """An attribute of the finds that are shown."""
    return [page.locator(f"#{id}").get_attribute(f"data-{name}") for id in shown(page)]


def test_filters_and_search(visit: Any) -> None:
    page = visit().page
    everything = shown(page)
    choice(page, "attack").select_option("openers")
    assert 0 < len(shown(page)) < len(everything)
    assert set(values(page, "attack")) == {"openers"}
    assert page.locator("#find-tally").inner_text() == f"{len(shown(page))} of {len(everything)} shown"
    choice(page, "attack").select_option("hostile")
    search(page).fill("ALERT(1) script")
    found = shown(page)
    assert found
    texts = [page.locator(f"#{id}").inner_text().lower() for id in everything]
    expected = [
        id
        for id, text in zip(everything, texts, strict=True)
        if "alert(1)" in text and "script" in text and page.locator(f"#{id}").get_attribute("data-attack") == "hostile"
    ]
    assert found == expected
    search(page).fill("there is no such text")
    assert shown(page) == []
    page.get_by_role("button", name="Show all").click()
    assert shown(page) == everything
    assert not page.get_by_role("button", name="Show all").is_visible()


def test_order(visit: Any) -> None:
    page = visit().page
    first = shown(page)
    for order, name, down in (("-score", "score", True), ("queries", "queries", False), ("length", "length", False)):
        choice(page, "order").select_option(order)
        numbers = [float(value) for value in values(page, name)]
        assert numbers == sorted(numbers, reverse=down)
        assert sorted(shown(page)) == sorted(first)
    choice(page, "order").select_option("")
    assert shown(page) == first


def test_what_is_chosen_stands_in_the_address(visit: Any, browser: Any) -> None:
    page = visit().page
    choice(page, "attack").select_option("hostile")
    search(page).fill("\u0437 & bold=1#")
    search(page).fill("bold")
    choice(page, "order").select_option("queries")
    chosen, fragment = shown(page), page.evaluate("location.hash")
    assert fragment.startswith("#")
    other = visit(fragment=fragment)
    assert shown(other.page) == chosen != []
    assert search(other.page).input_value() == "bold"
    assert other.messages == []
    broken = visit(fragment="#attack=nothing&order=%00&q=%3Cscript%3E&__proto__=x")
    assert broken.messages == []
    assert choice(broken.page, "attack").input_value() == ""
    assert search(broken.page).input_value() == "<script>"


def test_a_link_leads_to_its_find_even_where_it_was_filtered_away(visit: Any) -> None:
    page = visit().page
    last = shown(page)[-1]
    link = page.locator(f"#{last} a[href='#{last}']")
    assert link.count() == 1
    assert last.startswith("find-")
    there = visit(fragment=f"#{last}").page
    assert there.evaluate("document.activeElement.id") == last
    assert there.locator(f"#{last}").is_visible()
    search(there).fill("there is no such text")
    assert shown(there) == []
    there.evaluate(f"location.hash = '#{last}'")
    there.wait_for_function(f"!document.getElementById('{last}').hidden")
    assert there.evaluate("document.activeElement.id") == last


def test_a_find_is_copied_as_a_test(visit: Any) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"]).page
    card = page.locator("article.find").first
    card.get_by_role("button", name="Copy as a test").click()
    card.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == card.locator("pre").text_content()
    ast.parse(copied)
    assert "hoodwink.assert_rejects(" in copied
    assert page.locator("#copied").inner_text() == "Copied"


def test_where_copying_is_refused_the_text_is_selected(visit: Any) -> None:
    page = visit().page
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')); }")
    page.evaluate("() => { document.execCommand = () => false; }")
    card = page.locator("article.find").first
    card.get_by_role("button", name="Copy as a test").click()
    card.get_by_role("button", name="Selected: press Ctrl+C").wait_for()
    assert page.evaluate("getSelection().toString()").strip() == card.locator("pre").inner_text().strip()


def test_the_keyboard_reaches_everything(visit: Any) -> None:
    page = visit().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find-text"
    page.keyboard.type("a/b")
    assert search(page).input_value() == "a/b"
    search(page).fill("")
    names = page.evaluate("[...document.querySelectorAll('select[data-filter]')].map(s => s.dataset.filter)")
    assert names[0] == "attack"
    for name in names:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.filter") == name
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", "what has the focus shows it"


def test_headings_are_in_order_and_tables_named(visit: Any) -> None:
    page = visit().page
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert (
        page.evaluate("[...document.querySelectorAll('table')].filter(t => !t.caption || !t.caption.textContent)") == []
    )


def test_everything_can_be_read_without_scripts(visit_file: Any, report: Path) -> None:
    seen = visit_file(report, java_script_enabled=False)
    page = seen.page
    assert page.locator("article.find:visible").count() == 2 * (len(HOSTILE) + 1)
    assert page.locator(".tools").is_hidden()
    assert page.locator("button:visible").count() == 0
    page.locator("article.find summary", has_text="As a test").first.click()
    assert page.locator("article.find pre").first.is_visible()
    assert seen.messages == []


def test_print_and_reduced_motion(visit: Any) -> None:
    page = visit(1280, "dark").page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "smooth"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    page.emulate_media(media="print")
    assert luminance(page.evaluate("getComputedStyle(document.body).color")) == 0
    assert not page.locator(".tools").is_visible()
    assert page.locator("article.find").first.is_visible()


def test_changes_can_be_told_without_colour(visit: Any) -> None:
    page = visit().page
    lines = page.evaluate(
        """() => ['del', 'ins'].map(tag => {
            const e = document.querySelector(`.find ${tag}`);
            return [getComputedStyle(e).textDecorationLine, e.querySelector('.unseen').textContent];
        })"""
    )
    assert lines == [["line-through", "[gone: "], ["underline", "[new: "]]
