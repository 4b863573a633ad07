"""The frame of every report: one HTML file that needs nothing else, with every hostile string escaped.

A page may carry one small script, of the templates' folder, for comfort alone: all can be read without. The policy
names style and script by their hashes, so that nothing else runs, whatever gets into the page.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from ..corpora.words import many
from ..fuzz.lines import shrunk_proof
from .escape import visible
from .text import interval, percent

#: Characters shown of a response, and of a text in a list or of a name.
LONGEST, SHORT = 2000, 300


def page(template: str, *, script: str | None = None, **context: Any) -> str:
    """A page by its template, which extends `page.html.jinja`; `context` needs a `title`.

    `script` names a file of the templates' folder that the page runs.
    """
    style, code = _resource("page.css"), "" if script is None else _resource(script)
    return _template(template).render(style=style, script=code, policy=_policy(style, code), short=SHORT, **context)


def fragment(template: str, **context: Any) -> Markup:
    """A part of a page by its template, so that its size is known before the page is made."""
    return Markup(_template(template).render(short=SHORT, **context))


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent,
        interval=interval,
        shown=shown,
        visible=visible,
        brief=brief,
        shrunk_proof=shrunk_proof,
        many=many,
    )
    return environment


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: this style and this script, and nothing from anywhere."""
    scripts = f"script-src {_hashed(script)}; " if script else ""
    # `img-src data:` is for the empty icon, without which a browser asks for /favicon.ico.
    return (
        f"default-src 'none'; {scripts}style-src {_hashed(style)}; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def shown(text: str, limit: int | None = LONGEST) -> str:
    """A text of a judge, a model or a file as a page shows it; None for a command, which is of no use when cut."""
    return visible(text, limit)


def brief(text: str, limit: int) -> str:
    """A text in a table: as shown, escapes and all, no longer than so many characters."""
    whole = visible(text, limit)
    return whole if len(whole) <= limit else f"{whole[: limit - 1]}…"


def _resource(name: str) -> str:
    return files("hoodwink.reports").joinpath("templates", name).read_text("utf-8")
