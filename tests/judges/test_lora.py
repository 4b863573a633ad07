"""Training an adapter, on the tiny model: it learns, it is reproducible, and it sees only what it may."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import COMPLETE, Item, Problem, Response
from hoodwink.judges.judge import ask
from hoodwink.judges.lora import Example, Recipe, clean_examples, fit, linear_names, schedule
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import Prompt, load_prompt
from hoodwink.judges.referee import referee
from safetensors.torch import load_file

ADAPTER = "adapter_model.safetensors"
RECIPE = Recipe(epochs=6, batch=7, lr=2e-2, rank=4, layers=1, seed=3)

#: Only the response, so that a step takes milliseconds.
SHORT = Prompt("{{ response }}", system=None)


@pytest.fixture
def fresh(model, tokenizer):
    """Judges around the tiny model as it was before any training."""

    def make(prompt=SHORT):
        return PromptedJudge(copy.deepcopy(model), tokenizer, prompt, name="tiny", weights="tiny")

    return make


@pytest.fixture
def examples(problems):
    return clean_examples(problems[:3], np.random.default_rng(0))


def test_the_loss_goes_down_and_the_adapter_is_saved(fresh, examples, tmp_path):
    told = []
    recipe = replace(RECIPE, epochs=20, layers=2)
    training = fit(fresh(), examples, recipe, tmp_path, progress=lambda *step: told.append(step))
    assert (training.recipe, training.examples, training.steps) == (recipe, 21, 60)
    assert len(training.losses) == 10
    assert training.losses[-1] < 0.5 * training.losses[0]
    assert [(step, steps) for step, steps, _ in told] == [(i, 60) for i in range(1, 61)]
    assert training.losses[0] == round(np.mean([loss for _, _, loss in told[:6]]), 4)
    assert training.seconds > 0
    assert training.to_json()["recipe"]["rank"] == 4
    assert {f.name for f in tmp_path.iterdir()} == {ADAPTER, "adapter_config.json"}


def test_only_the_upper_layers_are_trained_and_base_weights_stay(fresh, examples, tmp_path):
    judge = fresh()
    before = {n: p.clone() for n, p in judge.model.state_dict().items()}
    fit(judge, examples, RECIPE, tmp_path)
    names = load_file(tmp_path / ADAPTER)
    assert {n.split(".layers.")[1].split(".")[0] for n in names} == {"1"}
    kinds = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {n.split(".")[-3] for n in names} == kinds == set(linear_names(fresh().model))
    assert all(min(weight.shape) == 4 for weight in names.values())
    after = {n.replace(".base_layer", ""): p for n, p in judge.model.state_dict().items() if "lora_" not in n}
    assert set(after) == set(before)
    assert all(torch.equal(after[n], before[n]) for n in before)


def test_the_same_seed_gives_the_same_bytes_whatever_the_global_stream(fresh, examples, tmp_path):
    adapters = {}
    for name, recipe, stream in (
        ("first", RECIPE, 1),
        ("again", RECIPE, 2),
        ("other", replace(RECIPE, seed=4), 1),
    ):
        torch.manual_seed(stream)
        np.random.seed(stream)
        fit(fresh(), examples, recipe, tmp_path / name)
        adapters[name] = (tmp_path / name / ADAPTER).read_bytes()
    assert adapters["first"] == adapters["again"] != adapters["other"]


def test_the_global_random_streams_are_left_alone(fresh, examples, tmp_path):
    torch.manual_seed(5)
    np.random.seed(5)
    before, legacy = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    fit(fresh(), examples[:6], Recipe(layers=1, rank=2), tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == legacy


def test_the_saved_adapter_judges_like_the_model_that_was_trained(fresh, examples, tmp_path, items, as_smollm2):
    judge, plain = fresh(load_prompt("match")), fresh(load_prompt("match"))
    fit(judge, examples[:7], replace(RECIPE, epochs=3), tmp_path)
    trained = [v.margin for v in ask(judge, items)]
    opened = referee(adapter=str(tmp_path), device="cpu", dtype="fp32")
    assert [v.margin for v in ask(opened, items)] == pytest.approx(trained, abs=1e-4)
    assert max(abs(a - b.margin) for a, b in zip(trained, ask(plain, items), strict=True)) > 0.1
    assert opened.name == f"referee:adapter={tmp_path}"
    (tmp_path / "more").mkdir()
    fit(fresh(), examples[:7], replace(RECIPE, epochs=1), tmp_path / "more")
    other = referee(adapter=str(tmp_path / "more"), device="cpu", dtype="fp32")
    assert other.fingerprint != opened.fingerprint


def test_what_is_trained_is_what_is_measured(fresh, examples, tmp_path):
    """The first loss is the cross-entropy of the verdicts of the untrained judge."""
    losses = []
    fit(fresh(), examples, Recipe(batch=21, layers=1, rank=2), tmp_path, progress=lambda *step: losses.append(step[2]))
    scores = [v.score for v in ask(fresh(), [e.item for e in examples])]
    expected = -np.mean([np.log(s if e.accept else 1 - s) for s, e in zip(scores, examples, strict=True)])
    assert losses == pytest.approx([expected], abs=1e-4)


def test_clean_examples_are_right_or_complete_and_only_of_the_problems_given():
    problems = Arithmetic().sample(21, split="train", seed=8)
    examples = clean_examples(problems, np.random.default_rng(1))
    assert {e.item.problem.id for e in examples} == {p.id for p in problems}
    assert len(examples) == len({(e.item.problem.id, e.item.response) for e in examples}) == 21 * 7
    for example in examples:
        problem = example.item.problem
        known = problem.right if example.accept else [r for r in problem.wrong if r.kind in COMPLETE]
        assert example.item.response in {r.text for r in known}
    assert Counter((e.item.problem.id, e.accept) for e in examples) == {
        (p.id, accept): count for p in problems for accept, count in ((True, 3), (False, 4))
    }


def test_clean_examples_follow_from_their_stream_and_are_shuffled(problems):
    first, again, other = (clean_examples(problems, np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again != other
    order = [e.item.problem.id for e in first]
    assert order != sorted(order, key=[p.id for p in problems].index)
    assert len({e.accept for e in first[:12]}) == 2


def test_clean_examples_of_problems_with_few_responses():
    problem = Problem.make(
        family="file",
        question="q",
        reference="22",
        right=(Response("22", "reference"),),
        wrong=(Response("23", "given"), Response("", "empty"), Response("-22", "sign"), Response("2", "truncated")),
    )
    examples = clean_examples([problem], np.random.default_rng(0))
    assert sorted(examples, key=lambda e: e.accept) == [
        Example(Item(problem, "23"), False),
        Example(Item(problem, "22"), True),
    ]
    assert clean_examples([], np.random.default_rng(0)) == []


def test_the_schedule_warms_up_over_a_twentieth_and_falls_to_0():
    rates = [schedule(step, 100) for step in range(100)]
    assert rates[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert all(a > b for a, b in pairwise(rates[5:]))
    assert rates[5 + 47] == pytest.approx(0.5, abs=0.02)
    assert rates[-1] == pytest.approx(0, abs=1e-3)
    assert [schedule(0, 1), *(schedule(s, 2) for s in (0, 1))] == [1.0, 1.0, 1.0]
