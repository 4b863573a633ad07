"""Every option of every command, given a bad value: exit code 2, one line that says what is wrong, no traceback."""

from __future__ import annotations

import shutil
import typing
from pathlib import Path

import pytest
from calling import SMALL, Call, assert_refused
from cyclopts import Argument
from hoodwink.cli import app, run
from hoodwink.commands.config import Files

#: Bad texts for options that take any text; numbers, choices and flags are known by their types.
BAD = {
    "--judge": ["refere", "planted:lenght", ":", ""],
    "--corpus": ["arithmetik", "file:none.jsonl", ""],
    "--attacks": ["rnadom", "random:lenght=3", ""],
    "--train-attacks": ["rnadom", ""],
    "--held-out": ["rnadom"],
    "--proposer": ["refere", "planted:length"],
    "--only": ["nonsens", ""],
    "--kinds": ["nonsens", ""],
    "--forbid": ["("],
    "--device": ["gpu", ""],
    "--dtype": ["int4", ""],
    "--kind": ["refere", ""],
    "--recipe": ["repaly", ""],
    "--policy": ["studnt", ""],
    "--out": ["file/run"],
    "--to": ["no/such/page.html"],
    "--start": ["nowhere"],
    "--threshold": ["x", "nan", "-1", "", "0%", "101%", "many%", "%"],
    "--judges": ["none.txt", "run", ""],
    "--config": ["none.toml", "file"],
}

#: What a command needs besides the option that is wrong. A command that is not here needs nothing.
NEEDED = {
    "attack": ["--judge", "planted:length", "--out", "run", *SMALL],
    "check": ["--judge", "planted:length", "--problems", "2"],
    "duel": ["--judge", "python:whackamole:judge", "--rounds", "1", "--out", "run"],
    "collapse": ["--judge", "planted:length", "--steps", "1", "--out", "run"],
    "train": ["--out", "trained"],
    "harden": ["harvest", "--out", "trained"],
    "survey": ["--judge", "planted:length", "--out", "run", *SMALL],
    "show": ["harvest"],
    "report": ["harvest"],
    "export": ["harvest", "exported", "--to", "jsonl"],
    "compare": ["harvest", "again"],
    "transfer": ["harvest", "--judge", "planted:echo", "--out", "run"],
}

#: Judges of models know these; a planted one has none of them.
OF_MODELS = {"--device", "--dtype", "--threads", "--threshold"}

OPTIONS = {
    (command, argument.name): argument
    for command, options in Files(app).options().items()
    for argument in options.values()
}


def bad_values(argument: Argument) -> list[str]:
    """Values that an option cannot have."""
    kinds = {argument.hint, *typing.get_args(argument.hint)}
    if argument.get_choices():
        return ["neither", ""]
    if argument.is_flag():
        return ["maybe"]
    if int in kinds:
        return ["many", "3.5", "-1", ""]
    if float in kinds:
        return ["x", "nan", "-1", ""]
    return BAD[argument.name]


CASES = [
    pytest.param(command, name, value, id=f"{command} {name}={value}")
    for (command, name), argument in OPTIONS.items()
    for value in bad_values(argument)
]


@pytest.fixture(scope="session")
def harvest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with finds on train problems, as `harden` wants it."""
    out = tmp_path_factory.mktemp("every") / "harvest"
    tokens = ["attack", "--judge", "planted:length", "--attacks", "repeat", "--split", "train", *SMALL]
    assert run([*tokens, "--out", str(out)]) == 0
    return out


def test_the_table_knows_the_options() -> None:
    assert {("attack", "--budget"), ("duel", "--held-out"), ("collapse", "--lr"), ("train", "--out")} <= set(OPTIONS)
    assert len(CASES) > 200


@pytest.mark.parametrize(("command", "name", "value"), CASES)
def test_a_bad_value_is_one_line(
    call: Call, harvest: Path, tmp_path: Path, command: str, name: str, value: str
) -> None:
    (tmp_path / "file").write_text("no toml either")
    for name_of_run in ("harvest", "again"):
        shutil.copytree(harvest, tmp_path / name_of_run)
    needed = NEEDED.get(command, [])
    if name in OF_MODELS and "--judge" in needed:
        needed = [*needed[: needed.index("--judge") + 1], "smollm2", *needed[needed.index("--judge") + 2 :]]
    if name in needed:
        at = needed.index(name)
        needed = [*needed[:at], *needed[at + 2 :]]
    if name in {"--measure", "--price-per-1k"}:
        needed = [*needed, "--dry-run"]
    result = call(command, *needed, f"{name}={value}")
    assert_refused(result)
    words = name.removeprefix("--")
    named = {words, words.replace("-", "_"), words.split("-")[-1], *filter(None, value.split(":"))}
    assert any(part in result.err for part in named), result.err
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "trained" / "adapter_model.safetensors").exists()


def test_options_that_need_a_dry_run_say_so(call: Call) -> None:
    for options in (["--measure"], ["--price-per-1k", "2"]):
        assert_refused(
            call("attack", "--judge", "planted:length", "--out", "run", *options), "give --dry-run with them"
        )


def test_what_no_option_takes_is_named(call: Call) -> None:
    assert_refused(call("attack", "everything"), "'everything' is not expected here")
