"""A training that was stopped goes on where it was, and ends with the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hoodwink.judges import checkpoints
from hoodwink.judges.checkpoints import FILE, FOLDER, TRAINING_FILE
from hoodwink.judges.examples import Example, Recipe, clean_examples
from hoodwink.judges.origin import ADAPTER_FILE
from safetensors import safe_open

RECIPE = Recipe(epochs=2, batch=4, lr=2e-2, rank=2, layers=1, seed=3)


class Stopped(Exception):
    """What a progress display raises when the user has had enough."""


def stopping(at, told):
    """Progress that notes the steps and raises at one of them."""

    def progress(step, steps, loss):
        told.append((step, loss))
        if step == at:
            raise Stopped

    return progress


@pytest.fixture
def examples(problems):
    return clean_examples(problems[:2], np.random.default_rng(0))


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)


def stopped(judge, examples, recipe, out, at):
    told = []
    with pytest.raises(Stopped):
        judge.retrain(examples, recipe, out, progress=stopping(at, told))
    assert (out / FOLDER / FILE).is_file()
    assert not (out / TRAINING_FILE).exists()
    return told


@pytest.mark.parametrize("further", [False, True])
def test_a_training_that_was_stopped_twice_ends_with_the_same_bytes(tiny, examples, tmp_path, every_step, further):
    if further:
        tiny.retrain(examples[:4], RECIPE, tmp_path / "start")
        tiny = tiny.adapted(tmp_path / "start")
    whole, out = tmp_path / "whole", tmp_path / "out"
    losses = []
    expected = tiny.retrain(examples, RECIPE, whole, progress=stopping(0, losses))
    told = [*stopped(tiny, examples, RECIPE, out, 2), *stopped(tiny, examples, RECIPE, out, 5)]
    training = tiny.retrain(examples, RECIPE, out, progress=stopping(0, told))
    assert told == losses
    assert len(losses) == expected.steps == 8
    assert (out / ADAPTER_FILE).read_bytes() == (whole / ADAPTER_FILE).read_bytes()
    assert replace(training, seconds=0) == replace(expected, seconds=0)
    assert training.seconds > 0
    assert {f.name for f in out.iterdir()} == {ADAPTER_FILE, "adapter_config.json", TRAINING_FILE}


def test_between_checkpoints_steps_are_taken_again(tiny, examples, tmp_path, monkeypatch):
    """The clock says 45 seconds at the third step; what was done after it is lost, and done again alike."""
    seconds = iter(range(0, 10_000, 15))
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: float(next(seconds)))
    told = stopped(tiny, examples, RECIPE, tmp_path / "out", 5)
    with safe_open(tmp_path / "out" / FOLDER / FILE, "pt") as file:
        saved = file.get_tensor("losses").tolist()
    assert 0 < len(saved) < 5
    again = []
    tiny.retrain(examples, RECIPE, tmp_path / "out", progress=stopping(0, again))
    assert again[0][0] == len(saved) + 1
    assert again[: 5 - len(saved)] == told[len(saved) :]


def changed(examples):
    yield "examples", [*examples[:-1], Example(examples[-1].item, 0.5)], RECIPE
    yield "order", examples[::-1], RECIPE
    yield "recipe", examples, replace(RECIPE, lr=1e-2)


def test_another_training_starts_afresh(tiny, examples, tmp_path, every_step):
    for name, others, recipe in changed(examples):
        stopped(tiny, examples, RECIPE, tmp_path / name, 3)
        told = []
        tiny.retrain(others, recipe, tmp_path / name, progress=stopping(0, told))
        tiny.retrain(others, recipe, tmp_path / "fresh" / name)
        assert told[0][0] == 1
        assert (tmp_path / name / ADAPTER_FILE).read_bytes() == (tmp_path / "fresh" / name / ADAPTER_FILE).read_bytes()


def test_from_other_weights_a_training_starts_afresh(tiny, examples, tmp_path, every_step):
    tiny.retrain(examples[:4], RECIPE, tmp_path / "start")
    stopped(tiny, examples, RECIPE, tmp_path / "out", 3)
    told = []
    tiny.adapted(tmp_path / "start").retrain(examples, RECIPE, tmp_path / "out", progress=stopping(0, told))
    assert told[0][0] == 1


@pytest.mark.parametrize("content", [b"", b"no tensors", None])
def test_a_damaged_checkpoint_is_none(tiny, examples, tmp_path, every_step, content):
    stopped(tiny, examples, RECIPE, tmp_path, 3)
    file = tmp_path / FOLDER / FILE
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    told = []
    tiny.retrain(examples, RECIPE, tmp_path, progress=stopping(0, told))
    assert told[0][0] == 1


def test_a_complete_training_is_not_done_again(tiny, examples, tmp_path):
    first = tiny.retrain(examples, RECIPE, tmp_path)
    told = []
    assert tiny.retrain(examples, RECIPE, tmp_path, progress=stopping(0, told)) == first
    assert told == []
    tiny.retrain(examples, replace(RECIPE, seed=4), tmp_path, progress=stopping(0, told))
    assert len(told) == first.steps


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"source": 1}'])
def test_a_record_that_cannot_be_read_is_no_complete_training(tiny, examples, tmp_path, broken):
    tiny.retrain(examples, RECIPE, tmp_path)
    (tmp_path / TRAINING_FILE).write_text(broken)
    told = []
    tiny.retrain(examples, RECIPE, tmp_path, progress=stopping(0, told))
    assert len(told) == 8
    assert json.loads((tmp_path / TRAINING_FILE).read_text())["steps"] == 8


CHILD = """
    import sys, time
    from pathlib import Path

    import numpy as np
    import torch
    from hoodwink.corpora.arithmetic import Arithmetic
    from hoodwink.judges import checkpoints
    from hoodwink.judges.examples import Recipe, clean_examples
    from hoodwink.judges.opening import open_judge

    torch.set_num_threads(1)
    checkpoints.EVERY = 0.0
    judge = open_judge("hf:" + sys.argv[1], device="cpu", dtype="fp32")
    examples = clean_examples(Arithmetic().sample(2, split="train", seed=21), np.random.default_rng(0))
    recipe = Recipe(epochs=5, batch=2, lr=2e-2, rank=2, layers=1, seed=3)
    pause = float(sys.argv[3])
    judge.retrain(examples, recipe, Path(sys.argv[2]), progress=lambda *step: time.sleep(pause))
"""


@pytest.mark.slow
def test_a_training_that_was_killed_ends_with_the_same_bytes(model, tokenizer, tmp_path):
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")

    def start(out: str, pause: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path / "model"), str(tmp_path / out)]
        return subprocess.Popen([*command, str(pause)])

    whole = start("whole", 0.0)
    child = start("out", 0.2)
    wait_for_a_later_checkpoint(tmp_path / "out" / FOLDER / FILE, child)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert start("out", 0.0).wait() == whole.wait() == 0
    assert (tmp_path / "out" / ADAPTER_FILE).read_bytes() == (tmp_path / "whole" / ADAPTER_FILE).read_bytes()
    assert not (tmp_path / "out" / FOLDER).exists()


def wait_for_a_later_checkpoint(file: Path, child: subprocess.Popen[bytes]) -> None:
    """Until the file is there, or is another one than now."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    while not file.exists() or file.stat().st_mtime_ns == before:
        assert child.poll() is None
        time.sleep(0.02)
