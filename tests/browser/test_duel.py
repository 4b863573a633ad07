"""The page of a duel in a real browser, full of hostile text: nothing runs, nothing is fetched, nothing sticks out."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink.fuzz.recipes import compare_recipes
from hoodwink.judges.hardening import RECIPES
from whackamole import SMALL, WhackAMole, fight

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))

#: Widths of a desk and of a phone.
WIDTHS = [1280, 390]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a duel that finds long and hostile texts, of one without finds, and of a comparison."""
    folder = tmp_path_factory.mktemp("browser")
    name = "".join(HOSTILE).replace("/", "|").replace("\0", "") + "x" * 60
    recipe = replace(RECIPES["replay"], name=name)
    judge = WhackAMole(["Solution", " zebra", " quartz"], name=name)
    hostile = fight(folder / "hostile", judge, rounds=4, recipe=recipe)
    quiet = fight(folder / "quiet", WhackAMole([], name="quiet"), rounds=2)
    short = replace(recipe, name=name[:80])
    compared = compare_recipes(WhackAMole(), recipes=["keys", short], out=folder / "compared", **{**SMALL, "rounds": 2})
    return {kind: hoodwink.report(run) for kind, run in (("hostile", hostile), ("quiet", quiet), ("recipes", compared))}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for all tests of this file; without it they are skipped, and fail where CI promises it."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium: install it, CI runs these tests")
        pytest.skip("no chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as control:
        launched = control.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["hostile", "quiet", "recipes"])
def test_it_opens_without_a_word_and_nothing_sticks_out(
    browser: Any, pages: dict[str, Path], kind: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (messages.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(pages[kind].as_uri(), wait_until="load")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.wait_for_timeout(200)
    assert messages == []
    assert [url for url in requests if url != "data:,"] == [pages[kind].as_uri()]
    assert page.evaluate("document.querySelectorAll('script, img, iframe, object, form').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = page.evaluate(
        """() => [...document.querySelectorAll('main *')]
            .filter(e => !e.closest('.scroll, svg') && e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []
    assert page.locator("h1").count() == 1
    assert page.locator("h1").is_visible()
    assert page.locator("table").count() == (2 if kind == "recipes" else 8)
    assert page.locator("figure svg[role=img]").count() == {"hostile": 3, "quiet": 2, "recipes": 0}[kind]
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
    page.close()
