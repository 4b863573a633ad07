"""The gate: nothing is asked twice, everything is committed before the next batch, batches survive a replay."""

from __future__ import annotations

import pytest
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Candidate, Item, Truth, Verdict
from hoodwink.fuzz.gate import Ask, Gate
from hoodwink.fuzz.store import Store
from hoodwink.judges.opening import open_judge


def asks(problem, *texts, repeat=0):
    return [Ask(problem, Candidate(t, "test", "op"), repeat) for t in texts]


def test_answers_come_in_the_order_asked_and_duplicates_are_asked_once(make_gate, problems):
    judge, gate = make_gate(lambda text: float(len(text)))
    answers = gate.consider([*asks(problems[0], "bbb", "a", "bbb"), *asks(problems[1], "cc", "a")])
    assert [a.trial.text for a in answers] == ["bbb", "a", "bbb", "cc", "a"]
    assert [a.trial.margin for a in answers] == [3, 1, 3, 2, 1]
    assert max(judge.asked.values()) == 1
    assert gate.asked == 4
    assert answers[0].row == answers[2].row != answers[1].row


def test_what_an_earlier_step_asked_is_not_asked_again(make_gate, problems):
    judge, gate = make_gate(lambda text: 1.0)
    gate.consider(asks(problems[0], "x", "y"))
    gate.consider(asks(problems[0], "y", "z"))
    assert judge.batches == [["x", "y"], ["z"]]


def test_a_repeat_is_asked_alone_and_is_a_verdict_of_its_own(make_gate, problems):
    judge, gate = make_gate(lambda text: 1.0)
    first = gate.consider(asks(problems[0], "x", "y"))
    again = gate.consider(asks(problems[0], "x", "y", repeat=1))
    assert judge.batches == [["x", "y"], ["x"], ["y"]]
    assert {a.row for a in first}.isdisjoint(a.row for a in again)


def test_batches_hold_one_problem_after_another_by_length(make_gate, problems):
    judge, gate = make_gate(lambda text: 1.0, batch=2)
    gate.consider([*asks(problems[0], "aaaa", "b"), *asks(problems[1], "c"), *asks(problems[0], "dd")])
    assert judge.batches == [["b", "dd"], ["aaaa", "c"]]


def test_trials_carry_what_the_oracle_knows(make_gate, problems):
    _, gate = make_gate(lambda text: 1.0)
    problem = problems[0]
    right, wrong = gate.consider(asks(problem, problem.reference, problem.wrong[0].text))
    assert right.trial.truth is Truth.RIGHT
    assert not right.trial.fools
    assert wrong.trial.truth is Truth.WRONG
    assert wrong.trial.fools


def test_what_verdicts_cost_is_kept_with_the_run_over_processes(tmp_path, problems):
    """Also where the judge has been used for something else before."""
    judge = open_judge("ensemble:planted:trigger,planted:claim")
    judge.score([Item(problems[0], "x")])
    for steps, asked in ((["ab"], 2), (["ab", "cd"], 4), (["ab", "cd"], 4)):
        with Store.create(tmp_path, {"identity": {}}) as store:
            store.rewind(problems)
            gate = Gate(judge, open_oracle("exact"), store)
            for texts in steps:
                gate.consider(asks(problems[0], *texts))
            assert store.get("used") == {f"planted:{hole}": [asked, 0, 0, None] for hole in ("trigger", "claim")}


def test_batches_before_a_failure_are_kept_and_a_replay_cuts_the_same_batches(tmp_path, problems):
    class Failing:
        name = fingerprint = "failing"

        def __init__(self, fail_at):
            self.fail_at = fail_at
            self.batches = []

        def score(self, items):
            if len(self.batches) == self.fail_at:
                raise RuntimeError("out of order")
            self.batches.append([i.response for i in items])
            return [Verdict(0.5, 0.0, True) for _ in items]

    texts = [chr(ord("a") + i) for i in range(9)]
    config = {"identity": {}, "versions": {}}
    broken = Failing(fail_at=2)
    with Store.create(tmp_path, config) as store:
        gate = Gate(broken, open_oracle("exact"), store, batch=3)
        with pytest.raises(JudgeError, match="failing raised RuntimeError: out of order"):
            gate.consider(asks(problems[0], *texts))
    mended = Failing(fail_at=None)
    with Store.create(tmp_path, config) as store:
        gate = Gate(mended, open_oracle("exact"), store, batch=3)
        answers = gate.consider(asks(problems[0], *texts))
        assert [a.trial.text for a in answers] == texts
        assert (gate.replayed, gate.asked) == (6, 3)
    assert broken.batches == [["a", "b", "c"], ["d", "e", "f"]]
    assert mended.batches == [["g", "h", "i"]]


def test_text_that_cannot_be_sent_is_the_attacks_fault(make_gate, problems):
    _, gate = make_gate(lambda text: 1.0)
    with pytest.raises(UsageError, match="attack test proposed text that is not valid Unicode"):
        gate.consider(asks(problems[0], "\ud800"))


def test_no_asks_are_no_work(make_gate):
    judge, gate = make_gate(lambda text: 1.0)
    assert gate.consider([]) == []
    assert judge.batches == []


def test_the_judge_sees_the_problem_and_the_text(problems, make_gate):
    seen = []

    class Seeing:
        name = fingerprint = "seeing"

        def score(self, items):
            seen.extend(items)
            return [Verdict(0.1, -1.0, False) for _ in items]

    gate = Gate(Seeing(), open_oracle("exact"), Store.in_memory())
    gate.consider(asks(problems[2], "hello"))
    assert seen == [Item(problems[2], "hello")]
