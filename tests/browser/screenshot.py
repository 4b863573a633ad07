"""Takes the picture of a report that the README shows: `make screenshot`, after `make demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright


def screenshot(report: Path, to: Path, *, width: int, height: int) -> None:
    """The first screen of a report, in light colours, as a PNG file."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.screenshot(path=to)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="report.html of a run")
    parser.add_argument("to", type=Path, help="PNG file to write")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    asked = parser.parse_args()
    screenshot(asked.report, asked.to, width=asked.width, height=asked.height)
