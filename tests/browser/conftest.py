"""Chromium, and a page in it with all that the browser had to say: shared by the tests of every report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

#: Faults of these impacts fail a test.
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, for all tests; without it they are skipped, and fail where CI promises it."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium: install it, CI runs these tests")
        pytest.skip("no chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as control:
        launched = control.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@dataclass
class Visit:
    """A page and all that the browser had to say about it."""

    page: Any
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """What axe calls serious or critical: the rule, and where."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        found = axe.run(self.page).response["violations"]
        return [f"{v['id']}: {n['target']}" for v in found if v["impact"] in SERIOUS for n in v["nodes"]]

    def outside(self) -> list[str]:
        """Elements that stick out of the page at its right, those aside that scroll by themselves."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll('main *')]
                .filter(e => !e.closest('.scroll, svg, .unseen') && e.getBoundingClientRect().right > innerWidth + 1)
                .map(e => e.outerHTML.slice(0, 80))"""
        )


Visitor = Callable[..., Visit]


@pytest.fixture
def visit_file(browser: Any) -> Iterator[Visitor]:
    """Opens a file at a width and in a colour scheme (`visit_file(path, width, scheme)`), all details unfolded."""
    contexts = []

    def open_page(path: Path, width: int = 1280, scheme: str = "light", *, fragment: str = "", **options: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        seen = Visit(page)
        page.on("console", lambda message: seen.messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.messages.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (seen.messages.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(path.as_uri() + fragment, wait_until="load")
        if options.get("java_script_enabled", True):
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        return seen

    yield open_page
    for context in contexts:
        context.close()
