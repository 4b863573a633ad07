"""What can go wrong with a request to a server: whose fault it is, whether it can pass, and what to do about it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

#: The longest wait that a server may ask for, in seconds.
MOST_WAIT = 300.0

_TOO_LONG = re.compile(
    r"context.?(length|size|window)|maximum.{0,20}(context|length)|too (long|many tokens|large)|max_model_len|n_ctx",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"insufficient_quota|billing|credit", re.IGNORECASE)
#: Statuses that pass, if at all, when the server has less to do; no request is to blame for them.
_BUSY = frozenset({429, 503, 529})


class Blame(Enum):
    """Whose fault a fault is, as far as it can be told from one request."""

    SERVER = "server"
    REQUEST = "request"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request has no answer that can be read.

    Attributes:
        text: what happened, in a few words.
        blame: whose fault it is.
        passes: whether the same request may be answered later.
        certain: it is beyond doubt the request's own fault, and the server need not be asked whether it is well.
        wait: seconds for which the server asks to be left alone.
        fix: what a user can do about it.
    """

    text: str
    blame: Blame
    passes: bool
    certain: bool = False
    wait: float | None = None
    fix: str = "see to the server"


def fault_of(error: BaseException, hide: Callable[[str], str], *, model: str, key_env: str) -> Fault:
    """The fault behind what the client raised; `hide` takes the key out of what the server says."""
    import openai

    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return Fault("it did not answer in time", Blame.EITHER, True, fix="see to the server, or raise timeout=")
    if isinstance(error, openai.APIConnectionError):
        cause = type(error.__cause__).__name__
        reason = _line(hide(str(error.__cause__ or error)))
        if "Connect" in cause:
            return Fault(f"it cannot be reached ({reason})", Blame.SERVER, True, fix="start it, or mend the URL")
        return Fault(f"the connection broke ({cause}: {reason})", Blame.EITHER, True)
    if isinstance(error, openai.APIStatusError):
        return _status(error.status_code, _line(hide(_said(error))), error.response.headers, model, key_env)
    # What the client could not read: a body that is cut off, no JSON, or JSON of another shape.
    return Fault(f"its answer cannot be read ({type(error).__name__}: {_line(hide(str(error)))})", Blame.EITHER, True)


def _status(status: int, said: str, headers: Any, model: str, key_env: str) -> Fault:
    text = f"it answered {status}{f': {said}' if said else ''}"
    if status in (401, 403):
        return Fault(text, Blame.SERVER, False, fix=f"put a key that it takes into {key_env}")
    if status == 402 or (status == 429 and _NO_MONEY.search(said)):
        return Fault(text, Blame.SERVER, False, fix="see to the account")
    if status in (408, 409, 425, 429) or status >= 500:
        wait = _asked_wait(headers)
        blame = Blame.SERVER if status in _BUSY else Blame.EITHER
        if wait is not None and wait > MOST_WAIT:
            return Fault(f"{text}, and asks to wait {wait:.0f} s", blame, False, fix="wait so long")
        fix = "wait, or lower in_flight=, rpm= or tpm=" if status in _BUSY else "see to the server"
        return Fault(text, blame, True, wait=wait, fix=fix)
    if status in (404, 405):
        return Fault(text, Blame.SERVER, False, fix=f"write a model that it serves instead of {model}, or mend its URL")
    if status in (400, 413, 422) and _TOO_LONG.search(said):
        return Fault(text, Blame.REQUEST, False, certain=True)
    return Fault(text, Blame.REQUEST, False, fix="see what it wants in its documentation")


def defect_of(answer: Any) -> Fault | None:
    """What is wrong with an answer that came whole; None if it can be read, whatever it says."""
    choices = getattr(answer, "choices", None)
    if not isinstance(choices, list):
        return _empty(f"its answer holds no choices ({type(answer).__name__})")
    if len(choices) != 1:
        return _empty(f"its answer holds {len(choices)} choices, not one")
    [choice] = choices
    message = getattr(choice, "message", None)
    if message is not None and (getattr(message, "refusal", None) or getattr(message, "tool_calls", None)):
        return None  # said, but no verdict
    text = getattr(choice, "text", None) if message is None else getattr(message, "content", None)
    if not isinstance(text, str):
        return _empty("its answer holds no text")
    if not text.strip() and not getattr(choice, "logprobs", None):
        return _empty("its answer is empty")
    return None


def _empty(text: str) -> Fault:
    return Fault(text, Blame.EITHER, True)


def _said(error: Any) -> str:
    """What a server says of a refusal, wherever in the body it says it."""
    body = error.body
    for field in ("message", "detail", "error"):
        if isinstance(body, dict) and isinstance(body.get(field), str | list):
            code = body.get("code")
            return f"{body[field]}{f' ({code})' if isinstance(code, str) else ''}"
    return body if isinstance(body, str) else str(body or "")


def _line(text: str) -> str:
    """The text on one line, short; the end of what is cut off is said to be missing."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:200]}…"


def _asked_wait(headers: Any) -> float | None:
    """The seconds of a `Retry-After`, which may also be a date; None where there is none that can be read."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) * unit
            if 0 <= seconds < float("inf"):
                return seconds
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except (TypeError, ValueError, OverflowError):
            continue
    return None
