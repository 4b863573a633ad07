"""Writing files without losing any: a file is replaced only if an export made it, and nobody has changed it since.

Each file carries a checksum of itself, in a place that its kind has for it: rows of data in their column `id`, a JSON
document in `checksum`, Python in its first line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...corpora.errors import MissingExtra, UsageError
from ...fuzz.store import write_atomically

_HEAD = re.compile(rb"# Made by `hoodwink export`\. Checksum of what follows: ([0-9a-f]{16})\n")


def write_all(files: Mapping[Path, bytes | None], *, force: bool) -> None:
    """Write files, each in one go; None removes one. Looks first whether any must stay as it is.

    Raises:
        UsageError: one is in the way, or cannot be written; in the first case nothing has been written.
    """
    for path, content in files.items():
        if path.is_dir():
            raise UsageError(f"{path} is a folder; name a file")
        if path.exists() and not force and not _replaceable(path, content):
            raise UsageError(
                f"{path} was not made by `hoodwink export`, or was changed since; name another, or use --force"
            )
    for path, content in files.items():
        try:
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path.resolve(), content)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}; name another place") from error


def _replaceable(path: Path, content: bytes | None) -> bool:
    """Whether nothing is lost by writing over a file."""
    try:
        there = path.read_bytes()
        return there == content or _UNCHANGED[path.suffix.lower()](there)
    except Exception:  # whatever cannot be read as what an export writes was not made by one
        return False


def checksum(values: Mapping[str, Any], but: str) -> str:
    """Sixteen hexadecimal digits over all fields but one."""
    text = json.dumps({k: v for k, v in values.items() if k != but}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def as_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of data, each with its `id` in front.

    It is a checksum of the row, of the one before it and of their number: a row that goes, comes or moves is noticed.
    """
    done: list[dict[str, Any]] = []
    for row in rows:
        before = done[-1]["id"] if done else len(rows)
        done.append({"id": checksum({**row, "before": before}, "id"), **row})
    return done


def as_json(values: Mapping[str, Any]) -> bytes:
    """A JSON document for readers, in ASCII, with its `checksum` at the end."""
    return (json.dumps({**values, "checksum": checksum(values, "checksum")}, indent=2) + "\n").encode("ascii")


def as_jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """An object a line, in ASCII; see `as_rows`."""
    return "".join(json.dumps(row) + "\n" for row in as_rows(rows)).encode("ascii")


def as_python(code: str) -> bytes:
    """A Python file, in ASCII, with its checksum in the first line."""
    body = code.encode("ascii")
    return f"# Made by `hoodwink export`. Checksum of what follows: {_digest(body)}\n".encode("ascii") + body


def as_parquet(rows: Sequence[Mapping[str, Any]], schema: Callable[[Any], Any]) -> bytes:
    """A table; see `as_rows`. `schema` is given pyarrow and makes the types of its columns.

    Raises:
        UsageError: pyarrow is missing, or a text is no Unicode.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("writing Parquet", "parquet") from error
    sink = pyarrow.BufferOutputStream()
    try:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(as_rows(rows), schema(pyarrow)), sink)
    except UnicodeEncodeError as error:
        raise UsageError(f"a text holds half a surrogate pair, which Parquet cannot: {error}; use jsonl") from error
    return bytes(sink.getvalue())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _python_unchanged(there: bytes) -> bool:
    head = _HEAD.match(there)
    return head is not None and head[1].decode() == _digest(there[head.end() :])


def _json_unchanged(there: bytes) -> bool:
    values = json.loads(there)
    return bool(values["checksum"] == checksum(values, "checksum"))


def _rows_unchanged(rows: Sequence[dict[str, Any]]) -> bool:
    return bool(rows) and rows == as_rows([{k: v for k, v in row.items() if k != "id"} for row in rows])


def _jsonl_unchanged(there: bytes) -> bool:
    return _rows_unchanged([json.loads(line) for line in there.splitlines()])


def _parquet_unchanged(there: bytes) -> bool:
    import pyarrow
    import pyarrow.parquet

    return _rows_unchanged(pyarrow.parquet.read_table(pyarrow.BufferReader(there)).to_pylist())


_UNCHANGED = {
    ".py": _python_unchanged,
    ".json": _json_unchanged,
    ".jsonl": _jsonl_unchanged,
    ".parquet": _parquet_unchanged,
}
