"""A filter by perplexity: text that a language model finds too unlikely is refused.

Jain et al. 2023 (arXiv 2309.00614) and Alon & Kamfonas 2023 (arXiv 2308.14132). One bound on perplexity fits texts of
one length only: under SmolLM2 a worked solution of sixty tokens has a perplexity of 5 to 16, a bare `272` one of 30 to
1,400. A bound that lets short answers pass leaves an attacker of long ones all the room there is. As with Alon and
Kamfonas both perplexity and length count here: a text of n tokens may be as unlikely as n tokens of the perplexity
`most`, and `slack` nats beside, whatever its length.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ...corpora.errors import UsageError
from ...corpora.records import Item
from ..judge import Judge
from ..opening import open_judge, read_spec
from ..proposer import Proposer, proposer_of
from .refusal import Filter, Refusal, at_least

#: Bounds (`most`, `slack`) by language model, measured on right answers (`python tests/bench/defences.py bounds`).
MEASURED = {"smollm2": (50.0, 10.0)}

#: The model whose bounds are known, and the word for the judge's own.
DEFAULT, OWN = "smollm2", "own"

#: Texts whose refusals are kept: universal strings are asked about on every problem.
KEPT = 1 << 14


class Perplexity(Filter):
    """Refuses responses that a language model finds too unlikely.

    Refused is a text whose surprise (negative log-probability, in nats) is over `n log(most) + slack`, n being its
    tokens; with a `window`, each stretch of so many tokens is held to that too. Each response costs a pass of the
    language model beside the verdict; what the passes say does not depend on what else is asked.
    """

    kind = "perplexity"

    def __init__(
        self,
        judge: Judge,
        *,
        most: float | None = None,
        slack: float | None = None,
        window: int = 0,
        model: str = DEFAULT,
    ) -> None:
        """`model` is the name of a judge with a language model, or `own` for that of the judge inside.

        Bounds by default are those that let 99 % of right answers pass; they are known for SmolLM2 alone, and for other
        models `most` must be given. `window=0` measures whole texts.

        Raises:
            UsageError: a bound is out of range or missing, or there is no such language model.
        """
        known = MEASURED.get(read_spec(model).name)
        if known is None and most is None:
            raise UsageError(
                f"perplexity?model={model} has no bound that is known; give one: perplexity:JUDGE?model={model}&most=50"
            )
        super().__init__(judge, most=most, slack=slack, window=window, model=model)
        # A bound that is given stands alone; the slack that was measured belongs to the bound that was.
        self.most, self.slack = (most, 0.0) if most is not None else known or (math.inf, 0.0)
        self.slack = self.slack if slack is None else slack
        at_least(1, self.kind, most=self.most)
        at_least(0, self.kind, slack=self.slack, window=window)
        self.window = window
        self.proposer, identity = _own(judge) if model == OWN else language_model(model)
        whole = (self.fingerprint, self.most, self.slack, identity)
        self.fingerprint = hashlib.sha256(repr(whole).encode()).hexdigest()[:16]
        self._known: dict[str, Refusal | None] = {}

    def refusals(self, items: Sequence[Item]) -> list[Refusal | None]:
        """See `Filter`; the excess is in nats a token."""
        new = [text for text in dict.fromkeys(item.response for item in items) if text not in self._known]
        if len(self._known) + len(new) > KEPT:
            self._known.clear()
            new = list(dict.fromkeys(item.response for item in items))
        measured = self.proposer.surprises(new)
        self._known.update((text, self._refusal(each)) for text, each in zip(new, measured, strict=True))
        return [self._known[item.response] for item in items]

    def _refusal(self, surprises: Sequence[float]) -> Refusal | None:
        """Of the stretches that are too unlikely, the one that is so most."""
        over = [(self._excess(part), part) for part in stretches(surprises, self.window) if part]
        worst, part = max(over, default=(0.0, []), key=lambda pair: pair[0])
        if worst <= 0:
            return None
        bound = math.exp(min(700.0, math.log(self.most) + self.slack / len(part)))
        return Refusal(f"perplexity {_perplexity(part):.4g} of {len(part)} tokens, {bound:.4g} allowed", worst)

    def _excess(self, surprises: Sequence[float]) -> float:
        return (sum(surprises) - self.slack) / len(surprises) - math.log(self.most)

    def forget(self) -> None:
        """See `Forgets`."""
        super().forget()
        self._known.clear()
        self.proposer.forget()


def stretches(surprises: Sequence[float], window: int) -> list[Sequence[float]]:
    """The whole, and with a window its parts of so many tokens one behind the other, the last of them shorter."""
    if not 0 < window < len(surprises):
        return [surprises]
    cuts = [*range(0, len(surprises), window), len(surprises)]
    return [surprises, *(surprises[a:b] for a, b in pairwise(cuts))]


def _perplexity(surprises: Sequence[float]) -> float:
    return math.exp(min(700.0, sum(surprises) / len(surprises)))


@lru_cache(maxsize=4)
def language_model(name: str) -> tuple[Proposer, str]:
    """A language model by the name of a judge that has one, loaded once in a process, and what identifies it.

    Raises:
        UsageError: unknown name, or a judge without a language model.
    """
    judge: Any = open_judge(name)
    found = proposer_of(judge)
    if found is None:
        raise UsageError(f"perplexity?model={name} has no language model; write smollm2 or hf:ORG/MODEL")
    return found, judge.fingerprint


def _own(judge: Judge) -> tuple[Proposer, str]:
    """The language model of a judge, or of the first inside it that has one.

    Raises:
        UsageError: there is none.
    """
    if (found := proposer_of(judge)) is not None:
        return found, judge.fingerprint
    for each in getattr(judge, "judges", ()):
        try:
            return _own(each)
        except UsageError:
            continue
    raise UsageError(f"judge {judge.name} has no language model of its own; write perplexity:JUDGE?model={DEFAULT}")
