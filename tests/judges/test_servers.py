"""`openai:MODEL@URL` against a server on a real socket, which answers well, badly, late or not at all."""

from __future__ import annotations

import dataclasses
import math
import time

import pytest
from hoodwink.corpora.errors import JudgeError, UsageError
from hoodwink.corpora.oracles import ExactOracle
from hoodwink.corpora.records import Candidate, Item, Problem
from hoodwink.fuzz.gate import Ask, Gate
from hoodwink.fuzz.store import Store
from hoodwink.judges.judge import Afresh, Metered, Notes, Piecemeal, Staged, Usage, ask, logit
from hoodwink.judges.opening import open_judge
from serving import completion, drop, grade, hang, raw, refuse, said_in, say, truncate

pytest.importorskip("openai")

PROBLEM = Problem.make(family="sums", question="What is 200 + 72?", reference="272")
QUICK = "backoff=0.001&timeout=5"


def opened(served, options="", **more):
    return open_judge(f"{served.spec}?{QUICK}{'&' if options else ''}{options}", **more)


def items_of(*texts):
    return [Item(PROBLEM, text) for text in texts]


def test_what_it_can_do(served):
    judge = opened(served)
    assert all(isinstance(judge, kind) for kind in (Staged, Afresh, Metered, Notes, Piecemeal))
    assert ask(judge, []) == []
    assert served.requests == []  # nothing is asked before it is needed


# What is asked, and how answers are read


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_log_odds_of_yes_against_no_by_the_tokens_listed(api, served):
    judge = opened(served, f"api={api}&in_flight=3")
    verdicts = ask(judge, items_of("272", "27", "It is 272.", ""))
    odds = [math.log(p / (1 - p)) for p in (0.95, 0.104, 0.95, 0.1)]
    # A spelling of no that is not plain (SentencePiece's mark) is no word: it changes nothing.
    assert [v.margin for v in verdicts] == pytest.approx(odds)
    assert [v.accepted for v in verdicts] == [True, False, True, False]
    assert [v.text for v in verdicts] == ["Yes", "No", "Yes", "No"]
    assert judge.noted()["verdicts are read by"] == ["log-probabilities of the first token"]
    [probe, first, *_] = served.requests
    assert probe["path"] == "/v1/chat/completions" if api == "chat" else "/v1/completions"
    assert (first["temperature"], first["seed"], first["max_tokens"]) == (0, 0, 1)
    if api == "chat":
        assert (first["logprobs"], first["top_logprobs"]) == (True, 20)
        system, user = first["messages"]
        assert system == {"role": "system", "content": "You grade answers."}
        assert user["content"].startswith("Does the student's answer match the reference answer? Reply yes or no.\n")
    else:
        assert first["logprobs"] == 20
        assert first["prompt"].endswith("\nAnswer:")


def test_without_a_list_it_samples_and_says_so(served):
    served.lists = False
    judge = opened(served, "samples=7")
    verdicts = ask(judge, items_of("272", "x" * 90))
    assert judge.noted()["verdicts are read by"] == ["7 samples at temperature 1"]
    asked = [r for r in served.requests if r["temperature"] == 1]
    assert len(asked) == 14 + 1  # the probe is asked once more in the way that was found
    for verdict in verdicts:
        yes = verdict.text.split(" | ").count("Yes")
        assert verdict.score == pytest.approx((yes + 0.5) / 8)
        assert verdict.margin == pytest.approx(logit(verdict.score))
    assert verdicts[0].accepted
    assert not verdicts[1].accepted
    again = ask(opened(served, "samples=7&in_flight=1"), items_of("x" * 90, "272"))
    assert again[::-1] == verdicts  # seeds follow from what is asked, not from when
    afresh = ask(judge, items_of("272", "x" * 90), afresh=True)
    seeds = {r["seed"] for r in asked[1:]}
    assert seeds.isdisjoint(r["seed"] for r in served.requests[-14:])
    assert [v.accepted for v in afresh] == [True, False]


def test_one_reply_alone(served):
    verdicts = ask(opened(served, "by=text&max_tokens=9"), items_of("272", "27"))
    assert [(v.score, v.margin) for v in verdicts] == [(1.0, 1.0), (0.0, -1.0)]
    assert served.requests[-1]["max_tokens"] == 9
    assert "logprobs" not in served.requests[-1]


def test_ratings_are_the_mean_of_samples_or_the_expected_value(served):
    served.script = lambda asked, said: say("Rating: 7" if "272" in said else "2")
    high, low = ask(opened(served, "prompt=grade&samples=3"), items_of("272", "27"))
    assert high.score == pytest.approx((3 * 6 / 9 + 0.5) / 4)
    assert low.score == pytest.approx((3 * 1 / 9 + 0.5) / 4)

    def listed(handler, asked):
        body = completion(asked, ["4"])
        entries = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in (("4", 0.6), ("5", 0.2), ("x", 0.2))]
        body["choices"][0]["logprobs"] = {"content": [{**entries[0], "top_logprobs": entries}]}
        handler.reply(200, body)

    served.script = lambda asked, said: listed
    [verdict] = ask(opened(served, "prompt=grade&scale=1-5"), items_of("27"))
    assert verdict.score == pytest.approx((0.6 * 0.75 + 0.2 * 1.0) / 0.8)


@pytest.mark.parametrize(
    ("listed", "odds"),
    [
        ((("Yes", 0.6), ("yes", 0.2), (" no", 0.1), ("No", 0.1)), math.log(4)),
        ((("The", 0.7), ("Yes", 0.2), ("No", 0.1)), math.log(2)),  # whichever token was generated
        ((("Yes", 0.8), ("Sure", 0.05)), math.log(0.8 / 0.05)),  # no: as likely as the least token at most
        ((("No", 0.9), ("Nope", 0.08)), math.log(0.02 / 0.9)),  # yes: what the list leaves over at most
    ],
)
def test_log_odds_of_a_list(listed, odds):
    from hoodwink.judges.servers.reading import log_odds

    assert log_odds(dict(listed)) == pytest.approx(odds)


def test_a_list_without_either_word_cannot_be_read(served):
    def listed(handler, asked):
        body = completion(asked, ["Hm"])
        entries = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in (("Hm", 0.6), ("Well", 0.4))]
        body["choices"][0]["logprobs"] = {"content": [{**entries[0], "top_logprobs": entries}]}
        handler.reply(200, body)

    served.script = lambda asked, said: listed if said == "odd" else None
    odd, even = ask(opened(served), items_of("odd", "272"))
    assert (odd.parsed, odd.accepted, odd.text) == (False, False, "Hm")
    assert even.accepted


def test_an_answer_whose_list_is_missing_is_asked_again_and_then_its_text_is_read(served):
    served.script = lambda asked, said: say("No.") if said == "27" else None
    once, whole = ask(opened(served), items_of("27", "272"))
    assert (once.margin, once.score, once.parsed) == (-1.0, 0.0, True)
    assert whole.margin > 1
    assert [r["messages"][-1]["content"].endswith(" 27") for r in served.requests].count(True) == 2


def test_what_a_server_does_not_take_is_left_out(served):
    def picky(asked, said):
        if "max_tokens" in asked:
            return refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if asked.get("top_logprobs", 0) > 5:
            return refuse(400, "top_logprobs must be at most 5")
        if "seed" in asked:
            return refuse(422, "Extra inputs are not permitted: seed")
        return refuse(400, "Only the default temperature is supported") if "temperature" in asked else None

    served.script = picky
    assert [v.accepted for v in ask(opened(served), items_of("272", "27"))] == [True, False]
    assert len(served.requests) == 5 + 2
    last = served.requests[-1]
    assert set(last) == {"path", "model", "messages", "max_completion_tokens", "logprobs", "top_logprobs"}


def test_a_server_that_refuses_lists_altogether_is_sampled(served):
    served.script = lambda asked, said: refuse(400, "logprobs are not supported") if "logprobs" in asked else None
    judge = opened(served, "samples=1")
    assert [v.accepted for v in ask(judge, items_of("272"))] == [True]
    with pytest.raises(JudgeError, match="lists no log-probabilities; write by=samples"):
        ask(opened(served, "by=logprobs"), items_of("272"))


def test_options_that_change_verdicts_change_the_fingerprint_and_are_in_the_name(served, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "other-key-1234")
    plain = open_judge(served.spec)
    assert plain.name == served.spec
    same = opened(served, "in_flight=3&tries=2&rpm=60&tpm=1e6&price_in=1&price_out=2&max_cost=5&key_env=OTHER_KEY")
    assert (same.name, same.fingerprint) == (plain.name, plain.fingerprint)
    others = ["api=completions", "by=text", "samples=2", "seed=1", "max_tokens=2", "system=False", "prompt=grade"]
    opened_others = [opened(served, option) for option in others]
    assert [judge.name for judge in opened_others] == [f"{served.spec}?{option}" for option in others]
    assert len({judge.fingerprint for judge in [plain, *opened_others]}) == len(others) + 1
    for judge in opened_others:
        assert open_judge(judge.name).fingerprint == judge.fingerprint
    assert open_judge(f"openai:my-model-2@{served.url}").fingerprint != plain.fingerprint


def test_the_query_of_a_url_is_sent_along(served):
    judge = open_judge(f"{served.spec}?api-version=2024-06-01&x=1?by=text")
    assert ask(judge, items_of("272"))[0].accepted
    assert {r["path"] for r in served.requests} == {"/v1/chat/completions?api-version=2024-06-01&x=1"}


def test_requests_are_in_flight_together_and_answers_come_in_order(served):
    def slow(handler, asked):
        for _ in range(500):  # none is answered before two are under way
            if served.most > 1:
                break
            time.sleep(0.01)
        time.sleep(0.02 * (len(said_in(asked)) % 3))
        grade(handler, asked)

    served.script = lambda asked, said: slow if "x" in said else None
    texts = ["x" * n for n in range(24)]
    verdicts = ask(opened(served, "in_flight=6"), items_of(*texts))
    assert [v.score for v in verdicts] == pytest.approx([0.1 + 0.002 * n for n in range(24)])
    assert served.most > 1


# Faults that pass


@pytest.mark.parametrize(
    "fault",
    [
        refuse(429), refuse(429, retry_after="0"), refuse(429, retry_after_ms="5"), refuse(429, retry_after="soon"),
        refuse(429, retry_after="Mon, 1 Jan 99999999999999999999 00:00:00 GMT"),
        refuse(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), refuse(500), refuse(503), refuse(502), refuse(408),
        raw(b"{not json"), raw(b""), raw(b"[]"), raw(b'"yes"'), raw(b"null"), raw(b'{"choices": null}'),
        raw(b"\xff\xfe"), raw(b'{"choices": [null]}'), raw(b'{"choices": "yes"}'),
        raw(b'{"choices": [{"message": 3}]}'),
        say(), say("Yes", "No"), say(""), say(" \n"), say(None), drop, truncate,
    ],
)  # fmt: skip
def test_what_goes_wrong_once_is_made_good(fault, served):
    judge = opened(served, "in_flight=1")
    first = ask(judge, items_of("272"))
    served.faults = [fault]
    assert ask(judge, items_of("272")) == first
    assert len(served.requests) == 1 + 1 + 2
    assert judge.used()[judge.name].calls == 4


@pytest.mark.parametrize(
    "listed",
    [
        {"content": {"a": 1}}, {"content": ["x"]}, {"content": "abc"}, {"content": 5}, "abc", {"tokens": 5},
        {"content": [{"token": None, "logprob": -1, "top_logprobs": [{"token": None, "logprob": -1}]}]},
        {"content": [{"token": "yes", "logprob": -1, "top_logprobs": [5, {"token": "no", "logprob": -1}]}]},
        {"content": [{"token": "yes", "logprob": -(10**400), "top_logprobs": []}]},
    ],
)  # fmt: skip
def test_a_list_in_no_known_shape_is_asked_for_again(listed, served):
    judge = opened(served, "in_flight=1")
    first = ask(judge, items_of("272"))

    def broken(handler, asked):
        body = completion(asked, ["Yes"])
        body["choices"][0]["logprobs"] = listed
        handler.reply(200, body)

    served.faults = [broken]
    assert ask(judge, items_of("272")) == first


def test_what_is_no_answer_does_not_end_a_capped_run(served):
    judge = opened(served, "in_flight=1&price_in=1000&max_cost=1")
    first = ask(judge, items_of("272"))
    served.faults = [raw(b"[]"), raw(b"{}")]
    assert ask(judge, items_of("272")) == first
    assert judge.used()[judge.name].calls == 5


def test_a_server_that_hangs_once(served):
    judge = open_judge(f"{served.spec}?timeout=0.2&connect=0.2&backoff=0.001")
    served.faults = [grade, hang]
    assert ask(judge, items_of("272"))[0].accepted


def test_retry_after_holds_back_every_request(served):
    judge = opened(served, "in_flight=1")
    ask(judge, items_of("1"))
    waits = []
    judge.line.pace.pause = waits.append
    served.faults = [refuse(429, retry_after="2.5"), refuse(503, retry_after_ms="40")]
    ask(judge, items_of("272"))
    assert waits == [2.5, 0.04]


# Faults of one request


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (refuse(500), "it answered 500: no (tried 2 times)"),
        (refuse(400, "This model's maximum context length is 512 tokens"), "maximum context length is 512"),
        (refuse(400, "content refused"), "it answered 400: content refused"),
        (refuse(413, "too large"), "it answered 413"),
        (say(), "its answer holds 0 choices, not one (tried 2 times)"),
        (say("Yes", "Yes"), "its answer holds 2 choices, not one"),
        (say(""), "its answer is empty"),
        (raw(b"{"), "its answer cannot be read"),
        (drop, "the connection broke"),
        (hang, "it did not answer in time"),
    ],
)
def test_a_text_that_a_server_chokes_on_cannot_be_read_and_stops_nothing(fault, told, served):
    served.script = lambda asked, said: fault if said == "poison" else None
    judge = open_judge(f"{served.spec}?backoff=0.001&tries=2&timeout=0.3&connect=0.3")
    for _ in range(2):
        good, bad, last = ask(judge, items_of("272", "poison", "27"))
        assert (good.accepted, last.accepted, good.parsed, last.parsed) == (True, False, True, True)
        assert (bad.parsed, bad.accepted) == (False, False)
        assert bad.text.startswith("no answer: ")
        assert told in bad.text
    assert not ask(judge, items_of("poison"))[0].parsed


def test_refusals_and_tool_calls_are_said_but_no_verdict(served):
    def refused(handler, asked):
        body = completion(asked, ["Yes"])
        body["choices"][0]["message"]["refusal"] = "I can't."
        handler.reply(200, body)

    def tool(handler, asked):
        body = completion(asked, [None])
        call = {"id": "1", "type": "function", "function": {"name": "yes", "arguments": "{}"}}
        body["choices"][0]["message"]["tool_calls"] = [call]
        handler.reply(200, body)

    served.script = lambda asked, said: {"refuse": refused, "tool": tool}.get(said)
    judge = opened(served, "by=text")
    verdicts = ask(judge, items_of("refuse", "tool", "272"))
    assert [(v.parsed, v.text) for v in verdicts] == [(False, "I can't."), (False, ""), (True, "Yes")]
    assert len(served.requests) == 1 + 3


# Faults of the server


@pytest.mark.parametrize(
    ("fault", "said", "tries", "probed"),
    [
        (
            refuse(401, "no such key"),
            "it answered 401: no such key; put a key that it takes into OPENAI_API_KEY; ",
            1,
            False,
        ),
        (refuse(403), "it answered 403: no; put a key", 1, False),
        (
            refuse(404, "no model"),
            "it answered 404: no model; write a model that it serves instead of my-model, or",
            1,
            False,
        ),
        (refuse(402), "it answered 402: no; see to the account", 1, False),
        (
            refuse(429, "You exceeded your current quota: insufficient_quota"),
            "insufficient_quota; see to the acc",
            1,
            False,
        ),
        (refuse(429, retry_after="3600"), "and asks to wait 3600 s; wait so long", 1, False),
        (refuse(500, retry_after="86400"), "and asks to wait 86400 s; wait so long", 1, True),
        (refuse(429), "it answered 429: no (tried 3 times); wait, or lower in_flight=", 3, False),
        (refuse(503), "it answered 503: no (tried 3 times)", 3, False),
        (refuse(500), "it answered 500: no (tried 3 times)", 3, True),
        (refuse(400, "no"), "it answered 400: no; see what it wants", 1, True),
        (raw(b"{"), "its answer cannot be read", 3, True),
        (say(), "its answer holds 0 choices", 3, True),
        (truncate, "the connection broke (RemoteProtocolError", 3, True),
        (hang, "it did not answer in time (tried 3 times); see to the server, or raise timeout=", 3, True),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_a_server_that_fails_whatever_is_asked(fault, said, tries, probed, known, served):
    judge = open_judge(f"{served.spec}?backoff=0.001&tries=3&timeout=0.2&connect=0.2&in_flight=1")
    if known:
        ask(judge, items_of("272"))
        if said.startswith("it answered 400"):
            said, tries = "it answered 400: no", 1
    before = len(served.requests)
    served.script = lambda asked, said: fault
    with pytest.raises(JudgeError) as error:
        ask(judge, items_of("27", "28"))
    assert said in str(error.value)
    assert str(error.value).startswith(f"judge {judge.name} gave up on its server: ")
    assert str(error.value).endswith("; the same command goes on from here")
    # Of what may be the request's own fault a server that has answered before is asked the probe.
    assert len(served.requests) - before == tries + (known and probed)
    served.script = lambda asked, said: None
    assert [v.accepted for v in ask(judge, items_of("272", "27"))] == [True, False]


def test_a_server_that_is_not_there(served):
    spec = f"{served.spec}?backoff=0.001&tries=2"
    served.shutdown()
    served.server_close()
    with pytest.raises(JudgeError, match=r"it cannot be reached \(.*\) \(tried 2 times\); start it, or mend the URL"):
        ask(open_judge(spec), items_of("272"))


# What is kept when a call fails


def asks(*texts):
    return [Ask(PROBLEM, Candidate(text, "test", "")) for text in texts]


def test_verdicts_that_were_paid_for_are_kept_and_only_the_rest_is_asked(served):
    """A key is lost within a batch: the gate commits what there is, and a replay asks for nothing twice."""
    texts = [str(n) for n in range(30)] + ["272"]
    with Store.in_memory() as store:
        served.script = lambda asked, said: refuse(401) if len(served.answered) > 12 else None
        gate = Gate(opened(served, "in_flight=4"), ExactOracle(), store)
        with pytest.raises(JudgeError, match="401"):
            gate.consider(asks(*texts))
        (kept,) = store.db.execute("SELECT COUNT(*) FROM verdicts").fetchone()
        paid = served.answered[1:]  # the first is the probe
        assert kept == len(paid) == 12
        used = store.get("used")
        served.script = lambda asked, said: None
        served.answered.clear()
        again = Gate(opened(served, "in_flight=2"), ExactOracle(), store)
        answers = again.consider(asks(*texts))
        assert sorted(served.answered[1:] + paid) == sorted(texts)
        assert (again.asked, again.replayed) == (19, 12)
        assert [a.trial.verdict for a in answers] == ask(opened(served), items_of(*texts))
        [calls, prompt, *_] = next(iter(used.values()))
        assert prompt == 13 * 50
        assert next(iter(store.get("used").values()))[0] == calls + 20
        replay = Gate(opened(served), ExactOracle(), store)
        assert [a.trial for a in replay.consider(asks(*texts))] == [a.trial for a in answers]
        assert replay.asked == 0


def test_a_part_of_another_batch_is_still_known_for_what_it_is(served):
    texts = [str(n) for n in range(10)]
    with Store.in_memory() as store:
        served.script = lambda asked, said: refuse(401) if len(served.answered) > 5 else None
        with pytest.raises(JudgeError):
            Gate(opened(served, "in_flight=1"), ExactOracle(), store).consider(asks(*texts))
        served.script = lambda asked, said: None
        with pytest.raises(UsageError, match="cannot be replayed"):
            Gate(opened(served), ExactOracle(), store).consider(asks(*texts, "another"))


def test_what_was_done_is_of_the_items_asked_about_and_no_others(served):
    judge = opened(served)
    first, second = items_of("272", "27"), items_of("27", "272")
    verdicts = ask(judge, first)
    assert judge.done(first) == dict(enumerate(verdicts))
    assert judge.done(second) == judge.done(first[:1]) == {}


def test_verdicts_of_a_run_are_all_read_in_the_same_way(served):
    with Store.in_memory() as store:
        Gate(opened(served), ExactOracle(), store).consider(asks("272"))
        assert store.get("noted") == {
            "the server says it is": ["my-model-2"],
            "system fingerprint": ["fp_1"],
            "verdicts are read by": ["log-probabilities of the first token"],
        }
        served.lists = False
        with pytest.raises(JudgeError, match="serve the model as before, or use another --out"):
            Gate(opened(served), ExactOracle(), store).consider(asks("27"))


# Caps


def test_caps_stop_before_more_is_spent_and_hold_over_processes(served):
    with Store.in_memory() as store:
        gate = Gate(opened(served, "max_calls=6&in_flight=3"), ExactOracle(), store)
        with pytest.raises(JudgeError, match="max_calls=6 is reached; raise it and the same command goes on from here"):
            gate.consider(asks(*map(str, range(10))))
        assert len(served.requests) == 6
        with pytest.raises(JudgeError, match="max_calls=6 is reached"):
            Gate(opened(served, "max_calls=6"), ExactOracle(), store).consider(asks(*map(str, range(10))))
        assert len(served.requests) == 6
        Gate(opened(served, "max_calls=12"), ExactOracle(), store).consider(asks(*map(str, range(10))))
        assert len(served.requests) == 12  # ten answers, and a probe in each of two processes


def test_a_cap_on_cost_holds_with_many_requests_under_way(served):
    prices = "price_in=1000&price_out=50000"  # 0.05 + 0.05 a call
    judge = opened(served, f"{prices}&max_cost=1.05&in_flight=8")
    with pytest.raises(
        JudgeError, match=r"max_cost=1.05 is reached: .* is spent.*; raise it and the same command goes on"
    ):
        ask(judge, items_of(*map(str, range(20))))
    used = judge.used()[judge.name]
    assert used.cost == pytest.approx(1.0)
    assert (used.calls, used.prompt_tokens, used.completion_tokens) == (10, 500, 10)
    assert opened(served, prices).used() == {judge.name: Usage(0, 0, 0, 0.0)}


def test_a_cap_on_cost_needs_prices_and_a_server_that_counts(served):
    with pytest.raises(UsageError, match="max_cost=1 needs price_in= and price_out="):
        opened(served, "max_cost=1")
    served.script = lambda asked, said: say("Yes", usage=None)
    with pytest.raises(JudgeError, match="counts no tokens, so max_cost=1 cannot be held; use max_calls= instead"):
        ask(opened(served, "max_cost=1&price_in=1&by=text"), items_of("272"))


# Usage that is wrong


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("in_flight=0", "in_flight 0 is out of range"),
        ("samples=0", "samples 0 is out of range"),
        ("tries=0", "tries 0 is out of range"),
        ("timeout=0", "timeout 0.0 is out of range"),
        ("backoff=nan", "backoff nan is out of range"),
        ("rpm=0", "rpm 0.0 is out of range"),
        ("max_calls=-1", "max_calls -1 is out of range"),
        ("price_in=inf", "price_in inf is out of range"),
        ("seed=-1", "seed -1 is out of range"),
        ("api=responses", "openai:api=responses is not valid; write a value of type chat|completions"),
        ("prompt=nowhere", "prompt 'nowhere' is neither a known prompt"),
        ("key_env=HW_NO_SUCH_KEY", "the environment variable HW_NO_SUCH_KEY holds no key; set it"),
        ("temperature=1", "no option of openai is named 'temperature'"),
        ("threshold=1", "threshold 1.0 is not between 0 and 1"),
    ],
)
def test_options_that_are_wrong(options, said, served):
    with pytest.raises(UsageError) as error:
        open_judge(f"{served.spec}?{options}")
    assert said in str(error.value)


def test_verdicts_do_not_depend_on_what_is_asked_beside(served, items):
    judge = opened(served, "in_flight=5")
    together = ask(judge, items)
    assert [ask(judge, [item])[0] for item in items[:4]] == together[:4]
    assert all(dataclasses.astuple(v) for v in together)


def test_caps_hold_inside_another_judge_too(served):
    """Judges around this one hand on what earlier processes used, and what this one used."""
    with Store.in_memory() as store:
        spec = f"ensemble:({served.spec}?max_calls=8),(planted:echo)?aggregate=mean"
        Gate(open_judge(spec), ExactOracle(), store).consider(asks("1", "2", "3"))
        assert store.get("used")[served.spec][0] == 4
        Gate(open_judge(spec), ExactOracle(), store).consider(asks("4"))
        with pytest.raises(JudgeError, match="max_calls=8 is reached"):
            Gate(open_judge(spec), ExactOracle(), store).consider(asks("5", "6"))
        assert len(served.requests) == 8


def test_judges_around_it_note_what_it_notes_and_hold_a_run_to_it(served):
    with Store.in_memory() as store:
        spec = f"length:({served.spec}?{QUICK})"
        Gate(open_judge(spec), ExactOracle(), store).consider(asks("1"))
        assert store.get("noted")["verdicts are read by"] == ["log-probabilities of the first token"]
        served.lists = False
        with pytest.raises(JudgeError, match="verdicts of this run were read by log-probabilities"):
            Gate(open_judge(spec), ExactOracle(), store).consider(asks("2"))


def test_of_several_each_has_notes_of_its_own(served):
    with Store.in_memory() as store:
        texts, samples = (f"{served.spec}?{QUICK}&by={way}" for way in ("text", "samples"))
        for said in ("1", "2"):  # two processes
            gate = Gate(open_judge(f"ensemble:({texts}),({samples})"), ExactOracle(), store)
            gate.consider(asks("1"))
            gate.consider(asks(said))
        read = {head: said for head, said in store.get("noted").items() if "read by" in head}
    assert read == {
        f"{served.spec}?by=text: verdicts are read by": ["the text of one reply"],
        f"{served.spec}?by=samples: verdicts are read by": ["5 samples at temperature 1"],
    }
