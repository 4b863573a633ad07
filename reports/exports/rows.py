"""Finds as a table: a row a find, flat columns, as JSONL or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...corpora.errors import UsageError
from ...fuzz.lines import shrunk_proof
from ..snippets import name_of
from .picking import Case, Forms, Picked
from .writing import as_jsonl, as_parquet


class Column(NamedTuple):
    """A column: its type in Arrow, what stands in it, and how that is read off a find."""

    type: str
    means: str
    of: Callable[[Case], Any]


def _field(name: str) -> Callable[[Case], Any]:
    return lambda case: case.find[name]


#: The columns in order; `docs/export.md` lists them too, which a test compares.
COLUMNS: dict[str, Column] = {
    "name": Column("string", "what the find is called in every export", lambda case: name_of(case.find)),
    "problem": Column("string", "hash of question and reference", _field("problem")),
    "family": Column("string", "family of the problem", _field("family")),
    "split": Column("string", "`train` or `eval`, fixed by the problem's hash", lambda case: case.problem.split),
    "question": Column("string", "the problem's question", _field("question")),
    "reference": Column("string", "its reference answer", _field("reference")),
    "right": Column(
        "string", "a right response, one that the judge accepted if there is one", lambda case: case.right[0]
    ),
    "response": Column("string", "the text that was found", _field("response")),
    "shrunk": Column("string", "its smallest form that still fools the judge", _field("shrunk")),
    "minimal": Column("bool", "whether no single character can go from `shrunk`", _field("minimal")),
    "kind": Column("string", "`nonsense`, `wrong answer`, `near miss` or `injection`", _field("kind")),
    "level": Column("string", "`accepted`, or `acclaimed`: scored as right answers are", _field("level")),
    "score": Column("double", "the judge's score of `response`, 0 to 1", _field("score")),
    "margin": Column("double", "its margin: over 0 where the judge accepts, unbounded", _field("margin")),
    "alone_score": Column(
        "double", "its score in a batch of one, which confirmed it", lambda case: case.find["alone"]["score"]
    ),
    "shrunk_score": Column("double", "the score of `shrunk` in a batch of one", _field("shrunk_score")),
    "attack": Column("string", "the attack with its options", _field("attack")),
    "op": Column("string", "the attack's last step", _field("op")),
    "queries": Column("int64", "distinct responses asked about until it was found", _field("queries")),
    "seed": Column("int64", "seed of the search", _field("seed")),
    "judge": Column("string", "the judge that was fooled", _field("judge")),
    "round": Column("int64", "round of a duel; null in an attack run", lambda case: case.round),
    "part": Column("string", "`eval`, `held-out` or `train` search of that round; null", lambda case: case.part),
    "proof": Column("string", "why the response is wrong, in the oracle's words", _field("proof")),
    "shrunk_proof": Column("string", "why `shrunk` is wrong", lambda case: shrunk_proof(case.find)),
}


def jsonl(picked: Picked, out: Path, forms: Forms | None) -> dict[Path, bytes]:
    """An object a line; see `COLUMNS`."""
    return {_table(out, ".jsonl", forms): as_jsonl(_rows(picked))}


def parquet(picked: Picked, out: Path, forms: Forms | None) -> dict[Path, bytes]:
    """The same as Parquet."""
    return {_table(out, ".parquet", forms): as_parquet(_rows(picked), _schema)}


def _rows(picked: Picked) -> list[Mapping[str, Any]]:
    return [{name: column.of(case) for name, column in COLUMNS.items()} for case in picked.cases]


def _schema(pyarrow: Any) -> Any:
    types = {"id": "string", **{name: column.type for name, column in COLUMNS.items()}}
    return pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in types.items()])


def _table(out: Path, ending: str, forms: Forms | None) -> Path:
    if out.suffix.lower() != ending:
        raise UsageError(f"file {out} does not end in {ending}; write {out.with_suffix(ending)}")
    if forms is not None:
        raise UsageError(f"forms={forms} has no meaning here: a row has both; leave it out")
    return out
