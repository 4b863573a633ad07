"""The page of a survey in a real browser, with hostile labels: nothing runs, nothing is fetched, nothing sticks out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink.corpora.errors import JudgeError
from hoodwink.reports.survey.page import render
from hoodwink.reports.survey.summary import summarise

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
SMALL: dict[str, Any] = {"attacks": ["openers", "repeat", "gcg"], "problems": 5, "budget": 60}


def failing(response: str) -> float:
    """Fails with hostile words."""
    raise JudgeError("".join(HOSTILE))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of a survey, and of the same with hostile text wherever a stranger's may stand."""
    folder = tmp_path_factory.mktemp("surveys")
    judges = {"long": "planted:length", "keys": "planted:trigger", "holds": "planted:claim", "broken": failing}
    plain = summarise(hoodwink.survey(judges, **SMALL, out=folder / "run"))
    rows = tuple(
        replace(row, label=text + row.label, judge=text * 3, folder=text, lacks={text: text}, error=text)
        for row, text in zip(plain.rows * 4, HOSTILE, strict=False)
    )
    name = "x" * 120
    attacks = {a: f"{name}{a}" for a in plain.attacks}
    rows = tuple(replace(r, attacks={attacks[n]: a for n, a in r.attacks.items()}) for r in rows)
    settings = {**plain.settings, "corpus": "".join(HOSTILE), "attacks": list(attacks.values())}
    found = {"plain": plain, "hostile": replace(plain, rows=rows, settings=settings, complete=False)}
    for kind, summary in found.items():
        (folder / f"{kind}.html").write_text(render(summary), "utf-8")
    return {kind: folder / f"{kind}.html" for kind in found}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["plain", "hostile"])
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
    assert seen.page.locator("figure svg[role=img]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["plain", "hostile"])
def test_axe_finds_no_fault(visit_file: Any, pages: dict[str, Path], kind: str, scheme: str) -> None:
    assert visit_file(pages[kind], 390, scheme).faults() == []


def test_the_table_fits_a_desk_and_has_every_judge(visit_file: Any, pages: dict[str, Path]) -> None:
    page = visit_file(pages["plain"], 1280).page
    assert page.locator("h1").inner_text().startswith("Is it broken?\nYes: 2 of 3 judges")
    first = page.locator(".scroll").first
    assert first.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert first.locator("tbody tr").count() == 4
    first_flag, second_flag = page.locator(".flag").all_inner_texts()
    assert first_flag == "long, keys, holds, broken: gcg needs gradients, which the judge does not give."
    assert second_flag.startswith("broken: failed: ")
