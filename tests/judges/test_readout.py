"""What is read off a hidden state, against the models' own logits."""

from __future__ import annotations

import pytest
import torch
from hoodwink.judges.readout import Labels, YesNo, labels_of
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForSequenceClassification,
)

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "pad_token_id": 0,
}  # fmt: skip
YES, NO = [3, 5], [4]


@torch.no_grad()
def hidden_and_logits(model):
    ids = torch.tensor([[7, 8, 9, 10]])
    return model.base_model(input_ids=ids).last_hidden_state[:, -1], model(input_ids=ids).logits[:, -1].float()


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (Gemma2ForCausalLM, Gemma2Config(**SMALL, num_key_value_heads=2, head_dim=8, final_logit_softcapping=0.05)),
        (CohereForCausalLM, CohereConfig(**SMALL, num_key_value_heads=2, logit_scale=0.25)),
        (GraniteForCausalLM, GraniteConfig(**SMALL, num_key_value_heads=2, logits_scaling=8.0)),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_logits_that_are_capped_or_scaled(kind, config):
    torch.manual_seed(0)
    model = kind(config).eval()
    hidden, logits = hidden_and_logits(model)
    expected = logits[:, YES].logsumexp(1) - logits[:, NO].logsumexp(1)
    assert torch.allclose(YesNo(model, YES, NO)(hidden), expected, atol=1e-6)
    plain = torch.nn.functional.linear(hidden, model.get_output_embeddings().weight)
    assert not torch.allclose(plain[:, YES].logsumexp(1) - plain[:, NO].logsumexp(1), expected, atol=1e-4)


def test_a_bias_of_the_head_counts_and_so_does_every_spelling(model):
    head = model.lm_head
    biased = torch.nn.Linear(head.in_features, head.out_features)
    biased.weight = head.weight
    torch.nn.init.normal_(biased.bias, std=2.0, generator=torch.Generator().manual_seed(1))
    model.set_output_embeddings(biased)
    hidden, logits = hidden_and_logits(model)
    expected = logits[:, YES].logsumexp(1) - logits[:, NO].logsumexp(1)
    assert torch.allclose(YesNo(model, YES, NO)(hidden), expected, atol=1e-5)
    assert not torch.allclose(YesNo(model, YES[:1], NO)(hidden), expected, atol=1e-2)


def test_in_bf16_the_readout_stays_in_fp32(model):
    read = YesNo(model.to(torch.bfloat16), YES, NO)
    states = torch.randn(40, 32, generator=torch.Generator().manual_seed(2)).bfloat16()
    odds = read(states)
    assert odds.dtype == torch.float32
    assert (odds.bfloat16().float() != odds).any()


def test_a_row_reads_the_same_alone_and_in_company(model):
    read = YesNo(model, YES, NO)
    states = torch.randn(50, 32, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.cat([read(row[None]) for row in states]), read(states))


def test_labels_of_a_decoder():
    torch.manual_seed(0)
    model = LlamaForSequenceClassification(LlamaConfig(**SMALL, num_labels=3)).eval()
    ids = torch.tensor([[7, 8, 9, 10]])
    read = labels_of(model)
    assert isinstance(read, Labels)
    with torch.no_grad():
        states = model.base_model(input_ids=ids).last_hidden_state[:, -1]
        assert torch.allclose(read(states), model(input_ids=ids).logits.float(), atol=1e-6)


def test_an_encoder_is_left_to_its_own_head():
    config = BertConfig(**SMALL, num_labels=2)
    assert labels_of(BertForSequenceClassification(config)) is None
