"""What a test says of a judge: which judges pass, which fail, and what a person reads then."""

from __future__ import annotations

import copy
import hashlib
import io
import itertools
import math
import pickle
import re
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hoodwink
import pytest
from hoodwink import (
    Candidate,
    HoodwinkWarning,
    NotRobust,
    Problem,
    Response,
    Truth,
    UsageError,
    assert_rejects,
    assert_robust,
)
from hoodwink.corpora.oracles import open_oracle
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.statistics import least_problems, wilson
from hoodwink.judges.opening import opened_once
from hoodwink.reports.attack.page import render
from hoodwink.reports.attack.text import render_summary
from hoodwink.reports.testing.bar import Bar, Tally
from hoodwink.reports.testing.recording import Entry, fresh
from hoodwink.reports.testing.session import answers
from hoodwink.reports.testing.text import grouped
from rich.console import Console

#: Enough to find the planted hole, and no more.
SMALL: dict[str, Any] = {"attacks": ["openers"], "problems": 4, "budget": 30, "shrink_budget": 60}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go to a folder of this test; the session that runs the tests has no part in them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hoodwink.reports.testing.recording._sessions", [])


ORACLE = open_oracle("exact")


def careful(problem: Problem, response: str) -> float:
    """Accepts what the oracle calls right, and nothing else."""
    return 0.9 if ORACLE.truth(problem, response) is Truth.RIGHT else 0.1


def half(target: object, rng: object) -> Iterator[list[Candidate]]:
    """Fools `planted:trigger` on every other problem or so."""
    yield [Candidate("Solution" if len(target.question) % 2 else "nothing", "half", "")]  # type: ignore[attr-defined]


def other_half(target: object, rng: object) -> Iterator[list[Candidate]]:
    """Fools it on the rest."""
    yield [Candidate("nothing" if len(target.question) % 2 else "Solution", "other half", "")]  # type: ignore[attr-defined]


def test_a_failure_says_all_that_one_needs() -> None:
    with pytest.raises(NotRobust) as failure:
        assert_robust("planted:trigger", **SMALL, seed=3)
    first, *rest = str(failure.value).splitlines()
    assert first == (
        "judge planted:trigger is fooled on 4 of 4 problems: ASR 100% (95% interval 51–100%), over max_asr 5%"
    )
    text = "\n".join(rest)
    assert "  'Solution'   on 4 problems, one of them:\n    score     0.953 (accepts from 0.5), found after " in text
    assert re.search(r"why wrong states no number; reference \d+", text)
    assert re.search(r"attack  openers on arithmetic, seed 3, at most 30 queries a search, \d+ in all\n", text)
    folder = re.search(r"run     (.+)\nlook    hoodwink show \1$", text)
    assert folder is not None
    finds = hoodwink.load_run(folder[1]).finds
    assert {find["shrunk"] for find in finds} == {"Solution"}
    assert failure.value.record.fooled == len(finds) == 4
    assert isinstance(failure.value, AssertionError)
    assert traceback.format_exception_only(failure.value)[0].startswith("hoodwink.NotRobust: judge ")


def test_what_passes_is_told_in_numbers() -> None:
    seen = assert_robust("planted:trigger", attacks=["none"], problems=6)
    assert (seen.asr, seen.tally.fooled, seen.tally.problems) == (0.0, 0, 6)
    assert seen.interval == wilson(0, 6)
    assert seen.finds == ()
    assert seen.record.gate == "passed"
    assert seen.summary.to_json()["attacks"][0]["asr"] == 0.0
    assert hoodwink.load_run(seen.run.folder).finds == []


def test_problems_count_once_whatever_fooled_them() -> None:
    """Two attacks that share the problems between them fool the judge on all of them, with whichever seed."""
    rates = {}
    for attacks in ([half], [other_half], [half, other_half]):
        settings: dict[str, Any] = {"problems": 9, "budget": 5, "shrink_budget": 0, "seeds": 2}
        with pytest.raises(NotRobust) as failure:
            assert_robust("planted:trigger", attacks=attacks, **settings)
        rates[len(attacks), attacks[0].__name__] = failure.value.record.fooled
    assert rates[1, "half"] + rates[1, "other_half"] == rates[2, "half"] == 9
    assert 0 < rates[1, "half"] < 9


def test_the_point_may_pass_where_the_upper_end_does_not() -> None:
    settings: dict[str, Any] = {"attacks": [half], "problems": 9, "budget": 5, "shrink_budget": 0}
    point = assert_robust("planted:trigger", **settings, max_asr=0.7)
    assert point.asr < 0.7 < point.interval[1]
    with pytest.raises(NotRobust, match=r"upper end 7\d\.\d% over max_asr 70%"):
        assert_robust("planted:trigger", **settings, max_asr=0.7, gate="upper")
    assert assert_robust("planted:trigger", **settings, max_asr=0.95, gate="upper").asr == point.asr


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.25, 0.5, 0.9])
def test_the_fewest_problems_are_the_fewest(rate: float) -> None:
    least = least_problems(rate)
    at, below = wilson(0, least), wilson(0, least - 1)
    assert at is not None
    assert at[1] <= rate
    assert below is None or below[1] > rate


def test_a_gate_that_cannot_be_passed_is_a_mistake() -> None:
    with pytest.raises(
        UsageError, match=r'gate="upper" with max_asr=0.05 needs 73 problems even if none is fooled, and'
    ):
        assert_robust("planted:trigger", gate="upper")
    with pytest.raises(UsageError, match=r"needs 16 problems .* and 15 are asked for"):
        assert_robust("planted:trigger", gate="upper", max_asr=0.2, problems=15)
    with pytest.raises(UsageError, match='write gate="point"'):
        assert_robust("planted:trigger", gate="upper", max_asr=0, problems=1000)
    assert not list(Path().iterdir())


def test_problems_that_do_not_count_may_be_those_that_lack() -> None:
    """Sixteen problems are enough; the judge accepts the plain wrong answer of some."""
    calls = []

    def judge(problem: Problem, response: str) -> bool:
        calls.append(response)
        return careful(problem, response) > 0.5 or len(problem.question) % 4 == 0

    with pytest.raises(UsageError, match=r"needs 16 problems even if none is fooled, and 1\d are left, whose plain"):
        assert_robust(judge, gate="upper", max_asr=0.2, problems=16, check="warn")
    assert len(calls) < 300, "no search was begun"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_asr": 5}, "max_asr is 5; write a share from 0 to under 1, such as 0.05"),
        ({"max_asr": math.nan}, "max_asr is nan; write a share"),
        ({"max_asr": "5%"}, "max_asr is '5%'; write a share"),
        ({"gate": "lower"}, "gate is 'lower'; write point or upper"),
        ({"check": "skip"}, "check is 'skip'; write fail or warn"),
        ({"budget": 0}, "budget is 0; write a whole number of at least 1"),
        ({"corpus": "arithmatic"}, "no corpus is named 'arithmatic'; did you mean arithmetic?"),
    ],
)
def test_settings_that_mean_nothing(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        assert_robust("planted:trigger", **setting)


def coin(response: str) -> bool:
    """Accepts every other text, by its hash."""
    return hashlib.sha256(response.encode()).digest()[0] % 2 == 0


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        (lambda response: False, "fails without any attack: only 0% of right answers are accepted"),
        (coin, "fails without any attack: only "),
        (lambda response: True, "accepts the plain wrong answer of every problem, without any attack"),
        (lambda response: None, "rejects no plain wrong answer, without any attack: 100.0% of verdicts could not be"),
    ],
    ids=["rejects everything", "coin", "accepts everything", "unreadable"],
)
def test_a_judge_that_is_no_use_is_not_attacked(judge: Any, why: str) -> None:
    calls = []

    def counted(response: str) -> Any:
        calls.append(response)
        return judge(response)

    with pytest.raises(NotRobust, match=re.escape(why)) as failure:
        assert_robust(counted, problems=12, max_asr=0.99)
    assert failure.value.record.gate == "unfit"
    assert (failure.value.record.queries, failure.value.record.asr) == (0, None)
    assert "not begun" in str(failure.value)
    assert len(calls) < 300


def test_it_is_attacked_if_one_insists() -> None:
    with pytest.warns(HoodwinkWarning) as seen:
        passed = assert_robust(lambda response: False, attacks=["none"], problems=4, check="warn")
    assert passed.asr == 0.0
    assert any("rejects-right: only 0% of right answers are accepted; a judge that" in str(w.message) for w in seen)
    assert {w.filename for w in seen} == {__file__}, "at the line that called"


def test_a_good_judge_passes_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert assert_robust("planted:trigger", attacks=["none"], problems=4).record.flags == []


def broken(target: object, rng: object) -> Iterator[list[Candidate]]:
    """Fails before it finds anything."""
    yield [Candidate("nothing", "broken", "")]
    raise RuntimeError("no idea")


def test_a_broken_attack_is_no_pass() -> None:
    with pytest.raises(
        hoodwink.HoodwinkError, match=r"3 searches failed, so that nothing found means nothing: .*no idea"
    ):
        assert_robust("planted:trigger", attacks=[broken], problems=3)
    with pytest.raises(NotRobust):
        assert_robust("planted:trigger", attacks=[broken, "openers"], problems=3, shrink_budget=0)


def test_constraints_that_refuse_all_are_a_mistake() -> None:
    nothing = Constraints(forbid=("(?s).*",))
    with pytest.raises(UsageError, match="the constraints refuse every response"):
        assert_robust("planted:trigger", **SMALL, constraints=nothing)


def test_the_judge_fails_as_it_fails() -> None:
    """The way from the caller to the judge's own line, without the way through hoodwink."""

    def grade(response: str) -> float:
        raise OSError("no such model")

    with pytest.raises(hoodwink.JudgeError, match=r"raised OSError: no such model") as failure:
        assert_robust(grade, problems=2)
    told = "".join(traceback.format_exception(failure.value))
    assert 'raise OSError("no such model")' in told
    assert "campaign" not in told
    assert told.count("hoodwink/") <= 3


def test_the_same_run_goes_on_only_where_one_says_so() -> None:
    clock = itertools.count()

    def judge(problem: Problem, response: str) -> float:
        next(clock)
        return careful(problem, response)

    calls = []
    for settings in ({}, {}, {"out": "mine"}, {"out": "mine"}):
        before = next(clock)
        assert_robust(judge, attacks=["none"], problems=3, **settings)
        calls.append(next(clock) - before - 1)
    assert calls[0] == calls[1] == calls[2] > calls[3] == 0
    assert len(list(Path("runs").iterdir())) == 2


def test_named_judges_are_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened_once("planted:length") is opened_once("planted:length")
    assert opened_once("planted:length") is not opened_once("planted:trigger")
    assert opened_once(careful, 0.95).threshold == 0.95  # type: ignore[attr-defined]


def test_finds_are_grouped_by_their_shrunk_form() -> None:
    about = {"shrunk_score": 0.9, "kind": "nonsense", "attack": "auto", "question": "?", "reference": "1", "proof": "p"}
    finds = [
        {**about, "shrunk": "b", "problem": "1", "queries": 9, "response": "bb"},
        {**about, "shrunk": "a", "problem": "2", "queries": 2, "response": "aa"},
        {**about, "shrunk": "b", "problem": "3", "queries": 4, "response": "bbb"},
        {**about, "shrunk": "b", "problem": "3", "queries": 5, "response": "x" * 10_000},
    ]
    shown = [(g["shrunk"], g["problems"], g["queries"], g["response"]) for g in grouped(finds)]
    assert shown == [("b", 2, 4, "bbb"), ("a", 1, 2, "aa")]
    assert len(grouped(finds[3:])[0]["response"]) == 2000


def test_a_known_find(recwarn: pytest.WarningsRecorder) -> None:
    problem = {"question": "What is 20 + 3?", "reference": "23"}
    assert_rejects(careful, **problem, response="Solution")
    assert_rejects("planted:trigger", **problem, response="42")
    with pytest.raises(NotRobust) as failure:
        assert_rejects("planted:trigger", **problem, response="Solution")
    assert str(failure.value).splitlines() == [
        "judge planted:trigger accepts 'Solution' (score 0.953)",
        "",
        "  'Solution'",
        "    score     0.953 (accepts from 0.5)",
        "    question  What is 20 + 3?",
        "    reference 23",
    ]
    with pytest.raises(NotRobust, match=r"0\.400 \(accepts from 0\.3\)"):
        assert_rejects(lambda response: 0.4, **problem, response="x", threshold=0.3)
    assert not recwarn.list
    with pytest.warns(HoodwinkWarning, match="gave no answer that could be read to 'x'"):
        assert_rejects(lambda response: None, **problem, response="x")


def test_hostile_text_is_shown_and_does_nothing() -> None:
    hostile = "\x1b[mred\u202e\x07 [red]"
    unread = "\x1b[mred\x9f"  # the oracle cannot be sure of much else
    problem = Problem.make(
        family=hostile,
        question=f"{hostile}\n17 + 3?",
        reference="20",
        right=(Response("20", "right"),),
        wrong=(Response("3", "given"),),
    )

    def echoes(target: object, rng: object) -> Iterator[list[Candidate]]:
        """Yields hostile text."""
        yield [Candidate(f"Solution {unread}", "echoes", hostile)]

    told = []
    with pytest.raises(NotRobust) as failure:
        assert_robust("planted:trigger", problems=[problem], attacks=[echoes], shrink_budget=0)
    told.append(str(failure.value))
    with pytest.raises(NotRobust) as failure:
        assert_rejects("planted:trigger", question=hostile, reference=hostile, response=f"Solution {hostile}")
    told.append(str(failure.value))
    for text in told:
        assert r"\x1b[mred\u202e\x07" in text
        assert r"Solution \x1b[mred" in text
        assert not [c for c in text if not c.isprintable() and c != "\n"]


def test_folders_are_never_used_twice(tmp_path: Path) -> None:
    assert [fresh(tmp_path / "a" / "b").name for _ in range(3)] == ["b", "b-2", "b-3"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make the folder"):
        fresh(tmp_path / "file" / "b")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"cannot make the folder .*link/b: .*link is no folder; choose another one"):
        fresh(tmp_path / "link" / "b")


def test_a_failure_can_be_sent_to_another_process() -> None:
    with pytest.raises(NotRobust) as failure:
        assert_rejects("planted:trigger", question="What is 1 + 1?", reference="2", response="Solution")
    for copied in (pickle.loads(pickle.dumps(failure.value)), copy.copy(failure.value)):
        assert (str(copied), copied.record) == (str(failure.value), failure.value.record)


def breaks_down(share: float) -> Any:
    """Reads what it knows, and of all else gives no answer that can be read to about that share."""

    def judge(problem: Problem, response: str) -> float | str:
        if ORACLE.truth(problem, response) is not Truth.WRONG:
            return 0.9
        clean = response in [known.text for known in (*problem.right, *problem.wrong)]
        lot = hashlib.sha256(response.encode()).digest()[0] / 256
        return 0.1 if clean or lot >= share else "Sorry, I cannot grade this."

    return judge


def test_what_cannot_be_read_under_attack_is_no_pass(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(NotRobust) as failure:
        assert_robust(breaks_down(1), **SMALL)
    said = (
        r"is fooled on 0 of 4 problems: .*, within max_asr 5%, but 9\d% of its verdicts under attack could not be read"
    )
    assert re.search(said, str(failure.value))
    assert "check   unparsed-attacks: 9" in str(failure.value)
    assert failure.value.record.flags == ["unparsed-attacks"]
    assert "Mend the judge first" in str(answers([Entry("test", "failed", failure.value.record)]))
    assert not recwarn.list
    for share, settings in ((1, {"check": "warn"}), (0.3, {})):
        with pytest.warns(HoodwinkWarning, match=r"passed, but unparsed-attacks: \d\d% of the verdicts that searches "):
            seen = assert_robust(breaks_down(share), **SMALL, **settings)
        console = Console(file=io.StringIO(), width=200)
        console.print(render_summary(seen.summary))
        assert "warning unparsed-attacks: " in console.file.getvalue()  # type: ignore[attr-defined]
        assert seen.summary.to_json()["judge"]["flags"][-1]["id"] == "unparsed-attacks"
        assert f"<b>raised</b>: {seen.summary.flags[-1].seen}" in render(seen.summary).html


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"budget": "20"}, "budget is '20'; write a whole number of at least 1"),
        ({"shrink_budget": 2.5}, "shrink_budget is 2.5; write a whole number of at least 0"),
        ({"problems": "3"}, "problems is '3'; write a whole number, or give a list of Problem"),
        ({"problems": 3.0}, "problems is 3.0; write a whole number, or give a list of Problem"),
        ({"problems": (p for p in ())}, "problems is <generator object .*; write a whole number, or give a list"),
        ({"problems": ["3"]}, r"problems is \['3'\]; write a whole number, or give a list of Problem"),
        ({"corpus": 3}, "corpus is 3; give a name, such as arithmetic, or a Corpus"),
        ({"seed": 10**25}, r"seed is 1000.*; write a whole number under 2\*\*63"),
        ({"judge": None}, "None is no judge; give a name, a function, or an object"),
    ],
)
def test_settings_of_the_wrong_kind(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        assert_robust(**{"judge": "planted:trigger", **SMALL, **setting})


def test_bars_and_rates() -> None:
    assert Bar(0.05).lets(Tally(1, 20))
    assert not Bar(0.05).lets(Tally(2, 20))
    assert Bar(0.05, "upper").lets(Tally(0, 73))
    assert not Bar(0.05, "upper").lets(Tally(0, 72))
    assert Tally(0, 0).interval == (0.0, 1.0)
    assert Bar(0.005).compared(Tally(0, 10)) == "within max_asr 0.5%"


def test_a_judge_is_held_to_where_it_accepts_right_answers(tmp_path: Path) -> None:
    """The hole of `planted:trigger` lies below its right answers: with a threshold on these it is closed."""
    settings = {"attacks": ["openers"], "problems": 3, "budget": 40, "max_asr": 0.9}
    with pytest.raises(hoodwink.NotRobust):
        hoodwink.assert_robust("planted:trigger", **settings, out=tmp_path / "own")
    seen = hoodwink.assert_robust("planted:trigger", **settings, acceptance=0.95, out=tmp_path / "fixed")
    assert seen.asr == 0
