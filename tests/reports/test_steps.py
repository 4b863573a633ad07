"""What is shown of judges of steps, and of verdicts that are counted apart."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import hoodwink
import pytest
from hoodwink import Item, Run, Verdict
from hoodwink.fuzz.lines import scored_steps
from hoodwink.reports.attack.gallery import card_of
from hoodwink.reports.attack.page import render
from hoodwink.reports.attack.summary import RunSummary, summarise
from hoodwink.reports.attack.text import render_summary
from hoodwink.reports.text import write
from rich.console import Console

MARKUP = "<b>\x1b[31m{{ 7*7 }}</b>"


def printed(summary: RunSummary) -> str:
    out = io.StringIO()
    write(Console(file=out, width=200), render_summary(summary))
    return out.getvalue()


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A judge that sums over steps, fooled by harmless ones; one find is shrunk."""
    return hoodwink.attack(
        "process:planted:so-far?aggregate=sum",
        "arithmetic:families=legs+rates",
        attacks=["steps"],
        problems=2,
        shrink_budget=20,
        out=tmp_path_factory.mktemp("stepped"),
    )


def test_a_find_has_the_score_after_each_step(stepped: Run) -> None:
    lines = [json.loads(line) for line in (stepped.folder / "finds.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert "".join(text for text, _ in line["steps"]) == line["response"]
        assert [score for _, score in line["steps"]] == line["alone"]["steps"]
        assert "".join(text for text, _ in line["shrunk_steps"]) == line["shrunk"]


def test_steps_that_do_not_fit_the_text_are_left_out() -> None:
    assert scored_steps("One. Two.", (0.5, 0.25)) == [("One. ", 0.5), ("Two.", 0.25)]
    assert scored_steps("One. Two.", (0.5, 0.25, 0.1)) == []
    assert scored_steps("One. Two.", ()) == []


def test_the_page_shows_the_steps_of_each_find(stepped: Run) -> None:
    summary = summarise(stepped)
    [card, _] = (card_of(summary, place) for place in range(2))
    [judged, *_] = card.judged
    find = summary.finds[0]
    assert judged.what == "response"
    assert judged.steps == tuple(map(tuple, find["steps"]))
    assert judged.lowest == min(find["alone"]["steps"])
    html = render(summary).html
    assert f"Score after each step of the response, {len(find['steps'])} steps" in html
    assert f'<td class="n"><b>{judged.lowest:.3f}</b></td>' in html


def test_steps_are_shown_as_text_whatever_is_in_them(stepped: Run) -> None:
    summary = summarise(stepped)
    steps = [[MARKUP, 0.75], ["x", 0.25]]
    find = {**summary.finds[0], "steps": steps, "shrunk_steps": steps, "shrunk": MARKUP + "x"}
    html = render(replace(summary, finds=(find, *summary.finds[1:]))).html
    assert "Score after each step of the shrunk form, 2 steps" in html
    assert html.count(r"&lt;b&gt;\x1b[31m{{ 7*7 }}&lt;/b&gt;") >= 2
    assert MARKUP not in html


def test_a_single_step_and_runs_without_steps_show_none(stepped: Run, planted_run: Run) -> None:
    summary = summarise(stepped)
    find = {**summary.finds[0], "steps": [["x", 0.5]], "shrunk_steps": []}
    assert card_of(replace(summary, finds=(find,)), 0).judged == ()
    older = {key: value for key, value in find.items() if not key.endswith("steps")}
    assert card_of(replace(summary, finds=(older,)), 0).judged == ()
    assert "Score after each step" not in render(summarise(planted_run)).html


class Torn:
    """Accepts nothing but right answers; of what is short it is of two minds."""

    name = fingerprint = "torn"

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        return [self._verdict(item) for item in items]

    def _verdict(self, item: Item) -> Verdict:
        if item.problem.reference in item.response:
            return Verdict(0.9, 1.0, True)
        outcome = "inconsistent" if len(item.response) < 5 else MARKUP if len(item.response) > 40 else ""
        return Verdict(0.1, -1.0, False, outcome=outcome)


def test_outcomes_are_counted_by_attack(tmp_path: Path, planted_run: Run) -> None:
    run = hoodwink.attack(Torn(), "arithmetic:families=legs", attacks=["openers", "none"], problems=3, out=tmp_path)
    summary = summarise(run)
    openers, none = summary.attacks
    asked = {name: [Item(p, t) for p, t in texts] for name, texts in _asked(run).items()}
    for attack in (openers, none):
        said = [v.outcome for v in Torn().score(asked[attack.name]) if v.outcome]
        assert attack.outcomes == {word: said.count(word) for word in set(said)}
    assert openers.outcomes["inconsistent"] > 10
    assert summary.to_json()["attacks"][0]["outcomes"] == openers.outcomes
    line = f"openers: of {openers.queries_total} verdicts {openers.outcomes['inconsistent']} inconsistent, "
    assert line in printed(summary)
    html = render(summary).html
    assert f"Verdicts counted apart: {line}" in html
    assert "\x1b" not in printed(summary)
    assert MARKUP not in html
    assert "Verdicts counted apart" not in render(summarise(planted_run)).html


def _asked(run: Run) -> dict[str, list[tuple[hoodwink.Problem, str]]]:
    """What the searches of each attack asked about."""
    from hoodwink.reports.reading import reading

    with reading(run) as store:
        problems = {p.id: p for p in store.problems()}
        rows = store.db.execute(
            "SELECT c.attack, v.problem, v.response FROM cells c JOIN trials t ON t.cell = c.id "
            "JOIN verdicts v ON v.id = t.verdict WHERE c.role = 'search'"
        ).fetchall()
    found: dict[str, list[tuple[hoodwink.Problem, str]]] = {}
    for attack, problem, response in rows:
        found.setdefault(attack, []).append((problems[problem], response))
    return found
