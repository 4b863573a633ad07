"""Finds replayed on judges of which it is known whom they fool."""

from __future__ import annotations

import json

import hoodwink
import pytest
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.records import Verdict
from hoodwink.fuzz.statistics import wilson
from hoodwink.judges.judge import sigmoid
from hoodwink.judges.planted import HOLES, PlantedJudge
from hoodwink.reports.views import summarise

SMALL = {"problems": 4, "budget": 60, "shrink_budget": 60}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Finds of two attacks on the planted hole `trigger`: each holds the word, and little else when shrunk."""
    out = tmp_path_factory.mktemp("transfer") / "trigger"
    return hoodwink.attack("planted:trigger", attacks=["openers", "none"], **SMALL, out=out)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    out = tmp_path_factory.mktemp("transfer") / "long"
    return hoodwink.attack("planted:length", attacks=["repeat"], **SMALL, out=out)


class Counts(PlantedJudge):
    """A planted judge that keeps what it was asked, and can break."""

    def __init__(self, hole: str, *, after: int = 1 << 30) -> None:
        super().__init__(hole, HOLES[hole])
        self.asked: list[str] = []
        self.after = after

    def score(self, items):
        if len(self.asked) + len(items) > self.after:
            raise RuntimeError("gone")
        self.asked += [item.response for item in items]
        return super().score(items)


def cells(summary, form="found"):
    return {
        (source.attack, judge.given): each.cell
        for source, row in zip(summary.sources, summary.replayed[form], strict=True)
        for judge, each in zip(summary.judges, row, strict=True)
    }


def test_the_matrix_is_that_of_the_holes(run, tmp_path):
    made = hoodwink.transfer(run.folder, ["planted:length", "planted:slope"], out=tmp_path / "out")
    summary = summarise(made)
    assert summary.complete
    assert [(j.given, j.own, j.rejected, j.accepted) for j in summary.judges] == [
        ("planted:trigger", True, 4, 0),
        ("planted:length", False, 4, 0),
        ("planted:slope", False, 4, 0),
    ]
    assert all(j.right[0] == j.right[1] > 0 for j in summary.judges)
    by_problem = {find["problem"] for find in run.finds if find["attack"] == "openers"}
    assert len(by_problem) == 4
    for form in ("found", "shrunk"):
        seen = cells(summary, form)
        own, other = seen["openers", "planted:trigger"], seen["openers", "planted:length"]
        assert (own.problems, own.fooled, own.excluded) == (4, 4, 0)
        assert (own.finds, own.accepted, own.unread) == (4, 4, 0)
        assert (other.problems, other.fooled, other.accepted) == (4, 0, 0)
        assert seen["none", "planted:trigger"].problems == 0
    each = summary.replayed["found"][0][0]
    assert (each.rate, each.interval, each.parsed) == (1.0, wilson(4, 4), 1.0)
    none = summary.replayed["found"][1][0]
    assert (none.rate, none.interval, none.parsed) == (None, None, None)


def test_several_runs_stand_below_one_another(run, long, tmp_path):
    summary = summarise(hoodwink.transfer([run, long], out=tmp_path / "out"))
    assert [(s.judge, s.attack) for s in summary.sources] == [
        ("planted:trigger", "openers"),
        ("planted:trigger", "none"),
        ("planted:length", "repeat"),
    ]
    assert [j.made for j in summary.judges] == [(0, 1), (2,)]
    seen = cells(summary)
    assert seen["openers", "planted:trigger"].fooled == seen["repeat", "planted:length"].fooled == 4
    assert seen["openers", "planted:length"].fooled == seen["repeat", "planted:trigger"].fooled == 0


class Lenient:
    """Accepts the plain wrong answer of two problems, cannot read that of a third, and accepts every find."""

    name = fingerprint = "lenient"

    def __init__(self, problems):
        self.problems = [p.id for p in problems]

    def score(self, items):
        found = []
        for item in items:
            plain, place = item.response == item.problem.wrong[0].text, self.problems.index(item.problem.id)
            if plain and place == 2:
                found.append(Verdict(0.0, -1.0, False, parsed=False))
            else:
                margin = -2.0 if plain and place == 3 else 2.0
                found.append(Verdict(sigmoid(margin), margin, margin >= 0))
        return found


def test_only_problems_whose_plain_wrong_answer_is_rejected_count(run, tmp_path):
    with run.store() as store:
        order = {p.id: i for i, p in enumerate(store.problems())}
        problems = sorted(
            (p for p in store.problems() if p.id in {f["problem"] for f in run.finds}), key=lambda p: order[p.id]
        )
    summary = summarise(hoodwink.transfer(run, [Lenient(problems)], out=tmp_path / "out"))
    judge = summary.judges[1]
    assert (judge.rejected, judge.accepted, judge.unread) == (1, 2, 1)
    cell = cells(summary)["openers", "lenient"]
    assert (cell.problems, cell.excluded, cell.fooled, cell.finds) == (1, 3, 1, 1)


def test_unread_verdicts_are_no_transfer_and_are_counted(run, tmp_path):
    class Mute(Lenient):
        def score(self, items):
            unread = Verdict(0.0, -1.0, False, parsed=False)
            rejected = Verdict(0.1, -2.0, False)
            return [rejected if i.response == i.problem.wrong[0].text else unread for i in items]

    summary = summarise(hoodwink.transfer(run, [Mute([])], out=tmp_path / "out"))
    cell = cells(summary)["openers", "lenient"]
    assert (cell.problems, cell.fooled, cell.unread) == (4, 0, 4)
    assert summary.replayed["found"][0][1].parsed == 0.0
    assert summary.judges[1].right == (0, 0)


@pytest.mark.parametrize("after", [0, 5, 19])
def test_a_transfer_that_broke_goes_on_and_pays_for_nothing_twice(run, tmp_path, after):
    whole = Counts("length")
    expected = summarise(hoodwink.transfer(run, [whole], out=tmp_path / "whole")).to_json()
    broken, rest = Counts("length", after=after), Counts("length")
    with pytest.raises(JudgeError, match="gone"):
        hoodwink.transfer(run, [broken], out=tmp_path / "out")
    half = summarise(hoodwink.load_run(tmp_path / "out"))
    assert (half.complete, len(half.judges)) == (False, 1)
    made = hoodwink.transfer(run, [rest], out=tmp_path / "out")
    assert broken.asked + rest.asked == whole.asked
    assert summarise(made).to_json() == expected
    again = Counts("length")
    hoodwink.transfer(run, [again], out=tmp_path / "out")
    assert again.asked == []


def test_what_several_judges_have_used_stays_with_the_run(run, tmp_path):
    around = "ensemble:planted:length,planted:slope"
    made = hoodwink.transfer(run, [around, "calibrated:planted:echo?margin=1"], out=tmp_path / "out")
    used = [{name: calls for name, (calls, *_) in judge.used.items()} for judge in summarise(made).judges]
    assert [set(each) for each in used] == [set(), {"planted:length", "planted:slope"}, {"planted:echo"}]
    assert len({calls for each in used for calls in each.values()}) == 1


class Noting(Counts):
    """Says how its verdicts are read, as a judge behind a server does, and minds if that was another way before."""

    def __init__(self, hole: str) -> None:
        super().__init__(hole)
        self.told: list[object] = []

    def noted(self):
        return {"read by": [self.name]}

    def remember(self, noted):
        self.told += noted.get("read by", [])


def test_what_one_judge_notes_is_not_told_to_another(run, tmp_path):
    judges = [Noting("length"), Noting("slope")]
    for told in ([], ["planted:length"]):
        hoodwink.transfer(run, judges, acceptance=0.9, out=tmp_path / "out")
        assert set(judges[0].told) == set(told)
    assert set(judges[1].told) == {"planted:slope"}


def test_with_a_share_every_judge_has_a_threshold_of_its_own(run, tmp_path):
    made = hoodwink.transfer(run, ["planted:length"], acceptance=0.95, out=tmp_path / "out")
    summary = summarise(made)
    for judge in summary.judges:
        assert judge.calibration is not None
        assert (judge.calibration.margin, judge.calibration.answers) == (6.0, 200)
        assert judge.threshold == pytest.approx(sigmoid(6.0))
        assert judge.name == f"calibrated:{judge.given}?margin=6.0"
    assert cells(summary)["openers", "planted:trigger"].fooled == 0, "its hole lies below its right answers"


def test_a_duel_is_replayed_round_by_round(tmp_path):
    from whackamole import WhackAMole

    duel = hoodwink.duel(
        WhackAMole(), attacks=["openers"], held_out=[], rounds=2, problems=3, budget=40, shrink_budget=0,
        train_problems=2, seeds=1, out=tmp_path / "duel",
    )  # fmt: skip
    summary = summarise(hoodwink.transfer(duel, ["planted:trigger"], out=tmp_path / "out"))
    assert [source.round for source in summary.sources] == [1, 2]
    assert all(source.run == str(duel.folder) for source in summary.sources)
    assert "planted:trigger" in [judge.given for judge in summary.judges]


def test_a_judge_of_pythons_is_not_asked_again(tmp_path):
    def grade(question, reference, response):
        return float(reference in response or "Solution" in response)

    run = hoodwink.attack(grade, attacks=["openers"], **SMALL, out=tmp_path / "run")
    with pytest.raises(UsageError, match="no judge to replay finds on"):
        hoodwink.transfer(run)
    summary = summarise(hoodwink.transfer(run, ["planted:trigger"], out=tmp_path / "out"))
    assert [judge.given for judge in summary.judges] == ["planted:trigger"]
    assert len(summary.notes) == 1
    assert "was given in Python" in summary.notes[0]


def test_a_given_threshold_is_part_of_the_judge(tmp_path):
    judge = hoodwink.judge("ensemble:planted:trigger,planted:echo", aggregate="mean", threshold=0.6)
    run = hoodwink.attack(judge, attacks=["openers"], **SMALL, out=tmp_path / "run")
    assert run.finds == []
    with pytest.raises(UsageError, match="has no finds to replay"):
        hoodwink.transfer(run, ["planted:trigger"])


def test_runs_that_cannot_be_replayed_are_named(run, tmp_path):
    collapse = hoodwink.collapse("planted:length", problems=2, training=hoodwink.Training(steps=1), out=tmp_path / "c")
    with pytest.raises(UsageError, match=r"of kind 'collapse', which has no finds"):
        hoodwink.transfer(collapse, ["planted:trigger"])
    with pytest.raises(UsageError, match="no runs are given"):
        hoodwink.transfer([], ["planted:trigger"])
    with pytest.raises(UsageError, match="no run in"):
        hoodwink.transfer(tmp_path / "none", ["planted:trigger"])
    made = hoodwink.transfer(run, out=tmp_path / "out")
    with pytest.raises(UsageError, match="holds another run"):
        hoodwink.transfer(run, ["planted:length"], out=tmp_path / "out")
    with pytest.raises(UsageError, match="of kind 'transfer'"):
        hoodwink.transfer(made)


def test_without_a_folder_it_lies_beside_the_run(run):
    first = hoodwink.transfer(run, ["planted:length"])
    other = hoodwink.transfer(run, ["planted:length", "planted:slope"])
    assert first.folder != other.folder
    assert {first.folder.parent, other.folder.parent} == {run.folder.parent}
    assert first.folder.name.startswith("trigger-transfer-")


def test_the_json_is_json(run, tmp_path):
    summary = summarise(hoodwink.transfer(run, ["planted:length"], acceptance=0.9, out=tmp_path / "out"))
    data = json.loads(json.dumps(summary.to_json()))
    assert data["schema"] == "hoodwink.transfer/1"
    assert len(data["matrix"]) == 2 * len(data["sources"]) * len(data["judges"])
    assert data["judges"][0]["own"] is True
    assert {"rate", "rate_ci", "parsed", "fooled", "problems", "excluded"} <= set(data["matrix"][0])


def test_progress_names_each_judge(run, tmp_path):
    told = []
    hoodwink.transfer(run, ["planted:length"], out=tmp_path / "out", on_judge=lambda *said: told.append(said))
    assert [name for name, _ in told] == ["planted:trigger", "planted:length"]
    assert all(asked > 0 for _, asked in told)


def test_nothing_is_written_into_a_run_that_is_given_as_the_folder_one_is_in(run, monkeypatch):
    monkeypatch.chdir(run.folder)
    made = hoodwink.transfer(".", ["planted:length"])
    assert made.folder.parent == run.folder.parent
    assert made.folder.name.startswith(f"{run.folder.name}-transfer-")
