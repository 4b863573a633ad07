"""Judges that compare: both orders, what a tie is, and the difference of rewards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item, Pair, Problem, Response, Verdict
from hoodwink.judges.judge import Usage, ask, logit, sigmoid, unread
from hoodwink.judges.opening import open_judge
from hoodwink.judges.pairwise import BothOrders, Comparison, Difference, Odds, pairwise
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import load_prompt

PROBLEM = Problem.make(
    family="x",
    question="What is 1 + 2?",
    reference="3",
    right=(Response("3", "bare"), Response("1 + 2 = 3. The answer is 3.", "worked"), Response("It is 3.", "sentence")),
)
WORKED, SENTENCE = PROBLEM.right[1].text, PROBLEM.right[2].text


class Told(Comparison):
    """Gives the odds that it was made with."""

    def __init__(self, *said: Odds, threshold: float = 0.5) -> None:
        super().__init__([open_judge("planted:claim")], threshold=threshold)
        self.threshold = threshold
        self.said = list(said)
        self.pairs: list[Pair] = []

    def compare(self, pairs: Sequence[Pair], afresh: bool) -> list[Odds]:
        self.pairs = list(pairs)
        return self.said


@pytest.mark.parametrize(
    ("odds", "threshold", "margin", "accepted", "outcome"),
    [
        ((2.0, 1.0), 0.5, 1.0, True, ""),
        ((-2.0, -1.0), 0.5, -2.0, False, ""),
        ((2.0, -1.0), 0.5, -1.0, False, "inconsistent"),
        ((-1.0, 2.0), 0.5, -1.0, False, "inconsistent"),
        ((0.0, 0.0), 0.5, 0.0, True, ""),
        ((3.0, 1.0), 0.9, 1.0 - logit(0.9), False, "inconsistent"),
        ((-1.0, -2.0), 0.1, -2.0 - logit(0.1), True, ""),
        ((0.5,), 0.5, 0.5, True, ""),
    ],
)
def test_the_worse_order_counts(
    odds: tuple[float, ...], threshold: float, margin: float, accepted: bool, outcome: str
) -> None:
    [verdict] = ask(Told(odds, threshold=threshold), [Item(PROBLEM, "4")])
    assert verdict == Verdict(sigmoid(min(odds)), margin, accepted, outcome=outcome)


def test_it_is_compared_with_the_longest_right_response_that_it_is_not() -> None:
    judge = Told((1.0,), (1.0,))
    ask(judge, [Item(PROBLEM, "4"), Item(PROBLEM, WORKED)])
    assert judge.pairs == [Pair(PROBLEM, "4", WORKED), Pair(PROBLEM, WORKED, SENTENCE)]


def test_the_only_right_response_is_a_tie_and_asked_of_nobody() -> None:
    only = Problem.make(family="x", question="q", reference="3", right=(Response("3", "bare"),))
    judge = Told()
    assert ask(judge, [Item(only, "3")]) == [Verdict(0.5, 0.0, True)]
    assert judge.pairs == []


def test_problems_without_a_right_response_are_refused() -> None:
    none = Problem.make(family="x", question="q", reference="3")
    with pytest.raises(UsageError, match="has no known right response to compare with; give it one under `right`"):
        ask(open_judge("pairwise:planted:claim"), [Item(none, "3")])


# --- prompted models -------------------------------------------------------------------------------------------------


def test_both_orders_are_asked_with_a_prompt_of_its_own(tiny: PromptedJudge) -> None:
    tokenizer, model = tiny.tokenizer, tiny.model
    judge = pairwise(tiny)
    assert isinstance(judge, BothOrders)
    prompt = load_prompt("pairwise", yes="A", no="B")
    plain = PromptedJudge(model, tokenizer, prompt, name="tiny", weights="tiny")
    texts = ["4", "Ω", "", "It is 3, or so."]
    a = ask(plain, [Pair(PROBLEM, text, WORKED) for text in texts])
    b = ask(plain, [Pair(PROBLEM, WORKED, text) for text in texts])
    for verdict, first, second in zip(ask(judge, [Item(PROBLEM, t) for t in texts]), a, b, strict=True):
        orders = (first.margin, -second.margin)
        assert verdict.margin == pytest.approx(min(orders), abs=1e-4)
        assert (verdict.outcome == "inconsistent") == (min(orders) < 0 <= max(orders))
    assert judge.used() == {"tiny": Usage(8)}
    shown = plain.prompt(Pair(PROBLEM, "<|im_end|>", "its other"))
    assert "Answer A: <\u200b|im_end|>\nAnswer B: its other" in shown
    assert "Reply A or B." in shown


def test_what_the_model_cannot_read_is_unread(tiny: PromptedJudge) -> None:
    short, long = ask(pairwise(tiny), [Item(PROBLEM, "4"), Item(PROBLEM, "x" * 2000)])
    assert short.parsed
    assert not long.parsed
    assert not long.accepted
    assert long.text.endswith("the model reads 1024")


def test_a_prompt_of_ones_own_shows_both(tiny: PromptedJudge, tmp_path: Path) -> None:
    (tmp_path / "both.jinja").write_text("{{ other }} or {{ response }}?")
    (tmp_path / "one.jinja").write_text("{{ response }}?")
    own = pairwise(tiny, prompt=str(tmp_path / "both.jinja"))
    assert own.fingerprint != pairwise(tiny).fingerprint
    assert own.name == f"pairwise:tiny?prompt={tmp_path / 'both.jinja'}"
    with pytest.raises(UsageError, match=r"shows one response; put \{\{ response \}\} and \{\{ other \}\} into it"):
        pairwise(tiny, prompt=str(tmp_path / "one.jinja"))
    with pytest.raises(UsageError, match="judge planted:claim is asked by no prompt; leave out prompt=mine"):
        pairwise(open_judge("planted:claim"), prompt="mine")


# --- differences -----------------------------------------------------------------------------------------------------


class Reward:
    """Its reward is the length of the response; it reads no `?`."""

    name = fingerprint = "reward"

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        texts = [item.response for item in items]
        return [unread("?") if "?" in t else Verdict(sigmoid(len(t)), float(len(t)), True) for t in texts]


def test_a_reward_is_compared_in_one_order() -> None:
    judge = pairwise(Reward())
    assert isinstance(judge, Difference)
    longer, shorter, lost = ask(judge, [Item(PROBLEM, t) for t in (WORKED + "!!", "4", "?")])
    assert (longer.margin, longer.score, longer.accepted) == (2.0, sigmoid(2.0), True)
    assert (shorter.margin, shorter.accepted) == (1.0 - len(WORKED), False)
    assert lost == unread("?")
    assert judge.used() == {"reward": Usage(4)}


def test_what_a_filter_refuses_inside_is_no_better_than_anything() -> None:
    judge = open_judge("pairwise:(length:planted:claim?most=8)")
    problem = Problem.make(family="x", question="?", reference="3", right=(Response("3", "bare"),))
    [refused] = ask(judge, [Item(problem, "9" * 9)])
    assert (refused.accepted, refused.outcome) == (False, "filtered")
    worked = Problem.make(family="x", question="?", reference="3", right=(Response("The answer is 3.", "worked"),))
    both, incomparable = ask(judge, [Item(worked, "The sum is 4."), Item(worked, "4")])
    assert (both.accepted, both.outcome) == (False, "filtered")
    assert incomparable == unread("nothing to compare with: the known right response is filtered")
