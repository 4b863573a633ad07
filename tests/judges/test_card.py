"""The card of a trained judge, and the one call that trains, measures and writes it."""

from __future__ import annotations

import inspect
import json

import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.names import load
from hoodwink.corpora.records import Problem, Response
from hoodwink.judges import card as cards
from hoodwink.judges import training as trainings
from hoodwink.judges.card import CARD_FILE, README_FILE, Card, evaluate, evaluate_partials, machine, write_card
from hoodwink.judges.examples import Recipe, Training
from hoodwink.judges.opening import open_judge
from hoodwink.judges.quality import Quality, known_responses
from hoodwink.judges.steps import known_partials
from hoodwink.judges.training import KINDS, train, train_process

QUALITY = Quality(
    items=20,
    clean_items=12,
    clean_accuracy=0.98765,
    auroc=0.999,
    right_accepted=1.0,
    wrong_accepted=0.025,
    acclaim=0.97,
    parsed=1.0,
    by_kind={"worked": (1.0, 4), "reference": (0.75, 4), "slip": (0.025, 8), "sign": (0.5, 2), "empty": (0.0, 2)},
    by_family={"sums": (0.98765, 12)},
)
TRAINING = Training(Recipe(problems=30, epochs=2, seed=7), examples=180, steps=46, losses=(0.7, 0.1), seconds=90.0)
CARD = Card("referee", "gguf-q4_1", "arithmetic", TRAINING, QUALITY, {"cores": 2, "threads": 1, "torch": "2.13"})


def test_the_card_is_written_as_json(tmp_path):
    write_card(CARD, tmp_path)
    text = (tmp_path / CARD_FILE).read_text()
    assert text.endswith("}\n")
    data = json.loads(text)
    assert data == json.loads(json.dumps(CARD.to_json()))
    assert {k: data[k] for k in ("schema", "judge", "weights", "corpus", "machine")} == {
        "schema": "hoodwink.card/1",
        "judge": "referee",
        "weights": "gguf-q4_1",
        "corpus": "arithmetic",
        "machine": {"cores": 2, "threads": 1, "torch": "2.13"},
    }
    assert data["training"]["recipe"]["seed"] == 7
    assert (data["training"]["steps"], data["training"]["losses"]) == (46, [0.7, 0.1])
    held_out = data["held_out"]
    assert (held_out["problems"], held_out["seed"], held_out["split"]) == (112, 1_000_003, "eval")
    assert Quality.from_json({k: held_out[k] for k in QUALITY.to_json()}) == QUALITY


def test_the_readme_says_the_same(tmp_path):
    write_card(CARD, tmp_path)
    text = (tmp_path / README_FILE).read_text()
    assert text.startswith("---\nbase_model: HuggingFaceTB/SmolLM2-135M-Instruct\nlibrary_name: peft\n---\n# referee\n")
    assert "- Data: 180 responses to 30 problems of `arithmetic`, split `train`, seed 7:" in text
    assert "- Training: 46 steps of 8, 2 epochs, rank 8 on the upper 12 layers, AdamW at\n  0.001; 1.5 minutes" in text
    assert "with 1 threads on 2 cores." in text
    assert "**accuracy 0.9877**, AUROC 0.9990, right accepted 1.0000,\n  wrong accepted 0.0250." in text
    head, families, trained, apart = text.split("| --- | --- | --- |\n")
    assert head.endswith("| accuracy by family | share | n |\n")
    assert families.startswith("| sums | 0.988 | 12 |\n\n| accepted, kinds it was trained on | share | n |\n")
    assert trained.startswith("| worked | 1.000 | 4 |\n| reference | 0.750 | 4 |\n| slip | 0.025 | 8 |\n\n")
    assert apart == "| sign | 0.500 | 2 |\n| empty | 0.000 | 2 |\n"


def test_a_card_with_nothing_measured_can_be_written(tmp_path):
    nothing = Quality(0, 0, None, None, None, None, None, 1.0, {}, {})
    write_card(Card("referee", "hub", "file:x", TRAINING, nothing, machine()), tmp_path)
    assert "**accuracy 0.0000**" in (tmp_path / README_FILE).read_text()


def test_the_machine_is_described():
    assert set(machine()) == {"cores", "threads", "torch"}
    assert machine()["cores"] >= 1


def test_evaluation_grades_every_known_response_and_the_empty_one(problems):
    quality = evaluate(open_judge("planted:trigger"), problems)
    assert quality.items == sum(len(known_responses(p)) for p in problems) + len(problems)
    assert (quality.clean_accuracy, quality.auroc, quality.parsed) == (1.0, 1.0, 1.0)
    assert (quality.right_accepted, quality.wrong_accepted) == (1.0, 0.0)
    assert quality.by_kind["empty"] == (0.0, len(problems))
    assert quality.by_family == {p.family: (1.0, len(p.right) + 8) for p in problems}


def test_evaluation_sees_a_hole():
    problem = Problem.make(
        family="sums",
        question="2 + 20?",
        reference="22",
        right=(Response("22", "bare"),),
        wrong=(Response("The Solution is 23.", "value"), Response("24", "other"), Response("Solution", "truncated")),
    )
    quality = evaluate(open_judge("planted:trigger"), [problem])
    assert (quality.clean_accuracy, quality.wrong_accepted) == (2 / 3, 1 / 2)
    assert quality.by_kind["truncated"] == (1.0, 1)


@pytest.fixture
def few(monkeypatch):
    """A card measured on five problems."""
    monkeypatch.setattr(cards, "PROBLEMS", 5)
    monkeypatch.setattr(trainings, "PROBLEMS", 5)


RECIPE = Recipe(problems=4, layers=1, rank=2)


def test_training_in_one_call(tmp_path, few, as_smollm2):
    out = tmp_path / "a" / "b"
    told = []
    card = train(out, recipe=RECIPE, device="cpu", dtype="fp32", progress=lambda *step: told.append(step))
    assert {f.name for f in out.iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "training.json",
        CARD_FILE,
        README_FILE,
    }
    assert json.loads((out / CARD_FILE).read_text()) == json.loads(json.dumps(card.to_json()))
    assert (card.judge, card.weights, card.corpus) == ("referee", "tiny", "arithmetic")
    assert (card.training.examples, card.training.steps, len(told)) == (28, 4, 4)
    held_out = Arithmetic().sample(5, split="eval", seed=1_000_003)
    judge = open_judge(f"referee:adapter={out}", device="cpu", dtype="fp32")
    assert evaluate(judge, held_out) == card.quality
    trained_on = {p.id for p in Arithmetic().sample(4, split="train", seed=0)}
    assert trained_on.isdisjoint(p.id for p in held_out)


def test_a_process_judge_is_measured_on_whole_and_unfinished_solutions(tmp_path, few, as_smollm2):
    out = tmp_path / "process"
    card = train_process(out, recipe=RECIPE, device="cpu", dtype="fp32")
    assert card.judge == "process"
    held_out = Arithmetic().sample(5, split="eval", seed=1_000_003)
    judge = open_judge(f"smollm2:adapter={out}:prompt=step", device="cpu", dtype="fp32")
    assert evaluate(judge, held_out) == card.quality
    assert evaluate_partials(judge, held_out) == card.unfinished
    assert card.unfinished.items == card.unfinished.clean_items == sum(len(known_partials(p)) for p in held_out)
    data = json.loads((out / CARD_FILE).read_text())
    assert data["unfinished"] == json.loads(json.dumps(card.unfinished.to_json()))
    text = (out / README_FILE).read_text()
    assert "says whether a student's solution, finished or not, is right so far.\nWritten" in text
    assert f"- Held out, unfinished: {card.unfinished.clean_items} solutions cut off after a step: accuracy" in text


def test_every_kind_is_trained_by_a_call_like_train():
    for call in map(load, KINDS.values()):
        assert list(inspect.signature(call).parameters) == list(inspect.signature(train).parameters)


def test_training_twice_gives_the_same_adapter(tmp_path, few, as_smollm2):
    for name in ("first", "again"):
        train(tmp_path / name, Arithmetic(), recipe=RECIPE, device="cpu", dtype="fp32")
    first, again = ((tmp_path / n / "adapter_model.safetensors").read_bytes() for n in ("first", "again"))
    assert first == again


def test_training_needs_a_folder_it_can_write_and_enough_problems(tmp_path, few, monkeypatch):
    monkeypatch.setattr(trainings, "smollm2", lambda **options: pytest.fail("loaded a model before checking"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as error:
        train("file")
    assert str(error.value) == "cannot write to file: File exists; choose another folder with --out"
    with pytest.raises(UsageError) as error:
        train("file/inside")
    assert str(error.value) == "cannot write to file/inside: Not a directory; choose another folder with --out"
    (tmp_path / "two.jsonl").write_text('{"question": "a", "reference": "11"}\n{"question": "b", "reference": "22"}\n')
    with pytest.raises(UsageError) as error:
        train("out", "file:two.jsonl", recipe=RECIPE)
    assert str(error.value).startswith("corpus file:two.jsonl has ")
    assert str(error.value).endswith("ask for at most that, not 4")
    with pytest.raises(UsageError, match="no corpus is named 'arithmetik'; did you mean arithmetic"):
        train("out", "arithmetik")
