"""How the folder of a run is read: what is damaged gives one line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ..corpora.errors import UsageError
from ..fuzz.run import Run
from ..fuzz.store import Store


@contextmanager
def reading(run: Run, kind: str = "run") -> Iterator[Store]:
    """The store of a run, open for reading for as long as its numbers are worked out; `kind` is what it is called.

    Raises:
        UsageError: there is no run, or what is read inside does not hold what a run holds.
    """
    try:
        with run.store() as store:
            yield store
    except (sqlite3.Error, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{kind} {run.folder} is damaged ({type(error).__name__}: {error}); run it again in another folder"
        ) from error
