"""What a report consists of: a page, and at times a file beside it; and what is said where it cannot be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..corpora.errors import UsageError

#: The ending of the file beside a page, which is named like it.
SIDECAR = ".finds.jsonl"


class Page(NamedTuple):
    """A page, and the finds that belong into the file beside it: all of them where the page had no room for some."""

    html: str
    beside: Sequence[Mapping[str, Any]] = ()


@contextmanager
def writing(what: str, option: str = "--to") -> Iterator[None]:
    """Files are written inside; `option` names another place for `what`.

    Raises:
        UsageError: one cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {what}: {error.strerror or error}; name another file with {option}") from error
