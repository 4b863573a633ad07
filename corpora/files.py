"""Problems from a user's file: JSONL, CSV or Parquet with `question` and `reference`.

Optional fields: `right` and `wrong` (a text or a list of texts), `family`. Where they are missing, the reference
itself is the right response, and another problem's reference the wrong one.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .errors import MissingExtra, UsageError
from .oracles import ExactOracle
from .records import Problem, Response, SplitChoice, Truth

_ORACLE = ExactOracle()
_FIELDS = ("question", "reference", "right", "wrong", "family")


class FileCorpus:
    """The problems of one file, read at once; duplicates are read once."""

    oracle = "exact"
    default_split: SplitChoice = "all"

    def __init__(self, path: str) -> None:
        """
        Raises:
            UsageError: the file cannot be read, or a line is bad: says which line and field.
        """
        if not path:
            raise UsageError("corpus file: needs a path; write file:PATH.jsonl (or .csv, .parquet)")
        self.name = f"file:{path}"
        rows = [(where, _checked(row, where)) for where, row in _rows(Path(path))]
        if not rows:
            raise UsageError(f"corpus {path} holds no problems; give it lines with question and reference")
        references = [row["reference"] for _, row in rows]
        problems = [_problem(row, where, references, i) for i, (where, row) in enumerate(rows)]
        self.problems = list({p.id: p for p in problems}.values())

    def size(self, split: SplitChoice) -> int:
        """How many problems a split holds."""
        return len(self._of(split))

    def sample(self, n: int, *, split: SplitChoice = "all", seed: int = 0) -> list[Problem]:
        """See `Corpus.sample`."""
        if n < 0:
            raise UsageError(f"corpus {self.name} cannot give {n} problems; ask for 0 or more")
        having = self._of(split)
        if len(having) < n:
            raise UsageError(
                f"corpus {self.name} has {len(having)} problems in split {split}; ask for at most that, not {n}"
            )
        order = np.random.default_rng(seed).permutation(len(having))
        return [having[i] for i in order[:n]]

    def _of(self, split: SplitChoice) -> list[Problem]:
        return [p for p in self.problems if split in ("all", p.split)]


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record of a file with the words that say where it stands."""
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        ending = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
        raise UsageError(f"corpus {path} {ending}; give a file in {', '.join(readers)}")
    try:
        yield from reader(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UsageError(f"corpus {path} cannot be read: {reason}") from error


def _jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path} line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{where}: not JSON ({error}); write one object a line") from error
            if not isinstance(row, dict):
                raise UsageError(f"{where}: {type(row).__name__} instead of an object with question and reference")
            yield where, row


def _csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)  # else an open quote swallows all lines after it in silence
        try:
            for row in reader:
                where = f"{path} line {reader.line_num}"
                if None in row:
                    raise UsageError(f"{where}: more fields than the header names; quote fields that hold commas")
                yield where, {k: v for k, v in row.items() if v not in (None, "") or k in ("question", "reference")}
        except csv.Error as error:
            raise UsageError(
                f"{path} line {reader.line_num + 1}: not CSV ({error}); write a quote inside quotes twice"
            ) from error


def _parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("reading Parquet", "parquet") from error
    try:
        with path.open("rb") as file:
            table = pyarrow.parquet.read_table(file)
    except pyarrow.ArrowException as error:
        raise UsageError(f"corpus {path} is no Parquet file: {str(error).splitlines()[0]}") from error
    for number, row in enumerate(table.to_pylist(), 1):
        yield f"{path} row {number}", row


def _checked(row: dict[str, Any], where: str) -> dict[str, Any]:
    """The known fields of a record, with `right` and `wrong` as lists of texts.

    Raises:
        UsageError: a field is missing or has the wrong type; names line and field.
    """
    checked: dict[str, Any] = {"family": "file"}
    for name in _FIELDS:
        value = row.get(name)
        if value is None and name in ("question", "reference"):
            raise UsageError(f"{where}: field {name!r} is missing; every problem needs question and reference")
        if name in ("right", "wrong"):
            checked[name] = _texts(value, where, name)
        elif value is not None:
            checked[name] = _text(value, where, name)
    if not checked["reference"].strip():
        raise UsageError(f"{where}: field 'reference' is empty; write the right answer")
    return checked


def _text(value: Any, where: str, name: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = str(value)
    if not isinstance(value, str):
        raise UsageError(f"{where}: field {name!r} is {json.dumps(value, default=str)[:40]}; write a text")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise UsageError(f"{where}: field {name!r} holds half a surrogate pair; write valid Unicode")
    return value


def _texts(value: Any, where: str, name: str) -> list[str]:
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [_text(v, where, name) for v in values]


def _problem(row: dict[str, Any], where: str, references: list[str], index: int) -> Problem:
    reference = row["reference"]
    wrong = [Response(text, "given") for text in row["wrong"]]
    if not wrong:
        asked = Problem.make(family=row["family"], question=row["question"], reference=reference)
        others = [r for r in references[index + 1 :] + references[:index] if r.strip() != reference.strip()]
        ruled = ((r, _ORACLE.rule(asked, r).truth) for r in others)
        # `12.0` is no wrong answer where the reference is `12`.
        other = next((r for r, truth in ruled if truth is not Truth.RIGHT), None)
        if other is None:
            raise UsageError(
                f"{where}: field 'wrong' is missing and no other problem has another reference to take; add one"
            )
        wrong = [Response(other, "other")]
    right = tuple(Response(text, "right") for text in row["right"]) or (Response(reference, "reference"),)
    return Problem.make(
        family=row["family"], question=row["question"], reference=reference, right=right, wrong=tuple(wrong)
    )
