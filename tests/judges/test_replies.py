"""Replies of models: what is read, and all that is not."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.records import Verdict
from hoodwink.judges.opening import open_judge
from hoodwink.judges.replies import ACCEPTING, REJECTING, is_response, read_rating, read_reply, read_text
from hoodwink.judges.scale import Scale, read_scale
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *[(word, True) for word in ("yes", "Yes", "YES", " yes\n", "Yes.", "yes!", "true", "Correct", "**Correct**")],
        *[(word, True) for word in ('"yes"', "'True'", "`yes`", "“yes”.", '"yes."')],
        *[(word, False) for word in ("no", "No.", "FALSE", "incorrect", "*no*", "No!")],
        *[("0", 0.0), ("1", 1.0), ("0.5", 0.5), (".5", 0.5), ("1.0", 1.0), ("0.", 0.0), ("0.25.", 0.25)],
        ("**0.9**", 0.9),
        ('{"verdict": "yes"}', True),
        ('{"verdict": "Incorrect."}', False),
        ('{"correct": true}', True),
        ('{"accepted": false, "reasoning": "The score is 1."}', False),
        ('{"score": 0.8}', 0.8),
        ('{"Score": 1}', 1.0),
        ('{"score": "0.8"}', 0.8),
        ('```json\n{"score": 0.8}\n```', 0.8),
        ('```\n{"verdict": true}\n```', True),
        ("```\nyes\n```", True),
        ('{"reason": {"score": 0.1}, "verdict": "no"}', False),
    ],
)  # fmt: skip
def test_what_is_read(text, said):
    assert read_text(text) == said
    assert type(read_text(text)) is type(said)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "\n", "yes and no", "Yes, because it matches.", "no problem, yes", "y", "yess", "not correct",
        "I would not give this more than 1 of 10.", "Score: 0.9", "0.9/1", "9", "10", "1.01", "-0.1", "-0", "+1", "90%",
        "1e-3", "0x1", "nan", "inf", "NaN", "1_0", "0,5", "١", "½", "1 0", "0.5 0.5", "0" * 50, "00", "01",
        "The answer is correct", "accept", "A", "5 stars", "null", "None", "[true]", '["yes"]',
        "{}", '{"verdict": null}', '{"verdict": "maybe"}', '{"score": 8}', '{"score": -1}', '{"score": NaN}',
        '{"score": 1e999}', '{"score": [0.5]}', '{"verdict": {"score": 1}}', '{"rating": 1}', '{"verdict": "yes"',
        '{"verdict": "yes", "score": 0.1}', '{"verdict": "no", "verdict": "yes"}', '{"verdict": "yes"} done',
        'Sure! {"verdict": "yes"}', '```json\n{"score": 0.8}\n```\nAnything else?', "{'verdict': 'yes'}",
        '{"score": ' + "9" * 5000 + "}", "[" * 100_000, '{"a":' * 100_000, "<think>yes</think> no", "\ud800",
    ],
)  # fmt: skip
def test_what_is_not_read(text):
    assert read_text(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[(text, 7) for text in ("7", " 7\n", "7.", "**7**", '"7"', "7.0", "7/10", "7 / 10", "7 out of 10", "7/10.")],
        *[(text, 7) for text in ("Rating: 7", "rating:7", "**Rating:** 7", "Score: 7.", "Grade: 7")],
        *[("**Rating: 7/10**", 7), ("1", 1), ("10", 10), ("10/10", 10), ("2.5", 2.5), ("Rating: 9.5/10", 9.5)],
        ("The sum is 12, but 8 of 10 would say so.\nRating: 3", 3),
        ("Rating: 3\nWhy? It is wrong.\nRating: 3", 3),
        ('{"rating": 4}', 4),
        ('{"reasoning": "9 of 10", "Score": "4/10"}', 4),
        ('```json\n{"grade": 4.0}\n```', 4),
        ('It is wrong: 9.\n{"rating": 4}', 4),
    ],
)  # fmt: skip
def test_ratings_that_are_read(text, number):
    said = read_rating(text, Scale(1, 10))
    assert type(said) is float
    assert said == pytest.approx((number - 1) / 9)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "yes", "0", "11", "10.5", "0.99", "-7", "+7", "7.5.1", "07", "7,5", "1e1", "seven", "٧", "7/5",
        "7/100", "7 of 10", "8 7", "7-8", "I would not give this more than 1 of 10.", "7 because it fits", "I say 7",
        "7\n8", "9\nNo, wait.", "Rating: 7\nIs that all?", "Rating: 9\nRating: 3", 'Rating: 9\n{"rating": 3}',
        "Rating 7", "The rating: 7", "Rating: none", "Rating: 7 to 8", "Rating:", ": 7", '{"rating": true}',
        '{"rating": null}',
        '{"rating": 11}', '{"rating": [7]}', '{"rating": {"rating": 7}}', '{"rating": 7, "score": 7}', '{"verdict": 7}',
        '{"rating": 7', '{"rating": NaN}', '{"rating": 1e999}', '{"rating": ' + "7" * 5000 + "}", '{"a":' * 100_000,
        "\ud800",
    ],
)  # fmt: skip
def test_ratings_that_are_not_read(text):
    assert read_rating(text, Scale(1, 10)) is None


def test_what_a_rating_is_worth_depends_on_its_scale():
    assert [read_rating("3", Scale(*ends)) for ends in ((1, 5), (0, 4), (3, 4), (0, 100), (4, 9))] == [
        0.5, 0.75, 0.0, 0.03, None,
    ]  # fmt: skip
    assert read_rating("3/5", Scale(1, 5)) == 0.5
    assert read_rating("100", Scale(0, 100)) == 1.0


def test_scales():
    for text in ("1-10", "0-1", "0-100", "99-100"):
        assert str(read_scale(text)) == text
    assert list(Scale(8, 11).numbers) == [8, 9, 10, 11]
    for text in ("", "10", "5-1", "1-1", "1-101", "-1-5", "1 - 5", "0-0", "a-b", "1-5-9", "0.5-1", "١-٥"):
        with pytest.raises(
            UsageError, match=r"^scale .* is none; write LOW-HIGH, whole numbers within 0 and 100, such"
        ):
            read_scale(text)


@given(st.text())
def test_any_text_is_a_decision_a_score_or_nothing(text):
    said = read_text(text)
    assert said is None or isinstance(said, bool) or 0 <= said <= 1


@given(st.text(st.characters(codec="ascii")), st.sampled_from(sorted(ACCEPTING | REJECTING)))
def test_a_word_in_a_sentence_is_no_reply(before, word):
    """A letter, a digit or a bracket before the word, and what it says is something else."""
    if any(char.isalnum() for char in before):
        assert read_text(f"{before} {word}") is None


def test_a_reply_becomes_a_verdict_with_its_text(items):
    judge = open_judge(lambda response: response, threshold=0.6)
    texts = ["yes", "0.5", "0.75", "Rating: 0.75", "\ud800"]
    verdicts = judge.score([type(items[0])(items[0].problem, text) for text in texts])
    assert verdicts[0] == Verdict(1.0, 1.0, True, text="yes")
    assert [v.accepted for v in verdicts] == [True, False, True, False, False]
    assert [v.parsed for v in verdicts] == [True, True, True, False, False]
    assert verdicts[2].margin == pytest.approx(math.log(3) - math.log(1.5))
    assert [v.text for v in verdicts] == [*texts[:4], "?"]


def tokens(*alternatives: tuple[str, float], sampled: str | None = None) -> SimpleNamespace:
    """Log-probabilities as a chat completion has them; the first alternative is the token that was written."""
    listed = [SimpleNamespace(token=token, logprob=math.log(p) if p else -9999.0) for token, p in alternatives]
    return SimpleNamespace(content=[SimpleNamespace(**vars(listed[0]), top_logprobs=listed[1:] and listed)])


def chat(text, logprobs=None, **message):
    said = SimpleNamespace(content=text, **message)
    return SimpleNamespace(choices=[SimpleNamespace(message=said, logprobs=logprobs)])


@pytest.mark.parametrize(
    ("text", "logprobs", "said"),
    [
        ("Yes", tokens(("Yes", 0.8), ("No", 0.15), (" yes", 0.05)), 0.85),
        ("No", tokens(("No", 0.7), ("Yes", 0.2), ("Maybe", 0.1)), 0.2),
        ("No", tokens(("No", 0.9), ("no", 0.06), ("NO", 0.01)), 0.01),  # at most the least likely token listed
        ("No", tokens(("No", 0.9), ("no", 0.099)), 0.001),  # at most what is left over
        ("No", tokens(("No", 0.75)), 0.25),
        ("yes", tokens(("yes", 0.6)), 0.6),
        ("Yes.", tokens(("Yes", 0.9), ("No", 0.1)), 0.9),
        ("Yes, it does.", tokens(("Yes", 0.9), ("No", 0.1)), None),
        ("Yes and no, it is wrong", tokens(("Yes", 0.9), ("No", 0.1)), None),
        ("**yes**", tokens(("yes", 0.9), ("no", 0.1)), 0.9),
        ("incorrect", tokens(("in", 0.9), ("correct", 0.1)), False),  # the first token is no word: the text is read
        ("Nobody knows", tokens(("No", 0.9), ("Yes", 0.1)), None),
        ("Trueish", tokens(("True", 0.9), ("False", 0.1)), None),
        ("The answer", tokens(("The", 0.9), ("Yes", 0.1)), None),
        ('{"score": 0.5}', tokens(("{", 1.0), ("yes", 0.0)), 0.5),
        ("yes", SimpleNamespace(content=[SimpleNamespace(token="yes", logprob=math.nan, top_logprobs=[])]), True),
        ("yes", SimpleNamespace(content=None), True),
        ("yes", SimpleNamespace(content=[]), True),
    ],
)
def test_the_probability_of_the_first_token(text, logprobs, said):
    reply = read_reply(chat(text, logprobs))
    assert reply.text == text
    assert reply.said == (pytest.approx(said) if isinstance(said, float) else said)


def test_a_probability_is_never_over_one():
    assert read_reply(chat("yes", tokens(("yes", 0.9), ("Yes", 0.2)))).said == 1.0


def test_completions_and_responses():
    def completion(logprobs):
        return SimpleNamespace(choices=[SimpleNamespace(text=" Yes", logprobs=logprobs)])

    listed = SimpleNamespace(tokens=[" Yes"], token_logprobs=[math.log(0.75)], top_logprobs=[{" No": math.log(0.25)}])
    assert read_reply(completion(None)).said is True
    assert read_reply(completion(listed)).said == pytest.approx(0.75)
    listed.top_logprobs = None
    assert read_reply(completion(listed)).said == pytest.approx(0.75)
    listed.token_logprobs = [None]
    assert read_reply(completion(listed)).said is True
    assert read_reply(SimpleNamespace(output_text="0.5")) == (0.5, "0.5")
    assert read_reply(SimpleNamespace(output_text="")) == (None, "")


def test_a_refusal_is_no_verdict():
    assert read_reply(chat(None, refusal="I can't help with that.")) == (None, "I can't help with that.")
    assert read_reply(chat("yes", refusal="I won't.")) == (None, "I won't.")
    assert read_reply(chat("yes", refusal=None)) == (True, "yes")
    assert read_reply(chat(None, tool_calls=[1])) == (None, "")


def test_several_choices_are_an_error(items):
    many = SimpleNamespace(choices=[1, 2])
    with pytest.raises(JudgeError, match=r"judge function:<lambda>: the model's response holds 2 choices; ask for one"):
        open_judge(lambda response: many).score(items[:1])
    with pytest.raises(JudgeError, match="holds 0 choices"):
        read_reply(SimpleNamespace(choices=[]))


@pytest.mark.parametrize("thing", [0.5, None, True, {"choices": []}, [], SimpleNamespace(choices=None), object()])
def test_other_things_are_no_response(thing):
    assert not is_response(thing)


def test_json_that_a_model_wrote_is_read_as_it_was_meant():
    for score in (0.0, 0.125, 1.0):
        assert read_text(json.dumps({"reasoning": 'He wrote "yes".\n{', "score": score}, indent=2)) == score


def test_a_fence_that_never_closes_is_read_at_once():
    """Cubic, this would take days."""
    for filler in ("\n", " ", "\n ", "`\n"):
        assert read_text("```" + filler * 100_000 + "x") is None
    assert read_text("```json \n\n  yes \n\n  ```") is True
