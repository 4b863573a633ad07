"""Functions that ask an OpenAI-compatible server through the real client; the server is one of this test's own."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hoodwink.corpora.errors import JudgeError
from hoodwink.corpora.records import Item
from hoodwink.judges.function import IN_FLIGHT
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import open_judge

openai = pytest.importorskip("openai")


class Server(ThreadingHTTPServer):
    """Answers chat completions, completions and responses: what to say is the last line of the prompt.

    The model `my-model` grades, by looking for the reference in the answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Condition()
        self.running = self.most = self.wanted = 0
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.running += 1
            self.server.most = max(self.server.most, self.server.running)
            self.server.lock.notify_all()
            self.server.lock.wait_for(lambda: self.server.most >= self.server.wanted, timeout=60)
        kind = self.path.removeprefix("/v1/")
        status, answer = ANSWERS[kind](asked)
        with self.server.lock:
            self.server.running -= 1
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def chat(asked):
    said = asked["messages"][-1]["content"].splitlines()[-1]
    if asked["model"] == "my-model":
        _, reference, answer = asked["messages"][-1]["content"].split("\n", 3)[1:]
        said = "Yes" if reference.removeprefix("Reference: ") in answer else "No"
    if said == "overloaded":
        return 500, {"error": {"message": "overloaded", "type": "server_error"}}
    message = {"role": "assistant", "content": said, "refusal": None}
    if said == "refuse":
        message = {"role": "assistant", "content": None, "refusal": "I can't help with that."}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    if asked.get("logprobs"):
        listed = [("Yes", 0.7), ("No", 0.2), ("yes", 0.05)] if said != "No" else [("No", 0.9), ("Yes", 0.1)]
        entries = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in listed]
        choice["logprobs"] = {"content": [{**entries[0], "top_logprobs": entries}], "refusal": None}
        message["content"] = listed[0][0]
    choices = [{**choice, "index": i} for i in range(asked.get("n", 1))]
    return 200, {"id": "1", "object": "chat.completion", "created": 0, "model": asked["model"], "choices": choices}


def completion(asked):
    said = asked["prompt"].splitlines()[-1]
    logprobs = {"tokens": [" Yes"], "token_logprobs": [math.log(0.6)], "top_logprobs": [{" No": math.log(0.4)}]}
    choice = {"index": 0, "text": f" {said}", "finish_reason": "stop", "logprobs": logprobs if said == "Yes" else None}
    return 200, {"id": "1", "object": "text_completion", "created": 0, "model": asked["model"], "choices": [choice]}


def response(asked):
    said = {"type": "output_text", "text": asked["input"].splitlines()[-1], "annotations": []}
    written = {"type": "message", "id": "1", "role": "assistant", "status": "completed", "content": [said]}
    return 200, {
        "id": "1", "object": "response", "created_at": 0, "model": asked["model"], "output": [written],
        "parallel_tool_calls": False, "tool_choice": "none", "tools": [],
    }  # fmt: skip


ANSWERS = {"chat/completions": chat, "completions": completion, "responses": response}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def client(server):
    with openai.OpenAI(api_key="none", base_url=server.url, max_retries=0) as made:
        yield made


def items_of(items, *texts):
    return [Item(items[0].problem, text) for text in texts]


def test_a_chat_completion_is_read_as_it_comes(client, items):
    def grade(question, reference, response):
        request = f"{question}\n{reference}\nIs this the same?\n{response}"
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": request}])

    said = ["yes", "Incorrect.", "0.25", '{"reasoning": "close", "verdict": "no"}', "Rating: 1", "refuse"]
    verdicts = ask(open_judge(grade), items_of(items, *said))
    assert [(v.parsed, v.accepted, v.score) for v in verdicts] == [
        (True, True, 1.0),
        (True, False, 0.0),
        (True, False, 0.25),
        (True, False, 0.0),
        (False, False, 0.0),
        (False, False, 0.0),
    ]
    assert [v.text for v in verdicts] == [*said[:5], "I can't help with that."]


def test_with_logprobs_the_score_is_the_probability_of_yes(client, items):
    def grade(response, top=3):
        messages = [{"role": "user", "content": response}]
        return client.chat.completions.create(model="m", messages=messages, logprobs=True, top_logprobs=top)

    [verdict] = ask(open_judge(grade), items_of(items, "x"))
    assert verdict.score == pytest.approx(0.75)
    assert verdict.margin == pytest.approx(math.log(3))
    assert verdict.text == "Yes"


def test_completions_responses_and_plain_text(client, items):
    def complete(response):
        return client.completions.create(model="m", prompt=response, logprobs=1)

    def respond(response):
        return client.responses.create(model="m", input=response)

    def text(response):
        messages = [{"role": "user", "content": response}]
        return client.chat.completions.create(model="m", messages=messages).choices[0].message.content

    assert [v.score for v in ask(open_judge(complete), items_of(items, "no", "Yes"))] == [0.0, pytest.approx(0.6)]
    assert [v.score for v in ask(open_judge(respond), items_of(items, "true", "0.5"))] == [1.0, 0.5]
    assert [v.parsed for v in ask(open_judge(text), items_of(items, "no", "none", "refuse"))] == [True, False, False]


def test_an_async_client_keeps_many_requests_in_flight(server, items):
    """The client outlives the batches: its connections belong to one loop."""
    client = openai.AsyncOpenAI(api_key="none", base_url=server.url, max_retries=0)

    async def grade(response):
        messages = [{"role": "user", "content": response}]
        return await client.chat.completions.create(model="m", messages=messages)

    said = [str(number / 100) for number in range(40)]
    for judge, most in ((open_judge(grade, in_flight=8), 8), (open_judge(grade), IN_FLIGHT)):
        server.most, server.wanted = 0, most
        assert [v.score for v in ask(judge, items_of(items, *said))] == [float(text) for text in said]
        assert server.most == most


def test_an_error_of_the_server_is_no_verdict(client, items):
    def grade(response):
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": response}])

    with pytest.raises(JudgeError, match="judge function:grade raised InternalServerError: Error code: 500"):
        ask(open_judge(grade), items_of(items, "yes", "overloaded"))


def test_several_choices_are_refused(client, items):
    def grade(response):
        return client.chat.completions.create(model="m", n=2, messages=[{"role": "user", "content": response}])

    with pytest.raises(JudgeError, match="holds 2 choices; ask for one"):
        ask(open_judge(grade), items_of(items, "yes"))


def test_a_stream_is_refused(client, items):
    def grade(response):
        return client.chat.completions.create(model="m", stream=True, messages=[{"role": "user", "content": response}])

    with pytest.raises(JudgeError, match=r"judge function:grade returned <openai\.Stream"):
        ask(open_judge(grade), items_of(items, "yes"))


def test_another_server_or_model_is_another_judge(server):
    def judge(url, model):
        client = openai.OpenAI(api_key="none", base_url=url)

        def grade(response):
            return client.chat.completions.create(model=model, messages=[])

        return open_judge(grade).fingerprint

    prints = [judge(server.url, "m"), judge(server.url, "n"), judge("http://127.0.0.1:9/v1", "m")]
    assert len(set(prints)) == 3
    assert judge(server.url, "m") == prints[0]


@pytest.mark.parametrize("name", ["served.py", "async_served.py"])
def test_the_examples_of_the_docs(name, example, server, monkeypatch):
    """The client of the examples is told by the environment which server to ask, as any is."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    server.wanted = 2
    _, printed = example(name)
    judge, accuracy = printed.split()
    assert judge == "function:grade"
    assert float(accuracy) > 0.9
    assert server.most >= 2
