"""The proposer: what it says is the model's own, whatever else is in the batch."""

from __future__ import annotations

import math

import pytest
import torch
from hoodwink.corpora.errors import UsageError
from hoodwink.judges import proposer as module
from hoodwink.judges.proposer import Proposer, open_proposer, proposer_of

QUESTION = "What is 2 + 2?"
ANSWERS = ["", "The", "The answer is no", "é", "\n"]
TEXTS = ["", "a", "yes no yes", "The answer is 41.", "🎈\n\ty", "x" * 70]


@pytest.fixture
def proposer(model, tokenizer):
    return Proposer(model, tokenizer, name="tiny")


def asked(tokenizer, answer, question=QUESTION):
    message = [{"role": "user", "content": question}]
    return tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True) + answer


def plain_log_probabilities(model, tokenizer, text):
    ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        return model(input_ids=ids).logits[0].log_softmax(-1)


def is_text(text):
    return "\ufffd" not in text and all(char.isprintable() or char in "\n\t" for char in text)


def best_text(tokenizer, said):
    """The highest log-probability of a token that is neither special nor a part of a character."""
    plain = [i for i in range(len(tokenizer)) if i not in tokenizer.added_tokens_decoder]
    return max(float(said[i]) for i in plain if is_text(tokenizer.decode([i])))


@pytest.mark.parametrize("answer", ANSWERS)
def test_continuations_are_the_models_own_next_tokens(proposer, model, tokenizer, answer):
    said = plain_log_probabilities(model, tokenizer, asked(tokenizer, answer))[-1]
    (found,) = proposer.continuations(QUESTION, [answer], 20)
    assert len(found) == 20
    assert [c.log_probability for c in found] == sorted((c.log_probability for c in found), reverse=True)
    by_text = {tokenizer.decode([i]): float(said[i]) for i in range(len(tokenizer))}
    for piece, log_probability in found:
        assert log_probability == pytest.approx(by_text[piece], abs=1e-4)
    left = {text for text in by_text if is_text(text)} - {c.piece for c in found} - set(proposer.specials)
    assert max(by_text[text] for text in left) <= found[-1].log_probability + 1e-4
    assert found[0].log_probability == pytest.approx(best_text(tokenizer, said), abs=1e-4)


def test_the_end_of_an_answer_is_no_continuation_however_likely(proposer, model, tokenizer):
    """A model that would end here says what else it would say."""
    ids = torch.tensor([tokenizer(asked(tokenizer, "The"), add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        last = model.base_model(input_ids=ids).last_hidden_state[0, -1]
    model.get_output_embeddings().weight.data[tokenizer.eos_token_id] = 100 * last
    row = plain_log_probabilities(model, tokenizer, asked(tokenizer, "The"))[-1]
    assert float(row[tokenizer.eos_token_id].exp()) > 0.999
    (found,) = proposer.continuations(QUESTION, ["The"], 1 << 20)
    pieces = [c.piece for c in found]
    assert len(set(pieces)) == len(pieces)
    assert not set(pieces) & set(proposer.specials)
    assert {"yes", " no", "\n", "7"} <= set(pieces)
    assert all(math.isfinite(c.log_probability) for c in found)


def test_continuations_do_not_depend_on_what_else_is_asked(proposer):
    together = proposer.continuations(QUESTION, ANSWERS, 10)
    for answer, found in zip(ANSWERS, together, strict=True):
        (alone,) = proposer.continuations(QUESTION, [answer], 10)
        assert [c.piece for c in alone] == [c.piece for c in found]
        assert [c.log_probability for c in alone] == pytest.approx([c.log_probability for c in found], abs=1e-5)
    assert proposer.continuations(QUESTION, [], 10) == []


def test_a_model_in_bf16_proposes_nearly_the_same(proposer, model, tokenizer):
    (exact,) = proposer.continuations(QUESTION, ["The"], 1 << 20)
    rounded = Proposer(model.bfloat16(), tokenizer, name="rounded")
    (found,) = rounded.continuations(QUESTION, ["The"], 1 << 20)
    known = dict(exact)
    assert dict(found) == pytest.approx(known, abs=0.3)
    assert rounded.engine.packs
    assert all(value > 0 for value in rounded.perplexity(TEXTS))


def test_special_tokens_in_questions_and_answers_are_plain_text(proposer, model, tokenizer):
    (found,) = proposer.continuations("Is <|im_end|> a token?", ["<|im_end|>"], 3)
    text = asked(tokenizer, "<\u200b|im_end|>", "Is <\u200b|im_end|> a token?")
    said = plain_log_probabilities(model, tokenizer, text)[-1]
    assert found[0].log_probability == pytest.approx(best_text(tokenizer, said), abs=1e-4)


def test_a_model_without_a_chat_format_is_asked_in_plain_words(proposer, model, tokenizer, monkeypatch):
    monkeypatch.setattr(tokenizer, "chat_template", None)
    said = plain_log_probabilities(model, tokenizer, f"{QUESTION}\nAnswer: 4")[-1]
    (found,) = proposer.continuations(QUESTION, [" 4"], 1)
    ids = tokenizer(found[0].piece, add_special_tokens=False)["input_ids"]
    assert found[0].log_probability == pytest.approx(float(said[ids[0]]), abs=1e-4)


def plain_perplexity(model, tokenizer, text):
    """exp of the mean negative log-probability, token by token, from where documents begin."""
    ids = [tokenizer.convert_tokens_to_ids("<|endoftext|>"), *tokenizer(text, add_special_tokens=False)["input_ids"]]
    if len(ids) == 1:
        return 1.0
    with torch.inference_mode():
        logs = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return math.exp(-sum(float(logs[i, token]) for i, token in enumerate(ids[1:])) / (len(ids) - 1))


@pytest.mark.parametrize("tokens", [1, 40, 1024])
def test_perplexity_is_the_mean_log_probability_plainly_worked_out(proposer, model, tokenizer, tokens, monkeypatch):
    monkeypatch.setattr(module, "TOKENS", tokens)
    texts = [*TEXTS, TEXTS[1]]
    plain = [plain_perplexity(model, tokenizer, text) for text in texts]
    assert proposer.perplexity(texts) == pytest.approx(plain, rel=1e-4)
    assert plain[0] == 1.0
    assert len({round(value, 3) for value in plain}) == len(TEXTS)


def test_perplexity_does_not_depend_on_the_batch_and_is_kept(proposer, model, tokenizer, monkeypatch):
    together = proposer.perplexity(TEXTS)
    for text, known in zip(TEXTS, together, strict=True):
        (alone,) = Proposer(model, tokenizer, name="again").perplexity([text])
        assert alone == pytest.approx(known, rel=1e-5)
    monkeypatch.setattr(proposer, "model", None)
    assert proposer.perplexity(TEXTS[::-1]) == together[::-1]
    assert proposer.perplexity([]) == []


def test_a_text_beyond_the_context_is_measured_within(tokenizer, model):
    model.config.max_position_embeddings = 16
    proposer = Proposer(model, tokenizer, name="short")
    long, cut = proposer.perplexity(["ab" * 20, ("ab" * 20)[:15]])
    assert long == pytest.approx(cut, rel=1e-6)


def test_a_judge_with_a_model_is_a_proposer_and_others_are_none(tiny):
    found = proposer_of(tiny)
    assert found is not None
    assert (found.name, found.model) == ("tiny", tiny.model)
    with pytest.raises(UsageError, match="proposer 'planted:length' has no language model; write smollm2"):
        open_proposer("planted:length")


QUESTIONS = ["What is 2 + 2?", "x", "A longer question, so that shorter ones are padded: what is 12 times 12?", "é 🎈?"]


@pytest.fixture
def saying(model, tokenizer, monkeypatch):
    """A proposer that writes one given text after another, whatever it is asked; and the batches it wrote in."""
    proposer, batches = Proposer(model, tokenizer, name="says"), []

    def make(*texts):
        left = iter(texts)
        monkeypatch.setattr(
            proposer, "_written", lambda rows, n: batches.append(len(rows)) or [next(left) for _ in rows]
        )
        return proposer, batches

    return make


def greedy(model, tokenizer, question, count):
    """What the model writes after a question, token by token, without a cache or a batch."""
    ids = tokenizer(asked(tokenizer, "", question), add_special_tokens=False)["input_ids"]
    said = []
    while len(said) < count:
        with torch.inference_mode():
            token = int(model(input_ids=torch.tensor([ids + said])).logits[0, -1].argmax())
        if token == tokenizer.eos_token_id:
            break
        said.append(token)
    return tokenizer.decode(said, skip_special_tokens=True)


def test_first_sentences_are_what_the_model_would_write(proposer, model, tokenizer):
    for question, sentence in zip(QUESTIONS, proposer.first_sentences(QUESTIONS, tokens=12), strict=True):
        assert sentence == module._first_sentence(greedy(model, tokenizer, question, 12))


def test_first_sentences_do_not_depend_on_their_company(proposer):
    together = proposer.first_sentences(QUESTIONS)
    assert proposer.first_sentences(QUESTIONS) == together
    assert [proposer.first_sentences([q])[0] for q in QUESTIONS] == together
    assert proposer.first_sentences(QUESTIONS[::-1]) == together[::-1]
    assert proposer.first_sentences([]) == []
    assert len(set(together)) > 1
    assert any(together)


def test_many_questions_are_answered_in_batches(saying):
    texts = [f"Number {i}. And more." for i in range(2 * module.WRITTEN + 3)]
    proposer, batches = saying(*texts)
    assert proposer.first_sentences(["?"] * len(texts)) == [f"Number {i}." for i in range(len(texts))]
    assert batches == [module.WRITTEN, module.WRITTEN, 3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Let's see. It is 4.", "Let's see."),
        ("\n\n First:\nsecond", "First:"),
        ("one line\nand another", "one line"),
        ("It is 3.5 km long. Yes", "It is 3.5 km long."),
        ("Is it? No!", "Is it?"),
        ("never ends", "never ends"),
        ("a:b then", "a:b then"),
        ("It is 3.", "It is 3."),
        ("   \n ", ""),
        ("", ""),
    ],
)
def test_a_sentence_ends_at_its_first_stop(saying, text, sentence):
    assert saying(text)[0].first_sentences(["?"]) == [sentence]
