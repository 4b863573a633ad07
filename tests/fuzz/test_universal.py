"""Attacks over a corpus: learning on train problems alone, within the budget, and trying on the others in order."""

from __future__ import annotations

import json

import hoodwink
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Candidate, Verdict
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.target import CorpusTarget, cut_plainly
from hoodwink.reports.attack.summary import summarise

GOOD = (" blim", " tarn", " ovex", " quip")
PIECES = [*GOOD, *(f" dull{c}" for c in "abcdefghijklmnop")]


class Hidden:
    """A margin that is the sum of hidden weights of the pieces, each once, and an offset of the problem."""

    name = fingerprint = "hidden"

    def __init__(self, level=-3.5, accepts=True):
        self.level = level
        self.accepts = accepts
        self.asked = []

    def pieces(self):
        return PIECES

    def score(self, items):
        return [self.verdict(item.problem, item.response) for item in items]

    def verdict(self, problem, text):
        self.asked.append((problem, text))
        pieces = dict.fromkeys(cut_plainly(text))  # a set would be added up in another order in every process
        offset = int(problem.id[:4], 16) % 7 / 10 - 0.3  # within 0.3 either way
        margin = self.level + offset + sum(1.0 if p in GOOD else -0.05 for p in pieces)
        if text in {r.text for r in problem.right}:
            margin = 5.0
        accepted = margin >= 0 and (self.accepts or margin == 5.0)
        return Verdict(0.9 if accepted else 0.1, margin if accepted or margin < 0 else -0.01, accepted)


def cells(run, role):
    with run.store() as store:
        rows = store.db.execute("SELECT problem, state, queries, error FROM cells WHERE role = ? ORDER BY id", (role,))
        return rows.fetchall()


def trials(run, role):
    """Problem, query, op and text of every trial of the cells of a role, cell by cell."""
    with run.store() as store:
        return store.db.execute(
            "SELECT v.problem, t.query, t.op, v.response FROM trials t JOIN cells c ON c.id = t.cell "
            "JOIN verdicts v ON v.id = t.verdict WHERE c.role = ? ORDER BY t.cell, t.query",
            (role,),
        ).fetchall()


def test_the_hidden_string_is_learned_and_fools_every_problem_at_the_first_query(tmp_path):
    run = hoodwink.attack(Hidden(), attacks=["universal:length=6"], problems=6, budget=900, out=tmp_path)
    summary = summarise(run).attacks[0]
    assert (summary.fooled, summary.problems, summary.queries_median) == (6, 6, 1)
    assert {f["lineage"][-1][0] for f in run.finds} == {"learned 1"}
    (found,) = {f["response"] for f in run.finds}
    assert set(GOOD) <= set(cut_plainly(found))


def test_learning_asks_on_train_problems_alone_within_the_budget_and_the_length(tmp_path):
    run = hoodwink.attack(Hidden(), attacks=["universal:length=3"], problems=5, budget=300, split="all", out=tmp_path)
    ((problem, state, queries, _),) = cells(run, "learn")
    assert (problem, state) == ("", "exhausted")
    asked = trials(run, "learn")
    assert len(asked) == queries == len({(p, text) for p, _, _, text in asked})
    assert 250 < queries <= 300
    assert summarise(run).attacks[0].learning == queries
    with run.store() as store:
        attacked = {p.id for p in store.problems()}
    pool = Arithmetic().sample(60, split="train", seed=0)
    assert {p for p, *_ in asked} <= {p.id for p in pool} - attacked
    assert len({p for p, *_ in asked}) == 12
    assert max(len(cut_plainly(text)) for *_, text in asked) == 3


def test_learned_responses_are_tried_on_every_problem_in_order(tmp_path):
    judge = Hidden(accepts=False)
    run = hoodwink.attack(judge, attacks=["universal", "none"], problems=4, seeds=2, budget=600, out=tmp_path)
    lists: dict[str, list[list[str]]] = {}
    for problem, query, op, text in trials(run, "search"):
        if op.startswith("learned"):
            assert op == f"learned {query}"
            mine = lists.setdefault(problem, [])
            if query == 1:
                mine.append([])
            mine[-1].append(text)
    assert len(lists) == 4
    assert len({json.dumps(mine) for mine in lists.values()}) == 1  # the same on every problem
    first, second = next(iter(lists.values()))
    assert first != second  # one list a seed
    assert len(first) == len(set(first)) == len(second) == 5
    assert summarise(run).attacks[0].queries_total == 40


def test_the_best_learned_comes_first(tmp_path):
    judge = Hidden(accepts=False)
    run = hoodwink.attack(judge, attacks=["universal:length=6"], problems=1, budget=900, out=tmp_path)
    counts = [len(set(cut_plainly(text)) & set(GOOD)) for *_, text in trials(run, "search")]
    assert counts[0] == max(counts) == len(GOOD)


def test_the_same_call_learns_the_same_and_another_seed_something_else(tmp_path):
    runs = [
        hoodwink.attack(Hidden(), attacks=["universal"], problems=2, budget=150, seed=seed, out=tmp_path / name)
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    ]
    first, again, other = ([text for *_, text in trials(run, "learn")] for run in runs)
    assert first == again != other


@pytest.mark.parametrize("budget", [1, 7, 100, 170])
def test_a_budget_that_is_soon_used_up_is_kept_and_something_is_learned(tmp_path, budget):
    run = hoodwink.attack(Hidden(), attacks=["universal"], problems=2, budget=budget, out=tmp_path)
    ((_, state, queries, _),) = cells(run, "learn")
    assert (state, queries) == ("exhausted", budget)
    assert {op for *_, op, _ in trials(run, "search")} >= {"learned 1"}


def test_where_all_strings_have_been_tried_what_was_learned_is_kept(tmp_path):
    """With one piece to a string there are 20 of them: nothing new is left long before the budget is."""
    run = hoodwink.attack(Hidden(level=-0.6), attacks=["universal:length=1"], problems=3, budget=900, out=tmp_path)
    ((_, state, queries, _),) = cells(run, "learn")
    assert state == "exhausted"
    assert queries < 900
    assert {f["response"] for f in run.finds} <= set(GOOD)
    assert len(run.finds) == 3


def test_constraints_hold_while_learning_and_for_what_is_learned(tmp_path):
    limits = Constraints(keep_wrong=True, max_tokens=20, forbid=("dulla",))
    run = hoodwink.attack(Hidden(), attacks=["universal"], problems=3, budget=300, constraints=limits, out=tmp_path)
    pool = [*Arithmetic().sample(60, split="train"), *Arithmetic().sample(3)]
    start = {p.id: p.wrong[0].text for p in pool}
    asked = trials(run, "learn")
    assert len(asked) > 200
    for problem, _, _, text in [*asked, *trials(run, "search"), *trials(run, "shrink")]:
        assert text.startswith(start[problem])
        assert len(cut_plainly(text)) <= 20
        assert "dulla" not in text
    assert {f["lineage"][-1][0] for f in run.finds} <= {f"learned {rank}" for rank in range(1, 6)}
    assert len(trials(run, "search")) >= 3


def attack_with(function, out):
    return hoodwink.attack(Hidden(), attacks=[function, "none"], problems=2, budget=20, out=out)


def test_an_attack_that_fails_while_learning_fails_on_every_problem_and_others_go_on(tmp_path):
    def broken(target: CorpusTarget, rng):
        yield [Candidate("a", "broken", "op", problem=next(iter(target.targets)))]
        raise ValueError("no idea")

    first, second = summarise(attack_with(broken, tmp_path)).attacks
    assert first.failed == ("RuntimeError: nothing was learned: ValueError: no idea",) * 2
    assert (first.problems, first.asr) == (0, None)
    assert second.problems == 2


@pytest.mark.parametrize("result", ["text", 7, [3], [b"x"]])
def test_what_is_learned_must_be_a_list_of_texts(tmp_path, result):
    def odd(target: CorpusTarget, rng):
        yield []
        return result

    failed = summarise(attack_with(odd, tmp_path)).attacks[0].failed
    assert failed == (f"TypeError: an attack over a corpus must return a list of texts, not {result!r}",) * 2


@pytest.mark.parametrize("result", [None, [], ()])
def test_nothing_learned_is_nothing_tried(tmp_path, result):
    def idle(target: CorpusTarget, rng):
        yield []
        return result

    run = attack_with(idle, tmp_path)
    assert [(state, queries) for _, state, queries, _ in cells(run, "search")[-2:]] == [("exhausted", 0)] * 2
    assert summarise(run).attacks[0].failed == ()


def test_learning_past_the_budget_is_a_failure_that_says_so(tmp_path):
    def greedy(target: CorpusTarget, rng):
        for at in range(1000):
            yield [Candidate(f"t{at}", "greedy", "op", problem=next(iter(target.targets)))]

    run = attack_with(greedy, tmp_path)
    assert cells(run, "learn")[0][1:3] == ("spent", 20)
    (reason,) = set(summarise(run).attacks[0].failed)
    assert reason == "RuntimeError: nothing was learned: it asked for more than target.budget"


@pytest.mark.parametrize("name", [None, "nowhere", 3])
def test_a_candidate_must_name_a_problem_to_learn_on(tmp_path, name):
    def lost(target: CorpusTarget, rng):
        yield [Candidate("a", "lost", "op", problem=name)]

    (reason,) = set(summarise(attack_with(lost, tmp_path)).attacks[0].failed)
    assert reason.endswith(f"a Candidate names problem {name!r}, which is none of those to learn on")


def test_an_attack_on_one_problem_cannot_name_another(tmp_path):
    def straying(target, rng):
        yield [Candidate("a", "straying", "op", problem=target.problem)]

    failed = summarise(attack_with(straying, tmp_path)).attacks[0].failed
    assert len(failed) == 2
    assert all(reason.endswith("which is none of those to learn on") for reason in failed)
