"""Many calls at once: plain functions on threads, coroutines in one event loop. Results and errors come in order."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from ..corpora.errors import JudgeError

T = TypeVar("T")


def in_threads(calls: Sequence[Callable[[], Any]], most: int) -> list[Any]:
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
    return _results(results, errors)


def in_loop(calls: Sequence[Callable[[], Coroutine[Any, Any, Any]]], most: int) -> list[Any]:
    """The results of coroutine functions, in order, with at most `most` running at once, in the loop of `await_here`.

    As `in_threads` otherwise. An interrupted caller cancels what is running.
    """
    results: list[Any] = [None] * len(calls)
    errors: dict[int, BaseException] = {}

    async def serve(waiting: Any) -> None:
        for place in waiting:
            try:
                results[place] = await calls[place]()
            except BaseException as error:  # an interrupt let through would end the loop for everybody
                errors[place] = error
            if errors:
                return

    async def serve_all() -> None:
        waiting = iter(range(len(calls)))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(most, len(calls))):
                group.create_task(serve(waiting))

    await_here(serve_all())
    return _results(results, errors)


def _results(results: list[Any], errors: dict[int, BaseException]) -> list[Any]:
    if not errors:
        return results
    error = errors[min(errors)]
    if isinstance(error, asyncio.CancelledError):  # else it would pass for an interrupt
        raise RuntimeError("the call was cancelled") from error
    raise error


def await_here(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, run in the one event loop that hoodwink keeps on a thread of its own.

    It works inside a running loop too (a notebook, an async test), which stands still meanwhile. The loop is the same
    for as long as the process lives, since clients keep connections that belong to a loop.

    Raises:
        JudgeError: called from inside that same loop, which would wait for itself.
    """
    loop = _loop.running()
    if _is_inside(loop):
        coroutine.close()
        raise JudgeError("an async judge was asked from inside an async judge; await the inner one's function instead")
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    finally:
        future.cancel()  # of an interrupted caller; what is done is not touched by it


def _is_inside(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class _Loop:
    """An event loop on a daemon thread, begun when it is first wanted, and anew in a forked child."""

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin anew at the next call; the thread of a parent process does not exist in its child."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def running(self) -> asyncio.AbstractEventLoop:
        """The loop, running."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(target=self._loop.run_forever, name="hoodwink-loop", daemon=True)
                thread.start()
                atexit.register(_end, self._loop, thread)
            return self._loop


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """Close a loop before the interpreter goes, so that nothing is said of tasks and loops left open."""

    def cancel_and_stop() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.call_soon(loop.stop)

    if thread.is_alive():
        loop.call_soon_threadsafe(cancel_and_stop)
        thread.join(1.0)
    if not loop.is_running():
        loop.close()


_loop = _Loop()
