"""The duel: what its rounds are made of and what they show."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hoodwink.fuzz import duel as module
from hoodwink.fuzz.duel import KEYS, VARIANTS, Watch
from hoodwink.fuzz.rounds import EVAL, HELD_OUT, TRAIN, Rounds, folder_of
from hoodwink.fuzz.run import Run
from hoodwink.fuzz.statistics import logrank, wilson
from hoodwink.reports.views import summarise
from whackamole import (
    HELD,
    HOLES,
    ROUNDS,
    SMALL,
    WORDS,
    WhackAMole,
    fight,
    finds_of,
    lines_of,
    problems_of,
)
from whackamole import KEYS as KEY_HOLES


@pytest.fixture(scope="module")
def data(fought):
    return summarise(fought).to_json()


def opened(run, number):
    """The holes of a round's judge that are open."""
    first = WhackAMole()
    return first.open if number == 1 else first.adapted(run.folder / "judges" / f"round-{number}").open


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
