"""The five sentences of the first screen: true of the run, and apt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hoodwink import Run
from hoodwink.fuzz.checks import WARNINGS, Flag
from hoodwink.reports.answers import BROKEN, BY_WHAT, CHEAPLY, HARDENING, QUESTIONS, TO_DO
from hoodwink.reports.attack.answers import answers
from hoodwink.reports.attack.summary import RunSummary, summarise


def said(summary: RunSummary) -> dict[str, str]:
    return {answer.question: f"{answer.text} {answer.command}".strip() for answer in answers(summary)}


def flagged(summary: RunSummary, *ids: str) -> RunSummary:
    flags = tuple(Flag(id, "seen", WARNINGS[id].means) for id in ids)
    return replace(summary, checks=replace(summary.checks, flags=flags))


@pytest.fixture(scope="module")
def summary(planted_run: Run) -> RunSummary:
    return summarise(planted_run)


@pytest.mark.parametrize(
    "name", ["planted_run", "seeded_run", "hostile_run", "unfinished_run", "excluded_run", "empty_run"]
)
def test_every_run_answers_every_question_in_a_sentence(name: str, request: pytest.FixtureRequest) -> None:
    found = answers(summarise(request.getfixturevalue(name)))
    assert tuple(answer.question for answer in found) == QUESTIONS
    assert all(answer.text[-1] in ".:" and len(answer.text) < 400 for answer in found)
    assert all(answer.text.isprintable() for answer in found)


def test_broken(summary: RunSummary) -> None:
    best = next(a for a in summary.attacks if a.name == "repeat")
    assert said(summary)[BROKEN].startswith(
        "Yes: repeat makes it accept provably wrong answers on 7 of 7 problems (95 % interval 65–100%)"
    )
    rarely = replace(summary, attacks=(replace(best, fooled=2, asr=2 / 7, asr_ci=(0.08, 0.64), queries_median=None),))
    assert said(rarely)[BROKEN].startswith("In part: repeat makes it accept provably wrong answers on 2 of 7 problems")
    never = replace(summary, attacks=(replace(best, fooled=0, asr=0.0, asr_ci=(0.0, 0.35)),), finds=())
    assert said(never)[BROKEN] == (
        "Not by this search: 1 attack with 60 queries a problem fooled it on none of 7 problems, "
        "at 95 % confidence fewer than 35%."
    )
    assert said(flagged(summary, "weak-judge"))[BROKEN].startswith("Yes, even unattacked: ")


def test_how_cheaply(summary: RunSummary) -> None:
    best = next(a for a in summary.attacks if a.name == "repeat")
    first = best.curve[1][0]
    assert said(summary)[CHEAPLY] == (
        f"Half of all searches by repeat succeed within {best.queries_median} queries; its cheapest find took {first} "
        f"{'query' if first == 1 else 'queries'}."
    )
    once = replace(summary, attacks=(replace(best, queries_median=1, curve=((0, 0.0), (1, 1.0))),))
    assert said(once)[CHEAPLY].endswith("succeed within 1 query; its cheapest find took 1 query.")
    rarely = replace(summary, attacks=(replace(best, fooled=2, asr=2 / 7, queries_median=None),))
    assert "fewer than half of the searches by repeat succeed within 60 queries" in said(rarely)[CHEAPLY]


def test_by_what(summary: RunSummary) -> None:
    text = said(summary)[BY_WHAT]
    assert text.startswith(f"{len(summary.finds)} finds (")
    assert f"({summary.diversity.modes[0].finds} of them)" in text
    weak = replace(summary, strings=tuple(replace(s, rate=0.4) for s in summary.strings))
    assert "alone passes" not in said(weak)[BY_WHAT]
    key = replace(summary, strings=(replace(summary.strings[0], text="\x1b[31m", tried=7, fooled=6, rate=6 / 7),))
    assert said(key)[BY_WHAT].endswith(r"'\x1b[31m' alone passes on 6 of 7 problems.")


def test_hardening_is_a_duel_where_the_judge_can_be_retrained(summary: RunSummary) -> None:
    assert "change the judge, attack it again" in said(summary)[HARDENING]
    named = replace(summary, settings={**summary.settings, "judge": "hf:some/model:prompt=my prompt.jinja"})
    assert said(named)[HARDENING].endswith("hoodwink duel --judge 'hf:some/model:prompt=my prompt.jinja'")


def test_what_to_do_first(summary: RunSummary) -> None:
    def only(kind: str) -> RunSummary:
        finds: tuple[dict[str, Any], ...] = tuple({**find, "kind": kind} for find in summary.finds)
        return replace(flagged(summary), finds=finds)

    assert said(flagged(summary, "bad-reference", "weak-judge"))[TO_DO].startswith("Mend the corpus first")
    assert said(flagged(summary, "coin-flip"))[TO_DO].startswith("Mend the judge first")
    assert said(only("near miss"))[TO_DO].startswith("Let code compare final answers")
    assert said(only("injection"))[TO_DO].startswith("Keep instructions out")
    assert said(only("nonsense"))[TO_DO].startswith("Do not use its score as a reward")
    assert "no find is no proof" in said(replace(flagged(summary), finds=()))[TO_DO]
