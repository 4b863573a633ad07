"""Every number of a summary, worked out a second time from run.db without hoodwink's or scipy's statistics."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

import hoodwink
import numpy as np
import pytest
from hoodwink import Run, UsageError
from hoodwink.corpora.records import COMPLETE, NEAR
from hoodwink.reports.attack.scores import BINS
from hoodwink.reports.attack.summary import AttackSummary, RunSummary, summarise


@pytest.fixture(params=["planted_run", "seeded_run"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each of the runs on planted judges."""
    return request.getfixturevalue(request.param)


class Database:
    """The rows of a run, read by plain SQL."""

    def __init__(self, folder: Path) -> None:
        db = sqlite3.connect(folder / "run.db")
        db.row_factory = sqlite3.Row
        self.problems = {r["id"]: json.loads(r["record"]) for r in db.execute("SELECT * FROM problems")}
        self.verdicts = {r["id"]: r for r in db.execute("SELECT * FROM verdicts")}
        self.cells = {r["id"]: r for r in db.execute("SELECT * FROM cells")}
        self.trials = db.execute("SELECT * FROM trials").fetchall()
        self.finds = {r["cell"]: r for r in db.execute("SELECT * FROM finds")}
        db.close()

    def counted(self) -> set[str]:
        """Problems whose plain wrong answer is rejected."""
        accepted = {(v["problem"], v["response"]): v["accepted"] for v in self.verdicts.values() if not v["repeat"]}
        return {p for p, record in self.problems.items() if not accepted[p, record["wrong"][0][0]]}

    def searches(self, attack: str) -> list[sqlite3.Row]:
        return [c for c in self.cells.values() if c["attack"] == attack and c["role"] == "search"]


def wilson(successes: int, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    p = successes / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def kaplan_meier(times: list[tuple[int, bool]]) -> list[tuple[int, float]]:
    """Steps of 1 - S(t) from (time, happened) pairs."""
    curve, alive = [(0, 0.0)], 1.0
    for at in sorted({t for t, happened in times if happened}):
        at_risk = sum(t >= at for t, _ in times)
        alive *= 1 - sum(t == at and happened for t, happened in times) / at_risk
        curve.append((at, 1 - alive))
    return curve


def attack_of(summary: RunSummary, name: str) -> AttackSummary:
    return next(a for a in summary.attacks if a.name == name)


def test_counts_and_rates(run: Run) -> None:
    data, summary = Database(run.folder), summarise(run)
    counted = data.counted()
    assert set(summary.checks.rejected_baseline) == counted
    for attack in summary.attacks:
        found: dict[str, list[bool]] = defaultdict(list)
        levels = defaultdict(set)
        for cell in data.searches(attack.name):
            if cell["problem"] in counted:
                found[cell["problem"]].append(cell["id"] in data.finds)
                levels[cell["problem"]].add(data.finds[cell["id"]]["level"] if cell["id"] in data.finds else None)
        rates = [sum(f) / len(f) for f in found.values()]
        assert attack.problems == len(counted)
        assert attack.excluded == len(data.problems) - len(counted)
        assert attack.fooled == sum(any(f) for f in found.values())
        assert attack.acclaimed == sum("acclaimed" in kinds for kinds in levels.values())
        assert attack.asr == pytest.approx(sum(rates) / len(rates))
        assert attack.failed == ()


def test_the_runs_hold_what_they_are_meant_to(planted_run: Run, seeded_run: Run) -> None:
    planted, seeded = summarise(planted_run), summarise(seeded_run)
    assert planted.complete
    assert attack_of(planted, "repeat").fooled == 7
    assert attack_of(planted, "random:length=4").fooled == 0
    assert attack_of(seeded, "none").excluded > 0
    assert attack_of(seeded, "none").acclaimed > 0
    random = attack_of(seeded, "random:length=2:batch=2")
    assert random.asr is not None
    assert 0 < random.asr < 1
    assert random.fooled > random.asr * random.problems, "some problem is fooled by some seeds only"


def test_interval_of_one_seed_is_wilson(planted_run: Run) -> None:
    for attack in summarise(planted_run).attacks:
        assert attack.asr_ci == pytest.approx(wilson(attack.fooled, attack.problems), abs=1e-12)


def test_interval_of_several_seeds_resamples_problems(seeded_run: Run) -> None:
    data, summary = Database(seeded_run.folder), summarise(seeded_run)
    attack = attack_of(summary, "random:length=2:batch=2")
    found = defaultdict(list)
    for cell in data.searches(attack.name):
        if cell["problem"] in data.counted():
            found[cell["problem"]].append(cell["id"] in data.finds)
    rates = np.asarray([np.mean(f) for f in found.values()])
    means = np.random.default_rng(1).choice(rates, (20_000, len(rates))).mean(1)
    assert attack.asr_ci == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=0.038), "a step is 1/27"


def test_queries_and_curves(run: Run) -> None:
    data, summary = Database(run.folder), summarise(run)
    asked = defaultdict(set)
    for trial in data.trials:
        asked[trial["cell"]].add(data.verdicts[trial["verdict"]]["response"])
    for attack in summary.attacks:
        cells = data.searches(attack.name)
        assert [c["queries"] for c in cells] == [len(asked[c["id"]]) for c in cells]
        assert attack.queries_total == sum(len(asked[c["id"]]) for c in cells)
        times = [
            (data.finds[c["id"]]["queries"], True) if c["id"] in data.finds else (len(asked[c["id"]]), False)
            for c in cells
            if c["problem"] in data.counted()
        ]
        curve = kaplan_meier(times)
        assert [q for q, _ in attack.curve] == [q for q, _ in curve]
        assert [s for _, s in attack.curve] == pytest.approx([s for _, s in curve])
        assert len(attack.band) == len(attack.curve)
        assert all(low <= share <= high for (low, high), (_, share) in zip(attack.band, attack.curve, strict=True))
        assert attack.queries_median == next((q for q, share in curve if share >= 0.5 - 1e-9), None)


def test_a_find_carries_the_query_that_found_it(run: Run) -> None:
    data = Database(run.folder)
    assert data.finds
    for cell, row in data.finds.items():
        find = json.loads(row["record"])
        texts = {t["query"]: data.verdicts[t["verdict"]]["response"] for t in data.trials if t["cell"] == cell}
        assert texts[find["queries"]] == find["response"]
        assert find["queries"] == row["queries"]
        assert find["level"] == row["level"]


def test_verdicts_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    def judge(response: str) -> float | str:
        return "no idea" if len(response) % 3 == 0 else 0.1

    run = hoodwink.attack(judge, attacks=["openers", "words"], problems=3, budget=30, seeds=2, out=tmp_path / "run")
    data, summary = Database(run.folder), summarise(run)
    for one in summary.attacks:
        searches = [
            t for t in data.trials if (c := data.cells[t["cell"]])["role"] == "search" and c["attack"] == one.name
        ]
        assert len(searches) == one.queries_total
        assert 0 < one.unread < one.queries_total
        assert one.unread == sum(len(data.verdicts[t["verdict"]]["response"]) % 3 == 0 for t in searches)
    assert summary.unread == sum(a.unread for a in summary.attacks) / sum(a.queries_total for a in summary.attacks)
    assert summary.flags[-1].id == "unparsed-attacks"


def test_verdicts_and_seconds(run: Run) -> None:
    data, summary = Database(run.folder), summarise(run)
    for attack in summary.attacks:
        touched = {
            (v["problem"], v["response"])
            for t in data.trials
            if data.cells[t["cell"]]["attack"] == attack.name and (v := data.verdicts[t["verdict"]])
        }
        mine = [v for v in data.verdicts.values() if (v["problem"], v["response"]) in touched]
        assert attack.verdicts == len(mine)
        assert attack.seconds == pytest.approx(sum(v["seconds"] for v in mine), abs=1e-3)


def test_fixed_strings(run: Run) -> None:
    data, summary = Database(run.folder), summarise(run)
    tried, fooled = defaultdict(set), defaultdict(set)
    for trial in data.trials:
        verdict = data.verdicts[trial["verdict"]]
        if data.cells[trial["cell"]]["role"] == "search":
            tried[verdict["response"]].add(verdict["problem"])
            if verdict["accepted"] and trial["truth"] == "wrong":
                fooled[verdict["response"]].add(verdict["problem"])
    least = max(3, len(data.problems) // 2)
    expected = {text: (len(ps), len(fooled[text])) for text, ps in tried.items() if len(ps) >= least}
    assert {s.text: (s.tried, s.fooled) for s in summary.strings} == expected
    rates = [s.fooled for s in summary.strings]
    assert rates == sorted(rates, reverse=True)
    for string in summary.strings:
        assert string.rate == string.fooled / string.tried
        assert string.interval == pytest.approx(wilson(string.fooled, string.tried), abs=1e-12)


def test_fixed_strings_are_there(planted_run: Run) -> None:
    assert "Thought process:" in {s.text for s in summarise(planted_run).strings}


def test_finds_are_the_lines_of_the_file(run: Run) -> None:
    lines = (run.folder / "finds.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(summarise(run).finds) == run.finds
    assert lines


def test_json_has_the_documented_keys_and_is_json(run: Run) -> None:
    data: dict[str, Any] = json.loads(json.dumps(summarise(run).to_json()))
    top = ["schema", "complete", "judge", "settings", "versions", "baseline"]
    top += ["attacks", "strings", "finds", "diversity", "scores", "used", "noted"]
    assert list(data) == top
    assert data["schema"] == "hoodwink.run/1"
    assert set(data["attacks"][0]) == set(AttackSummary.__dataclass_fields__)
    assert all(set(s) == {"text", "tried", "fooled", "rate", "rate_ci"} for s in data["strings"])


def test_a_run_that_stopped_before_its_checks_says_so(tmp_path: Path) -> None:
    def broken(response: str) -> float:
        raise RuntimeError("no model")

    with pytest.raises(hoodwink.JudgeError, match="no model"):
        hoodwink.attack(broken, problems=2, out=tmp_path / "run")
    for call in (summarise, hoodwink.report):
        with pytest.raises(UsageError, match="stopped before its first result; run the same attack again to go on"):
            call(hoodwink.load_run(tmp_path / "run"))
    assert not (tmp_path / "run" / "report.html").exists()


def test_scores_by_group(run: Run) -> None:
    """The known responses of all problems, and the best provably wrong response of each search."""
    data, summary = Database(run.folder), summarise(run)
    known = {(v["problem"], v["response"]): v for v in data.verdicts.values() if not v["repeat"]}
    best: dict[int, float] = defaultdict(float)
    for trial in data.trials:
        if data.cells[trial["cell"]]["role"] == "search" and trial["truth"] == "wrong":
            best[trial["cell"]] = max(best[trial["cell"]], data.verdicts[trial["verdict"]]["score"])

    def of(field: str, kinds: frozenset[str] | None) -> list[float]:
        texts = [(p, text, kind) for p, record in data.problems.items() for text, kind, _ in record[field]]
        return [known[p, text]["score"] for p, text, kind in texts if kinds is None or kind in kinds]

    expected = {
        "right answers": of("right", None),
        "wrong answers": of("wrong", COMPLETE),
        "near misses": of("wrong", NEAR),
        "attacked": list(best.values()),
    }
    groups = {group.group: group for group in summary.scores}
    assert set(groups) == {name for name, scores in expected.items() if scores}
    for name, group in groups.items():
        assert group.n == len(expected[name]) == sum(group.bins)
        assert group.median == pytest.approx(np.median(expected[name]))
        edges = np.linspace(0, 1, BINS + 1)[1:-1] - 1e-9
        assert list(group.bins) == np.bincount(np.digitize(expected[name], edges), minlength=BINS).tolist()
        assert group.accepted == np.mean([score >= summary.checks.threshold for score in expected[name]])


def test_every_step_of_a_lineage_has_the_margin_of_the_store(run: Run) -> None:
    data, summary = Database(run.folder), summarise(run)
    known = {(v["problem"], v["response"]): v for v in data.verdicts.values() if not v["repeat"]}
    steps = {(find["problem"], text) for find in summary.finds for _, text in find["lineage"]}
    assert set(summary.margins) == steps != set()
    assert all(pair == (known[step]["score"], known[step]["margin"]) for step, pair in summary.margins.items())
    assert summary.starts == {p: record["wrong"][0][0] for p, record in data.problems.items()}


def test_an_unfinished_run_gives_what_it_has(unfinished_run: Run) -> None:
    summary = summarise(unfinished_run)
    assert not summary.complete
    assert [a.name for a in summary.attacks] == ["none", "openers", "random"]
    assert attack_of(summary, "none").queries_total > 0
    assert attack_of(summary, "random").asr is None
    assert attack_of(summary, "random").asr_ci is None


def test_all_problems_excluded(excluded_run: Run) -> None:
    summary = summarise(excluded_run)
    (attack,) = summary.attacks
    assert (attack.problems, attack.excluded, attack.fooled) == (0, 3, 0)
    assert attack.asr is None
    assert attack.asr_ci is None
    assert attack.curve == ((0, 0.0),)
    assert len(summary.finds) == 3, "finds on excluded problems are kept, and not counted"


def test_no_finds(empty_run: Run) -> None:
    summary = summarise(empty_run)
    assert summary.finds == ()
    assert summary.attacks[0].asr == 0
    assert summary.attacks[0].queries_median is None


def test_a_damaged_run_is_a_usage_error(planted_run: Run, tmp_path: Path) -> None:
    shutil.copytree(planted_run.folder, tmp_path / "run")
    with sqlite3.connect(tmp_path / "run" / "run.db") as db:
        db.execute("UPDATE meta SET value = '{' WHERE key = 'checks'")
    db.close()
    with pytest.raises(UsageError, match="is damaged"):
        summarise(hoodwink.load_run(tmp_path / "run"))
