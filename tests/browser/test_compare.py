"""A comparison in a real browser, with hostile text: nothing runs, nothing is fetched, nothing sticks out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Candidate
from hoodwink.reports.comparing.compare import compare, write_page

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
WIDTHS = [1280, 390]
KINDS = ["attack", "hostile", "collapse"]


def strict(reference: str, response: str) -> float:
    """Accepts whatever states the reference."""
    return 0.9 if reference in response else 0.1


def lenient(reference: str, response: str) -> float:
    """Accepts hostile texts and blanks before a word too."""
    return 0.97 if response in HOSTILE or response.startswith(" ") else strict(reference, response)


def hostile(target: Any, rng: object) -> Iterator[list[Candidate]]:
    """Hostile texts, one by one."""
    for text in HOSTILE[len(target.question) % len(HOSTILE) :]:
        yield [Candidate(text, "hostile", text)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of two attacks, of the same with hostile names everywhere, and of two collapses."""
    folder = tmp_path_factory.mktemp("compared")
    attacks = [
        hoodwink.attack(
            judge, attacks=[hostile, "openers"], problems=12, budget=40, shrink_budget=10, out=folder / judge.__name__
        )
        for judge in (strict, lenient)
    ]
    training = hoodwink.Training(steps=60, batch=64, every=5, length=3, vocabulary=32, choice_lr=1.5)
    courses = [
        hoodwink.collapse(judge, training=training, out=folder / f"course-{judge.__name__}")
        for judge in (strict, lenient)
    ]
    plain = compare(*attacks)
    name = "".join(HOSTILE) + "x" * 100
    renamed = replace(
        plain,
        a=replace(plain.a, judge=name, folder=name),
        caveats=tuple(HOSTILE),
        settings=tuple((t, t, t) for t in HOSTILE),
        contests=tuple(replace(c, name=f"{name}{i}") for i, c in enumerate(plain.contests)),
    )
    found = {"attack": plain, "hostile": renamed, "collapse": compare(*courses)}
    return {kind: write_page(comparison, folder / f"{kind}.html") for kind, comparison in found.items()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_without_a_word_and_nothing_sticks_out(
    visit_file: Any, pages: dict[str, Path], kind: str, width: int
) -> None:
    seen = visit_file(pages[kind], width)
    seen.page.wait_for_timeout(200)
    assert seen.messages == []
    assert [url for url in seen.requests if url != "data:,"] == [pages[kind].as_uri()]
    assert seen.page.evaluate("document.querySelectorAll('script, img, iframe, object, form').length") == 0
    assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.outside() == []
    charts = seen.page.locator("figure svg[role=img]").count()
    assert charts == (1 if kind == "collapse" else 2)
    assert seen.page.locator("figure table, .scroll table").count() > charts


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_fault(visit_file: Any, pages: dict[str, Path], kind: str, scheme: str) -> None:
    assert visit_file(pages[kind], 390, scheme).faults() == []


def test_the_verdict_is_the_headline(visit_file: Any, pages: dict[str, Path]) -> None:
    page = visit_file(pages["attack"]).page
    assert page.locator("h1").inner_text().startswith("Is B worse than A?\nYes: ")
    assert page.locator(".answers dt").count() == 4
