"""What defences cost on clean data: each judge inside another is measured, and nothing is asked twice."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Item
from hoodwink.fuzz.defence_cost import Layer, layers
from hoodwink.fuzz.run import check
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import defended
from hoodwink.judges.planted import planted
from hoodwink.judges.quality import known_responses

PROBLEMS = 6


class Counted:
    """A planted judge that remembers what it was asked."""

    def __init__(self) -> None:
        self.inside = planted("length")
        self.name = self.fingerprint = "counted"
        self.asked: Counter[tuple[str, str]] = Counter()

    def score(self, items):
        self.asked.update((i.problem.id, i.response) for i in items)
        return self.inside.score(items)


def measured(spec: str, *, inside: bool = True) -> tuple[Counted, list[Layer]]:
    """The judge behind a defence after a check, and what was found of the judges inside, if that was asked for."""
    judge = Counted()
    found: list[Layer] = []
    around = defended(spec, judge) if spec else judge
    after = (lambda gate, problems: found.extend(layers(gate, problems))) if inside else (lambda gate, problems: None)
    check(around, problems=PROBLEMS, acceptance=None, after=after)
    return judge, found


def known() -> list[tuple[Item, str, bool]]:
    problems = Arithmetic().sample(PROBLEMS, seed=0)
    return [(Item(p, r.text), r.kind, right) for p in problems for r, right in known_responses(p)]


def test_a_judge_around_none_has_no_layers():
    judge, found = measured("")
    assert (found, len(judge.asked)) == ([], len(known()))


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("length?most=40", ["length:counted?most=40", "counted"]),
        ("smooth:(length?most=40)?copies=3", None),
        ("length:(characters:smooth?allow=latin)?most=40", None),
    ],
)
def test_each_layer_is_as_good_as_it_would_be_alone(spec, names):
    _, found = measured(spec)
    if names:
        assert [layer.name for layer in found] == names
    assert [layer.depth for layer in found] == list(range(len(found)))
    around = defended(spec, Counted())
    for layer in found:
        verdicts = ask(around, [item for item, _, _ in known()])
        right = [v.accepted for v, (_, _, is_right) in zip(verdicts, known(), strict=True) if is_right]
        assert layer.quality.right_accepted == sum(right) / len(right)
        assert layer.quality.items == len(verdicts)
        around = around.judges[0] if hasattr(around, "judges") else around


def test_what_a_filter_refused_itself_is_told_by_kind():
    """A filter that stands inside says of what it refused `filtered` too, and that is not the outer one's doing."""
    _, (outer, inner, _) = measured("length:(characters?repeats=1)?most=40")
    own = {kind: [] for _, kind, _ in known()}
    for item, kind, _ in known():
        own[kind].append(len(item.response) > 40)
    assert outer.refused == {kind: (sum(each) / len(each), len(each)) for kind, each in own.items()}
    assert 0 < inner.refused["bare"][0] < 1, "a number with two digits that are the same"
    assert measured("smooth")[1][0].refused == {}


def test_nothing_is_asked_twice_and_a_verdict_of_several_is_counted():
    judge, found = measured("length?most=40")
    plain, _ = measured("length?most=40", inside=False)
    items = {(item.problem.id, item.response) for item, _, _ in known()}
    assert judge.asked - plain.asked == Counter(items - set(plain.asked)), "what was refused, once"
    assert set(judge.asked) == items
    assert found[0].asked is not None
    assert found[0].asked < 1
    assert [layer.asked for layer in found[1:]] == [None]
    _, smoothed = measured("smooth?copies=4&mode=swap")
    assert 2 < smoothed[0].asked <= 4


def test_members_of_an_ensemble_stand_beside_one_another():
    found: list[Layer] = []
    check(
        "ensemble:(length:planted:length?most=40),planted:trigger",
        problems=PROBLEMS,
        after=lambda gate, problems: found.extend(layers(gate, problems)),
    )
    assert [(layer.depth, layer.name) for layer in found] == [
        (0, "ensemble:(length:planted:length?most=40),planted:trigger"),
        (1, "length:planted:length?most=40"),
        (2, "planted:length"),
        (1, "planted:trigger"),
    ]
    assert json.loads(json.dumps([layer.to_json() for layer in found]))[1]["refused"]["worked"][0] > 0
