"""Every judge around others keeps to what `Around` promises; those with a file of their own are tested there too."""

from __future__ import annotations

import numpy as np
import pytest
from hoodwink.corpora.corpus import open_corpus
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item
from hoodwink.judges.judge import Cuts, HasEmbeddings, HasPieces, Judge, Metered, ask, batch_of, threshold_of
from hoodwink.judges.opening import AROUND_MANY, AROUND_ONE, open_judge

#: Options without which a kind cannot be opened, and judges to stand around where not any will do.
OPTIONS: dict[str, str] = {}
INSIDE: dict[str, str] = {}

KINDS = [*AROUND_ONE, *AROUND_MANY]


@pytest.fixture(autouse=True)
def _tiny(as_smollm2: None) -> None:
    """Where a judge reads texts with SmolLM2, a tiny model stands in for it."""


def spec_of(kind: str) -> str:
    judge = INSIDE.get(kind, "planted:length")
    return f"{kind}:{judge}{',planted:trigger' if kind in AROUND_MANY else ''}{OPTIONS.get(kind, '')}"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    problems = open_corpus("arithmetic").sample(3, seed=0)
    texts = ["", "Solution", "x" * 130, "dh" * 40, "Step one.\nStep two.\nThe answer is 12.", "12 \u202e\x1b[31m"]
    return [
        Item(p, text) for p in problems for text in [*texts, *(r.text for r in p.right), *(r.text for r in p.wrong)]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_opened_again_by_its_name(kind: str) -> None:
    judge = open_judge(spec_of(kind))
    assert isinstance(judge, Judge)
    assert isinstance(judge, Metered)
    again = open_judge(judge.name)
    assert (again.name, again.fingerprint) == (judge.name, judge.fingerprint)
    assert 0 < threshold_of(judge) <= 1
    assert batch_of(judge) >= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_verdict_does_not_depend_on_its_batch(kind: str, items: list[Item]) -> None:
    judge = open_judge(spec_of(kind))
    together = ask(judge, items)
    order = np.random.default_rng(0).permutation(len(items))
    shuffled = ask(judge, [items[i] for i in order])
    assert [shuffled[list(order).index(i)] for i in range(len(items))] == together
    assert [ask(open_judge(judge.name), [item], afresh=True)[0] for item in items] == together
    assert ask(judge, []) == []


@pytest.mark.parametrize("kind", KINDS)
def test_margins_agree_with_decisions(kind: str, items: list[Item]) -> None:
    for verdict in ask(open_judge(spec_of(kind)), items):
        if verdict.parsed:
            assert verdict.accepted == (verdict.margin >= 0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_can_do_is_what_can_be_done_inside(kind: str) -> None:
    judge, inside = open_judge(spec_of(kind)), open_judge(INSIDE.get(kind, "planted:length"))
    for ability in (HasPieces, Cuts, HasEmbeddings):
        assert isinstance(judge, ability) == isinstance(inside, ability)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_with_its_name_is_said_in_a_line(kind: str) -> None:
    for spec in (f"{kind}:", f"{kind}:(nobody)", f"{kind}:(planted:length),planted:nothing"):
        with pytest.raises(UsageError) as error:
            open_judge(spec)
        assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="optin"):
        open_judge(f"{spec_of(kind)}{'&' if '?' in spec_of(kind) else '?'}optin=1")
