"""The five sentences of the first screen: true of the run, and apt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hoodwink import Candidate, Run, attack
from hoodwink.fuzz.checks import WARNINGS, Flag
from hoodwink.reports.answers import BROKEN, BY_WHAT, CHEAPLY, HARDENING, QUESTIONS, TO_DO
from hoodwink.reports.attack.answers import NAMED, answers, strongest
from hoodwink.reports.attack.figures import rates
from hoodwink.reports.attack.summary import Baseline, RunSummary, summarise
from hoodwink.reports.escape import quoted
from hoodwink.reports.text import interval


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
    assert said(replace(never, complete=False))[BROKEN].startswith("Not by this search so far: ")
    failed = replace(best, name="other", problems=0, asr=None, asr_ci=None, failed=("out of luck",))
    assert " 1 attack with " in said(replace(never, attacks=(*never.attacks, failed)))[BROKEN], (
        "those that failed count"
    )


def test_several_seeds_pair_a_rate_with_its_own_interval(seeded_run: Run) -> None:
    summary = summarise(seeded_run)
    best = strongest(summary)
    assert best is not None
    assert best.asr_ci is not None
    assert best.fooled / best.problems > (best.asr or 0) > 0
    assert (
        f"in {best.asr:.0%} of searches (95 % interval {interval(best.asr_ci)}), on {best.fooled} of {best.problems} "
        "problems by some seed"
    ) in said(summary)[BROKEN]
    caption = str(rates(summary))
    assert "mean over problems of the share of seeds" in caption
    assert "share of problems with" not in caption


def test_a_judge_that_is_fooled_without_any_attack_is_not_called_sound(summary: RunSummary) -> None:
    best = replace(summary.attacks[0], problems=5, fooled=0, asr=0.0, asr_ci=(0.0, 0.43))
    some = replace(flagged(summary), attacks=(best,), baseline=Baseline(5, 2, 0))
    found = said(some)
    assert found[BROKEN].startswith(
        "Yes, without any attack, on 2 of 7 problems; on those that count, not by this search"
    )
    assert "none of 5 problems" in found[BROKEN]
    assert "in vain" not in found[CHEAPLY]
    assert found[TO_DO] == "Reject plain wrong answers first."


def unreadable(reference: str, response: str) -> float | None:
    """Reads right answers, and gives no answer to any other."""
    return 0.9 if reference in response else None


@pytest.mark.parametrize("judge", [lambda reference, response: None, unreadable])
def test_a_judge_that_cannot_be_read_is_not_said_to_accept(judge: Any, tmp_path: Path) -> None:
    summary = summarise(attack(judge, attacks=["openers"], problems=3, budget=5, out=tmp_path / "run"))
    assert summary.baseline == Baseline(0, 0, 3)
    found = said(summary)
    assert found[BROKEN] == (
        "That cannot be said: its verdict can be read on the plain wrong answer of none of 3 problems."
    )
    assert found[TO_DO].startswith("Make its verdicts readable first")
    (flag,) = [flag for flag in summary.checks.flags if flag.id == "baseline-accepted"]
    assert flag.seen == "the plain wrong answer of 3 of 3 problems is not readably judged unattacked"


def test_a_judge_that_accepts_everything_is_fooled_without_any_attack(excluded_run: Run) -> None:
    summary = summarise(excluded_run)
    assert summary.baseline == Baseline(0, 3, 0)
    assert said(summary)[BROKEN] == ("Yes, without any attack: it accepts the plain wrong answer of 3 of 3 problems.")


def breaking(target: object, rng: object) -> Iterator[list[Candidate]]:
    """An attack that fails."""
    yield []
    raise RuntimeError("out of ideas")


def test_attacks_that_failed_say_nothing_of_the_judge(tmp_path: Path) -> None:
    run = attack("planted:length", attacks=[breaking], problems=3, budget=5, out=tmp_path / "run")
    found = said(summarise(run))
    assert found[BROKEN] == found[CHEAPLY] == "That cannot be said: the attacks failed."
    assert found[TO_DO].startswith("Find out first why attacks failed")


def test_an_unfinished_run_is_to_be_finished(unfinished_run: Run) -> None:
    assert said(flagged(summarise(unfinished_run)))[TO_DO].startswith("Run the same command to the end")


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
    assert f"by texts like {quoted(summary.diversity.modes[0].name, NAMED)} (" in text, (
        "not all of them need hold the name"
    )
    assert f"({summary.diversity.modes[0].finds} of them)" in text
    weak = replace(summary, strings=tuple(replace(s, rate=0.4) for s in summary.strings))
    assert "alone passes" not in said(weak)[BY_WHAT]
    key = replace(summary, strings=(replace(summary.strings[0], text="\x1b[31m", tried=7, fooled=6, rate=6 / 7),))
    assert said(key)[BY_WHAT].endswith(r"'\x1b[31m' alone passes on 6 of 7 problems.")


def test_hardening_is_a_duel_where_the_judge_can_be_retrained(summary: RunSummary) -> None:
    assert "change the judge, attack it again" in said(summary)[HARDENING]
    named = replace(summary, settings={**summary.settings, "judge": "hf:some/model:prompt=my prompt.jinja"})
    assert said(named)[HARDENING].endswith(
        "hoodwink duel --judge 'hf:some/model:prompt=my prompt.jinja' --corpus arithmetic"
    )
    own = replace(named, settings={**named.settings, "corpus": "file:my sums.jsonl"})
    strict = replace(own, checks=replace(own.checks, threshold=0.9))
    assert said(strict)[HARDENING].endswith(" --corpus 'file:my sums.jsonl' --threshold 0.9")
    unnamed = replace(named, settings={**named.settings, "corpus": "mine"})
    assert "hoodwink duel" not in said(unnamed)[HARDENING], "no command opens a corpus that was given in Python"


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
