"""The engine against a plain forward pass of each sequence alone."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import torch
from hoodwink.corpora.records import Item
from hoodwink.judges import engine as engines
from hoodwink.judges import packing
from hoodwink.judges.devices import best_device, best_dtype
from hoodwink.judges.engine import Engine, Limit, bucket
from hoodwink.judges.judge import ask
from hoodwink.judges.packing import FEWEST
from hoodwink.judges.prefixes import Prefixes
from hoodwink.judges.readout import YesNo, labels_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertForSequenceClassification,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    Lfm2Config,
    LlamaConfig,
    LlamaForSequenceClassification,
    MambaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)
from transformers.integrations.sdpa_attention import sdpa_attention_forward

TOLERANCE = 1e-4
YES, NO = [3], [4]


def spelt(tokenizer, word):
    """Ids that say a word, by decoding the whole vocabulary here."""
    return [i for i in range(len(tokenizer)) if tokenizer.decode([i]).strip().lower() == word]


@torch.no_grad()
def plain(model, ids, yes=YES, no=NO):
    """Log-odds from the full logits of one sequence alone, as transformers computes them."""
    logits = model(input_ids=torch.tensor([list(ids)])).logits[0, -1].float()
    return float(logits[yes].logsumexp(0) - logits[no].logsumexp(0))


def branches(rng, stem, count, *, most):
    """Sequences that begin with a part of a stem and go on with 1 to `most` - 1 tokens of their own."""
    return [
        stem[: rng.integers(1, len(stem))] + rng.integers(0, 268, size=rng.integers(1, most)).tolist()
        for _ in range(count)
    ]


def made(config, kind=AutoModelForCausalLM.from_config):
    """A model of a config, with the same weights every time; torch's random stream is given back."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return kind(config).eval()


@pytest.fixture
def words(tokenizer):
    return spelt(tokenizer, "yes"), spelt(tokenizer, "no")


@pytest.fixture
def engine(model):
    return Engine(model, YesNo(model, YES, NO))


def test_the_tokenizer_says_yes_and_no_in_four_ways(words, tokenizer):
    assert [tokenizer.decode([i]) for i in words[0]] == ["yes", "Yes", " yes", " Yes"]
    assert [tokenizer.decode([i]) for i in words[1]] == ["no", "No", " no", " No"]


token = st.integers(0, 268)
tails = st.lists(st.lists(token, min_size=1, max_size=12), min_size=1, max_size=8)
families = st.lists(st.tuples(st.lists(token, max_size=40), tails), min_size=1, max_size=3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(families, min_size=1, max_size=4),
    limit=st.integers(1, 300),
    kept=st.integers(0, 60),
    data=st.data(),
)
def test_scores_are_those_of_each_sequence_alone(model, words, calls, limit, kept, data):
    """Whatever they share, in whatever order and company, with whatever a cache of any size holds from before."""
    engine = Engine(model, YesNo(model, *words), budget=kept << 10, tokens=limit)
    for families in calls:
        batch = [prefix + tail for prefix, tails in families for tail in tails]
        batch = data.draw(st.permutations(batch + batch[:2]))
        scores = engine.score(batch, afresh=data.draw(st.booleans())).tolist()
        assert scores == pytest.approx([plain(model, ids, *words) for ids in batch], abs=TOLERANCE)
        engine.prefixes._check_invariants()
    assert engine.packs


def test_the_fused_attention_that_gpus_and_long_texts_take(model, monkeypatch):
    monkeypatch.setattr(packing, "LONG", 0)
    engine = Engine(model, YesNo(model, YES, NO))
    rng = np.random.default_rng(4)
    stem = rng.integers(0, 268, size=150).tolist()
    for _ in range(3):
        batch = branches(rng, stem, 9, most=90)
        assert engine.score(batch).tolist() == pytest.approx([plain(model, ids) for ids in batch], abs=TOLERANCE)
    assert engine.packs


def test_two_thousand_random_prompts(model, words):
    """In random order, batch shapes and cache states, against a plain loop."""
    rng = np.random.default_rng(0)
    engine = Engine(model, YesNo(model, *words), budget=1 << 18)
    stems = [rng.integers(0, 268, size=rng.integers(1, 60)).tolist() for _ in range(40)]
    prompts = []
    for _ in range(2000):
        stem = stems[rng.integers(len(stems))]
        prompts.append(stem[: rng.integers(len(stem) + 1)] + rng.integers(0, 268, size=rng.integers(1, 30)).tolist())
    worst, at = 0.0, 0
    while at < len(prompts):
        batch = prompts[at : at + int(rng.integers(1, 200))]
        engine.limit = Limit(int(rng.integers(20, 3000)))
        if rng.random() < 0.2:
            engine.forget()
        scores = engine.score(batch, afresh=bool(rng.random() < 0.2)).tolist()
        worst = max(worst, *(abs(s - plain(model, p, *words)) for s, p in zip(scores, batch, strict=True)))
        at += len(batch)
    assert worst < 1e-3
    assert engine.prefixes.bytes <= 1 << 18


def test_scores_tell_sequences_apart(engine):
    """Else the comparisons above would prove nothing."""
    ordered = sorted(engine.score([[i, i + 1, i + 2] for i in range(0, 100, 10)]).tolist())
    assert min(b - a for a, b in pairwise(ordered)) > 5 * TOLERANCE
    assert ordered[-1] - ordered[0] > 0.5


def rounded(tokens):
    """Tokens of a pass with their padding."""
    return -(-tokens // FEWEST) * FEWEST


def test_each_shared_token_is_computed_once(engine):
    stem = list(range(5, 35))
    engine.score([[*stem, i, 50] for i in range(8)])
    assert engine.computed == rounded(30 + 8 * 2)
    engine.score([[*stem, i, 51] for i in range(8)])
    assert engine.computed == rounded(30 + 8 * 2) + FEWEST
    engine.score([[*stem[:20], 9, 9, 9], stem[:7]])
    assert engine.computed == rounded(30 + 8 * 2) + 2 * FEWEST


def test_a_small_edit_of_a_long_text_costs_what_comes_after_it(engine):
    text = list(range(200))
    engine.score([text])
    before = engine.computed
    edited = list(text)
    edited[180] = 250
    engine.score([edited])
    assert engine.computed - before == rounded(20)


def test_nothing_is_computed_twice_within_a_call_that_takes_many_passes(model):
    small = Engine(model, YesNo(model, YES, NO), budget=0, tokens=64)
    text = list(range(200))
    batch = [[*text[:place], 250, 251] for place in range(150, 190)]
    scores = small.score(batch).tolist()
    assert scores == pytest.approx([plain(model, ids) for ids in batch], abs=TOLERANCE)
    assert small.computed < 189 + 2 * 40 + FEWEST * 10
    assert small.prefixes.bytes == 0


def test_afresh_owes_nothing_to_earlier_calls(engine):
    batch = [[*range(30), 7]]
    first = engine.score(batch).tolist()
    for path in engine.prefixes.paths():
        path.cache = torch.full_like(path.cache, float("nan"))
    assert engine.score(batch, afresh=True).tolist() == first
    assert engine.score(batch).isnan().all()


def test_what_is_kept_is_never_changed(engine):
    stem = list(range(40))
    engine.score([[*stem, 7]])
    kept = {path: path.cache.clone() for path in engine.prefixes.paths()}
    rng = np.random.default_rng(1)
    for _ in range(20):
        engine.score([stem[: rng.integers(1, 40)] + rng.integers(0, 200, size=5).tolist() for _ in range(9)])
    assert kept
    assert all(torch.equal(path.cache, cache) for path, cache in kept.items())


def test_training_is_noticed(model, engine):
    batch = [[*range(20), 7]]
    before = engine.score(batch).item()
    assert engine.prefixes.bytes
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    engine.padded([[1, 2, 3]]).sum().backward()
    optimiser.step()
    after = engine.score(batch).item()
    assert after == pytest.approx(plain(model, batch[0]), abs=TOLERANCE)
    assert abs(after - before) > 0.01


def test_a_change_of_the_output_matrix_is_noticed(model, engine):
    batch = [[*range(20), 7]]
    engine.score(batch)
    with torch.no_grad():
        model.lm_head.weight[YES[0]] += 1.0
    assert engine.score(batch).item() == pytest.approx(plain(model, batch[0]), abs=TOLERANCE)


def test_padded_carries_gradients_and_score_does_not(model, engine):
    odds = engine.padded([[1, 2, 3], [4]])
    assert odds.shape == (2,)
    odds.sum().backward()
    gradient = model.get_input_embeddings().weight.grad
    assert float(gradient[[1, 2, 3, 4]].abs().sum()) > 0
    assert float(gradient[0].abs().sum()) == 0  # the padding token feels nothing
    assert not engine.score([[1, 2, 3], [4]]).requires_grad


def test_identical_sequences_and_none(engine):
    scores = engine.score([[3], [1, 2], [3], (1, 2)]).tolist()
    assert scores[0] == scores[2] != scores[1] == scores[3]
    assert engine.computed == FEWEST
    assert engine.score([]).tolist() == []


SMALL = {
    "vocab_size": 269, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "initializer_range": 0.3,
}  # fmt: skip
GROUPED = {**SMALL, "num_key_value_heads": 2, "head_dim": 8}
MODELS = {
    "qwen2": (Qwen2Config(**SMALL, num_key_value_heads=2), True),
    "qwen3": (Qwen3Config(**GROUPED), True),
    "phi3": (Phi3Config(**SMALL, num_key_value_heads=2, pad_token_id=0), True),
    "mistral": (MistralConfig(**GROUPED, sliding_window=4096), True),
    "gpt2": (GPT2Config(vocab_size=269, n_embd=32, n_layer=3, n_head=4, initializer_range=0.3), True),
    "gpt-neox": (GPTNeoXConfig(**SMALL), True),
    "gemma2": (Gemma2Config(**GROUPED, attn_logit_softcapping=2.0, query_pre_attn_scalar=8), True),
    "mamba": (MambaConfig(vocab_size=269, hidden_size=32, state_size=4, num_hidden_layers=2), False),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_other_kinds(name):
    """The packed pass where it fits, proved on first use, and padded batches where it does not."""
    config, packs = MODELS[name]
    model = made(config)
    engine = Engine(model, YesNo(model, YES, NO))
    rng = np.random.default_rng(2)
    stem = rng.integers(0, 268, size=30).tolist()
    for _ in range(3):
        batch = branches(rng, stem, 12, most=9)
        expected = [plain(model, ids) for ids in batch]
        assert engine.score(batch).tolist() == pytest.approx(expected, abs=1e-3)
        assert max(expected) - min(expected) > 0.05
    assert engine.packs is packs


def test_prompts_longer_than_a_sliding_window():
    config = MistralConfig(**GROUPED, sliding_window=32)
    model = made(config)
    engine = Engine(model, YesNo(model, YES, NO))
    stem = np.random.default_rng(2).integers(0, 268, size=80).tolist()
    for batch in ([stem[:20], stem[:25]], [stem[:60], stem[:20], stem]):
        assert engine.score(batch).tolist() == pytest.approx([plain(model, ids) for ids in batch], abs=1e-3)
        engine.prefixes._check_invariants()
    assert engine.packs


def test_a_decoder_that_classifies():
    model = made(LlamaConfig(**GROUPED, num_labels=3, pad_token_id=0), LlamaForSequenceClassification)
    engine = Engine(model, labels_of(model))
    rng = np.random.default_rng(2)
    stem = rng.integers(1, 268, size=30).tolist()
    batch = [stem[: rng.integers(1, 30)] + rng.integers(1, 268, size=5).tolist() for _ in range(20)]
    with torch.no_grad():
        expected = torch.cat([model(input_ids=torch.tensor([ids])).logits for ids in batch])
    assert torch.allclose(engine.score(batch), expected, atol=TOLERANCE)
    assert engine.packs
    assert engine.computed < sum(map(len, batch))


@pytest.mark.parametrize("limit", [1, 40, 4096])
def test_an_encoder_that_classifies(limit):
    model = made(BertConfig(**SMALL, num_labels=2), BertForSequenceClassification)
    engine = Engine(model, labels_of(model), tokens=limit)
    rng = np.random.default_rng(2)
    batch = [rng.integers(1, 268, size=rng.integers(1, 20)).tolist() for _ in range(20)]
    with torch.no_grad():
        expected = torch.cat([model(input_ids=torch.tensor([ids])).logits for ids in batch])
    assert torch.allclose(engine.score([*batch, batch[0]]), torch.cat([expected, expected[:1]]), atol=TOLERANCE)
    assert engine.packs is False


def short_of_memory(monkeypatch, most):
    """Forward passes of more than `most` tokens run out of memory; returns the sizes of all passes tried."""
    sizes = []
    whole = packing.forward

    def forward(body, pack):
        sizes.append(pack.new)
        if pack.new > most():
            raise torch.OutOfMemoryError("out of memory")
        return whole(body, pack)

    monkeypatch.setattr(engines, "forward", forward)
    return sizes


def test_running_out_of_memory_halves_the_passes_and_larger_ones_are_tried_later(model, monkeypatch):
    engine = Engine(model, YesNo(model, YES, NO), tokens=400)
    engine.limit.patience = 6
    batch = [[*range(30), i, i] for i in range(150)]
    expected = engine.score(batch, afresh=True).tolist()
    room = [100]
    sizes = short_of_memory(monkeypatch, lambda: room[0])
    assert engine.score(batch).tolist() == pytest.approx(expected, abs=1e-6)
    failures = [s for s in sizes if s > 100]
    assert len(failures) == 2
    assert engine.limit.tokens == 82
    room[0] = 1000
    for _ in range(8):
        engine.score(batch, afresh=True)
    assert engine.limit.tokens == 400
    assert max(sizes[-3:]) > 100
    engine.prefixes._check_invariants()


def test_an_interrupt_between_any_two_lines_leaves_an_engine_that_works(model, monkeypatch):
    batch = [[*range(30), i] for i in range(5)]
    expected = [plain(model, ids) for ids in batch]
    for name in ("_insert", "keep", "end"):
        for place in range(3):
            engine = Engine(model, YesNo(model, YES, NO))
            engine.score(batch[:2])
            calls = iter(range(100))
            whole = getattr(Prefixes, name)

            def interrupted(self, *args, whole=whole, calls=calls, place=place):
                if next(calls) == place:
                    raise KeyboardInterrupt
                return whole(self, *args)

            with monkeypatch.context() as patch:
                patch.setattr(Prefixes, name, interrupted)
                with contextlib.suppress(KeyboardInterrupt):
                    engine.score([*batch, [9, 9, 9], [9, 8]])
            assert engine.score(batch).tolist() == pytest.approx(expected, abs=TOLERANCE)
            engine.prefixes._check_invariants()
            assert model.config._attn_implementation == "sdpa"


def test_a_readout_that_is_not_the_models_own_gives_way(model):
    """A model that does more to its states than multiply by the output matrix."""

    class Odd(YesNo):
        def __call__(self, hidden):
            return super().__call__(hidden) * 3

    engine = Engine(model, Odd(model, YES, NO))
    batch = [[*range(5, 35), i] for i in range(6)] + [[1], [2, 3]]
    assert engine.score(batch).tolist() == pytest.approx([plain(model, ids) for ids in batch], abs=TOLERANCE)
    assert (engine.reads_states, engine.packs) == (False, False)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_depend_on_the_length_of_a_text(kind):
    rope = {"rope_type": kind, "rope_theta": 10000.0, "factor": 4.0}
    if kind == "longrope":
        rope |= {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "original_max_position_embeddings": 32}
    config = LlamaConfig(**GROUPED, rope_parameters=rope, max_position_embeddings=32 if kind == "dynamic" else 128)
    model = made(config)
    stem = np.random.default_rng(2).integers(0, 268, size=90).tolist()
    engine = Engine(model, YesNo(model, YES, NO))
    assert engine.reach == 32
    for batch in ([stem[:20], stem[:25]], [stem[:28], stem[:80]]):
        for ids, odds in zip(batch, engine.score(batch).tolist(), strict=True):
            again = AutoModelForCausalLM.from_config(config).eval()  # its frequencies grow with what it has seen
            again.load_state_dict(model.state_dict())
            assert odds == pytest.approx(plain(again, ids), abs=1e-3)
    assert engine.packs


def test_a_mix_of_attention_and_convolution_is_not_packed():
    """In bf16 a short convolution hides behind rounding."""
    config = Lfm2Config(**GROUPED, layer_types=["conv", "full_attention", "conv"], full_attn_idxs=[1])
    model = made(config).to(torch.bfloat16)
    engine = Engine(model, YesNo(model, YES, NO))
    stem = np.random.default_rng(2).integers(0, 268, size=30).tolist()
    engine.score([stem])
    assert engine.score([[*stem, 7]]).item() == pytest.approx(plain(model, [*stem, 7]), abs=0.1)
    assert engine.packs is False


def test_an_empty_sequence_is_refused(engine):
    with pytest.raises(ValueError, match="without tokens"):
        engine.score([[1], []])


def test_two_engines_share_a_model_from_two_threads(model):
    engines = [Engine(model, YesNo(model, YES, NO)) for _ in range(2)]
    batch = [[*range(20), i] for i in range(4)]
    expected = [plain(model, ids) for ids in batch]
    with ThreadPoolExecutor(2) as pool:
        scores = list(pool.map(lambda i: engines[i % 2].score(batch, afresh=True).tolist(), range(40)))
    assert all(s == pytest.approx(expected, abs=TOLERANCE) for s in scores)
    assert model.config._attn_implementation == "sdpa"


def test_a_sequence_for_which_there_is_never_memory(engine, monkeypatch):
    engine.score([[1, 2]])
    short_of_memory(monkeypatch, lambda: 3)
    with pytest.raises(torch.OutOfMemoryError):
        engine.score([[1], list(range(2, 20))])
    engine.prefixes._check_invariants()
    assert engine.score([[1, 2, 3, 4]]).tolist() == pytest.approx([plain(engine.model, [1, 2, 3, 4])], abs=TOLERANCE)


def test_other_errors_are_not_taken_for_a_lack_of_memory(engine, monkeypatch):
    engine.score([[1]])

    def broken(body, pack):
        raise RuntimeError("index out of range")

    monkeypatch.setattr(engines, "forward", broken)
    with pytest.raises(RuntimeError, match="index out of range"):
        engine.score([[1, 2, 3]])
    engine.prefixes._check_invariants()
    assert engine.limit.tokens == engine.limit.most


def test_a_model_that_does_its_own_attention_is_scored_in_buckets(model, monkeypatch):
    class Own:
        def get_interface(self, name, default):
            return sdpa_attention_forward

    monkeypatch.setattr("transformers.models.llama.modeling_llama.ALL_ATTENTION_FUNCTIONS", Own())
    engine = Engine(model, YesNo(model, YES, NO))
    batch = [[*range(5, 35), i] for i in range(6)] + [[1], [2, 3]]
    assert engine.score(batch).tolist() == pytest.approx([plain(model, ids) for ids in batch], abs=TOLERANCE)
    assert engine.packs is False
    assert model.config._attn_implementation == "sdpa"


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30).map(sorted), limit=st.integers(1, 120))
def test_buckets_fill_up_to_the_limit_and_never_past_it(lengths, limit):
    ordered = [(i,) * n for i, n in enumerate(lengths)]
    batch = bucket(ordered, limit)
    assert batch == ordered[: len(batch)]
    assert len(batch) == 1 or len(batch) * len(batch[-1]) <= limit
    if len(batch) < len(ordered):
        assert (len(batch) + 1) * len(ordered[len(batch)]) > limit


def test_the_judge_gives_the_log_odds_of_its_prompts(tiny, items, words):
    verdicts = ask(tiny, items)
    expected = [
        plain(tiny.model, tiny.tokenizer(tiny.prompt(i), add_special_tokens=False)["input_ids"], *words) for i in items
    ]
    assert [v.margin for v in verdicts] == pytest.approx(expected, abs=TOLERANCE)
    assert [v.score for v in verdicts] == pytest.approx(
        [1 / (1 + 2.718281828459045**-e) for e in expected], abs=TOLERANCE
    )
    assert max(expected) - min(expected) > 0.05
    assert all(v.accepted == (v.margin >= 0) == (v.score >= 0.5) and v.parsed for v in verdicts)
    assert [v.margin for v in tiny.score_afresh(items)] == pytest.approx(expected, abs=TOLERANCE)
    assert tiny.score([]) == []


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_any_text_can_be_judged(tiny, problems, words, texts):
    asked = [Item(problems[0], text) for text in texts]
    for item, verdict in zip(asked, ask(tiny, asked), strict=True):
        ids = tiny.tokenizer(tiny.prompt(item), add_special_tokens=False)["input_ids"]
        assert verdict.margin == pytest.approx(plain(tiny.model, ids, *words), abs=TOLERANCE)


def test_device_and_number_format_at_hand():
    assert best_device().type in {"cpu", "cuda", "mps"}
    assert best_dtype(torch.device("cpu")) in {torch.bfloat16, torch.float32}
    assert best_dtype(torch.device("mps")) == torch.float32
