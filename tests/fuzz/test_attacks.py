"""One conformance test over every attack in the table, and what is particular to each."""

from __future__ import annotations

import inspect
import itertools

import hoodwink
import numpy as np
import pytest
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Candidate, Item, Trial, Truth, Verdict
from hoodwink.fuzz.attacks import ATTACKS, open_attack
from hoodwink.fuzz.attacks.openers import MASTER_KEYS
from hoodwink.fuzz.target import CorpusTarget, Target, pieces_of

NAMES = list(ATTACKS)
APPENDING = [name for name in NAMES if "append" in inspect.signature(open_attack(name).function).parameters]
SPECS = [*NAMES, *(f"{name}:append=true" for name in APPENDING)]


@pytest.fixture
def target(problems, target_for):
    return target_for(Target, problems[1])


def proposals(spec, target, *problems, seed=0, batches=4):
    """The first batches of an attack under a judge that likes long texts. The first problem is for those who name none.

    Learners see each batch before the attack goes on, as they do in a campaign.
    """
    known = {p.id: p for p in problems}
    generator = open_attack(spec).start(target, np.random.default_rng(seed))
    seen = []
    try:
        batch = next(generator)
        for _ in range(batches):
            seen.append(batch)
            trials = [trial(c, known[c.problem or problems[0].id]) for c in batch]
            if isinstance(target, Target):
                target.commons.observe(target.problem, trials)
            batch = generator.send(trials)
    except StopIteration:
        pass
    return seen


def trial(candidate, problem):
    verdict = Verdict(0.1, len(candidate.text) / 10 - 50, False)
    return Trial(candidate, Item(problem, candidate.text), verdict, Truth.WRONG)


@pytest.mark.parametrize("spec", SPECS)
def test_every_attack_proposes_text_and_follows_its_seed(spec, target_for, problems):
    kind = open_attack(spec).kind
    few = problems[1:4] if kind is CorpusTarget else problems[1:2]
    batches = proposals(spec, target_for(kind, *few), *few)
    assert batches
    candidates = list(itertools.chain(*batches))
    assert candidates
    assert all(isinstance(c, Candidate) and isinstance(c.text, str) and c.op for c in candidates)
    name = spec.partition(":")[0]
    assert name == "auto" or {c.attack for c in candidates} == {name}  # it passes on what its arms propose
    assert {c.problem for c in candidates} <= ({p.id for p in few} if kind is CorpusTarget else {None})
    for candidate in candidates:
        candidate.text.encode()
    assert batches == proposals(spec, target_for(kind, *few), *few)


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_says_what_it_is(name):
    function = open_attack(name).function
    assert inspect.getdoc(function)
    options = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert all(p.default is not p.empty and p.annotation is not p.empty for p in options)


@pytest.mark.parametrize("name", APPENDING)
def test_appending_keeps_the_plain_wrong_answer_in_front(name, target_for, problems):
    target = target_for(open_attack(name).kind, problems[1])
    for candidate in itertools.chain(*proposals(f"{name}:append=true", target, problems[1])):
        assert candidate.text.startswith(f"{target.start} ")


def test_random_search_climbs_and_records_where_it_came_from(target, problems):
    batches = proposals("random:length=5:batch=8", target, problems[1], batches=6)
    best = [max(len(c.text) for c in batch) for batch in batches]
    assert best[-1] > best[0]
    assert [len(batch) for batch in batches] == [16, 8, 8, 8, 8, 8]
    assert all(len(c.text.split()) == 5 for c in batches[0])
    for number, batch in enumerate(batches[1:], 1):
        longest = max(len(c.text) for c in itertools.chain(*batches[:number]))
        assert {len(c.parent) for c in batch} == {longest}
        assert {c.op for c in batch} == {"change"}


def test_a_change_is_at_most_so_many_edits(target, problems):
    _, second = proposals("random:length=8:batch=64:changes=2", target, problems[1], batches=2)
    (parent,) = {c.parent for c in second}
    old = parent.split()
    sizes = {len(c.text.split()) for c in second}
    assert sizes == {7, 8, 9, 10}
    kept = [len(set(old) & set(c.text.split())) for c in second]
    assert min(kept) == len(set(old)) - 2


def test_strings_never_grow_past_the_longest(target, problems):
    batches = proposals("random:length=3:longest=5", target, problems[1], batches=60)
    sizes = [len(c.text.split()) for c in itertools.chain(*batches)]
    assert max(sizes) == 5
    assert min(sizes) >= 1


def test_openers_hold_the_published_master_keys_and_an_echo(target, problems):
    (batch,) = proposals("openers", target, problems[1])
    texts = [c.text for c in batch]
    assert set(MASTER_KEYS) <= set(texts)
    assert {"", "\n", target.question} <= set(texts)
    assert len(set(texts)) == len(texts)


def test_repeat_begins_with_the_story_and_varies_kind_and_length(target, problems):
    batches = proposals("repeat", target, problems[1])
    assert [c.text for c in batches[0][:7]] == ["dh" * 2**power for power in range(1, 8)]
    ops = {c.op.split(" x")[0] for c in itertools.chain(*batches)}
    assert ops == {"letter", "pair", "syllable", "word", "sign", "token"}
    counts = [int(c.op.split(" x")[1]) for c in itertools.chain(*batches)]
    assert min(counts) >= 2
    assert max(counts) > 60


def test_none_is_the_known_wrong_answers(target, problems):
    (batch,) = proposals("none", target, problems[1])
    assert [(c.text, c.op) for c in batch] == [(r.text, r.kind) for r in problems[1].wrong]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("randm", "no attack is named 'randm'; did you mean random"),
        ("random:lenth=3", "no option of attack random is named 'lenth'; did you mean length"),
        ("random:length=x", "attack random:length=x is not valid; write a value of type int"),
        ("random:length=0", "random:length=0 is out of range; write a whole number of at least 1"),
        ("random:length", "is not key=value; write random:key=value"),
        ("none:length=3", "attack none takes no options"),
        ("python:nowhere:attack", "attack module 'nowhere' cannot be imported"),
        ("python:json:loads", "is not a generator function"),
    ],
)
def test_a_bad_attack_is_named_with_what_to_write(spec, message):
    with pytest.raises(UsageError) as caught:
        open_attack(spec)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_judges_without_a_vocabulary_get_words_letters_and_digits():
    pieces = pieces_of(hoodwink.judge("planted:length"))
    assert {" the", "7", ".", "Q"} <= set(pieces)
    assert len(set(pieces)) == len(pieces)
