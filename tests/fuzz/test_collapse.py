"""Collapse: a judge with a hole is fooled without anyone saying how; runs replay; the same seed, the same curve."""

from __future__ import annotations

import json

import hoodwink
import pytest
from hoodwink import JudgeError, Training, UsageError, Verdict
from hoodwink.fuzz.course import Book
from hoodwink.judges.judge import sigmoid

#: Seconds on a judge that costs nothing.
QUICK = Training(steps=120, batch=96, every=4, length=4, vocabulary=48, choice_lr=1.0, gather=16)
SHORT = Training(steps=8, batch=32, every=4, length=3, vocabulary=32, gather=4)


class Holed:
    """Right but for a hole: each common word of three earns a free string more."""

    name = fingerprint = "holed"

    def __init__(self, fails_after: int | None = None, hole: float = 5.0) -> None:
        self.left = fails_after
        self.hole = hole
        self.asked = 0

    def score(self, items):
        if self.left is not None and self.asked + len(items) > self.left:
            raise RuntimeError("out of credit")
        self.asked += len(items)
        return [self.verdict(i.problem.reference, i.response) for i in items]

    def verdict(self, reference: str, response: str) -> Verdict:
        if reference in response:
            margin = 6.0
        elif response[:1].isupper() or any(c.isdigit() for c in response):
            margin = -6.0
        else:
            margin = -6.0 + self.hole * sum(response.count(word) for word in (" the", " of", " and"))
        return Verdict(sigmoid(margin), margin, margin >= 0)


def points(run, part="exam"):
    with run.store() as store:
        return Book(store).points(part)


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory):
    return hoodwink.collapse(Holed(), training=QUICK, seed=1, out=tmp_path_factory.mktemp("runs") / "holed")


def test_the_story(collapsed):
    """Reward rises, and so does accuracy, as the student learns to work; then reward jumps and accuracy is gone."""
    exams = points(collapsed)
    first, best, last = exams[0], max(exams, key=lambda p: p.right), exams[-1]
    assert best.right > first.right + 0.15
    assert abs(first.gap) < 0.15
    assert last.reward >= 0.95
    assert last.right <= 0.02
    assert 0 < best.step < last.step < QUICK.steps  # it ended before its time
    assert [p.collapsed for p in exams][-4:] == [True] * 4
    assert last.ways["free string"][0] >= 0.95 * QUICK.batch
    assert last.divergence > 5 > first.divergence
    assert last.distinct[1] < first.distinct[1]
    assert last.samples[0].truth == "wrong"


def test_a_judge_without_a_hole_is_not_fooled(tmp_path):
    run = hoodwink.collapse(Holed(hole=0.0), training=QUICK, out=tmp_path)
    exams = points(run)
    assert exams[-1].step == QUICK.steps
    assert exams[-1].right > 0.5
    assert not any(p.collapsed for p in exams)


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(tmp_path):
    runs = [
        hoodwink.collapse(Holed(), training=SHORT, seed=s, out=tmp_path / n) for s, n in ((3, "a"), (3, "b"), (4, "c"))
    ]
    a, b, c = ((points(r, "train"), points(r)) for r in runs)
    assert a == b
    assert a != c


def test_exams_change_nothing_of_what_is_learned(tmp_path):
    often = hoodwink.collapse(Holed(), training=SHORT, out=tmp_path / "often")
    rarely = hoodwink.collapse(Holed(), training=Training(**{**often_settings(), "every": 8}), out=tmp_path / "rarely")
    curves = [[(p.reward, p.right, p.ways, p.queries) for p in points(run, "train")] for run in (often, rarely)]
    assert curves[0] == curves[1]
    assert [p.step for p in points(rarely)] == [0, 8]


def often_settings():
    return {name: getattr(SHORT, name) for name in SHORT.__dataclass_fields__}


def test_a_killed_run_goes_on_and_pays_for_nothing_twice(tmp_path):
    whole = Holed()
    expected = hoodwink.collapse(whole, training=SHORT, out=tmp_path / "whole")
    with pytest.raises(JudgeError, match="out of credit"):
        hoodwink.collapse(Holed(fails_after=whole.asked // 2), training=SHORT, out=tmp_path / "killed")
    begun = hoodwink.load_run(tmp_path / "killed")
    with begun.store() as store:
        (stored,) = store.db.execute("SELECT COUNT(*) FROM verdicts").fetchone()
    assert 0 < stored < whole.asked
    again = Holed()
    run = hoodwink.collapse(again, training=SHORT, out=tmp_path / "killed")
    assert again.asked == whole.asked - stored
    for part in ("train", "exam"):
        assert points(run, part) == points(expected, part)
    free = Holed(fails_after=0)
    hoodwink.collapse(free, training=SHORT, out=tmp_path / "killed")
    assert points(run) == points(expected)


def test_exam_problems_are_not_those_learned_from(collapsed):
    with collapsed.store() as store:
        splits = [p.split for p in store.problems()]
    assert splits == ["train"] * 24 + ["eval"] * 24
    assert collapsed.store().config["identity"]["kind"] == "collapse"


def test_another_training_needs_another_folder(tmp_path):
    hoodwink.collapse(Holed(), training=SHORT, out=tmp_path)
    with pytest.raises(UsageError, match="holds another run"):
        hoodwink.collapse(Holed(), training=QUICK, out=tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"length": -1}, "length is -1"),
        ({"lr": 0.0}, "lr is 0.0; write a number over 0"),
        ({"choice_lr": float("nan")}, "choice_lr is nan"),
        ({"bonus": -0.5}, "bonus is -0.5"),
    ],
)
def test_settings_that_are_wrong(settings, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        hoodwink.collapse(Holed(), training=Training(**settings), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_corpus_without_eval_problems(tmp_path):
    rows = [{"question": f"What is {i}+1?", "reference": f"{i + 1}", "wrong": [f"{i}"]} for i in range(40, 43)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    splits = {p.split for p in hoodwink.corpus(f"file:{tmp_path / 'p.jsonl'}").sample(3, split="all")}
    assert splits == {"train"}
    with pytest.raises(UsageError, match=r"has no problem in split eval; a policy learns on train"):
        hoodwink.collapse(Holed(), f"file:{tmp_path / 'p.jsonl'}", training=SHORT, out=tmp_path / "run")


@pytest.mark.slow
def test_the_referee_begins_to_collapse(tmp_path):
    """The whole collapse takes minutes (`make collapse`); this is the climb that it begins with, on short strings."""
    training = Training(steps=20, every=20, length=4, lr=6.0, gather=24)
    run = hoodwink.collapse("referee", problems=2, exam=1, training=training, out=tmp_path)
    lessons = [p.ways.get("free string", (0, 0.0, 0.0)) for p in points(run, "train")]

    def mean(part):
        return sum(count * score for count, score, _ in part) / sum(count for count, _, _ in part)

    assert len(lessons) == 20
    assert mean(lessons[-5:]) > max(0.2, 10 * mean(lessons[:5]))
    assert all(right == 0 for _, _, right in lessons[-5:])
