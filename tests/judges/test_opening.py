"""Names of judges: what stands inside what, and whose an option is."""

from __future__ import annotations

import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.judges.ensemble import Ensemble
from hoodwink.judges.judge import ask, threshold_of
from hoodwink.judges.opening import inside, open_judge, read_spec, split_judges, with_option


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("referee", ("referee", "", {})),
        ("referee?threshold=0.9", ("referee", "", {"threshold": "0.9"})),
        ("hf:org/model:threshold=0.9", ("hf", "org/model:threshold=0.9", {})),
        ("process:referee?aggregate=min&most=8", ("process", "referee", {"aggregate": "min", "most": "8"})),
        ("a:(b:c?x=1)?y=2", ("a", "(b:c?x=1)", {"y": "2"})),
        ("a:(b:c?x=1)", ("a", "(b:c?x=1)", {})),
        ("openai:m@http://h/v1?api-version=2024", ("openai", "m@http://h/v1?api-version=2024", {})),
        ("openai:m@http://h/v1?a-b=2?in_flight=4", ("openai", "m@http://h/v1?a-b=2", {"in_flight": "4"})),
        ("echo:j?phrase=", ("echo", "j", {"phrase": ""})),
    ],
)  # fmt: skip
def test_a_name_is_taken_apart(spec: str, parts: tuple[str, str, dict[str, str]]) -> None:
    assert read_spec(spec) == parts


def test_judges_between_commas() -> None:
    assert split_judges("referee,hf:a/b:threshold=0.2, (ensemble:x,y?aggregate=mean)") == [
        "referee",
        "hf:a/b:threshold=0.2",
        "ensemble:x,y?aggregate=mean",
    ]
    assert split_judges("(a),((b))") == ["a", "b"]
    assert split_judges("(a)(b)") == ["(a)(b)"]
    assert [inside(name) for name in ("referee", "a:b?c=1", "ensemble:x,y")] == [
        "referee",
        "(a:b?c=1)",
        "(ensemble:x,y)",
    ]


def test_an_ensemble_by_name_opens_again_by_its_name() -> None:
    judge = open_judge("ensemble:planted:trigger,(ensemble:planted:claim,planted:length?aggregate=mean)?threshold=0.6")
    assert isinstance(judge, Ensemble)
    assert judge.name == "ensemble:planted:trigger,(ensemble:planted:claim,planted:length?aggregate=mean)?threshold=0.6"
    again = open_judge(judge.name)
    assert (again.name, again.fingerprint) == (judge.name, judge.fingerprint)
    assert threshold_of(judge) == 0.6


def test_judges_inside_are_counted() -> None:
    from hoodwink.corpora.corpus import open_corpus
    from hoodwink.corpora.records import Item
    from hoodwink.judges.judge import Usage

    [problem] = open_corpus("arithmetic").sample(1, seed=0)
    items = [Item(problem, text) for text in ("Solution", "verified", "1")]
    judge = open_judge("ensemble:planted:trigger,(ensemble:planted:claim,planted:length)")
    assert isinstance(judge, Ensemble)
    ask(judge, items)
    once = {f"planted:{hole}": Usage(3) for hole in ("trigger", "claim", "length")}
    assert judge.used() == once
    fresh = open_judge(judge.name)
    assert isinstance(fresh, Ensemble)
    fresh.charge(once)
    ask(fresh, items[:1], afresh=True)
    assert fresh.used() == {name: Usage(4) for name in once}
    assert Usage(2, 3, 4, 0.5).plus(Usage(1)).since(Usage(1, 1, 1, 0.25)) == Usage(2, 2, 3, 0.25)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("ensemble:planted:claim,", "stands around another"),
        ("ensemble:planted:claim,nobody", "no judge is named 'nobody'"),
        ("ensemble:planted:claim,planted:trigger?agregate=mean", "did you mean aggregate"),
        ("smooth:planted:trigger:copies=3", "copies is an option of smooth"),
        ("smooth:planted:trigger?copies=3?mode=swap", "write all options of smooth behind one question mark"),
        ("process:planted:trigger?aggregate=min?steps=4", "aggregate is an option of process"),
        ("smooth:planted:trigger?copies=1000000", "write a number of at most 1000"),
        ("smooth:(planted:trigger", "parentheses in smooth:(planted:trigger do not match"),
        ("ensemble:planted:trigger", "or ensemble:JUDGE,JUDGE"),
        ("some-org/model-7b", "write hf:some-org/model-7b for a model, reward:some-org/model-7b for a classifier"),
        ("openai:", "judge 'openai:' is incomplete; write openai:MODEL@URL"),
        ("openai:m@localhost:8000/v1", "write openai:my-model@http://localhost:8000/v1"),
        ("openai:m@127.0.0.1:8000", "write openai:my-model@http://localhost:8000/v1"),
        ("openai:m@htp://host/v1", "write openai:my-model@http://localhost:8000/v1"),
        ("openai:m@api.example.com/v1", "write openai:my-model@http://localhost:8000/v1"),
        ("hf:./nowhere", "there is no folder './nowhere'; write hf:FOLDER or hf:ORG/MODEL"),
        ("reward:/nowhere/model", "there is no folder '/nowhere/model'"),
        ("python:judges/mine.py:grade", "write it as it is imported: judges.mine:grade"),
        ("ensemble:planted:claim,planted:trigger?aggregate=max", "write a value of type min|worst|mean|uncertain"),
    ],
)
def test_what_is_wrong_with_a_name(spec: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a key that nobody may be sent")
    with pytest.raises(UsageError) as error:
        open_judge(spec)
    assert said in str(error.value)


def test_options_added_to_a_name() -> None:
    assert with_option("referee", "threshold", 0.9) == "referee:threshold=0.9"
    assert with_option("a:b?c=1", "threshold", 0.9) == "a:b?c=1&threshold=0.9"
    assert with_option("ensemble:a,b", "threshold", 0.9) == "ensemble:a,b?threshold=0.9"
