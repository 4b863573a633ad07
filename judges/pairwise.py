"""Judges that compare: is the response at least as good as one that is known to be right?"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from ..corpora.errors import UsageError
from ..corpora.records import Item, Pair, Verdict
from .around import Around
from .judge import Judge, logit, sigmoid, unread
from .prompted import PromptedJudge
from .prompts import load_prompt

#: What a comparison says: log-odds that the response is the better one, once for each order; or an unread verdict.
Odds = tuple[float, ...] | Verdict

PROMPT = "pairwise"


class Comparison(Around):
    """Compares a response with a known right one of its problem: the longest that is not the response itself.

    The longest, since judges that compare like length (Dubois et al. 2024, arXiv 2404.04475): so that favours the right
    one. The margin is the least of the log-odds that the comparison gives, less those of the threshold. It accepts from
    the threshold on: at one half, what is no worse than a right response. A response that is itself the only known
    right one is such a tie. Where one order accepts and another does not, the outcome is `inconsistent`.
    """

    kind = "pairwise"

    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """See `Around`.

        Raises:
            UsageError: a problem has no known right response.
        """
        others = [(item, _right(item)) for item in items]
        pairs = [Pair(item.problem, item.response, right) for item, right in others if right is not None]
        said = iter(self.compare(pairs, afresh))
        return [self._verdict((0.0,) if right is None else next(said)) for _, right in others]

    @abstractmethod
    def compare(self, pairs: Sequence[Pair], afresh: bool) -> list[Odds]:
        """What is said of each pair."""

    def _verdict(self, odds: Odds) -> Verdict:
        if isinstance(odds, Verdict):
            return odds
        least, bar = min(odds), logit(self.threshold)
        torn = least < bar <= max(odds)
        return Verdict(sigmoid(least), least - bar, least >= bar, outcome="inconsistent" if torn else "")


class BothOrders(Comparison):
    """A language model is asked which of both is better, A or B, once in either order.

    Models prefer a place (Wang et al. 2023, arXiv 2305.17926), so a response is accepted only where both orders accept
    it (as in Zheng et al. 2023, arXiv 2306.05685). The judge's own prompt and threshold do not matter.
    """

    def __init__(self, judge: PromptedJudge, *, prompt: str = PROMPT, threshold: float = 0.5) -> None:
        """`prompt` shows `response` as A and `other` as B.

        Raises:
            UsageError: there is no such prompt, it does not show both, or the threshold is not inside (0, 1).
        """
        question = load_prompt(prompt, yes="A", no="B")
        if "other" not in question.template:
            raise UsageError(
                f"prompt {prompt!r} shows one response; put {{{{ response }}}} and {{{{ other }}}} into it"
            )
        asked = PromptedJudge(
            judge.model,
            judge.tokenizer,
            question,
            name=judge.name,
            weights=judge.weights,
            origin=judge.origin,
        )
        super().__init__([asked], prompt=prompt, threshold=checked(threshold))
        self.threshold = threshold

    def compare(self, pairs: Sequence[Pair], afresh: bool) -> list[Odds]:
        """See `Comparison`."""
        swapped = [Pair(p.problem, p.other, p.response) for p in pairs]
        verdicts = self.ask([*pairs, *swapped], afresh=afresh)
        return [
            (a.margin, -b.margin) if a.parsed and b.parsed else (b if a.parsed else a)
            for a, b in zip(verdicts[: len(pairs)], verdicts[len(pairs) :], strict=True)
        ]


class Difference(Comparison):
    """The difference of the margins that a judge gives either response, as in the model of Bradley and Terry.

    That is how reward models compare; it knows no order. The judge's own threshold does not matter.
    """

    def __init__(self, judge: Judge, *, threshold: float = 0.5) -> None:
        """See `Comparison`.

        Raises:
            UsageError: the threshold is not inside (0, 1).
        """
        super().__init__([judge], threshold=checked(threshold))
        self.threshold = threshold

    def compare(self, pairs: Sequence[Pair], afresh: bool) -> list[Odds]:
        """See `Comparison`. Of each problem a right response is asked about once a call."""
        right = {(p.problem.id, p.other): Item(p.problem, p.other) for p in pairs}
        verdicts = self.ask([*right.values(), *(Item(p.problem, p.response) for p in pairs)], afresh=afresh)
        known = dict(zip(right, verdicts, strict=False))
        bars = (known[p.problem.id, p.other] for p in pairs)
        return [_difference(v, bar) for v, bar in zip(verdicts[len(right) :], bars, strict=True)]


def pairwise(judge: Judge, *, prompt: str = PROMPT, threshold: float = 0.5) -> Comparison:
    """`pairwise:JUDGE`: is a response as good as a known right one? Both orders are asked of a prompted model.

    Raises:
        UsageError: the threshold is not inside (0, 1), or there is no such prompt for this judge.
    """
    if isinstance(judge, PromptedJudge):
        return BothOrders(judge, prompt=prompt, threshold=threshold)
    if prompt != PROMPT:
        raise UsageError(f"judge {judge.name} is asked by no prompt; leave out prompt={prompt}")
    return Difference(judge, threshold=threshold)


def _difference(verdict: Verdict, bar: Verdict) -> Odds:
    """What margins are apart. What the judge refuses for a reason of its own stays refused, whatever it is beside."""
    if not verdict.parsed or (verdict.outcome and not verdict.accepted):
        return verdict
    if not bar.parsed:
        return bar
    if bar.outcome and not bar.accepted:
        return unread(f"nothing to compare with: the known right response is {bar.outcome}")
    return (verdict.margin - bar.margin,)


def checked(threshold: float) -> float:
    """A threshold inside (0, 1).

    Raises:
        UsageError: it is not.
    """
    if not 0 < threshold < 1:  # false for NaN too
        raise UsageError(f"threshold {threshold} is not between 0 and 1")
    return threshold


def _right(item: Item) -> str | None:
    """The known right response to compare with; None where the response itself is the only one.

    Raises:
        UsageError: the problem has none.
    """
    problem = item.problem
    if not problem.right:
        raise UsageError(f"problem {problem.id} has no known right response to compare with; give it one under `right`")
    others = [r.text for r in problem.right if r.text != item.response]
    return max(others, key=len) if others else None
