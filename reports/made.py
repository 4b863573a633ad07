"""What a report consists of: a page, and at times a file beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

#: The ending of the file beside a page, which is named like it.
SIDECAR = ".finds.jsonl"


class Page(NamedTuple):
    """A page, and the finds that belong into the file beside it: all of them where the page had no room for some."""

    html: str
    beside: Sequence[Mapping[str, Any]] = ()
