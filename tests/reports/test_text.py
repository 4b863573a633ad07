"""A run in a terminal: the same numbers, and no hostile text that a terminal or rich would obey."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import replace

import pytest
from hoodwink import Run
from hoodwink.fuzz.campaign import Progress
from hoodwink.reports.attack.summary import summarise
from hoodwink.reports.attack.text import render_summary, varied
from hoodwink.reports.checking import render_check
from hoodwink.reports.escape import quoted, visible
from hoodwink.reports.names import list_names, render_names
from hoodwink.reports.progress import AttackProgress, TrainProgress
from hoodwink.reports.text import SHOWN, interval, percent, render_checks, write
from rich.console import Console


def printed(*what: object, width: int = 200) -> str:
    """What comes out of a terminal of that width, with its colours."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system="truecolor", legacy_windows=False)
    for part in what:
        write(console, part)  # type: ignore[arg-type]
    return out.getvalue()


def plain(*what: object, width: int = 200) -> str:
    out = io.StringIO()
    for part in what:
        write(Console(file=out, width=width), part)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 解 かいせつ 🙂", "plain é 解 かいせつ 🙂"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("\x9b2J\x7f\x00", r"\x9b2J\x7f\x00"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\u200b\ufeff\u00ad\u2028\u00a0", r"\u200b\ufeff\xad\u2028\xa0"),
        ("\u3164\uffa0\u034f\u2800\ufe0f\U000e0100", r"\u3164\uffa0\u034f\u2800\ufe0f\U000e0100"),
        ("\U000e0041\ue000\ud800", r"\U000e0041\ue000\ud800"),
        ("", ""),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_visible_leaves_nothing_that_hides_or_turns() -> None:
    blocks = [range(0x3400), range(0xD800, 0x10000), range(0x1D100, 0x1D200), range(0xE0000, 0xE0200)]
    left = set(visible("".join(chr(c) for block in blocks for c in block)))
    assert {unicodedata.category(c) for c in left} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} == set()
    assert {c for c in left if unicodedata.category(c) == "Zs"} == {" "}


def test_visible_cuts() -> None:
    assert visible("abcdef", 3) == "abc…"
    assert visible("abc", 3) == "abc"


def test_quoted_tells_a_line_break_from_a_backslash() -> None:
    assert quoted("a\nb", 10) == r"'a\nb'"
    assert quoted(r"a\nb", 10) == r"'a\\nb'"
    assert quoted("it's \x1b \u3164", 20) == r'''"it's \x1b \u3164"'''
    assert quoted("", 10) == "''"
    assert quoted("abc", 2) == "'ab…'"


@pytest.mark.parametrize(("rate", "shown"), [(0.934, "93%"), (None, "–"), (0.0, "0%"), (1.0, "100%")])
def test_percent(rate: float | None, shown: str) -> None:
    assert percent(rate) == shown


def test_interval() -> None:
    assert interval((0.801, 0.97)) == "80–97%"
    assert interval(None) == ""


def test_summary_has_the_numbers(planted_run: Run) -> None:
    summary = summarise(planted_run)
    text = plain(render_summary(summary))
    for attack in summary.attacks:
        (line,) = [x for x in text.splitlines() if x.startswith(f"│ {attack.name} ") and " of 7 " in x]
        cells = [c.strip() for c in line.strip("│").split("│")]
        median = "–" if attack.queries_median is None else str(attack.queries_median)
        assert cells[:8] == [
            attack.name,
            f"{attack.fooled} of 7",
            percent(attack.asr),
            interval(attack.asr_ci),
            median,
            ", ".join(f"{kind} {count}" for kind, count in attack.kinds.items() if count) or "–",
            str(attack.acclaimed),
            str(attack.queries_total),
        ]
    assert f"{min(SHOWN, len(summary.finds))} of {len(summary.finds)} finds" in text
    assert "Is it broken? Yes" in text
    assert "clean accuracy" in text
    assert "not finished" not in text


def test_hostile_text_reaches_no_terminal(hostile_run: Run) -> None:
    summary = summarise(hostile_run)
    name = "\x1b[31m[red]x[/red] :smile: \u202e"
    attacks = (replace(summary.attacks[0], name=name, failed=(name,)), *summary.attacks[1:])
    finds = tuple({**find, "attack": name} for find in summary.finds[::-1])
    hostile = replace(summary, attacks=attacks, finds=finds, settings={**summary.settings, "judge": name})
    parts = [render_summary(hostile), render_check(name, summary.checks), render_checks(name, summary.checks)]
    for shift in range(0, len(finds), SHOWN):
        parts.append(render_summary(replace(hostile, finds=finds[shift:])))
    for width in (60, 200):
        raw = plain(*parts, width=width)
        assert {c for c in raw if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")} == set()
        assert "☺" not in raw
        assert "😄" not in raw
    text = plain(*parts, width=400)
    assert r"Judge \x1b[31m[red]x[/red] :smile: \u202e on" in text
    assert r"attack \x1b[31m[red]x[/red] :smile: \u202e failed: \x1b[31m[red]x[/red] :smile: \u202e" in text
    assert "[red]bold[/red] [link=http://evil.example]" in text
    colours = printed(*parts)
    assert "\x1b[31mred" not in colours
    assert "\x1b]0;title" not in colours
    assert "\x1b]8;" not in colours, "a link"


def test_unfinished_and_failed_runs_say_so(unfinished_run: Run) -> None:
    summary = summarise(unfinished_run)
    text = plain(render_summary(summary))
    assert "This run is not finished: its rates are too high, since searches that succeed end first." in text
    failed = replace(summary, attacks=(replace(summary.attacks[0], failed=("E: x", "E: x", "E: y")),))
    text = plain(render_summary(failed))
    assert text.count("attack none failed: E: x") == 1
    assert text.count("attack none failed: E: y") == 1


def test_empty_results(empty_run: Run, excluded_run: Run) -> None:
    assert "No finds." in plain(render_summary(summarise(empty_run)))
    text = plain(render_summary(summarise(excluded_run)))
    assert "0 of 0 (+3 excluded)" in text
    assert "warning baseline-accepted" in text


@pytest.mark.parametrize("what", ["judges", "attacks", "corpora"])
def test_every_name_has_a_summary(what: str) -> None:
    rows = list_names(what)  # type: ignore[arg-type]
    assert rows
    assert all(summary for _, summary, _ in rows)
    text = plain(render_names(what))  # type: ignore[arg-type]
    assert all(name in text for name, _, _ in rows)


def test_options_of_an_attack_are_listed() -> None:
    (random,) = [row for row in list_names("attacks") if row[0] == "random"]
    assert "length=8" in random[2].split()


def test_progress_without_a_terminal_is_some_lines_not_one_a_step() -> None:
    out = io.StringIO()
    with AttackProgress(Console(file=out, width=160)) as display:
        for done in [*range(5), *[5] * 50]:
            display(Progress(done=done, cells=5, fooled=1, shrinking=2, asked=10 * done, replayed=3, seconds=2.0))
    lines = out.getvalue().splitlines()
    assert len(lines) <= 2
    assert lines[-1] == "searches 5/5  20% fooled  50 verdicts, 25/s  shrinking 2  (3 replayed)"


def test_progress_in_a_terminal_leaves_nothing_behind() -> None:
    out = io.StringIO()
    with TrainProgress(Console(file=out, width=100, force_terminal=True)) as display:
        display(1, 2, 0.5)
        display(2, 2, 0.25)
    assert out.getvalue().endswith("\x1b[2K") or out.getvalue().rstrip().endswith("\x1b[2K")


def test_finds_are_varied() -> None:
    """Attacks take turns, and a shrunk form comes again only when all have been there."""
    finds = [{"attack": attack, "shrunk": shrunk} for attack, shrunk in ("ax", "ax", "ay", "az", "bx", "bw", "cv")]
    order = ["".join((find["attack"], find["shrunk"])) for find in varied(finds)]
    assert order == ["ax", "bw", "cv", "ay", "az", "ax", "bx"]
