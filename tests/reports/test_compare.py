"""What changed between two runs: numbers, tests, what counts as worse, and what is refused."""

from __future__ import annotations

import io
import json
import re
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import Candidate, Run, Training, UsageError
from hoodwink.judges.hardening import RECIPES
from hoodwink.judges.quality import measure
from hoodwink.reports.comparing.answers import answers
from hoodwink.reports.comparing.attacks import _read, found_again, mode_changes, verdicts
from hoodwink.reports.comparing.compare import compare
from hoodwink.reports.comparing.comparison import Change, Comparison
from hoodwink.reports.comparing.contests import contest, corrected, said
from hoodwink.reports.comparing.page import render
from hoodwink.reports.comparing.text import difference, number, render_comparison
from hoodwink.reports.duel.rates import Outcome, Outcomes
from hoodwink.reports.text import write
from rich.console import Console
from whackamole import WhackAMole, fight

HOSTILE: list[str] = json.loads((Path(__file__).parents[1] / "hostile.json").read_text("utf-8"))
UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


def printed(found: Comparison, width: int = 200) -> str:
    out = io.StringIO()
    write(Console(file=out, width=width), render_comparison(found))
    return out.getvalue()


# One search against another


def searches(fooled: dict[str, int | None], budget: int = 100) -> Outcomes:
    """Queries to success by problem, or None."""
    return {(problem, 0): Outcome(queries, budget) for problem, queries in fooled.items()}


def test_shared_problems_are_compared_one_by_one() -> None:
    """Ten problems: two fooled in A alone, seven in B alone, one in both: McNemar's exact test."""
    names = [f"p{i}" for i in range(10)]
    a = searches({name: 10 if name in names[:3] else None for name in names})
    b = searches({name: 10 if name in names[2:] and name != "p9" else None for name in names} | {"p9": 10})
    found = contest("auto", a, b, budget=100, alpha=0.05)
    assert (found.paired, found.problems) == (True, (10, 10))
    assert (found.asr.before, found.asr.after) == (0.3, 0.8)
    assert found.asr.difference == pytest.approx(0.5)
    assert found.asr_p == pytest.approx(2 * (1 + 9 + 36) / 2**9), "two against seven discordant problems"
    assert found.medians == (None, 10)
    low, high = found.asr.interval or (0, 0)
    assert low < 0 < 0.5 < high


def test_other_problems_are_compared_as_groups() -> None:
    a = searches({f"a{i}": 5 if i < 1 else None for i in range(10)})
    b = searches({f"b{i}": 5 if i < 8 else None for i in range(10)})
    found = contest("auto", a, b, budget=100, alpha=0.05)
    assert (found.paired, found.problems) == (False, (10, 10))
    assert found.asr_p == pytest.approx(0.005477, abs=1e-6), "Fisher's exact test of 1 and 8 of 10"
    low, high = found.asr.interval or (0, 0)
    assert (low, high) == (pytest.approx(0.2658, abs=1e-4), pytest.approx(0.8652, abs=1e-4)), "Newcombe's"
    assert found.sooner


def test_success_counts_within_the_smaller_budget() -> None:
    a = searches({"p": 90, "q": 200, "r": None}, 400)
    found = contest("auto", a, searches({"p": 90, "q": 90, "r": None}), budget=100, alpha=0.05)
    assert (found.asr.before, found.asr.after) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert found.curves[0] == ((0, 0.0), (90, pytest.approx(1 / 3)))


def test_problems_in_one_run_alone_are_left_out_where_most_are_shared() -> None:
    a = searches({"p": 1, "q": 1, "r": 1})
    found = contest("auto", a, searches({"p": None, "q": None, "s": 1}), budget=100, alpha=0.05)
    assert (found.paired, found.problems) == (True, (2, 2))
    assert (found.asr.before, found.asr.after, found.asr_p) == (1.0, 0.0, 0.5)
    few = contest("auto", a, searches({"p": None, "x": 1, "y": 1}), budget=100, alpha=0.05)
    assert (few.paired, few.problems) == (False, (3, 3))


def test_seeds_of_a_problem_are_one_value() -> None:
    a = {(f"p{i}", seed): Outcome(5 if seed else None, 100) for i in range(6) for seed in (0, 1)}
    b = {(f"p{i}", seed): Outcome(5, 100) for i in range(6) for seed in (0, 1)}
    found = contest("auto", a, b, budget=100, alpha=0.05)
    assert (found.asr.before, found.asr.after) == (0.5, 1.0)
    assert found.asr_p == pytest.approx(2 * 0.5**6), "six problems rise, none falls"


def test_p_values_are_corrected_for_all_that_gate() -> None:
    names = [f"p{i}" for i in range(8)]
    none, every = searches(dict.fromkeys(names)), searches(dict.fromkeys(names, 3))
    strong = contest("a", none, every, budget=100, alpha=0.05)
    same = contest("b", every, every, budget=100, alpha=0.05)
    aside = contest("c", none, every, budget=100, alpha=0.05, gates=False)
    (one, two, three), _ = corrected([strong, same, aside])
    assert strong.asr_p == pytest.approx(2 * 0.5**8)
    assert one.asr_holm == pytest.approx(2 * 2 * 0.5**8), "the second smallest of three"
    assert one.queries_holm == pytest.approx(3 * (strong.queries_p or 0)), "the smallest of three"
    assert (two.asr_holm, two.queries_p) == (1.0, None)
    assert (three.asr_holm, three.queries_holm) == (three.asr_p, three.queries_p)
    assert [c.differs(0.05) for c in (one, two)] == ["worse", None]
    assert said(one, 0.05) == "a fools B on 100% of problems and A on 0% (+100 points, p = 0.016)"
    worse, better = verdicts([one, two, three], [], 0.05)
    assert (worse, better) == ((said(one, 0.05),), ())


def test_cheaper_is_worse_where_the_rate_is_the_same() -> None:
    names = [f"p{i}" for i in range(10)]
    a, b = searches(dict.fromkeys(names, 80)), searches(dict.fromkeys(names, 2))
    (found,), _ = corrected([contest("auto", a, b, budget=100, alpha=0.05)])
    assert found.asr.difference == 0
    assert found.differs(0.05) == "worse"
    assert said(found, 0.05) == "auto fools B with fewer queries than A (median 2 against 80, p < 0.001)"
    (back,), _ = corrected([contest("auto", b, a, budget=100, alpha=0.05)])
    assert back.differs(0.05) == "better"
    assert said(back, 0.05) == "auto fools B with more queries than A (median 80 against 2, p < 0.001)"


def test_several_seeds_are_told_apart_by_their_mean() -> None:
    """17 problems rise by a third and 6 fall wholly: more rise, and the mean falls a little."""
    a = {(f"p{i}", seed): Outcome(5 if i >= 17 else None, 100) for i in range(23) for seed in range(3)}
    b = {(f"p{i}", seed): Outcome(5 if i < 17 and not seed else None, 100) for i in range(23) for seed in range(3)}
    (found,), _ = corrected([contest("auto", a, b, budget=100, alpha=0.05)])
    assert found.asr.difference == pytest.approx(-1 / 69)
    assert (found.asr_p or 0) > 0.5
    assert found.asr_holm is not None
    assert found.asr_holm > 0.5


def test_a_corrected_p_decides_of_clean_accuracy_alone() -> None:
    lower = Change("clean accuracy", 0.99, 0.9, interval=(-0.12, -0.05), better="higher", p=0.02)
    one, two = corrected([], [lower, replace(lower, p=None)])[1]
    assert (one.p_holm, two.p_holm) == (0.02, None)
    assert verdicts([], [one, two], 0.05) == (
        ("clean accuracy is 90.0% in B and 99.0% in A (−9.0 points, p = 0.020)",),
        (),
    )
    names = [f"p{i}" for i in range(8)]
    strong = contest("a", searches(dict.fromkeys(names)), searches(dict.fromkeys(names, 3)), budget=100, alpha=0.05)
    together = corrected([strong], [replace(lower, p=0.03)])
    assert together[1][0].p_holm == pytest.approx(0.03), "the largest of three"
    assert together[0][0].asr_holm == pytest.approx(2 * (strong.asr_p or 0)), "the second of three"
    assert verdicts([], corrected([], [replace(lower, p=0.051)])[1], 0.05) == ((), ())
    higher = replace(one, before=0.9, after=0.99, interval=(0.05, 0.12))
    assert verdicts([], [higher], 0.05)[0] == ()
    assert verdicts([], [higher], 0.05)[1][0].startswith("clean accuracy is 99.0% in B and 90.0% in A (+9.0 points")


# What finds have in common


def find(problem: str, response: str, shrunk: str | None = None) -> dict[str, Any]:
    return {"problem": problem, "response": response, "shrunk": response if shrunk is None else shrunk}


def test_finds_are_found_again_as_they_were_or_shrunk() -> None:
    a = [find("p", "Yes indeed", "Yes"), find("p", "Yes indeed", "Yes"), find("q", "zebra"), find("r", "quartz")]
    b = [find("p", "Yes"), find("q", "a zebra", "zebra"), find("s", "quartz")]
    assert found_again(a, b) == 2
    assert found_again(b, a) == 2
    assert found_again(a, []) == 0


def test_failure_modes_come_and_go() -> None:
    a = [find("p", "zebra crossing"), find("q", "zebra crossing"), find("r", "Respuesta")]
    b = [find("p", "Respuesta"), find("q", "quartz 12345")]
    assert [(mode.name, mode.before, mode.after) for mode in mode_changes(a, b)] == [
        ("respuesta", 1, 1),
        ("zebra crossing", 2, 0),
        ("quartz 12345", 0, 1),
    ]
    assert mode_changes([], []) == ()


# Two attack runs


def strict(reference: str, response: str) -> float:
    """Accepts the reference alone, as a number of its own."""
    return 0.9 if re.search(rf"(?<![\w.:-]){re.escape(reference)}(?![\w:])", response) else 0.1


def lenient(reference: str, response: str) -> float:
    """Accepts `Solution` too."""
    return 0.9 if response.startswith("Solution") else strict(reference, response)


def grumpy(reference: str, response: str) -> float:
    """Rejects long right answers."""
    return strict(reference, response) if len(response) < 40 else 0.1


def tried(target: Any, rng: object) -> Iterator[list[Candidate]]:
    """Two texts, the second of which some judges accept."""
    yield [Candidate("mmm", "tried", "miss"), Candidate("Solution", "tried", "hit")]


def idle(target: Any, rng: object) -> Iterator[list[Candidate]]:
    """A text that no judge accepts."""
    yield [Candidate("mmm", "idle", "miss")]


def attack(judge: Any, out: Path, **settings: Any) -> Run:
    given = {"attacks": [tried, idle], "problems": 12, "budget": 20, "shrink_budget": 20, **settings}
    return hoodwink.attack(judge, out=out, **given)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("compared")
    made = {judge.__name__: attack(judge, folder / judge.__name__) for judge in (strict, lenient, grumpy)}
    made["others"] = attack(lenient, folder / "others", seed=9)
    made["longer"] = attack(lenient, folder / "longer", budget=1)
    return made


def test_a_judge_that_is_fooled_more_often_is_worse(runs: dict[str, Run]) -> None:
    found = compare(runs["strict"], runs["lenient"])
    assert (found.kind, found.budget, found.worse) == ("attack", 20, True)
    name = found.contests[0].name
    assert found.regressions == (f"{name} fools B on 100% of problems and A on 0% (+100 points, p = 0.001)",)
    first, second = found.contests
    assert (first.paired, first.problems, first.medians) == (True, (12, 12), (None, 2))
    assert first.asr_p == pytest.approx(2 * 0.5**12)
    assert first.asr_holm == pytest.approx(3 * 2 * 0.5**12), "the second smallest of four tests"
    assert second.asr_p == 1.0
    assert second.queries_p is None
    assert found.improvements == ()
    assert found.old is not None
    assert (found.old.finds, found.old.again) == (0, 0)
    assert [(mode.before, mode.after) for mode in found.modes] == [(0, 12)]
    assert found.caveats == ()
    back = compare(runs["lenient"], runs["strict"])
    assert (back.worse, len(back.improvements)) == (False, 1)
    assert back.old is not None
    assert (back.old.finds, back.old.again, back.old.asked, back.old.accepted) == (12, 0, 12, 0)


def test_clean_responses_are_those_of_the_check(runs: dict[str, Run]) -> None:
    """Verdicts are read back from the store: they give the rates that the run itself reports."""
    for run in runs.values():
        read = _read(run)
        quality = measure([g for group in read.clean for g in group])
        assert (quality.clean_accuracy, quality.auroc) == (
            read.summary.checks.quality.clean_accuracy,
            read.summary.checks.quality.auroc,
        )


def test_a_judge_that_rejects_right_answers_is_worse(runs: dict[str, Run]) -> None:
    found = compare(runs["strict"], runs["grumpy"])
    accuracy, auroc, read, right, wrong = found.measures
    qualities = [hoodwink.summarise(runs[name]).checks.quality for name in ("strict", "grumpy")]
    assert (accuracy.before, accuracy.after) == tuple(q.clean_accuracy for q in qualities)
    assert (right.before, right.after) == tuple(q.right_accepted for q in qualities)
    low, high = accuracy.interval or (0, 0)
    assert low < (accuracy.difference or 0) < high < 0
    assert (read.before, read.after) == (1.0, 1.0)
    assert accuracy.differs(0.05) == "worse"
    assert [m.p for m in found.measures[1:]] == [None] * 4, "nothing else counts"
    assert (auroc.interval or (0, 0))[1] < 0
    assert (right.interval or (0, 0))[1] < 0
    assert wrong.difference == 0
    assert len(found.regressions) == 1
    said = f"clean accuracy is {100 * (accuracy.after or 0):.1f}% in B and {100 * (accuracy.before or 0):.1f}% in A ("
    assert found.regressions[0].startswith(said)


def test_a_run_against_its_like_differs_in_nothing(runs: dict[str, Run], tmp_path: Path) -> None:
    again = attack(lenient, tmp_path / "again")
    found = compare(runs["lenient"], again)
    assert (found.worse, found.improvements, found.settings) == (False, (), ())
    assert [caveat for caveat in found.caveats if "very same judge" in caveat]
    assert all(change.difference == 0 for change in found.measures)
    assert found.old is not None
    assert (found.old.finds, found.old.again, found.old.accepted) == (12, 12, 12)
    assert answers(found)[0].text == f"Not measurably: {found.contests[0].name} fools both on 100% of problems."


def test_what_limits_a_comparison_is_said(runs: dict[str, Run]) -> None:
    others = compare(runs["lenient"], runs["others"])
    assert ("seed", "0", "9") in others.settings
    assert any(c.startswith("the runs are on different problems") for c in others.caveats)
    assert not others.contests[0].paired
    budgets = compare(runs["lenient"], runs["longer"])
    assert budgets.budget == 1
    assert ("budget", "20", "1") in budgets.settings
    assert any(
        c.startswith("the budgets differ: success is counted within the smaller one, 1,") for c in budgets.caveats
    )
    assert [c.asr.before for c in budgets.contests] == [0.0, 0.0], "the hit is the second query"


def test_no_attack_in_both(runs: dict[str, Run], tmp_path: Path) -> None:
    other = attack(lenient, tmp_path / "other", attacks=["openers"])
    found = compare(runs["lenient"], other)
    assert found.contests == ()
    assert any(c.startswith("no attack is in both runs") for c in found.caveats)
    assert not found.decided
    assert answers(found)[0].text == "It cannot be said: no attack that is in both runs counts in both."
    assert answers(found)[-1].text.startswith("Attack both judges with one attack in common;")
    assert "<svg" not in render(found)
    printed(found)


def silent(reference: str, response: str) -> float | None:
    """Cannot be read at all."""
    return None


def shy(reference: str, response: str) -> float | None:
    """Right about right answers, and cannot be read on any other."""
    return 0.9 if strict(reference, response) == 0.9 else None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("judge", "accuracy"), [(silent, "0.0%"), (shy, "[0-9.]+%")])
def test_a_judge_that_cannot_be_read_is_worse(runs: dict[str, Run], tmp_path: Path, judge: Any, accuracy: str) -> None:
    found = compare(runs["lenient"], attack(judge, tmp_path / "unread"))
    assert found.worse
    assert re.match(rf"clean accuracy is {accuracy} in B and [0-9.]+% in A \(", found.regressions[-1])
    assert any(
        re.match(r"[0-9.]+% of B's verdicts on known responses could not be read: they", c) for c in found.caveats
    )
    auroc = {m.name: m for m in found.measures}["AUROC"]
    assert (auroc.after, auroc.interval) == (None, None)
    json.dumps(found.to_json(), allow_nan=False)
    for shown in (printed(found), render(found)):
        assert "nan" not in shown
        assert "verdicts that could be read" in shown
    assert answers(found)[0].text.startswith("Yes: clean accuracy is ")
    baselines = [c for c in found.caveats if "count in one run only" in c]
    assert all("accepts it, or its verdict could not be read" in c for c in baselines)


def test_clean_responses_are_compared_on_shared_problems(runs: dict[str, Run], tmp_path: Path) -> None:
    """Of 12 and of 5 problems, the five that both have: on these, the same judge says the same."""
    fewer = attack(grumpy, tmp_path / "fewer", problems=5)
    found = compare(runs["grumpy"], fewer)
    assert found.contests[0].problems == (5, 5)
    assert [m.difference for m in found.measures] == [0.0] * 5
    assert any(
        c.startswith("the runs share only some of their problems: attacks and clean resp") for c in found.caveats
    )


def test_alpha_is_the_level_of_all_of_it(runs: dict[str, Run]) -> None:
    strictly = compare(runs["strict"], runs["lenient"], alpha=1e-9)
    assert (strictly.worse, strictly.contests[0].asr.difference) == (False, 1.0)
    wide = compare(runs["strict"], runs["grumpy"], alpha=0.001).measures[0].interval or (0, 0)
    narrow = compare(runs["strict"], runs["grumpy"], alpha=0.2).measures[0].interval or (0, 0)
    assert wide[1] - wide[0] > narrow[1] - narrow[0] > 0


def test_the_text_and_the_page_say_what_the_comparison_holds(runs: dict[str, Run]) -> None:
    found = compare(runs["strict"], runs["lenient"])
    text, page = printed(found), render(found)
    for answer in answers(found):
        assert f"{answer.question} {answer.text}" in text
    for change in found.measures:
        assert number(change, change.after) in text
        assert f'<td class="n">{difference(change, 1)}</td>' in page
    assert "+100 (" in text
    assert page.count("<svg ") == 2
    assert page.count("<h1>") == 1
    assert page.count("<table>") == page.count("<table><caption")


def test_the_json_is_as_documented(runs: dict[str, Run]) -> None:
    data = json.loads(json.dumps(compare(runs["strict"], runs["lenient"]).to_json()))
    assert list(data) == [
        "schema", "kind", "alpha", "budget", "regression", "decided", "regressions", "improvements", "a", "b",
        "settings", "caveats", "measures", "contests", "modes", "old_finds", "courses",
    ]  # fmt: skip
    assert (data["schema"], data["regression"]) == ("hoodwink.compare/1", True)
    assert data["contests"][0]["asr"]["difference"] == 1.0
    assert data["measures"][0]["name"] == "clean accuracy"


def test_hostile_text_does_nothing(runs: dict[str, Run]) -> None:
    found = compare(runs["strict"], runs["lenient"])
    text = "".join(HOSTILE)
    changed = replace(
        found,
        a=replace(found.a, judge=text, folder=text, fingerprint=text, about=text),
        settings=tuple((t, t, t) for t in HOSTILE),
        caveats=tuple(HOSTILE),
        regressions=tuple(HOSTILE),
        contests=tuple(replace(found.contests[0], name=t) for t in HOSTILE),
        modes=tuple(replace(found.modes[0], name=t, example=t) for t in HOSTILE),
        measures=(*found.measures, *(replace(found.measures[0], name=t) for t in HOSTILE)),
    )
    for shown in (render(changed), printed(changed)):
        assert {c for c in shown if c != "\n" and unicodedata.category(c) in UNSEEN} == set()
    assert "<script>alert" not in render(changed)
    assert "<img" not in render(changed)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("corpus", lambda identity: identity.update(corpus="file:other.jsonl")),
        ("of kind attack and", lambda identity: identity.update(kind="duel")),
        ("which this version cannot compare", lambda identity: identity.update(kind="siege")),
        ("which this version cannot compare", lambda identity: identity.update(kind=["duel"])),
        ("compares recipes itself", lambda identity: identity.update(kind="recipes")),
    ],
)
def test_runs_that_cannot_be_compared(runs: dict[str, Run], tmp_path: Path, name: str, change: Any) -> None:
    copy = shutil.copytree(runs["lenient"].folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text("utf-8"))
    change(config["identity"])
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(UsageError, match=name) as caught:
        compare(runs["lenient"], copy)
    assert "\n" not in str(caught.value)


def test_a_run_is_not_compared_with_itself(runs: dict[str, Run]) -> None:
    with pytest.raises(UsageError, match="are the same run"):
        compare(runs["lenient"], str(runs["lenient"].folder))
    with pytest.raises(UsageError, match="alpha is 1; write a level between 0 and 1"):
        compare(runs["lenient"], runs["strict"], alpha=1)


# Two duels


@pytest.fixture(scope="module")
def duels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """One that closes its holes, and one whose recipe leaves most of them open."""
    folder = tmp_path_factory.mktemp("duels")
    good = fight(folder / "good", WhackAMole(), problems=8, train_problems=6)
    bad = fight(folder / "bad", WhackAMole(), problems=8, train_problems=6, recipe=RECIPES["keys"], rounds=2)
    return good, bad


def test_duels_are_compared_by_their_last_rounds(duels: tuple[Run, Run]) -> None:
    found = compare(*duels)
    assert found.kind == "duel"
    assert [c.name for c in found.contests if c.gates] == ["fresh search", "search by families held out"]
    assert [c.name for c in found.contests if not c.gates] == ["round 1", "round 2"]
    fresh, first = found.contests[0], found.contests[2]
    one, two = (hoodwink.summarise(run) for run in duels)
    assert (fresh.asr.before, fresh.asr.after) == (one.rounds[-1].adaptive.rate, two.rounds[-1].adaptive.rate)
    assert (fresh.asr.before, fresh.asr.after) == (0.0, 1.0)
    assert (first.paired, first.asr.difference, first.asr_p) == (True, 0.0, 1.0), "the same judge on the same problems"
    assert not fresh.paired, "rounds 3 and 2 have problems of their own"
    assert found.worse
    assert found.regressions[0].startswith("fresh search fools B on 100% of problems and A on 0% (+100 points, p ")
    assert any(c.startswith("the last round of A is 3 and that of B 2") for c in found.caveats)
    assert ("recipe.name", "replay", "keys") in found.settings
    assert sum(mode.before for mode in found.modes) == one.rounds[-1].finds, "the finds of the last rounds alone"
    assert sum(mode.after for mode in found.modes) == two.rounds[-1].finds
    assert found.old is None, "no two rounds share a problem"
    assert "recipe keys" in printed(found)
    assert "which are of the last rounds and count" in render(found)


# Two collapses


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run, Run]:
    """A judge that holds, one that does not, and the latter for a few steps."""

    def gullible(reference: str, response: str) -> float:
        return 0.97 if response.startswith(" ") else strict(reference, response)

    folder = tmp_path_factory.mktemp("courses")
    training = Training(steps=100, batch=64, every=5, length=3, vocabulary=32, choice_lr=1.5)
    held = hoodwink.collapse(strict, training=training, out=folder / "held")
    lost = hoodwink.collapse(gullible, training=training, out=folder / "lost")
    short = hoodwink.collapse(strict, training=replace(training, steps=5), out=folder / "short")
    return held, lost, short


def test_collapses_are_compared_by_whether_and_when(courses: tuple[Run, Run, Run]) -> None:
    held, lost, short = courses
    found = compare(held, lost)
    moment = hoodwink.summarise(lost).collapse
    assert found.regressions == (
        f"the policy trained on B collapsed (step {moment.step}, {moment.queries} queries), the one on A did not in "
        "100 steps",
    )
    assert found.caveats == ("one run each: no test says what is chance; other seeds would",)
    assert compare(lost, held).improvements[0].startswith("the policy trained on A collapsed")
    assert {c.name: c.after for c in found.measures}["step of collapse"] == moment.step
    late = compare(short, lost)
    assert (late.worse, answers(late)[0].text) == (
        False,
        "Unknown: one of the two was not trained for as many steps.",
    )
    assert any("was trained for 5 steps only" in caveat for caveat in late.caveats)
    assert len(found.courses) == 2
    assert "mean of an exam" in render(found)
    assert "A never" in printed(found)


def test_it_is_a_public_name(runs: dict[str, Run]) -> None:
    assert hoodwink.compare(runs["strict"].folder, str(runs["lenient"].folder)).worse
