"""Finds taken elsewhere: which ones, in which columns, into which files, and that no file is lost on the way."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Run, Training, UsageError, export
from hoodwink.cli import run as cli
from hoodwink.fuzz.kinds import KINDS
from hoodwink.reports.exports import FORMATS
from hoodwink.reports.exports.rows import COLUMNS

DOCS = Path(__file__).parents[2] / "docs" / "export.md"

#: A file or folder for each format.
OUTS = {
    "pytest": "suite",
    "hypothesis": "test_properties.py",
    "jsonl": "finds.jsonl",
    "parquet": "finds.parquet",
    "preferences": "preferences.jsonl",
}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """The rows of an export."""

    def read(run: Run, **options: Any) -> list[dict[str, Any]]:
        done = export(run, to="jsonl", out=tmp_path / "finds.jsonl", **options)
        found = rows(*done.files)
        assert (done.finds, done.problems) == (len(found), len({row["problem"] for row in found}))
        return found

    return read


def once(finds: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((find["problem"], find["response"]) for find in finds))


def texts(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["problem"], row["response"]) for row in found]


# Which finds


def test_all_finds_are_there_once_in_the_order_in_which_they_were_made(seeded_run: Run, table: Any) -> None:
    found = table(seeded_run)
    assert len(seeded_run.finds) > len(once(seeded_run.finds)), "several seeds must find the same"
    assert texts(found) == once(seeded_run.finds)
    assert len({row["name"] for row in found}) == len({row["id"] for row in found}) == len(found)


def test_what_is_asked_for_is_there_and_nothing_else(seeded_run: Run, table: Any) -> None:
    finds = seeded_run.finds
    assert {f["level"] for f in finds} == {"accepted", "acclaimed"}
    assert {f["minimal"] for f in finds} == {True, False}
    assert texts(table(seeded_run, which="acclaimed")) == once([f for f in finds if f["level"] == "acclaimed"])
    assert texts(table(seeded_run, which="minimal")) == once([f for f in finds if f["minimal"]])
    kind = finds[0]["kind"]
    of_kind = once([f for f in finds if f["kind"] == kind])
    assert 2 < len(of_kind) < len(once(finds))
    assert texts(table(seeded_run, kinds=[kind])) == of_kind
    assert texts(table(seeded_run, kinds=[kind], limit=2)) == of_kind[:2]


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without their ids, which differ from file to file."""
    return [{k: v for k, v in row.items() if k != "id"} for row in rows]


def test_a_duel_gives_the_finds_of_all_rounds_and_of_one_split(duel_run: Run, table: Any) -> None:
    found = table(duel_run)
    where = [(row["round"], row["part"]) for row in found]
    parts = ["eval", "held-out", "train"]
    assert where == sorted(where, key=lambda place: (place[0], parts.index(place[1])))
    assert {part for _, part in where} == set(parts)
    assert len({number for number, _ in where}) > 1
    every: list[dict[str, Any]] = []
    for number in (1, 2, 3):
        for part in parts:
            place = duel_run.folder / "rounds" / str(number) / part
            every += hoodwink.load_run(place).finds if place.is_dir() else []
    assert texts(found) == once(every)
    for split in ("train", "eval"):
        assert plain(table(duel_run, split=split)) == plain([row for row in found if row["split"] == split])


def test_what_an_unfinished_run_has_is_exported(unfinished_run: Run, unfinished_duel: Run, tmp_path: Path) -> None:
    for name, run in (("a", unfinished_run), ("b", unfinished_duel)):
        done = export(run, to="jsonl", out=tmp_path / f"{name}.jsonl")
        assert done.finds > 0
        assert not done.complete
    assert export(unfinished_duel.folder / "rounds/1/eval", to="jsonl", out=tmp_path / "c.jsonl").complete


def test_runs_without_finds_say_so(empty_run: Run, quiet_duel: Run, recipes_run: Run, tmp_path: Path) -> None:
    collapse = hoodwink.collapse(
        "planted:echo", training=Training(steps=2, batch=4, every=2), out=tmp_path / "collapse"
    )
    for run, message in (
        (empty_run, "has no finds; attack with a larger --budget"),
        (quiet_duel, "has no finds; attack with a larger --budget"),
        (collapse, "is a 'collapse', which has no finds; export an attack run or a duel"),
        (recipes_run, "compares recipes; export the duel of one: "),
    ):
        with pytest.raises(UsageError, match=message):
            export(run, to="jsonl", out=tmp_path / "finds.jsonl")
    done = export(recipes_run.folder / "keys", to="jsonl", out=tmp_path / "finds.jsonl")
    assert done.finds > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "csv"}, "no format is named 'csv'; known: hypothesis, jsonl, parquet, preferences, pytest"),
        ({"which": "minimals"}, "no choice of finds is named 'minimals'; did you mean minimal"),
        ({"kinds": ["near mis"]}, "no kind of find is named 'near mis'; did you mean near miss"),
        ({"kinds": []}, "kinds is empty; name at least one kind of find: nonsense"),
        ({"split": "test"}, "no split is named 'test'"),
        ({"limit": 0}, "limit is 0; ask for 1 or more finds"),
        ({"forms": "found"}, "forms=found has no meaning here"),
        ({"to": "preferences", "forms": "small"}, "no form of finds is named 'small'"),
        ({"kinds": ["injection"], "split": "train"}, "none of the .* finds of run .* fits --kinds 'injection' --split"),
        ({"out": "finds.csv"}, "finds.csv does not end in .jsonl; write .*finds.jsonl"),
        ({"to": "preferences", "out": "finds.csv"}, "ends in '.csv'; write one of .jsonl, .parquet, or a folder"),
        ({"to": "hypothesis", "out": "finds"}, "finds is no Python module; write a name that pytest collects"),
        ({"to": "hypothesis", "out": "my-test.py"}, "my-test.py is no Python module"),
    ],
)
def test_bad_settings_are_named(planted_run: Run, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    settings = {"to": "jsonl", **options, "out": tmp_path / options.get("out", "finds.jsonl")}
    with pytest.raises(UsageError, match=message):
        export(planted_run, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_run_is_named(planted_run: Run, tmp_path: Path) -> None:
    shutil.copytree(planted_run.folder, tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    values = json.loads(config.read_text("utf-8"))
    del values["identity"]["fingerprint"]
    config.write_text(json.dumps(values), "utf-8")
    with pytest.raises(UsageError, match=r"is damaged \(KeyError: 'fingerprint'"):
        export(tmp_path / "run", to="jsonl", out=tmp_path / "finds.jsonl")


@pytest.mark.parametrize(
    ("name", "threshold", "opened"),
    [
        ("hf:org/model", 0.5, "hf:org/model"),
        ("hf:org/model", 0.3, "hf:org/model:threshold=0.3"),
        ("python:mine:grade", 0.3, "python:mine:grade"),
        ("function:grade", 0.5, None),
        ("mine", 0.5, None),
    ],
)
def test_the_judge_is_named_as_it_is_opened(
    planted_run: Run, tmp_path: Path, name: str, threshold: float, opened: str | None
) -> None:
    shutil.copytree(planted_run.folder, tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    values = json.loads(config.read_text("utf-8"))
    values["identity"]["judge"] = name
    config.write_text(json.dumps(values), "utf-8")
    with contextlib.closing(sqlite3.connect(tmp_path / "run" / "run.db")) as db:
        db.execute("UPDATE meta SET value = json_set(value, '$.threshold', ?) WHERE key = 'checks'", (threshold,))
        db.commit()
    done = export(tmp_path / "run", to="pytest", out=tmp_path / "judge")
    assert json.loads(done.files[0].read_text("ascii"))["judge"] == opened


# Tables


def test_rows_hold_what_the_run_knows(planted_run: Run, table: Any) -> None:
    finds = {(f["problem"], f["response"]): f for f in reversed(planted_run.finds)}
    with planted_run.store() as store:
        problems = {p.id: p for p in store.problems()}
    for row in table(planted_run):
        assert list(row) == ["id", *COLUMNS]
        find = finds[row["problem"], row["response"]]
        assert all(row[name] == find[name] for name in COLUMNS if name in find)
        assert row["alone_score"] == find["alone"]["score"]
        assert row["split"] == problems[row["problem"]].split
        assert row["right"] in {r.text for r in problems[row["problem"]].right}
        assert row["round"] is row["part"] is None


def test_the_right_response_is_one_that_the_judge_accepts(tmp_path: Path, table: Any) -> None:
    """Here it accepts no right response but the last."""

    def picky(problem: hoodwink.Problem, response: str) -> bool:
        return response in (problem.right[-1].text, "Yes")

    run = hoodwink.attack(picky, attacks=["openers"], problems=4, budget=20, shrink_budget=0, out=tmp_path / "run")
    with run.store() as store:
        last = {p.id: p.right[-1].text for p in store.problems()}
        assert all(p.right[0].text != last[p.id] for p in store.problems())
    found = table(run)
    assert {row["right"] for row in found} == set(last.values())
    assert all(row["right"] == last[row["problem"]] for row in found)


def test_parquet_holds_the_same_rows(duel_run: Run, tmp_path: Path, table: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    export(duel_run, to="parquet", out=tmp_path / "finds.parquet")
    held = parquet.read_table(tmp_path / "finds.parquet")
    assert held.to_pylist() == table(duel_run)
    assert {field.name: str(field.type) for field in held.schema} == {
        "id": "string",
        **{name: column.type for name, column in COLUMNS.items()},
    }


def test_without_pyarrow_the_extra_is_named(planted_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    for to in ("parquet", "preferences"):
        with pytest.raises(UsageError, match=r"writing Parquet needs an extra: pip install 'hoodwink\[parquet\]'"):
            export(planted_run, to=to, out=tmp_path / "finds.parquet")


def test_every_column_is_documented() -> None:
    lines = DOCS.read_text("utf-8").splitlines()
    documented = [line for line in lines if line.startswith("| `") and line.count("|") == 4]
    expected = [f"| `{name}` | {column.type} | {column.means} |" for name, column in COLUMNS.items()]
    assert [line for line in documented if line in expected] == expected
    assert [line for line in documented if line.split("`")[1] in COLUMNS] == expected


# Files that are there already


def test_a_suite_is_no_file(planted_run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"test_judge\.py is the name of a file; name a folder"):
        export(planted_run, to="pytest", out=tmp_path / "test_judge.py")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def again(planted_run: Run, seeded_run: Run, tmp_path: Path) -> Callable[..., tuple[Path, ...]]:
    """Exports to the same place, with or without all finds."""

    def call(to: str, other: bool = False, **options: Any) -> tuple[Path, ...]:
        done = export(seeded_run if other else planted_run, to=to, out=tmp_path / OUTS[to], **options)
        assert all(path.is_file() for path in done.files)
        return done.files

    return call


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_is_made_again_and_replaced_by_another(to: str, again: Any) -> None:
    files = again(to)
    before = [path.read_bytes() for path in files]
    again(to)
    assert [path.read_bytes() for path in files] == before
    again(to, other=True)
    assert [path.read_bytes() for path in files] != before
    again(to)
    assert [path.read_bytes() for path in files] == before
    assert {path.name for path in files[0].parent.iterdir() if path.is_file()} == {path.name for path in files}


@pytest.mark.parametrize("to", FORMATS)
def test_a_file_that_was_changed_is_kept(to: str, again: Any) -> None:
    files = again(to)
    for path in files:
        made = path.read_bytes()
        changed = made.replace(b"The answer is", b"the answer is", 1)
        if changed == made:  # the text is compressed, or the file holds no find
            changed = made + b"\n# mine\n"
        path.write_bytes(changed)
        others = {other: other.read_bytes() for other in files}
        with pytest.raises(UsageError, match=r"was not made by `hoodwink export`, or was changed since; .* --force"):
            again(to, other=True)
        assert {other: other.read_bytes() for other in files} == others
        path.write_bytes(made)
    path.write_bytes(changed)
    again(to, force=True)
    assert path.read_bytes() == made


@pytest.mark.parametrize("edit", ["begin", "end", "turned", "doubled"])
@pytest.mark.parametrize("to", ["jsonl", "preferences", "parquet"])
def test_rows_that_went_came_or_moved_are_a_change(to: str, edit: str, again: Any) -> None:
    (path,) = again(to)
    tables = pytest.importorskip("pyarrow.parquet")
    rows = tables.read_table(path).to_pylist() if to == "parquet" else path.read_bytes().splitlines(keepends=True)
    edited = {"begin": rows[1:], "end": rows[:-1], "turned": rows[::-1], "doubled": [*rows, *rows]}[edit]
    if to == "parquet":
        tables.write_table(pytest.importorskip("pyarrow").Table.from_pylist(edited), path)
    else:
        path.write_bytes(b"".join(edited))
    kept = path.read_bytes()
    with pytest.raises(UsageError, match="was changed since"):
        again(to)
    assert path.read_bytes() == kept


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("content", [b"", b"mine", b"\n", b"[]", b'{"id": 1}\n', b"\xff\x00", b"PAR1", b"[" * 99_999])
def test_a_file_of_somebody_else_is_kept(to: str, content: bytes, again: Any, tmp_path: Path) -> None:
    target = tmp_path / OUTS[to]
    target = target / "finds.json" if to == "pytest" else target
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    with pytest.raises(UsageError, match="was not made by `hoodwink export`"):
        again(to)
    assert target.read_bytes() == content
    again(to, force=True)
    assert target.read_bytes() != content


def test_nothing_is_written_where_one_of_two_files_must_stay(again: Any, tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    mine = tmp_path / "suite" / "test_suite_finds.py"
    mine.write_text("mine = 1\n", "utf-8")
    with pytest.raises(UsageError, match=r"test_suite_finds\.py was not made"):
        again("pytest")
    assert [path.name for path in (tmp_path / "suite").iterdir()] == [mine.name]


def test_a_split_that_has_no_finds_any_more_leaves_no_file(duel_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"

    def held() -> dict[str, int]:
        return {path.name: len(rows(path)) for path in folder.iterdir()}

    both = export(duel_run, to="preferences", out=folder)
    assert set(held()) == {"train.jsonl", "test.jsonl"}
    assert sum(held().values()) == both.finds
    test = held()["test.jsonl"]
    export(duel_run, to="preferences", out=folder, split="eval")
    assert held() == {"test.jsonl": test}
    (folder / "train.jsonl").write_text("mine\n", "utf-8")
    with pytest.raises(UsageError, match=r"train\.jsonl was not made by"):
        export(duel_run, to="preferences", out=folder, split="eval")
    assert (folder / "train.jsonl").read_text("utf-8") == "mine\n"


def test_places_that_cannot_be_written_are_named(planted_run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(UsageError, match=r"file is a file; name a folder, for the test file and finds\.json"):
        export(planted_run, to="pytest", out=tmp_path / "file")
    with pytest.raises(UsageError, match=r"a\.jsonl is a folder; name a file"):
        export(planted_run, to="jsonl", out=tmp_path / "a.jsonl", force=True)
    with pytest.raises(UsageError, match=r"cannot write .*b\.jsonl: .*; name another place"):
        export(planted_run, to="jsonl", out=tmp_path / "file" / "b.jsonl")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "a.jsonl"}


# The command


def test_the_command_says_what_it_wrote(
    planted_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    finds = once(planted_run.finds)
    assert cli(["export", str(planted_run.folder), "--to", "pytest", "tests"]) == 0
    said = capsys.readouterr()
    problems = len({problem for problem, _ in finds})
    written = f"wrote   {Path('tests/finds.json')}\nwrote   {Path('tests/test_finds.py')}\n"
    assert said.out == f"{len(finds)} finds of {problems} problems\n{written}"
    assert said.err == ""
    kinds = ",".join(KINDS)
    assert cli(["export", str(planted_run.folder), "--to", "jsonl", "--limit", "1", "--kinds", kinds, "a.jsonl"]) == 0
    assert capsys.readouterr().out == "1 find of 1 problem\nwrote   a.jsonl\n"


def test_the_command_warns_of_an_unfinished_run(
    unfinished_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["export", str(unfinished_run.folder), "--to", "jsonl", str(tmp_path / "a.jsonl")]) == 0
    assert "is not finished: these are its finds so far" in capsys.readouterr().err


@pytest.mark.parametrize(
    "tokens",
    [["--to", "csv"], ["--limit", "0", "--to", "jsonl"], ["--which", "best", "--to", "jsonl"], [], ["--to", "jsonl"]],
)
def test_the_command_ends_with_one_line_where_it_is_used_wrongly(
    empty_run: Run, tmp_path: Path, tokens: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["export", str(empty_run.folder), str(tmp_path / "a.jsonl"), *tokens]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("hoodwink: ")
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []
