"""How fast requests may follow each other: limits a minute, and pauses that a server asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ...corpora.errors import UsageError


class Pace:
    """Lets requests begin one after the other so that neither limit is exceeded.

    Requests are spread evenly over the minute. Of tokens a request's number is guessed when it begins, and the guess
    is put right when its answer says what it took.
    """

    def __init__(
        self,
        rpm: float | None = None,
        tpm: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`rpm` requests and `tpm` tokens a minute at most; None does not limit.

        Raises:
            UsageError: a limit is not above 0.
        """
        for name, value in (("rpm", rpm), ("tpm", tpm)):
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name} {value} is out of range; write a number over 0")
        self._request = 60 / rpm if rpm else 0.0
        self._token = 60 / tpm if tpm else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = self._paid = self._paused = 0.0

    async def turn(self, tokens: int) -> None:
        """Wait until a request of about so many tokens may begin."""
        start = max(self._clock(), self._next, self._paid, self._paused)
        self._next = start + self._request
        self._paid = start + tokens * self._token
        while (left := max(start, self._paused) - self._clock()) > 0:
            await self._sleep(left)

    def correct(self, guessed: int, used: int) -> None:
        """Put right what `turn` took a request for."""
        self._paid += (used - guessed) * self._token

    def pause(self, seconds: float) -> None:
        """Let no request begin for so long: the server asks for it."""
        self._paused = max(self._paused, self._clock() + seconds)
