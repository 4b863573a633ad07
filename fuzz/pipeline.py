"""Two hands on a row of jobs: the judge computes one batch while the next is prepared and the last one is stored."""

from __future__ import annotations

import ctypes
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Generic, NamedTuple, TypeVar

Result = TypeVar("Result")
Work = Callable[[], Result]

#: Seconds that an interrupted caller waits for its worker: a thread inside a model must not outlive the interpreter,
#: and one that waits for the network may.
FAREWELL = 1.0


class Job(NamedTuple, Generic[Result]):
    """`begin` does what needs no model and returns the rest of the work; `meanwhile` needs neither."""

    begin: Callable[[], Work[Result]]
    meanwhile: Callable[[], None]


def in_turn(jobs: Iterable[Job[Result]], worker: Worker | None) -> Iterator[Result]:
    """The results of jobs, in order.

    With a worker, a job's work runs there while the caller begins the job after it, does what is to be done meanwhile,
    and uses the result before it. Without one, work is done here when its turn comes. Either way, no work is done
    behind work that failed, and an error comes up after all results before it.
    """
    line = Line(worker)
    last: Work[Result] | None = None
    try:
        for job in jobs:
            result = line.send(job.begin)
            job.meanwhile()
            if last is not None:
                yield last()
            last = result
        if last is not None:
            yield last()
    finally:
        line.leave()


class Line:
    """The jobs of one `in_turn`, on their way through a worker or none."""

    def __init__(self, worker: Worker | None) -> None:
        self.worker = worker
        self.stopped = threading.Event()
        self.sent: list[Future[Any]] = []

    def send(self, begin: Callable[[], Work[Result]]) -> Work[Result]:
        """Begin a job now and pass its work on; returns what waits for the result."""
        if self.worker is None:
            return begin()
        try:
            work = begin()
        except Exception as error:  # its turn to be raised comes after the results before it
            work = _raising(error)
        future: Future[Result] = Future()
        self.sent = [*self.sent[-1:], future]
        self.worker.put(future, work, self.stopped)
        return future.result

    def leave(self) -> None:
        """Nothing that waits is begun any more; what still runs, because the caller was interrupted, is too."""
        self.stopped.set()
        if self.worker is not None and any(future.running() for future in self.sent):
            self.worker.interrupt()


def _raising(error: Exception) -> Work[Any]:
    def work() -> Any:
        raise error

    return work


class Worker:
    """One daemon thread, begun with the first work and kept: torch keeps its threads for each thread that calls it."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        weakref.finalize(self, self._queue.put, None)

    def put(self, future: Future[Any], work: Work[Any], stopped: threading.Event) -> None:
        """Do the work when all before it is done, unless `stopped` is set by then; failing work sets it."""
        self._queue.put((future, work, stopped))
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_serve, args=(self._queue,), name="hoodwink-judge", daemon=True)
            self._thread.start()

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the thread, at its next line of Python, and wait a moment for its end."""
        thread = self._thread
        if thread is None or thread.ident is None:
            return
        self._queue.put(None)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt))
        thread.join(FAREWELL)
        # Should it hang in a call that does not return, it keeps its own queue: later work gets a thread of its own.
        self._queue, self._thread = queue.SimpleQueue(), None
        weakref.finalize(self, self._queue.put, None)


def _serve(jobs: queue.SimpleQueue[Any]) -> None:
    try:
        while (job := jobs.get()) is not None:
            _do(*job)
            del job  # while it waits it holds no batch
    except KeyboardInterrupt:
        return


def _do(future: Future[Any], work: Work[Any], stopped: threading.Event) -> None:
    if stopped.is_set():
        future.cancel()
        return
    future.set_running_or_notify_cancel()
    try:
        result = work()
    except BaseException as error:
        stopped.set()
        future.set_exception(error)
    else:
        future.set_result(result)
