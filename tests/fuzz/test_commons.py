"""What cells learn from one another: who is told what in which order, and which texts are kept."""

from __future__ import annotations

import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Candidate, Item, Trial, Truth, Verdict
from hoodwink.fuzz import pool as pools
from hoodwink.fuzz.commons import Commons
from hoodwink.fuzz.pool import KEPT, Pool, written
from hypothesis import given, settings
from hypothesis import strategies as st

PROBLEMS = Arithmetic().sample(3, seed=3)


def trial(problem, text, margin, *, truth=Truth.WRONG, parsed=True):
    verdict = Verdict(0.5, float(margin), parsed and margin >= 0, parsed)
    return Trial(Candidate(text, "test", "op"), Item(problem, text), verdict, truth)


def told(pool, problem, **margins):
    pool.observe(problem.id, [trial(problem, text, margin) for text, margin in margins.items()])


class Diary:
    """A learner that writes down what it is told, in a book that it may share."""

    def __init__(self, book=None):
        self.book = [] if book is None else book

    def observe(self, problem, trials):
        self.book.append((id(self), problem, [t.text for t in trials]))


class Saying(Diary):
    def to_json(self):
        return {"told": len(self.book)}


def test_a_learner_is_made_once_and_another_key_makes_another():
    commons = Commons()
    assert commons.get(Diary) is commons.get(Diary)
    assert commons.get(Diary) is not commons.get(Diary, key="other")
    assert commons.get(lambda: Diary(), key=Diary) is commons.get(Diary)
    assert Commons().get(Diary) is not commons.get(Diary)


def test_learners_are_told_in_the_order_in_which_they_were_made():
    commons, book = Commons(), []
    first, second = (commons.get(lambda: Diary(book), key=key) for key in ("b", "a"))
    commons.observe("p", [trial(PROBLEMS[0], "x", 1)])
    commons.get(lambda: Diary(book), key="late")
    commons.observe("q", [])
    assert [entry[1:] for entry in book] == [("p", ["x"])] * 2 + [("q", [])] * 3
    assert [entry[0] for entry in book[:2]] == [id(first), id(second)]


def test_everyone_is_the_commons_itself_or_that_of_all_attacks():
    everyone = Commons()
    mine, yours = Commons(everyone), Commons(everyone)
    assert everyone.everyone is everyone
    assert mine.everyone is yours.everyone is everyone
    assert mine.get(Diary) is not everyone.get(Diary)
    mine.observe("p", [])
    assert everyone.get(Diary).book == []


def test_knowledge_is_that_of_learners_that_can_say_it():
    commons = Commons()
    commons.get(Diary)
    commons.get(Saying).observe("p", [])
    assert commons.knowledge() == {"saying": {"told": 1}}


def test_written_is_the_text_without_the_plain_wrong_answer_in_front():
    start = PROBLEMS[0].wrong[0].text
    for text, rest in [
        ("abc", "abc"), (f"{start} abc", "abc"), (start, start), (f"{start}abc", f"{start}abc"), (f"{start} ", ""),
        ("", ""), (f"x {start} abc", f"x {start} abc"), (f"{start} {start} abc", f"{start} abc"), (f"{start}  b", " b"),
    ]:  # fmt: skip
        assert written(trial(PROBLEMS[0], text, 0)) == rest


def test_one_text_appended_to_each_plain_wrong_answer_is_one_record():
    pool = Pool()
    pool.watch([""])
    for p in PROBLEMS[:2]:
        told(pool, p, **{f"{p.wrong[0].text} ": 1.0, f"{p.wrong[0].text} go": 2.0})
    assert [(r.text, len(r.fooled)) for r in pool.finds()] == [("go", 2), ("", 2)]
    assert pool.best(PROBLEMS[0].id) == ["go", ""]


def test_the_best_of_a_problem_come_first_and_only_so_many_are_kept():
    pool = Pool()
    margins = {f"t{i:02}": -float((7 * i) % 40) - 1 for i in range(40)}
    told(pool, PROBLEMS[0], **margins)
    order = sorted(margins, key=lambda text: -margins[text])
    assert pool.best(PROBLEMS[0].id) == order[:KEPT]
    assert pool.best(PROBLEMS[0].id, 3) == order[:3]
    assert pool.best(PROBLEMS[1].id) == []


def test_a_text_is_kept_once_and_unread_or_unproved_texts_fool_nobody():
    pool, p = Pool(), PROBLEMS[0]
    told(pool, p, a=-1)
    told(pool, p, a=-1)
    pool.observe(p.id, [trial(p, "unread", 5, parsed=False), trial(p, "right", 5, truth=Truth.RIGHT)])
    assert pool.best(p.id).count("a") == 1
    assert "unread" not in pool.best(p.id)
    assert pool.finds() == []


def test_others_are_the_best_two_of_every_other_problem_best_first():
    pool, (a, b, c) = Pool(), PROBLEMS
    told(pool, a, a1=-1, a2=-3, a3=-4, both=-2)
    told(pool, b, b1=-2.5, both=-2, b3=-9)
    told(pool, c, c1=-0.5)
    assert pool.others(c.id) == ["a1", "both", "b1"]
    assert pool.others(a.id) == ["c1", "both", "b1"]
    assert pool.others("", 1) == ["c1", "a1", "both"]


def test_finds_are_ordered_by_how_often_they_fool_where_they_were_tried():
    pool, (a, b, c) = Pool(), PROBLEMS
    pool.watch(["watched"])
    told(pool, a, watched=-1, once=1, often=1, high=3)
    told(pool, b, watched=2, once=-2, often=1)
    assert [r.text for r in pool.finds()] == ["often", "high", "watched", "once"]
    assert [round(r.rate, 3) for r in pool.finds()] == [0.75, 0.667, 0.5, 0.5]
    assert [r.margin for r in pool.finds()] == [1.0, 3.0, 0.5, -0.5]
    # What fooled on a problem alone is no news for it.
    assert [r.text for r in pool.finds(a.id)] == ["often", "watched"]
    assert [r.text for r in pool.finds(b.id)] == ["often", "high", "once"]
    told(pool, c, watched=-1)
    assert pool.records["watched"].rate == 0.4


TEXTS = [f"text {i}" for i in range(9)]
STEPS = st.lists(
    st.one_of(st.sampled_from(TEXTS), st.tuples(st.integers(0, 2), st.sampled_from(TEXTS), st.booleans())), max_size=60
)


class Plain:
    """A pool without any cleverness: it remembers everything and looks it all through each time."""

    def __init__(self, kept):
        self.kept = kept
        self.seen = []  # of (problem, text, margin)
        self.since = {}  # text -> how much had been seen when account of it began

    def best(self, problem, count):
        mine = {text: margin for p, text, margin in self.seen if p == problem}
        return sorted(mine, key=lambda text: -mine[text])[: min(count, self.kept)]

    def others(self, besides):
        pairs = [
            (-margin(p, text), text) for p in range(3) if p != besides for text in self.best(p, 2)
        ]  # every text once, by its best margin
        return list(dict.fromkeys(text for _, text in sorted(pairs)))

    def finds(self, besides):
        rows = []
        for text, since in self.since.items():
            tried = {p: m for p, t, m in self.seen[since:] if t == text}
            fooled = {p for p, m in tried.items() if m >= 0}
            if fooled - {besides}:
                rate, mean = (len(fooled) + 1) / (len(tried) + 2), sum(tried.values()) / len(tried)
                rows.append((-rate, -mean, text))
        return [text for *_, text in sorted(rows)]


def margin(problem, text):
    """Different for every text of a problem, whole, and at least 0 for about a third."""
    return (5 * TEXTS.index(text) + 4 * problem) % 9 * 3 + problem - 17


@settings(deadline=None)
@given(STEPS)
def test_the_pool_is_the_plain_one_after_any_steps(steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "KEPT", 4)
        pool, plain = Pool(), Plain(4)
        for step in steps:
            if isinstance(step, str):
                pool.watch([step])
                plain.since.setdefault(step, len(plain.seen))
                continue
            number, text, parsed = step
            value = margin(number, text)
            pool.observe(PROBLEMS[number].id, [trial(PROBLEMS[number], text, value, parsed=parsed)])
            if parsed:
                if value >= 0:
                    plain.since.setdefault(text, len(plain.seen))
                plain.seen.append((number, text, value))
            for other, p in enumerate(PROBLEMS):
                assert pool.best(p.id) == plain.best(other, 99)
                assert pool.others(p.id) == plain.others(other)
                assert [r.text for r in pool.finds(p.id)] == plain.finds(other)
