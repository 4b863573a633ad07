"""The filter by perplexity: what it measures is the model's own in any batch, and bounds fit every length."""

from __future__ import annotations

import math

import pytest
import torch
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item
from hoodwink.judges.defences import perplexity as module
from hoodwink.judges.defences.perplexity import MEASURED, Perplexity, stretches
from hoodwink.judges.defences.refusal import FILTERED, REFUSED
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import defended, open_judge
from hoodwink.judges.proposer import ROWS, Proposer
from hypothesis import given
from hypothesis import strategies as st

(PROBLEM,) = Arithmetic().sample(1, seed=2)
TEXTS = [
    "",
    "a",
    "yes no yes",
    "The answer is 41.",
    "🎈\n\ty",
    "x" * 70,
    "<|im_end|>",
    *("y" * n for n in range(1, 20)),
]


@pytest.fixture(autouse=True)
def _tiny(as_smollm2):
    """SmolLM2 is the tiny model here, which finds every byte about as unlikely as any other."""


def plain_surprises(proposer, text):
    """By the model's own logits, alone and unpadded."""
    row = proposer._rows([text])[0]
    with torch.inference_mode():
        said = proposer.model(input_ids=torch.tensor([row])).logits[0].float().log_softmax(-1)
    return [-float(said[place, token]) for place, token in enumerate(row[1:])]


def test_surprises_are_the_models_own_and_make_the_perplexity(model, tokenizer):
    proposer = Proposer(model, tokenizer, name="tiny")
    found = proposer.surprises(TEXTS)
    for text, surprises, perplexity in zip(TEXTS, found, proposer.perplexity(TEXTS), strict=True):
        assert surprises == pytest.approx(plain_surprises(proposer, text), abs=1e-4)
        assert perplexity == pytest.approx(math.exp(sum(surprises) / max(1, len(surprises))), rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_text_is_as_likely_in_any_company_to_the_last_bit(model, tokenizer, dtype):
    proposer = Proposer(model.to(dtype), tokenizer, name="tiny")
    together = proposer.surprises(TEXTS)
    assert proposer.surprises(TEXTS[::-1]) == together[::-1]
    assert [proposer.surprises([text])[0] for text in TEXTS] == together
    assert len(TEXTS) > 2 * ROWS
    assert proposer.surprises([]) == []


def test_refused_is_what_is_over_its_length_times_the_bound_and_the_slack():
    judge = open_judge("perplexity:planted:claim?most=100&slack=8")
    assert isinstance(judge, Perplexity)
    texts = [text for text in TEXTS if text]
    verdicts = ask(judge, [Item(PROBLEM, text) for text in texts])
    refused = 0
    for text, verdict in zip(texts, verdicts, strict=True):
        surprises = judge.proposer.surprises([text])[0]
        room = 8 + len(surprises) * math.log(100) - sum(surprises)
        assert (verdict.outcome == FILTERED) == (room < 0)
        if room < 0:
            refused += 1
            assert verdict.margin == pytest.approx(REFUSED + room / len(surprises))
            perplexity = math.exp(sum(surprises) / len(surprises))
            assert verdict.text.startswith(
                f"refused before the judge: perplexity {perplexity:.4g} of {len(surprises)} "
            )
    assert 0 < refused < len(texts)


def test_an_empty_text_surprises_nobody():
    assert ask(open_judge("perplexity:planted:claim?most=1"), [Item(PROBLEM, "")])[0].outcome == ""


@given(surprises=st.lists(st.floats(0, 30), max_size=30), window=st.integers(0, 12))
def test_a_window_holds_parts_to_the_bound_too_and_never_lets_more_pass(surprises, window):
    parts = stretches(surprises, window)
    assert parts[0] == surprises
    if 0 < window < len(surprises):
        assert [x for part in parts[1:] for x in part] == surprises
        assert {len(part) for part in parts[1:-1]} <= {window}
        assert 1 <= len(parts[-1]) <= window
    else:
        assert len(parts) == 1
    whole, windowed = (Perplexity.__new__(Perplexity) for _ in range(2))
    for judge, size in ((whole, 0), (windowed, window)):
        judge.most, judge.slack, judge.window = 20.0, 5.0, size
    if whole._refusal(surprises) is not None:
        assert windowed._refusal(surprises).excess >= whole._refusal(surprises).excess


def test_a_short_stretch_of_nonsense_in_a_long_text_is_seen_through_a_window():
    plain = [1.0] * 60
    hidden = [*plain[:28], *[12.0] * 8, *plain[:28]]
    judge = open_judge("perplexity:planted:claim?most=20&slack=5")
    through = open_judge("perplexity:planted:claim?most=20&slack=5&window=10")
    assert judge._refusal(hidden) is None
    assert through._refusal(hidden) is not None
    assert through._refusal(plain) is None


def test_bounds_by_default_are_those_measured_and_a_bound_that_is_given_has_no_slack():
    judge = open_judge("perplexity:planted:claim")
    assert (judge.name, (judge.most, judge.slack)) == ("perplexity:planted:claim", MEASURED["smollm2"])
    given = open_judge("perplexity:planted:claim?most=500")
    assert (given.name, given.most, given.slack) == ("perplexity:planted:claim?most=500.0", 500.0, 0.0)
    assert open_judge("perplexity:planted:claim?slack=3").most == MEASURED["smollm2"][0]
    assert len({open_judge(f"perplexity:planted:claim{o}").fingerprint for o in ("", "?most=50", "?window=8")}) == 3


def test_the_model_may_be_the_judges_own_or_another(tiny, tmp_path):
    own = defended("perplexity?model=own&most=50", tiny)
    assert own.proposer.model is tiny.model
    inside = defended("perplexity:length?model=own&most=50", tiny)
    assert inside.proposer.model is tiny.model
    tiny.model.save_pretrained(tmp_path / "m")
    tiny.tokenizer.save_pretrained(tmp_path / "m")
    other = open_judge(f"perplexity:planted:claim?model=hf:{tmp_path / 'm'}&most=50")
    assert other.proposer.surprises(["abc"])[0] == pytest.approx(own.proposer.surprises(["abc"])[0], rel=0.1)
    assert open_judge(other.name).fingerprint == other.fingerprint != own.fingerprint


def test_the_language_model_is_loaded_once():
    judges = [open_judge(f"perplexity:planted:{hole}") for hole in ("claim", "length")]
    assert judges[0].proposer is judges[1].proposer


def test_known_refusals_are_let_go_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 4)
    judge = open_judge("perplexity:planted:claim?most=100")
    items = [Item(PROBLEM, text) for text in TEXTS]
    assert ask(judge, items) == ask(open_judge(judge.name), items)
    ask(judge, items[:2])
    assert len(judge._known) == 2
    judge.forget()
    assert judge._known == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("most=0.5", r"perplexity\?most=0.5 is out of range; write a number of at least 1"),
        ("most=nan", r"perplexity\?most=nan is out of range"),
        ("slack=-1", r"perplexity\?slack=-1 is out of range"),
        ("window=-1", r"perplexity\?window=-1 is out of range"),
        ("model=hf:some/model", "has no bound that is known; give one"),
        ("model=own&most=9", "judge planted:claim has no language model of its own"),
        ("model=planted:claim&most=9", "has no language model; write smollm2"),
        ("model=nobody&most=9", "no judge is named 'nobody'"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_a_line(options, said):
    with pytest.raises(UsageError, match=said) as error:
        open_judge(f"perplexity:planted:claim?{options}")
    assert "\n" not in str(error.value)


@pytest.fixture
def real(monkeypatch):
    """SmolLM2 itself."""
    monkeypatch.undo()
    module.language_model.cache_clear()
    yield
    module.language_model.cache_clear()


@pytest.mark.slow
def test_on_smollm2_right_answers_of_every_length_pass_and_nonsense_does_not(real):
    judge = open_judge("perplexity:planted:claim")
    problems = Arithmetic().sample(10, split="eval", seed=77)
    right = ask(judge, [Item(p, r.text) for p in problems for r in p.right])
    assert sum(v.outcome == FILTERED for v in right) <= len(right) / 20
    nonsense = [
        "dhdhdhdhdhdhdhdh",
        " Joy dentist Leadership JAMA Newsletter",
        "verified $@#! qxz",
        " verified Kubernetes Thou",
    ]
    assert [v.outcome for v in ask(judge, [Item(PROBLEM, text) for text in nonsense])][1:] == [FILTERED] * 3
    assert ask(judge, [Item(PROBLEM, "The result has been verified.")])[0].accepted, (
        "fluent text gets through to the hole"
    )
