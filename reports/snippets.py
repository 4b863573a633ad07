"""A find as Python that anyone can paste into a test suite.

What stands in a find is hostile. It reaches the code only as a string literal of printable ASCII, or as a docstring in
which every quote, backslash and unusual character is escaped, so that it can neither end a string nor start code.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from ..fuzz.lines import shrunk_proof

#: The fixture of the pytest plugin that gives the judge under test.
FIXTURE = "hoodwink_judge"

#: Columns of a line of code, which formatters then leave alone, and characters of a docstring that are kept.
WIDTH, DOCSTRING = 88, 400


def as_test(find: Mapping[str, Any], judge: str | None = None) -> str:
    """A find (a line of `finds.jsonl`) as a pytest module of one test: the judge must reject its shrunk form.

    `judge` is the name of the judge to ask; without one the test asks for the plugin's fixture, so that
    `pytest --hoodwink-judge NAME` decides. The text is ASCII and ends with a newline; same find, same text.
    """
    return f"import hoodwink\n\n\n{as_function(find, judge)}"


def as_function(find: Mapping[str, Any], judge: str | None = None) -> str:
    """The test alone, without the import."""
    asked, parameter = (FIXTURE, f"{FIXTURE}: hoodwink.Judge") if judge is None else (literal(judge, 8), "")
    values = {"question": find["question"], "reference": find["reference"], "response": find["shrunk"]}
    lines = [asked, *(f"{name}={literal(value, 8, len(name) + 2)}" for name, value in values.items())]
    arguments = "".join(f"        {line},\n" for line in lines)
    return (
        f"def test_{name_of(find)}({parameter}) -> None:\n{docstring(shrunk_proof(find))}"
        f"    hoodwink.assert_rejects(\n{arguments}    )\n"
    )


def name_of(find: Mapping[str, Any]) -> str:
    """What a find is called in tests: kind, attack, and a hash of problem and response. An identifier of ASCII."""
    named = [part for part in find["attack"].split(":") if "=" not in part][-1:]  # python:module:name, or a plain name
    attack = re.sub(r"[^a-z0-9]+", "_", "".join(named).lower()).strip("_")[:14]
    words = [find["kind"].replace(" ", "_"), attack, digest_of(find)]
    return "_".join(word for word in words if word)


def digest_of(find: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that tell finds apart: of the problem and the response as it was found."""
    parts = "\x1f".join([find["problem"], find["response"]])
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def docstring(text: str, indent: int = 4) -> str:
    """A text as an indented docstring with a newline at its end; blanks may move, and a long text is cut."""
    kept = text if len(text) <= DOCSTRING else f"{text[:DOCSTRING]}..."
    # Whole words only: an escape sequence must not be torn in two.
    wrapped = textwrap.wrap(escaped(kept, '"'), WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    margin = " " * indent
    inside = f"\n{margin}".join(wrapped)
    return f'{margin}"""{inside}"""\n' if len(wrapped) < 2 else f'{margin}"""{inside}\n{margin}"""\n'


def literal(text: str, indent: int = 0, taken: int = 0) -> str:
    """A Python literal of printable ASCII whose value is the text; a long one stands on several lines, in brackets.

    `indent` and `taken` are the columns before it: blanks, and what else stands on its line.
    """
    quote = "'" if '"' in text and "'" not in text else '"'
    whole = f"{quote}{escaped(text, quote)}{quote}"
    if len(whole) + indent + taken <= WIDTH:
        return whole
    lines = [""]
    for word in re.findall(r"\S{1,7}\s?|\s", text):  # so few that a line is not much too long if all are escaped
        shown = escaped(word, quote)
        if len(lines[-1]) + len(shown) > WIDTH - indent - 6 or lines[-1].endswith("\\n"):
            lines.append("")
        lines[-1] += shown
    margin = " " * indent
    return "(\n" + "".join(f"{margin}    {quote}{line}{quote}\n" for line in lines) + f"{margin})"


def escaped(text: str, quote: str) -> str:
    """A text as it may stand between quotes: printable ASCII, backslashes and that quote escaped."""
    return text.encode("unicode_escape").decode("ascii").replace(quote, f"\\{quote}")
