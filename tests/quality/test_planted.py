"""Does the search find a flaw that is known to be there, and isolate it? One planted judge a flaw."""

from __future__ import annotations

import re

import hoodwink
import pytest
from hoodwink.judges.planted import LONG, REPEATS, TRIGGER
from hoodwink.reports.summary import summarise


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


@pytest.mark.parametrize("hole", ["trigger", "echo"])
def test_what_no_attack_can_feel_is_not_found_by_chance(tmp_path, hole):
    _, summary = attack(hole, ["random"], tmp_path, budget=200)
    assert summary["random"].fooled == 0
    assert summary["random"].queries_total == 1200
