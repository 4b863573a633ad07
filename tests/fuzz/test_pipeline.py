"""Judges that work in two stages: the same results, commits and errors as in one, and real overlap."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import hoodwink
import pytest
from hoodwink.corpora.errors import JudgeError
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Candidate, Item, Verdict
from hoodwink.fuzz.gate import Ask, Gate
from hoodwink.fuzz.pipeline import Job, in_turn
from hoodwink.fuzz.store import Store
from hoodwink.judges.judge import Staged, ask


class Plain:
    """A judge whose margins depend on the batch; it may fail when it is given a text."""

    name = fingerprint = "staged"

    def __init__(self, bad=None, where="compute"):
        self.bad, self.where = bad, where
        self.computed = []

    def score(self, items):
        return self.finish(self.begin(items))

    def begin(self, items):
        if self.where == "prepare" and self.bad in [i.response for i in items]:
            raise RuntimeError(f"cannot read {self.bad}")
        return [i.response for i in items]

    def finish(self, texts):
        if self.where == "compute" and self.bad in texts:
            raise RuntimeError(f"cannot score {self.bad}")
        self.computed.append(texts)
        return [Verdict(0.5 + 1 / (9 + len(t)), len(t) + len(texts) / 100, True) for t in texts]


class TwoStage(Plain):
    def prepare(self, items):
        return self.begin(items)

    def compute(self, prepared):
        return self.finish(prepared)

    def score(self, items):
        raise AssertionError("a staged judge is asked in stages")


TEXTS = [f"text {i:02}" for i in range(20)]


def asks(problem, repeat=0):
    return [Ask(problem, Candidate(t, "test", "op"), repeat) for t in TEXTS]


def outcome(judge, problem, folder):
    """What a step of 7 batches leaves: its answers or its error, the stored rows, and the batches computed."""
    with Store.create(folder, {"identity": {}}) as store:
        gate = Gate(judge, open_oracle("exact"), store, batch=3)
        try:
            said = [(a.trial, a.row) for a in gate.consider(asks(problem))]
        except JudgeError as error:
            said = (str(error), type(error.__cause__))
        rows = store.db.execute("SELECT id, step, response, score, margin FROM verdicts ORDER BY id").fetchall()
        return said, rows, judge.computed, (gate.asked, gate.replayed)


@pytest.mark.parametrize("where", ["compute", "prepare"])
@pytest.mark.parametrize("bad", [None, "text 00", "text 10", "text 19"])
def test_two_stages_do_what_one_does(tmp_path, problems, bad, where):
    staged, plain = TwoStage(bad, where), Plain(bad, where)
    assert isinstance(staged, Staged)
    assert not isinstance(plain, Staged)
    first = outcome(staged, problems[0], tmp_path / "staged")
    assert first == outcome(plain, problems[0], tmp_path / "plain")
    assert len(first[1]) == (20 if bad is None else int(bad[-2:]) // 3 * 3)
    mended = outcome(TwoStage(), problems[0], tmp_path / "staged")
    assert mended[3] == (20 - len(first[1]), len(first[1]))
    assert mended[0] == outcome(Plain(), problems[0], tmp_path / "fresh")[0]


def test_a_campaign_ends_alike_in_one_stage_and_in_two(tmp_path):
    runs = [
        hoodwink.attack(judge, attacks=["random", "openers"], problems=3, budget=60, out=tmp_path / name)
        for judge, name in ((TwoStage(), "staged"), (Plain(), "plain"))
    ]
    assert runs[0].finds == runs[1].finds != []


def test_the_next_batch_is_prepared_and_this_one_ruled_on_while_the_judge_computes(problems):
    """Each computation waits until the work that it should overlap with is done."""
    done, changed, threads = [], threading.Condition(), {}

    def note(what):
        with changed:
            done.append(what)
            threads.setdefault(what.split()[0], set()).add(threading.current_thread())
            changed.notify_all()

    def wait_for(*what):
        with changed:
            assert changed.wait_for(lambda: set(what) <= set(done), timeout=60), f"{what} did not happen meanwhile"

    class Overlapping(TwoStage):
        def prepare(self, items):
            note(f"prepared {items[0].response}")
            return super().prepare(items)

        def compute(self, texts):
            note(f"computed {texts[0]}")
            place = TEXTS.index(texts[0])
            wait_for(*(f"ruled {text}" for text in texts))
            if place + 3 < len(TEXTS):
                wait_for(f"prepared {TEXTS[place + 3]}")
            return super().compute(texts)

    class Oracle:
        name = "noted"

        def truth(self, problem, response):
            note(f"ruled {response}")
            return open_oracle("exact").truth(problem, response)

    gate = Gate(Overlapping(), Oracle(), Store.in_memory(), batch=3)
    assert [a.trial.text for a in gate.consider(asks(problems[0]))] == TEXTS
    assert threads["computed"] == {threading.main_thread()}
    assert threads["prepared"] == threads["ruled"]
    assert len(threads["ruled"] | threads["computed"]) == 2


def test_a_judge_in_one_stage_gets_no_thread(problems):
    where = []

    class Noting(Plain):
        def score(self, items):
            where.append((threading.current_thread(), frozenset(threading.enumerate()) - before))
            return super().score(items)

    before = frozenset(threading.enumerate())
    gate = Gate(Noting(), open_oracle("exact"), Store.in_memory(), batch=3)
    gate.consider(asks(problems[0]))
    assert set(where) == {(threading.main_thread(), frozenset())}


def test_an_interrupt_keeps_what_was_committed(tmp_path, problems):
    class Interrupted(TwoStage):
        def compute(self, texts):
            if len(self.computed) == 3:
                raise KeyboardInterrupt
            return super().compute(texts)

    with Store.create(tmp_path, {"identity": {}}) as store:
        gate = Gate(Interrupted(), open_oracle("exact"), store, batch=3)
        with pytest.raises(KeyboardInterrupt):
            gate.consider(asks(problems[0]))
    judge = TwoStage()
    with Store.create(tmp_path, {"identity": {}}) as store:
        gate = Gate(judge, open_oracle("exact"), store, batch=3)
        gate.consider(asks(problems[0]))
    assert gate.replayed == 9
    assert Counter(t for batch in judge.computed for t in batch) == Counter(TEXTS[9:])


@pytest.mark.parametrize("threads", [0, 1])
def test_work_goes_on_after_a_failure_wherever_that_was(threads):
    aside = ThreadPoolExecutor(1) if threads else None
    worked = []

    def job(number, fails=""):
        def step(name):
            if name == fails:
                raise ZeroDivisionError(name)
            worked.append((number, name))
            return number

        return Job(lambda: step("begin") and partial(step, "work"), lambda: step("meanwhile") and None)

    for fails in ("begin", "meanwhile", "work"):
        turns = in_turn([job(1), job(2, fails), job(3)], aside)
        assert next(turns) == 1
        if fails == "meanwhile":
            assert next(turns) == 2
        with pytest.raises(ZeroDivisionError, match=fails):
            next(turns)
        assert (3, "work") not in worked
    assert list(in_turn([job(4), job(5)], aside)) == [4, 5]
    assert list(in_turn([], aside)) == []


def test_repeats_are_asked_afresh_where_the_judge_can(problems):
    class Remembering(Plain):
        def score_afresh(self, items):
            return [Verdict(0.25, -1.0, False) for _ in items]

    class Unruly(Remembering):
        def score_afresh(self, items):
            return [Verdict(2.0, 1.0, True) for _ in items]

    for kind in (Remembering, type("Both", (Remembering, TwoStage), {})):
        gate = Gate(kind(), open_oracle("exact"), Store.in_memory())
        assert {a.trial.verdict.accepted for a in gate.consider(asks(problems[0]))} == {True}
        assert {a.trial.verdict.score for a in gate.consider(asks(problems[0], repeat=1))} == {0.25}
    gate = Gate(Plain(), open_oracle("exact"), Store.in_memory())
    assert {a.trial.verdict.accepted for a in gate.consider(asks(problems[0], repeat=1))} == {True}
    with pytest.raises(JudgeError, match=r"gave score 2\.0"):
        Gate(Unruly(), open_oracle("exact"), Store.in_memory()).consider(asks(problems[0], repeat=1))


def test_the_batch_is_what_the_judge_likes_unless_told_otherwise(problems):
    class Small(Plain):
        batch = 6

    sizes = {}
    for name, judge, options in (("own", Small(), {}), ("told", Small(), {"batch": 9}), ("default", Plain(), {})):
        Gate(judge, open_oracle("exact"), Store.in_memory(), **options).consider(asks(problems[0]))
        sizes[name] = [len(batch) for batch in judge.computed]
    assert sizes == {"own": [6, 6, 6, 2], "told": [9, 9, 2], "default": [20]}


def test_a_staged_judge_can_be_asked_without_a_gate(problems):
    items = [Item(problems[0], t) for t in TEXTS]
    assert ask(TwoStage(), items) == ask(Plain(), items)
