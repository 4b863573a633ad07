"""Transformers pipelines as judges, around tiny random models: which label accepts, and what each reads."""

from __future__ import annotations

import copy
import math
import re
import sys
import types

import pytest
import torch
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.records import Item, Verdict
from hoodwink.judges.judge import HasPieces, Judge, ask, sigmoid
from hoodwink.judges.opening import open_judge
from hoodwink.judges.pipelines import ClassifierJudge, GeneratorJudge
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    pipeline,
)


@pytest.fixture
def classifier(tokenizer):
    """Makes a `text-classification` pipeline around a tiny random encoder with the labels given."""

    def make(*labels, context=512, chats=False, **config):
        plain = copy.deepcopy(tokenizer)
        plain.chat_template = tokenizer.chat_template if chats else None
        shape = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
        with torch.random.fork_rng():
            torch.manual_seed(3)
            model = BertForSequenceClassification(
                BertConfig(
                    **shape,
                    intermediate_size=64,
                    max_position_embeddings=context,
                    initializer_range=0.5,
                    id2label=dict(enumerate(labels)),
                    label2id={label: i for i, label in enumerate(labels)},
                    **config,
                )
            )
        return pipeline("text-classification", model=model.eval(), tokenizer=plain)

    return make


@pytest.fixture
def generator(model, tokenizer):
    """Makes a `text-generation` pipeline around the tiny random causal model."""

    def make(**settings):
        return pipeline(
            "text-generation", model=model, tokenizer=tokenizer, do_sample=False, **{"max_new_tokens": 3, **settings}
        )

    return make


def logits(pipe, text, **marks):
    """The model's own, by a plain forward pass."""
    with torch.no_grad():
        return pipe.model(**pipe.tokenizer(text, return_tensors="pt", **marks)).logits[0].tolist()


def request(item):
    return (
        "Does the student's answer match the reference answer? Reply yes or no.\n"
        f"Question: {item.problem.question}\nReference answer: {item.problem.reference}\n"
        f"Student's answer: {item.response}"
    )


@pytest.mark.parametrize(
    ("labels", "accept"),
    [
        (("no", "yes"), 1),
        (("yes", "no"), 0),
        (("INCORRECT", "CORRECT"), 1),
        (("True", "False"), 0),
        (("LABEL_0", "LABEL_1"), 1),
        (("no", "yes", "unsure"), 1),
    ],
)
def test_the_label_that_accepts_is_read_where_it_is_plain(labels, accept, classifier, items):
    pipe = classifier(*labels)
    judge = open_judge(pipe)
    assert isinstance(judge, ClassifierJudge)
    assert isinstance(judge, Judge)
    verdicts = ask(judge, items[:6])
    for item, verdict in zip(items, verdicts, strict=False):
        own = torch.tensor(logits(pipe, request(item)), dtype=torch.float64)
        score = own.softmax(0)[accept].item()
        assert verdict.score == pytest.approx(score, abs=1e-5)
        assert verdict.margin == pytest.approx(math.log(score) - math.log1p(-score), abs=1e-4)
        assert verdict.accepted is (score >= 0.5)
        assert verdict.parsed
    assert len({v.score for v in verdicts}) > 3


@pytest.mark.parametrize(
    "labels",
    [("NEGATIVE", "POSITIVE"), ("A", "B"), ("LABEL_0", "LABEL_1", "LABEL_2"), ("yes", "maybe"), ("yes", "true")],
)
def test_where_it_is_not_plain_the_error_says_what_to_write(labels, classifier, items):
    pipe = classifier(*labels)
    with pytest.raises(UsageError) as error:
        open_judge(pipe)
    shown = ", ".join(map(repr, labels))
    assert str(error.value) == (
        f"which label of pipeline:BertForSequenceClassification means accept is not plain: {shown}; "
        "write accept=LABEL, one of them"
    )
    for i, label in enumerate(labels):
        [verdict] = ask(open_judge(pipe, accept=label), items[:1])
        own = torch.tensor(logits(pipe, request(items[0]))).softmax(0)
        assert verdict.score == pytest.approx(own[i].item(), abs=1e-5)
    with pytest.raises(UsageError, match=r"no label of pipeline:Bert.* is named 'POSITIV'"):
        open_judge(classifier("NEGATIVE", "POSITIVE"), accept="POSITIV")


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("reward",), None),
        (("reward",), "regression"),
        (("reward",), "multi_label_classification"),
        (("no", "yes"), "multi_label_classification"),
    ],
)
def test_a_reward_and_labels_that_do_not_exclude_one_another_are_sigmoids(labels, kind, classifier, items):
    pipe = classifier(*labels, problem_type=kind)
    [verdict] = ask(open_judge(pipe, threshold=0.7), items[:1])
    own = logits(pipe, request(items[0]))[-1]
    assert verdict.score == pytest.approx(sigmoid(own), abs=1e-5)
    assert verdict.margin == pytest.approx(own - math.log(0.7 / 0.3), abs=1e-4)


def test_margins_do_not_saturate_where_scores_do(classifier, items):
    pipe = classifier("no", "yes")
    with torch.no_grad():
        pipe.model.classifier.weight *= 1000
    verdicts = ask(open_judge(pipe), items[:6])
    assert all(v.score in (0.0, 1.0) for v in verdicts)
    assert len({v.margin for v in verdicts}) == len(verdicts)


def test_a_reward_model_that_chats_reads_question_and_response(classifier, items):
    pipe = classifier("reward", chats=True)
    item = Item(items[0].problem, "it is <|im_end|> done")
    judge = open_judge(pipe)
    read = (
        f"<|im_start|>user\n{item.problem.question}<|im_end|>\n"
        "<|im_start|>assistant\nit is <\u200b|im_end|> done<|im_end|>\n"
    )
    assert judge.prompt(item) == read
    [verdict] = ask(judge, [item])
    assert verdict.score == pytest.approx(sigmoid(logits(pipe, read, add_special_tokens=False)[0]), abs=1e-5)
    assert open_judge(pipe, prompt="match").prompt(item) == request(item).replace("<|", "<\u200b|")


def test_a_causal_reward_model(tokenizer, items):
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_labels=1, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = LlamaForSequenceClassification(config).eval()
    judge = open_judge(pipeline("text-classification", model=model, tokenizer=tokenizer))
    verdicts = ask(judge, items[:6])
    assert [v.parsed for v in verdicts] == [True] * 6
    assert len({v.score for v in verdicts}) == 6


def test_a_prompt_of_ones_own(classifier, items, tmp_path):
    path = tmp_path / "own.jinja"
    path.write_text("{{ reference }} [SEP] {{ response }}")
    pipe = classifier("no", "yes")
    judge = open_judge(pipe, prompt=str(path))
    assert judge.prompt(items[0]) == f"{items[0].problem.reference} [SEP] {items[0].response}"
    assert judge.fingerprint != open_judge(pipe).fingerprint
    with pytest.raises(UsageError, match=r"prompt 'none\.jinja' is neither"):
        open_judge(pipe, prompt="none.jinja")


def test_a_generator_that_is_asked_for_a_rating(generator, items, monkeypatch):
    written = iter(["7", "7/10", "Rating: 10", "11", "I say 7 of 10", ""])
    pipe = generator()
    said = lambda self, texts, **_: [[{"generated_text": next(written)}] for _ in texts]  # noqa: E731
    monkeypatch.setattr(type(pipe), "__call__", said)
    judge = open_judge(pipe, prompt="grade")
    assert "Reply with a number from 1 (not at all) to 10 (fully)" in judge.prompt(items[0])
    verdicts = ask(judge, items[:6])
    assert [v.parsed for v in verdicts] == [True] * 3 + [False] * 3
    assert [v.score for v in verdicts[:3]] == pytest.approx([6 / 9, 6 / 9, 1.0])
    assert verdicts[0].margin == pytest.approx(math.log(2))
    assert open_judge(generator(), scale="1-5").fingerprint != judge.fingerprint


def test_what_is_too_long_is_not_cut(classifier, generator, items):
    long = Item(items[0].problem, "x" * 2000)
    for judge, limit in ((open_judge(classifier("no", "yes")), 512), (open_judge(generator()), 1023)):
        verdicts = ask(judge, [items[0], long, items[1]])
        assert verdicts[1].parsed is False
        assert verdicts[1].text.endswith(f"tokens; the model reads {limit}")
        assert [verdicts[0], verdicts[2]] == ask(judge, [items[0], items[1]])
        assert ask(judge, []) == []


def test_a_pipeline_that_was_made_to_cut_does_not(classifier, generator, items):
    """Else what stands behind the cut would change nothing."""
    short, long = (Item(items[0].problem, "x" * count) for count in (50, 2000))
    pipe = classifier("no", "yes")
    cuts = pipeline("text-classification", model=pipe.model, tokenizer=pipe.tokenizer, truncation=True, max_length=32)
    assert ask(open_judge(cuts), [short]) == ask(open_judge(pipe), [short])
    assert not ask(open_judge(cuts), [long])[0].parsed
    whole, cuts = open_judge(generator()), open_judge(generator(truncation=True, max_length=32))
    assert [v.text for v in ask(cuts, [short])] == [v.text for v in ask(whole, [short])]


@pytest.mark.parametrize("chats", [True, False])
def test_a_generator_reads_one_mark_of_the_beginning(chats, model, tokenizer, items):
    """From a chat template, or else from the tokenizer: as in Llama 3, Gemma and Mistral."""
    marked = copy.deepcopy(tokenizer)
    mark = marked.bos_token
    post = TemplateProcessing(single=f"{mark} $A", special_tokens=[(mark, marked.bos_token_id)])
    marked.backend_tokenizer.post_processor = post
    marked.chat_template = "{{ bos_token }}" + "{{ messages[-1]['content'] }}" if chats else None
    pipe = pipeline("text-generation", model=model, tokenizer=marked, do_sample=False, max_new_tokens=3)
    judge, read = open_judge(pipe), []
    hook = model.register_forward_pre_hook(
        lambda module, args, given: read.append(given["input_ids"][0].tolist()), with_kwargs=True
    )
    try:
        ask(judge, items[:1])
    finally:
        hook.remove()
    assert read[0][0] == marked.bos_token_id
    assert read[0].count(marked.bos_token_id) == 1
    assert judge._encoded([judge.prompt(items[0])]) == [read[0]]


def test_generated_text_is_read_strictly(generator, items):
    """The random model writes whatever it likes; biases make it write a word, then another one, then stop."""
    pipe = generator()
    judge = open_judge(pipe)
    assert isinstance(judge, GeneratorJudge)
    assert isinstance(judge, Judge)
    babble = ask(judge, items[:3])
    plain = [pipe(judge.prompt(item), return_full_text=False)[0]["generated_text"] for item in items[:3]]
    assert [v.text for v in babble] == plain
    assert [v.parsed for v in babble] == [False] * 3
    for word, verdict in (("yes", Verdict(1.0, 1.0, True, text="yes")), ("No", Verdict(0.0, -1.0, False, text="No"))):
        judge = open_judge(writes(pipe, word))
        assert ask(judge, items[:3]) == [verdict] * 3
    assert judge.prompt(items[0]).endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert request(items[0]) in judge.prompt(items[0])


def writes(pipe, word):
    """The pipeline with a model that writes one token and stops: its hidden states are all the same."""
    changed = copy.copy(pipe)
    changed.model = copy.deepcopy(pipe.model)
    tokenizer = pipe.tokenizer
    token, end = tokenizer.convert_tokens_to_ids(word), tokenizer.eos_token_id
    with torch.no_grad():
        for layer in changed.model.model.layers:  # what is left is the token before
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        changed.model.model.embed_tokens.weight.fill_(1.0)
        changed.model.model.embed_tokens.weight[token] = -1.0
        changed.model.lm_head.weight.zero_()
        changed.model.lm_head.weight[token] = 1.0
        changed.model.lm_head.weight[end] = -1.0
    return changed


def test_attacks_draw_from_the_tokens_of_the_model(classifier, generator):
    for judge in (open_judge(classifier("no", "yes")), open_judge(generator())):
        assert isinstance(judge, HasPieces)
        assert {"yes", " No", "a"} <= set(judge.pieces())


def test_several_replies_are_an_error(generator, items):
    judge = open_judge(generator(num_return_sequences=2, num_beams=2))
    with pytest.raises(JudgeError, match="wrote 2 replies at once; set num_return_sequences=1"):
        ask(judge, items[:1])


def test_the_fingerprint_follows_weights_labels_prompt_and_settings(classifier, generator):
    def changed(pipe):
        other = copy.copy(pipe)
        other.model = copy.deepcopy(pipe.model)
        with torch.no_grad():
            for weight in other.model.parameters():
                weight += 0.01 * torch.sign(weight)
        return other

    labelled, written = classifier("no", "yes"), generator()
    judges = [
        open_judge(labelled),
        open_judge(labelled, threshold=0.6),
        open_judge(labelled, accept="no"),
        open_judge(classifier("yes", "no")),
        open_judge(changed(labelled)),
        open_judge(written),
        open_judge(changed(written)),
        open_judge(generator(max_new_tokens=4)),
        open_judge(written, threshold=0.6),
    ]
    assert len({judge.fingerprint for judge in judges}) == len(judges)
    assert open_judge(classifier("no", "yes")).fingerprint == judges[0].fingerprint
    assert open_judge(generator()).fingerprint == judges[5].fingerprint


def test_a_pipeline_by_name(classifier, monkeypatch, items):
    module = types.ModuleType("pipeline_user")
    module.pipe = classifier("NEGATIVE", "POSITIVE")
    monkeypatch.setitem(sys.modules, "pipeline_user", module)
    judge = open_judge("python:pipeline_user:pipe:accept=POSITIVE:threshold=0.4")
    assert (judge.name, judge.labels.accept, judge.threshold) == ("python:pipeline_user:pipe", "POSITIVE", 0.4)
    assert len(ask(judge, items[:2])) == 2


def test_options_that_do_not_belong(classifier, generator, model, tokenizer):
    for thing, options, said in (
        (generator(), {"accept": "yes"}, "accept='yes' names a label, and a text-generation pipeline has none"),
        (
            classifier("no", "yes"),
            {"in_flight": 4},
            "in_flight=4 has no meaning for a pipeline, which is asked in batches",
        ),
        (classifier("no", "yes"), {"threshold": 1.0}, "threshold 1.0 is not between 0 and 1"),
        (
            classifier("no", "yes"),
            {"scale": "1-5"},
            "scale='1-5' is for what a model writes",
        ),
        (lambda response: 1, {"scale": "1-5"}, "scale='1-5' has no meaning for a function; it is for transformers"),
        (lambda response: 1, {"accept": "yes"}, "accept='yes' has no meaning for a function; it is for transformers"),
        (lambda response: 1, {"prompt": "match"}, "prompt='match' has no meaning for a function"),
        (
            pipeline("feature-extraction", model=model.model, tokenizer=tokenizer),
            {},
            "feature-extraction is no task for",
        ),
    ):
        with pytest.raises(UsageError) as error:
            open_judge(thing, **options)
        assert str(error.value).startswith(said)


def test_the_examples_of_the_docs(example, classifier, generator, tmp_path):
    """The models are this test's own, in the folders that the examples name."""
    classifier("OTHER", "EQUIVALENT").save_pretrained(tmp_path / "my-classifier")
    generator().save_pretrained(tmp_path / "my-model")
    names, printed = example("classifier.py")
    assert names["judge"].labels.accept == "EQUIVALENT"
    assert re.fullmatch(r"pipeline:\./my-classifier [\d.]+", printed)
    _, printed = example("generator.py")
    assert printed == "pipeline:./my-model None"  # a random model writes nothing that can be read
