"""Finds as Python: hostile text arrives as exactly the values that it is, and never as code."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hoodwink.reports.snippets import as_test, literal, name_of
from hypothesis import given
from hypothesis import strategies as st

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
HOSTILE += [
    '"""',
    "'''\\",
    "\\",
    "\\\\\n" * 99,
    "\udc80\\N{BULLET}",
    "'''\nimport os\n",
    "a\"b'c" * 50,
    "x" * 100_000,
    "",
]

FIND: dict[str, Any] = {
    "problem": "0123456789abcdef",
    "question": "What is 2 + 40?",
    "reference": "42",
    "response": "Yes, yes",
    "shrunk": "Yes",
    "proof": "final answer 7, not 42",
    "shrunk_proof": "no final answer: the reference 42 stands nowhere in the response",
    "kind": "near miss",
    "attack": "openers:only=Yes",
}

ANY_TEXT = st.text(st.characters(codec=None, categories=None)) | st.sampled_from(HOSTILE)


def parts(code: str) -> tuple[ast.FunctionDef, ast.Call]:
    """The one test of a module, and the call that is all of its body but the docstring."""
    assert code.isascii()
    assert code.replace("\n", "").isprintable()
    head, function = ast.parse(code).body
    assert ast.unparse(head) == "import hoodwink"
    assert isinstance(function, ast.FunctionDef)
    docstring, statement = function.body
    assert ast.get_docstring(function) is not None
    assert ast.unparse(docstring)
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    return function, statement.value


def test_a_find_is_a_test_that_reads_well() -> None:
    assert as_test(FIND, "referee") == (
        "import hoodwink\n\n\n"
        "def test_near_miss_openers_b14040fcb5() -> None:\n"
        '    """no final answer: the reference 42 stands nowhere in the response"""\n'
        "    hoodwink.assert_rejects(\n"
        '        "referee",\n'
        '        question="What is 2 + 40?",\n'
        '        reference="42",\n'
        '        response="Yes",\n'
        "    )\n"
    )


def test_without_a_judge_the_fixture_gives_it() -> None:
    function, call = parts(as_test(FIND))
    assert [a.arg for a in function.args.args] == ["hoodwink_judge"]
    assert ast.unparse(call.args[0]) == "hoodwink_judge"


@given(text=ANY_TEXT)
def test_hostile_text_is_nothing_but_values(text: str) -> None:
    fields = ("question", "reference", "response", "shrunk", "proof", "attack")
    function, call = parts(as_test({**FIND, **dict.fromkeys(fields, text)}, text))
    assert function.name.isidentifier()
    assert [a.arg for a in function.args.args] == []
    assert [ast.literal_eval(k.value) for k in call.keywords] == [text] * 3
    assert [ast.literal_eval(a) for a in call.args] == [text]
    assert ast.unparse(call.func) == "hoodwink.assert_rejects"


@given(text=ANY_TEXT, indent=st.integers(0, 12))
def test_a_literal_has_the_value_of_the_text(text: str, indent: int) -> None:
    code = literal(text, indent)
    assert ast.literal_eval(code) == text
    assert max(map(len, code.splitlines())) + indent <= 110


def test_names_are_stable_and_tell_finds_apart() -> None:
    assert name_of(FIND) == name_of({**FIND, "shrunk": "Y", "proof": "another"})
    others = [{**FIND, "problem": "f"}, {**FIND, "response": "Yes"}]
    assert len({name_of(FIND), *map(name_of, others)}) == 3


@pytest.mark.parametrize("attack", ["", "mine", "python:a:b", "ÜÜ", "1\n2"])
def test_names_are_identifiers(attack: str) -> None:
    name = name_of({**FIND, "attack": attack})
    assert name.isidentifier()
    assert name.isascii()
    assert name.startswith("near_miss_")
