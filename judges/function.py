"""A judge made of what users have: a function, an object that can be called, async or not, or a pipeline."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from ..corpora.errors import JudgeError, UsageError
from ..corpora.identity import digest_of
from ..corpora.names import load_user
from ..corpora.records import Item, Verdict
from .calls import in_loop, in_threads
from .judge import Judge, logit, unread
from .opening import made
from .replies import Reply, is_response, read_reply, verdict_on

_FIELDS = {
    "question": attrgetter("problem.question"),
    "reference": attrgetter("problem.reference"),
    "response": attrgetter("response"),
    "problem": attrgetter("problem"),
}

#: How many calls of an async function are in flight unless it is said.
IN_FLIGHT = 16


class FunctionJudge:
    """Calls a function once a response, or once a batch.

    The function may be a function, a method, a partial or an object with `__call__`, plain or `async`. If its
    parameters are among `question`, `reference`, `response` and `problem`, it is called for each response by these
    names; any other function of one parameter is given the list of items. It returns, for each, one of:

    - a score in [0, 1];
    - a bool (a decision: margins of +1 and -1);
    - None: its answer could not be read;
    - a model's reply: a text, or the object that an OpenAI-compatible client returned (a chat completion, a
      completion, a response). It is read strictly, see `replies`: yes/no, true/false, correct/incorrect, a number from
      0 to 1, or JSON with one such field. With `logprobs` the score is P(yes) of the first token. A reply that is
      anything else could not be read (`parsed=False`);
    - a `Verdict`.
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
        self.is_async = is_async(function)
        self.fields = _fields(function, self.name)
        self.fingerprint = hashlib.sha256(f"{self.name} {threshold} {digest_of(function)}".encode()).hexdigest()[:16]

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        if self.fields is not None:
            answers = self._each(items, [(name, _FIELDS[name]) for name in self.fields])
        elif self.is_async:
            [given] = in_loop([partial(self.function, list(items))], 1)
            answers = self._listed(given)
        else:
            answers = self._listed(self._plain(self.function(list(items))))
        return [self._verdict(a) for a in answers]

    def _each(self, items: Sequence[Item], fields: Sequence[tuple[str, Callable[[Item], Any]]]) -> list[Any]:
        """The function's answer to each item."""
        if self.is_async:
            return in_loop(self._calls(items, fields), 1)
        return [self._plain(self.function(**{name: get(item) for name, get in fields})) for item in items]

    def _calls(
        self, items: Sequence[Item], fields: Sequence[tuple[str, Callable[[Item], Any]]]
    ) -> list[Callable[[], Any]]:
        return [partial(self.function, **{name: get(item) for name, get in fields}) for item in items]

    def _listed(self, given: Any) -> list[Any]:
        """What a function of a batch returned, if it can be one answer for each item."""
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping | Set) or is_response(given):
            raise JudgeError(
                f"judge {self.name} is given a list of items and returned a {type(given).__name__}; return a list with "
                f"an answer for each, or name the parameters among {', '.join(_FIELDS)} to be called for each response"
            )
        answers = list(given)
        for late in answers[1:]:
            if inspect.iscoroutine(late):  # the first is an error already: nobody will wait for these
                late.close()
        return answers

    def _verdict(self, answer: Any) -> Verdict:
        if type(answer) is float and 0 <= answer <= 1:  # the usual answer first
            return Verdict(answer, logit(answer) - self._odds, answer >= self.threshold)
        if isinstance(answer, Verdict):
            return answer
        if answer is None:
            return unread()
        if isinstance(answer, bool | np.bool_):
            return verdict_on(Reply(bool(answer), ""), self.threshold)
        if isinstance(answer, str) or is_response(answer):
            return self._read(answer)
        return self._scored(self._plain(answer))

    def _read(self, answer: Any) -> Verdict:
        """The verdict in a model's reply."""
        try:
            return verdict_on(read_reply(answer), self.threshold)
        except JudgeError as error:
            raise JudgeError(f"judge {self.name}: {error}") from error

    def _scored(self, answer: Any) -> Verdict:
        """The verdict of whatever can be taken for a number."""
        try:
            score = float(answer)
        except (TypeError, ValueError) as error:
            written = " ".join(repr(answer).split())[:60]
            raise JudgeError(
                f"judge {self.name} returned {written}; return a score in [0, 1], a bool, None or a model's reply"
            ) from error
        if not 0 <= score <= 1:  # false for NaN too
            raise JudgeError(f"judge {self.name} returned {score}; scores lie in [0, 1]")
        return self._verdict(score)

    def _plain(self, answer: Any) -> Any:
        """An answer that nobody needs to wait for."""
        if not inspect.isawaitable(answer):
            return answer
        if inspect.iscoroutine(answer):
            answer.close()  # else Python warns that it was never awaited
        raise JudgeError(f"judge {self.name} returned a {type(answer).__name__}; write it as `async def`")


class ConcurrentJudge(FunctionJudge):
    """A `FunctionJudge` with many calls in flight at once, for functions that wait for something, such as a network.

    Plain functions run on threads and must be safe to call from many; async ones run in one event loop, on a thread of
    its own. It is `Staged`: what waits need not keep the search from its own work. Answers come in order, and an error
    is the one that calls one after another would have met first.
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
        calls = self._calls(items, fields)
        if self.is_async:
            return in_loop(calls, self.in_flight)
        return in_threads([partial(self._called, call) for call in calls], self.in_flight)

    def _called(self, call: Callable[[], Any]) -> Any:
        return self._plain(call())


def from_function(
    function: Callable[..., Any],
    *,
    name: str = "",
    threshold: float = 0.5,
    in_flight: int | None = None,
    accept: str | None = None,
    prompt: str | None = None,
    scale: str | None = None,
) -> Judge:
    """A judge around a function or a transformers pipeline.

    Up to `in_flight` calls run at once: one of a plain function unless given, `IN_FLIGHT` of an async one. The
    fingerprint does not depend on that. `accept`, `prompt` and `scale` are for pipelines, see `from_pipeline`.

    Raises:
        UsageError: see `FunctionJudge`, `ConcurrentJudge` and `from_pipeline`, or an option does not belong here.
    """
    if is_pipeline(function):
        from .pipelines import from_pipeline

        _refuse("a pipeline, which is asked in batches", in_flight=in_flight)
        return from_pipeline(function, name=name, threshold=threshold, accept=accept, prompt=prompt, scale=scale)
    _refuse("a function; it is for transformers pipelines", accept=accept, prompt=prompt, scale=scale)
    if in_flight is not None and in_flight < 1:
        raise UsageError(f"in_flight {in_flight} is out of range; write a whole number of at least 1")
    plain = FunctionJudge(function, name=name, threshold=threshold)
    most = in_flight or (IN_FLIGHT if plain.is_async and plain.fields is not None else 1)
    if most == 1:
        return plain
    return ConcurrentJudge(function, in_flight=most, name=name, threshold=threshold)


def _refuse(thing: str, **options: Any) -> None:
    for option, value in options.items():
        if value is not None:
            raise UsageError(f"{option}={value!r:.40} has no meaning for {thing}; leave it out")


def is_async(function: Any) -> bool:
    """Whether calling it gives a coroutine: an `async def`, a partial of one, or an object whose `__call__` is one."""
    function = _innermost(function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _innermost(function: Any) -> Any:
    """What partials are made of."""
    while isinstance(function, partial):
        function = function.func
    return function


def is_pipeline(thing: Any) -> bool:
    """Whether it is a pipeline of transformers, which is not imported to find out."""
    return any(
        kind.__name__ == "Pipeline" and kind.__module__.startswith("transformers.") for kind in type(thing).__mro__
    )


def _fields(function: Callable[..., Any], name: str) -> list[str] | None:
    """The fields that a function asks for by name; None if it takes a batch of items."""
    inner = _innermost(function)
    if inspect.isasyncgenfunction(inner) or inspect.isasyncgenfunction(type(inner).__call__):
        raise UsageError(f"judge {name} is an async generator; return a list instead of yielding")
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


def from_spec(
    spec: str,
    *,
    threshold: float | None = None,
    in_flight: int | None = None,
    accept: str | None = None,
    prompt: str | None = None,
    scale: str | None = None,
) -> Judge:
    """`python:module:function`; the name may also stand for a judge object, a pipeline, or a class that makes one."""
    loaded = load_user(spec, "judge")
    if isinstance(loaded, type):
        loaded = made(loaded)
    if isinstance(loaded, Judge):
        _refuse(f"judge python:{spec}, which is made already", accept=accept, prompt=prompt, scale=scale)
        if threshold is not None:
            raise UsageError(f"judge python:{spec} has a threshold of its own; set it there, not to {threshold}")
        if in_flight is not None:
            raise UsageError(f"judge python:{spec} is asked in batches; in_flight={in_flight} is for functions")
        return loaded
    if not callable(loaded):
        raise UsageError(f"judge python:{spec} is a {type(loaded).__name__}, not a function or a judge")
    return from_function(
        loaded,
        name=f"python:{spec}",
        threshold=0.5 if threshold is None else threshold,
        in_flight=in_flight,
        accept=accept,
        prompt=prompt,
        scale=scale,
    )
