"""What the answers of a server have cost, and the caps on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...corpora.errors import JudgeError, UsageError
from ..judge import Usage


@dataclass(frozen=True, slots=True)
class Caps:
    """Prices, and what may be spent in a run.

    Attributes:
        price_in, price_out: of a million tokens of prompts and of answers, in any currency.
        max_calls: requests at most, tries that failed included.
        max_cost: the most that may be spent, in the currency of the prices.
    """

    price_in: float | None = None
    price_out: float | None = None
    max_calls: int | None = None
    max_cost: float | None = None

    def __post_init__(self) -> None:
        for name in ("price_in", "price_out", "max_calls", "max_cost"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):  # false for NaN too
                raise UsageError(f"{name} {value} is out of range; write a number from 0")
        if self.max_cost is not None and not self.priced:
            raise UsageError(f"max_cost={self.max_cost:g} needs price_in= and price_out=, of a million tokens each")

    @property
    def priced(self) -> bool:
        """Whether there are prices."""
        return self.price_in is not None or self.price_out is not None

    def cost(self, prompt: int, completion: int) -> float | None:
        """What so many tokens cost; None without prices."""
        if not self.priced:
            return None
        return (prompt * (self.price_in or 0.0) + completion * (self.price_out or 0.0)) / 1e6


class Meter:
    """Counts calls, tokens and cost, those of earlier processes of the same run included, and stops at the caps.

    A cap on cost holds although many requests are under way: each is counted as the dearest one so far until its answer
    says what it was. What a server charges for requests that time out is not known here, and not counted.
    """

    def __init__(self, name: str, caps: Caps) -> None:
        self.name = name
        self.caps = caps
        self.total = Usage(cost=0.0 if caps.priced else None)
        self._open = 0
        self._dearest = 0.0

    def begin(self, guess: int) -> None:
        """Count a request that is about to be sent, of about so many tokens.

        Raises:
            JudgeError: a cap is reached.
        """
        caps = self.caps
        if caps.max_calls is not None and self.total.calls >= caps.max_calls:
            raise self._capped(f"max_calls={caps.max_calls} is reached")
        if caps.max_cost is not None:
            each = self._dearest or (caps.cost(guess, 1) or 0.0)
            spent = self.total.cost or 0.0
            if spent + (self._open + 1) * each > caps.max_cost:
                open_ = f" and {self._open} calls of up to {each:.2g} are under way" if self._open else ""
                raise self._capped(f"max_cost={caps.max_cost:g} is reached: {spent:.6g} is spent{open_}")
        self._open += 1
        self.total = self.total.plus(Usage(1))

    def end(self, answer: Any) -> int:
        """Count what an answer (None if there was none) says that it took; returns its tokens.

        Raises:
            JudgeError: there is a cap on cost, and an answer does not say.
        """
        self._open -= 1
        usage = getattr(answer, "usage", None)
        prompt, completion = (_count(usage, f"{kind}_tokens") for kind in ("prompt", "completion"))
        said = isinstance(getattr(answer, "choices", None), list)  # else it is no model's answer, and tried again
        if said and not prompt and self.caps.max_cost is not None:
            raise self._capped(f"the server counts no tokens, so max_cost={self.caps.max_cost:g} cannot be held", "")
        cost = self.caps.cost(prompt, completion)
        self._dearest = max(self._dearest, cost or 0.0)
        self.total = self.total.plus(Usage(0, prompt, completion, cost))
        return prompt + completion

    def used(self) -> dict[str, Usage]:
        """See `Metered`."""
        return {self.name: self.total}

    def charge(self, used: Mapping[str, Usage]) -> None:
        """See `Metered`."""
        self.total = self.total.plus(used.get(self.name, Usage()))

    def _capped(self, what: str, hint: str = "raise it and the same command goes on from here") -> JudgeError:
        return JudgeError(f"judge {self.name}: {what}; {hint or 'use max_calls= instead'}")


def _count(usage: Any, field: str) -> int:
    """A number of tokens as a server gives it; 0 if it gives nothing that can be one."""
    value = getattr(usage, field, None)
    return value if isinstance(value, int) and value > 0 else 0
