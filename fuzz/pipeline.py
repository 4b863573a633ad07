"""A row of jobs of which each is prepared, on a second thread, while the one before it is being done.

The work itself stays on the calling thread: there an interrupt stops it at once, and torch computes with all its
threads (a second thread would get a second set of them, and both sets then wait for one another in their sleep).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, NamedTuple, TypeVar

Result = TypeVar("Result")
Value = TypeVar("Value")
Work = Callable[[], Result]


class Job(NamedTuple, Generic[Result]):
    """`begin` does what the work needs first and returns the work; `meanwhile` can be done beside it."""

    begin: Callable[[], Work[Result]]
    meanwhile: Callable[[], None]


def in_turn(jobs: Sequence[Job[Result]], aside: ThreadPoolExecutor | None) -> Iterator[Result]:
    """The results of jobs, in order.

    With `aside`, an executor of one thread, that thread does what is to be done meanwhile and begins the next job while
    the caller works. Without it, everything is done here, in order. Either way no work is done behind work that failed,
    and an error comes up after all results before it.
    """
    helper = Helper(aside)
    try:
        begun = helper.soon(jobs[0].begin) if jobs else None
        for place, job in enumerate(jobs):
            assert begun is not None
            work = begun()
            begun = helper.soon(jobs[place + 1].begin) if place + 1 < len(jobs) else None
            meanwhile = helper.soon(job.meanwhile)
            yield work()
            meanwhile()
    finally:
        helper.leave()


class Helper:
    """The second thread, or none: then what it is given is done when somebody asks for it."""

    def __init__(self, aside: ThreadPoolExecutor | None) -> None:
        self.aside = aside
        self.sent: list[Future[Any]] = []

    def soon(self, call: Callable[[], Value]) -> Callable[[], Value]:
        """Have something done; what is returned waits for it."""
        if self.aside is None:
            return call
        future = self.aside.submit(call)
        self.sent = [*self.sent[-2:], future]
        return future.result

    def leave(self) -> None:
        """Nothing that waits is begun any more, and what has begun comes to its end."""
        for future in self.sent:
            future.cancel()
        wait(self.sent)
