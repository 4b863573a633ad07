"""`hoodwink compare`: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import hoodwink
import pytest
from hoodwink.cli import run


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The same attack on a judge that holds and on one that does not."""
    folder = tmp_path_factory.mktemp("pair")

    def made(name: str, judge: Callable[..., float]) -> str:
        hoodwink.attack(judge, attacks=["openers"], problems=12, budget=40, shrink_budget=10, out=folder / name)
        return str(folder / name)

    return (
        made("a", lambda reference, response: 0.9 if reference in response else 0.1),
        made("b", lambda reference, response: 0.9 if reference in response or "Solution" in response else 0.1),
    )


def test_it_prints_what_changed(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", *pair]) == 0
    out = capsys.readouterr().out
    assert "Is B worse than A? Yes: openers fools B on 100% of problems and A on 0% (+100 points, p " in " ".join(
        out.split()
    )
    assert max(map(len, out.splitlines())) <= 120


def test_the_gate_fails_on_a_regression_alone(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    a, b = pair
    assert run(["compare", a, b, "--fail-on-regression"]) == 1
    assert run(["compare", b, a, "--fail-on-regression"]) == 0
    assert run(["compare", a, b, "--fail-on-regression", "--alpha", "0.00000001"]) == 0
    capsys.readouterr()


def test_json_and_page(pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert run(["compare", *pair, "--json", "--to", str(page), "--fail-on-regression"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["regression"]) == ("hoodwink.compare/1", True)
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert run(["compare", *pair, "--to", str(page)]) == 0
    assert capsys.readouterr().out.endswith(f"page    {page}\n")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--to", "missing/page.html"], "cannot write the page to missing/page.html"),
        (["--alpha", "0"], "alpha is 0; write a level between 0 and 1"),
    ],
)
def test_wrong_usage_gives_a_line(
    pair: tuple[str, str], extra: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(["compare", *pair, *extra]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert said in errors


def test_the_help_says_what_a_regression_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "on more problems, or with fewer queries, with p < alpha" in out
    assert "clean accuracy is lower, a verdict that could not be read counted as wrong" in out
    assert "by Fisher's exact test where these are fewer than half of the smaller run's" in out


def test_no_run_there(pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", pair[0], str(tmp_path / "none")]) == 2
    assert "no run in" in capsys.readouterr().err


def test_the_gate_does_not_pass_where_no_attack_was_compared(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another attack on the very same judge, and one that is worse on clean responses: that is a regression."""

    def made(name: str, judge: Callable[..., float]) -> str:
        hoodwink.attack(judge, attacks=["none"], problems=12, budget=40, shrink_budget=10, out=tmp_path / name)
        return str(tmp_path / name)

    other = made("other", lambda reference, response: 0.9 if reference in response else 0.1)
    assert run(["compare", pair[0], other]) == 0
    assert "Is B worse than A? It cannot be said: no attack that is in both" in " ".join(
        capsys.readouterr().out.split()
    )
    assert run(["compare", pair[0], other, "--fail-on-regression"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "it cannot be said whether B is worse: no attack that is in both runs counts in both" in errors
    assert run(["compare", pair[0], made("never", lambda reference, response: 0.1), "--fail-on-regression"]) == 1
