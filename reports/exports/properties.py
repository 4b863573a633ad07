"""Finds as explicit examples of property tests with Hypothesis, which goes on from there with responses of its own."""

from __future__ import annotations

from pathlib import Path

from ...corpora.errors import UsageError
from ..snippets import WIDTH, literal, name_of
from .picking import Case, Forms, Picked, Text
from .suite import problem_name
from .writing import as_python


def files(picked: Picked, out: Path, forms: Forms | None) -> dict[Path, bytes]:
    """A test file with an `@example` a text."""
    if out.suffix != ".py" or not out.stem.isidentifier():
        raise UsageError(f"file {out} is no Python module; write a name that pytest collects, such as test_judge.py")
    texts = picked.texts(forms or "both")
    first: dict[str, Case] = {}
    for case, *_ in texts:
        first.setdefault(case.problem.id, case)
    problems = "".join(map(_problem, first.values()))
    judge = "None" if picked.judge is None else literal(picked.judge)
    return {out: as_python(_code(judge, problems, "".join(map(_example, texts))))}


def _problem(case: Case) -> str:
    """A line of the table of problems."""
    problem = case.problem
    fields = {"family": problem.family, "question": problem.question, "reference": problem.reference}
    lines = "".join(f"        {name}={literal(value, 8, len(name) + 2)},\n" for name, value in fields.items())
    right = f'        right=(Response({literal(case.right[0], 8)}, "right"),),\n'
    return f'    "{problem_name(problem)}": Problem.make(\n{lines}{right}    ),\n'


def _example(text: Text) -> str:
    """A decorator with a find."""
    name = problem_name(text.case.problem)
    code = f'@example(item=Item(PROBLEMS["{name}"], {literal(text.text)}))\n'
    if "\n" in code[:-1] or len(code) > WIDTH:
        code = f'@example(\n    item=Item(\n        PROBLEMS["{name}"],\n        {literal(text.text, 8)},\n    )\n)\n'
    return f"# {name_of(text.case.find)}-{text.form}\n{code}"


def _code(judge: str, problems: str, examples: str) -> str:
    return f'''\
"""No wrong response fools the judge, least of all one that did before.

Hypothesis tries the examples first, then responses of its own. They are shown
to the judge that the run attacked, unless another one is named:

    pytest --hoodwink-judge python:my_judges:grade
"""

from __future__ import annotations

import pytest
from hoodwink import Item, Judge, Problem, Response, strategies
from hypothesis import example, given, settings
from hypothesis import strategies as st

# The judge that the run attacked.
JUDGE = {judge}
# No deadline, the same examples in every run; of many that fail, one is shown.
CI = settings(
    settings.get_profile(strategies.PROFILE),
    report_multiple_bugs=False,
)


@pytest.fixture(scope="session")
def judge(request: pytest.FixtureRequest) -> Judge:
    """The judge that is named, or the one that the run attacked."""
    if JUDGE is None:
        found: Judge = request.getfixturevalue("hoodwink_judge")
    else:
        found = request.getfixturevalue("hoodwink").judge_or(JUDGE)
    return found


# fmt: off
PROBLEMS = {{
{problems}}}
ANY = st.sampled_from(list(PROBLEMS.values()))


@CI
@given(item=strategies.wrong_responses(ANY))
{examples}def test_wrong_responses_are_rejected(judge: Judge, item: Item) -> None:
    verdict = strategies.ask(judge, item)
    assert not verdict.accepted
# fmt: on


@CI
@given(item=strategies.right_responses(ANY))
def test_right_responses_are_accepted(judge: Judge, item: Item) -> None:
    verdict = strategies.ask(judge, item, towards="reject")
    assert verdict.accepted
'''
