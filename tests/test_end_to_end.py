"""The main job on the real referee: attack, confirm, shrink, report, from the command line and from Python."""

from __future__ import annotations

import json
import subprocess
import sys

import hoodwink
import pytest
from hoodwink.corpora.oracles import open_oracle
from hoodwink.judges.judge import ask


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One attack by the command line on three problems."""
    folder = tmp_path_factory.mktemp("e2e") / "run"
    command = ["attack", "--judge", "referee", "--attacks", "random,openers", "--problems", "3"]
    command += ["--shrink-budget", "80", "--out", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "hoodwink", *command], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(folder / "report.html") in done.stdout
    assert "Traceback" not in done.stderr
    return hoodwink.load_run(folder)


@pytest.mark.slow
def test_random_search_fools_the_referee_with_proven_wrong_minimal_answers(run):
    summary = hoodwink.summarise(run)
    attacks = {a.name: a for a in summary.attacks}
    assert attacks["random"].problems >= 2
    assert attacks["random"].fooled == attacks["random"].problems
    assert summary.checks.quality.clean_accuracy > 0.9
    for find in run.finds:
        assert len(find["shrunk"]) <= len(find["response"])
        assert find["proof"]
        assert find["queries"] <= 640


@pytest.mark.slow
def test_every_find_holds_when_a_fresh_judge_scores_it_alone(run):
    judge, oracle = hoodwink.judge("referee"), open_oracle("exact")
    with run.store() as store:
        problems = {p.id: p for p in store.problems()}
    assert run.finds
    for find in run.finds:
        problem = problems[find["problem"]]
        for text, score in ((find["response"], find["alone"]["score"]), (find["shrunk"], find["shrunk_score"])):
            verdict = ask(judge, [hoodwink.Item(problem, text)])[0]
            assert verdict.accepted
            assert verdict.score == pytest.approx(score, abs=1e-6)
            assert oracle.rule(problem, text).truth is hoodwink.Truth.WRONG


@pytest.mark.slow
def test_a_minimal_find_loses_the_judge_with_any_character_left_out(run):
    """Scored here in one batch: a character more or less moves the margin far more than a batch does."""
    judge = hoodwink.judge("referee")
    with run.store() as store:
        problems = {p.id: p for p in store.problems()}
    find = min((f for f in run.finds if f["minimal"] and f["shrunk"]), key=lambda f: len(f["shrunk"]))
    text = find["shrunk"]
    items = [hoodwink.Item(problems[find["problem"]], text[:i] + text[i + 1 :]) for i in range(len(text))]
    assert all(v.margin < 0.3 for v in ask(judge, items))


@pytest.mark.slow
def test_the_report_and_the_json_need_no_model(run, tmp_path):
    code = (
        "import sys, hoodwink; from hoodwink.cli import run\n"
        f"assert run(['report', {str(run.folder)!r}, '--to', {str(tmp_path / 'r.html')!r}]) == 0\n"
        f"assert run(['show', {str(run.folder)!r}, '--json']) == 0\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout[done.stdout.index("{") :])
    assert shown["schema"] == "hoodwink.run/1"
    assert (tmp_path / "r.html").stat().st_size < 2e6
