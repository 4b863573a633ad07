"""A duel on the real referee, as small as it can be and still mean something."""

from __future__ import annotations

import json

import hoodwink
import pytest
from hoodwink.corpora.oracles import open_oracle
from hoodwink.fuzz.duel import duel
from hoodwink.fuzz.rounds import EVAL, TRAIN, folder_of
from hoodwink.fuzz.run import Run, items_of
from hoodwink.judges.hardening import RECIPES, changed
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import open_judge

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fought(tmp_path_factory):
    """Two rounds by the referee, with few clean responses to train it on and to measure it on."""
    settings = {"problems": 2, "train_problems": 4, "budget": 30, "held_out_problems": 1, "held_out_budget": 10}
    settings |= {"seeds": 1, "shrink_budget": 20, "recipe": changed(RECIPES["replay"], clean=12)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hoodwink.fuzz.arena.CLEAN", 6)
        return duel("referee", rounds=2, out=tmp_path_factory.mktemp("duel") / "run", **settings)


def test_the_hardened_judge_rejects_what_it_was_trained_on(fought):
    harvest = items_of(Run(folder_of(fought.folder, 1, TRAIN)))
    assert len(harvest) >= 3
    first, hardened = hoodwink.judge("referee"), hoodwink.judge(f"referee:adapter={fought.folder}/judges/round-2")
    assert all(v.accepted for v in ask(first, harvest))
    verdicts = ask(hardened, harvest)
    rejected = [not v.accepted for v in verdicts]
    losses = json.loads((fought.folder / "judges" / "round-2" / "training.json").read_text("utf-8"))["losses"]
    assert max(losses[5:]) < max(losses[:5])
    assert sum(rejected) >= 0.8 * len(rejected)
    together = open_judge(f"ensemble:{fought.folder}")
    assert not any(v.accepted for v, gone in zip(ask(together, harvest), rejected, strict=True) if gone)


def test_finds_are_wrong_and_none_of_them_was_trained_on(fought):
    oracle = open_oracle("exact")
    text = (fought.folder / "judges" / "round-2" / "examples.jsonl").read_text("utf-8")
    trained = [json.loads(line) for line in text.split("\n") if line]
    assert {line["split"] for line in trained} == {"train"}
    assert {line["target"] for line in trained} == {0.0, 1.0}
    seen = {line["problem"] for line in trained}
    found = 0
    for number in (1, 2):
        run = Run(folder_of(fought.folder, number, EVAL))
        with run.store() as store:
            problems = {p.id: p for p in store.problems()}
        assert not seen & set(problems)
        for find in run.finds:
            found += 1
            assert oracle.truth(problems[find["problem"]], find["response"]) is hoodwink.Truth.WRONG
            assert oracle.truth(problems[find["problem"]], find["shrunk"]) is hoodwink.Truth.WRONG
    assert found >= 2


def test_its_report_has_perplexities_and_clean_rates(fought):
    summary = hoodwink.summarise(fought)
    assert summary.complete
    first, second = summary.rounds
    assert first.finds > 0
    assert first.perplexity is not None
    assert first.perplexity > 1
    assert first.tokens is not None
    assert first.tokens >= 1
    assert first.quality.clean_accuracy > 0.9
    assert second.quality.clean_accuracy > 0.8
    assert second.stale.rate is not None
    assert second.trained_on is not None
    assert second.trained_on["finds"] >= 3
    page = hoodwink.report(fought).read_text("utf-8")
    assert page.count("<svg") == 3
    assert "hoodwink duel --judge referee" in page
