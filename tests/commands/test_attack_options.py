"""The command line of constraints, corpus attacks and hardening: options, errors, what a folder agrees on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import Call, assert_fails
from hoodwink.corpora.arithmetic import Arithmetic

SMALL = ["--problems", "2", "--budget", "30", "--shrink-budget", "30", "--out", "run"]
ATTACK = ["attack", "--judge", "planted:length", *SMALL]


def identity() -> dict[str, object]:
    return dict(json.loads(Path("run/config.json").read_text("utf-8"))["identity"])


def problem_file(path: Path, split: str, count: int, seed: int = 0) -> None:
    """A file of problems that are all in one split."""
    rows = Arithmetic().sample(count, split=split, seed=seed)  # type: ignore[arg-type]
    path.write_text(
        "".join(json.dumps({"question": p.question, "reference": p.reference, "wrong": "no"}) + "\n" for p in rows),
        "utf-8",
    )


def test_every_constraint_can_be_given_and_stands_in_the_config(call: Call) -> None:
    limits = [
        "--only", "nonsense, injection", "--max-chars", "40", "--max-tokens", "12", "--ascii-only", "--keep-wrong",
        "--forbid", "z+", "--forbid", "solution",
    ]  # fmt: skip
    assert call(*ATTACK, "--attacks", "openers,random", *limits).code == 0
    assert identity()["constraints"] == {
        "only": ["nonsense", "injection"], "max_chars": 40, "max_tokens": 12, "ascii_only": True, "keep_wrong": True,
        "forbid": ["z+", "solution"],
    }  # fmt: skip


def test_without_constraints_there_are_none_in_the_config(call: Call) -> None:
    assert call(*ATTACK, "--attacks", "openers").code == 0
    assert identity()["constraints"] == {}


@pytest.mark.parametrize(
    ("tokens", "parts"),
    [
        (["--only", "nonsens"], ["no kind of find is named 'nonsens'", "did you mean nonsense?"]),
        (["--only", ","], ["only is empty", "nonsense, wrong answer, near miss, injection"]),
        (["--max-chars", "0"], ["max-chars is 0; write a number of at least 1"]),
        (["--max-tokens", "some"], ["--max-tokens", '"some"', "int"]),
        (["--max-perplexity", "nan"], ["max-perplexity is nan"]),
        (["--max-perplexity", "30"], ["max-perplexity needs a language model", "--proposer smollm2"]),
        (["--forbid", "("], ["forbid '(' is no regular expression"]),
        (["--forbid", ".", "--forbid", "(?P<"], ["forbid '(?P<'"]),
        (["--proposer", "planted:length"], ["proposer 'planted:length' has no language model", "write smollm2"]),
        (["--attacks", "auto:arms=genetic+nothing"], ["no attack is named 'nothing'"]),
        (["--attacks", "surrogate:knowledge=none.json"], ["none.json", "cannot be read", "No such file"]),
    ],
    ids=lambda value: " ".join(value)[-40:],
)
def test_bad_usage(call: Call, tokens: list[str], parts: list[str]) -> None:
    assert_fails(call(*ATTACK, *tokens), 2, *parts)


def test_other_constraints_are_another_run(call: Call) -> None:
    command = [*ATTACK, "--attacks", "openers", "--forbid", "a"]
    assert call(*command).code == 0
    assert call(*command).code == 0
    result = call(*command, "--ascii-only")
    assert result.code == 2
    assert "holds another run (constraints {'forbid': ['a']} there, " in result.err


def test_an_attack_over_a_corpus_needs_train_problems(call: Call, tmp_path: Path) -> None:
    problem_file(tmp_path / "eval.jsonl", "eval", 6)
    result = call(*ATTACK, "--corpus", "file:eval.jsonl", "--attacks", "none,universal")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "hoodwink: attack universal learns on train problems, and corpus file:eval.jsonl has none besides those "
        "attacked; attack with --split eval, or leave the attack out\n"
    )
    assert not Path("run").exists()
    assert call(*ATTACK, "--corpus", "file:eval.jsonl", "--attacks", "none").code == 0


def test_problems_to_learn_on_are_part_of_what_a_folder_agrees_on(call: Call, tmp_path: Path) -> None:
    """With the same problems attacked, others to learn on would make a replay another run."""
    command = [*ATTACK, "--corpus", "file:both.jsonl", "--split", "eval", "--attacks", "universal"]
    for seed, code in ((1, 0), (1, 0), (2, 2)):
        problem_file(tmp_path / "eval.jsonl", "eval", 2)
        problem_file(tmp_path / "train.jsonl", "train", 5, seed)
        both = [(tmp_path / name).read_text("utf-8") for name in ("eval.jsonl", "train.jsonl")]
        (tmp_path / "both.jsonl").write_text("".join(both), "utf-8")
        result = call(*command)
        assert result.code == code
    assert "holds another run (learn " in result.err


def test_the_knowledge_of_one_run_begins_another_and_is_part_of_it(call: Call) -> None:
    assert call(*ATTACK[:-1], "first", "--attacks", "surrogate").code == 0
    (saved,) = Path("first").glob("surrogate-*.json")
    knowing = [*ATTACK, "--attacks", f"surrogate:knowledge={saved}"]
    assert call(*knowing).code == 0
    assert call(*knowing).code == 0
    data = json.loads(saved.read_text("utf-8"))
    data["weights"][" the"] = 3.5
    saved.write_text(json.dumps(data), "utf-8")
    result = call(*knowing)
    assert result.code == 2
    assert "holds another run (attack_files " in result.err


def test_help_and_list_show_what_there_is(call: Call) -> None:
    shown = call("attack", "--help").out
    options = ["only", "max-chars", "max-tokens", "ascii-only", "keep-wrong", "max-perplexity", "forbid", "proposer"]
    assert [name for name in options if f"--{name}" not in shown] == []
    listed = call("list", "attacks").out
    assert [name for name in ("auto", "genetic", "surrogate", "elites", "universal") if name not in listed] == []


def test_hardening_takes_finds_on_train_problems_alone(call: Call) -> None:
    assert call(*ATTACK, "--attacks", "repeat", "--split", "eval").code == 0
    result = call("harden", "run", "--out", "hard")
    assert (result.code, result.out) == (2, "")
    assert "of the eval split cannot be trained on" in result.err
    assert "attack with --split train" in result.err
    assert not Path("hard").exists()


def test_hardening_needs_finds(call: Call) -> None:
    assert call(*ATTACK, "--attacks", "none", "--split", "train").code == 0
    result = call("harden", "run", "--out", "hard")
    assert (result.code, result.err) == (2, "hoodwink: there are no finds to train on; give a run that has some\n")
