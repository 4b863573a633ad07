"""One request to a server, tried until it is answered or nothing more can be done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...corpora.errors import JudgeError, MissingExtra, UsageError
from .address import Address
from .faults import Blame, Fault, defect_of, fault_of
from .meter import Meter
from .pace import Pace
from .secret import Secret

#: What the client is told to send.
Body = Mapping[str, Any]

#: The longest wait between two tries, in seconds, unless the server asks for more.
LONGEST = 30.0
#: Tries of a request whose answers come whole and cannot be read: asked again, most servers say the same.
UNREADABLE_TRIES = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, and how often to try; all in seconds but `tries`.

    Attributes:
        tries: how often a request is sent before it is given up.
        timeout: for a whole answer.
        connect: for a connection.
        backoff: before the second try; doubled for each further one, up to `LONGEST`, less a random share up to a half.
    """

    tries: int = 5
    timeout: float = 60.0
    connect: float = 10.0
    backoff: float = 0.5

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise UsageError(f"tries {self.tries} is out of range; write a whole number of at least 1")
        for name in ("timeout", "connect", "backoff"):
            if not 0 < (value := getattr(self, name)) < float("inf"):
                raise UsageError(f"{name} {value} is out of range; write seconds, more than 0")


class Line:
    """The way to a server: sends requests at its pace, meters them, tries again what can pass.

    A request that is refused, or goes wrong whenever it is sent, may be at fault itself (a text that the server chokes
    on) or meet a server that is down. The two are told apart by a request that is known to be harmless, the *probe*: if
    that is answered, the server is well, the request is sent once more, and then it has no answer of its own. Otherwise
    nothing more can be done.
    """

    def __init__(
        self, name: str, address: Address, secret: Secret, patience: Patience, pace: Pace, meter: Meter, seed: int
    ) -> None:
        """
        Raises:
            MissingExtra: the package `openai` is not installed.
        """
        try:
            import openai
        except ImportError as error:
            raise MissingExtra(f"judge {name}", "api") from error
        self.name, self.address, self.secret = name, address, secret
        self.patience, self.pace, self.meter = patience, pace, meter
        self.probe: Body | None = None
        self._rng = np.random.default_rng([seed, 0x5E12])
        self._broken = False
        self._client = openai.AsyncOpenAI(
            api_key=secret.reveal(),
            base_url=address.base,
            default_query=address.query,
            timeout=openai.Timeout(patience.timeout, connect=patience.connect),
            max_retries=0,  # tried again here, where each try is counted and paid for
        )

    def mend(self) -> None:
        """Forget that the server has failed: another batch is asked."""
        self._broken = False

    async def ask(self, body: Body) -> Any:
        """The server's answer, or the `Fault` for which this request, and it alone, has none.

        Raises:
            JudgeError: the server fails, whatever is asked; or a cap on spending is reached.
        """
        answer = await self.attempt(body)
        if not isinstance(answer, Fault) or answer.certain:
            return answer
        if answer.blame is Blame.SERVER or self._broken or not await self._is_well():
            raise self.given_up(answer)
        last = await self.attempt(body, 1) if answer.passes else answer
        return answer if isinstance(last, Fault) else last

    def given_up(self, fault: Fault) -> JudgeError:
        """The error that ends a run; nothing is tried again after it."""
        self._broken = True
        return JudgeError(
            f"judge {self.name} gave up on its server: {fault.text}; {fault.fix}; the same command goes on from here"
        )

    async def _is_well(self) -> bool:
        """Whether the server answers the probe."""
        return self.probe is not None and not isinstance(await self.attempt(self.probe, 1), Fault)

    async def attempt(self, body: Body, tries: int | None = None) -> Any:
        """The answer, or the last fault once all tries are used up (or at once, if the fault does not pass)."""
        tries = tries or self.patience.tries
        unreadable = number = 0
        while True:
            answer = await self._sent(body)
            fault = answer if isinstance(answer, Fault) else defect_of(answer)
            if fault is None:
                return answer
            number += 1
            unreadable += not isinstance(answer, Fault)
            if not fault.passes or self._broken or number >= tries or unreadable >= UNREADABLE_TRIES:
                return fault if number == 1 else replace(fault, text=f"{fault.text} (tried {number} times)")
            await self._wait(fault, number)

    async def _sent(self, body: Body) -> Any:
        """One request, sent when its turn has come: its answer or a fault."""
        guess = _tokens(body)
        await self.pace.turn(guess)
        self.meter.begin(guess)
        answer = None
        try:
            async with asyncio.timeout(self.patience.connect + self.patience.timeout):
                answer = await self._create(body)
            return answer
        except Exception as error:
            return fault_of(error, self.secret.hide, model=self.address.model, key_env=self.address.key_env)
        finally:
            self.pace.correct(guess, self.meter.end(answer) or guess)

    async def _create(self, body: Body) -> Any:
        if "prompt" in body:
            return await self._client.completions.create(model=self.address.model, **body)
        return await self._client.chat.completions.create(model=self.address.model, **body)

    async def _wait(self, fault: Fault, number: int) -> None:
        """Wait before the next try: as long as the server asks, or twice as long as the last time."""
        if fault.wait is not None:
            self.pace.pause(fault.wait)
        longest = min(LONGEST, self.patience.backoff * 2 ** (number - 1))
        await asyncio.sleep(longest * self._rng.uniform(0.5, 1.0))


def _tokens(body: Body) -> int:
    """About how many tokens a request takes, at four bytes each."""
    said = body.get("prompt") or "".join(message["content"] for message in body["messages"])
    return len(said.encode()) // 4 + 16
