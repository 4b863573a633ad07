"""How the answers of a server become verdicts: by log-probabilities, by many samples, or by one reply's text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...corpora.errors import JudgeError
from ...corpora.records import Verdict
from ..judge import MAX_MARGIN, logit, sigmoid, unread
from ..replies import Reply, bare, first_token, read_rating, read_reply, read_text, verdict_on
from ..scale import Scale


def is_listed(answer: Any) -> bool:
    """Whether an answer lists alternatives of its first token."""
    listed = first_token(getattr(answer.choices[0], "logprobs", None))
    return listed is not None and len(listed[1]) > 1


def by_logprobs(answer: Any, threshold: float, scale: Scale | None) -> Verdict:
    """The verdict in the tokens listed for the first place of an answer.

    Of yes and no it is the log-odds of all spellings of the one against all of the other, as local judges read them off
    a model, whichever token was generated. A side of which no spelling is listed has at most what the list leaves over,
    and at most the probability of the least likely token listed: the smaller of these is taken. Of a rating it is the
    expected value over the numbers listed. Without any such token, and without a list, the text is read.
    """
    reply = reply_of(answer, scale)
    listed = first_token(getattr(answer.choices[0], "logprobs", None))
    if listed is None or _is_refused(answer):
        return verdict_on(reply, threshold)
    probabilities = {token: p for token, p in listed[1].items() if p > 0}
    if scale is not None:
        expected = _expected(probabilities, scale)
        return unread(reply.text) if expected is None else verdict_on(Reply(expected, reply.text), threshold)
    odds = log_odds(probabilities)
    if odds is None:
        return unread(reply.text)
    margin = odds - logit(threshold)
    return Verdict(sigmoid(odds), margin, margin >= 0, text=reply.text)


def log_odds(listed: Mapping[str, float]) -> float | None:
    """Log-odds of yes against no by the probabilities of the tokens listed; None if neither is among them."""
    yes = sum(p for token, p in listed.items() if bare(token) == "yes")
    no = sum(p for token, p in listed.items() if bare(token) == "no")
    if not yes and not no:
        return None
    least = max(0.0, min(1 - sum(listed.values()), *listed.values()))
    odds = _log(yes or least) - _log(no or least)
    return max(-MAX_MARGIN, min(MAX_MARGIN, odds))


def by_samples(answers: Sequence[Any], threshold: float, scale: Scale | None) -> Verdict:
    """The verdict in several answers to the same request.

    The score is the mean of what was said (1 for yes, 0 for no, or a rating's worth), with half a yes and half a no
    added (Jeffreys' prior), so that margins are finite. It can be read if more than half of the answers can.
    """
    replies = [reply_of(answer, scale) for answer in answers]
    said = [float(reply.said) for reply in replies if reply.said is not None]
    text = " | ".join(reply.text for reply in replies)
    if 2 * len(said) <= len(answers):
        return unread(text)
    return verdict_on(Reply((sum(said) + 0.5) / (len(said) + 1), text), threshold)


def by_text(answer: Any, threshold: float, scale: Scale | None) -> Verdict:
    """The verdict in one answer's text, read strictly; a decision has a margin of +1 or -1."""
    return verdict_on(reply_of(answer, scale), threshold)


def reply_of(answer: Any, scale: Scale | None) -> Reply:
    """What an answer's text says, whatever probabilities it lists.

    Raises:
        JudgeError: it holds several choices.
    """
    if len(answer.choices) != 1:
        raise JudgeError(f"the server's answer holds {len(answer.choices)} choices, not one")
    reply = read_reply(answer)
    if _is_refused(answer):
        return Reply(None, reply.text)
    return Reply(read_text(reply.text) if scale is None else read_rating(reply.text, scale), reply.text)


def _is_refused(answer: Any) -> bool:
    message = getattr(answer.choices[0], "message", None)
    return message is not None and bool(getattr(message, "refusal", None) or getattr(message, "tool_calls", None))


def _expected(listed: Mapping[str, float], scale: Scale) -> float | None:
    """The mean worth of the numbers listed, by their probabilities."""
    worth = {token: w for token in listed if (w := read_rating(token, scale)) is not None}
    total = sum(listed[token] for token in worth)
    return sum(listed[token] * w for token, w in worth.items()) / total if total else None


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -MAX_MARGIN
