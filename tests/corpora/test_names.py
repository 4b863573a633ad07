"""Names that users type: tables, options and their types, and errors that say what to write instead."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import pytest
from hoodwink.corpora.corpus import CORPORA, Corpus, open_corpus
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.names import convert_options, load_user, lookup, nearest, split_options


def message(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The error's text, which must be one line and exit with 2."""
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2
    return str(error.value)


def taker(
    first: str = "",
    *,
    length: int = 8,
    rate: float = 0.5,
    loud: bool = False,
    mode: Literal["soft", "hard"] = "soft",
    start: str | None = "x",
    path: Path | None = None,
    count: int | None = None,
) -> None: ...


def no_options(name: str) -> None: ...


class Taker:
    def __init__(self, *, length: int = 1) -> None: ...


def test_nearest_lists_the_close_names_closest_first() -> None:
    error = nearest("randon", ["rand", "random", "zzz"], "attack")
    assert str(error) == "no attack is named 'randon'; did you mean random or rand?"


def test_nearest_lists_all_names_sorted_when_none_is_close() -> None:
    assert str(nearest("zzz", ["b", "a"], "corpus")) == "no corpus is named 'zzz'; known: a, b"


def test_lookup_loads_the_lazy_string_and_refuses_other_names() -> None:
    assert lookup({"path": "pathlib:Path"}, "path", "thing") is Path
    with pytest.raises(UsageError) as error:
        lookup({"path": "pathlib:Path"}, "pth", "thing")
    assert message(error) == "no thing is named 'pth'; did you mean path?"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("random", ("random", {})),
        ("random:length=12:batch=64", ("random", {"length": "12", "batch": "64"})),
        ("random: length = 12 ", ("random", {"length": "12"})),
        ("random:a=b=c", ("random", {"a": "b=c"})),
        ("random:a=", ("random", {"a": ""})),
    ],
)
def test_split_options(spec: str, expected: tuple[str, dict[str, str]]) -> None:
    assert split_options(spec) == expected


@pytest.mark.parametrize(("spec", "part"), [("random:12", "12"), ("random:=12", "=12"), ("random:", "")])
def test_an_option_without_a_key_or_equals_sign_is_named(spec: str, part: str) -> None:
    with pytest.raises(UsageError) as error:
        split_options(spec)
    assert message(error) == f"option {part!r} of {spec!r} is not key=value; write random:key=value"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("length", "12", 12),
        ("length", "-3", -3),
        ("rate", "0.25", 0.25),
        ("rate", "1", 1.0),
        ("loud", "true", True),
        ("loud", "No", False),
        ("loud", "1", True),
        ("mode", "hard", "hard"),
        ("start", "none", None),
        ("start", "None", None),
        ("start", "nonesuch", "nonesuch"),
        ("path", "a/b", Path("a/b")),
        ("count", "3", 3),
        ("count", "none", None),
    ],
)
def test_strings_are_converted_to_the_annotated_type(name: str, text: str, value: object) -> None:
    converted = convert_options(taker, {name: text}, "taker")[name]
    assert converted == value
    assert type(converted) is type(value)


def test_values_that_are_no_strings_pass_unchanged() -> None:
    marker = object()
    assert convert_options(taker, {"length": marker}, "taker") == {"length": marker}


def test_options_of_a_class_take_their_types_from_its_constructor() -> None:
    assert convert_options(Taker, {"length": "3"}, "taker") == {"length": 3}
    with pytest.raises(UsageError):
        convert_options(Taker, {"length": "x"}, "taker")


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("length", "1.5", "int"),
        ("length", "", "int"),
        ("rate", "fast", "float"),
        ("loud", "maybe", "bool"),
        ("mode", "medium", "soft|hard"),
        ("count", "many", "none or int"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, text: str, wanted: str) -> None:
    with pytest.raises(UsageError) as error:
        convert_options(taker, {name: text}, "taker")
    assert message(error) == f"taker:{name}={text} is not valid; write a value of type {wanted}"


def test_unknown_options_name_the_nearest_and_positional_parameters_are_no_options() -> None:
    with pytest.raises(UsageError) as error:
        convert_options(taker, {"lenght": "3"}, "taker")
    assert message(error) == "no option of taker is named 'lenght'; did you mean length?"
    with pytest.raises(UsageError, match="no option of taker is named 'first'"):
        convert_options(taker, {"first": "3"}, "taker")
    with pytest.raises(UsageError) as error:
        convert_options(no_options, {"name": "3"}, "nothing")
    assert message(error) == "nothing takes no options, got 'name'"


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; modules imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_load_user_finds_modules_in_the_working_folder(workdir: Path) -> None:
    (workdir / "hw_user_good.py").write_text("def grade(response):\n    return 1.0\n_hidden = 1\n")
    assert load_user("hw_user_good:grade", "judge")("x") == 1.0
    with pytest.raises(UsageError) as error:
        load_user("hw_user_good:grad", "judge")
    assert message(error) == "no judge in module hw_user_good is named 'grad'; did you mean grade?"
    with pytest.raises(UsageError) as error:
        load_user("hw_user_good:zzz", "judge")
    assert message(error) == "no judge in module hw_user_good is named 'zzz'; known: grade"


@pytest.mark.parametrize("spec", ["module", "module:", ":name", ""])
def test_load_user_wants_both_parts(spec: str) -> None:
    with pytest.raises(UsageError) as error:
        load_user(spec, "judge")
    assert message(error) == f"judge {spec!r} is incomplete; write python:module:name"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('first\\nsecond')", "RuntimeError: first"),
        ("raise RuntimeError", "RuntimeError:"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("import hw_user_nowhere", "ModuleNotFoundError: No module named 'hw_user_nowhere'"),
    ],
)
def test_a_module_that_fails_is_one_line(workdir: Path, source: str, reason: str) -> None:
    (workdir / "hw_user_bad.py").write_text(source)
    with pytest.raises(UsageError) as error:
        load_user("hw_user_bad:f", "judge")
    assert message(error).startswith(f"judge module 'hw_user_bad' cannot be imported: {reason}")


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(UsageError) as error:
        load_user("hw_user_nowhere:f", "judge")
    assert message(error) == (
        "judge module 'hw_user_nowhere' cannot be imported: ModuleNotFoundError: No module named 'hw_user_nowhere'"
    )


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_every_corpus_in_the_table_loads_and_meets_the_protocol(name: str, tmp_path: Path) -> None:
    file = tmp_path / "problems.jsonl"
    file.write_text('{"question": "a", "reference": "11"}\n{"question": "b", "reference": "22"}\n')
    corpus = open_corpus({"file": f"file:{file}"}.get(name, name))
    assert isinstance(corpus, Corpus)
    assert corpus.name.startswith(name)
    assert len(corpus.sample(2, split="all", seed=1)) == 2


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("arithmetics", "no corpus is named 'arithmetics'; did you mean arithmetic?"),
        ("zzz:x=1", "no corpus is named 'zzz'; known: arithmetic, file"),
        ("file", "corpus file: needs a path; write file:PATH.jsonl (or .csv, .parquet)"),
        ("arithmetic:family=sums", "no option of arithmetic:family=sums is named 'family'; did you mean families?"),
        ("arithmetic:families=sum", "no family is named 'sum'; did you mean sums?"),
        (
            "arithmetic:families=zzzz",
            "no family is named 'zzzz'; known: clock, legs, rates, ratios, shopping, sums, units",
        ),
        ("arithmetic:sums", "option 'sums' of 'arithmetic:sums' is not key=value; write arithmetic:key=value"),
    ],
)
def test_open_corpus_errors(spec: str, expected: str) -> None:
    with pytest.raises(UsageError) as error:
        open_corpus(spec)
    assert message(error) == expected
