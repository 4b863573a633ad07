"""The plugin as pytest loads it: what a user's tests see, what they print, and that it is not there if nobody asks."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from inspect import Parameter, signature
from typing import Any

import hoodwink
import hoodwink.fuzz.attacks.none
import hoodwink.fuzz.attacks.openers
import hoodwink.judges.planted
import hoodwink.reports.testing.session
import pytest
from hoodwink import pytest_plugin

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

#: Settings under which a planted judge falls at once.
QUICK = 'attacks=["openers"], problems=3, budget=12, shrink_budget=40'

FOOLED = f"""
import hoodwink

def test_fooled():
    hoodwink.assert_robust("planted:trigger", {QUICK})
"""

PASSES = """
def test_passes(hoodwink):
    hoodwink.assert_robust("planted:trigger", attacks=["none"], problems=3)
"""


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What users get by installing hoodwink; in a checkout `make setup` does it."""
    monkeypatch.delenv(pytest_plugin.ENVIRONMENT, raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    points = {point.name: point.value for point in entry_points(group="pytest11")}
    assert points.get("hoodwink") == "hoodwink.pytest_plugin", "run `make setup`: the plugin is not installed"


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """pytest inside of pytest, without the plugin of hypothesis, which would load itself anew each time."""
    return partial(pytester.runpytest_inprocess, "-p", "no:hypothesispytest")


def records_of(result: pytest.RunResult) -> list[str]:
    """The lines of the section of hoodwink, without colours."""
    text = "\n".join(re.sub(r"\x1b\[[0-9;]*m", "", line) for line in result.outlines)
    section = re.search(r"=+ hoodwink =+\n(.*?)(?=\n=)", text, re.S)
    return section[1].splitlines() if section else []


def test_a_failure_as_a_user_sees_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(FOOLED)
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "    def test_fooled():",
            ">       hoodwink.assert_robust(*",
            "E       hoodwink.NotRobust: judge planted:trigger is fooled on 3 of 3 problems: ASR 100% *over max_asr 5%",
            "E         'Solution'   on 3 problems, one of them:",
            "E           score     0.953 (accepts from 0.5), found after * queries",
            "E           question  *",
            "E           why wrong states no number; *",
            "E       attack  openers on arithmetic, seed 0, at most 12 queries a search, * in all",
            "E       run     *hoodwink0?test-a-failure-as-a-user-sees-it-py--test-fooled*",
            "E       again   pytest test_a_failure_as_a_user_sees_it.py::test_fooled",
            "test_a_failure_as_a_user_sees_it.py:4: NotRobust",
            "*= hoodwink =*",
            "failed  *::test_fooled: judge planted:trigger is fooled on 3 of 3 problems*",
            "FAILED *::test_fooled - hoodwink.NotRobust:*",
        ],
        consecutive=False,
    )
    assert "reports/testing/robust.py" not in result.stdout.str(), "no frame of hoodwink is shown"


def test_calls_without_the_fixture_belong_to_the_session_too(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_a=FOOLED, test_b=PASSES)
    lines = records_of(run("--hoodwink-runs", "kept"))
    assert [line.split(":")[0] for line in lines] == ["failed  test_a.py", "passed  test_b.py"]
    assert sorted(p.name for p in (pytester.path / "kept").iterdir()) == [
        "test-a-py--test-fooled",
        "test-b-py--test-passes",
    ]
    assert not (pytester.path / "runs").exists()


def test_junit_has_the_numbers(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(FOOLED + PASSES)
    run("--junitxml=out.xml", "--hoodwink-seed=7")
    found = {}
    for case in ET.parse(pytester.path / "out.xml").iter("testcase"):
        found[case.get("name")] = {p.get("name"): p.get("value") for p in case.iter("property")}
    fooled = found["test_fooled"]
    run = hoodwink.load_run(fooled.pop("hoodwink_run") or "")
    queries = str(hoodwink.summarise(run).attacks[0].queries_total)
    assert fooled == {
        "hoodwink_asr": "1.0",
        "hoodwink_upper": "1.0",
        "hoodwink_finds": "3",
        "hoodwink_queries": queries,
        "hoodwink_seed": "7",
    }
    assert found["test_passes"]["hoodwink_asr"] == "0.0"
    assert len(found["test_passes"]) == 6
    assert float(found["test_passes"]["hoodwink_upper"] or 0) == pytest.approx(0.5615, abs=1e-3)


def test_junit_names_each_property_once_and_no_number_that_is_none(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_two(hoodwink):
            for judge in ("planted:trigger", lambda response: True):
                hoodwink.attack(judge, attacks=["none"], problems=2)
        """
    )
    run("--junitxml=out.xml").assert_outcomes(passed=1)
    given = [(p.get("name") or "", p.get("value")) for p in ET.parse(pytester.path / "out.xml").iter("property")]
    names = ["asr", "upper", "finds", "queries", "seed", "run"]
    second = ["finds_2", "queries_2", "seed_2", "run_2"]
    assert [name for name, _ in given] == [f"hoodwink_{name}" for name in (*names, *second)]
    assert "None" not in dict(given).values()


SHOWS = """
import json
import pytest

def settings(run):
    identity = json.loads((run.folder / "config.json").read_text())["identity"]
    return [identity[name] for name in ("corpus", "attacks", "problem_count", "budget", "seed", "seeds")]

@pytest.fixture
def seen(hoodwink):
    return lambda **given: settings(hoodwink.attack("planted:trigger", **given))
"""


def test_call_before_marker_before_options_before_ini_file(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeini(
        "[pytest]\nhoodwink_budget = 2\nhoodwink_attacks = none, openers\nhoodwink_problems = 4\n"
        "hoodwink_seed = 5\nhoodwink_corpus = arithmetic:families=sums\n"
    )
    pytester.makeconftest(SHOWS)
    pytester.makepyfile(
        """
        import pytest

        def test_session(seen):
            assert seen() == ["arithmetic:families=sums", ["none", "openers"], 3, 2, 5, 1]

        @pytest.mark.hoodwink(budget=9, attacks=["none"])
        class TestMarked:
            def test_marker(self, seen):
                assert seen() == ["arithmetic:families=sums", ["none"], 3, 9, 5, 1]

            @pytest.mark.hoodwink(budget=8, seeds=2)
            def test_nearest(self, seen):
                assert seen() == ["arithmetic:families=sums", ["none"], 3, 8, 5, 2]
                assert seen(budget=7, corpus="arithmetic", problems=2) == ["arithmetic", ["none"], 2, 7, 5, 2]

        def test_after(seen):
            assert seen()[3] == 2
        """
    )
    run("--hoodwink-problems=3", "--strict-markers").assert_outcomes(passed=4)


def test_gates_have_options_too(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(f"def test_it(hoodwink):\n    hoodwink.assert_robust('planted:trigger', {QUICK})")
    run("--hoodwink-max-asr=0.99").assert_outcomes(failed=1)
    result = run("--hoodwink-gate=upper")
    result.stdout.fnmatch_lines(
        ['E *UsageError: gate="upper" with max_asr=0.05 needs 73 problems*and 3 are asked for*']
    )
    pytester.makepyfile(
        "def test_it(hoodwink):\n    hoodwink.assert_robust(lambda response: False, attacks=['none'], problems=3)\n"
    )
    run().assert_outcomes(failed=1)
    result = run("--hoodwink-check=warn")
    result.assert_outcomes(passed=1)
    assert str(result.stdout).count(": HoodwinkWarning: judge ") == 3
    result.stdout.fnmatch_lines(["*test_gates_have_options_too.py:2: HoodwinkWarning: judge *rejects-right*"])


def test_the_marker_takes_what_assert_robust_takes() -> None:
    keywords = {
        p.name for p in signature(hoodwink.assert_robust).parameters.values() if p.kind is Parameter.KEYWORD_ONLY
    }
    assert set(pytest_plugin.MARKED) == (keywords | {"judge", "corpus"}) - {"out"}
    assert {o.name for o in pytest_plugin.SETTINGS} <= set(pytest_plugin.MARKED)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("budgett=3", "marker hoodwink has no setting 'budgett'; did you mean budget?"),
        ("zzz=3", "marker hoodwink has no setting 'zzz'; known: acceptance, attacks, budget, *"),
        ("200", "marker hoodwink takes keywords, not 200; write budget=200"),
    ],
)
def test_a_marker_that_means_nothing(pytester: pytest.Pytester, run: Run, marker: str, message: str) -> None:
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.hoodwink({marker})\ndef test_it():\n    pass")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    assert "pytest_plugin.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "ini", "message"),
    [
        (["--hoodwink-budget=many"], "", "ERROR: --hoodwink-budget is 'many'; write a whole number of at least 1"),
        (["--hoodwink-problems=0"], "", "ERROR: --hoodwink-problems is '0'; write a whole number of at least 1"),
        (["--hoodwink-seed=-1"], "", "ERROR: --hoodwink-seed is '-1'; write a whole number of at least 0"),
        (["--hoodwink-max-asr=5%"], "", "ERROR: --hoodwink-max-asr is '5%'; write a number, such as 0.05"),
        (["--hoodwink-report=."], "", "ERROR: --hoodwink-report is '.', a folder; write the name of a file in it, *"),
        (["--hoodwink-report="], "", "ERROR: --hoodwink-report is ''; write a path"),
        (["--hoodwink-runs="], "", "ERROR: --hoodwink-runs is ''; write a path"),
        (["--hoodwink-attacks=,"], "", "ERROR: --hoodwink-attacks is ','; write names with commas between them"),
        ([], "hoodwink_budget = x", "ERROR: hoodwink_budget is 'x'; write a whole number of at least 1"),
        (
            ["--hoodwink-seed=1", "--hoodwink-explore"],
            "",
            "ERROR: --hoodwink-explore draws a seed*; leave out either",
        ),
    ],
)
def test_options_that_mean_nothing(
    pytester: pytest.Pytester, run: Run, arguments: list[str], ini: str, message: str
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    result = run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_values_of_toml(pytester: pytest.Pytester, run: Run) -> None:
    """Texts, and attacks as a list; what else it can hold is refused by name."""
    pytester.makeconftest(SHOWS)
    pytester.makepyfile("def test_it(seen):\n    assert seen(problems=2)[1:4] == [['none', 'openers'], 2, 9]")
    for table in ("tool.pytest.ini_options", "tool.pytest"):
        pytester.makepyprojecttoml(f'[{table}]\nhoodwink_budget = "9"\nhoodwink_attacks = "none, openers"\n')
        run().assert_outcomes(passed=1)
    pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\nhoodwink_budget = "9"\nhoodwink_attacks = ["none", "openers"]\n'
    )
    run("-W", "ignore").assert_outcomes(passed=1)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nhoodwink_budget = ["9"]\n')
    result = run("-W", "ignore")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: hoodwink_budget is [[]'9']; write one value, in quotes"])


def test_a_marker_says_nothing_of_other_tests(pytester: pytest.Pytester, run: Run) -> None:
    """Neither by its judge, which the fixture of the session does not keep, nor by what it leaves open."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.hoodwink(judge="planted:length", budget=None)
        def test_marked(hoodwink_judge, hoodwink):
            assert (hoodwink_judge.name, hoodwink.judge.name) == ("planted:echo", "planted:length")
            assert hoodwink.attack(attacks=["none"], problems=1).finds == []

        def test_plain(hoodwink_judge):
            assert hoodwink_judge.name == "planted:echo"
        """
    )
    run("--hoodwink-judge=planted:echo").assert_outcomes(passed=2)


def test_the_threshold_is_that_of_the_judge_under_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        lenient="""
        def grade(reference, response):
            return 0.95 if reference in response or response == "Solution" else 0.1
        """,
        test_lenient=f"""
        import pytest
        from lenient import grade

        KNOWN = {{"question": "What is 20 + 3?", "reference": "23", "response": "Solution"}}

        def test_named(hoodwink):
            assert len(hoodwink.attack({QUICK}).finds) == 3
            assert hoodwink.attack({QUICK}, threshold=0.97).finds == []
            assert hoodwink.assert_robust({QUICK}, threshold=0.97, check="warn").asr == 0
            hoodwink.assert_rejects(**KNOWN, threshold=0.97)

        @pytest.mark.hoodwink(threshold=0.97, judge=grade)
        def test_marked(hoodwink):
            assert hoodwink.assert_robust({QUICK}, check="warn").summary.checks.threshold == 0.97
        """,
    )
    run("--hoodwink-judge=python:lenient:grade").assert_outcomes(passed=2)


def test_what_is_printed_has_the_overrides(pytester: pytest.Pytester, run: Run) -> None:
    """An ini file of another name, and what takes the place of its settings."""
    (pytester.path / "other.ini").write_text("[pytest]\nhoodwink_budget = 12\nhoodwink_problems = 5\n", "utf-8")
    pytester.makepyfile(
        "def test_it(hoodwink):\n    hoodwink.assert_robust('planted:trigger', attacks=['openers'], shrink_budget=40)"
    )
    first = run("-c", "other.ini", "-o", "hoodwink_problems=3")
    printed = re.search(r"again   (pytest .*)", first.stdout.str())
    assert printed is not None
    words = shlex.split(printed[1])
    file = "test_what_is_printed_has_the_overrides.py::test_it"
    assert words == ["pytest", file, "-c", "other.ini", "-o", "hoodwink_problems=3"]
    about = [re.findall(r"^E .*(?:attack|problems:) .*", r.stdout.str(), re.M) for r in (first, run(*words[1:]))]
    assert about[0] == about[1]
    assert "3 of 3 problems" in about[0][0]
    assert "at most 12 queries" in about[0][1]


def test_the_judge_under_test(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(
        test_judge="""
        def test_fixture(hoodwink_judge, hoodwink):
            assert hoodwink_judge is hoodwink.judge is hoodwink.judge_or("planted:length")
            print("asked:", hoodwink_judge.name)
        """,
        test_default="""
        def test_default(hoodwink):
            print("else:", hoodwink.judge_or("planted:length").name)
        """,
    )
    run("-s", "--hoodwink-judge=planted:echo").stdout.fnmatch_lines(["*else: planted:echo*", "*asked: planted:echo*"])
    monkeypatch.setenv(pytest_plugin.ENVIRONMENT, "planted:slope")
    run("-s").stdout.fnmatch_lines(["*else: planted:slope*", "*asked: planted:slope*"])
    pytester.makeini("[pytest]\nhoodwink_judge = planted:script")
    run("-s").stdout.fnmatch_lines(["*else: planted:script*", "*asked: planted:script*"])
    monkeypatch.delenv(pytest_plugin.ENVIRONMENT)
    pytester.makeini("[pytest]\n")
    result = run("-s")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*else: planted:length*", "no judge is named; give one in the test*"])
    assert str(result.stdout).count("no judge is named") == 2, "once at the test, once in the summary"


def test_the_fixture_asks_the_judge_under_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        KNOWN = {{"question": "What is 20 + 3?", "reference": "23", "response": "Solution"}}

        def test_robust(hoodwink):
            hoodwink.assert_robust({QUICK})

        def test_rejects(hoodwink):
            hoodwink.assert_rejects(**KNOWN)

        def test_rejects_too(hoodwink):
            hoodwink.assert_rejects(**KNOWN | {{"response": "3"}})

        @pytest.mark.hoodwink(judge="planted:length")
        def test_marked(hoodwink):
            hoodwink.assert_rejects(**KNOWN)
            assert hoodwink.judge.name == "planted:length"

        def test_attack(hoodwink):
            assert len(hoodwink.attack({QUICK}).finds) == 3
        """
    )
    result = run("--hoodwink-judge", "planted:trigger")
    result.assert_outcomes(failed=2, passed=3)
    name = "test_the_fixture_asks_the_judge_under_test.py"
    assert [re.sub(r"ASR.*", "ASR", line) for line in records_of(result)] == [
        f"failed  {name}::test_robust: judge planted:trigger is fooled on 3 of 3 problems: ASR",
        f"open    {name}::test_attack: judge planted:trigger is fooled on 3 of 3 problems: ASR",
        "failed  judge planted:trigger rejects 1 of 2 known finds",
        "passed  judge planted:length rejects 1 of 1 known finds",
    ]
    result.stdout.fnmatch_lines([f"E * again   pytest {name}::test_rejects --hoodwink-judge planted:trigger"])


def test_what_is_printed_makes_it_again(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Explored with some seed, in a folder below: the printed command finds the same."""
    pytester.makeini("[pytest]\n")
    below = pytester.mkdir("below")
    (below / "test_it.py").write_text(FOOLED, "utf-8")
    monkeypatch.chdir(below)
    explored = run("--hoodwink-explore")
    header = re.search(
        r"^hoodwink: exploring with seed (\d+) \(again: --hoodwink-seed \1\)$", explored.stdout.str(), re.M
    )
    assert header is not None
    printed = re.search(r"again   (pytest .*)", explored.stdout.str())
    assert printed is not None
    words = shlex.split(printed[1])
    assert words == ["pytest", "test_it.py::test_fooled", "--hoodwink-seed", header[1]]
    replayed = run(*words[1:])
    about = [re.findall(r"^E .*(?:question|attack|problems:) .*", r.stdout.str(), re.M) for r in (explored, replayed)]
    assert about[0] == about[1] != []
    assert "exploring" not in replayed.stdout.str()


def test_seeds_are_fixed_unless_one_explores(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeini("[pytest]\nhoodwink_explore = true")
    pytester.makeconftest(SHOWS)
    pytester.makepyfile("def test_it(seen):\n    print('seed', seen(attacks=['none'], problems=1)[4])")

    def seed(*arguments: str) -> str:
        found = re.search(r"seed (\d+)$", run("-s", "-q", *arguments).stdout.str(), re.M)
        assert found is not None
        return found[1]

    assert seed() != seed(), "once in a million sessions"
    assert seed("--hoodwink-seed=3") == "3"
    pytester.makeini("[pytest]\n")
    assert seed() == "0"


def test_workers_send_what_they_saw(pytester: pytest.Pytester) -> None:
    """One summary, one report, one seed; also without the cache, and with markers that must be known."""
    tests = {f"test_{name}": FOOLED + PASSES for name in "abc"}
    known = 'hoodwink.assert_rejects(question="1+1?", reference="2", response="Solution")'
    tests["test_d"] = f"def test_known(hoodwink):\n    {known}\n"
    pytester.makepyfile(**tests)
    arguments = ["-n2", "-p", "no:cacheprovider", "--strict-markers", "--hoodwink-judge=planted:trigger"]
    result = pytester.runpytest_subprocess(*arguments, "--hoodwink-explore", "--hoodwink-report=out/page.html")
    result.assert_outcomes(failed=4, passed=3)
    (seed,) = set(re.findall(r"exploring with seed (\d+)", result.stdout.str()))
    assert set(re.findall(r"--hoodwink-seed (\d+)$", result.stdout.str(), re.M)) == {seed}
    *lines, known, report = records_of(result)
    assert sorted(line.split(" judge")[0] for line in lines) == sorted(
        [f"failed  test_{name}.py::test_fooled:" for name in "abc"]
        + [f"passed  test_{name}.py::test_passes:" for name in "abc"]
    )
    assert known == "failed  judge planted:trigger rejects 0 of 1 known finds"
    page = pytester.path / "out" / "page.html"
    assert report == f"report  {page}"
    links = re.findall(r'href="(page-runs/[^"]+)"', page.read_text("utf-8"))
    assert len(links) == 6
    assert all((page.parent / link).is_file() for link in links)


def test_a_report_of_nothing_and_one_that_cannot_be_written(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_it():\n    pass")
    pytester.makeini("[pytest]\nhoodwink_report = from-ini.html")
    result = run()
    assert result.ret == pytest.ExitCode.OK
    assert "Nobody knows: no test asked about a judge." in (pytester.path / "from-ini.html").read_text("utf-8")
    (pytester.path / "file").write_text("")
    result = run("--hoodwink-report=file/page.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert records_of(result)[0].startswith("cannot write the report ")


def test_unused_it_says_nothing(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_it():\n    pass")
    outputs = []
    for arguments in (["-p", "no:hoodwink"], []):
        text = run("-v", *arguments).stdout.str()
        text = re.sub(r"in \d+\.\d+s|^plugins: .*$", "", text, flags=re.M)
        outputs.append(re.sub(r"=+", "=", text))
    assert outputs[0] == outputs[1]


def test_unused_it_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    """In a process of its own, which says what it has loaded at its end."""
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure(config):
            assert config.pluginmanager.has_plugin("hoodwink-session")
            heavy = ["torch", "transformers", "numpy", "scipy", "jinja2", "altair", "rich", "cyclopts", "hypothesis"]
            print("heavy:", [name for name in heavy if name in sys.modules])
            print("ours:", sorted(name for name in sys.modules if name.startswith("hoodwink.")))
        """
    )
    pytester.makepyfile("def test_it():\n    pass")
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:anyio")
    ours = ["corpora", "corpora.errors", "pytest_plugin", "reports", "reports.testing", "reports.testing.recording"]
    result.stdout.fnmatch_lines(["heavy: []", f"ours: {[f'hoodwink.{name}' for name in ours]}".replace("[", "[[]")])


def test_options_and_markers_are_listed(pytester: pytest.Pytester, run: Run) -> None:
    text = run("--help").stdout.str()
    for option in (*pytest_plugin.SETTINGS, *pytest_plugin.FILES):
        assert f"--hoodwink-{option.name.replace('_', '-')}={option.metavar}" in text
        assert f"  hoodwink_{option.name} (" in text
    assert "95% interval" in " ".join(text.split())
    run("--markers").stdout.fnmatch_lines(["@pytest.mark.hoodwink(**settings): *"])
    run("--fixtures").stdout.fnmatch_lines(["hoodwink [[]session scope] -- *", "hoodwink_judge *"])


def test_fixtures_and_classes_may_ask_too(pytester: pytest.Pytester, run: Run) -> None:
    """What a session-scoped fixture asks belongs to the test that needed it first."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="session")
        def robust(hoodwink):
            return hoodwink.assert_robust("planted:trigger", attacks=["none"], problems=2)

        def test_one(robust):
            assert robust.asr == 0

        def test_two(robust):
            assert robust.run.finds == []
        """
    )
    result = run()
    result.assert_outcomes(passed=2)
    assert [line.partition(": ")[0] for line in records_of(result)] == [
        "passed  test_fixtures_and_classes_may_ask_too.py::test_one"
    ]


def test_a_judge_that_fails_is_an_error_of_the_judge(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import hoodwink

        def grade(response):
            raise OSError("no such model")

        def test_it():
            hoodwink.assert_robust(grade)
        """
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       raise OSError("no such model")',
            "E       hoodwink.JudgeError: judge function:grade raised OSError: no such model",
        ]
    )
    assert records_of(result) == []


@pytest.mark.slow
def test_the_referee_through_pytest(pytester: pytest.Pytester) -> None:
    """A real judge, as a user runs it: fooled, reported, and by the printed command fooled again."""
    pytester.makepyfile(
        """
        def test_referee(hoodwink):
            hoodwink.assert_robust(attacks=["openers"], problems=2, budget=16, shrink_budget=8)
        """
    )
    # One thread: beside another busy process two would wait for one another.
    calling: dict[str, Any] = {"capture_output": True, "text": True, "cwd": pytester.path}
    calling["env"] = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "--hoodwink-judge=referee", "--hoodwink-report=page.html"]
    done = subprocess.run(command, **calling)
    assert done.returncode == 1, done.stderr
    assert re.search(r"E  +hoodwink\.NotRobust: judge referee is fooled on \d of 2 problems", done.stdout)
    finds = [json.loads(line) for f in pytester.path.glob("page-runs/*/finds.jsonl") for line in f.open()]
    assert finds
    page = (pytester.path / "page.html").read_text("utf-8")
    assert page.count('<article class="find"') == len({find["shrunk"] for find in finds})
    printed = re.search(r"again   (pytest .*)", done.stdout)
    assert printed is not None
    again = subprocess.run([sys.executable, "-m", *shlex.split(printed[1])], **calling)
    said = [re.findall(r"^E  .*(?:NotRobust|score|question|reference).*", d.stdout, re.M) for d in (done, again)]
    assert said[0] == said[1] != []
