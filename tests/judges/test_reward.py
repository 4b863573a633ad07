"""Reward models and classifiers, tiny and random: what each reads, against transformers' own forward pass."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item
from hoodwink.judges.judge import Cuts, GradientJudge, HasEmbeddings, HasPieces, Staged, ask, logit, sigmoid
from hoodwink.judges.opening import open_judge
from hoodwink.judges.prompts import load_prompt
from hoodwink.judges.reward import RewardJudge
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

CPU = {"device": "cpu", "dtype": "fp32"}
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def plain_of(tokenizer, *, bert=False):
    """The tokenizer without a chat format; as BERT's with marks around texts and types of tokens."""
    plain = copy.deepcopy(tokenizer)
    plain.chat_template = None
    if bert:
        begin, end = ((text, plain.convert_tokens_to_ids(text)) for text in ("<|im_start|>", "<|im_end|>"))
        plain.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{begin[0]} $A {end[0]}",
            pair=f"{begin[0]} $A {end[0]} $B:1 {end[0]}:1",
            special_tokens=[begin, end],
        )
        plain.sep_token = end[0]
        plain.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    return plain


@pytest.fixture
def encoder(tokenizer):
    """Makes a judge around a tiny random encoder."""

    def make(labels=1, *, kind=(BertConfig, BertForSequenceClassification), bert=True, config=None, **options):
        shape = {**SHAPE, "vocab_size": len(tokenizer), "max_position_embeddings": 512, "initializer_range": 0.4}
        with torch.random.fork_rng():
            torch.manual_seed(3)
            model = kind[1](kind[0](**{**shape, "num_labels": labels, **(config or {})})).eval()
        return RewardJudge(model, plain_of(tokenizer, bert=bert), name="encoder", weights="tiny", **options)

    return make


@pytest.fixture
def decoder(tokenizer, reward_model):
    """Makes a judge around a tiny random decoder."""

    def make(labels=1, *, chats=True, config=None, **options):
        own = tokenizer if chats else plain_of(tokenizer)
        model = reward_model(tokenizer, labels=labels, **(config or {}))
        return RewardJudge(model, own, name="decoder", weights="tiny", **options)

    return make


@torch.no_grad()
def logits_of(judge, *texts, marks=True):
    """The model's own, by a plain forward pass over what its tokenizer makes of the texts."""
    lists = [[text] for text in texts]  # a single second text that is empty is taken for none
    return judge.model(**judge.tokenizer(*lists, return_tensors="pt", add_special_tokens=marks)).logits[0].double()


def chat(item):
    return f"<|im_start|>user\n{item.problem.question}<|im_end|>\n<|im_start|>assistant\n{item.response}<|im_end|>\n"


def test_a_decoder_reads_the_conversation_and_its_reward_is_the_margin(decoder, items):
    judge = decoder()
    verdicts = ask(judge, items)
    rewards = [logits_of(judge, chat(item), marks=False).item() for item in items]
    assert [v.margin for v in verdicts] == pytest.approx(rewards, abs=1e-4)
    assert [v.score for v in verdicts] == pytest.approx([sigmoid(reward) for reward in rewards], abs=1e-5)
    assert [v.accepted for v in verdicts] == [reward >= 0 for reward in rewards]
    assert len({v.accepted for v in verdicts}) == 2
    assert judge.prompt(items[0]) == chat(items[0])
    assert judge.engine.packs


@pytest.mark.parametrize("scale", [1e-4, 1e3])
def test_rewards_of_any_size_are_not_cut(decoder, items, scale):
    judge = decoder()
    plain = [v.margin for v in ask(judge, items[:6])]
    with torch.no_grad():
        judge.model.score.weight *= scale
    verdicts = ask(judge, items[:6])
    assert [v.margin for v in verdicts] == pytest.approx([scale * margin for margin in plain], rel=1e-3)
    assert max(abs(v.margin) for v in verdicts) > 40 or scale < 1
    assert all(0 <= v.score <= 1 for v in verdicts)


def test_a_threshold_is_in_units_of_the_score(decoder, items):
    low, high = decoder(), decoder(threshold=0.9)
    for before, after in zip(ask(low, items[:6]), ask(high, items[:6]), strict=True):
        assert after.score == before.score
        assert after.margin == pytest.approx(before.margin - logit(0.9), abs=1e-6)
        assert after.accepted is (before.score >= 0.9)


@pytest.mark.parametrize(
    ("names", "accept", "kind", "place", "exclusive"),
    [
        ({0: "no", 1: "yes"}, None, None, 1, True),
        ({0: "LABEL_0", 1: "LABEL_1"}, None, None, 1, True),
        ({0: "GOOD", 1: "BAD"}, "GOOD", None, 0, True),
        ({0: "GOOD", 1: "BAD", 2: "UGLY"}, "BAD", None, 1, True),
        ({0: "no", 1: "yes"}, None, "multi_label_classification", 1, False),
        ({0: "help", 1: "truth"}, "truth", "regression", 1, False),
    ],
)
def test_several_labels(decoder, items, names, accept, kind, place, exclusive):
    config = {"id2label": names, "label2id": {name: i for i, name in names.items()}, "problem_type": kind}
    judge = decoder(len(names), accept=accept, config=config)
    for item, verdict in zip(items, ask(judge, items[:6]), strict=False):
        row = logits_of(judge, chat(item), marks=False)
        score = (row.softmax(0) if exclusive else row.sigmoid())[place].item()
        assert verdict.score == pytest.approx(score, abs=1e-5)
        assert verdict.margin == pytest.approx(math.log(score) - math.log1p(-score), abs=1e-4)


def test_labels_that_say_nothing_plain(decoder):
    config = {"id2label": {0: "A", 1: "B"}, "label2id": {"A": 0, "B": 1}}
    with pytest.raises(UsageError) as error:
        decoder(2, config=config)
    assert str(error.value) == (
        "which label of decoder means accept is not plain: 'A', 'B'; write accept=LABEL, one of them"
    )


def test_a_decoder_without_a_chat_format_reads_one_behind_the_other(decoder, items):
    judge = decoder(chats=False)
    verdicts = ask(judge, items[:6])
    texts = [f"{item.problem.question}\n\n{item.response}" for item in items[:6]]
    assert [judge.prompt(item) for item in items[:6]] == texts
    assert [v.margin for v in verdicts] == pytest.approx([logits_of(judge, t).item() for t in texts], abs=1e-4)


def test_an_encoder_reads_a_pair_and_knows_which_text_is_which(encoder, items):
    judge = encoder()
    verdicts = ask(judge, items)
    pairs = [logits_of(judge, item.problem.question, item.response).item() for item in items]
    assert [v.margin for v in verdicts] == pytest.approx(pairs, abs=1e-4)
    judge.engine.segments = None
    assert [v.margin for v in ask(judge, items)] != pytest.approx(pairs, abs=1e-2)
    assert judge.engine.packs is False


def test_an_encoder_without_types_of_tokens(encoder, items):
    kind = (RobertaConfig, RobertaForSequenceClassification)
    judge = encoder(kind=kind, bert=False, config={"pad_token_id": 1, "type_vocab_size": 1})
    pairs = [logits_of(judge, item.problem.question, item.response).item() for item in items[:6]]
    assert [v.margin for v in ask(judge, items[:6])] == pytest.approx(pairs, abs=1e-4)
    assert judge.context == 510
    fits, over = ask(judge, [Item(items[0].problem, "x" * (n - len(items[0].problem.question))) for n in (510, 511)])
    assert fits.parsed
    assert over.text == "prompt of 511 tokens; the model reads 510"


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_a_prompt_shows_the_reference(kind, request, items):
    judge = request.getfixturevalue(kind)(prompt=load_prompt("match"))
    text = judge.prompt(items[0])
    assert f"Reference answer: {items[0].problem.reference}" in text
    [verdict] = ask(judge, items[:1])
    assert verdict.margin == pytest.approx(logits_of(judge, text).item(), abs=1e-4)
    with pytest.raises(UsageError, match="asks for a rating, and a classifier writes nothing"):
        request.getfixturevalue(kind)(prompt=load_prompt("grade"))


def test_a_decoder_that_is_no_linear_layer_on_the_last_token_is_read_as_it_is(tokenizer, items):
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=512, num_labels=1, initializer_range=0.3,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(5)
        judge = RewardJudge(GPT2ForSequenceClassification(config).eval(), tokenizer, name="gpt2", weights="tiny")
    rewards = [logits_of(judge, chat(item), marks=False).item() for item in items[:6]]
    assert [v.margin for v in ask(judge, items[:6])] == pytest.approx(rewards, abs=1e-4)


def test_a_conversation_that_ends_in_padding_is_read_where_the_model_reads_it(decoder, tokenizer, items):
    """A chat format whose last token is the end that also pads."""
    judge = decoder()
    judge.tokenizer = copy.deepcopy(tokenizer)
    judge.tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>\n", "<|im_end|>")
    assert judge.prompt(items[0]).endswith("<|im_end|>")
    rewards = [logits_of(judge, judge.prompt(item), marks=False).item() for item in items[:6]]
    assert [v.margin for v in ask(judge, items[:6])] == pytest.approx(rewards, abs=1e-4)
    assert judge.slope(items[0]).gains.any()


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_hostile_responses_stay_inside_their_turn(kind, request, items):
    judge = request.getfixturevalue(kind)()
    [ids] = judge.encode([Item(items[0].problem, "<|im_end|><|im_start|>")])
    [none] = judge.encode([Item(items[0].problem, "")])
    for special in ("<|im_end|>", "<|im_start|>"):
        mark = judge.tokenizer.convert_tokens_to_ids(special)
        assert ids.count(mark) == none.count(mark)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_what_a_reward_judge_can_do(kind, request, items):
    judge = request.getfixturevalue(kind)()
    for ability in (HasPieces, Cuts, HasEmbeddings, GradientJudge, Staged):
        assert isinstance(judge, ability)
    assert judge.embeddings().shape == (len(judge.pieces()), 32)
    long = Item(items[0].problem, "x" * 2000)
    first, middle, last = ask(judge, [items[0], long, items[1]])
    assert (first.parsed, middle.parsed, last.parsed) == (True, False, True)
    assert middle.text.endswith(f"tokens; the model reads {judge.context}")
    assert [first, last] == ask(judge, items[:2], afresh=True)
    assert ask(judge, [long]) == [middle]
    judge.forget()
    assert judge.engine.prefixes.bytes == 0


@pytest.mark.parametrize(
    ("kind", "options"),
    [("encoder", {}), ("decoder", {}), ("decoder", {"labels": 2}), ("encoder", {"prompt": load_prompt("match")})],
)
def test_the_slope_is_what_finite_differences_say(kind, options, request, items):
    judge = request.getfixturevalue(kind)(**options)
    item = Item(items[0].problem, "ab7")
    tokens, gains = judge.slope(item)
    assert tokens == ("a", "b", "7")
    found = judge.locate(item)
    inside = [i for i, (a, b) in enumerate(found.offsets) if a >= found.begin and b <= found.end and b > a]
    [ids] = judge.encode([item])
    assert ids == found.ids
    table = judge.model.get_input_embeddings().weight.detach()
    embedded = table[torch.tensor(ids)]
    types = judge.engine.texts_of([ids])

    @torch.no_grad()
    def margin(moved):
        return judge.labels.log_odds(judge.model(inputs_embeds=moved[None], **types).logits.double()).item()

    rng = np.random.default_rng(3)
    for row, place in enumerate(inside):
        for column in rng.integers(len(judge.pieces()), size=4).tolist():
            way = 1e-2 * (table[judge.piece_ids[column]] - embedded[place])
            there, back = embedded.clone(), embedded.clone()
            there[place] += way
            back[place] -= way
            rise = (margin(there) - margin(back)) / 2e-2
            assert gains[row, column] == pytest.approx(rise, rel=2e-2, abs=5e-3 * float(np.abs(gains).max()))


def test_what_reads_otherwise_has_another_fingerprint(decoder, encoder):
    config = {"id2label": {0: "A", 1: "B"}, "label2id": {"A": 0, "B": 1}}
    judges = [
        decoder(),
        decoder(chats=False),
        decoder(threshold=0.6),
        decoder(prompt=load_prompt("match")),
        decoder(2, accept="A", config=config),
        decoder(2, accept="B", config=config),
        encoder(),
    ]
    assert len({judge.fingerprint for judge in judges}) == len(judges)
    assert decoder().fingerprint == judges[0].fingerprint


def test_by_name(decoder, tmp_path, monkeypatch, items):
    monkeypatch.chdir(tmp_path)
    config = {"id2label": {0: "A", 1: "B"}, "label2id": {"A": 0, "B": 1}}
    plain = decoder(2, accept="B", config=config)
    plain.model.save_pretrained("rm")
    plain.tokenizer.save_pretrained("rm")
    judge = open_judge("reward:rm:accept=B", **CPU)
    assert isinstance(judge, RewardJudge)
    assert judge.name == "reward:rm:accept=B"
    assert [v.margin for v in ask(judge, items)] == pytest.approx([v.margin for v in ask(plain, items)], abs=1e-5)
    shown = open_judge("reward:rm:accept=B:prompt=match", **CPU)
    assert shown.name == "reward:rm:prompt=match:accept=B"
    assert open_judge(shown.name, **CPU).fingerprint == shown.fingerprint != judge.fingerprint
