"""What each recipe makes of finds: targets, answers cut short, gibberish, and clean responses of both kinds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import COMPLETE, Item, Truth
from hoodwink.judges.hardening import LONGEST, RECIPES, Hardening, changed, open_hardening, refuse_eval, training_set

CORPUS = Arithmetic()
PIECES = (" boo", "hoo", "ß", "…")


@pytest.fixture(scope="module")
def finds():
    return [Item(p, f"hole {i}") for i, p in enumerate(CORPUS.sample(5, split="train", seed=3))]


class Writes:
    """Begins every answer with the same words, and remembers what it was asked; `states` ends with the reference."""

    def __init__(self, *answers):
        self.answers = answers
        self.asked = []

    def first_sentences(self, questions):
        self.asked += questions
        return [self.answers[i % len(self.answers)] for i in range(len(questions))]


def made(recipe, finds=(), seed=0, **more):
    return training_set(open_hardening(recipe), finds, CORPUS, np.random.default_rng(seed), **more)


def known(problem):
    """The known responses of a problem that are replayed: what a judge should say to each."""
    return {r.text: 1.0 for r in problem.right} | {r.text: 0.0 for r in problem.wrong if r.kind in COMPLETE}


def parts(examples, finds):
    """Examples by what they are: finds, known responses, and others."""
    own = {(f.problem.id, f.response) for f in finds}
    of_finds = [e for e in examples if (e.item.problem.id, e.item.response) in own]
    clean = [e for e in examples if e.item.response in known(e.item.problem)]
    others = [e for e in examples if e not in of_finds and e not in clean]
    assert len(of_finds) + len(clean) + len(others) == len(examples)
    return of_finds, clean, others


def test_replay_rejects_finds_and_replays_both_classes(finds):
    examples = made("replay", finds)
    of_finds, clean, others = parts(examples, finds)
    assert others == []
    assert Counter((e.item.response, e.target) for e in of_finds) == Counter((f.response, 0.0) for f in finds)
    assert {e.target for e in clean} == {0.0, 1.0}
    assert all(e.target == known(e.item.problem)[e.item.response] for e in clean)
    by_class = Counter(e.target for e in clean)
    problems = {e.item.problem.id for e in clean}
    assert len(problems) == RECIPES["replay"].clean
    assert by_class == {1.0: 3 * len(problems), 0.0: 4 * len(problems)}


def test_finds_alone_are_all_that_the_recipe_of_that_name_trains_on(finds):
    examples = made("finds", finds)
    assert Counter(e.item for e in examples) == Counter(finds)
    assert {e.target for e in examples} == {0.0}


def test_entropy_asks_for_one_half_of_finds_and_gibberish_and_leaves_clean_ones(finds):
    of_finds, clean, others = parts(made("entropy", finds), finds)
    assert {e.target for e in of_finds} == {e.target for e in others} == {0.5}
    assert len(of_finds) == len(finds)
    assert 100 <= len(others) <= RECIPES["entropy"].gibberish
    assert {e.target for e in clean} == {0.0, 1.0}
    assert RECIPES["entropy"].threshold == 0.75


@pytest.mark.parametrize("recipe", ["keys", "truncated"])
def test_answers_cut_after_their_first_sentence_are_rejected(recipe, finds):
    writer = Writes("Let's see.")
    of_finds, clean, others = parts(made(recipe, finds, writer=writer), finds)
    assert len(of_finds) == (0 if recipe == "keys" else len(finds))
    assert {e.target for e in others} == {0.0}
    cut = [e.item for e in others if e.item.response != "Let's see."]
    begun = [e.item for e in others if e.item.response == "Let's see."]
    assert len(cut) > 40
    assert all(item.response == item.problem.solution[0] and len(item.problem.solution) > 1 for item in cut)
    assert len(begun) == len(writer.asked) == RECIPES[recipe].truncated
    assert [i.problem.question for i in begun] != sorted(writer.asked), "shuffled"
    assert sorted(i.problem.question for i in begun) == sorted(writer.asked)
    assert clean


def test_what_the_oracle_cannot_prove_wrong_is_left_out():
    """A writer that gives the answer away, one that says nothing, and one that may have said it."""

    class Tells(Writes):
        def first_sentences(self, questions):
            self.asked += questions
            by_question = {p.question: p for p in CORPUS.sample(100, split="train", seed=self.seed)}
            return [f"It is {by_question[q].reference}." if q in by_question else "" for q in questions]

    recipe = replace(RECIPES["keys"], clean=0)
    telling = Tells()
    telling.seed = int(np.random.default_rng(0).integers(2**31))
    without = made(recipe)
    assert Counter(e.item for e in made(recipe, writer=telling)) == Counter(e.item for e in without)
    assert len(telling.asked) == recipe.truncated
    assert Counter(e.item for e in made(recipe, writer=Writes(""))) == Counter(e.item for e in without)
    oracle = open_oracle("exact")
    assert {oracle.truth(e.item.problem, e.item.response) for e in without} == {Truth.WRONG}


def test_gibberish_is_made_of_pieces_and_proved_wrong(finds):
    recipe = replace(RECIPES["gibberish"], clean=0)
    _, _, random = parts(made(recipe, finds, pieces=PIECES), finds)
    assert len(random) == recipe.gibberish
    assert {e.target for e in random} == {0.0}
    lengths = set()
    for e in random:
        rest, count = e.item.response, 0
        while rest:
            piece = next(p for p in PIECES if rest.startswith(p))
            rest, count = rest[len(piece) :], count + 1
        lengths.add(count)
    assert min(lengths) == 1
    assert max(lengths) == LONGEST
    assert len({e.item.response for e in random}) > 100


def test_gibberish_that_may_state_the_answer_is_left_out():
    """One of two pieces states the reference: nearly all strings hold it, and are not trained on."""
    recipe = replace(RECIPES["gibberish"], clean=0)
    (problem,) = CORPUS.sample(1, split="train", seed=int(np.random.default_rng(0).integers(2**31)))
    examples = made(recipe, pieces=(f" {problem.reference}", " boo"))
    assert 0 < len(examples) < recipe.gibberish / 4
    assert {e.item.problem for e in examples} == {problem}
    assert {e.item.response.replace(" boo", "") for e in examples} == {""}


def test_without_pieces_gibberish_is_printable_ascii():
    examples = made(replace(RECIPES["gibberish"], clean=0))
    assert len(examples) > 50
    assert all(e.item.response.isascii() and e.item.response.isprintable() for e in examples)
    assert {len(e.item.response) % 4 for e in examples} == {0}


@pytest.mark.parametrize("recipe", RECIPES)
def test_examples_follow_from_the_stream_and_are_of_train_problems(recipe, finds):
    more = {"pieces": PIECES, "writer": Writes("Well.")}
    examples = made(recipe, finds, **more)
    assert examples == made(recipe, finds, **more)
    other = made(recipe, finds, seed=1, **more)
    assert other != examples
    if recipe != "finds":  # whose other order is all that differs
        assert Counter(e.item for e in other) != Counter(e.item for e in examples)
    assert {e.item.problem.split for e in examples} == {"train"}


def test_examples_are_shuffled(finds):
    """Finds do not stand together, nor does one class."""
    examples = made("replay", finds)
    places = [i for i, e in enumerate(examples) if e.item in finds]
    assert max(places) - min(places) > len(finds)
    assert len({e.target for e in examples[:20]}) == 2


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_find_on_an_eval_problem_is_refused(recipe, finds):
    """By every recipe: also by those that would not train on it."""
    (problem,) = CORPUS.sample(1, split="eval", seed=4)
    with pytest.raises(UsageError, match=f"a response to problem {problem.id} of the eval split cannot be trained on"):
        made(recipe, [*finds, Item(problem, "x")])
    refuse_eval(finds)


def test_a_recipe_of_finds_alone_needs_some():
    with pytest.raises(
        UsageError, match="recipe finds has nothing to train on: no find has been made; use recipe replay"
    ):
        made("finds")


def test_recipes_by_name():
    assert open_hardening("replay") is RECIPES["replay"]
    mine = Hardening("mine", "my own")
    assert open_hardening(mine) is mine
    with pytest.raises(UsageError, match=r"no recipe is named 'truncatd'; did you mean truncated\?"):
        open_hardening("truncatd")
    assert [name for name, recipe in RECIPES.items() if recipe.name != name] == []
    assert all(recipe.means for recipe in RECIPES.values())


def test_a_recipe_is_changed_only_where_something_is_given():
    recipe = RECIPES["truncated"]
    assert changed(recipe, start=None, clean=None, epochs=None, lr=None) == recipe
    other = changed(recipe, start="first", clean=0, epochs=5, lr=0.1)
    assert (other.start, other.clean, other.training.epochs, other.training.lr) == ("first", 0, 5, 0.1)
    assert (other.truncated, other.training.batch, other.name) == (recipe.truncated, recipe.training.batch, recipe.name)
    assert "means" not in recipe.to_json()
    assert recipe.to_json()["training"]["epochs"] == recipe.training.epochs
