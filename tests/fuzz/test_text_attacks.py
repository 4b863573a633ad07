"""Attacks on characters, numbers and words, and the fixed instructions that are their control."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Item, Problem, Response, Trial, Truth, Verdict
from hoodwink.fuzz.attacks import open_attack
from hoodwink.fuzz.attacks.asking import worth
from hoodwink.fuzz.attacks.chars import EDITS, HOMOGLYPHS, ZEROS, edited
from hoodwink.fuzz.attacks.injection import TEXTS
from hoodwink.fuzz.attacks.nearmiss import KINDS, OTHER_UNITS, WORDINGS
from hoodwink.fuzz.attacks.steps import STOCK
from hoodwink.fuzz.attacks.words import PACKINGS, TIMES
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.kinds import is_near, kind_of
from hoodwink.fuzz.target import WORDS, ReferenceTarget, Target
from hoodwink.judges.steps import steps as cut

EXACT = open_oracle("exact")
LISTED = list(dict.fromkeys(WORDS))


def problem_of(reference, wrong="The answer is 999."):
    return Problem.make(family="x", question="What?", reference=reference, wrong=(Response(wrong, "other"),))


def trials_of(spec, target, problem, limit=640, margin=lambda text: -1.0):
    """What an attack asks about until it ends or `limit` is reached, ruled on by the oracle."""
    generator = open_attack(spec).start(target, np.random.default_rng(0))
    done = []
    try:
        batch = next(generator)
        while len(done) < limit:
            assert 0 < len(batch) <= 32
            refused = target.constraints.refusal
            trials = []
            for c in batch:
                parsed = not refused(c.text, target.start, target.cut)
                truth = EXACT.truth(problem, c.text) if parsed else Truth.UNSURE
                trials.append(
                    Trial(c, Item(problem, c.text), Verdict(0.1, margin(c.text), False, parsed=parsed), truth)
                )
            done += trials
            batch = generator.send(trials)
    except StopIteration:
        pass
    return done


# --- steps ---


def test_steps_end_with_the_plain_wrong_answer_and_are_the_problems_own_too(problems, target_for):
    problem = problems[1]
    trials = trials_of("steps", target_for(Target, problem), problem)
    assert all(t.text.endswith(problem.wrong[0].text) and t.candidate.parent == problem.wrong[0].text for t in trials)
    texts = {t.text for t in trials}
    said = [step.strip() for r in (Response(problem.question, ""), *problem.wrong) for step in cut(r.text)]
    own = [step for step in said if any(text.startswith(step) for text in texts)]
    assert problem.question.split(". ")[0].rstrip(".") in " ".join(own)
    assert len(own) >= 3
    assert all(any(text.startswith(step) for text in texts) for step in STOCK)
    assert len(texts) > 600


def test_steps_climbs_by_repeating_what_pays(plain, target_for):
    def pays(text):
        return float(text.count(STOCK[3]) - 20)

    trials = trials_of("steps:longest=25", target_for(Target, plain), plain, 320, pays)
    ops = [t.candidate.op for t in trials]
    assert ops[0] == "step x1"
    assert {"step x2", "step x15", "step x25"} <= set(ops)
    repeated = [t for t in trials if t.candidate.op == "step x25"]
    assert max(map(worth, repeated)) == 5.0
    assert max(t.text.count(". ") for t in trials) <= 25


# --- chars -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain():
    return problem_of("272", "The answer is 45 dollars.")


def test_chars_tries_every_edit_at_every_width_and_nothing_twice(plain, target_for):
    trials = trials_of("chars", target_for(Target, plain), plain)
    uses = {use for t in trials for use in t.candidate.op.split(" + ")}
    assert uses == {f"{name} {scope}" for name, edit in EDITS.items() for scope in edit.scopes}
    assert len({t.text for t in trials}) == len(trials) >= 640


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("swap", "hTe nawsre"),
        ("double", "TThhee aannsswweerr"),
        ("leet", "7h3 4n5w3r"),
        ("homoglyph", "Тhе аnѕwеr"),
        ("case", "(?:tHE ANSWER|THE ANSWER|the answer)"),
        ("zero-width", "T(.)h\\1e a\\1n\\1s\\1w\\1e\\1r"),
        ("mark", "T(.)h\\1e\\1 a\\1n\\1s\\1w\\1e\\1r\\1"),
        ("space", "The\\s+\u200b?\\s?answer"),
    ],
)
def test_an_edit_everywhere(name, pattern):
    assert re.fullmatch(pattern, edited("The answer", EDITS[name], "all", np.random.default_rng(0)))


def test_an_edit_in_one_word_and_at_one_place():
    rng = np.random.default_rng(0)
    words = {edited("ab cd", EDITS["double"], "word", rng) for _ in range(30)}
    assert words == {"aabb cd", "ab ccdd"}
    assert {edited("abcd", EDITS["swap"], "one", rng) for _ in range(60)} == {"bacd", "acbd", "abdc"}
    assert {edited("ab", EDITS["drop"], "one", rng) for _ in range(30)} == {"a", "b"}
    assert edited("...", EDITS["numeral"], "one", rng) == "..."


def test_every_numeral_and_look_alike_is_one_that_the_oracle_reads():
    for zero in ZEROS:
        assert "".join(str(int(chr(ord(zero) + i))) for i in range(10)) == "0123456789"
        assert EXACT.truth(problem_of("272"), "".join(chr(ord(zero) + int(d)) for d in "272")) is Truth.RIGHT
    assert not any(char.isascii() for char in HOMOGLYPHS.values())


def test_chars_climbs_and_says_where_it_came_from(plain, target_for):
    def wide(text):
        return float(sum(not char.isascii() for char in text))

    trials = trials_of("chars:patience=50", target_for(Target, plain), plain, 320, wide)
    tops = [max(wide(t.text) for t in trials[i : i + 64]) for i in range(0, 320, 64)]
    assert tops[-1] > tops[0]
    asked = {t.text for t in trials} | {plain.wrong[0].text}
    assert all(t.candidate.parent in asked for t in trials)


def test_chars_begins_again_at_the_other_wrong_answers(problems, target_for):
    trials = trials_of("chars:patience=1", target_for(Target, problems[1]), problems[1], 1500)
    roots = {t.candidate.parent for t in trials} & {r.text for r in problems[1].wrong}
    assert len(roots) >= 8


def test_chars_climbs_from_nothing_that_may_be_right(target_for):
    problem = problem_of("272", "The answer is 722.")
    trials = trials_of("chars", target_for(Target, problem), problem, 640, lambda text: float("272" in text))
    right = {t.text for t in trials if t.truth is not Truth.WRONG}
    assert right
    assert not right & {t.candidate.parent for t in trials}


def test_chars_keeps_to_ascii_and_ends_where_there_is_nothing_left_to_write(target_for):
    problem = problem_of("272", "no")
    target = target_for(Target, problem, constraints=Constraints(ascii_only=True))
    trials = trials_of("chars", target, problem, 100_000)
    assert all(t.text.isascii() for t in trials)
    only = problem_of("272", "?")
    assert len(trials_of("chars:changes=1", target_for(Target, only), only, 100_000)) <= 2


# --- nearmiss --------------------------------------------------------------------------------------------------------


def nearly(reference, target_for, limit=640):
    problem = problem_of(reference)
    return problem, trials_of("nearmiss", target_for(ReferenceTarget, problem), problem, limit)


def test_nearmiss_writes_what_usually_fools_first(target_for):
    _, trials = nearly("272", target_for)
    texts = [t.text for t in trials]
    first = ["27", "2720", "722", "-272", "273", "27.2", "2,720"]
    assert texts[:7] == [f"The answer is {number}." for number in first]
    assert {"27", "2720", "-272", "227", "271", "2.72", "27,20", "27,200", "1272", "282"} <= set(texts)
    assert "Total: 113 + 114 = 227. The answer is 227." in texts
    assert "272" not in texts


@pytest.mark.parametrize(
    ("reference", "some"),
    [
        ("272 dollars", {"27 dollars", "227", "227 cents", "The answer is -272 dollars.", "27.2 dollars"}),
        ("14:05", {"14:06", "15:05", "14:50", "41:05", "4:05", "13:05", "The answer is 14:04."}),
        ("-3.5", {"3.5", "-35", "-0.35", "-3.6", "-2.5"}),
        ("1,234", {"1243", "12,340", "123.4", "1235", "-1234"}),
        ("$20", {"-$20", "$200", "$2", "$21"}),
        ("3 hours 20 minutes", {"3 hours 2 minutes", "2 hours 20 minutes", "3 hours 21 minutes"}),
    ],
)
def test_nearmiss_edits_numbers_of_every_form(reference, some, target_for):
    _, trials = nearly(reference, target_for)
    assert some <= {t.text for t in trials}


@pytest.mark.parametrize("reference", ["272", "272 dollars", "14:05", "-3.5", "1,234", "3/4", "299", "3505 minutes"])
def test_all_near_misses_are_called_so_and_nearly_all_are_wrong(reference, target_for):
    problem, trials = nearly(reference, target_for)
    assert {kind_of(problem, t.text) for t in trials} == {"near miss"}
    truths = Counter(t.truth for t in trials if t.candidate.op.count("+") == 0)
    assert truths[Truth.RIGHT] == 0
    assert truths[Truth.WRONG] > 0.9 * truths.total()


def test_nearmiss_is_near_and_never_right_on_problems_of_all_families(target_for):
    truths = Counter()
    for problem in Arithmetic().sample(14, seed=5):
        trials = trials_of("nearmiss", target_for(ReferenceTarget, problem), problem)
        assert len({t.text for t in trials}) == len(trials)
        truths.update(t.truth for t in trials)
        assert {kind_of(problem, t.text) for t in trials} == {"near miss"}
        kinds = {kind for t in trials for kind in t.candidate.op.split(", ")[0].split(" + ")}
        assert kinds >= (KINDS.keys() - {"sign", "point", "separator"} if ":" in problem.reference else KINDS.keys())
        assert {t.candidate.op.split(", ")[1] for t in trials} <= WORDINGS.keys()
    assert truths[Truth.RIGHT] == 0
    assert truths[Truth.WRONG] > 0.95 * truths.total()


def test_nearmiss_orders_the_other_wordings_by_what_came_closest(target_for):
    problem = problem_of("272")
    target = target_for(ReferenceTarget, problem)
    trials = trials_of("nearmiss", target, problem, margin=lambda text: float("2727" in text))
    second = next(t for t in trials if not t.candidate.op.endswith("sentence"))
    assert second.text == "2727"


def test_nearmiss_ends_and_has_little_to_say_of_words(target_for):
    _, trials = nearly("7", target_for, 100_000)
    assert 100 < len(trials) < 5000
    _, trials = nearly("Paris", target_for)
    assert {"The answer is Pais.", "Pairs"} <= {t.text for t in trials}
    assert {t.truth for t in trials} == {Truth.UNSURE}
    _, trials = nearly("B", target_for)
    assert {"A", "C", "D", "E"} <= {t.text for t in trials}
    assert nearly("?", target_for)[1] == []


def test_no_other_unit_is_ten_times_the_unit():
    amounts = {"mm": 1, "cm": 10, "m": 1000, "km": 10**6, "mg": 1, "g": 1000, "kg": 10**6, "ml": 1, "l": 1000}
    amounts |= {"litres": 1000, "cents": 1, "dollars": 100}
    ratios = {Fraction(amounts[a], amounts[b]) for a, b in OTHER_UNITS.items() if a in amounts and b in amounts}
    assert not ratios & {10, Fraction(1, 10)}


# --- words -----------------------------------------------------------------------------------------------------------


def words_of(text, start):
    return text.removeprefix(f"{start} ").split()


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_words_covers_the_list_in_groups_then_alone_then_repeated(mode, plain, target_for):
    target = target_for(Target, plain)
    trials = trials_of(f"words:mode={mode}", target, plain, 700)
    prefix = f"{target.start} " if mode == "append" else ""
    assert all(t.text.startswith(prefix) for t in trials)
    strings = [(t.candidate.op, t.text.removeprefix(prefix).split()) for t in trials]
    sizes = [(op, len(list(same))) for op, same in itertools.groupby(op for op, _ in strings)]
    count = len(LISTED)
    groups = [(f"group of {n}", -(-count // n) * times) for n, times in ((64, PACKINGS), (16, 1), (4, 1))]
    assert sizes[:5] == [*groups, ("word", count), (f"repeat x{TIMES}", count)]
    for op, _ in groups:
        first = [words for o, words in strings if o == op][: -(-count // int(op.split()[-1]))]
        assert sorted(itertools.chain(*first)) == sorted(LISTED)
        assert max(map(len, first)) <= int(op.split()[-1])
    assert [words for op, words in strings if op == "word"] == [[word] for word in LISTED]
    assert [words for op, words in strings if op.startswith("repeat")] == [[word] * TIMES for word in LISTED]


def rising(text):
    """Likes `little`, and `house` after it."""
    return -3.0 + ("little" in text) + 2 * ("little house" in text)


@pytest.mark.parametrize("beam", [1, 3])
def test_words_adds_the_word_that_raises_the_margin_most(beam, plain, target_for):
    target = target_for(Target, plain)
    trials = trials_of(f"words:pack=1:tries=1000:longest=3:beam={beam}", target, plain, 1200, rising)
    ops = [op for op, _ in itertools.groupby(t.candidate.op for t in trials)]
    assert ops[:3] == ["word", "add", f"repeat x{TIMES}"]
    added = [t for t in trials if t.candidate.op == "add"]
    second, third = added[: beam * len(LISTED)], added[beam * len(LISTED) : 2 * beam * len(LISTED)]
    assert len({t.candidate.parent for t in second}) == beam
    assert {t.candidate.parent for t in second} >= {f"{target.start} little"}
    assert {words_of(t.text, target.start)[-1] for t in second} == set(LISTED)
    assert third[0].candidate.parent == f"{target.start} little house"
    assert {len(words_of(t.text, target.start)) for t in third} == {3}


def test_words_go_on_for_ever_with_pairs_in_new_groups(plain, target_for):
    trials = trials_of("words", target_for(Target, plain), plain, 1500)
    assert "pair" in {t.candidate.op for t in trials}
    groups = [t.text for t in trials if t.candidate.op == "group of 64"]
    assert len(set(groups)) == len(groups) > 3 * PACKINGS


def test_words_of_a_file_and_within_constraints(tmp_path, plain, target_for):
    file = tmp_path / "words.txt"
    file.write_text("alpha beta\nгамма alpha delta\n", "utf-8")
    target = target_for(Target, plain, constraints=Constraints(ascii_only=True, max_tokens=9))
    trials = trials_of(f"words:file={file}", target, plain, 60)
    assert {w for t in trials for w in words_of(t.text, target.start)} == {"alpha", "beta", "delta"}
    assert all(t.verdict.parsed for t in trials)
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    for path, message in ((empty, "holds no word"), (tmp_path / "none.txt", "cannot be read")):
        with pytest.raises(UsageError, match=message):
            trials_of(f"words:file={path}", target, plain)


# --- injection and kinds ---------------------------------------------------------------------------------------------


def test_injection_is_told_from_all_else(target_for):
    for problem in Arithmetic().sample(35, seed=5):
        trials = trials_of("injection", target_for(Target, problem), problem)
        assert len({t.text for t in trials}) == len(trials) == 2 * len(TEXTS)
        assert {t.truth for t in trials} == {Truth.WRONG}
        alone, after = trials[: len(TEXTS)], trials[len(TEXTS) :]
        assert {kind_of(problem, t.text) for t in alone} == {"injection"}
        # A plain wrong answer that is near the reference stays near with anything behind it.
        expected = "near miss" if is_near(problem.reference, problem.wrong[0].text.casefold()) else "injection"
        assert {kind_of(problem, t.text) for t in after} == {expected}


def test_random_words_are_no_injection():
    rng = np.random.default_rng(0)
    problem = problem_of("272")
    for length in (8, 64):
        for _ in range(500):
            text = " ".join(rng.choice(LISTED, length))
            assert kind_of(problem, text) != "injection", text


@pytest.mark.parametrize(
    ("reference", "text", "near"),
    [
        ("272", "27", True),
        ("272", "2720", True),
        ("299", "300", True),
        ("3505 minutes", "3500", True),
        ("3505 minutes", "350", True),
        ("1000", "999", True),
        ("272", "715", False),
        ("272", "2", False),
        ("272", "270000", True),
        ("272", "7" * 5000, False),
    ],
)
def test_near(reference, text, near):
    assert is_near(reference, text) is near
