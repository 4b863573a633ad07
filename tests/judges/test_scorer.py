"""The scorer against a plain forward pass of each sequence alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hoodwink.corpora.records import Item
from hoodwink.judges import scorer as scoring
from hoodwink.judges.judge import ask
from hoodwink.judges.scorer import YesNoScorer, best_device, best_dtype, buckets, families
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TOLERANCE = 1e-4


def spelt(tokenizer, word):
    """Ids that say a word, by decoding the whole vocabulary here."""
    return [i for i in range(len(tokenizer)) if tokenizer.decode([i]).strip().lower() == word]


@torch.no_grad()
def plain(model, ids, yes, no):
    """Log-odds from the full logits of one sequence alone, as transformers computes them."""
    logits = model(input_ids=torch.tensor([list(ids)])).logits[0, -1].float()
    return float(logits[yes].logsumexp(0) - logits[no].logsumexp(0))


@pytest.fixture
def words(tokenizer):
    return spelt(tokenizer, "yes"), spelt(tokenizer, "no")


def test_the_tokenizer_says_yes_and_no_in_four_ways(words, tokenizer):
    assert [tokenizer.decode([i]) for i in words[0]] == ["yes", "Yes", " yes", " Yes"]
    assert [tokenizer.decode([i]) for i in words[1]] == ["no", "No", " no", " No"]


sequences = st.lists(st.lists(st.integers(0, 268), min_size=1, max_size=30), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=sequences, again=st.integers(0, 3), limit=st.integers(1, 200), data=st.data())
def test_scores_are_those_of_each_sequence_alone(model, words, batch, again, limit, data):
    batch = data.draw(st.permutations(batch + batch[:again]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "CPU_TOKENS", limit)
        scores = YesNoScorer(model, *words).score(batch)
    expected = [plain(model, ids, *words) for ids in batch]
    assert scores == pytest.approx(expected, abs=TOLERANCE)


def test_scores_tell_sequences_apart(model, words):
    """Else the comparison above would prove nothing."""
    scores = YesNoScorer(model, *words).score([[i, i + 1, i + 2] for i in range(0, 100, 10)])
    ordered = sorted(scores)
    assert min(b - a for a, b in pairwise(ordered)) > 5 * TOLERANCE
    assert ordered[-1] - ordered[0] > 0.5


def test_order_and_company_change_nothing_at_all(model, words):
    scorer = YesNoScorer(model, *words)
    batch = [[5, 6], [7], [8, 9, 10, 11], [5, 6], [12, 13]]
    scores = scorer.score(batch)
    assert scorer.score(batch[::-1]) == scores[::-1]
    assert scores[0] == scores[3]
    assert len(set(scores)) == 4


def test_identical_sequences_are_computed_once(model, words, monkeypatch):
    scorer = YesNoScorer(model, *words)
    seen = []
    forward = scorer.forward
    monkeypatch.setattr(scorer, "forward", lambda batch: seen.append(list(batch)) or forward(batch))
    assert len(scorer.score([[3], [1, 2], [3], (1, 2)])) == 4
    assert seen == [[(3,), (1, 2)]]


def test_all_spellings_count_and_a_bias_of_the_head_too(model, words):
    head = model.lm_head
    biased = torch.nn.Linear(head.in_features, head.out_features)
    biased.weight = head.weight
    torch.nn.init.normal_(biased.bias, std=2.0, generator=torch.Generator().manual_seed(1))
    model.set_output_embeddings(biased)
    yes, no = words
    ids = [40, 41, 42]
    [score] = YesNoScorer(model, yes, no).score([ids])
    assert score == pytest.approx(plain(model, ids, yes, no), abs=TOLERANCE)
    assert abs(score - plain(model, ids, yes[:1], no[:1])) > 0.01


def test_lists_of_different_length(model, words):
    yes, no = words
    [score] = YesNoScorer(model, yes[:1], no).score([[40, 41, 42]])
    assert score == pytest.approx(plain(model, [40, 41, 42], yes[:1], no), abs=TOLERANCE)


def test_forward_carries_gradients_and_score_does_not(model, words):
    scorer = YesNoScorer(model, *words)
    odds = scorer.forward([[1, 2, 3], [4]])
    assert odds.shape == (2,)
    assert odds.requires_grad
    odds.sum().backward()
    assert float(model.get_input_embeddings().weight.grad[[1, 2, 3, 4]].abs().sum()) > 0
    assert float(model.get_input_embeddings().weight.grad[0].abs().sum()) == 0  # the padding token feels nothing
    assert all(isinstance(s, float) for s in scorer.score([[1, 2, 3], [4]]))


def test_in_bf16_the_readout_stays_in_fp32(model, words):
    scorer = YesNoScorer(model.to(torch.bfloat16), *words)
    assert scorer.rows.dtype == torch.float32
    assert scorer.forward([[1, 2]]).dtype == torch.float32
    scores = scorer.score([[i, i + 1] for i in range(40)])
    assert any(torch.tensor(s).bfloat16().item() != s for s in scores)


@given(
    lengths=st.lists(st.integers(1, 40), max_size=30).map(sorted),
    limit=st.integers(1, 120),
)
def test_buckets_fill_up_to_the_limit_and_never_past_it(lengths, limit):
    ordered = [tuple([i] * n) for i, n in enumerate(lengths)]
    cut = buckets(ordered, limit)
    assert [s for batch in cut for s in batch] == ordered
    for batch in cut:
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= limit
    for batch, following in pairwise(cut):
        assert (len(batch) + 1) * len(following[0]) > limit


def test_buckets_exactly():
    ordered = [(1,), (2,), (3, 3), (4, 4, 4), (5,) * 9]
    assert buckets(ordered, 6) == [[(1,), (2,), (3, 3)], [(4, 4, 4)], [(5,) * 9]]
    assert buckets([], 6) == []


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


def computed_tokens(scorer, monkeypatch):
    """A list to which every forward pass of the body adds its number of tokens."""
    counts = []
    whole = type(scorer.body).forward

    def counting(self, input_ids=None, **rest):
        counts.append(input_ids.numel())
        return whole(self, input_ids=input_ids, **rest)

    monkeypatch.setattr(type(scorer.body), "forward", counting)
    return counts


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_shared_prefix_changes_no_score(model, data):
    """Groups with prefixes and tails of any length, shuffled together: as each sequence alone."""
    yes, no = [3], [4]
    scorer = YesNoScorer(model, yes, no)
    token = st.integers(0, 40)
    batch = []
    for _ in range(data.draw(st.integers(1, 3))):
        prefix = data.draw(st.lists(token, min_size=1, max_size=40))
        tails = data.draw(st.lists(st.lists(token, min_size=1, max_size=12), min_size=1, max_size=8))
        batch += [prefix + tail for tail in tails]
    batch = data.draw(st.permutations(batch))
    expected = [plain(model, ids, yes, no) for ids in batch]
    assert scorer.score(batch) == pytest.approx(expected, abs=1e-4)
    assert scorer.score(batch[::-1]) == pytest.approx(expected[::-1], abs=1e-4)


def test_a_shared_prefix_is_computed_once(model, monkeypatch):
    scorer = YesNoScorer(model, [3], [4])
    counts = computed_tokens(scorer, monkeypatch)
    prefix = list(range(5, 35))
    scorer.score([[*prefix, i, 50] for i in range(8)])
    assert counts == [30, 16]


def test_a_model_without_a_plain_cache_is_scored_whole(model, monkeypatch):
    scorer = YesNoScorer(model, [3], [4])
    batch = [[*range(5, 35), i] for i in range(6)]
    shared = scorer.score(batch)
    monkeypatch.setattr("transformers.cache_utils.DynamicLayer", type("Other", (), {}))
    whole = YesNoScorer(model, [3], [4])
    assert whole.score(batch) == pytest.approx(shared, abs=1e-5)
    assert not whole.shares


def test_families_share_enough_and_leave_a_token_to_compute():
    same = [(1, 2, 3, 4, 5, n) for n in range(6, 12)]
    assert families(same) == [(5, same)]
    assert families([*same, (1, 2, 3, 4, 5)]) == [(4, [(1, 2, 3, 4, 5), *same])]
    assert families(same[:3]) == [(0, same[:3])]
    assert families([]) == []
    other = [(1, *range(20, 30), n) for n in range(4)]
    assert families([*same, *other]) == [(5, same), (11, other)]
