"""What asks about judges inside a session of tests, and what is kept of it: the door between `robust` and its session.

It imports nothing heavy, since pytest loads it at every start. Outside of a session everything here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from ...corpora.errors import UsageError

What = Literal["assert_robust", "assert_rejects", "attack"]
#: `unfit`: the judge is so bad without any attack that nothing was attacked. `open`: nothing was asked for.
Gate = Literal["passed", "failed", "unfit", "open"]


@dataclass(frozen=True, slots=True)
class Record:
    """One question that a test asked about a judge, and the answer, in plain values: it travels between processes.

    Attributes:
        what: the call.
        gate: how it came out.
        judge: the judge's name.
        said: the answer in a sentence.
        corpus: where the problems came from; empty for a single response.
        attacks: what was tried; empty for a single response.
        problems: problems that count: the judge rejects their plain wrong answer unattacked.
        fooled: of them, those with a find of any attack and seed.
        asr: `fooled` of `problems`; None without problems.
        interval: its 95 % Wilson interval.
        limit: the highest rate that passes; None where none was asked for.
        gated: what `limit` is compared with: `point` or `upper`.
        queries: distinct responses that all searches asked about.
        budget: the most that one search may ask about.
        seed: of problems and searches.
        finds: number of finds.
        shown: some of the finds, as groups of the same shrunk form (`robust.grouped`).
        flags: ids of the warnings of the run.
        run: folder of the run; empty without one.
        again: the command that makes it again; empty where none is known.
    """

    what: What
    gate: Gate
    judge: str
    said: str
    corpus: str = ""
    attacks: Sequence[str] = ()
    problems: int = 0
    fooled: int = 0
    asr: float | None = None
    interval: Sequence[float] | None = None
    limit: float | None = None
    gated: str = ""
    queries: int = 0
    budget: int = 0
    seed: int = 0
    finds: int = 0
    shown: Sequence[Mapping[str, Any]] = field(default=())
    flags: Sequence[str] = ()
    run: str = ""
    again: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values; `Record(**plain)` is its inverse."""
        return asdict(self)


class Entry(NamedTuple):
    """A record, the id of the test that made it, and how that test ended: passed, failed, skipped or xfailed."""

    test: str
    outcome: str
    record: Record


class Session(Protocol):
    """What runs tests, and wants to know what they ask."""

    def settings(self) -> Mapping[str, Any]:
        """Keyword arguments of `assert_robust` for those that the test in hand leaves out."""
        ...

    def folder(self, name: str) -> Path:
        """A new folder for a run."""
        ...

    def again(self) -> str:
        """The command that runs the test in hand again, to the same result; empty without a test."""
        ...

    def record(self, record: Record) -> None:
        """Keep a record with the test in hand."""
        ...


class Alone:
    """No session: nobody is told, and runs lie in the folder `runs`."""

    def settings(self) -> Mapping[str, Any]:
        """See `Session.settings`."""
        return {}

    def folder(self, name: str) -> Path:
        """See `Session.folder`."""
        return fresh(Path("runs") / name)

    def again(self) -> str:
        """See `Session.again`."""
        return ""

    def record(self, record: Record) -> None:
        """See `Session.record`."""


_sessions: list[Session] = []


def enter(session: Session) -> None:
    """From now on this session is told; sessions may begin inside of sessions (tests of plugins do)."""
    _sessions.append(session)


def leave(session: Session) -> None:
    """A session has ended."""
    _sessions.remove(session)


def current() -> Session:
    """The session that calls belong to."""
    return _sessions[-1] if _sessions else Alone()


def fresh(folder: Path) -> Path:
    """That folder if it is not there yet, else the first of `NAME-2`, `NAME-3`, ... that is not; it is made.

    A test never goes on in an old folder: what a judge said yesterday says nothing of the judge of today.

    Raises:
        UsageError: it cannot be made.
    """
    name, number = folder, 1
    while True:
        try:
            name.mkdir(parents=True)
            return name
        except FileExistsError as error:
            if not os.path.lexists(name):  # then it is a folder above it that is there and is none: a broken link
                raise UsageError(
                    f"cannot make the folder {name}: {error.filename} is no folder; choose another one"
                ) from error
            number += 1
            name = folder.with_name(f"{folder.name}-{number}")
        except OSError as error:
            raise UsageError(f"cannot make the folder {name}: {error.strerror or error}; choose another one") from error
