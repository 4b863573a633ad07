"""The searches beyond plain random search: each climbs a known landscape, and keeps to what it is told."""

from __future__ import annotations

import inspect
import math
import re
from itertools import chain
from types import SimpleNamespace
from typing import NamedTuple

import hoodwink
import numpy as np
import pytest
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.records import Item, Trial, Truth, Verdict
from hoodwink.fuzz.attacks import open_attack
from hoodwink.fuzz.attacks.anneal import cooled, is_taken
from hoodwink.fuzz.attacks.beam import OPENINGS, drawn
from hoodwink.fuzz.attacks.evolution import Differential, Space, spelling_vectors
from hoodwink.fuzz.attacks.policy import chosen
from hoodwink.fuzz.cells import Cell
from hoodwink.fuzz.commons import Commons
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.target import CorpusTarget, GradientTarget, Meter, ProposerTarget, Sight, Target
from hoodwink.judges.judge import Slope, sigmoid

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ONE_PROBLEM = ("anneal", "evolution", "beam", "gcg")


class Said(NamedTuple):
    """As `judges.proposer.Continuation`, which would load torch."""

    piece: str
    log_probability: float


class Babbler:
    """A proposer that would always go on with the letters, in order of the alphabet."""

    name = "babbler"

    def __init__(self):
        self.asked = []

    def continuations(self, question, answers, count):
        self.asked.append(list(answers))
        return [[Said(letter, -float(i)) for i, letter in enumerate(LETTERS)][:count] for _ in answers]

    def perplexity(self, texts):
        return [1.0 + len(text) for text in texts]


def slope_of_as(text):
    """The exact gradient of `a_count`: each letter that is not `a` would gain 1 as an `a`."""
    gains = np.zeros((len(text), len(LETTERS)), dtype=np.float32)
    gains[:, 0] = 1.0
    return Slope(tuple(text), gains - np.array([[letter == "a"] for letter in text], dtype=np.float32).reshape(-1, 1))


def a_count(text):
    return text.count("a") - 5.0


def make_target(kind, problem, **more):
    if kind is ProposerTarget:
        more.setdefault("proposer", Babbler())
    if kind is GradientTarget:
        more.setdefault("gradient", slope_of_as)
    more = {"pieces": list(LETTERS), "cut": list, "problem": problem.id, "budget": 600} | more
    return kind(problem.question, problem.wrong[0].text, problem.wrong, **more)


def judged(candidate, problem, margin):
    value = margin(candidate.text)
    return Trial(candidate, Item(problem, candidate.text), Verdict(sigmoid(value), value, value >= 0), Truth.WRONG)


def run(spec, problem, margin=a_count, *, seed=0, refuse=None, meter=None, **more):
    """An attack driven to the end of its budget; the cell, and every batch's trials."""
    attack = open_attack(spec)
    target = make_target(attack.kind, problem, **more)
    generator = attack.start(target, np.random.default_rng(seed))
    cell = Cell(1, problem, generator, target.budget, refuse=refuse, meter=meter)
    batches = []
    while cell.state == "running":
        trials = [judged(candidate, problem, margin) for candidate in cell.pending()]
        batches.append(trials)
        cell.tell(trials)
        target.commons.observe(problem.id, trials[: cell.new])
        cell.go_on()
    assert cell.error == ""
    return cell, batches


def texts_of(batches):
    return [trial.text for trial in chain(*batches)]


@pytest.fixture
def problem(problems):
    return problems[0]


@pytest.mark.parametrize("name", [*ONE_PROBLEM, "policy"])
def test_each_says_what_it_is_and_has_typed_options(name):
    attack = open_attack(name)
    assert re.fullmatch(r"[A-Z].*\.", inspect.getdoc(attack.function).splitlines()[0])
    options = [p for p in inspect.signature(attack.function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert options
    assert all(p.default is not p.empty and p.annotation is not p.empty for p in options)


@pytest.mark.parametrize("name", ONE_PROBLEM)
def test_each_follows_its_seed_and_names_itself_and_its_parents(name, problem):
    cell, batches = run(name, problem, budget=150)
    assert (cell.state, cell.queries) == ("spent", 150)
    trials = list(chain(*batches))
    assert {t.candidate.attack for t in trials} == {name}
    assert all(t.candidate.op and t.candidate.problem is None for t in trials)
    earlier = set()
    for batch in batches:
        assert {t.candidate.parent for t in batch} <= earlier | {None}
        earlier |= {t.text for t in batch}
    assert texts_of(run(name, problem, budget=150)[1]) == texts_of(batches)
    assert texts_of(run(name, problem, budget=150, seed=1)[1]) != texts_of(batches)


@pytest.mark.parametrize("name", ONE_PROBLEM)
def test_each_can_append_to_the_plain_wrong_answer(name, problem):
    _, batches = run(f"{name}:append=true", problem, budget=80)
    start = problem.wrong[0].text
    assert all(text.startswith(f"{start} ") for text in texts_of(batches))
    assert {t.candidate.parent for t in batches[0]} == {start}


@pytest.mark.parametrize("name", ONE_PROBLEM)
def test_each_lives_with_a_judge_that_only_decides(name, problem):
    cell, batches = run(name, problem, lambda text: 1.0 if "q" in text else -1.0, budget=200)
    assert cell.queries == 200
    assert len(set(texts_of(batches))) == 200


@pytest.mark.parametrize("name", ONE_PROBLEM)
def test_each_is_ended_where_nothing_is_allowed_and_uses_what_is(name, problem):
    def refuse_all(problem, texts):
        return ["forbid"] * len(texts)

    cell, batches = run(name, problem, refuse=refuse_all, budget=50)
    assert (cell.state, cell.queries, texts_of(batches)) == ("stuck", 0, [])

    def refuse_some(problem, texts):
        return ["forbid" if "b" in text else "" for text in texts]

    cell, batches = run(name, problem, refuse=refuse_some, budget=100)
    assert (cell.state, cell.queries) == ("spent", 100)
    assert not [text for text in texts_of(batches) if "b" in text]


@pytest.mark.parametrize(
    ("spec", "budget"),
    [("anneal:length=5", 600), ("gcg:length=5:width=8:top=2", 100), ("beam:length=5", 200)],
)
@pytest.mark.parametrize("seed", range(3))
def test_each_climbs_to_five_as(spec, budget, seed, problem):
    _, batches = run(spec, problem, budget=budget, seed=seed)
    margins = [max((t.margin for t in batch), default=-5) for batch in batches]
    assert margins[0] < -1
    assert max(margins) >= 0


@pytest.mark.parametrize(
    ("spec", "least", "most"),
    [
        ("anneal:length=3:longest=5", 1, 5),
        ("evolution:length=4", 4, 4),
        ("gcg:length=4", 4, 4),
    ],
)
def test_each_keeps_to_its_lengths(spec, least, most, problem):
    _, batches = run(spec, problem)
    sizes = {len(text) for text in texts_of(batches)}
    assert least <= min(sizes)
    assert max(sizes) == most
    _, batches = run(spec, problem, constraints=Constraints(max_tokens=2), budget=100)
    assert max(len(text) for text in texts_of(batches)) == 2


# Annealing


def test_gains_and_ties_are_taken_and_losses_by_luck():
    assert is_taken(0.1, 0.0, 0.99)
    assert is_taken(0.0, 0.0, 0.99)
    assert not is_taken(-0.1, 0.0, 0.0)
    assert is_taken(-1.0, 1.0, math.exp(-1) - 1e-9)
    assert not is_taken(-1.0, 1.0, math.exp(-1) + 1e-9)


def test_cooling_is_by_equal_factors():
    assert [cooled(4.0, 1.0, share) for share in (0.0, 0.5, 1.0, 2.0)] == [4.0, 2.0, 1.0, 1.0]
    assert cooled(0.0, 1.0, 0.5) == 0.0
    assert cooled(1.0, 0.0, 0.5) == 0.0


def test_the_temperature_falls_from_hot_to_cold_in_units_of_the_first_margins(problem):
    _, batches = run("anneal:hot=0.5:cold=0.01:chains=2:tries=3", problem, budget=400)
    assert [len(batch) for batch in batches[:2]] == [8, 6]
    spread = np.std([t.margin for t in batches[0]])
    told = [float(batch[0].candidate.op.removeprefix("T=")) for batch in batches[1:] if batch]
    assert told == sorted(told, reverse=True)
    assert told[0] == pytest.approx(0.5 * spread, rel=0.15)
    assert told[-1] == pytest.approx(0.01 * spread, rel=0.15)


def test_hot_chains_take_losses_and_cold_ones_do_not(problem):
    def falls(spec):
        _, batches = run(spec, problem, budget=300)
        margins = {t.text: t.margin for t in chain(*batches)}
        best = {}
        for batch in batches[1:]:
            for text in {t.candidate.parent for t in batch}:
                best[text] = margins[text]
        return sum(b < a for a, b in zip(best.values(), list(best.values())[1:], strict=False))

    assert falls("anneal:chains=1:hot=5:cold=5") > falls("anneal:chains=1:hot=0.001:cold=0.001") == 0


# Differential evolution


@pytest.mark.parametrize("strategy", ["rand", "best", "both"])
def test_differential_evolution_finds_the_bottom_of_a_bowl(strategy):
    rng = np.random.default_rng(0)
    search = Differential(rng, rng.uniform(-5, 5, size=(20, 4)), strategy=strategy)
    first = search.ask().copy()
    assert first.shape == (20, 4)
    for _ in range(150):
        search.tell(-((search.ask() - 1.5) ** 2).sum(1))
    assert search.values.max() > -1e-2
    assert search.points[search.values.argmax()] == pytest.approx(np.full(4, 1.5), abs=0.1)
    assert ((first - 1.5) ** 2).sum(1).min() > 1


def test_a_point_without_a_value_never_takes_a_place():
    rng = np.random.default_rng(0)
    search = Differential(rng, np.zeros((4, 2)))
    search.ask()
    assert search.tell(np.array([1.0, -np.inf, 2.0, 3.0])).tolist() == [True, False, True, True]
    search.scatter(np.ones((4, 2)))
    assert search.points.tolist() == [[1, 1], [1, 1], [1, 1], [0, 0]]
    assert search.values.tolist() == [-np.inf, -np.inf, -np.inf, 3.0]


def test_points_decode_to_the_nearest_pieces():
    vectors = np.random.default_rng(0).normal(size=(300, 40))
    whole = Space(vectors, 40)
    assert whole.nearest(whole.points).tolist() == list(range(300))
    asked = np.random.default_rng(1).normal(size=(7, 3, 40))
    distances = ((asked[:, :, None] - whole.points) ** 2).sum(-1)
    assert (whole.nearest(asked) == distances.argmin(-1)).all()
    small = Space(vectors, 8)
    assert small.points.shape == (300, 8)
    assert small.points == pytest.approx(whole.points[:, :8])
    assert np.cov(small.points.T)[np.triu_indices(8, 1)] == pytest.approx(0, abs=1e-9)


def test_pieces_that_are_spelt_alike_are_near():
    pieces = [" correct", " correctly", "7", " zebra", "Q"]
    vectors = spelling_vectors(pieces)
    assert (vectors @ vectors[0]).argsort()[::-1][1] == 1
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5))


def test_evolution_climbs_where_the_judges_embeddings_mean_something(problem):
    """Pieces are numbers, and their vectors say how large: the judge wants 50 everywhere."""
    pieces = [f"{i:02d}" for i in range(100)]
    vectors = np.array([[i, i / 3] for i in range(100)], dtype=np.float32)

    def margin(text):
        return -float(sum(abs(int(text[i : i + 2]) - 50) for i in range(0, len(text), 2)))

    more = {"pieces": pieces, "cut": lambda text: [text[i : i + 2] for i in range(0, len(text), 2)]}
    best = {}
    for name, embeddings in (("known", lambda: vectors), ("unknown", None)):
        _, batches = run("evolution:length=6", problem, margin, embeddings=embeddings, **more)
        best[name] = max(t.margin for t in chain(*batches))
        assert max(t.margin for t in batches[0]) < -60
    assert best["known"] > -20
    assert best["known"] > best["unknown"]


def test_a_population_that_repeats_itself_is_scattered(problem):
    _, batches = run("evolution:length=1:population=4", problem, lambda text: -float(ord(text)), budget=20)
    ops = [t.candidate.op for t in chain(*batches)]
    assert {"fresh", "scatter"} <= set(ops)
    assert len(set(texts_of(batches))) == 20


# Beam search


def test_beam_keeps_the_best_of_what_the_proposer_says(problem):
    babbler = Babbler()
    spec = "beam:width=2:children=3:length=2:temperature=0"
    _, batches = run(spec, problem, lambda text: float(text.count("c")), proposer=babbler, budget=30)
    assert babbler.asked[:2] == [["", "The answer is"], ["c", "The answer isc"]]
    assert texts_of(batches[:1]) == ["a", "b", "c", "The answer isa", "The answer isb", "The answer isc"]
    assert [t.candidate.op for t in batches[0][:1]] == ["extend ppl=2"]
    assert {t.candidate.parent for t in batches[0]} == {None}
    assert {t.candidate.parent for t in batches[1]} == {"The answer isc", "c"}
    assert babbler.asked[2] == list(OPENINGS[2:4])


def test_drawn_pieces_are_distinct_and_as_likely_as_the_model_says():
    likely = [Said(letter, math.log(share)) for letter, share in zip("xyz", (0.6, 0.3, 0.1), strict=True)]
    rng = np.random.default_rng(0)
    first = [drawn(rng, likely, 1, 1.0)[0] for _ in range(4000)]
    assert first.count("x") / 4000 == pytest.approx(0.6, abs=0.03)
    assert first.count("z") / 4000 == pytest.approx(0.1, abs=0.03)
    assert {frozenset(drawn(rng, likely, 3, 5.0)) for _ in range(50)} == {frozenset("xyz")}
    assert [drawn(rng, likely, 2, 0.0) for _ in range(3)] == [["x", "y"]] * 3


def test_beam_asks_for_what_follows_the_wrong_answer(problem):
    babbler = Babbler()
    run("beam:append=true:width=2", problem, proposer=babbler, budget=20)
    start = problem.wrong[0].text
    assert babbler.asked[0] == [start, f"{start} The answer is"]


# Greedy coordinate gradient


def test_gcg_takes_what_the_gradient_promises_and_pays_for_each_gradient(problem):
    meter = Meter()

    def gradient(text):
        meter.spent += 1
        return slope_of_as(text)

    cell, batches = run("gcg:length=6:width=4:top=1", problem, gradient=gradient, meter=meter, budget=60)
    best = [max(t.margin for t in batch) for batch in batches if batch]
    climb = best[: best.index(1.0) + 1]
    assert climb == [climb[0] + step for step in range(len(climb))]  # each step is one more `a`, up to all six
    assert cell.queries == 60
    assert sum(map(len, batches)) == 60 - meter.spent
    assert meter.spent >= len(climb) - 1


def test_gcg_asks_about_nothing_that_would_be_cut_elsewhere(problem):
    """A tokenizer that merges `aa`: strings with neighbours `a` are not what the gradient was about."""

    def cut(text):
        return re.findall("aa|.", text)

    def gradient(text):
        gains = np.zeros((len(cut(text)), len(LETTERS)), dtype=np.float32)
        gains[:, 0] = 1.0
        return Slope(tuple(cut(text)), gains)

    _, batches = run("gcg:length=6:top=26", problem, cut=cut, gradient=gradient, budget=300)
    exchanged = [t for t in chain(*batches) if t.candidate.op == "exchange"]
    assert len(exchanged) > 100
    assert max(t.margin for t in exchanged) == -2.0  # a.a.a. at most
    for trial in exchanged:
        assert "aa" not in trial.text or "aa" in trial.candidate.parent
        assert len(cut(trial.text)) == len(cut(trial.candidate.parent))


def test_gcg_leaves_what_is_kept_in_front_alone(problem):
    def gradient(text):
        return Slope(tuple(text), np.ones((len(text), len(LETTERS)), dtype=np.float32))

    _, batches = run("gcg:append=true:length=3", problem, gradient=gradient, budget=80)
    front = f"{problem.wrong[0].text} "
    assert all(text.startswith(front) and len(text) == len(front) + 3 for text in texts_of(batches))


def test_gcg_starts_afresh_where_no_exchange_is_left(problem):
    def gradient(text):
        return Slope((text,), np.ones((1, 3), dtype=np.float32))

    _, batches = run("gcg:length=1:top=1:width=8", problem, pieces=list("abc"), gradient=gradient, budget=3)
    assert set(texts_of(batches)) == set("abc")
    assert batches[0][0].candidate.op == "fresh"
    assert "fresh" in {t.candidate.op for t in chain(*batches[1:])}


def test_a_judge_without_gradients_or_a_language_model_is_told_so_in_one_line():
    sight = Sight(hoodwink.judge("planted:length"))
    assert sight.lacks(GradientTarget) == "needs gradients, which judge planted:length does not give"
    assert sight.lacks(ProposerTarget).startswith("needs a language model, which judge planted:length is not")
    for name in ("gcg", "beam"):
        with pytest.raises(UsageError, match=f"attack {name} needs") as caught:
            hoodwink.attack("planted:length", attacks=[name], problems=1)
        assert "\n" not in str(caught.value)


# What a judge gives of its pieces


def a_judge(gains, vectors):
    return SimpleNamespace(
        name="open",
        fingerprint="open",
        score=lambda items: [],
        pieces=lambda: ["a", "b", "ü", "c"],
        slope=lambda item: Slope(tuple(item.response), gains),
        embeddings=lambda: vectors,
    )


def test_slopes_and_embeddings_are_those_of_the_pieces_that_are_allowed(problem):
    judge = a_judge(np.arange(8.0).reshape(2, 4), np.arange(12.0).reshape(4, 3))
    meter = Meter()
    sight = Sight(judge, constraints=Constraints(ascii_only=True))
    target = sight.target(GradientTarget, problem, Commons(), meter)
    assert list(target.pieces) == ["a", "b", "c"]
    assert target.slope("xy").gains.tolist() == [[0, 1, 3], [4, 5, 7]]
    assert meter.spent == 1
    assert target.embeddings().tolist() == [[0, 1, 2], [3, 4, 5], [9, 10, 11]]
    assert Sight(hoodwink.judge("planted:length")).target(Target, problem, Commons(), meter).embeddings is None


def test_a_judge_that_says_too_much_or_too_little_of_its_pieces_fails(problem):
    sight = Sight(a_judge(np.zeros((2, 5)), np.zeros((3, 7))))
    target = sight.target(GradientTarget, problem, Commons(), Meter())
    with pytest.raises(JudgeError, match=r"judge open has 4 pieces, and slope\(\) gave an array of \(2, 5\)"):
        target.slope("xy")
    with pytest.raises(JudgeError, match=r"judge open has 4 pieces, and embeddings\(\) gave an array of \(3, 7\)"):
        target.embeddings()


# Policies


def learn(spec, problems, margin, *, refuse=None, budget=1600, pieces=None, seed=0):
    """The cell of an attack over a corpus, driven to its end, and every batch's trials."""
    targets = {p.id: make_target(Target, p) for p in problems}
    target = CorpusTarget(targets, pieces or list(LETTERS), budget)
    by_id = {p.id: p for p in problems}
    generator = open_attack(spec).start(target, np.random.default_rng(seed))
    cell = Cell(1, None, generator, budget, problems=by_id, refuse=refuse)
    batches = []
    while cell.state == "running":
        trials = [judged(c, by_id[c.problem], margin) for c in cell.pending()]
        batches.append(trials)
        cell.tell(trials)
        cell.go_on()
    assert cell.error == ""
    return cell, batches


def logit_of_as(text):
    share = min(max(text.count("a") / len(text), 0.001), 0.999)
    return math.log(share / (1 - share))


@pytest.mark.parametrize("form", ["positions", "bigram"])
def test_a_policy_learns_what_a_planted_judge_rewards(form, problems):
    cell, batches = learn(f"policy:length=5:lr=2:form={form}", problems, logit_of_as)
    assert cell.state == "exhausted"
    assert cell.queries <= 1600
    new = [[t for t in batch if t.candidate.op.startswith("sample H=")] for batch in batches]
    rewards = [np.mean([t.verdict.score for t in batch]) for batch in new]
    entropies = [float(batch[0].candidate.op.removeprefix("sample H=")) for batch in new]
    assert rewards[0] < 0.15
    assert entropies[0] == pytest.approx(math.log(26), abs=0.01)
    assert entropies[-1] < 0.5
    assert np.mean([t.verdict.score for t in new[-1]]) > 0.9
    assert cell.result[0] == "aaaaa"
    assert len(cell.result) == len(set(cell.result)) == 10
    assert {t.item.problem.id for t in chain(*batches)} == {p.id for p in problems}


def test_what_a_policy_ends_with_is_ordered_by_mean_reward(problems):
    cell, batches = learn("policy:length=2:batch=8:each=2", problems, logit_of_as, budget=200)
    scores = {}
    for trial in chain(*batches):
        scores.setdefault(trial.text, []).append(trial.verdict.score)
    means = [np.mean(scores[text]) for text in cell.result[1:]]
    assert means == sorted(means, reverse=True)
    assert cell.queries <= 200
    assert {len({t.item.problem.id for t in batches[0] if t.text == x.text}) for x in batches[0]} == {2}


def test_a_policy_whose_strings_are_all_refused_ends_without_a_query(problems):
    cell, _ = learn("policy", problems, logit_of_as, refuse=lambda problem, texts: ["forbid"] * len(texts))
    assert (cell.state, cell.queries) in (("exhausted", 0), ("stuck", 0))


def test_a_policys_words_are_common_ones_and_others():
    pieces = [" the", " yes", *(f"x{i}" for i in range(1000))]
    words = chosen(np.random.default_rng(0), pieces, 100)
    assert len(set(words)) == 100
    assert {" the", " yes"} < set(words)
    assert chosen(np.random.default_rng(0), pieces, 100) == words
    assert sorted(chosen(np.random.default_rng(1), list(LETTERS), 300)) == list(LETTERS)


# On the real referee


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["gcg:width=8", "beam:width=2:children=4"])
def test_on_the_referee_the_best_margin_rises(spec, tmp_path):
    run = hoodwink.attack("referee", attacks=[spec], problems=1, budget=40, shrink_budget=1, out=tmp_path)
    with run.store() as store:
        rows = store.db.execute(
            "SELECT query, op, margin FROM trials JOIN verdicts ON verdicts.id = verdict "
            "JOIN cells ON cells.id = cell WHERE role = 'search' ORDER BY query"
        ).fetchall()
    first = [margin for _, op, margin in rows][:8]
    assert rows
    assert max(margin for *_, margin in rows) > max(first) or max(first) >= 0
    if spec.startswith("beam"):
        assert np.median([float(op.removeprefix("extend ppl=")) for _, op, _ in rows]) < 300
