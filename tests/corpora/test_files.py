"""Corpora from files: what is read, and the one line that each bad file gets."""

from __future__ import annotations

import csv
import json
import random

import pyarrow
import pyarrow.parquet
import pytest
from hoodwink.corpora.corpus import open_corpus
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.files import FileCorpus

TWO = [{"question": "1 + 10?", "reference": "11"}, {"question": "2 + 20?", "reference": "22"}]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file into the working folder, so that messages hold a bare name."""
    monkeypatch.chdir(tmp_path)

    def write(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def parquet(columns):
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue().to_pybytes()


def refusal(name):
    """What the file is refused with: one line."""
    with pytest.raises(UsageError) as error:
        FileCorpus(name)
    text = str(error.value)
    assert text.splitlines() == [text]
    return text


def plain(corpus):
    return [
        (p.question, p.reference, [(r.text, r.kind) for r in p.right], [(r.text, r.kind) for r in p.wrong], p.family)
        for p in corpus.problems
    ]


DEFAULTS = [
    ("1 + 10?", "11", [("11", "reference")], [("22", "other")], "file"),
    ("2 + 20?", "22", [("22", "reference")], [("11", "other")], "file"),
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", jsonl(*TWO)),
        ("a.ndjson", jsonl(*TWO)),
        ("a.JSONL", jsonl(*TWO)),
        ("bom.jsonl", b"\xef\xbb\xbf" + jsonl(*TWO).encode()),
        ("crlf.jsonl", jsonl(*TWO).replace("\n", "\r\n")),
        ("blank.jsonl", "\n" + jsonl(*TWO).replace("\n", "\n\n  \n")),
        ("end.jsonl", jsonl(*TWO).rstrip("\n")),
        ("twice.jsonl", jsonl(*TWO, *TWO)),
        ("numbers.jsonl", '{"question": "1 + 10?", "reference": 11}\n{"question": "2 + 20?", "reference": 22}\n'),
        ("nulls.jsonl", jsonl(*({**row, "right": None, "wrong": None, "family": None} for row in TWO))),
        ("more.jsonl", jsonl(*({**row, "level": [1, {"x": None}]} for row in TWO))),
        ("a.csv", "question,reference\n1 + 10?,11\n2 + 20?,22\n"),
        ("order.csv", "reference,note,question\n11,x,1 + 10?\n22,,2 + 20?\n"),
        ("bom.csv", b"\xef\xbb\xbfquestion,reference\n1 + 10?,11\n2 + 20?,22\n"),
        ("crlf.csv", "question,reference\r\n1 + 10?,11\r\n2 + 20?,22"),
        ("blank.csv", "question,reference\n\n1 + 10?,11\n\n\n2 + 20?,22\n"),
        ("empty-optionals.csv", "question,reference,right,wrong,family\n1 + 10?,11,,,\n2 + 20?,22\n"),
        ("a.parquet", parquet({"question": ["1 + 10?", "2 + 20?"], "reference": ["11", "22"]})),
        (
            "numbers.parquet",
            parquet({"question": ["1 + 10?", "2 + 20?"], "reference": [11, 22], "wrong": [None, None]}),
        ),
    ],
)
def test_the_same_two_problems_in_every_form(write, name, content):
    assert plain(FileCorpus(write(name, content))) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.jsonl",
            jsonl({"question": "é?", "reference": "11", "right": ["11", "eleven"], "wrong": "12", "family": "f"}),
        ),
        (
            "a.parquet",
            parquet(
                {"question": ["é?"], "reference": ["11"], "right": [["11", "eleven"]], "wrong": ["12"], "family": ["f"]}
            ),
        ),
    ],
)
def test_given_responses_and_family_are_kept(write, name, content):
    assert plain(FileCorpus(write(name, content))) == [
        ("é?", "11", [("11", "right"), ("eleven", "right")], [("12", "given")], "f")
    ]


def test_csv_fields_may_hold_commas_quotes_and_line_ends(write):
    content = 'question,reference,wrong\n"a, ""b""\nc?","1,100","12, 13"\n'
    assert plain(FileCorpus(write("a.csv", content))) == [
        ('a, "b"\nc?', "1,100", [("1,100", "reference")], [("12, 13", "given")], "file")
    ]


def test_the_other_wrong_answer_is_the_next_different_reference_and_wraps_around(write):
    rows = [{"question": str(i), "reference": r} for i, r in enumerate(["11", " 11", "22", "33"])]
    corpus = FileCorpus(write("a.jsonl", jsonl(*rows)))
    assert [p.wrong[0].text for p in corpus.problems] == ["22", "22", "33", "11"]


MISSING = "every problem needs question and reference"
BAD = {
    "missing reference": (
        "a.jsonl",
        jsonl(TWO[0], {"question": "x"}),
        f"line 2: field 'reference' is missing; {MISSING}",
    ),
    "null reference": (
        "a.jsonl",
        jsonl({"question": "x", "reference": None}),
        f"line 1: field 'reference' is missing; {MISSING}",
    ),
    "missing question": (
        "a.jsonl",
        "\n\n" + jsonl({"reference": "x"}),
        f"line 3: field 'question' is missing; {MISSING}",
    ),
    "empty reference": (
        "a.jsonl",
        jsonl(*TWO, {"question": "x", "reference": " \t"}),
        "line 3: field 'reference' is empty; write the right answer",
    ),
    "not JSON": (
        "a.jsonl",
        jsonl(TWO[0]) + "question: x\n",
        "line 2: not JSON (Expecting value: line 1 column 1 (char 0)); write one object a line",
    ),
    "a list": ("a.jsonl", "[1]\n", "line 1: list instead of an object with question and reference"),
    "a text": ("a.jsonl", jsonl(TWO[0], "x"), "line 2: str instead of an object with question and reference"),
    "question is a list": (
        "a.jsonl",
        jsonl({"question": ["a"], "reference": "11"}),
        "line 1: field 'question' is [\"a\"]; write a text",
    ),
    "reference is true": (
        "a.jsonl",
        jsonl({"question": "a", "reference": True}),
        "line 1: field 'reference' is true; write a text",
    ),
    "reference is not a number": (
        "a.jsonl",
        jsonl({"question": "a", "reference": float("nan")}),
        "line 1: field 'reference' is NaN; write a text",
    ),
    "right is an object": (
        "a.jsonl",
        jsonl({**TWO[0], "right": {"a": 1}}),
        "line 1: field 'right' is {\"a\": 1}; write a text",
    ),
    "wrong holds null": (
        "a.jsonl",
        jsonl({**TWO[0], "wrong": ["1", None]}),
        "line 1: field 'wrong' is null; write a text",
    ),
    "family is a list": ("a.jsonl", jsonl({**TWO[0], "family": []}), "line 1: field 'family' is []; write a text"),
    "half a pair in the question": (
        "a.jsonl",
        '{"question": "\\ud83d", "reference": "11"}',
        "line 1: field 'question' holds half a surrogate pair; write valid Unicode",
    ),
    "half a pair in a wrong response": (
        "a.jsonl",
        jsonl(TWO[0]) + '{"question": "a", "reference": "11", "wrong": ["12", "x\\ude00"]}',
        "line 2: field 'wrong' holds half a surrogate pair; write valid Unicode",
    ),
    "one reference, no wrong": (
        "a.jsonl",
        jsonl(TWO[0], {"question": "b", "reference": "11 "}),
        "line 1: field 'wrong' is missing and no other problem has another reference to take; add one",
    ),
    "too many CSV fields": (
        "a.csv",
        "question,reference\na,11\nb,1,000\n",
        "line 3: more fields than the header names; quote fields that hold commas",
    ),
    "too few CSV fields": (
        "a.csv",
        "question,reference\na,11\nb\n",
        f"line 3: field 'reference' is missing; {MISSING}",
    ),
    "empty CSV reference": (
        "a.csv",
        "question,reference\na,11\nb,\n",
        "line 3: field 'reference' is empty; write the right answer",
    ),
    "CSV without the header": ("a.csv", "a,11\nb,22\n", f"line 2: field 'question' is missing; {MISSING}"),
    "open CSV quote": (
        "a.csv",
        'question,reference\na,11\nb,"22\nc,33\n',
        "line 3: not CSV (unexpected end of data); write a quote inside quotes twice",
    ),
    "single CSV quote": (
        "a.csv",
        'question,reference\n"a "b" c",11\n',
        "line 2: not CSV (',' expected after '\"'); write a quote inside quotes twice",
    ),
    "Parquet without reference": (
        "a.parquet",
        parquet({"question": ["a"]}),
        f"row 1: field 'reference' is missing; {MISSING}",
    ),
    "Parquet null": (
        "a.parquet",
        parquet({"question": ["a", "b"], "reference": ["11", None]}),
        f"row 2: field 'reference' is missing; {MISSING}",
    ),
    "Parquet bytes": (
        "a.parquet",
        parquet({"question": [b"a"], "reference": ["11"]}),
        "row 1: field 'question' is \"b'a'\"; write a text",
    ),
    "Parquet NaN": (
        "a.parquet",
        parquet({"question": ["a"], "reference": [float("nan")]}),
        "row 1: field 'reference' is NaN; write a text",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_refused_with_its_line_and_field(write, case):
    name, content, expected = BAD[case]
    assert refusal(write(name, content)) == f"{name} {expected}"


def test_json_too_deep_to_read_is_not_json(write):
    text = refusal(write("a.jsonl", jsonl(TWO[0]) + "[" * 100_000))
    assert text.startswith("a.jsonl line 2: not JSON (")
    assert text.endswith("); write one object a line")


NONE = "holds no problems; give it lines with question and reference"
UNREADABLE = {
    "unknown ending": ("a.txt", "x", "ends in '.txt'; give a file in .jsonl, .ndjson, .csv, .parquet"),
    "no ending": ("a", "x", "has no ending; give a file in .jsonl, .ndjson, .csv, .parquet"),
    "empty JSONL": ("a.jsonl", "", NONE),
    "blank JSONL": ("a.jsonl", "\n \n", NONE),
    "empty CSV": ("a.csv", "", NONE),
    "only a CSV header": ("a.csv", "question,reference\n", NONE),
    "no Parquet rows": ("a.parquet", parquet({"question": [], "reference": []}), NONE),
    "UTF-16": (
        "a.jsonl",
        "x".encode("utf-16"),
        "cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ),
    "a picture as CSV": (
        "a.csv",
        b"\x89PNG\r\n\x1a\n\0\0",
        "cannot be read: 'utf-8' codec can't decode byte 0x89 in position 0: invalid start byte",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_file_is_refused(write, case):
    name, content, expected = UNREADABLE[case]
    assert refusal(write(name, content)) == f"corpus {name} {expected}"


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n" * 40, b"question,reference\na,11\n", b"PAR1 PAR1"])
def test_what_is_not_parquet_is_called_so(write, content):
    assert refusal(write("a.parquet", content)).startswith("corpus a.parquet is no Parquet file: ")


def test_a_damaged_parquet_file_is_one_line(write):
    content = b"PAR1" + b"\x00\xff" * 100 + b"\x10\0\0\0PAR1"
    assert refusal(write("a.parquet", content)).startswith("corpus a.parquet cannot be read: ")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_never_escape_as_another_error(write, suffix, seed):
    refusal(write(f"a{suffix}", random.Random(seed).randbytes(400)))
    refusal(write(f"b{suffix}", bytes(random.Random(seed).choices(range(128), k=400))))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_missing_files_and_folders(write, tmp_path, suffix):
    assert refusal(f"no{suffix}") == f"corpus no{suffix} cannot be read: No such file or directory"
    (tmp_path / f"folder{suffix}").mkdir()
    assert refusal(f"folder{suffix}") == f"corpus folder{suffix} cannot be read: Is a directory"


def test_a_csv_field_over_the_limit(write):
    content = "question,reference\na," + "1" * (csv.field_size_limit() + 1)
    assert refusal(write("a.csv", content)) == (
        "a.csv line 2: not CSV (field larger than field limit (131072)); write a quote inside quotes twice"
    )


@pytest.fixture
def many(write):
    """A file of 40 problems."""
    return write("many.jsonl", jsonl(*({"question": f"{i} + 11?", "reference": str(i + 11)} for i in range(40))))


def test_samples_follow_from_the_seed_and_a_smaller_one_is_a_prefix(many):
    first, again = FileCorpus(many), open_corpus(f"file:{many}")
    whole = first.sample(40, seed=5)
    assert again.sample(40, seed=5) == whole
    assert sorted(p.id for p in whole) == sorted(p.id for p in first.problems)
    assert all(first.sample(n, seed=5) == whole[:n] for n in (0, 1, 7, 39))
    assert first.sample(40, seed=6) != whole
    assert first.name == again.name == "file:many.jsonl"


def test_splits_divide_the_problems_whatever_else_the_file_holds(many, write):
    corpus = FileCorpus(many)
    train, held_out = (corpus.sample(corpus.size(s), split=s) for s in ("train", "eval"))
    assert (len(train), len(held_out), corpus.size("all")) == (27, 13, 40)
    assert {p.id for p in train}.isdisjoint(p.id for p in held_out)
    assert {p.split for p in train} == {"train"}
    splits = {p.question: p.split for p in corpus.problems}
    moved = FileCorpus(write("some.csv", "reference,question,family,right\n14,3 + 11?,f,14\n11,0 + 11?,g,11.0\n"))
    assert {p.question: p.split for p in moved.problems} == {q: splits[q] for q in ("3 + 11?", "0 + 11?")}


def test_asking_for_more_than_there_is(many):
    corpus = FileCorpus(many)
    with pytest.raises(UsageError) as error:
        corpus.sample(41)
    assert str(error.value) == "corpus file:many.jsonl has 40 problems in split all; ask for at most that, not 41"
    with pytest.raises(UsageError) as error:
        corpus.sample(14, split="eval")
    assert str(error.value) == "corpus file:many.jsonl has 13 problems in split eval; ask for at most that, not 14"
    with pytest.raises(UsageError) as error:
        corpus.sample(-1)
    assert str(error.value) == "corpus file:many.jsonl cannot give -1 problems; ask for 0 or more"
