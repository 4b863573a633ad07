"""The report in a real browser, full of hostile text: nothing runs, nothing is fetched, nothing sticks out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Candidate

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
LONG = "x" * 20_000

#: Widths of a desk and of a phone.
WIDTHS = [1280, 390]


def hostile(target: object, rng: object) -> Iterator[list[Candidate]]:
    """Yields hostile texts that the planted judge accepts, each the parent of the next."""
    parent = None
    for text in [*HOSTILE, LONG]:
        yield [Candidate(text, "hostile", text, parent), Candidate(f"Solution {text}", "hostile", text, parent)]
        parent = text


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with hostile text in questions, families, responses, operators and lineages."""
    folder = tmp_path_factory.mktemp("browser")
    rows = [
        {"question": f"{text} what is {i}+40?", "reference": f"{i + 40}", "wrong": [f"{i + 90}"], "family": text}
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
    assert seen.page.evaluate("document.scripts.length") == 0
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
    assert page.locator("h1").inner_text().endswith("every find is provably wrong.")
    assert page.locator("figure svg[role=img]").count() == 2


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out(visit: Any, width: int) -> None:
    page = visit(width).page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = page.evaluate(
        """() => [...document.querySelectorAll('main *')]
            .filter(e => !e.closest('.scroll, svg') && e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []


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
    assert contrast(".small code", "color") >= 4.5
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
