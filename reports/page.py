"""The frame of every report: one HTML file that needs nothing else, with no script and every hostile string escaped."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

import jinja2

from .escape import visible
from .text import interval, percent

#: Characters shown of a response, and of a text in a list or of a name.
LONGEST, SHORT = 2000, 300


def page(template: str, **context: Any) -> str:
    """A page by its template, which extends `page.html.jinja`; `context` needs a `title`."""
    style = _resource("page.css")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, interval=interval, shown=shown)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(template).render(
        style=style,
        # `img-src data:` is for the empty icon, without which a browser asks for /favicon.ico.
        policy=f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'",
        short=SHORT,
        **context,
    )


def shown(text: str, limit: int = LONGEST) -> str:
    """A text of a judge, a model or a file as a page shows it."""
    return visible(text, limit)


def _resource(name: str) -> str:
    return files("hoodwink.reports").joinpath("templates", name).read_text("utf-8")
