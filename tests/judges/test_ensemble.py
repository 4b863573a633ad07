"""Judges taken together: the least or the mean margin, what one cannot read, and those of a duel's folder."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.records import Item, Verdict
from hoodwink.judges.ensemble import Ensemble
from hoodwink.judges.judge import Afresh, Cuts, HasEmbeddings, Judge, ask, batch_of, sigmoid, threshold_of
from hoodwink.judges.opening import defended, open_judge
from whackamole import HOLES, PIECES, WhackAMole, fight

(PROBLEM,) = Arithmetic().sample(1, seed=9)
TEXTS = ("a", "b", "c")


class Says:
    """Says the same margins always; None stands for a verdict that cannot be read."""

    def __init__(self, name, *margins, batch=128):
        self.name = self.fingerprint = name
        self.margins = margins
        self.batch = batch
        self.sizes = []

    def score(self, items):
        self.sizes.append(len(items))
        return [self.verdict(TEXTS.index(i.response)) for i in items]

    def verdict(self, place):
        margin = self.margins[place]
        if margin is None:
            return Verdict(0.0, -1.0, False, parsed=False, text=f"{self.name} could not read it")
        return Verdict(sigmoid(margin), margin, margin >= 0)


class Keeps(Says):
    """Says something else afresh."""

    def score_afresh(self, items):
        return [Verdict(sigmoid(-7.0), -7.0, False) for _ in items]


class Cutting(Says):
    def pieces(self):
        return ("x", "y")

    def cut(self, text):
        return list(text)


def asked(ensemble, *texts, **how):
    return ask(ensemble, [Item(PROBLEM, text) for text in texts or TEXTS], **how)


def test_the_least_margin_counts():
    verdicts = asked(Ensemble([Says("one", 2.0, 1.0, -3.0), Says("two", 1.0, -2.0, -1.0)]))
    assert [(v.margin, v.accepted) for v in verdicts] == [(1.0, True), (-2.0, False), (-3.0, False)]
    assert [v.score for v in verdicts] == [sigmoid(v.margin) for v in verdicts]


def test_or_the_mean():
    one, two = Says("one", 2.0, 1.0, -3.0), Says("two", 1.0, -2.0, 3.0)
    verdicts = asked(Ensemble([one, two], aggregate="mean"))
    assert [(v.margin, v.accepted) for v in verdicts] == [(1.5, True), (-0.5, False), (0.0, True)]


def test_or_the_mean_less_what_the_members_disagree():
    """The variance of 2 and 1 is a quarter, that of 1 and -2 is 2.25, that of -3 and 3 is 9."""
    one, two = Says("one", 2.0, 1.0, -3.0), Says("two", 1.0, -2.0, 3.0)
    verdicts = asked(Ensemble([one, two], aggregate="uncertain", coefficient=0.5))
    assert [v.margin for v in verdicts] == [1.5 - 0.125, -0.5 - 1.125, -4.5]
    alike = asked(Ensemble([one, one, one], aggregate="uncertain"))
    assert [v.margin for v in alike] == [2.0, 1.0, -3.0]
    plain = asked(Ensemble([one, two], aggregate="uncertain", coefficient=0))
    assert [v.margin for v in plain] == [v.margin for v in asked(Ensemble([one, two], aggregate="mean"))]


def test_margins_on_other_scales_are_divided_first():
    odds, reward = Says("odds", 2.0, 1.0, -3.0), Says("reward", -16.0, 16.0, 8.0)
    assert [v.margin for v in asked(Ensemble([odds, reward], aggregate="mean"))] == [-7.0, 8.5, 2.5]
    assert [v.margin for v in asked(Ensemble([odds, reward], aggregate="mean", scales="1+8"))] == [0.0, 1.5, -1.0]
    least = Ensemble([odds, reward], scales="1+8")
    assert least.name == "ensemble:odds,reward?scales=1+8"
    assert [v.accepted for v in asked(least)] == [v.accepted for v in asked(Ensemble([odds, reward]))]


@pytest.mark.parametrize("scales", ["1", "1+2+3", "1+0", "1+-1", "1+nan", "1+inf", "1+x", "+"])
def test_scales_fit_the_judges(scales):
    with pytest.raises(UsageError, match="does not fit 2 judges; write a number over 0 for each, joined by") as caught:
        Ensemble([Says("one", 1.0), Says("two", 1.0)], scales=scales)
    assert "\n" not in str(caught.value)


def test_the_worst_is_the_least_and_a_coefficient_counts_only_where_it_is_used():
    members = [Says("one", 1.0, 1.0, 1.0), Says("two", 1.0, 1.0, 1.0)]
    worst = Ensemble(members, aggregate="worst", coefficient=3)
    assert (worst.name, worst.fingerprint) == (Ensemble(members).name, Ensemble(members).fingerprint)
    assert len({Ensemble(members, aggregate="uncertain", coefficient=c).fingerprint for c in (0, 0.1, 3)}) == 3
    with pytest.raises(UsageError, match=r"ensemble\?coefficient=-1 is out of range"):
        Ensemble(members, coefficient=-1)


def test_what_a_member_refused_unseen_is_counted_so_where_the_ensemble_rejects():
    refusing = defended("length?most=2&least=2", Says("one", 2.0, 2.0, 2.0))
    sure = Says("two", 30.0, 15.0, 15.0)
    assert [v.outcome for v in asked(Ensemble([refusing, sure]))] == ["filtered"] * 3
    mean = asked(Ensemble([refusing, sure], aggregate="mean"))
    assert [(v.accepted, v.outcome) for v in mean] == [(True, ""), (False, "filtered"), (False, "filtered")]
    assert mean[1].text == "refused before the judge: 1 characters, of 2 needed"


def test_what_one_member_cannot_read_is_not_read():
    for aggregate in ("min", "mean"):
        for members in ((Says("one", 2.0, None, None), Says("two", 1.0, 1.0, None)),):
            verdicts = asked(Ensemble(members, aggregate=aggregate))
            assert [(v.parsed, v.accepted) for v in verdicts] == [(True, True), (False, False), (False, False)]
            assert [v.text for v in verdicts[1:]] == ["one could not read it"] * 2


def test_afresh_asks_its_members_afresh():
    ensemble = Ensemble([Says("one", 1.0, 1.0, 1.0), Keeps("two", 2.0, 2.0, 2.0)])
    assert isinstance(ensemble, Afresh)
    assert [v.margin for v in asked(ensemble)] == [1.0] * 3
    assert [v.margin for v in asked(ensemble, afresh=True)] == [-7.0] * 3


def test_it_is_a_judge_of_its_own():
    one, two = Says("one", 1.0, 1.0, 1.0, batch=16), Says("two", 1.0, 1.0, 1.0)
    ensemble = Ensemble([one, two])
    assert isinstance(ensemble, Judge)
    assert ensemble.name == "ensemble:one,two"
    assert Ensemble([one], name="mine").name == "mine"
    assert (batch_of(ensemble), threshold_of(ensemble)) == (16, 0.5)
    prints = {
        Ensemble(members, aggregate=a).fingerprint
        for members in ([one], [two], [one, two], [two, one])
        for a in ("min", "mean")
    }
    assert len(prints) == 8
    assert Ensemble([one, two], name="other").fingerprint == ensemble.fingerprint
    assert asked(ensemble, *("a",) * 5)
    assert (one.sizes, two.sizes) == ([5], [5])


def test_pieces_and_cuts_are_those_of_the_first_that_has_any():
    plain, cutting = Says("one", 1.0, 1.0, 1.0), Cutting("two", 1.0, 1.0, 1.0)
    ensemble = Ensemble([plain, cutting])
    assert (list(ensemble.pieces()), list(ensemble.cut("xyz"))) == (["x", "y"], ["x", "y", "z"])


def test_embeddings_are_those_of_the_pieces():
    class Embedded(Cutting):
        def pieces(self):
            return ("p", "q", "r")

        def embeddings(self):
            return np.ones((3, 2), np.float32)

    plain, embedded = Cutting("one", 1.0, 1.0, 1.0), Embedded("two", 1.0, 1.0, 1.0)
    assert not isinstance(Ensemble([plain, embedded]), HasEmbeddings)
    both = Ensemble([embedded, plain])
    assert isinstance(both, HasEmbeddings)
    assert len(both.embeddings()) == len(both.pieces()) == 3


def test_an_ensemble_of_one_is_opened_again_by_its_name():
    for name in ("ensemble:(planted:claim)", "ensemble:(length:planted:claim?most=9)?aggregate=mean"):
        judge = open_judge(name)
        assert judge.name == name
        assert open_judge(judge.name).fingerprint == judge.fingerprint


def test_no_judges_are_no_ensemble():
    with pytest.raises(UsageError, match="an ensemble needs at least one judge"):
        Ensemble([])


def test_a_member_that_fails_is_named():
    class Broken(Says):
        def score(self, items):
            raise RuntimeError("gone")

    with pytest.raises(JudgeError, match="judge broken raised RuntimeError: gone"):
        asked(Ensemble([Says("one", 1.0, 1.0, 1.0), Broken("broken")]))


# A duel's judges


@pytest.fixture(scope="module")
def fought(tmp_path_factory):
    return fight(tmp_path_factory.mktemp("ensemble") / "duel", "python:whackamole:judge")


def test_the_judges_of_a_duel_by_its_folder(fought):
    ensemble = open_judge(f"ensemble:{fought.folder}")
    assert ensemble.name == f"ensemble:{fought.folder}"
    assert len(ensemble.judges) == 3
    assert [j.trainings for j in ensemble.judges] == [0, 1, 2]
    assert tuple(ensemble.pieces()) == PIECES
    assert not isinstance(ensemble, Cuts)  # none of them is
    for hole in HOLES:
        item = Item(PROBLEM, f"so {hole} it is")
        each = [ask(j, [item])[0].accepted for j in ensemble.judges]
        assert ask(ensemble, [item])[0].accepted is all(each)
    fooled = [[h for h in HOLES if ask(j, [Item(PROBLEM, h)])[0].accepted] for j in (ensemble, *ensemble.judges)]
    assert fooled[0] == fooled[-1]
    assert len(fooled[0]) < len(fooled[1]) == len(HOLES)
    assert ask(ensemble, [Item(PROBLEM, PROBLEM.reference)])[0].accepted


def test_options_of_an_ensemble(fought):
    two = open_judge(f"ensemble:{fought.folder}:rounds=2:aggregate=mean")
    assert (len(two.judges), two.aggregate) == (2, "mean")
    assert two.name == f"ensemble:{fought.folder}?aggregate=mean&rounds=2"
    assert open_judge(two.name).fingerprint == two.fingerprint
    assert len(open_judge(f"ensemble:{fought.folder}", rounds=1).judges) == 1
    with pytest.raises(UsageError, match="rounds=0 is out of range; write a whole number of at least 1"):
        open_judge(f"ensemble:{fought.folder}:rounds=0")
    with pytest.raises(UsageError, match="aggregate=max is not valid"):
        open_judge(f"ensemble:{fought.folder}:aggregate=max")


def test_its_judges_accept_from_the_score_of_their_recipe(tmp_path):
    fight(tmp_path, "python:whackamole:judge", recipe="entropy", rounds=2)
    assert [j.threshold for j in open_judge(f"ensemble:{tmp_path}").judges] == [0.5, 0.75]


def test_rounds_count_as_numbers(fought, tmp_path):
    """Round 10 comes after round 9; a folder in which training was cut off is none yet."""
    copy = shutil.copytree(fought.folder, tmp_path / "copy")
    for number in (9, 10):
        shutil.copytree(copy / "judges" / "round-2", copy / "judges" / f"round-{number}")
    (copy / "judges" / "round-11").mkdir()
    names = [j.name.rpartition("=")[2] for j in open_judge(f"ensemble:{copy}").judges]
    assert names[1:] == ["round-2", "round-3", "round-9", "round-10"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no duel in .*FileNotFoundError.*give the folder of a duel"),
        ("{", "no duel in .*JSONDecodeError"),
        ("[]", "no duel in .*TypeError"),
        ('{"identity": {}}', "no duel in .*KeyError"),
        (
            '{"identity": {"judge": "planted:length", "recipe": {"threshold": null}}}',
            "cannot be opened with other weights",
        ),
        ('{"identity": {"judge": "nobody", "recipe": {"threshold": null}}}', "no judge is named 'nobody'"),
    ],
)
def test_what_is_no_duel(tmp_path, content, message):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UsageError, match=message) as caught:
        open_judge(f"ensemble:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_a_duel_whose_first_judge_has_no_name_cannot_be_opened(tmp_path):
    fight(tmp_path, WhackAMole(name="mine"), rounds=1)
    assert json.loads((tmp_path / "config.json").read_text())["identity"]["judge"] == "mine"
    with pytest.raises(UsageError, match="no judge is named 'mine'"):
        open_judge(f"ensemble:{tmp_path}")
