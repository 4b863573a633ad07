"""A judge made of a user's function."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from ..corpora.errors import JudgeError, UsageError
from ..corpora.identity import digest_of
from ..corpora.names import load_user
from ..corpora.records import Item, Verdict
from .judge import Judge, logit, made

_FIELDS = {
    "question": attrgetter("problem.question"),
    "reference": attrgetter("problem.reference"),
    "response": attrgetter("response"),
    "problem": attrgetter("problem"),
}


class FunctionJudge:
    """Calls a function once a response, or once a batch.

    A function whose parameters are among `question`, `reference`, `response` and `problem` is called for each response
    by these names; any other function of one parameter is given the list of items. It returns, for each: a score in
    [0, 1], a bool (a decision: margins of +1 and -1), None (its answer could not be read), or a `Verdict`.
    """

    def __init__(self, function: Callable[..., Any], *, name: str = "", threshold: float = 0.5) -> None:
        """
        Raises:
            UsageError: the function takes neither items nor known fields, or the threshold is not in (0, 1].
        """
        if not 0 < threshold <= 1:  # false for NaN too
            raise UsageError(f"threshold {threshold} is not between 0 and 1")
        self.function = function
        self.name = name or f"function:{getattr(function, '__name__', type(function).__name__)}"
        self.threshold = threshold
        self._odds = logit(threshold)
        self.fields = _fields(function, self.name)
        self.fingerprint = hashlib.sha256(f"{self.name} {threshold} {digest_of(function)}".encode()).hexdigest()[:16]

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        if self.fields is None:
            answers = list(self.function(list(items)))
        else:
            answers = self._each(items, [(name, _FIELDS[name]) for name in self.fields])
        return [self._verdict(a) for a in answers]

    def _each(self, items: Sequence[Item], fields: Sequence[tuple[str, Callable[[Item], Any]]]) -> list[Any]:
        """The function's answer to each item."""
        return [self.function(**{name: get(item) for name, get in fields}) for item in items]

    def _verdict(self, answer: Any) -> Verdict:
        if type(answer) is float and 0 <= answer <= 1:  # the usual answer first
            return Verdict(answer, logit(answer) - self._odds, answer >= self.threshold)
        if isinstance(answer, Verdict):
            return answer
        if answer is None:
            return Verdict(0.0, -1.0, False, parsed=False)
        if isinstance(answer, bool | np.bool_):
            return Verdict(float(answer), 1.0 if answer else -1.0, bool(answer))
        try:
            score = float(answer)
        except (TypeError, ValueError) as error:
            written = " ".join(repr(answer).split())[:60]
            raise JudgeError(
                f"judge {self.name} returned {written}; return a score in [0, 1], a bool or None"
            ) from error
        if not 0 <= score <= 1:  # false for NaN too
            raise JudgeError(f"judge {self.name} returned {score}; scores lie in [0, 1]")
        return Verdict(score, logit(score) - self._odds, score >= self.threshold)


class ConcurrentJudge(FunctionJudge):
    """A `FunctionJudge` with many calls in flight at once, for functions that wait for something, such as a network.

    It is `Staged`: what waits need not keep the search from its own work. The function must be safe to call from many
    threads. Answers come in order, and an error is the one that calls one after another would have met first.
    """

    def __init__(self, function: Callable[..., Any], *, in_flight: int, name: str = "", threshold: float = 0.5) -> None:
        """
        Raises:
            UsageError: as `FunctionJudge`, or the function takes a whole batch.
        """
        super().__init__(function, name=name, threshold=threshold)
        self.in_flight = in_flight
        if self.fields is None:
            raise UsageError(
                f"judge {self.name} takes a batch of items, so in_flight={in_flight} has no meaning; "
                f"take some of {', '.join(_FIELDS)}, or leave in_flight out"
            )

    def prepare(self, items: Sequence[Item]) -> list[Item]:
        """See `Staged.prepare`: there is nothing to prepare."""
        return list(items)

    def compute(self, prepared: list[Item]) -> list[Verdict]:
        """See `Staged.compute`."""
        return self.score(prepared)

    def _each(self, items: Sequence[Item], fields: Sequence[tuple[str, Callable[[Item], Any]]]) -> list[Any]:
        calls = [partial(self.function, **{name: get(item) for name, get in fields}) for item in items]
        return in_flight(calls, self.in_flight)


def in_flight(calls: Sequence[Callable[[], Any]], most: int) -> list[Any]:
    """The results of calls, in order, with at most `most` of them running at once, each on a thread.

    Calls are begun in order and none after a failure, so that of all errors the one of the earliest call is raised.
    The threads are daemons: one that hangs in a call does not keep an interrupted program from its end.
    """
    results: list[Any] = [None] * len(calls)
    errors: dict[int, BaseException] = {}
    waiting = iter(range(len(calls)))
    turn = threading.Lock()

    def serve() -> None:
        while True:
            with turn:
                place = next(waiting, None) if not errors else None
            if place is None:
                return
            try:
                results[place] = calls[place]()
            except BaseException as error:
                errors[place] = error

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(min(most, len(calls)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        waiting = iter(())  # an interrupted caller begins nothing more
    if errors:
        raise errors[min(errors)]
    return results


def from_function(
    function: Callable[..., Any], *, name: str = "", threshold: float = 0.5, in_flight: int = 1
) -> FunctionJudge:
    """A judge around a function, with up to `in_flight` calls of it at once. The fingerprint does not depend on that.

    Raises:
        UsageError: see `FunctionJudge` and `ConcurrentJudge`, or `in_flight` is under 1.
    """
    if in_flight < 1:
        raise UsageError(f"in_flight {in_flight} is out of range; write a whole number of at least 1")
    if in_flight == 1:
        return FunctionJudge(function, name=name, threshold=threshold)
    return ConcurrentJudge(function, in_flight=in_flight, name=name, threshold=threshold)


def _fields(function: Callable[..., Any], name: str) -> list[str] | None:
    """The fields that a function asks for by name; None if it takes a batch of items."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(f"judge {name} is async; wrap it in a plain function of items that calls asyncio.run")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"judge {name}: its signature cannot be read; wrap it in a function of question and response"
        ) from error
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    asked = [p.name for p in parameters if p.name in _FIELDS]
    if asked and all(p.name in _FIELDS for p in needed):
        return asked
    if len(needed) == 1:
        return None
    written = ", ".join(p.name for p in needed)
    raise UsageError(f"judge {name} takes ({written}); take (items) or some of {', '.join(_FIELDS)}")


def from_spec(spec: str, *, threshold: float | None = None, in_flight: int = 1) -> Judge:
    """`python:module:function`; the name may also stand for a judge object, or a class that makes one."""
    loaded = load_user(spec, "judge")
    if isinstance(loaded, type):
        loaded = made(loaded)
    if isinstance(loaded, Judge):
        if threshold is not None:
            raise UsageError(f"judge python:{spec} has a threshold of its own; set it there, not to {threshold}")
        if in_flight != 1:
            raise UsageError(f"judge python:{spec} is asked in batches; in_flight={in_flight} is for functions")
        return loaded
    if not callable(loaded):
        raise UsageError(f"judge python:{spec} is a {type(loaded).__name__}, not a function or a judge")
    return from_function(
        loaded, name=f"python:{spec}", threshold=0.5 if threshold is None else threshold, in_flight=in_flight
    )
