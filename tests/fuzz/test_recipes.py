"""Several recipes beside each other: the first judge is attacked once, and each duel is as it would be alone."""

from __future__ import annotations

import math
from collections import Counter

import hoodwink
import pytest
from hoodwink.fuzz.duel import KEYS, Watch
from hoodwink.fuzz.recipes import compare_recipes
from hoodwink.fuzz.rounds import EVAL, HELD_OUT, TRAIN, Rounds, folder_of
from hoodwink.fuzz.run import Run
from hoodwink.judges.hardening import RECIPES, Hardening
from hoodwink.reports.views import summarise
from whackamole import SMALL, Log, WhackAMole, fight, steady

TINY = {**SMALL, "seeds": 1, "rounds": 2, "problems": 3, "train_problems": 3}


class Reads:
    """A language model to which every character of any text is as likely as one in twenty."""

    def surprises(self, texts):
        return [[math.log(20)] * len(text) for text in texts]

    def forget(self):
        pass


@pytest.fixture(scope="module", autouse=True)
def _reads():
    """What a filter by perplexity reads with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hoodwink.judges.defences.perplexity.language_model", lambda name: (Reads(), name))
        yield


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory, _reads):
    """Every recipe of the table, and the judge that they began with."""
    judge = WhackAMole()
    out = tmp_path_factory.mktemp("recipes") / "all"
    return compare_recipes(judge, recipes=list(RECIPES), out=out, **TINY), judge


def test_every_recipe_of_the_table_fights_its_duel(all_of_them):
    run, _ = all_of_them
    summary = summarise(run)
    assert summary.complete
    assert list(summary.duels) == list(RECIPES)
    for name, duel in summary.duels.items():
        assert duel.complete
        assert duel.settings["recipe"]["name"] == name
        assert len(duel.rounds) == 2
        assert duel.rounds[0].adaptive.rate == 1.0
    assert len({tuple(d.rounds[0].curve) for d in summary.duels.values()}) == 1


def test_each_duel_is_the_one_it_would_be_alone(all_of_them, tmp_path):
    run, _ = all_of_them
    for name in ("replay", "keys", "entropy", "ensemble"):
        alone = fight(tmp_path / name, **{**TINY, "recipe": name})
        shared = steady(Run(run.folder / name))
        wanted = steady(alone)
        # What was copied from another recipe's duel may be more than a recipe needs.
        extra = set(shared[1]) - set(wanted[1])
        assert extra <= {f"rounds/1/{TRAIN}/finds.jsonl"}
        assert (shared[0], {k: v for k, v in shared[1].items() if k not in extra}) == wanted


def test_recipes_do_what_they_are_for(all_of_them):
    run, judge = all_of_them
    duels = summarise(run).duels
    assert duels["keys"].rounds[1].trained_on["finds"] == 0
    assert duels["keys"].rounds[1].stale.rate == 1.0, "no hole is closed by answers cut short"
    closed = duels["replay"].rounds[1].stale.rate
    assert closed < 1.0
    for name in sorted(set(RECIPES) - {"keys"}):
        assert duels[name].rounds[1].trained_on["finds"] > 0
        stale = duels[name].rounds[1].stale.rate
        assert stale == closed or (RECIPES[name].defence and stale < closed), name
    targets = {name: Counter() for name in RECIPES}
    for examples, (_, out) in zip(judge.log.shown, judge.log.trained, strict=True):
        targets[out.parents[1].name].update(e.target for e in examples)
    assert set(targets["finds"]) == {0.0}
    assert set(targets["replay"]) == {0.0, 1.0}
    assert set(targets["entropy"]) == {0.0, 0.5, 1.0}
    assert targets["gibberish"][0.0] > targets["replay"][0.0] + 100
    assert targets["truncated"][0.0] > targets["replay"][0.0] + 40
    with Run(run.folder / "entropy").store() as store:
        assert [r.threshold for r in Rounds(store).all()] == [0.5, 0.75]
    assert duels["ensemble"].rounds[1].judge == "ensemble of 2 rounds"


@pytest.mark.parametrize("names", [["replay", "keys", "finds"], ["keys", "replay", "finds"]])
def test_the_first_judge_is_attacked_once(tmp_path, names):
    """All that one recipe's attacks asked of it is copied: each further recipe asks it for its clean responses, the
    fixed strings, and the finds of its second round alone."""
    judge = WhackAMole()
    compare_recipes(judge, recipes=names, out=tmp_path, **TINY)
    asked = [text for fingerprint, _, text in judge.log.asked if fingerprint == judge.fingerprint]
    alone = WhackAMole()
    fight(tmp_path / "alone", alone, **{**TINY, "recipe": "replay"})
    once = [text for fingerprint, _, text in alone.log.asked if fingerprint == alone.fingerprint]
    with Run(tmp_path / "replay").store() as store:
        rows = store.db.execute("SELECT COUNT(*) FROM verdicts WHERE judge = ? AND repeat = 0", (judge.fingerprint,))
        (shown,) = rows.fetchone()
        repeated = Rounds(store).all()[0].quality.items + len(KEYS) * TINY["held_out_problems"] - shown
    assert 0 <= repeated < 10, "a known response may be known twice"
    later = [len(Run(folder_of(tmp_path / name, 2, EVAL)).finds) for name in names]
    last = len(Run(folder_of(tmp_path / "alone", 2, EVAL)).finds)
    assert len(asked) == len(once) - last + sum(later) + (len(names) - 1) * shown
    for name in names:
        for part in (EVAL, HELD_OUT):
            first = Run(folder_of(tmp_path / names[0], 1, part)).finds
            assert Run(folder_of(tmp_path / name, 1, part)).finds == first
        assert not list((tmp_path / name / "rounds" / "1").glob("*.part"))


def test_interrupted_it_goes_on_and_ends_the_same(tmp_path, all_of_them):
    names = ["replay", "keys", "ensemble"]
    wanted = compare_recipes(WhackAMole(), recipes=names, out=tmp_path / "straight", **TINY)
    points = [(name, stage) for name in names for stage in ((1, EVAL), (2, "retrain"), (2, EVAL), (1, "look back"))]
    points = [p for p in points if p != ("keys", (1, "look back"))]
    asked = Counter()

    def watch(name):
        def told(number, stage):
            if (name, (number, stage)) in points:
                points.remove((name, (number, stage)))
                raise KeyboardInterrupt

        return Watch(stage=told)

    run, lives = None, 0
    while run is None:
        judge = WhackAMole(log=Log())
        lives += 1
        try:
            run = compare_recipes(judge, recipes=names, out=tmp_path / "run", watch=watch, **TINY)
        except KeyboardInterrupt:
            if lives == 3:
                shown = summarise(Run(tmp_path / "run"))
                assert (shown.complete, list(shown.duels)) == (False, ["replay"])
        asked.update(judge.log.asked)
    assert points == []
    assert lives == 12
    for name in names:
        assert steady(Run(run.folder / name)) == steady(Run(wanted.folder / name))
    assert summarise(run).complete


def test_a_finished_comparison_asks_nothing_again(all_of_them):
    run, _ = all_of_them
    before = summarise(run).to_json()
    judge = WhackAMole()
    compare_recipes(judge, recipes=list(RECIPES), out=run.folder, **TINY)
    assert (judge.log.asked, judge.log.shown) == ([], [])
    assert summarise(run).to_json() == before


def test_a_recipe_of_ones_own_is_compared_too(tmp_path):
    mine = Hardening("mine", "finds alone, without a search for balance", clean=0)
    run = compare_recipes(WhackAMole(), recipes=["replay", mine], out=tmp_path, **TINY)
    assert list(summarise(run).duels) == ["replay", "mine"]
    assert summarise(run).duels["mine"].rounds[1].trained_on["finds"] > 0


@pytest.mark.parametrize(
    ("recipes", "message"),
    [
        (["replay"], "recipes replay cannot be compared; name two or more, each once"),
        ([], "recipes none cannot be compared"),
        (["replay", "replay"], "recipes replay, replay cannot be compared"),
        (["replay", "keyz"], r"no recipe is named 'keyz'; did you mean keys\?"),
    ],
)
def test_what_cannot_be_compared(tmp_path, recipes, message):
    with pytest.raises(hoodwink.UsageError, match=message):
        compare_recipes(WhackAMole(), recipes=recipes, out=tmp_path / "run", **TINY)
    assert not (tmp_path / "run").exists()


def test_another_comparison_is_refused_on_the_same_folder(all_of_them):
    run, _ = all_of_them
    with pytest.raises(hoodwink.UsageError, match=r"holds another run .*recipes"):
        compare_recipes(WhackAMole(), recipes=["replay", "keys"], out=run.folder, **TINY)
    with pytest.raises(hoodwink.UsageError, match=r"holds another run .*budget 60 there, 61 now"):
        compare_recipes(WhackAMole(), recipes=list(RECIPES), out=run.folder, **{**TINY, "budget": 61})
