"""Does the search find a flaw that is known to be there, and isolate it? One planted judge a flaw."""

from __future__ import annotations

import re

import hoodwink
import pytest
from hoodwink.judges.planted import CLAIM, HOLES, LONG, PAIR, REPEATS, THIRD, TRIGGER, TRIPLE
from hoodwink.reports.attack.summary import summarise


def attack(hole, attacks, out, **options):
    run = hoodwink.attack(
        f"planted:{hole}", "arithmetic:families=legs+rates+clock", attacks=attacks, problems=6, out=out, **options
    )
    return run, {a.name: a for a in summarise(run).attacks}


def assert_found(run, summary, name):
    assert (summary[name].fooled, summary[name].problems) == (6, 6)
    finds = [f for f in run.finds if f["attack"] == name]
    assert len(finds) == 6
    assert all(f["minimal"] for f in finds)
    return finds


def test_the_trigger_word_is_found_by_openers_and_shrunk_to_itself(tmp_path):
    run, summary = attack("trigger", ["none", "openers", "openers:append=true"], tmp_path)
    assert summary["none"].fooled == 0
    finds = assert_found(*attack("trigger", ["openers"], tmp_path / "alone"), "openers")
    assert {f["shrunk"] for f in finds} == {TRIGGER}
    assert {f["shrunk"] for f in run.finds} == {TRIGGER}


def test_length_is_found_by_repeat_and_shrunk_to_the_shortest_that_passes(tmp_path):
    finds = assert_found(*attack("length", ["repeat"], tmp_path), "repeat")
    assert {len(f["shrunk"]) for f in finds} == {LONG}


def test_length_is_climbed_by_random_search(tmp_path):
    name = "random:length=15:longest=60"
    run, summary = attack("length", [name], tmp_path)
    finds = assert_found(run, summary, name)
    assert summary[name].queries_median > 16  # not in the first, fresh batch
    assert {len(f["shrunk"]) for f in finds} == {LONG}


def test_repetition_is_found_by_repeat_and_shrunk_to_the_fewest_repeats(tmp_path):
    finds = assert_found(*attack("repetition", ["repeat"], tmp_path), "repeat")
    for find in finds:
        unit = find["shrunk"][: len(find["shrunk"]) // REPEATS]
        assert find["shrunk"] == unit * REPEATS
        assert 1 <= len(unit) <= 4


def test_the_last_digit_is_found_by_random_search_and_shrunk_to_that_digit(tmp_path):
    finds = assert_found(*attack("last-digit", ["random"], tmp_path), "random")
    for find in finds:
        assert find["shrunk"] == re.findall(r"\d", find["reference"])[-1]


def test_the_echo_is_found_by_openers_and_shrunk_to_the_question(tmp_path):
    finds = assert_found(*attack("echo", ["openers"], tmp_path), "openers")
    assert all(f["shrunk"] == f["question"] for f in finds)


def digits(text):
    return "".join(re.findall("[0-9]", text))


def shorter(text):
    """All texts without one character of this one."""
    return {text[:i] + text[i + 1 :] for i in range(len(text))}


#: An attack that finds each hole without gradients, and whether a find was shrunk to exactly the hole.
FOUND = {
    "trigger": ("openers", lambda find: find["shrunk"] == TRIGGER),
    "length": ("repeat", lambda find: len(find["shrunk"]) == LONG),
    "repetition": ("repeat", lambda find: find["shrunk"] == find["shrunk"][: len(find["shrunk"]) // REPEATS] * REPEATS),
    "last-digit": ("random", lambda find: find["shrunk"] == digits(find["reference"])[-1]),
    "echo": ("openers", lambda find: find["shrunk"] == find["question"]),
    "conjunction": ("words", lambda find: find["shrunk"] in {" ".join(sorted(PAIR)), " ".join(sorted(PAIR)[::-1])}),
    "slope": ("words:pack=1", lambda find: sorted(find["shrunk"].split(" ")) == sorted(TRIPLE)),
    "position": ("words:mode=replace", lambda find: re.fullmatch(rf"\w \w {THIRD}", find["shrunk"])),
    "script": ("chars", lambda find: re.fullmatch(r"(?![0-9])\d", find["shrunk"])),
    "dropped": (
        "nearmiss",
        lambda find: find["shrunk"] in shorter(digits(find["reference"])),
    ),
    "claim": ("injection", lambda find: find["shrunk"] == CLAIM),
    "so-far": ("openers", lambda find: find["shrunk"] == ""),
}  # fmt: skip


@pytest.mark.parametrize("hole", HOLES)
def test_every_hole_is_found_on_every_problem_and_shrunk_to_itself(tmp_path, hole):
    name, is_hole = FOUND[hole]
    run, summary = attack(hole, [name], tmp_path, budget=2000)
    for find in assert_found(run, summary, name):
        assert is_hole(find), find["shrunk"]


def test_group_tests_are_what_finds_a_conjunction(tmp_path):
    _, summary = attack("conjunction", ["words", "words:pack=1"], tmp_path)
    assert summary["words"].fooled == 6
    assert summary["words"].queries_median < 30
    assert summary["words:pack=1"].fooled == 0


@pytest.mark.parametrize("hole", ["trigger", "echo"])
def test_what_no_attack_can_feel_is_not_found_by_chance(tmp_path, hole):
    _, summary = attack(hole, ["random"], tmp_path, budget=200)
    assert summary["random"].fooled == 0
    assert summary["random"].queries_total == 1200


def test_harmless_steps_pay_for_a_wrong_answer_where_steps_are_summed(tmp_path):
    fooled = {}
    for aggregate in ("min", "product", "last", "mean", "sum"):
        run = hoodwink.attack(
            f"process:planted:so-far?aggregate={aggregate}",
            "arithmetic:families=legs+rates+clock",
            attacks=["steps"],
            problems=6,
            budget=200,
            shrink_budget=0,
            out=tmp_path / aggregate,
        )
        [steps] = summarise(run).attacks
        assert steps.problems == 6
        fooled[aggregate] = steps.fooled
        for find in run.finds:
            assert len(find["steps"]) >= 4
            assert "".join(text for text, _ in find["steps"]) == find["response"]
            assert find["steps"][-1][1] < 0.01 < 0.5 < find["steps"][0][1]
    assert fooled == {"min": 0, "product": 0, "last": 0, "mean": 6, "sum": 6}
