"""The command `duel`: what it prints and leaves, its options, and one line for what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from calling import Call, assert_refused
from hoodwink.fuzz.duel import HELD_OUT_ATTACKS, TRAIN_ATTACKS
from hoodwink.judges.hardening import RECIPES

#: A duel of a second.
SMALL = {
    "--judge": "python:whackamole:judge",
    "--rounds": "2",
    "--problems": "3",
    "--train-problems": "3",
    "--seeds": "1",
    "--held-out-problems": "1",
    "--budget": "40",
    "--held-out-budget": "30",
    "--shrink-budget": "10",
}


def duel(*tokens: str) -> list[str]:
    """The command with small settings, but for those that are given: none may be given twice."""
    given = {token.partition("=")[0] for token in tokens}
    small = [(flag, value) for flag, value in SMALL.items() if flag not in given]
    return ["duel", *(word for pair in small for word in pair), *tokens]


def test_a_duel_prints_its_results_and_writes_its_report(call: Call, tmp_path: Path) -> None:
    result = call(*duel("--out", "run"))
    assert result.code == 0, result.err
    assert result.out.startswith(
        "Duel with python:whackamole:judge, recipe replay\n  Is it broken? Yes: fresh search fools the first judge"
    )
    assert result.out.splitlines()[-2:] == ["run     run", f"report  {Path('run/report.html')}"]
    assert "round 1 done in " in result.err
    assert "round 2/2 attack on eval problems" in result.err
    assert {p.name for p in (tmp_path / "run").iterdir()} >= {
        "config.json",
        "run.db",
        "report.html",
        "judges",
        "rounds",
    }
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    again = call(*duel("--out", "run"))
    assert again.out == result.out
    shown = call("show", "run")
    assert (shown.code, shown.err) == (0, "")
    assert result.out.startswith(shown.out)
    data = json.loads(call("show", "run", "--json").out)
    assert (data["schema"], len(data["rounds"])) == ("hoodwink.duel/1", 2)
    page = Path("run/report.html").read_bytes()
    assert call("report", "run", "--to", "page.html").code == 0
    assert Path("page.html").read_bytes() == page


def test_what_is_not_asked_for_is_the_librarys_own(call: Call) -> None:
    assert call(*duel("--rounds", "1")).code == 0
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("duel-python-whackamole-judge-arithmetic-")
    identity = json.loads((folder / "config.json").read_text("utf-8"))["identity"]
    assert identity["attacks"] == ["auto"]
    assert identity["train_attacks"] == list(TRAIN_ATTACKS)
    assert identity["held_out"] == list(HELD_OUT_ATTACKS)
    assert identity["recipe"] == json.loads(json.dumps(RECIPES["replay"].to_json()))
    assert (identity["seed"], identity["goal"]) == (0, "accept")


def test_options_reach_the_duel(call: Call) -> None:
    options = ["--recipe", "truncated", "--attacks", "openers,random", "--train-attacks", "random",
               "--held-out", "repeat", "--seed", "4", "--goal", "acclaim", "--start", "first", "--clean", "7",
               "--epochs", "3", "--lr", "0.01", "--ascii-only", "--max-chars", "90"]  # fmt: skip
    assert call(*duel(*options, "--out", "run")).code == 0
    identity = json.loads(Path("run/config.json").read_text("utf-8"))["identity"]
    assert (identity["attacks"], identity["train_attacks"], identity["held_out"]) == (
        ["openers", "random"],
        ["random"],
        ["repeat"],
    )
    recipe = identity["recipe"]
    assert (recipe["name"], recipe["start"], recipe["clean"]) == ("truncated", "first", 7)
    assert (recipe["training"]["epochs"], recipe["training"]["lr"]) == (3, 0.01)
    assert (identity["seed"], identity["goal"]) == (4, "acclaim")
    assert (identity["constraints"]["ascii_only"], identity["constraints"]["max_chars"]) == (True, 90)
    training = json.loads(Path("run/judges/round-2/training.json").read_text("utf-8"))
    assert (training["recipe"]["epochs"], training["recipe"]["lr"]) == (3, 0.01)


def test_held_out_attacks_may_be_none(call: Call) -> None:
    assert call(*duel("--held-out", "", "--out", "run")).code == 0
    data = json.loads(call("show", "run", "--json").out)
    assert [r["held_out_family_asr"] for r in data["rounds"]] == [None, None]


def test_several_recipes_are_compared(call: Call) -> None:
    result = call(*duel("--recipe", "replay,keys", "--out", "run"))
    assert result.code == 0, result.err
    assert result.out.startswith("Hardened by recipe replay, the judge of round 2 is fooled by fresh search on ")
    assert "the least of 2 recipes" in " ".join(result.out.split())
    assert "replay round 1/2 attack on eval problems" in result.err
    assert "keys round 2/2 training" in result.err
    data = json.loads(call("show", "run", "--json").out)
    assert (data["schema"], list(data["recipes"])) == ("hoodwink.recipes/1", ["replay", "keys"])
    assert json.loads(call("show", "run/keys", "--json").out) == data["recipes"]["keys"]
    assert call("report", "run/replay").out == f"{Path('run/replay/report.html')}\n"


def test_all_stands_for_every_recipe(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(RECIPES) - {"replay", "finds"}:
        monkeypatch.delitem(RECIPES, name)
    assert call(*duel("--recipe", "all", "--rounds", "1", "--epochs", "1", "--out", "run")).code == 0
    data = json.loads(call("show", "run", "--json").out)
    assert list(data["recipes"]) == ["replay", "finds"]
    assert {duel["settings"]["recipe"]["training"]["epochs"] for duel in data["recipes"].values()} == {1}


@pytest.mark.parametrize(
    ("tokens", "parts"),
    [
        (["--recipe", "repaly"], ["no recipe is named 'repaly'; did you mean replay?"]),
        (["--recipe", "replay,replay"], ["recipes replay, replay cannot be compared; name two or more, each once"]),
        (["--recipe", ","], ["recipes none cannot be compared"]),
        (["--rounds", "0"], ["rounds is 0; write a whole number of at least 1"]),
        (["--problems", "0"], ["problems is 0"]),
        (["--train-problems", "0"], ["train_problems is 0"]),
        (["--held-out-problems", "0"], ["held_out_problems is 0"]),
        (["--seeds", "0"], ["seeds is 0"]),
        (["--budget", "0"], ["budget is 0"]),
        (["--held-out-budget", "0"], ["held_out_budget is 0"]),
        (["--shrink-budget=-1"], ["shrink_budget is -1"]),
        (["--seed=-1"], ["seed is -1"]),
        (["--epochs", "0"], ["--epochs"]),
        (["--lr", "0"], ["--lr"]),
        (["--clean=-1"], ["--clean"]),
        (["--start", "last"], ["--start", "previous"]),
        (["--goal", "win"], ["--goal", "acclaim"]),
        (["--held-out", "genetic"], ["attack genetic is held out and trained on; leave it out of one of both"]),
        (["--held-out", "openers"], ["attack openers is held out and trained on"]),
        (["--train-attacks", "auto"], ["attack words is held out and trained on"]),
        (["--attacks", "atuo"], ["no attack is named 'atuo'; did you mean auto?"]),
        (["--attacks", ""], ["no attacks are given"]),
        (["--corpus", "arithmetik"], ["no corpus is named 'arithmetik'"]),
        (
            ["--corpus", "file:few.jsonl"],
            ["corpus file:few.jsonl has 1 eval problems, and round 2 of a duel needs 2 times 3"],
        ),
        (["--corpus", "file:few.jsonl", "--rounds", "1", "--problems", "1"], ["has 1 train problems, and round 1"]),
        (["--judge", "planted:length"], ["judge planted:length cannot be retrained; duel with referee"]),
        (["--judge", "refere"], ["no judge is named 'refere'; did you mean referee?"]),
        (["--threshold", "0.9"], ["has a threshold of its own"]),
    ],
    ids=lambda value: " ".join(value)[-50:],
)
def test_bad_usage(call: Call, tokens: list[str], parts: list[str], tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} + 40?", "reference": str(i + 40)} for i in (3, 5)]  # one of either split
    Path("few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert_refused(call(*duel("--out", "run", *tokens)), *parts)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_another_duel_is_refused(call: Call) -> None:
    assert call(*duel("--out", "run", "--rounds", "1")).code == 0
    before = Path("run/config.json").read_text("utf-8")
    assert_refused(call(*duel("--out", "run", "--seed", "7")), "folder run holds another run", "seed 0 there, 7 now")
    assert_refused(call(*duel("--out", "run", "--recipe", "replay,keys")), "folder run holds another run")
    assert_refused(call("attack", "--judge", "planted:length", "--out", "run"), "folder run holds another run")
    assert Path("run/config.json").read_text("utf-8") == before


def test_a_duel_without_a_result_says_so(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(sys.modules["whackamole"].WhackAMole):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="failing")

        def score(self, items: object) -> list[object]:
            raise ConnectionError("gone")

    monkeypatch.setattr(sys.modules["whackamole"], "failing", Failing, raising=False)
    result = call(*duel("--judge", "python:whackamole:failing", "--out", "run"))
    assert result.code == 3
    assert result.err.splitlines()[-1] == "hoodwink: judge failing raised ConnectionError: gone"
    for command in ("show", "report"):
        assert_refused(call(command, "run"), "duel run stopped before the end of its first round; run it again")
