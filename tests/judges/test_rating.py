"""Ratings: the expected value of a number against all that a model could write, and its gradient."""

from __future__ import annotations

import copy
import json
import math
import re

import numpy as np
import pytest
import torch
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.records import Item
from hoodwink.judges.judge import GradientJudge, HasPieces, TrainableJudge, ask
from hoodwink.judges.opening import open_judge
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.prompts import load_prompt
from hoodwink.judges.proposer import proposer_of
from hoodwink.judges.rating import Numerals, RatingJudge
from hoodwink.judges.scale import read_scale
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast


@pytest.fixture
def rater(model, tokenizer):
    """Makes a judge by the tiny model that asks for a number on a scale; its tokenizer writes digit by digit."""

    def make(scale=None, *, prompt="grade", chats=True, words=(), **options):
        plain = with_words(tokenizer, words) if words else copy.deepcopy(tokenizer)
        plain.chat_template = tokenizer.chat_template if chats else None
        return RatingJudge(model, plain, load_prompt(prompt, scale=scale), name="rater", weights="tiny", **options)

    return make


def with_words(tokenizer, words):
    """The tokenizer with numbers of two digits that are one token, in the place of tokens that no prompt has."""
    inner = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary, merges = inner["model"]["vocab"], inner["model"]["merges"]
    unused = [token for token in vocabulary if len(token) == 1 and ord(token) > 0x120][: len(words)]
    for word, token in zip(words, unused, strict=True):
        vocabulary[word] = vocabulary.pop(token)
        merges.append(list(word))
    other = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(inner)))
    other.add_special_tokens({"eos_token": tokenizer.eos_token, "pad_token": tokenizer.pad_token})
    return other


@torch.no_grad()
def continuations(judge, ids, depth):
    """Every way to go on by so many tokens that are digits or a blank, or by fewer of these and then another token."""
    digits = [i for i in range(len(judge.tokenizer)) if re.fullmatch(r" ?\d+| ", judge.tokenizer.decode([i]))]
    open_ways, chances = {(): 0.0}, {}
    for _ in range(depth):
        ways = list(open_ways)
        logits = judge.model(torch.tensor([[*ids, *way] for way in ways])).logits[:, -1].double()
        following = {}
        for way, row in zip(ways, logits.log_softmax(1), strict=True):
            for token in range(len(row)):
                text = judge.tokenizer.decode([*way, token])
                chance = open_ways[way] + float(row[token])
                if token in digits and re.fullmatch(r" ?\d*", text):
                    following[*way, token] = chance
                else:
                    chances[*way, token] = chance
        open_ways = following
    return {**chances, **open_ways}


def expected(judge, item, depth):
    """The expected value of the longest number of the scale that what the model writes begins with."""
    scale = judge.template.scale
    [ids] = judge.encode([item])
    mass = dict.fromkeys(scale.numbers, 0.0)
    for way, chance in continuations(judge, ids, depth).items():
        text = judge.tokenizer.decode(list(way))
        begun = re.match(r"\d*", text if judge.tokenizer.chat_template else text.removeprefix(" "))[0]
        numbers = [n for n in scale.numbers if begun.startswith(str(n))]
        if numbers:
            mass[max(numbers, key=lambda n: len(str(n)))] += math.exp(chance)
    return sum(scale.worth(n) * p for n, p in mass.items()) / sum(mass.values())


@pytest.mark.parametrize(
    ("scale", "chats", "depth"),
    [
        ("1-10", True, 2),
        ("0-3", True, 1),
        ("0-1", False, 2),
        ("8-11", True, 2),
        ("5-12", False, 3),
        ("98-100", True, 3),
    ],
)
def test_the_score_is_the_expected_value_over_all_continuations(rater, items, scale, chats, depth):
    judge = rater(scale, chats=chats)
    verdicts = ask(judge, items[:3])
    for item, verdict in zip(items, verdicts, strict=False):
        assert verdict.score == pytest.approx(expected(judge, item, depth), abs=2e-5)
        assert verdict.margin == pytest.approx(math.log(verdict.score) - math.log1p(-verdict.score), abs=1e-4)
        assert verdict.accepted is (verdict.score >= 0.5)
    assert len({v.score for v in verdicts}) == 3


def test_numbers_that_are_one_token(rater, items):
    """As of tokenizers with all numbers up to 999: nothing goes on from 1 to 10, since 10 is written in one piece."""
    judge = rater("1-12", words=("10", "11", "12"), chats=False)
    assert judge.tokenizer("7 10", add_special_tokens=False)["input_ids"][-1] in judge.numerals.ids
    assert judge.tails == [(), tuple(judge.tokenizer(" ", add_special_tokens=False)["input_ids"])]
    [verdict] = ask(judge, items[:1])
    [ids] = judge.encode(items[:1])
    with torch.no_grad():
        rows = [
            judge.model(torch.tensor([[*ids, *tail]])).logits[0, -1].double().log_softmax(0) for tail in judge.tails
        ]
    blank = rows[0][judge.tails[1][0]]
    mass = []
    for n in range(1, 13):
        [token] = judge.tokenizer(str(n), add_special_tokens=False)["input_ids"]
        mass.append(float(rows[0][token].exp() + (blank + rows[1][token]).exp()))
    assert verdict.score == pytest.approx(sum(m * i / 11 for i, m in enumerate(mass)) / sum(mass), abs=2e-5)


def test_what_goes_on_to_10_is_no_1(rater, items):
    """In a model that always writes 1 and then, mostly, 0."""
    judge = rater("1-10")
    one, zero = (judge.tokenizer(d, add_special_tokens=False)["input_ids"] for d in "10")
    ids = judge.numerals.ids
    values = torch.full((1, 2, len(ids)), -30.0)
    values[0, 0, ids.index(one[0])] = math.log(0.999)
    values[0, 1, ids.index(zero[0])] = math.log(0.8)
    chances = judge.chances(values).exp()[0]
    assert judge.tails == [(), tuple(one)]
    assert chances.tolist() == pytest.approx([0.999 * 0.2, *[0.0] * 8, 0.999 * 0.8], abs=1e-6)
    assert torch.sigmoid(judge.log_odds(values)).item() == pytest.approx(0.8, abs=1e-6)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=40, max_size=40), st.sampled_from(["1-10", "0-20", "5-15"]))
def test_chances_are_no_more_than_one_and_their_odds_are_finite(numbers, scale):
    """Of any tokens at all, certain ones too."""
    scale = read_scale(scale)
    numerals = Numerals([[tuple(map(int, str(n)))] for n in scale.numbers])
    raw = torch.tensor(numbers[: len(numerals.ids)]) + 1e-30
    values = (raw / raw.sum()).log().expand(1, len(numerals.tails), -1).double()
    chances = numerals.chances(values)
    assert chances.logsumexp(1).item() < 1e-6
    assert chances.isfinite().all()


def test_every_number_has_its_tails_and_no_more():
    tens = Numerals([[tuple(map(int, str(n)))] for n in range(101)])
    assert tens.tails == [(), (1,), (1, 0), *((d,) for d in range(2, 10))]
    assert tens.ids == list(range(10))
    assert Numerals([[(1,)], [(2,), (3, 2)]]).tails == [(), (3,)]


def test_a_threshold_is_a_share_of_the_scale(rater, items):
    low, high = rater("1-5"), rater("1-5", threshold=0.75)
    for before, after in zip(ask(low, items[:6]), ask(high, items[:6]), strict=True):
        assert after.score == before.score
        assert after.margin == pytest.approx(before.margin - math.log(3), abs=1e-6)
        assert after.accepted is (after.score >= 0.75)


def test_what_a_rating_judge_can_do(rater, items):
    judge = rater()
    assert isinstance(judge, HasPieces)
    assert isinstance(judge, GradientJudge)
    assert not isinstance(judge, TrainableJudge)
    assert proposer_of(judge) is not None
    assert ask(judge, items[:4], afresh=True) == pytest.approx(ask(judge, items[:4]))
    before = judge.engine.computed
    ask(judge, items[:4])
    assert judge.engine.computed - before <= 16  # all that is new is the last tokens
    judge.forget()
    assert judge.engine.prefixes.bytes == 0


def test_a_prompt_that_leaves_no_room_for_a_number_is_unread(rater, items):
    judge = rater("1-10")
    room = judge.context - len(judge.encode([Item(items[0].problem, "")])[0])
    fits, over = ask(judge, [Item(items[0].problem, "x" * n) for n in (room - 1, room)])
    assert fits.parsed
    assert not over.parsed
    assert over.text == f"prompt of {judge.context} tokens; the model reads {judge.context - 1}"


def test_the_slope_is_what_finite_differences_say(rater, items):
    judge = rater("1-10")
    item = Item(items[0].problem, "ab7")
    tokens, gains = judge.slope(item)
    assert tokens == ("a", "b", "7")
    found = judge.locate(item)
    places = [i for i, (a, b) in enumerate(found.offsets) if a >= found.begin and b <= found.end and b > a]
    table = judge.model.get_input_embeddings().weight.detach()
    embedded = table[torch.tensor(found.ids)]
    rng = np.random.default_rng(3)
    for row, place in enumerate(places):
        for column in rng.integers(len(judge.pieces()), size=4).tolist():
            way = table[judge.piece_ids[column]] - embedded[place]
            margins = []
            for step in (1e-2, -1e-2):
                moved = embedded.clone()
                moved[place] += step * way
                margins.append(margin_of(judge, moved))
            rise = (margins[0] - margins[1]) / 2e-2
            assert gains[row, column] == pytest.approx(rise, rel=1e-2, abs=2e-3 * float(np.abs(gains).max()))


@torch.no_grad()
def margin_of(judge, embedded):
    """By the model's own logits behind each tail."""
    table = judge.model.get_input_embeddings()
    rows = []
    for tail in judge.tails:
        whole = torch.cat([embedded, table(torch.tensor(tail, dtype=torch.long))])
        rows.append(judge.model(inputs_embeds=whole[None]).logits[0, -1].double().log_softmax(0)[judge.numerals.ids])
    return judge.log_odds(torch.stack(rows)[None]).item()


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        ("smollm2:prompt=match", PromptedJudge, "smollm2:prompt=match"),
        ("smollm2:prompt=correct", PromptedJudge, "smollm2:prompt=correct"),
        ("smollm2:prompt=grade", RatingJudge, "smollm2:prompt=grade"),
        ("smollm2:scale=0-5", RatingJudge, "smollm2:scale=0-5"),
        ("smollm2:prompt=grade-free:scale=1-5", RatingJudge, "smollm2:prompt=grade-free:scale=1-5"),
        ("smollm2:prompt=own.jinja:scale=1-4", RatingJudge, "smollm2:prompt=own.jinja:scale=1-4"),
    ],
)
def test_prompts_by_name(spec, kind, name, as_smollm2, items, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jinja").write_text("{{ low }} to {{ high }}: {{ response }}")
    judge = open_judge(spec, device="cpu", dtype="fp32")
    assert type(judge) is kind
    assert judge.name == name
    assert open_judge(judge.name, device="cpu", dtype="fp32").fingerprint == judge.fingerprint
    assert len({v.margin for v in ask(judge, items[:6])}) > 1
    shows = items[0].problem.reference in judge.prompt(Item(items[0].problem, "no idea"))
    assert shows is (spec in ("smollm2:prompt=match", "smollm2:prompt=grade", "smollm2:scale=0-5"))
    if "own" in spec:
        assert "user\n1 to 4: " in judge.prompt(items[0])


def test_other_scales_and_prompts_are_other_judges(rater):
    judges = [rater(), rater("1-5"), rater("0-10"), rater(prompt="grade-free"), rater(threshold=0.6)]
    assert len({judge.fingerprint for judge in judges}) == len(judges)
    assert rater("1-10").fingerprint == rater().fingerprint


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "smollm2:prompt=match:scale=1-5",
            "prompt match asks for yes or no and has no scale; write prompt=grade or prompt=grade-free",
        ),
        (
            "smollm2:scale=10",
            "scale '10' is none; write LOW-HIGH, whole numbers within 0 and 100, such as 1-10",
        ),
        (
            "smollm2:prompt=low.jinja",
            "prompt 'low.jinja': 'low' is undefined; it may use question, reference, solution and response",
        ),
        (
            "smollm2:prompt=none.jinja:scale=1-5",
            "prompt 'none.jinja': 'none_such' is undefined; it may use question, reference, solution and response, "
            "low and high",
        ),
    ],
)
def test_mistakes_are_answered_in_one_line(spec, said, as_smollm2, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "low.jinja").write_text("{{ low }}: {{ response }}")
    (tmp_path / "none.jinja").write_text("{{ none_such }}: {{ response }}")
    with pytest.raises(UsageError) as error:
        open_judge(spec)
    assert str(error.value) == said
