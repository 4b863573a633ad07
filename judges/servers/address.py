"""Where a model is served: `MODEL@URL` taken apart."""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ...corpora.errors import UsageError

#: The server that is asked where none is named.
OPENAI = "https://api.openai.com/v1"

_SPEC = re.compile(r"(?P<model>.+?)(?:@(?P<url>https?://.+))?", re.DOTALL | re.IGNORECASE)
#: What is meant for an address and is no URL: a server's name or number with a port or a path, another scheme.
_ADDRESS = re.compile(r"://|@(?:https?\b|localhost\b|[^@/]*:\d|[^@/]*\.[^@/]*/|\[|\d+\.\d+\.\d+\.\d+)", re.IGNORECASE)
#: Parts of a URL's query that hold keys: such a URL would stand in every report.
_KEYS = re.compile(r"key|token|secret|password|sig|auth|code", re.IGNORECASE)


class Address(NamedTuple):
    """A model behind a URL.

    Attributes:
        model: as the server names it.
        base: the URL that ends before `/chat/completions`.
        query: what is sent along in the query of every request's URL.
        url: both together.
        key_env: the environment variable that holds the key.
    """

    model: str
    base: str
    query: dict[str, str]
    url: str
    key_env: str

    @property
    def needs_key(self) -> bool:
        """Whether the server is known to answer nobody without a key."""
        return self.base.startswith(OPENAI)


def read_address(spec: str, key_env: str | None) -> Address:
    """`MODEL@URL`, or `MODEL` alone: of the server in `OPENAI_BASE_URL`, or OpenAI's own.

    Raises:
        UsageError: it is none, or the URL holds a password or a key.
    """
    found = _SPEC.fullmatch(spec)
    if found is None or _ADDRESS.search(found["model"]):
        # Taken for a model's name it would be asked of OpenAI, with the key.
        raise UsageError(f"openai:{spec!r:.80} is not MODEL@URL; write openai:my-model@http://localhost:8000/v1")
    url = (found["url"] or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/")
    try:
        parts = urlsplit(url)
        known = parts.hostname and parts.port != 0 and not parts.fragment
    except ValueError:
        known = None
    if not known or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"the URL of judge openai:{found['model']:.80} is none; write http://HOST:PORT/v1")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.username or parts.password or any(_KEYS.search(name) for name in query):
        raise UsageError(
            "the judge's URL holds a key or password, which would stand in the run and its report; "
            "put it into an environment variable and name that with key_env=NAME"
        )
    base = parts._replace(query="", fragment="").geturl()
    return Address(found["model"], base, query, url, key_env or "OPENAI_API_KEY")
