"""The pytest plugin: options, the marker and the fixture `hoodwink`, and one summary and report of a session.

pytest loads it wherever hoodwink is installed. So it imports nothing but what pytest has loaded already, and where no
test asks about a judge it does nothing and says nothing.
"""

from __future__ import annotations

import difflib
import json
import os
import random
import shlex
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .corpora.errors import HoodwinkError, UsageError
from .reports.testing import recording
from .reports.testing.recording import Entry, Record

if TYPE_CHECKING:
    from .fuzz.run import Run
    from .judges.judge import Judge
    from .reports.testing.robust import Robustness

#: Keyword arguments of `assert_robust` that the marker takes; `judge` is that of tests that name none.
MARKED = (
    "acceptance", "attacks", "budget", "check", "constraints", "corpus", "gate", "goal", "judge", "max_asr", "problems",
    "proposer", "seed", "seeds", "shrink_budget", "split", "threshold",
)  # fmt: skip
#: Where the name of the judge may stand besides option and ini file.
ENVIRONMENT = "HOODWINK_JUDGE"
#: Under which a worker of xdist is told the seed of the session.
_SEED = "hoodwink_seed"


def _whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise ValueError(f"a whole number of at least {least}")
        return int(text)

    return read


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number, such as 0.05") from None


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError("names with commas between them")
    return names


def _path(text: str) -> Path:
    if not text.strip():
        raise ValueError("a path")
    return Path(text)


class Option(NamedTuple):
    """`--hoodwink-NAME` and its twin `hoodwink_name` in the ini file. `read` raises what should be written instead."""

    name: str
    metavar: str
    means: str
    read: Callable[[str], Any]


#: What decides results. All but the judge are keyword arguments of `assert_robust`.
SETTINGS = (
    Option("judge", "NAME", f"Judge of tests that name none (also by {ENVIRONMENT} in the environment).", str),
    Option("corpus", "NAME", "Problems: arithmetic, file:problems.jsonl, ... [arithmetic]", str),
    Option("attacks", "NAMES", "Attacks, comma-separated. [auto]", _names),
    Option("problems", "N", "Problems to attack. [20]", _whole(1)),
    Option("budget", "N", "Queries for each problem and attack. [640]", _whole(1)),
    Option("max_asr", "SHARE", "Highest attack success rate that passes. [0.05]", _number),
    Option("gate", "RATE", "What is compared with it: point, or upper end of the 95%% interval. [point]", str),
    Option("check", "ACTION", "What is done about a judge that is bad unattacked: fail or warn. [fail]", str),
    Option("seed", "N", "Draws problems and searches. [0]", _whole(0)),
)
#: What is kept.
FILES = (
    Option("runs", "DIR", "Folder to keep runs in. [beside the report, else pytest's temporary folder]", _path),
    Option("report", "FILE", "HTML report of the session.", _path),
)
EXPLORE = "Draw another seed in each session; it is printed at the top and in each failure."


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, each with its twin in the ini file."""
    group = parser.getgroup("hoodwink", "adversarial tests of LLM judges")
    for option in (*SETTINGS, *FILES):
        group.addoption(_flag(option.name), dest=f"hoodwink_{option.name}", metavar=option.metavar, help=option.means)
        parser.addini(f"hoodwink_{option.name}", option.means.replace("%%", "%"), default=None)
    group.addoption(
        "--hoodwink-explore", dest="hoodwink_explore", action="store_const", const=True, default=None, help=EXPLORE
    )
    parser.addini("hoodwink_explore", EXPLORE, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """The marker, and the session."""
    config.addinivalue_line(
        "markers",
        "hoodwink(**settings): defaults of the fixture hoodwink and of hoodwink.assert_robust in this test, such as "
        "budget=200 or problems=10",
    )
    session = PluginSession(config)
    config.pluginmanager.register(session, "hoodwink-session")
    recording.enter(session)
    config.add_cleanup(lambda: recording.leave(session))


class Hoodwink:
    """What the fixture `hoodwink` gives: the calls of `hoodwink`, with the judge and the settings of the session."""

    def __init__(self, session: PluginSession) -> None:
        self._session = session

    @property
    def judge(self) -> Judge:
        """The judge under test: of the marker, `--hoodwink-judge`, the ini file or the environment.

        Raises:
            UsageError: none is named.
        """
        from .judges.opening import opened_once

        return opened_once(self._named())

    def judge_or(self, name: str) -> Judge:
        """The judge under test, or the one of that name if the session names none."""
        from .judges.opening import opened_once

        return opened_once(self._session.judge() or name)

    def assert_robust(self, judge: Any = None, corpus: Any = None, **settings: Any) -> Robustness:
        """`hoodwink.assert_robust` of the judge under test, unless another one is given."""
        __tracebackhide__ = True
        from .reports.testing.robust import assert_robust

        return assert_robust(self._named() if judge is None else judge, corpus, **settings)

    def assert_rejects(self, judge: Any = None, *, question: str, reference: str, response: str, **more: Any) -> None:
        """`hoodwink.assert_rejects` of the judge under test, unless another one is given."""
        __tracebackhide__ = True
        from .reports.testing.robust import assert_rejects

        asked = self._named() if judge is None else judge
        assert_rejects(asked, question=question, reference=reference, response=response, **more)

    def attack(self, judge: Any = None, corpus: Any = None, **settings: Any) -> Run:
        """`hoodwink.attack` of the judge under test, in a folder of the session; nothing is gated."""
        __tracebackhide__ = True
        from .reports.testing.robust import attacked

        given = {name: value for name, value in {"corpus": corpus, **settings}.items() if value is not None}
        asked = {**self._session.settings(), **given}
        asked = {name: value for name, value in asked.items() if name not in ("max_asr", "gate", "check")}
        return attacked(self._named() if judge is None else judge, asked.pop("out", None), asked).run

    def _named(self) -> Any:
        """The judge under test as it is named: what opens it knows the threshold."""
        return _known(self._session.judge())


@pytest.fixture(scope="session")
def hoodwink(request: pytest.FixtureRequest) -> Hoodwink:
    """Attacks judges: assert_robust, assert_rejects, attack, and the judge of --hoodwink-judge."""
    return Hoodwink(_session_of(request))


@pytest.fixture(scope="session")
def hoodwink_judge(request: pytest.FixtureRequest) -> Judge:
    """The judge of --hoodwink-judge, the ini file or the environment; no marker changes it."""
    from .judges.opening import opened_once

    try:
        return opened_once(_known(_session_of(request).judge_of_session()))
    except UsageError as error:
        said = str(error)
    pytest.fail(said, pytrace=False)


class PluginSession:
    """What one pytest process knows of the judges that its tests ask about; a `reports.testing.recording.Session`.

    Records travel on the reports of their tests, also from the workers of xdist to the process that shows them.
    """

    def __init__(self, config: pytest.Config) -> None:
        """
        Raises:
            pytest.UsageError: an option has a value that means nothing.
        """
        self.config = config
        self.item: pytest.Item | None = None
        self.entries: list[Entry] = []
        self.problem = ""
        self._waiting: list[Record] = []
        self._folder: Path | None = None
        worker: Mapping[str, Any] | None = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        self.given = {o.name: value for o in (*SETTINGS, *FILES) if (value := _value(config, o)) is not None}
        flag = config.getoption("hoodwink_explore")
        self.explores = bool(config.getini("hoodwink_explore") if flag is None else flag)
        if self.explores and config.getoption("hoodwink_seed") is not None:
            if flag:
                raise pytest.UsageError(
                    "--hoodwink-explore draws a seed and --hoodwink-seed gives one; leave out either"
                )
            self.explores = False  # a replay of what the ini file had explored
        if self.explores:
            self.given["seed"] = worker[_SEED] if worker else random.SystemRandom().randrange(10**6)

    def judge(self) -> Any:
        """The judge under test: of the marker, the option, the ini file or the environment."""
        return self._marked().get("judge") or self.judge_of_session()

    def judge_of_session(self) -> str | None:
        """The same without markers: what one test's marker says is not for another test."""
        return self.given.get("judge") or os.environ.get(ENVIRONMENT) or None

    def settings(self) -> dict[str, Any]:
        """See `recording.Session.settings`."""
        of_session = {o.name: self.given[o.name] for o in SETTINGS if o.name in self.given}
        return {name: value for name, value in {**of_session, **self._marked()}.items() if name != "judge"}

    def folder(self, name: str) -> Path:
        """See `recording.Session.folder`: named after the test in hand, if there is one."""
        if self._folder is None:
            self._folder = self._runs()
        from .fuzz.settings import slug

        return recording.fresh(self._folder / (slug(self.item.nodeid) if self.item else name))

    def again(self) -> str:
        """See `recording.Session.again`."""
        if self.item is None:
            return ""
        file, colons, rest = self.item.nodeid.partition("::")
        if self.config.invocation_params.dir != self.config.rootpath:
            file = os.path.relpath(self.config.rootpath / file, self.config.invocation_params.dir)
        words = ["pytest", file + colons + rest]
        if (ini := self.config.getoption("inifilename")) is not None:
            words += ["-c", str(ini)]
        for override in self.config.getoption("override_ini") or ():
            words += ["-o", override]
        for option in SETTINGS:
            value: str | None = self.config.getoption(f"hoodwink_{option.name}")
            if option.name == "seed" and self.explores:
                value = str(self.given["seed"])
            if option.name == "judge" and "judge" not in self.given:
                value = os.environ.get(ENVIRONMENT)
            words += [] if value is None else [_flag(option.name), value]
        return shlex.join(words)

    def record(self, record: Record) -> None:
        """See `recording.Session.record`."""
        if self.item is None:
            return
        self._waiting.append(record)
        if record.run:
            upper = None if record.interval is None else record.interval[1]
            counts = {"finds": record.finds, "queries": record.queries, "seed": record.seed, "run": record.run}
            values = {"asr": record.asr, "upper": upper, **counts}
            properties = self.item.user_properties
            before = sum(name.startswith("hoodwink_run") for name, _ in properties)
            number = f"_{before + 1}" if before else ""
            properties += [(f"hoodwink_{n}{number}", value) for n, value in values.items() if value is not None]

    def pytest_report_header(self) -> str | None:
        """The seed, where it is another one each time."""
        if not self.explores:
            return None
        return f"hoodwink: exploring with seed {self.given['seed']} (again: --hoodwink-seed {self.given['seed']})"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Workers of xdist explore with the seed that is printed."""
        if self.explores:
            node.workerinput[_SEED] = self.given["seed"]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Whatever is asked from now on, this test asks."""
        self.item = item
        try:
            return (yield)
        finally:
            self.item = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A marker that means nothing ends its test before it begins."""
        for marker in item.iter_markers("hoodwink"):
            if marker.args:
                pytest.fail(
                    f"marker hoodwink takes keywords, not {marker.args[0]!r:.40}; write budget=200", pytrace=False
                )
            for name in marker.kwargs:
                if name not in MARKED:
                    close = difflib.get_close_matches(name, MARKED, n=1)
                    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(MARKED)}"
                    pytest.fail(f"marker hoodwink has no setting {name!r}; {hint}", pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """What was asked goes with the report of its test."""
        report = yield
        if self._waiting:
            vars(report)["hoodwink"] = json.dumps([record.to_json() for record in self._waiting])
            self._waiting = []
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what tests asked, here and in workers."""
        if not self.is_worker:
            records = json.loads(getattr(report, "hoodwink", "[]"))
            outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
            self.entries += [Entry(report.nodeid, outcome, Record(**record)) for record in records]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report, if one is asked for."""
        target = self.given.get("report")
        if target is None or self.is_worker or self.config.getoption("collectonly"):
            return
        from .reports.testing.session import write_report

        try:
            write_report(self.entries, target, seed=self.given["seed"] if self.explores else None)
        except HoodwinkError as error:
            self.problem = str(error)
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What judges were asked, in a line each."""
        target = self.given.get("report")
        if self.is_worker or not (self.entries or self.problem):
            return
        from .reports.testing.session import lines

        terminalreporter.write_sep("=", "hoodwink")
        for text, bad in lines(self.entries):
            terminalreporter.write_line(text, red=bad)
        if self.problem:
            terminalreporter.write_line(self.problem, red=True)
        elif target is not None:
            terminalreporter.write_line(f"report  {target}")

    def _marked(self) -> dict[str, Any]:
        """The settings of the markers of the test in hand; the nearest marker counts."""
        markers = list(self.item.iter_markers("hoodwink")) if self.item is not None else []
        given = {name: value for marker in reversed(markers) for name, value in marker.kwargs.items()}
        return {name: value for name, value in given.items() if value is not None}

    def _runs(self) -> Path:
        """The folder that runs of this process go to."""
        if "runs" in self.given:
            return Path(self.given["runs"])
        if "report" in self.given:
            report = Path(self.given["report"])
            return report.with_name(f"{report.stem}-runs")
        factory = getattr(self.config, "_tmp_path_factory", None)  # the fixture of that name, also outside of fixtures
        return Path(tempfile.mkdtemp(prefix="hoodwink-") if factory is None else factory.mktemp("hoodwink"))


def _session_of(request: pytest.FixtureRequest) -> PluginSession:
    session = request.config.pluginmanager.get_plugin("hoodwink-session")
    assert isinstance(session, PluginSession)
    return session


def _known(judge: Any) -> Any:
    """A judge that is named.

    Raises:
        UsageError: none is.
    """
    if judge is None:
        raise UsageError(
            "no judge is named; give one in the test, run pytest with --hoodwink-judge NAME, or write "
            "hoodwink_judge = NAME in the ini file"
        )
    return judge


def _flag(name: str) -> str:
    return f"--hoodwink-{name.replace('_', '-')}"


def _value(config: pytest.Config, option: Option) -> Any:
    """An option's value, of the command line or of the ini file, to whose folder its paths are relative."""
    given, where, base = config.getoption(f"hoodwink_{option.name}"), _flag(option.name), config.invocation_params.dir
    if given is None:
        given, where = config.getini(f"hoodwink_{option.name}"), f"hoodwink_{option.name}"
        base = config.inipath.parent if config.inipath else config.rootpath
    if given is None:
        return None
    if isinstance(given, list) and option.read is _names:  # of TOML
        given = ",".join(map(str, given))
    if not isinstance(given, str):
        raise pytest.UsageError(f"{where} is {given!s:.40}; write one value, in quotes")
    try:
        value = option.read(given)
    except ValueError as error:
        raise pytest.UsageError(f"{where} is {given!r:.40}; write {error}") from None
    if not isinstance(value, Path):
        return value
    if option.name == "report" and (base / value).is_dir():
        raise pytest.UsageError(
            f"{where} is {given!r:.40}, a folder; write the name of a file in it, such as report.html"
        )
    return base / value
