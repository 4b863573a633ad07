"""The duel: what its rounds are made of, that nothing of `eval` is trained on, and that a kill changes nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import hoodwink
import pytest
from hoodwink.corpora.records import Candidate, Item, Problem, Verdict
from hoodwink.fuzz import duel as module
from hoodwink.fuzz.duel import KEYS, VARIANTS, Duel, Watch, duel
from hoodwink.fuzz.rounds import EVAL, HELD_OUT, TRAIN, Rounds, folder_of
from hoodwink.fuzz.run import Run
from hoodwink.fuzz.statistics import logrank, wilson
from hoodwink.judges import hardening
from hoodwink.judges.hardening import RECIPES
from hoodwink.reports.views import summarise
from whackamole import HELD, HOLES, SMALL, WORDS, Log, WhackAMole, fight, steady
from whackamole import KEYS as KEY_HOLES

ROUNDS = 4


@pytest.fixture(scope="module")
def first():
    """The judge that `fought` begins with, and its log."""
    return WhackAMole()


@pytest.fixture(scope="module")
def fought(first, tmp_path_factory):
    """A duel in which all holes are closed but the one that only held-out attacks know."""
    return fight(tmp_path_factory.mktemp("duels") / "fought", first, rounds=ROUNDS)


@pytest.fixture(scope="module")
def data(fought):
    return summarise(fought).to_json()


def finds_of(run, number, part=EVAL):
    return Run(folder_of(run.folder, number, part)).finds


def problems_of(run, number, part=EVAL):
    with Run(folder_of(run.folder, number, part)).store() as store:
        return store.problems()


def opened(run, number):
    """The holes of a round's judge that are open."""
    first = WhackAMole()
    return first.open if number == 1 else first.adapted(run.folder / "judges" / f"round-{number}").open


# What the rounds show


def test_fresh_search_fools_less_as_holes_are_closed(fought, data):
    asr = [r["adaptive_asr"] for r in data["rounds"]]
    assert asr == sorted(asr, reverse=True)
    assert (asr[0], asr[-1]) == (1.0, 0.0)
    assert asr[1] > 0, "words that no fixed string holds are found by search"
    holes = [opened(fought, n) for n in range(1, ROUNDS + 1)]
    assert holes[0] == list(HOLES)
    assert all(set(later) <= set(earlier) for earlier, later in pairwise(holes))
    assert holes[-1] == [HELD]
    for number, open_ones in enumerate(holes, 1):
        assert all(any(hole in find["response"] for hole in open_ones) for find in finds_of(fought, number))


def test_rates_are_those_of_the_finds(fought, data):
    for r in data["rounds"]:
        problems = {p.id for p in problems_of(fought, r["round"])}
        finds = finds_of(fought, r["round"])
        fooled = {f["problem"] for f in finds}
        assert fooled <= problems
        assert r["adaptive_asr_n"] == len(problems) == SMALL["problems"]
        assert r["adaptive_asr"] == len(fooled) / len(problems)
        assert r["adaptive_asr_ci"] == wilson(len(fooled), len(problems))
        assert r["finds"] == len(finds) == sum(r["kinds"].values())
        first_queries = sorted(min(f["queries"] for f in finds if f["problem"] == p) for p in fooled)
        half = -(-len(problems) // 2)
        assert r["queries_median"] == (first_queries[half - 1] if len(first_queries) >= half else None)
        for budget, rate in r["asr_at"].items():
            assert rate["rate"] == sum(q <= int(budget) for q in first_queries) / len(problems)


def test_old_finds_fool_no_later_judge_and_the_matrix_says_so(data):
    assert data["rounds"][0]["stale_asr"] is None
    assert [r["stale_asr"] for r in data["rounds"][1:]] == [0.0] * (ROUNDS - 1)
    assert [len(row) for row in data["matrix"]] == [ROUNDS] * ROUNDS
    with_finds = [r["finds"] > 0 for r in data["rounds"]]
    assert with_finds[:2] == [True, True]
    for finder, row in enumerate(data["matrix"]):
        for judge, cell in enumerate(row):
            if not with_finds[finder]:
                assert cell == {"rate": None, "ci": None, "n": 0}
            elif judge == finder:
                assert cell["rate"] == 1.0
            elif judge > finder:
                assert cell["rate"] == 0.0
            else:
                assert cell["rate"] == 1.0, "what is open later was open before"


def test_held_out_families_go_on_fooling(fought, data):
    for r in data["rounds"]:
        assert (r["held_out_family_asr"], r["held_out_family_asr_n"]) == (1.0, SMALL["held_out_problems"])
        assert {a: rate["rate"] for a, rate in r["held_out_by_attack"].items()} == {
            "words:mode=replace": 0.0,
            "injection": 1.0,
        }
        held = problems_of(fought, r["round"], HELD_OUT)
        assert held == problems_of(fought, r["round"])[: SMALL["held_out_problems"]]


def test_clean_responses_are_those_of_the_first_round_in_every_round(fought, first, data):
    for r in data["rounds"]:
        assert (r["clean_accuracy"], r["auroc"], r["over_rejection"]) == (1.0, 1.0, 0.0)
    with fought.store() as store:
        assert len({json.dumps(r.quality.to_json()) for r in Rounds(store).all()}) == 1


def test_fixed_strings_pass_until_they_are_trained_on(data):
    passing = [{key for key, rate in r["master_keys"].items() if rate["rate"] == 1.0} for r in data["rounds"]]
    assert passing[0] == set(KEY_HOLES)
    assert passing[1] < passing[0]
    assert passing[-1] == set()
    assert list(data["rounds"][0]["master_keys"]) == list(KEYS)
    assert data["rounds"][0]["master_key_rate"] == pytest.approx(len(KEY_HOLES) / len(KEYS))


def test_edited_copies_of_old_finds_are_shown_too(fought, data):
    with fought.store() as store:
        rounds = Rounds(store).all()
        asked = store.db.execute(
            "SELECT COUNT(*) FROM verdicts WHERE judge = ? AND repeat = 0", (rounds[1].fingerprint,)
        )
        copies = asked.fetchone()[0] - rounds[1].quality.items - len(KEYS) * SMALL["held_out_problems"]
    assert 0 < copies <= VARIANTS * data["rounds"][0]["finds"]
    assert [sorted(r.variants) for r in rounds] == [list(range(1, r.number)) for r in rounds]
    assert {p for r in rounds for shares in r.variants.values() for p in shares} <= {
        p.id for r in rounds for p in problems_of(fought, r.number)
    }
    assert data["rounds"][0]["stale_variants"] is None
    assert data["rounds"][1]["stale_variants"] is not None


def test_queries_are_compared_with_the_round_before_and_the_first(fought, data):
    def queries(number):
        finds = finds_of(fought, number)
        best = {p.id: min((f["queries"] for f in finds if f["problem"] == p.id), default=None)
                for p in problems_of(fought, number)}  # fmt: skip
        found = [q for q in best.values() if q is not None]
        return found, [SMALL["budget"]] * (len(best) - len(found))

    assert (data["rounds"][0]["logrank_previous"], data["rounds"][0]["logrank_first"]) == (None, None)
    for r in data["rounds"][1:]:
        number = r["round"]
        assert r["logrank_previous"] == logrank(queries(number - 1), queries(number))
        assert r["logrank_first"] == logrank(queries(1), queries(number))
    assert data["rounds"][1]["logrank_first"] < 0.05


def test_what_a_judge_was_trained_on_is_counted_and_kept(fought, first, data):
    assert data["rounds"][0]["trained_on"] is None
    assert len(first.log.shown) == ROUNDS - 1
    for number, examples in enumerate(first.log.shown, 2):
        lines = lines_of(fought, number)
        assert [(x["problem"], x["response"], x["target"]) for x in lines] == [
            (e.item.problem.id, e.item.response, e.target) for e in examples
        ]
        finds = [f for n in range(1, number) for f in finds_of(fought, n, TRAIN)]
        assert finds
        wanted = {(f["problem"], f["response"]) for f in finds}
        assert wanted <= {(e.item.problem.id, e.item.response) for e in examples if e.target == 0.0}
        assert data["rounds"][number - 1]["trained_on"] == {"finds": len(wanted), "all": len(examples)}
    folders = [f"round-{n}" for n in range(2, ROUNDS + 1)]
    assert [out.name for _, out in first.log.trained] == folders
    with fought.store() as store:
        before = [r.fingerprint for r in Rounds(store).all()][:-1]
    assert [fingerprint for fingerprint, _ in first.log.trained] == before, "training goes on from the judge before"


def test_the_json_has_its_documented_fields(data):
    assert list(data) == ["schema", "complete", "ended", "settings", "versions", "rounds", "matrix"]
    assert (data["schema"], data["complete"]) == ("hoodwink.duel/1", True)
    assert [r["round"] for r in data["rounds"]] == list(range(1, ROUNDS + 1))
    for r in data["rounds"]:
        assert list(r) == [
            "round", "judge", "adaptive_asr", "adaptive_asr_ci", "adaptive_asr_n", "adaptive_asr_by_seed", "asr_at",
            "nonsense_asr", "nonsense_asr_ci", "nonsense_asr_n", "queries_median", "logrank_previous", "logrank_first",
            "stale_asr", "stale_asr_ci", "stale_asr_n", "stale_asr_by_kind", "stale_variants", "stale_variants_ci",
            "stale_variants_n", "reopened", "held_out_family_asr", "held_out_family_asr_ci", "held_out_family_asr_n",
            "held_out_by_attack", "master_key_rate", "master_key_rate_ci", "master_key_rate_n", "master_keys",
            "threshold", "clean_accuracy", "auroc", "over_rejection", "accepted_by_kind", "accuracy_by_family", "finds",
            "kinds", "modes", "evenness", "tokens_median", "perplexity_median", "trained_on",
            "training_seconds", "seconds",
        ]  # fmt: skip
    plain = json.loads(json.dumps(data, allow_nan=False))
    assert plain["matrix"][0][0] == {"rate": 1.0, "ci": list(wilson(4, 4)), "n": 4}


def test_watchers_are_told_every_stage_in_order(tmp_path):
    told = []
    watch = Watch(
        stage=lambda number, stage: told.append((number, stage)),
        attack=lambda progress: told.append("attack"),
        training=lambda step, steps, loss: told.append("step"),
        round=lambda done: told.append(("done", done.number)),
    )
    fight(tmp_path, rounds=2, watch=watch)
    assert [x for x in told if isinstance(x, tuple)] == [
        (1, EVAL), (1, HELD_OUT), (1, "replay"), ("done", 1), (1, TRAIN), (2, "retrain"),
        (2, EVAL), (2, HELD_OUT), (2, "replay"), ("done", 2), (1, "look back"),
    ]  # fmt: skip
    place = told.index((2, "retrain"))
    assert told[place + 1 : told.index((2, EVAL))] == ["step"] * (told.index((2, EVAL)) - place - 1)
    assert told[place + 1] == "step"
    assert told[1] == "attack"


def test_several_seeds_search_eval_problems_alone_and_their_mean_counts(tmp_path):
    """A second search of the same problems: a problem's rate is the share of its seeds that are fooled."""
    run = fight(tmp_path, rounds=2, seeds=2, budget=30)
    shares = []
    for r in summarise(run).to_json()["rounds"]:
        number = r["round"]
        fooled = {(f["problem"], f["seed"]) for f in finds_of(run, number)}
        problems = [p.id for p in problems_of(run, number)]
        first, second = (int(seed) for seed in r["adaptive_asr_by_seed"])
        assert second == first + 1
        assert {seed for _, seed in fooled} <= {first, second}
        for seed in (first, second):
            rate = r["adaptive_asr_by_seed"][str(seed)]
            assert rate == {
                "rate": pytest.approx(sum((p, seed) in fooled for p in problems) / 4), "ci": rate["ci"], "n": 4
            }  # fmt: skip
        by_problem = [((p, first) in fooled) / 2 + ((p, second) in fooled) / 2 for p in problems]
        assert r["adaptive_asr"] == pytest.approx(sum(by_problem) / 4)
        assert r["adaptive_asr_n"] == 4
        shares += by_problem
        for part in (HELD_OUT, TRAIN) if number == 1 else (HELD_OUT,):
            with Run(folder_of(run.folder, number, part)).store() as store:
                assert store.config["identity"]["seeds"] == 1
    assert 0.5 in shares, "seeds differ somewhere"


def test_a_judge_that_forgets_has_reopened_holes(tmp_path):
    """After the second training the holes of the first round are open again."""
    first = WhackAMole(["Solution", *WORDS], forgets={2: "Solution"})
    run = fight(tmp_path, first)
    data = summarise(run).to_json()
    old = finds_of(run, 1)
    assert old
    assert all("Solution" in f["response"] for f in old)
    assert [r["reopened"] for r in data["rounds"]] == [0, 0, len(old)]
    assert data["rounds"][1]["stale_asr"] == 0.0
    assert [cell["rate"] for cell in data["matrix"][0]] == [1.0, 0.0, 1.0]
    assert list(summarise(run).rounds[2].reopened) == old


def test_training_that_changes_nothing_leaves_the_same_judge(tmp_path):
    """A judge that no training changes keeps its fingerprint: its verdicts are of more than one round."""

    class Stubborn(WhackAMole):
        def retrain(self, examples, recipe, out, **options):
            done = super().retrain(examples, recipe, out, **options)
            (out / "training.json").write_text(
                json.dumps({"state": {"margins": self.margins, "trainings": 0}}), "utf-8"
            )
            return done

        def adapted(self, folder, **options):
            return Stubborn(self.holes, log=self.log)

    data = summarise(fight(tmp_path, Stubborn(), rounds=4)).to_json()
    assert [r["stale_asr"] for r in data["rounds"]] == [None, 1.0, 1.0, 1.0]
    assert [r["adaptive_asr"] for r in data["rounds"]] == [1.0] * 4
    assert {cell["rate"] for row in data["matrix"] for cell in row} == {1.0}


def test_a_judge_that_nothing_fools_has_a_duel_without_finds(tmp_path):
    run = fight(tmp_path, WhackAMole([]), rounds=2, held_out=())
    data = summarise(run).to_json()
    assert [(r["adaptive_asr"], r["finds"], r["queries_median"], r["evenness"]) for r in data["rounds"]] == [
        (0.0, 0, None, None)
    ] * 2
    assert [r["held_out_family_asr"] for r in data["rounds"]] == [None, None]
    assert data["rounds"][1]["stale_asr"] is None
    assert data["rounds"][1]["logrank_first"] is None
    assert data["rounds"][1]["trained_on"]["finds"] == 0


# Nothing of `eval` is ever trained on


def lines_of(run, number):
    text = (run.folder / "judges" / f"round-{number}" / "examples.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def leaks(run, judge):
    """What a duel trained on, or says it did, that is of `eval` or was attacked to measure a round."""
    rounds = sorted(int(folder.name) for folder in (run.folder / "rounds").iterdir())
    measured = {p.id for n in rounds for part in (EVAL, HELD_OUT) for p in problems_of(run, n, part)}
    shown = [example.item.problem for examples in judge.log.shown for example in examples]
    made_again = [Problem.from_json(p.to_json()) for p in shown]
    told = [(p.id, p.split) for p in made_again]
    for folder in sorted((run.folder / "judges").iterdir()):
        told += [(line["problem"], line["split"]) for line in lines_of(run, folder.name.removeprefix("round-"))]
    assert told, "the check saw something"
    return [(problem, split) for problem, split in told if split != "train" or problem in measured]


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_recipe_trains_on_anything_of_eval(tmp_path, recipe):
    judge = WhackAMole()
    run = fight(tmp_path, judge, recipe=recipe)
    assert len(judge.log.shown) == 2
    assert leaks(run, judge) == []
    assert len(summarise(run).rounds) == 3


def test_rounds_share_no_problems(fought):
    for part, split, numbers in ((EVAL, "eval", range(1, ROUNDS + 1)), (TRAIN, "train", range(1, ROUNDS))):
        drawn = [p for n in numbers for p in problems_of(fought, n, part)]
        assert {p.split for p in drawn} == {split}
        assert len({p.id for p in drawn}) == len(drawn) == len(numbers) * 4


def harvest_eval(self, number):
    """A doctored harvest: the finds on eval problems."""
    problems = {p.id: p for p in self.plan.problems_of(number, "eval")}
    return [Item(problems[find["problem"]], find["response"]) for find in self._finds(number)]


def test_a_duel_that_would_train_on_eval_finds_is_stopped(tmp_path, monkeypatch):
    judge = WhackAMole()
    monkeypatch.setattr(Duel, "_harvested", harvest_eval)
    with pytest.raises(hoodwink.UsageError, match="of the eval split cannot be trained on"):
        fight(tmp_path, judge)
    assert judge.log.shown == []
    assert not (tmp_path / "judges").exists() or not list((tmp_path / "judges").rglob("*.json*"))


def test_the_check_itself_sees_a_leak(tmp_path, monkeypatch):
    """The duel doctored, and its one guard off: the check above finds out, in what was shown and in the files."""
    judge = WhackAMole()
    monkeypatch.setattr(Duel, "_harvested", harvest_eval)
    monkeypatch.setattr(hardening, "refuse_eval", lambda finds: None)
    run = fight(tmp_path, judge, rounds=2)
    found = leaks(run, judge)
    assert len(found) == 2 * len(finds_of(run, 1))
    assert {split for _, split in found} == {"eval"}


# The same seed


def test_the_same_seed_gives_the_same_duel(tmp_path):
    runs = [fight(tmp_path / name, seed=5) for name in "ab"]
    assert steady(runs[0]) == steady(runs[1])


def test_another_seed_draws_other_problems(fought, tmp_path):
    other = fight(tmp_path, rounds=2, seed=1)
    for part in (EVAL, TRAIN):
        before = {p.id for n in range(1, ROUNDS) for p in problems_of(fought, n, part)}
        assert before & {p.id for p in problems_of(other, 1, part)} == set()
    with other.store() as a, fought.store() as b:
        assert a.config["identity"]["clean"] == b.config["identity"]["clean"], "clean responses are the same"


# Killed, and gone on with


def verdicts_in(folder):
    """Judge, problem and response of every verdict in any store of a duel."""
    rows = Counter()
    for file in folder.rglob("run.db"):
        with sqlite3.connect(file) as db:
            rows.update(db.execute("SELECT judge, problem, response FROM verdicts"))
        db.close()
    return rows


class Life:
    """One process of a duel: it is interrupted at the first point for which `ends` is true."""

    def __init__(self, folder, ends):
        self.folder, self.ends, self.died = folder, ends, None
        self.log = Log(alarm=self.alarm)

    def alarm(self, where):
        if self.ends(where):
            self.died = where
            raise KeyboardInterrupt

    def live(self):
        """Go on with the duel; None if it was interrupted. What was known before is not asked for again."""
        before = verdicts_in(self.folder)
        watch = Watch(
            stage=lambda number, stage: self.alarm(f"{number} {stage}"),
            attack=lambda progress: self.alarm("attack"),
            training=lambda step, steps, loss: self.alarm(f"step {step}"),
            round=lambda done: self.alarm(f"{done.number} done"),
        )
        run = None
        try:
            run = fight(self.folder, WhackAMole(log=self.log), watch=watch)
        except KeyboardInterrupt:
            assert self.died is not None
        after = verdicts_in(self.folder)
        assert not before - after, "nothing is forgotten"
        assert Counter(self.log.asked) == after - before, "what is kept is what was asked, and nothing is asked twice"
        return run


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A duel that nothing interrupts, and all the points at which it could have been."""
    points = []
    life = Life(tmp_path_factory.mktemp("duels") / "straight", lambda where: points.append(where))
    return steady(life.live()), points


def test_interrupted_once_at_every_stage_it_ends_as_if_never(tmp_path, straight):
    """Before each stage, after each round, and before, in and after each training."""
    wanted, points = straight
    left = [p for p in dict.fromkeys(points) if p not in ("score", "attack") and not p.startswith("step")]
    left += ["step 1"]
    trainings = ("before training", "in training", "after training")
    left += [p for p in trainings if p in left]  # of the second training too
    assert len(left) > 15
    lives = 0

    def ends(where):
        if where in left:
            left.remove(where)
            return True
        return False

    while (run := Life(tmp_path, ends).live()) is None:
        lives += 1
        with_rounds = (tmp_path / "run.db").exists()
        assert with_rounds
    assert left == []
    assert lives > 15
    assert steady(run) == wanted


@pytest.mark.parametrize("seed", [1, 2])
def test_interrupted_again_and_again_while_it_asks_it_ends_as_if_never(tmp_path, straight, seed):
    wanted, points = straight
    rng = random.Random(seed)
    lives = Counter()
    run = None
    while run is None:
        left = rng.randint(1, points.count("score") // 8)

        def ends(where):
            nonlocal left
            left -= where == "score"
            return left < 0

        life = Life(tmp_path, ends)
        run = life.live()
        lives[life.died] += 1
    assert lives["score"] >= 6
    assert steady(run) == wanted


def test_an_interrupted_duel_says_so_and_shows_the_rounds_it_has(tmp_path):
    def dying(number):
        def told(done):
            if done.number == number:
                raise KeyboardInterrupt

        return Watch(round=told)

    def start(at, **settings):
        with pytest.raises(KeyboardInterrupt):
            fight(tmp_path, watch=dying(at), **settings)
        return summarise(Run(tmp_path))

    shown = start(2)
    assert (shown.complete, len(shown.rounds)) == (False, 2)
    assert shown.to_json()["matrix"][1][0] == {"rate": None, "ci": None, "n": 0}, "looking back comes last"
    assert summarise(fight(tmp_path, rounds=2)).complete
    taken_further = start(3)
    assert (taken_further.complete, len(taken_further.rounds)) == (False, 3)
    assert summarise(fight(tmp_path)).complete


def test_stopped_in_its_first_round_it_has_nothing_to_show(tmp_path):
    def dying(number, stage):
        if stage == HELD_OUT:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fight(tmp_path, watch=Watch(stage=dying))
    with pytest.raises(hoodwink.UsageError, match="stopped before the end of its first round; run it again to go on"):
        summarise(Run(tmp_path))


COMMAND = ["duel", "--judge", "python:whackamole:judge", "--rounds", "2", "--problems", "3",
           "--train-problems", "3", "--seeds", "1", "--held-out-problems", "1", "--budget", "60",
           "--held-out-budget", "30", "--shrink-budget", "10"]  # fmt: skip


def started(folder, slow):
    """The command line as another process, which sleeps before each call of the judge if it is to be slow."""
    (folder / "sitecustomize.py").write_text(
        "import os, time, whackamole\n"
        "if os.environ['SLOW'] == '1':\n"
        "    quick = whackamole.WhackAMole.score\n"
        "    whackamole.WhackAMole.score = lambda self, items: time.sleep(0.05) or quick(self, items)\n"
    )
    root = Path(__file__).parents[2]
    paths = [str(folder), str(root / "tests"), str(root / ".venv" / "src"), *sys.path]
    return subprocess.Popen(
        [sys.executable, "-m", "hoodwink", *COMMAND, "--out", "run"], cwd=folder,
        env={**os.environ, "SLOW": str(int(slow)), "PYTHONPATH": os.pathsep.join(p for p in paths if p)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_killed_outright_it_ends_as_if_never_killed(tmp_path):
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
    process = started(tmp_path / "straight", False)
    assert process.communicate()[1].count("Traceback") == 0
    assert process.returncode == 0
    folder = tmp_path / "killed"
    for sign in ("rounds/1/eval/run.db", "judges/round-2/examples.jsonl", "rounds/2/eval/run.db"):
        process = started(folder, True)
        while process.poll() is None and not (folder / "run" / sign).exists():
            time.sleep(0.01)
        time.sleep(0.1)
        assert process.poll() is None, "the duel ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    process = started(folder, False)
    assert process.communicate()[1].count("Traceback") == 0
    assert process.returncode == 0
    assert steady(Run(folder / "run")) == steady(Run(tmp_path / "straight" / "run"))


# The same folder again


def test_a_finished_duel_taken_further_is_the_duel_of_all_rounds(fought, tmp_path):
    judge = WhackAMole()
    fight(tmp_path, judge, rounds=2)
    assert steady(fight(tmp_path, judge, rounds=ROUNDS)) == steady(fought)
    assert [len(shown) for shown in judge.log.shown] == [len(lines_of(fought, n)) for n in (2, 3, 4)]


def test_fewer_rounds_than_are_done_ask_nothing_and_show_all(fought):
    before = steady(fought)
    judge = WhackAMole()
    assert steady(fight(fought.folder, judge, rounds=2)) == before
    assert steady(fight(fought.folder, judge, rounds=ROUNDS)) == before
    assert (judge.log.asked, judge.log.shown) == ([], [])


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"seed": 1}, "seed 0 there, 1 now"),
        ({"budget": 61}, "budget 60 there, 61 now"),
        ({"problems": 5}, "problems 4 there, 5 now"),
        ({"train_problems": 5}, "train_problems 4 there, 5 now"),
        ({"seeds": 2}, "seeds 1 there, 2 now"),
        ({"held_out_problems": 1}, "held_out_problems 2 there, 1 now"),
        ({"held_out_budget": 71}, "held_out_budget 70 there, 71 now"),
        ({"shrink_budget": 0}, "shrink_budget 20 there, 0 now"),
        ({"recipe": "finds"}, "recipe {'name': 'replay'"),
        ({"recipe": replace(RECIPES["replay"], start="first")}, "'start': 'first'"),
        ({"attacks": ["openers"]}, r"attacks \['auto'\] there, \['openers'\] now"),
        ({"train_attacks": ["random"]}, "train_attacks"),
        ({"held_out": ["injection"]}, "held_out"),
        ({"goal": "acclaim"}, "goal 'accept' there, 'acclaim' now"),
        ({"first": WhackAMole(HOLES[:2])}, "fingerprint"),
        ({"corpus": "arithmetic:families=clock"}, "corpus 'arithmetic' there"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_a_folder_of_another_duel_is_refused_and_left_alone(fought, settings, part):
    config = (fought.folder / "config.json").read_text()
    before = verdicts_in(fought.folder)
    with pytest.raises(hoodwink.UsageError, match=rf"holds another run \(.*{part}") as caught:
        fight(fought.folder, rounds=ROUNDS, **settings)
    assert "\n" not in str(caught.value)
    assert (fought.folder / "config.json").read_text() == config
    assert verdicts_in(fought.folder) == before


def test_the_folder_of_an_attack_is_no_duels(tmp_path):
    hoodwink.attack("planted:length", attacks=["none"], problems=1, out=tmp_path)
    with pytest.raises(hoodwink.UsageError, match="holds another run"):
        fight(tmp_path)


# What is refused


def write_corpus(path, train, evaluated):
    """A file with so many problems in either split."""
    rows, left = [], {"train": train, "eval": evaluated}
    for i in range(10_000):
        problem = Problem.make(family="file", question=f"What is {i} + 40?", reference=str(i + 40))
        if left[problem.split]:
            left[problem.split] -= 1
            rows.append({"question": problem.question, "reference": problem.reference, "wrong": [f"It is {i + 90}."]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return f"file:{path}"


def python_attack(target, rng):
    yield [Candidate("Solution", "mine", "op")]


REFUSED = {
    "rounds": ({"rounds": 0}, "rounds is 0; write a whole number of at least 1"),
    "problems": ({"problems": 0}, "problems is 0"),
    "train-problems": ({"train_problems": 0}, "train_problems is 0"),
    "held-out-problems": ({"held_out_problems": 0}, "held_out_problems is 0"),
    "seeds": ({"seeds": 0}, "seeds is 0"),
    "budget": ({"budget": 0}, "budget is 0"),
    "held-out-budget": ({"held_out_budget": 0}, "held_out_budget is 0"),
    "shrink-budget": ({"shrink_budget": -1}, "shrink_budget is -1; write a whole number of at least 0"),
    "seed": ({"seed": -1}, "seed is -1"),
    "recipe": ({"recipe": "repaly"}, r"no recipe is named 'repaly'; did you mean replay\?"),
    "attack": ({"attacks": ["atuo"]}, r"no attack is named 'atuo'; did you mean auto\?"),
    "no-attacks": ({"attacks": []}, "no attacks are given"),
    "twice": ({"held_out": ["injection", "injection"]}, "attack injection is given 2 times"),
    "goal": ({"goal": "win"}, "goal 'win' is unknown"),
    "judge": ({"first": "planted:length"}, "judge planted:length cannot be retrained; duel with referee"),
    "trained-and-held": ({"train_attacks": ["words"]}, "attack words is held out and trained on"),
    "an-arm-held": ({"held_out": ["genetic"]}, "attack genetic is held out and trained on; leave it out"),
    "arms-by-default": ({"train_attacks": ["auto"]}, "attack words is held out and trained on"),
    "openers-in-auto": ({"held_out": ["openers"]}, "attack openers is held out and trained on"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_settings_are_refused_before_anything_is_written(tmp_path, settings, message):
    judge = WhackAMole()
    with pytest.raises(hoodwink.UsageError, match=message) as caught:
        fight(tmp_path / "run", **{"first": judge, **settings})
    assert "\n" not in str(caught.value)
    assert judge.log.asked == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("train", "evaluated", "settings", "message"),
    [
        (8, 11, {}, "has 11 eval problems, and round 3 of a duel needs 3 times 4; ask for fewer rounds or problems"),
        (7, 12, {}, "has 7 train problems, and round 2 of a duel needs 2 times 4"),
        (0, 12, {}, "has 0 train problems"),
        (0, 12, {"recipe": "keys"}, "has no train problems, which judges are retrained on"),
    ],
)
def test_a_corpus_too_small_is_refused_before_anything_is_asked(tmp_path, train, evaluated, settings, message):
    judge = WhackAMole()
    corpus = write_corpus(tmp_path / "few.jsonl", train, evaluated)
    with pytest.raises(hoodwink.UsageError, match=message) as caught:
        fight(tmp_path / "run", judge, corpus, **settings)
    assert "\n" not in str(caught.value)
    assert judge.log.asked == []
    assert not (tmp_path / "run").exists()


def test_a_corpus_of_just_enough_problems_will_do(tmp_path):
    """The last judge is not trained on, so that train problems are needed for all rounds but one."""
    corpus = write_corpus(tmp_path / "enough.jsonl", 8, 12)
    judge = WhackAMole()
    run = fight(tmp_path / "run", judge, corpus)
    assert leaks(run, judge) == []
    assert len(summarise(run).rounds) == 3


def test_a_family_held_out_may_measure_what_is_not_trained_on_finds(tmp_path):
    """The recipe of truncated answers trains on no finds: any family may be held out beside it."""
    run = fight(tmp_path, rounds=1, recipe="keys", held_out=["genetic"])
    assert list(summarise(run).rounds[0].held_out_by) == ["genetic"]


def test_attacks_of_ones_own_are_families_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "mine_for_duels.py").write_text(
        "from hoodwink import Candidate\n"
        "def one(target, rng):\n    yield [Candidate('Solution', 'one', 'op')]\n"
        "def two(target, rng):\n    yield [Candidate('Respuesta', 'two', 'op')]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    one, two = "python:mine_for_duels:one", "python:mine_for_duels:two"
    run = fight(tmp_path / "run", rounds=2, train_attacks=[one], held_out=[two], attacks=[python_attack])
    assert [r.held_out.rate for r in summarise(run).rounds] == [1.0, 1.0]
    with pytest.raises(hoodwink.UsageError, match=f"attack {one} is held out and trained on"):
        fight(tmp_path / "other", rounds=2, train_attacks=[one], held_out=[one])


def test_a_judge_whose_successor_cannot_be_trained_is_refused(tmp_path):
    class Sterile:
        name = fingerprint = "sterile"

        def score(self, items):
            return [Verdict(0.1, -1.0, False) for _ in items]

    class Once(WhackAMole):
        def adapted(self, folder, **options):
            return Sterile()

    with pytest.raises(hoodwink.UsageError, match="judge sterile cannot be trained again, which a duel needs"):
        fight(tmp_path, Once())


def test_a_judge_that_fails_keeps_what_it_said(tmp_path):
    calls = 0

    def failing(where):
        nonlocal calls
        calls += where == "score"
        if calls > 20:
            raise ConnectionError("gone")

    judge = WhackAMole(log=Log(alarm=failing))
    with pytest.raises(hoodwink.JudgeError, match="judge whackamole raised ConnectionError: gone"):
        fight(tmp_path, judge)
    assert verdicts_in(tmp_path) == Counter(judge.log.asked)


def test_a_duel_without_a_folder_is_named_by_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = duel(WhackAMole(), **{**SMALL, "rounds": 1})
    assert run.folder.parent == Path("runs")
    assert run.folder.name.startswith("duel-whackamole-arithmetic-")


def test_a_judge_without_a_model_loads_no_torch():
    code = "import sys, hoodwink.fuzz.duel, hoodwink.reports.progress; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_module_says_where_things_are(fought):
    """The folder is as the docstring of the module has it."""
    assert "rounds/N/{eval,held-out,train}/" in (module.__doc__ or "")
    held = {p.relative_to(fought.folder).as_posix() for p in fought.folder.rglob("*") if p.is_dir()}
    assert held == {
        "judges", *(f"judges/round-{n}" for n in range(2, ROUNDS + 1)),
        "rounds", *(f"rounds/{n}" for n in range(1, ROUNDS + 1)),
        *(f"rounds/{n}/{part}" for n in range(1, ROUNDS + 1) for part in (EVAL, HELD_OUT)),
        *(f"rounds/{n}/{TRAIN}" for n in range(1, ROUNDS)),
    }  # fmt: skip
