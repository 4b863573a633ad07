"""What a model's reply says, read strictly: a text, or the response object of an OpenAI-compatible client.

A reply is one of these and nothing else, or it cannot be read: a score is never looked for inside a sentence, since the
first number of `I would not give this more than 1 of 10` is no score, and `yes` stands in `I cannot say yes`.

- `yes` or `no`, `true` or `false`, `correct` or `incorrect`; capitals, a full stop or exclamation mark behind it, and
  quotes, backticks or asterisks around it make no difference;
- a number from 0 to 1 in decimals (`0`, `0.25`, `1.0`), in the same dress;
- a JSON object, alone or in one fenced block, in which exactly one field is named `verdict`, `score`, `correct` or
  `accepted`, and holds one of the above or a boolean. Other fields (a reasoning) are left unread.

A judge that was asked for a number on a scale is read by `read_rating` instead.

Nothing here imports a client: an object is known by its attributes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..corpora.errors import JudgeError
from ..corpora.records import Verdict
from .judge import logit, unread
from .scale import Scale

#: Words that accept and words that reject, as replies and as labels of classifiers.
ACCEPTING = frozenset({"yes", "true", "correct"})
REJECTING = frozenset({"no", "false", "incorrect"})
#: The fields of a JSON object that hold a verdict.
FIELDS = frozenset({"verdict", "score", "correct", "accepted"})

#: What may stand before a rating, and the fields of a JSON object that hold one.
RATINGS = frozenset({"rating", "score", "grade"})

_NUMBER = re.compile(r"0(?:\.[0-9]*)?|\.[0-9]+|1(?:\.0*)?")
_FENCED = re.compile(r"```(?:json)?[^\S\n]*\n(.*)\n[^\S\n]*```", re.DOTALL | re.IGNORECASE)
_RATED = re.compile(r"((?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,9})?)(?: ?(?:/|out of) ?([0-9]{1,3}))?")
_QUOTES = "\"'`*“”‘’"


class Reply(NamedTuple):
    """What was said: `said` is a decision, a score in [0, 1], or None if it cannot be read; `text` is how."""

    said: bool | float | None
    text: str


def verdict_on(reply: Reply, threshold: float) -> Verdict:
    """The verdict in a reply: decisions have margins of +1 and -1, what cannot be read is `parsed=False`."""
    said, text = reply
    if said is None:
        return unread(text)
    if isinstance(said, bool):
        return Verdict(float(said), 1.0 if said else -1.0, said, text=text)
    return Verdict(said, logit(said) - logit(threshold), said >= threshold, text=text)


def read_text(text: str) -> bool | float | None:
    """A decision, a score in [0, 1], or None for a text that is neither."""
    text = text.strip()
    fenced = _FENCED.fullmatch(text)
    body = fenced[1].strip() if fenced else text
    if body.startswith("{"):
        return _read_json(body)
    return _read_word(body)


def _read_word(text: str) -> bool | float | None:
    word = bare(text)
    if word in ACCEPTING or word in REJECTING:
        return word in ACCEPTING
    # A full stop behind a number was taken off as one behind a word is: "1." is 1.
    return float(word) if len(word) < 40 and _NUMBER.fullmatch(word) else None


def bare(text: str) -> str:
    """A word without what may stand around it, in small letters."""
    return text.strip().strip(_QUOTES).rstrip(".!").strip(_QUOTES).strip().casefold()


def _read_json(text: str) -> bool | float | None:
    told = _fields(text, FIELDS)
    if len(told) != 1:
        return None
    [value] = told
    if isinstance(value, str):
        return _read_word(value)
    if isinstance(value, bool):
        return value
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def read_rating(text: str, scale: Scale) -> float | None:
    """What a rating on a scale is worth, in [0, 1]; None for a reply that is none. Read as strictly as `read_text`.

    A rating is a number on the scale, decimals allowed: `7`, `7.5`, `7/10` or `7 out of 10` (with the scale's highest
    number), in the dress that words may have. It is

    - all of the reply; or
    - on its last line, behind `Rating:`, `Score:` or `Grade:` (after a reasoning); or
    - the one field named `rating`, `score` or `grade` of a JSON object that is the reply or its last line.

    A reply in which another line gives another rating in this way is none: which one counts, only its writer knows.
    """
    text = text.strip()
    fenced = _FENCED.fullmatch(text)
    body = fenced[1].strip() if fenced else text
    if body.startswith("{") and (found := _rating_in_json(body, scale)) is not None:
        return found
    if (found := _rating(body, scale)) is not None:
        return found
    *before, last = [_rating_on_line(line.strip(), scale) for line in body.splitlines()] or [None]
    return last if all(each in (None, last) for each in before) else None


def _rating_on_line(line: str, scale: Scale) -> float | None:
    """A rating that a line gives with a name before it."""
    if line.startswith("{"):
        return _rating_in_json(line, scale)
    name, colon, number = line.partition(":")
    return _rating(number, scale) if colon and bare(name) in RATINGS else None


def _rating_in_json(text: str, scale: Scale) -> float | None:
    pairs = _fields(text, RATINGS)
    if len(pairs) != 1 or isinstance(pairs[0], bool):
        return None
    return _rating(str(pairs[0]), scale)


def _rating(text: str, scale: Scale) -> float | None:
    """What a number alone is worth, if it lies on the scale."""
    found = _RATED.fullmatch(bare(text))
    if found is None or (found[2] and int(found[2]) != scale.high):
        return None
    number = float(found[1])
    return scale.worth(number) if scale.low <= number <= scale.high else None


def _fields(text: str, names: frozenset[str]) -> list[Any]:
    """What the fields of a JSON object with one of some names hold; nothing where it is no JSON."""
    try:
        pairs = json.loads(text, object_pairs_hook=list, parse_constant=_refuse)
    except (ValueError, RecursionError):  # no JSON, or a number or a nesting beyond what Python reads
        return []
    return [value for key, value in pairs if key.casefold() in names]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def is_response(answer: Any) -> bool:
    """Whether an object is what a client returns: a chat completion, a completion, or a response."""
    return _has_choices(answer) or isinstance(getattr(answer, "output_text", None), str)


def read_reply(answer: Any) -> Reply:
    """What a text or a client's response object says.

    A chat completion (or completion) that is one of the words, and whose first token is that word, says P(yes) where it
    has log-probabilities: the probability of all accepting words among the alternatives listed for the first token. If
    none is listed, it is at most what the list leaves over, and at most that of the least likely token listed: the
    smaller of these is taken.

    Raises:
        JudgeError: several choices, of which only the caller knows which one counts.
    """
    if isinstance(answer, str):
        return Reply(read_text(answer), _storable(answer))
    if not _has_choices(answer):
        return Reply(read_text(answer.output_text), _storable(answer.output_text))
    if len(answer.choices) != 1:
        raise JudgeError(f"the model's response holds {len(answer.choices)} choices; ask for one (n=1)")
    [choice] = answer.choices
    text, refusal = _text_of(choice), getattr(getattr(choice, "message", None), "refusal", None)
    if text is None or refusal:  # a refusal, whatever stands beside it; a tool call
        return Reply(None, _storable(refusal) if isinstance(refusal, str) else "")
    said = read_text(text)
    listed = first_token(getattr(choice, "logprobs", None))
    if isinstance(said, bool) and listed is not None and bare(listed[0]) == bare(text):
        return Reply(_probability(listed[1]), _storable(text))
    return Reply(said, _storable(text))


def _has_choices(answer: Any) -> bool:
    choices = getattr(answer, "choices", None)
    return isinstance(choices, Sequence) and not isinstance(answer, str)


def _text_of(choice: Any) -> str | None:
    """The text of a choice: a chat's message, or a completion's own."""
    message = getattr(choice, "message", None)
    text = getattr(choice, "text", None) if message is None else getattr(message, "content", None)
    return text if isinstance(text, str) else None


def first_token(logprobs: Any) -> tuple[str, dict[str, float]] | None:
    """The first token and the probabilities listed for it, its own among them; None where none can be read."""
    try:
        return _first_token(logprobs)
    except (AttributeError, TypeError, LookupError, ArithmeticError):  # servers write what they like here
        return None


def _first_token(logprobs: Any) -> tuple[str, dict[str, float]] | None:
    """The same of a list in one of the shapes that OpenAI gives it."""
    content = getattr(logprobs, "content", None)
    tokens, own = getattr(logprobs, "tokens", None), getattr(logprobs, "token_logprobs", None)
    if content:  # of a chat
        first = content[0]
        token, logprob = first.token, first.logprob
        others = [(entry.token, entry.logprob) for entry in getattr(first, "top_logprobs", None) or ()]
    elif tokens and own:  # of a completion
        token, logprob = tokens[0], own[0]
        top = (getattr(logprobs, "top_logprobs", None) or [None])[0]
        others = list(top.items()) if isinstance(top, Mapping) else []
    else:
        return None
    listed = [(token, logprob), *others]
    if not all(isinstance(t, str) and isinstance(v, int | float) and not math.isnan(v) for t, v in listed):
        return None
    return token, {each: math.exp(min(0.0, value)) for each, value in listed}


def _probability(listed: Mapping[str, float]) -> float:
    """P(yes) by the probabilities listed for a first token."""
    accepting = [probability for token, probability in listed.items() if bare(token) in ACCEPTING]
    if accepting:
        return min(1.0, sum(accepting))
    return max(0.0, min(1 - sum(listed.values()), *listed.values()))


def _storable(text: str) -> str:
    """A text that can be stored: halves of surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode()
