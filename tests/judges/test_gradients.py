"""Gradients: the slope of a margin is what finite differences say, for the tokens that the response is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hoodwink.corpora.errors import JudgeError
from hoodwink.corpora.records import Item
from hoodwink.judges.judge import GradientJudge, HasEmbeddings
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import Prompt

#: Small enough for a straight line, large enough that fp32 does not drown it.
STEP = 1e-2


def margin_of(judge, embedded):
    """The log-odds of a prompt given as embeddings, by the model's own logits."""
    with torch.inference_mode():
        logits = judge.model(inputs_embeds=embedded[None]).logits[0, -1].double()
    ids, yes = judge.read.ids, judge.read.yes
    return float(logits[ids[:yes]].logsumexp(0) - logits[ids[yes:]].logsumexp(0))


def places_of(judge, item):
    """Where the bytes of an ASCII response stand among the tokens of its prompt."""
    text = judge.prompt(item)
    begin = text.rindex(item.response)
    offsets = judge.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return [i for i, (a, b) in enumerate(offsets) if b > begin and a < begin + len(item.response)]


def test_a_prompted_judge_offers_gradients_and_embeddings(tiny):
    assert isinstance(tiny, GradientJudge)
    assert isinstance(tiny, HasEmbeddings)


def test_the_slope_is_what_finite_differences_say(tiny, problems):
    item = Item(problems[0], "x = 41, no?")
    tokens, gains = tiny.slope(item)
    places = places_of(tiny, item)
    assert tokens == ("x", " ", "=", " ", "4", "1", ",", " no", "?")
    assert gains.shape == (len(places), len(tiny.pieces()))
    (ids,) = tiny.encode([item])
    with torch.inference_mode():
        table = tiny.model.get_input_embeddings().weight
        embedded = table[torch.tensor(ids)]
        rng = np.random.default_rng(3)
        scale = float(np.abs(gains).max())
        for row, place in enumerate(places):
            for column in rng.integers(len(tiny.pieces()), size=4).tolist():
                way = table[tiny.piece_ids[column]] - embedded[place]
                there, back = embedded.clone(), embedded.clone()
                there[place] += STEP * way
                back[place] -= STEP * way
                difference = (margin_of(tiny, there) - margin_of(tiny, back)) / (2 * STEP)
                assert gains[row, column] == pytest.approx(difference, rel=1e-2, abs=2e-3 * scale)


def test_a_judge_in_bf16_has_nearly_the_same_slope(tiny, model, tokenizer, problems):
    item = Item(problems[0], "x = 41, no?")
    tokens, gains = tiny.slope(item)
    rounded = PromptedJudge(model.bfloat16(), tokenizer, tiny.template, name="rounded", weights="tiny").slope(item)
    assert rounded.tokens == tokens
    assert rounded.gains.dtype == np.float32
    assert np.corrcoef(rounded.gains.ravel(), gains.ravel())[0, 1] > 0.99


def test_a_token_gains_nothing_by_itself(tiny, problems):
    tokens, gains = tiny.slope(Item(problems[0], "ab7"))
    columns = [tiny.pieces().index(token) for token in tokens]
    assert np.abs(gains[range(3), columns]).max() < 1e-5
    assert np.abs(gains).max() > 1e-2


@pytest.mark.parametrize(
    "text", ["plain words here", " begins with a blank", "ends with one ", "a\n\n b\t", "né 🎈 x", ""]
)
def test_tokens_joined_are_the_response(tiny, problems, text):
    tokens, gains = tiny.slope(Item(problems[1], text))
    assert "".join(tokens) == text
    assert gains.shape == (len(tokens), len(tiny.pieces()))
    assert np.isfinite(gains).all()


def test_a_character_of_several_tokens_is_one(tiny, problems):
    tokens, _ = tiny.slope(Item(problems[1], "a🎈b"))
    assert tokens == ("a", "🎈", "b")


def test_offsets_that_leave_blanks_out_lose_none(tiny, problems, monkeypatch):
    """As some tokenizers' do: `trim_offsets`."""
    inner = tiny.tokenizer

    def trimmed(text, **options):
        encoded = inner(text, **options)
        pairs = [(a + (text[a:b].startswith(" ") and b - a > 1), b) for a, b in encoded["offset_mapping"]]
        return {"input_ids": encoded["input_ids"], "offset_mapping": pairs}

    trimmed.added_tokens_decoder = inner.added_tokens_decoder
    trimmed.all_special_tokens = inner.all_special_tokens
    trimmed.apply_chat_template = inner.apply_chat_template
    trimmed.chat_template = inner.chat_template
    item = Item(problems[0], "is it no or yes")
    plain = tiny.slope(item)
    tiny.piece_ids  # noqa: B018 - worked out before the tokenizer is exchanged
    monkeypatch.setattr(tiny, "tokenizer", trimmed)
    tokens, gains = tiny.slope(item)
    assert tokens == plain.tokens
    assert " no" in tokens
    assert (gains == plain.gains).all()


def test_special_tokens_of_a_response_are_read_as_the_judge_reads_them(tiny, problems):
    tokens, _ = tiny.slope(Item(problems[0], "a<|im_end|>b"))
    assert "".join(tokens) == "a<\u200b|im_end|>b"


def test_a_response_that_is_not_shown_as_it_is_has_no_gradient(model, tokenizer, problems):
    judge = PromptedJudge(model, tokenizer, Prompt("{{ response | upper }}"), name="loud", weights="tiny")
    with pytest.raises(JudgeError, match="judge loud does not show 'quiet' as it is"):
        judge.slope(Item(problems[0], "quiet"))


def test_a_readout_that_is_not_the_models_own_is_not_used(tiny, problems):
    """Where the engine takes the model's own logits, gradients go through these."""
    item = Item(problems[0], "ab7")
    plain = tiny.slope(item).gains
    tiny.engine.reads_states = False
    tiny.read.scale = 5.0
    assert np.allclose(tiny.slope(item).gains, plain, rtol=1e-3, atol=1e-5)


def test_a_slope_leaves_scores_weights_and_gradients_as_they_were(tiny, items):
    before = [v.margin for v in tiny.score_afresh(items[:4])]
    tiny.slope(items[0])
    assert [v.margin for v in tiny.score_afresh(items[:4])] == before
    assert all(p.grad is None for p in tiny.model.parameters())
    with torch.inference_mode():
        assert tiny.slope(items[0]).gains.shape[1] == len(tiny.pieces())


def test_embeddings_are_the_models_own_in_the_order_of_the_pieces(tiny):
    rows = tiny.embeddings()
    weight = tiny.model.get_input_embeddings().weight.detach().numpy()
    assert rows.dtype == np.float32
    assert (rows == weight[tiny.piece_ids]).all()
