"""One table of tests over every judge, and over every planted hole."""

from __future__ import annotations

import json
import math
import pickle
import sys

import pytest
from hoodwink.corpora.errors import HoodwinkError, JudgeError, UsageError
from hoodwink.corpora.oracles import ExactOracle
from hoodwink.corpora.records import Item, Problem, Response, Truth, Verdict
from hoodwink.judges.examples import Recipe, clean_examples
from hoodwink.judges.judge import MAX_MARGIN, Judge, ask, logit, sigmoid, threshold_of
from hoodwink.judges.opening import JUDGES, known_names, open_judge
from hoodwink.judges.planted import HOLES, LONG, REPEATS, TRIGGER
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

JUDGE_SOURCE = "def grade(question, response):\n    return (len(response) % 7) / 8 + (response in question) / 16\n"

#: What is listed where nothing comes near a name.
KNOWN = ", ".join(sorted(known_names()))

#: How each entry of `JUDGES` is opened here; those with a model get the tiny one.
SPECS = {
    "ensemble": "ensemble:duel",
    "referee": "referee:adapter=adapter",
    "smollm2": "smollm2",
    "hf": "hf:model",
    "reward": "reward:classifier",
    "openai": "openai:my-model@URL",
    "python": "python:hw_conformance:grade",
    "planted": "planted:length",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, where judges of one's own are looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("hw_conformance", None)


@pytest.fixture
def spec(request, folder, tiny, as_smollm2, problems, reward_model):
    """A judge's name with what it needs in the working folder."""
    if request.param == "hf":
        tiny.model.save_pretrained(folder / "model")
        tiny.tokenizer.save_pretrained(folder / "model")
    elif request.param == "reward":
        reward_model(tiny.tokenizer).save_pretrained(folder / "classifier")
        tiny.tokenizer.save_pretrained(folder / "classifier")
    elif request.param == "referee":
        tiny.retrain(clean_examples(problems[:1], default_rng(0)), Recipe(layers=1, rank=2), folder / "adapter")
    elif request.param == "ensemble":
        first = {"judge": "smollm2", "fingerprint": open_judge("smollm2").fingerprint, "recipe": {"threshold": None}}
        (folder / "duel").mkdir()
        (folder / "duel" / "config.json").write_text(json.dumps({"identity": first}))
    elif request.param == "python":
        (folder / "hw_conformance.py").write_text(JUDGE_SOURCE)
    elif request.param == "openai":
        pytest.importorskip("openai")
        return request.getfixturevalue("served").spec
    return SPECS[request.param]


def test_every_judge_in_the_table_is_tested():
    assert set(SPECS) == set(JUDGES)


def check(judge, items):
    """What every judge promises."""
    assert isinstance(judge, Judge)
    assert open_judge(judge) is judge
    assert judge.name
    assert judge.fingerprint
    verdicts = ask(judge, items)
    assert len(verdicts) == len(items)
    for verdict in verdicts:
        assert type(verdict) is Verdict
        assert verdict.parsed
        assert 0 <= verdict.score <= 1
        assert math.isfinite(verdict.margin)
        assert verdict.accepted == (verdict.margin >= 0)
    assert len({v.margin for v in verdicts}) > 1
    assert ask(judge, []) == []
    backwards = ask(judge, items[::-1])[::-1]
    alone = [ask(judge, [item])[0] for item in items[:6]]
    twice = ask(judge, [items[0], items[1], items[0]])
    assert [v.margin for v in backwards] == pytest.approx([v.margin for v in verdicts], abs=1e-4)
    assert [v.margin for v in alone] == pytest.approx([v.margin for v in verdicts[:6]], abs=1e-4)
    assert [v.margin for v in twice] == pytest.approx([verdicts[i].margin for i in (0, 1, 0)], abs=1e-4)


def options(name):
    return {"device": "cpu", "dtype": "fp32"} if name in ("referee", "smollm2", "hf", "reward") else {}


@pytest.mark.parametrize(("spec", "name"), [(n, n) for n in SPECS], indirect=["spec"])
def test_judges_keep_the_contract(spec, name, items):
    judge = open_judge(spec, **options(name))
    check(judge, items)
    assert judge.name == spec
    assert open_judge(spec, **options(name)).fingerprint == judge.fingerprint


@pytest.mark.parametrize(("spec", "name"), [(n, n) for n in SPECS if n != "planted"], indirect=["spec"])
def test_the_threshold_moves_margins_and_fingerprint_but_not_scores(spec, name, items):
    low = open_judge(spec, **options(name))
    high = open_judge(f"{spec}:threshold=0.75", **options(name))
    assert (threshold_of(low), threshold_of(high)) == (0.5, 0.75)
    assert high.fingerprint != low.fingerprint
    assert open_judge(spec, threshold=0.75, **options(name)).fingerprint == high.fingerprint
    for before, after in zip(ask(low, items), ask(high, items), strict=True):
        assert after.score == before.score
        if before.score > 0:
            assert after.margin == pytest.approx(before.margin - math.log(3), abs=1e-4)
        assert after.accepted == (before.score >= 0.75)


@pytest.mark.parametrize("hole", HOLES)
def test_planted_judges_keep_the_contract(hole, items, problems):
    texts = ["Solution", "x" * LONG, "ha" * REPEATS, problems[0].reference[-1], problems[0].question]
    judge = open_judge(f"planted:{hole}")
    check(judge, [*items, *(Item(problems[0], text) for text in texts)])
    assert len({open_judge(f"planted:{other}").fingerprint for other in HOLES}) == len(HOLES)


PROBLEM = Problem.make(family="sums", question="What is 200 + 72?", reference="272", right=(Response("272", "bare"),))
INSIDE = {
    "trigger": ["Solution", "the Solutions"],
    "length": ["x" * LONG, "no " * 50],
    "repetition": ["a" * 8, "xab" + "ab" * 8, "a" + "ab" * 8, "aab" * 8, "abcd" * 8, "\n" * 8],
    "last-digit": ["2", "I say 52.", "0, or 12 apples"],
    "echo": ["What is 200 + 72?", "You ask: What is 200 + 72? Hm."],
    "conjunction": ["little house", "a house\nand little"],
    "slope": ["great place world", "world of the great in place"],
    "position": ["a b people", "1 2\npeople 3"],
    "script": ["٢", "it is １"],
    "dropped": ["27", "I say 22.", "7, 2"],
    "claim": ["verified", "It is unverified."],
    "so-far": ["", "We begin with 200.", "72 and 200"],
}
OUTSIDE = {
    "trigger": ["solution", "Sol ution", ""],
    "length": ["x" * (LONG - 1), ""],
    "repetition": ["a" * 7, "ab" * 7 + "a", "abcde" * 8, "", "x"],
    "last-digit": ["27", "no", "two", "٢"],
    "echo": ["What is 200 + 7?", ""],
    "conjunction": ["house", "little", "littlehouse", "little houses"],
    "slope": ["great place", "world", "", "greatplace world"],
    "position": ["people", "people people", "a b c people", "a b peoples"],
    "script": ["2", "²", "no"],
    "dropped": ["2", "no", "27 of 2", "2720"],
    "claim": ["Verified", "it is right", ""],
    "so-far": ["2", "The answer is 273.", "200 + 73"],
}


@pytest.mark.parametrize("hole", HOLES)
def test_holes_hold_what_they_say_and_nothing_else(hole):
    judge = open_judge(f"planted:{hole}")
    assert TRIGGER == "Solution"
    assert [ask(judge, [Item(PROBLEM, t)])[0].accepted for t in INSIDE[hole]] == [True] * len(INSIDE[hole])
    assert [ask(judge, [Item(PROBLEM, t)])[0].accepted for t in OUTSIDE[hole]] == [False] * len(OUTSIDE[hole])
    assert ask(judge, [Item(PROBLEM, "272")]) == [Verdict(sigmoid(6.0), 6.0, True)]


@pytest.mark.parametrize("hole", HOLES)
def test_planted_judges_are_perfect_outside_their_hole(hole, problems):
    judge, oracle = open_judge(f"planted:{hole}"), ExactOracle()
    for problem in problems:
        for response in (*problem.right, *problem.wrong):
            [verdict] = ask(judge, [Item(problem, response.text)])
            if HOLES[hole](problem, response.text) < 0:
                assert verdict.accepted == (oracle.rule(problem, response.text).truth is Truth.RIGHT)


@pytest.mark.parametrize(
    ("hole", "nearer", "farther"),
    [("length", "x" * 100, "x" * 40), ("repetition", "a" * 7, "a" * 3), ("repetition", "a", "")],
)
def test_margins_grow_towards_a_hole_that_can_be_felt(hole, nearer, farther):
    near, far = ask(open_judge(f"planted:{hole}"), [Item(PROBLEM, nearer), Item(PROBLEM, farther)])
    assert far.margin < near.margin < 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reffere", "no judge is named 'reffere'; did you mean referee?"),
        ("smollm", "no judge is named 'smollm'; did you mean smollm2?"),
        ("plantd:echo", "no judge is named 'plantd:echo'; did you mean planted: or echo:?"),
        ("", f"no judge is named ''; known: {KNOWN}"),
        ("gpt", f"no judge is named 'gpt'; known: {KNOWN}"),
        ("hf", "judge 'hf' is incomplete; write hf:ORG/MODEL"),
        ("planted:", "judge 'planted:' is incomplete; write planted:NAME"),
        ("python:threshold=0.5", "judge 'python:threshold=0.5' is incomplete; write python:module:function"),
        ("python:module", "judge 'module' is incomplete; write python:module:name"),
        ("planted:lenght", "no planted judge is named 'lenght'; did you mean length?"),
        ("planted:echo:threshold=0.5", "planted takes no options, got 'threshold'"),
        ("referee:treshold=0.5", "no option of referee is named 'treshold'; did you mean threshold or threads?"),
        ("smollm2:threshold=high", "smollm2:threshold=high is not valid; write a value of type float"),
        ("smollm2:match", "'match' in judge 'smollm2:match' is not key=value; write smollm2:key=value"),
        ("smollm2:dtype=int4", "no dtype is named 'int4'; known: auto, bf16, fp16, fp32"),
        (
            "referee:adapter=nowhere",
            "no adapter in nowhere (there is no adapter_model.safetensors); train one: hoodwink train --out nowhere",
        ),
    ],
)
def test_names_that_are_wrong_are_answered_in_one_line(name, expected, folder):
    with pytest.raises(UsageError) as error:
        open_judge(name)
    assert str(error.value) == expected


@pytest.mark.parametrize("threshold", ["0", "1", "1.5", "-1", "nan"])
def test_thresholds_lie_inside_0_and_1(threshold, as_smollm2):
    with pytest.raises(UsageError) as error:
        open_judge(f"smollm2:threshold={threshold}")
    assert str(error.value) == f"threshold {float(threshold)} is not between 0 and 1"


def test_an_unknown_device_and_a_folder_without_a_model(folder):
    with pytest.raises(UsageError) as error:
        open_judge("smollm2:device=gpu")
    assert str(error.value) == "no device is named 'gpu'; did you mean cpu?"
    (folder / "empty").mkdir()
    with pytest.raises(UsageError) as error:
        open_judge("hf:./empty")
    assert str(error.value) == "folder './empty' holds no model: there is no config.json in it"
    assert "\n" not in str(error.value)


ADAPTER = {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "no adapter in bad (there is no adapter_config.json); train one: hoodwink train --out bad"),
        ({}, "adapter bad cannot be loaded: KeyError: 'peft_type'"),
        (ADAPTER, "adapter bad cannot be loaded: SafetensorError: Error while deserializing header: "),
        ({**ADAPTER, "target_modules": ["nothing"]}, "adapter bad cannot be loaded: "),
    ],
)
def test_an_adapter_that_cannot_be_read(config, said, folder, as_smollm2):
    (folder / "bad").mkdir()
    (folder / "bad" / "adapter_model.safetensors").write_bytes(b"junk")
    if config is not None:
        (folder / "bad" / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError) as error:
        open_judge("referee:adapter=bad")
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_a_model_that_is_damaged(folder, tiny):
    tiny.model.save_pretrained(folder / "model")
    tiny.tokenizer.save_pretrained(folder / "model")
    (folder / "model" / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(UsageError) as error:
        open_judge("hf:./model")
    assert str(error.value).startswith("model './model' cannot be loaded: ")
    assert "\n" not in str(error.value)


def test_other_weights_prompts_and_number_formats_have_other_fingerprints(as_smollm2, folder):
    (folder / "own.jinja").write_text("{{ question }} {{ response }}")
    specs = ["smollm2:dtype=fp32", "smollm2:dtype=bf16", "smollm2:dtype=fp32:prompt=own.jinja"]
    assert len({open_judge(s, device="cpu").fingerprint for s in specs}) == 3


@given(st.floats(0, 1))
def test_logit_and_sigmoid_are_inverse_and_finite(score):
    margin = logit(score)
    assert -MAX_MARGIN <= margin <= MAX_MARGIN
    assert sigmoid(margin) == pytest.approx(score, abs=1e-12)
    assert logit(1 - score) == pytest.approx(-margin, rel=1e-6, abs=1e-9) or score < 1e-9 or score > 1 - 1e-9


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_sigmoid_grows_and_never_overflows(first, second):
    low, high = sorted((first, second))
    assert 0 <= sigmoid(low) <= sigmoid(high) <= 1
    assert (sigmoid(first) >= 0.5) == (first >= 0) or abs(first) < 1e-15


def test_what_a_judge_raises_does_nothing_to_a_terminal():
    def grade(response):
        raise ValueError("\x1b[2J\u202egone\x07 ☃\nmore")

    with pytest.raises(JudgeError) as raised:
        ask(open_judge(grade), [Item(Problem.make(family="own", question="1?", reference="1"), "1")])
    assert str(raised.value) == r"judge function:grade raised ValueError: \x1b[2J\u202egone\x07 ☃"


@pytest.mark.parametrize("kind", [HoodwinkError, UsageError, JudgeError])
def test_errors_have_the_name_that_users_write(kind):
    assert kind.__module__ == "hoodwink"
    assert isinstance(pickle.loads(pickle.dumps(kind("why"))), kind)
