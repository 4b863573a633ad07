"""A survey: one run for each judge, as it would be alone; what fails is passed over, and what is there is not paid for
twice."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import JudgeError, UsageError
from hoodwink.fuzz.forecast import of_survey
from hoodwink.fuzz.survey import Entrant, Watch, folder_name, foretell, read_judges
from hoodwink.judges.opening import NAMED, read_spec
from hoodwink.reports.views import summarise

SMALL: dict[str, Any] = {"attacks": ["openers", "random"], "problems": 4, "budget": 60}


class Asked:
    """Counts what it is asked, accepts right answers and what a function says, and fails from some call on."""

    def __init__(self, name: str, accepts: Callable[[str], bool], calls: int = 1 << 60) -> None:
        self.name = self.fingerprint = name
        self.accepts = accepts
        self.calls = calls
        self.asked: Counter[tuple[str, str]] = Counter()

    def score(self, items: Any) -> list[hoodwink.Verdict]:
        self.calls -= 1
        if self.calls < 0:
            raise RuntimeError("the server hung up")
        self.asked.update((i.problem.id, i.response) for i in items)
        good = [i.response in {r.text for r in i.problem.right} or self.accepts(i.response) for i in items]
        return [hoodwink.Verdict(0.9 if g else 0.1, 1.0 if g else -1.0, g) for g in good]


def solid() -> Asked:
    return Asked("solid", lambda response: False)


def open_to_solution(calls: int = 1 << 60) -> Asked:
    return Asked("open", lambda response: "Solution" in response, calls)


def verdicts(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "run.db") as db:
        return db.execute("SELECT problem, response, repeat, step, score FROM verdicts ORDER BY id").fetchall()


def test_each_run_is_the_one_that_it_would_be_alone(tmp_path: Path) -> None:
    run = hoodwink.survey([solid(), open_to_solution()], **SMALL, out=tmp_path / "all")
    for judge in (solid(), open_to_solution()):
        hoodwink.attack(judge, **SMALL, shrink_budget=0, out=tmp_path / judge.name)
        own = run.folder / folder_name(judge.name)
        assert verdicts(own) == verdicts(tmp_path / judge.name)
        assert (own / "finds.jsonl").read_text() == (tmp_path / judge.name / "finds.jsonl").read_text()
        alone, among = (json.loads((f / "config.json").read_text()) for f in (tmp_path / judge.name, own))
        assert alone["identity"] == among["identity"]


def test_the_numbers_are_those_of_the_planted_holes(tmp_path: Path) -> None:
    rows = summarise(hoodwink.survey([solid(), open_to_solution()], **SMALL, out=tmp_path / "run")).rows
    assert [(r.label, r.judge, r.quality.clean_accuracy, r.quality.auroc) for r in rows] == [
        ("solid", "solid", 1.0, 1.0),
        ("open", "open", 1.0, 1.0),
    ]
    assert [tuple(r.baseline) for r in rows] == [(4, 0, 0)] * 2
    fooled = {(r.label, name): (a.fooled, a.problems, a.asr) for r in rows for name, a in r.attacks.items()}
    assert fooled[("open", "openers")] == (4, 4, 1.0)
    assert fooled[("solid", "openers")] == fooled[("solid", "random")] == (0, 4, 0.0)
    assert [r.calls_a_verdict for r in rows] == [1.0, 1.0]
    assert all(r.complete and r.rate and r.machine["cores"] for r in rows)


def test_calls_of_a_judge_around_two_are_counted(tmp_path: Path) -> None:
    pair = "ensemble:planted:trigger,planted:length"
    (row,) = summarise(hoodwink.survey([pair], **SMALL, out=tmp_path / "run")).rows
    assert row.calls == 2 * row.verdicts > 0


def test_a_judge_that_fails_is_passed_over_and_tried_again(tmp_path: Path) -> None:
    out, told = tmp_path / "run", []
    watch = Watch(end=lambda entrant, error, seconds: told.append((entrant.label, error)))
    run = hoodwink.survey([open_to_solution(3), solid()], **SMALL, out=out, watch=watch)
    line = "judge open raised RuntimeError: the server hung up"
    assert told == [("open", line), ("solid", "")]
    summary = summarise(run)
    assert summary.complete
    assert [(r.label, r.error, r.complete) for r in summary.rows] == [("open", line, False), ("solid", "", True)]
    first, again = solid(), open_to_solution()
    mended = summarise(hoodwink.survey([again, first], **SMALL, out=out))
    assert [(r.label, r.error, r.complete) for r in mended.rows] == [("open", "", True), ("solid", "", True)]
    assert first.asked == Counter()
    assert max(again.asked.values()) == 2, "once in a batch, and once alone"
    hoodwink.attack(open_to_solution(), **SMALL, shrink_budget=0, out=tmp_path / "alone")
    assert verdicts(out / folder_name("open")) == verdicts(tmp_path / "alone")


def test_a_survey_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    class Impatient(Asked):
        def score(self, items: Any) -> list[hoodwink.Verdict]:
            if self.calls == 1:
                raise KeyboardInterrupt
            return super().score(items)

    out = tmp_path / "run"
    halting = Impatient("open", open_to_solution().accepts, 4)
    with pytest.raises(KeyboardInterrupt):
        hoodwink.survey([solid(), halting], **SMALL, out=out)
    halfway = summarise(hoodwink.load_run(out))
    assert (halfway.complete, [r.complete for r in halfway.rows]) == (False, [True, False])
    first, second = solid(), open_to_solution()
    run = hoodwink.survey([first, second], **SMALL, out=out)
    assert first.asked == Counter()
    assert not set(second.asked) & {key for key, count in halting.asked.items() if count == 2}
    assert summarise(run).complete


def test_more_judges_join_and_the_others_are_not_asked_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    hoodwink.survey([solid()], **SMALL, out=out)
    first = solid()
    run = hoodwink.survey({"b": open_to_solution(), "a": first}, **SMALL, out=out)
    assert first.asked == Counter()
    assert [(r.label, r.judge, r.complete) for r in summarise(run).rows] == [("b", "open", True), ("a", "solid", True)]


def test_where_a_judge_ran_is_told_by_the_call_that_asked_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    first = [r.machine for r in summarise(hoodwink.survey([solid()], **SMALL, out=out)).rows]
    monkeypatch.setattr("os.cpu_count", lambda: 4096)
    rows = summarise(hoodwink.survey([solid(), open_to_solution()], **SMALL, out=out)).rows
    assert [r.machine for r in rows[:1]] == first
    assert rows[1].machine["cores"] == 4096


def test_a_label_is_a_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"label 1 is no text; give each judge a label in quotes"):
        hoodwink.survey({1: solid()}, **SMALL, out=tmp_path / "run")  # type: ignore[dict-item]


def test_what_an_attack_lacks_is_said_and_the_others_run(tmp_path: Path) -> None:
    settings = {**SMALL, "attacks": ["openers", "gcg"]}
    (row,) = summarise(hoodwink.survey([solid()], **settings, out=tmp_path / "run")).rows
    assert list(row.attacks) == ["openers"]
    assert row.lacks == {"gcg": "needs gradients, which judge solid does not give"}
    assert row.complete


@pytest.mark.parametrize(
    ("judges", "settings", "said"),
    [
        ([], {}, "no judges are given"),
        ("referee", {}, "judges are 'referee'; give a list of them"),
        (["planted:length", "planted:lenght"], {}, "no planted judge is named 'lenght'"),
        (["planted:length", "planted:length"], {}, "judge planted:length is given 2 times"),
        ({"planted:slope": "planted:length", "x": "planted:slope"}, {"budget": 0}, "budget is 0"),
        (["planted:length"], {"attacks": ["rnadom"]}, "no attack is named 'rnadom'"),
        (["planted:length"], {"attacks": []}, "no attacks are given"),
        (["planted:length"], {"attacks": ["gcg"]}, "no attack can be run on judge planted:length: needs gradients"),
    ],
)
def test_nothing_is_asked_or_written_where_something_is_wrong(
    tmp_path: Path, judges: Any, settings: dict[str, Any], said: str
) -> None:
    out, watched = tmp_path / "run", []
    watch = Watch(begin=lambda *told: watched.append(told))
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        hoodwink.survey(judges, **{**SMALL, **settings}, out=out, watch=watch)
    assert watched == []
    assert not out.exists()


def test_a_judge_that_cannot_reach_its_server_takes_part_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(name: str) -> Any:
        raise JudgeError(f"server {name} does not answer")

    monkeypatch.setattr("hoodwink.judges.planted.planted", unreachable)
    named = ["planted:length"]
    rows = summarise(hoodwink.survey([*named, solid()], **SMALL, out=tmp_path / "run")).rows
    assert [(r.label, r.error, r.complete) for r in rows] == [
        ("planted:length", "server length does not answer", False),
        ("solid", "", True),
    ]
    with pytest.raises(JudgeError, match="no judge could be opened"):
        hoodwink.survey(named, **SMALL, out=tmp_path / "none")


def test_a_folder_of_another_survey_or_a_changed_judge_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    hoodwink.survey([solid()], **SMALL, out=out)
    with pytest.raises(UsageError, match="holds another run"):
        hoodwink.survey([solid()], **{**SMALL, "budget": 61}, out=out)
    changed = solid()
    changed.fingerprint = "other"
    with pytest.raises(UsageError, match=f"{folder_name('solid')} holds a run of the judge as it was before"):
        hoodwink.survey([changed], **SMALL, out=out)


def test_what_it_asks_at_most_is_the_sum_over_judges(tmp_path: Path) -> None:
    settings = {**SMALL, "seed": 0, "seeds": 1, "split": None, "shrink_budget": 0}
    settings = {**settings, "proposer": None, "acceptance": None}
    found = foretell({"one": "planted:length", "two": solid()}, out=tmp_path / "run", **settings)
    whole = of_survey(found)
    assert [part.name for part in whole.parts] == ["one", "two"]
    assert whole.verdicts == sum(f.verdicts for f in found.values())
    assert all(f.verdicts > 4 * 2 * 60 for f in found.values())
    assert not (tmp_path / "run").exists()


def test_folders_are_told_apart_by_all_of_a_name() -> None:
    long = "ensemble:" + ",".join(f"referee:adapter=runs/{i}" for i in range(20))
    names = ["a:b", "a-b", "a/b", long, f"{long},x", "../..", "", "解", "\ud800"]
    folders = [folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(Path(f).name == f and len(f) < 60 and not f.startswith(".") for f in folders)


def test_entrants_come_back_as_they_were() -> None:
    entrant = Entrant("label", "name", "folder", ("a", "b"), {"c": "why"})
    assert Entrant.from_json(json.loads(json.dumps(entrant.to_json()))) == entrant


GRADED = "smollm2:prompt=grade"
FILES = [
    ("judges.txt", f"# ours\nreferee\n\n  {GRADED}  \n", {"referee": "referee", GRADED: GRADED}),
    (
        "judges.toml",
        '[[judge]]\nname = "referee" # ours\n[[judge]]\nname = "x:#y"\nlabel = "y"\n',
        {"referee": "referee", "y": "x:#y"},
    ),
]


@pytest.mark.parametrize("name", ["judges.txt", "judges.toml"])
def test_a_mark_of_byte_order_is_no_part_of_a_name(tmp_path: Path, name: str) -> None:
    text = "referee" if name.endswith("txt") else '[[judge]]\nname = "referee"'
    (tmp_path / name).write_text(text, "utf-8-sig")
    assert read_judges(tmp_path / name) == {"referee": "referee"}


@pytest.mark.parametrize(("name", "text", "wanted"), FILES, ids=["lines", "toml"])
def test_judges_are_read_from_a_file(tmp_path: Path, name: str, text: str, wanted: dict[str, str]) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    found = read_judges(tmp_path / name)
    assert found == wanted
    assert list(found) == list(wanted)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.txt", None, "No such file"),
        ("empty.txt", "# only this\n", "names no judge"),
        ("twice.txt", "a\na\n", "'a' is there 2 times"),
        ("bad.toml", "[[judge", "is no TOML"),
        ("other.toml", 'judges = ["a"]', "has 'judges' in it"),
        ("table.toml", '[judge]\nname = "a"', "has 'judge' in it"),
        ("extra.toml", '[[judge]]\nname = "a"\nlable = "b"', "'lable': 'b'} is no judge"),
        ("number.toml", "[[judge]]\nname = 3", "is no judge"),
        ("blank.toml", '[[judge]]\nname = ""', "is no judge"),
    ],
)
def test_a_file_of_judges_that_is_wrong_gives_a_line(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        read_judges(tmp_path / name)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_the_judges_of_make_survey_have_names_that_are_known() -> None:
    found = read_judges(Path(__file__).parents[1] / "bench" / "judges.toml")
    assert len(found) > 15
    assert {read_spec(name).name for name in found.values()} <= set(NAMED)
