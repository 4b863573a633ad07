"""The linear model of a judge: it learns one that is linear, keeps what it learned, and takes no bad file."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Candidate, Item, Trial, Truth, Verdict
from hoodwink.fuzz.surrogates import SCHEMA, Surrogate, features
from hoodwink.fuzz.target import cut_plainly
from scipy.stats import spearmanr

PROBLEMS = Arithmetic().sample(4, seed=3)
PIECES = [f" w{i}" for i in range(40)]
WEIGHTS = dict(zip(PIECES, np.random.default_rng(1).normal(size=40).tolist(), strict=True))


def strings(count, seed):
    rng = np.random.default_rng(seed)
    return [tuple(rng.choice(PIECES, size=8).tolist()) for _ in range(count)]


def margin(pieces, problem):
    """A hidden weight for each piece, each counted once, and an offset for each problem."""
    return sum(WEIGHTS[piece] for piece in dict.fromkeys(pieces)) - 3.0 * problem


def trial(number, pieces, value, *, truth=Truth.WRONG, parsed=True):
    text, problem = "".join(pieces), PROBLEMS[number]
    return Trial(Candidate(text, "t", "op"), Item(problem, text), Verdict(0.1, value, False, parsed), truth)


def taught(count=1200):
    model = Surrogate(cut_plainly)
    for at, pieces in enumerate(strings(count, 2)):
        model.observe(PROBLEMS[at % 4].id, [trial(at % 4, pieces, margin(pieces, at % 4))])
    return model


def test_it_ranks_new_strings_as_a_linear_judge_does_after_a_campaigns_trials():
    model, new = taught(), strings(300, 3)
    rank = spearmanr([model.predict(s) for s in new], [margin(s, 0) for s in new]).statistic
    assert rank > 0.85
    early = taught(150)
    assert 0.3 < spearmanr([early.predict(s) for s in new], [margin(s, 0) for s in new]).statistic < rank


def test_offsets_of_problems_are_told_from_weights():
    model = taught()
    means = [model.means[p.id] for p in PROBLEMS]
    assert np.diff(means) == pytest.approx([-3.0] * 3, abs=1.5)


def test_only_what_can_be_climbed_is_learned():
    model = Surrogate(cut_plainly)
    model.observe("p", [trial(0, (" a",), 9.0, truth=Truth.UNSURE), trial(0, (" b",), 9.0, parsed=False)])
    assert (model.weights, model.seen, model.means) == ({}, {}, {})


def test_features_are_pieces_once_pairs_ends_and_length():
    assert list(features((" a", " b", " a", " b"))) == [
        "length:3", "first: a", "last: b", " a", " b", " a\x1f b", " b\x1f a",
    ]  # fmt: skip
    assert list(features(())) == ["length:0"]


def test_curiosity_adds_most_to_what_has_never_been_seen():
    model = taught(400)
    known, new = strings(1, 2)[0], tuple(f" new{i}" for i in range(8))
    assert model.predict(known) == model.predict(known, curious=0.0)
    gains = [model.predict(s, curious=1.0) - model.predict(s) for s in (known, new)]
    assert 0 < gains[0] < 0.5 < gains[1] <= 1


def test_what_was_learned_comes_back_from_a_file_and_problems_do_not(tmp_path):
    model, other, file = taught(200), Surrogate(cut_plainly), tmp_path / "surrogate-x-0.json"
    file.write_text(json.dumps(model.to_json()), "utf-8")
    other.load(file)
    assert set(model.to_json()) == {"schema", "weights", "seen"}
    assert (other.weights, other.seen, other.means) == (model.weights, model.seen, {})
    for s in strings(20, 4):
        assert other.predict(s, curious=1.0) == model.predict(s, curious=1.0)


GOOD = {"schema": SCHEMA, "weights": {" a": 1.0}, "seen": {" a": 2}}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"[1]", b"3", b"null", b"{}", b'{"schema": "hoodwink.card/1"}', b"[" * 100_000,
        *(json.dumps({**GOOD, **change}).encode() for change in (
            {"schema": None}, {"weights": None}, {"weights": [1]}, {"weights": {"a": "x"}},
            {"weights": {"a": math.nan}}, {"weights": {"a": math.inf}}, {"weights": {"a": 10**400}}, {"seen": 3},
            {"seen": {"a": -2}}, {"seen": {"a": None}},
        )),
    ],
    ids=lambda content: content[:60].decode("latin1"),
)  # fmt: skip
def test_a_bad_file_is_refused_in_a_line_and_changes_nothing(tmp_path, content):
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    model = Surrogate(cut_plainly)
    with pytest.raises(
        UsageError, match=r"knowledge .*bad\.json cannot be read \(.*give a surrogate-\*\.json"
    ) as caught:
        model.load(file)
    assert "\n" not in str(caught.value)
    assert (model.weights, model.seen) == ({}, {})


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(UsageError, match="cannot be read"):
            Surrogate(cut_plainly).load(path)
