"""Options from the environment and from files: which comes first, what is refused, and what show-config says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import SMALL, Call, assert_refused

ATTACK = ["attack", "--judge", "planted:length"]
JUDGE = 'judge = "planted:length"\n'


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOODWINK_BUDGET", raising=False)
    monkeypatch.delenv("HOODWINK_JUDGE", raising=False)


def identity(folder: str = "run") -> dict[str, object]:
    return dict(json.loads(Path(folder, "config.json").read_text("utf-8"))["identity"])


def config_of(call: Call, command: str, *tokens: object) -> dict[str, tuple[str, str]]:
    """What `show-config` says of each option: its value, and where that comes from."""
    result = call("show-config", command, *tokens)
    assert (result.code, result.err) == (0, "")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.out.splitlines() if line[:1] == "│"]
    return {option: (value, source) for _, option, value, source in rows}


def test_each_source_comes_before_the_next(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line, environment, --config, pyproject.toml, default; in a file, a command's table before the rest."""
    Path("pyproject.toml").write_text("[tool.hoodwink]\nbudget = 11\nseeds = 2\n[tool.hoodwink.attack]\nbudget = 12\n")
    Path("own.toml").write_text("budget = 13\n[attack]\nbudget = 14\n")
    command = [*ATTACK, "--attacks", "none", "--problems", "2"]

    def budget(folder: str, *tokens: str) -> object:
        assert call(*command, "--out", folder, *tokens).code == 0
        assert identity(folder)["seeds"] == 2
        return identity(folder)["budget"]

    assert budget("table") == 12
    assert budget("given", "--config", "own.toml") == 14
    monkeypatch.setenv("HOODWINK_BUDGET", "15")
    assert budget("environment", "--config", "own.toml") == 15
    assert budget("line", "--config", "own.toml", "--budget", "16") == 16


def test_the_nearest_project_that_has_a_table_counts(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text("[tool.hoodwink]\nbudget = 21\n")
    Path("within/deep").mkdir(parents=True)
    Path("within/pyproject.toml").write_text('[project]\nname = "other"\n')
    monkeypatch.chdir("within/deep")
    assert config_of(call, "attack")["--budget"] == ("21", "../../pyproject.toml [tool.hoodwink]")


def test_values_of_every_kind_reach_the_command(call: Call) -> None:
    Path("own.toml").write_text(
        JUDGE + 'quiet = true\n[attack]\nattacks = ["none", "repeat"]\nforbid = ["a+", "zz"]\nascii_only = true\n'
        'max-chars = 90\nout = "run"\nproblems = 2\nbudget = 20\nshrink_budget = 10\n'
    )
    result = call("attack", "--config", "own.toml")
    assert (result.code, result.out, result.err) == (0, "run\n", "")
    assert identity()["attacks"] == ["none", "repeat"]
    assert identity()["constraints"] == {"ascii_only": True, "max_chars": 90, "forbid": ["a+", "zz"]}


def test_what_is_shared_is_left_by_commands_that_have_no_such_option(call: Call) -> None:
    Path("pyproject.toml").write_text(f"[tool.hoodwink]\n{JUDGE}rounds = 2\n[tool.hoodwink.check]\njson = true\n")
    result = call("check", "--problems", "2")
    assert json.loads(result.out)["judge"] == "planted:length"


def test_show_config_says_where_each_value_comes_from(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.toml").write_text(JUDGE + "[attack]\nbudget = 7\n")
    monkeypatch.setenv("HOODWINK_SEEDS", "3")
    shown = config_of(call, "attack", "--config", "own.toml")
    assert shown["--judge"] == ("planted:length", "own.toml")
    assert shown["--budget"] == ("7", "own.toml [attack]")
    assert shown["--seeds"] == ("3", "environment HOODWINK_SEEDS")
    assert shown["--goal"] == ("accept", "default")
    assert shown["--problems"] == ("", "default")
    help_text = call("attack", "--help").out
    assert [option for option in shown if option not in help_text] == []


def test_without_a_command_it_shows_what_is_set(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("show-config").out == "No option is set by a file or by the environment.\n"
    Path("pyproject.toml").write_text("[tool.hoodwink.duel]\nrounds = 3\n")
    monkeypatch.setenv("HOODWINK_BUGDET", "3")
    result = call("show-config")
    rows = [line for line in result.out.splitlines() if line[:1] == "│"]
    assert len(rows) == 1
    assert rows[0].split("│")[1].strip() == "duel"
    assert result.out.endswith("Not used: HOODWINK_BUGDET is in the environment and sets no option.\n")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("jugde = 'x'", ["config own.toml: no option is named 'jugde'", "did you mean judge"]),
        ("[atack]\nbudget = 1", ["no command is named 'atack'; did you mean attack?"]),
        ("[attack]\nbugdet = 1", ["no option of attack is named 'bugdet'; did you mean budget"]),
        ("[attack]\nrounds = 1", ["no option of attack is named 'rounds'"]),
        ("config = 'x'", ["no option is named 'config'"]),
        ("budget = 'many'", ["budget", "own.toml", '"many"', "int"]),
        ("budget = 2.5", ["--budget is 2.5; write a whole number"]),
        ("budget = 1979-05-27", ["config own.toml: budget is", "write a text, a number"]),
        ("goal = 'acept'", ["goal", "own.toml", '"accept"']),
        ("budget = [1, 2]", ["budget", '"1,2"']),
        ("[attack]\nbudget = {a = 1}", ["budget is {'a': 1}; write a text, a number"]),
        ("budget =", ["config own.toml is no TOML"]),
        ("jud\x00ge = 1", ["is no TOML"]),
        ('"\\u001b[31m" = 1', [r"no option is named '\x1b[31m'"]),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("command", [[*ATTACK, "--out", "run"], ["show-config", "attack"]], ids=lambda c: c[0])
def test_files_that_are_wrong(call: Call, command: list[str], content: str, parts: list[str]) -> None:
    Path("own.toml").write_text(content, "utf-8")
    assert_refused(call(*command, "--config", "own.toml"), *parts)
    assert not Path("run").exists()


def test_a_project_that_is_no_toml_is_named(call: Call) -> None:
    Path("pyproject.toml").write_bytes(b"\xff\xfe")
    assert_refused(call("attack", *SMALL), "pyproject.toml is no TOML")


def test_a_project_given_must_have_the_table(call: Call) -> None:
    Path("other").mkdir()
    Path("other/pyproject.toml").write_text("[tool.ruff]\n")
    assert_refused(call("attack", "--config", "other/pyproject.toml"), "has no table [tool.hoodwink]")
    Path("other/pyproject.toml").write_text("[tool.hoodwink]\nseeds = 4\n")
    assert config_of(call, "attack", "--config", "other/pyproject.toml")["--seeds"][0] == "4"


def test_a_variable_that_is_wrong_is_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOODWINK_BUDGET", "many")
    assert_refused(call("attack", "--judge", "planted:length"), "HOODWINK_BUDGET", '"many"')


def test_an_unknown_command_has_its_nearest(call: Call) -> None:
    assert_refused(call("show-config", "attakc"), "no command is named 'attakc'; did you mean attack?")
