"""The pages of duels, recipes and collapses in a real browser: nothing runs, nothing is fetched, nothing sticks out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink.fuzz.recipes import compare_recipes
from hoodwink.judges.hardening import RECIPES
from hoodwink.reports.answers import QUESTIONS
from whackamole import SMALL, WhackAMole, fight

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))

#: Widths of a desk and of a phone.
WIDTHS = [1280, 390]


def gullible(reference: str, response: str) -> float:
    """Accepts whatever is no honest answer."""
    return 0.9 if reference in response else 0.97 if response.startswith(" ") else 0.1


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of a duel that finds long and hostile texts, of one without finds, of recipes, and of two collapse runs."""
    folder = tmp_path_factory.mktemp("browser")
    name = "".join(HOSTILE).replace("/", "|").replace("\0", "") + "x" * 60
    recipe = replace(RECIPES["replay"], name=name)
    judge = WhackAMole(["Solution", " zebra", " quartz"], name=name)
    hostile = fight(folder / "hostile", judge, rounds=4, recipe=recipe)
    quiet = fight(folder / "quiet", WhackAMole([], name="quiet"), rounds=2)
    short = replace(recipe, name=name[:80])
    compared = compare_recipes(WhackAMole(), recipes=["keys", short], out=folder / "compared", **{**SMALL, "rounds": 2})
    settings: dict[str, Any] = {"batch": 64, "every": 5, "length": 3, "vocabulary": 32}
    lost = hoodwink.collapse(
        gullible, training=hoodwink.Training(steps=100, choice_lr=1.5, **settings), out=folder / "lost"
    )
    kept = hoodwink.collapse("planted:echo", training=hoodwink.Training(steps=10, **settings), out=folder / "kept")
    runs = {"hostile": hostile, "quiet": quiet, "recipes": compared, "collapse": lost, "kept": kept}
    return {kind: hoodwink.report(run) for kind, run in runs.items()}


KINDS = ["hostile", "quiet", "recipes", "collapse", "kept"]

#: Charts of each page; every one has a table behind it.
CHARTS = {"hostile": 3, "quiet": 1, "recipes": 1, "collapse": 3, "kept": 3}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_without_a_word_and_nothing_sticks_out(
    visit_file: Any, pages: dict[str, Path], kind: str, width: int
) -> None:
    seen = visit_file(pages[kind], width)
    page = seen.page
    page.wait_for_timeout(200)
    assert seen.messages == []
    assert [url for url in seen.requests if url != "data:,"] == [pages[kind].as_uri()]
    assert page.evaluate("document.querySelectorAll('script, img, iframe, object, form').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.outside() == []
    assert page.locator("h1").count() == 1
    assert page.locator("h1").is_visible()
    assert page.locator("figure svg[role=img]").count() == CHARTS[kind]
    assert page.locator("figure details.behind table").count() == CHARTS[kind]
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('figure svg')].map(svg => {
            const box = svg.getBoundingClientRect();
            const texts = [...svg.querySelectorAll('text')].map(t => t.getBoundingClientRect()).filter(t => t.width);
            return [box.left, box.right, Math.min(...texts.map(t => t.left)), Math.max(...texts.map(t => t.right)),
                    Math.min(...texts.map(t => t.height))];
        })"""
    )
    for left, right, text_left, text_right, height in boxes:
        assert left >= 0
        assert right <= width
        assert text_left >= left - 1
        assert text_right <= right + 1
        assert height >= 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_fault(visit_file: Any, pages: dict[str, Path], kind: str, scheme: str) -> None:
    assert visit_file(pages[kind], 1280, scheme).faults() == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_screen_answers_all_five_questions(visit_file: Any, pages: dict[str, Path], kind: str) -> None:
    page = visit_file(pages[kind]).page
    asked = page.locator(".answers .asked, .answers dt").all_inner_texts()
    assert asked == list(QUESTIONS)
    below = page.evaluate("document.querySelector('.answers').getBoundingClientRect().bottom")
    assert kind in ("hostile", "recipes") or below <= 900, "seen without scrolling"


@pytest.mark.parametrize("kind", ["quiet", "recipes", "collapse"])
def test_it_can_be_printed(visit_file: Any, pages: dict[str, Path], kind: str) -> None:
    """On A4 nothing is cut off at the right, tables too, and text is black on white whatever the screen's scheme."""
    page = visit_file(pages[kind], 720, "dark").page
    page.emulate_media(media="print")
    wide = "e => e.scrollWidth > e.clientWidth + 1"
    assert page.evaluate(f"[...document.querySelectorAll('.scroll')].filter({wide}).map(e => e.innerText)") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
