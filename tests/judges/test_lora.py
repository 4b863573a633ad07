"""Training an adapter, on the tiny model: it learns, it is reproducible, and it sees only what it may."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hoodwink.corpora.errors import UsageError
from hoodwink.judges.examples import Example, Recipe, Training, clean_examples
from hoodwink.judges.judge import TrainableJudge, ask
from hoodwink.judges.lora import TRAINING_FILE, fit, linear_names, schedule
from hoodwink.judges.opening import open_judge
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import Prompt
from hoodwink.judges.referee import referee, smollm2
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
    assert {f.name for f in tmp_path.iterdir()} == {ADAPTER, "adapter_config.json", TRAINING_FILE}
    assert Training.from_json(json.loads((tmp_path / TRAINING_FILE).read_text("utf-8"))) == training


def test_only_the_upper_layers_are_trained_and_base_weights_stay(fresh, examples, tmp_path):
    judge = fresh()
    before = {n: p.clone() for n, p in judge.model.state_dict().items()}
    fit(judge, examples, RECIPE, tmp_path)
    names = load_file(tmp_path / ADAPTER)
    assert {n.split(".layers.")[1].split(".")[0] for n in names} == {"1"}
    kinds = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {n.split(".")[-3] for n in names} == kinds == set(linear_names(fresh().model))
    assert all(min(weight.shape) == 4 for weight in names.values())
    after = judge.model.state_dict()
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


def test_the_adapted_judge_is_the_one_that_a_name_opens(fresh, examples, tmp_path, items, as_smollm2):
    judge = smollm2(device="cpu", dtype="fp32")
    before = [v.margin for v in ask(judge, items)]
    judge.retrain(examples[:7], replace(RECIPE, epochs=3), tmp_path)
    assert [v.margin for v in ask(judge, items)] == pytest.approx(before, abs=1e-5)
    adapted, opened = judge.adapted(tmp_path), referee(adapter=str(tmp_path), device="cpu", dtype="fp32")
    assert ask(opened, items) == ask(adapted, items)
    assert max(abs(a - b.margin) for a, b in zip(before, ask(adapted, items), strict=True)) > 0.1
    assert (adapted.name, opened.name) == (f"smollm2:adapter={tmp_path}", f"referee:adapter={tmp_path}")
    assert adapted.fingerprint == opened.fingerprint != judge.fingerprint
    assert open_judge(adapted.name, device="cpu", dtype="fp32").fingerprint == adapted.fingerprint
    judge.retrain(examples[:7], replace(RECIPE, epochs=1), tmp_path / "more")
    assert judge.adapted(tmp_path / "more").fingerprint != adapted.fingerprint


def test_the_threshold_of_an_adapted_judge_is_its_own_or_the_one_given(fresh, examples, tmp_path):
    judge = fresh()
    judge.threshold = 0.75
    judge.retrain(examples[:3], RECIPE, tmp_path)
    assert judge.adapted(tmp_path).threshold == 0.75
    assert judge.adapted(tmp_path, threshold=0.25).threshold == 0.25


def test_an_adapter_is_trained_further_from_where_it_was(fresh, examples, tmp_path):
    """The first loss of the second training is the cross-entropy of the first one's judge, adapter merged."""
    fresh().retrain(examples, replace(RECIPE, rank=2), tmp_path / "first")
    judge, losses = fresh().adapted(tmp_path / "first"), []
    recipe = replace(RECIPE, batch=21, epochs=1, rank=7, layers=2)
    training = judge.retrain(examples, recipe, tmp_path / "second", progress=lambda *step: losses.append(step[2]))
    assert losses == pytest.approx([cross_entropy(judge, examples)], abs=1e-4)
    assert (training.recipe.rank, training.recipe.layers) == (2, 1)
    assert judge.adapted(tmp_path / "second").name == f"tiny:adapter={tmp_path / 'second'}"


def test_which_judges_can_be_trained(fresh):
    assert isinstance(fresh(), TrainableJudge)
    assert not isinstance(open_judge("planted:trigger"), TrainableJudge)
    assert not isinstance(open_judge(lambda question, reference, response: True), TrainableJudge)


def test_training_on_nothing_is_refused(fresh, tmp_path):
    with pytest.raises(UsageError, match="there are no examples to train on"):
        fresh().retrain([], RECIPE, tmp_path)


def cross_entropy(judge, examples):
    scores = [v.score for v in ask(judge, [e.item for e in examples])]
    both = zip(scores, [e.target for e in examples], strict=True)
    return -np.mean([t * np.log(s) + (1 - t) * np.log(1 - s) for s, t in both])


@pytest.mark.parametrize("undecided", [0.5, 0.3])
def test_a_soft_target_is_approached(fresh, examples, tmp_path, undecided):
    soft = [Example(e.item, undecided) for e in examples]
    judge = fresh()
    judge.retrain(soft, replace(RECIPE, epochs=20, layers=2), tmp_path)
    scores = [v.score for v in ask(judge.adapted(tmp_path), [e.item for e in soft])]
    assert scores == pytest.approx([undecided] * len(soft), abs=0.1)


def test_what_is_trained_is_what_is_measured(fresh, examples, tmp_path):
    """The first loss is the cross-entropy of the verdicts of the untrained judge."""
    losses = []
    fit(fresh(), examples, Recipe(batch=21, layers=1, rank=2), tmp_path, progress=lambda *step: losses.append(step[2]))
    assert losses == pytest.approx([cross_entropy(fresh(), examples)], abs=1e-4)


def test_the_schedule_warms_up_over_a_twentieth_and_falls_to_0():
    rates = [schedule(step, 100) for step in range(100)]
    assert rates[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert all(a > b for a, b in pairwise(rates[5:]))
    assert rates[5 + 47] == pytest.approx(0.5, abs=0.02)
    assert rates[-1] == pytest.approx(0, abs=1e-3)
    assert [schedule(0, 1), *(schedule(s, 2) for s in (0, 1))] == [1.0, 1.0, 1.0]


def test_a_model_of_the_hubs_is_trained_and_opened_by_the_name_of_what_came_of_it(
    model, tokenizer, examples, items, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model.save_pretrained("model")
    tokenizer.save_pretrained("model")
    judge = open_judge("hf:model", device="cpu", dtype="bf16")
    judge.retrain(examples[:7], RECIPE, Path("out"))
    adapted, opened = judge.adapted(Path("out")), open_judge("hf:model:adapter=out", device="cpu", dtype="bf16")
    assert ask(adapted, items) == ask(opened, items)
    assert adapted.name == opened.name == "hf:model:adapter=out"
    assert adapted.fingerprint == opened.fingerprint != judge.fingerprint
    with pytest.raises(UsageError, match="no adapter in nowhere"):
        open_judge("hf:model:adapter=nowhere")
