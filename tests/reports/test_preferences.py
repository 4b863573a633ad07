"""Finds as preferences: a right response chosen, a find rejected, in the format that TRL trains reward models on."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hoodwink import Run, export
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Truth

needs_trl = pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="TRL is not installed")

#: A template of a model that was never trained.
TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def said(row: dict[str, Any]) -> tuple[str, str, str]:
    """Question, chosen and rejected text; each is one message by who says it."""
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    assert all([message["role"] for message in row[name]] == [role] for name, role in roles.items())
    prompt, chosen, rejected = (row[name][0]["content"] for name in roles)
    return prompt, chosen, rejected


def test_what_is_right_is_chosen_and_what_is_wrong_rejected(planted_run: Run, tmp_path: Path) -> None:
    done = export(planted_run, to="preferences", out=tmp_path / "p.jsonl", forms="both")
    with planted_run.store() as store:
        problems = {p.id: p for p in store.problems()}
    oracle = open_oracle("exact")
    found = rows(tmp_path / "p.jsonl")
    assert len(found) > done.finds
    for row in found:
        problem = problems[row["problem"]]
        question, chosen, rejected = said(row)
        assert question == problem.question
        assert chosen in {r.text for r in problem.right}
        assert oracle.truth(problem, chosen) is Truth.RIGHT
        assert oracle.truth(problem, rejected) is Truth.WRONG
        assert row["split"] == problem.split


def test_each_text_is_there_once_a_problem_in_the_forms_asked_for(seeded_run: Run, tmp_path: Path) -> None:
    expected = {
        "found": {(f["problem"], f["response"]) for f in seeded_run.finds},
        "shrunk": {(f["problem"], f["shrunk"]) for f in seeded_run.finds},
    }
    expected["both"] = expected["found"] | expected["shrunk"]
    assert len(expected["found"]) < len(expected["both"]) < len(expected["found"]) + len(expected["shrunk"])
    for forms, texts in expected.items():
        export(seeded_run, to="preferences", out=tmp_path / "p.jsonl", forms=forms)  # type: ignore[arg-type]
        found = [(row["problem"], said(row)[2]) for row in rows(tmp_path / "p.jsonl")]
        assert len(found) == len(set(found))
        assert set(found) == texts
    export(seeded_run, to="preferences", out=tmp_path / "p.jsonl")
    assert {row["form"] for row in rows(tmp_path / "p.jsonl")} == {"found"}


def test_right_responses_take_turns(duel_run: Run, tmp_path: Path) -> None:
    export(duel_run, to="preferences", out=tmp_path / "p.jsonl", forms="both")
    chosen: dict[str, list[str]] = {}
    for row in rows(tmp_path / "p.jsonl"):
        chosen.setdefault(row["problem"], []).append(said(row)[1])
    assert max(map(len, chosen.values())) > 1
    # Every problem here has three right responses or more.
    assert all(len(set(texts[:3])) == len(texts[:3]) for texts in chosen.values())


def test_parquet_and_the_files_of_a_folder_hold_the_same_rows(duel_run: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for out in ("p.jsonl", "p.parquet", "folder"):
        export(duel_run, to="preferences", out=tmp_path / out)
    every = rows(tmp_path / "p.jsonl")

    def load(kind: str, **more: Any) -> Any:
        return datasets.load_dataset(kind, cache_dir=str(tmp_path / "cache"), **more)

    assert load("json", data_files=str(tmp_path / "p.jsonl"), split="train").to_list() == every
    assert load("parquet", data_files=str(tmp_path / "p.parquet"), split="train").to_list() == every
    splits = load(str(tmp_path / "folder"))
    for name, split in (("train", "train"), ("test", "eval")):
        assert [plain(row) for row in splits[name]] == [plain(row) for row in every if row["split"] == split]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its id, which also tells the rows before it in the file."""
    return {column: value for column, value in row.items() if column != "id"}


@needs_trl
def test_a_reward_trainer_trains_on_them(planted_run: Run, tmp_path: Path) -> None:
    import torch
    from datasets import load_dataset
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast
    from trl import RewardConfig, RewardTrainer

    export(planted_run, to="preferences", out=tmp_path / "p.jsonl")
    data = load_dataset("json", data_files=str(tmp_path / "p.jsonl"), split="train", cache_dir=str(tmp_path / "cache"))
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={"<eos>": 0, **{c: i + 1 for i, c in enumerate(letters)}}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>", pad_token="<eos>")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=257, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_labels=1,
                         num_attention_heads=2, max_position_embeddings=1024, pad_token_id=0)  # fmt: skip
    model = LlamaForSequenceClassification(config)
    before = [p.detach().clone() for p in model.parameters()]
    settings = RewardConfig(output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=4, bf16=False,
                            learning_rate=1e-2, use_cpu=True, report_to="none", save_strategy="no")  # fmt: skip
    trainer = RewardTrainer(model=model, args=settings, train_dataset=data, processing_class=tokenizer)
    assert len(trainer.train_dataset) == len(data)
    for seen, row in zip(trainer.train_dataset, rows(tmp_path / "p.jsonl"), strict=True):
        question, chosen, rejected = said(row)
        assert tokenizer.decode(seen["chosen_ids"]) == f"<user>{question}<assistant>{chosen}"
        assert tokenizer.decode(seen["rejected_ids"]) == f"<user>{question}<assistant>{rejected}"
    done = trainer.train()
    assert done.global_step == 1
    assert done.training_loss == pytest.approx(0.69, abs=0.2), "an untrained model cannot tell them apart"
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
