"""Small policies over token strings, trained by REINFORCE (Williams 1992): the least that reinforcement learning takes.

One reward is broadcast over all tokens of a string, as outcome rewards are over a trajectory. So what collapses here
collapses for the reason it does in large policies: the judge's score is all that is asked for.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Form = Literal["positions", "bigram"]
Samples = np.ndarray[Any, np.dtype[np.intp]]
Array = np.ndarray[Any, np.dtype[np.float64]]


class Policy:
    """A table of logits, one row of which each token of a string is drawn from.

    The row is that of the token's place (`positions`), or of the token before it, with one row more for the first
    (`bigram`).

    Attributes:
        logits: `(rows, size)`; all zero at first, which is the uniform policy.
        baseline: moving average of rewards; None before the first.
    """

    def __init__(
        self,
        size: int,
        length: int,
        *,
        form: Form = "positions",
        lr: float = 2.0,
        bonus: float = 0.0,
        memory: float = 0.8,
    ) -> None:
        """Strings of `length` tokens out of `size`.

        `lr` is in logits for a token that every sample has, with an advantage of one; `bonus` weighs the entropy of the
        rows drawn from; `memory` is how much of the old baseline a new one keeps.
        """
        self.size = size
        self.length = length
        self.form: Form = form
        self.lr = lr
        self.bonus = bonus
        self.memory = memory
        self.logits: Array = np.zeros((length if form == "positions" else size + 1, size))
        self.baseline: float | None = None

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """`(count, length)` strings."""
        noise = rng.gumbel(size=(self.length, count, self.size))
        samples: Samples = np.empty((count, self.length), dtype=np.intp)
        for place in range(self.length):
            samples[:, place] = (self.logits[self._rows(samples, place)] + noise[place]).argmax(1)
        return samples

    def update(self, samples: Samples, rewards: Array) -> None:
        """One step up the policy gradient.

        Advantages are rewards less the baseline, in units of the batch's spread: a judge's scores may be tiny for long.
        """
        before = float(rewards.mean()) if self.baseline is None else self.baseline
        self.baseline = self.memory * before + (1 - self.memory) * float(rewards.mean())
        spread = float(rewards.std())
        advantages = (rewards - before) / spread if spread > 1e-12 else np.zeros(len(rewards))
        rows = np.stack([self._rows(samples, place) for place in range(self.length)], axis=1)
        drawn = np.repeat(advantages[:, None], self.length, axis=1)
        step = np.zeros_like(self.logits)
        np.add.at(step, (rows, samples), drawn)
        weight, visits = np.zeros(len(step)), np.zeros(len(step))
        np.add.at(weight, rows, drawn)
        np.add.at(visits, rows, 1.0)
        logs = log_softmax(self.logits)
        shares = np.exp(logs)
        step -= weight[:, None] * shares
        entropies = -(shares * logs).sum(1, keepdims=True)
        step -= self.bonus * visits[:, None] * shares * (logs + entropies)
        self.logits += self.lr * step / len(samples)

    def entropy(self) -> float:
        """Mean entropy of a token given those before it, in nats: log(size) at first, 0 when all is settled."""
        logs = log_softmax(self.logits)
        shares = np.exp(logs)
        entropies = -(shares * logs).sum(1)
        if self.form == "positions":
            return float(entropies.mean())
        reached = np.zeros(self.size + 1)
        reached[-1] = 1.0
        total = 0.0
        for _ in range(self.length):
            total += float(reached @ entropies)
            reached = np.append(reached @ shares, 0.0)  # the row of a first token is never reached again
        return total / self.length

    def mode(self) -> Samples:
        """The likeliest string, `(length,)`; for bigrams by Viterbi's method."""
        logs = log_softmax(self.logits)
        if self.form == "positions":
            likeliest: Samples = logs.argmax(1)
            return likeliest
        best, ways = logs[-1], []
        for _ in range(self.length - 1):
            sums = best[:, None] + logs[:-1]
            ways.append(sums.argmax(0))
            best = sums.max(0)
        string = [int(best.argmax())]
        for way in reversed(ways):
            string.append(int(way[string[-1]]))
        return np.array(string[::-1], dtype=np.intp)

    def _rows(self, samples: Samples, place: int) -> Samples:
        """The row that each sample's token at a place is drawn from."""
        if self.form == "positions":
            return np.full(len(samples), place, dtype=np.intp)
        return samples[:, place - 1] if place else np.full(len(samples), self.size, dtype=np.intp)


def log_softmax(logits: Array) -> Array:
    """`(rows, size)` log-probabilities of logits."""
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))  # type: ignore[no-any-return]
