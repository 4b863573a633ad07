"""The first screen of every page: what a reader came to ask, answered in a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

BROKEN, CHEAPLY, BY_WHAT = "Is it broken?", "How cheaply?", "By what?"
HARDENING, TO_DO = "Does hardening help?", "What to do?"

#: The questions in the order in which a page answers them.
QUESTIONS = (BROKEN, CHEAPLY, BY_WHAT, HARDENING, TO_DO)


class Answer(NamedTuple):
    """One question and its answer: a plain sentence, true of this run and worked out from its data.

    `text` may hold strangers' text, which has to be made visible (`reports.escape.visible`); the template escapes it.
    `command` is a command line that answers or does it, shown beneath; it has to be visible too.
    """

    question: str
    text: str
    command: str = ""


class Figure(NamedTuple):
    """A chart, what it shows, and the table behind it: the same numbers, each row as long as `columns`.

    Its first cell names the row. Cells may hold strangers' text, made visible.
    """

    caption: str
    chart: Markup | None
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
