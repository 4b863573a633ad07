"""A run is a folder; this is its database.

Every verdict is committed before the attack that asked for it sees it, and is never paid for again: a run that is
killed and started again replays its attacks from here. Verdicts carry the step at which they were first needed, so
that a replay cuts its batches exactly as the first try did (in bf16 a score depends a little on its batch).
Trials, finds and cells follow from the verdicts; a replay writes them anew. So trials may be written a moment late.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from ..corpora.errors import UsageError
from ..corpora.records import Problem, Truth, Verdict

SCHEMA_VERSION = 4
#: Stores of this schema lack two columns of verdicts; they are read, and get them when a run goes on.
_LACKS_OUTCOMES = 3
CONFIG_FILE, DATABASE_FILE, FINDS_FILE, REPORT_FILE = "config.json", "run.db", "finds.jsonl", "report.html"

_META = "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
_TABLES = """
CREATE TABLE IF NOT EXISTS problems (id TEXT PRIMARY KEY, position INTEGER NOT NULL, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS verdicts (
    id INTEGER PRIMARY KEY, place INTEGER NOT NULL, key BLOB NOT NULL, judge TEXT NOT NULL, problem TEXT NOT NULL,
    repeat INTEGER NOT NULL, step INTEGER NOT NULL, response TEXT NOT NULL, score REAL NOT NULL, margin REAL NOT NULL,
    accepted INTEGER NOT NULL, parsed INTEGER NOT NULL, text TEXT NOT NULL, seconds REAL NOT NULL,
    outcome TEXT NOT NULL DEFAULT '', steps TEXT NOT NULL DEFAULT '',
    digest BLOB AS (substr(key, 9)) VIRTUAL);
CREATE INDEX IF NOT EXISTS places ON verdicts (place);
CREATE TABLE IF NOT EXISTS cells (
    id INTEGER PRIMARY KEY, attack TEXT NOT NULL, problem TEXT NOT NULL, seed INTEGER NOT NULL, role TEXT NOT NULL,
    state TEXT NOT NULL, queries INTEGER NOT NULL, error TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trials (
    cell INTEGER NOT NULL, query INTEGER NOT NULL, verdict INTEGER NOT NULL, op TEXT NOT NULL, parent BLOB,
    truth TEXT NOT NULL, PRIMARY KEY (cell, query)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS finds (
    id INTEGER PRIMARY KEY, cell INTEGER NOT NULL, level TEXT NOT NULL, queries INTEGER NOT NULL, record TEXT NOT NULL);
"""

#: The pages of the database that are kept in memory, in KiB, and those that the log collects before they are moved.
_CACHE, _LOG_PAGES = 16_384, 4_096
#: Trials that may wait to be written, and for how long.
_TRIALS, _SECONDS = 4_096, 1.0
_ROW = itemgetter(0, 1)
#: Keys looked up in one statement.
_LOOKED_UP = 512


class Stored(NamedTuple):
    """A verdict with its row and the step at which it was first needed."""

    row: int
    step: int
    verdict: Verdict


class Entry(NamedTuple):
    """What a verdict is about, and the key under which it is found: `verdict_key` of the rest."""

    key: bytes
    problem: str
    response: str
    repeat: int


class Store:
    """The database of one run folder, open for writing (`create`) or for reading (`load`)."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: int | None = None) -> None:
        self.folder = folder
        self.db = connection
        self._lock = lock
        self._last_row: int | None = None
        self._trials: list[tuple[int, int, int, str, bytes | None, str]] = []
        self._written = time.monotonic()

    @classmethod
    def create(cls, folder: Path, config: dict[str, Any]) -> Store:
        """Open a folder for a run; an existing one must hold a run with the same `identity` in its config.

        Raises:
            UsageError: the folder cannot be written, holds another run or damaged files, or is in use.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            return cls._begin(folder, config, lock)
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise

    @classmethod
    def _begin(cls, folder: Path, config: dict[str, Any], lock: int | None) -> Store:
        """Open the locked folder: its config agrees or is written, its tables exist."""
        existing = folder / CONFIG_FILE
        if existing.exists():
            _same_run(folder, _read_config(folder), config)
        else:
            try:
                write_atomically(existing, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
            except OSError as error:
                raise _unwritable(folder, error) from error
        with _readable(folder):
            connection = sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA cache_size=-{_CACHE}")
            connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            connection.execute(_META)
            store = cls(folder, connection, lock)
            if store._check_schema() == _LACKS_OUTCOMES:
                store._add_outcomes()
            connection.executescript(_TABLES)
            store.put("schema", SCHEMA_VERSION)
        return store

    def _check_schema(self) -> int | None:
        version: int | None = self.get("schema")
        if version not in (None, _LACKS_OUTCOMES, SCHEMA_VERSION):
            raise UsageError(
                f"run {self.folder} has store schema {version}, this is {SCHEMA_VERSION}; use the version that made it"
            )
        return version

    def _add_outcomes(self) -> None:
        """Give the verdicts of an older store the columns that they lack: all at once, or none if it crashes."""
        with self.transaction():
            for column in ("outcome", "steps"):
                self.db.execute(f"ALTER TABLE verdicts ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
            self.put("schema", SCHEMA_VERSION)

    @classmethod
    def in_memory(cls) -> Store:
        """A store that leaves nothing behind."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(f"{_META};{_TABLES}")
        return cls(Path(), connection)

    @classmethod
    def load(cls, folder: Path) -> Store:
        """Open a finished or interrupted run for reading.

        Raises:
            UsageError: there is no run in the folder, or it is damaged.
        """
        if not (folder / DATABASE_FILE).is_file() or not (folder / CONFIG_FILE).is_file():
            raise UsageError(
                f"no run in {folder} ({CONFIG_FILE} or {DATABASE_FILE} is missing); give the folder of a run"
            )
        _read_config(folder)
        with _readable(folder):
            connection = _open_to_read(folder / DATABASE_FILE)
            store = cls(folder, connection)
            if store._check_schema() == _LACKS_OUTCOMES:
                connection.execute(
                    "CREATE TEMP VIEW verdicts AS SELECT *, '' AS outcome, '' AS steps FROM main.verdicts"
                )
            connection.execute("PRAGMA query_only=ON")
            connection.execute("SELECT * FROM verdicts, cells, trials, finds, meta, problems LIMIT 1").fetchall()
        return store

    def close(self) -> None:
        """Write what is left and release the folder."""
        try:
            self.flush()
        finally:
            self.db.close()
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def config(self) -> dict[str, Any]:
        """What the run was asked to do."""
        return _read_config(self.folder)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are committed together, or none."""
        self.db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def get(self, key: str) -> Any:
        """A value that `put` stored, or None."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, value: Any) -> None:
        """Store any JSON value."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def rewind(self, problems: Sequence[Problem]) -> None:
        """Forget everything that follows from the verdicts; a replay writes it again. What they cost stays."""
        self._trials.clear()
        with self.transaction():
            for table in ("trials", "finds", "cells", "problems"):
                self.db.execute(f"DELETE FROM {table}")
            self.db.execute("DELETE FROM meta WHERE key NOT IN ('schema', 'used', 'noted', 'partial')")
            rows = [(p.id, i, json.dumps(p.to_json())) for i, p in enumerate(problems)]
            self.db.executemany("INSERT INTO problems VALUES (?, ?, ?)", rows)

    def problems(self) -> list[Problem]:
        """The problems of the run, in order."""
        rows = self.db.execute("SELECT record FROM problems ORDER BY position")
        return [Problem.from_json(json.loads(record)) for (record,) in rows]

    def find_verdicts(self, keys: Sequence[bytes]) -> dict[bytes, Stored]:
        """What is known, by key; keys of which nothing is known are left out."""
        found: dict[bytes, Stored] = {}
        for start in range(0, len(keys), _LOOKED_UP):
            part = keys[start : start + _LOOKED_UP]
            # A power of two of places, the last key repeated: so few statements need not be compiled again.
            places = 1 << (len(part) - 1).bit_length()
            rows = self.db.execute(
                "SELECT key, id, step, score, margin, accepted, parsed, text, outcome, steps FROM verdicts "
                f"WHERE place IN ({','.join('?' * places)})",
                [*map(_place, part), *[_place(part[-1])] * (places - len(part))],
            )
            for key, row, step, score, margin, accepted, parsed, text, outcome, steps in rows:
                told = (text, outcome, tuple(json.loads(steps)) if steps else ())
                found[key] = Stored(row, step, Verdict(score, margin, bool(accepted), bool(parsed), *told))
        return found if found.keys() <= set(keys) else {key: found[key] for key in keys if key in found}

    def add_verdicts(
        self, judge: str, step: int, entries: Sequence[Entry], verdicts: Sequence[Verdict], seconds: float
    ) -> list[Stored]:
        """Commit the verdicts of one batch, which took `seconds` in all; returns what `find_verdicts` will say."""
        if self._last_row is None:
            (self._last_row,) = self.db.execute("SELECT COALESCE(MAX(id), 0) FROM verdicts").fetchone()
        first = self._last_row + 1
        each = seconds / max(1, len(entries))
        rows = [
            (row, _place(e.key), e.key, judge, e.problem, e.repeat, step, e.response,
             v.score, v.margin, v.accepted, v.parsed, v.text, each, v.outcome,
             json.dumps(v.steps) if v.steps else "")
            for row, (e, v) in enumerate(zip(entries, verdicts, strict=True), first)
        ]  # fmt: skip
        with self.transaction():
            self.db.executemany(
                "INSERT INTO verdicts (id, place, key, judge, problem, repeat, step, response, score, margin, "
                "accepted, parsed, text, seconds, outcome, steps) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        self._last_row += len(rows)
        return [Stored(row, step, v) for row, v in enumerate(verdicts, first)]

    def add_cell(self, cell: int, attack: str, problem: str, seed: int, role: str) -> None:
        """Announce a cell; `end_cell` says how it went."""
        self.db.execute(
            "INSERT INTO cells VALUES (?, ?, ?, ?, ?, 'running', 0, '')", (cell, attack, problem, seed, role)
        )

    def end_cell(self, cell: int, state: str, queries: int, error: str) -> None:
        """Record a cell's end: `found`, `spent`, `exhausted`, `stuck` or `failed`."""
        self.db.execute(
            "UPDATE cells SET state = ?, queries = ?, error = ? WHERE id = ?", (state, queries, error, cell)
        )

    def add_trials(self, rows: Sequence[tuple[int, int, int, str, str | None, Truth]]) -> None:
        """Append trials: cell, query number in it (from 1), verdict row, op, parent text, truth."""
        parents = {p: digest(p) for p in {row[4] for row in rows} if p is not None}
        self._trials += [(c, q, v, op, None if p is None else parents[p], t.value) for c, q, v, op, p, t in rows]
        if len(self._trials) >= _TRIALS or time.monotonic() - self._written > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the trials that wait: a cell's trials lie side by side, and are written the quicker for it."""
        self._written = time.monotonic()
        if self._trials:
            with self.transaction():
                self.db.executemany("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?)", sorted(self._trials, key=_ROW))
            self._trials.clear()

    def lineage(self, cell: int, text: str) -> list[tuple[str, str]]:
        """How a cell came to a text: (op, text) from the oldest ancestor to the text itself."""
        self.flush()
        found: list[tuple[str, str]] = []
        at: bytes | None = digest(text)
        seen: set[bytes] = set()
        while at is not None and at not in seen:
            seen.add(at)
            row = self.db.execute(
                "SELECT t.op, v.response, t.parent FROM trials t JOIN verdicts v ON v.id = t.verdict "
                "WHERE t.cell = ? AND v.digest = ? ORDER BY t.query LIMIT 1",
                (cell, at),
            ).fetchone()
            if row is None:
                break
            found.append((row[0], row[1]))
            at = row[2]
        return found[::-1]

    def set_find(self, find: int, cell: int, level: str, queries: int, record: dict[str, Any]) -> None:
        """Store a find, or replace it once it has been shrunk."""
        self.db.execute(
            "INSERT OR REPLACE INTO finds VALUES (?, ?, ?, ?, ?)", (find, cell, level, queries, json.dumps(record))
        )


def digest(text: str) -> bytes:
    """Sixteen bytes that stand for a text in keys."""
    return blake2b(text.encode(), digest_size=16).digest()


def verdict_key(judge: str, problem: str, repeat: int, response: str) -> bytes:
    """What a verdict is found by: 8 bytes for judge, problem and repeat, then the response's digest."""
    return _scope(judge, problem, repeat) + digest(response)


def _place(key: bytes) -> int:
    """Where the index has a key: 8 bytes of it, those of the problem first.

    The verdicts of one problem stand side by side there, so that a batch touches few pages. Keys may share a place.
    """
    return int.from_bytes(key[:4] + key[8:12], "big", signed=True)


@lru_cache(maxsize=1 << 12)
def _scope(judge: str, problem: str, repeat: int) -> bytes:
    return blake2b(f"{judge}\x1f{problem}\x1f{repeat}".encode(), digest_size=8).digest()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write beside the file and rename, so that a kill leaves the old file or the new one."""
    half = path.with_name(path.name + ".part")
    try:
        half.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
        if not isinstance(config, dict) or not isinstance(config.get("identity"), dict):
            raise ValueError("no identity in it")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"run {folder} is damaged: {CONFIG_FILE} cannot be read ({error}); use another folder"
        ) from error
    return config


def _same_run(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse to go on in the folder of a run that was asked for something else."""
    before, now = old["identity"], new["identity"]
    # What an older version had not yet is not there, and is empty where it is not asked for now.
    same = {key for key in now if (before[key] == now[key] if key in before else not now[key])}
    changed = [f"{key} {before.get(key)!r} there, {now[key]!r} now" for key in now if key not in same]
    if changed and all(each.startswith("fingerprint ") for each in changed):
        raise UsageError(
            f"folder {folder} holds a run of the judge as it was before: its code, weights, prompt or settings have "
            "changed since (fingerprint); use another --out, or delete the folder"
        )
    if changed:
        raise UsageError(
            f"folder {folder} holds another run ({'; '.join(changed)}); use another --out or the old settings"
        )


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"run {folder} is damaged: {DATABASE_FILE}: {error}; use another folder") from error


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out")


def _open_to_read(file: Path) -> sqlite3.Connection:
    """A connection that needs no right to write: WAL wants files beside the database, which may be refused."""
    if os.access(file.parent, os.W_OK) and os.access(file, os.W_OK):
        return sqlite3.connect(file, isolation_level=None)
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)


def _lock(folder: Path) -> int | None:
    """Hold the folder itself against a second process; where the system has no flock, trust the user."""
    try:
        import fcntl
    except ImportError:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise UsageError(f"folder {folder} is in use by another hoodwink; wait for it or use another --out") from error
    return handle
