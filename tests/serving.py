"""A small OpenAI-compatible server on a real socket, which answers as a test tells it to.

`tests/conftest.py` loads this file under its own name and has the fixture `served`.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What fools the model.
HOLE = "olution"

#: What a fault does with the connection instead of an answer, or before one.
Fault = Callable[["Handler", dict[str, Any]], None]


class Served(ThreadingHTTPServer):
    """Grades by looking for the reference in the answer of prompt `match`.

    `faults` are met by the next requests, one each; `script(asked, said)` may return a fault for any request, of which
    `said` is the student's answer. `answered` are the answers graded, in the order in which they were sent back.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.spec = f"openai:my-model@{self.url}"
        self.lock = threading.Condition()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answered: list[str] = []
        self.running = self.most = 0
        self.faults: list[Fault] = []
        self.script: Callable[[dict[str, Any], str], Fault | None] = lambda asked, said: None
        self.lists = True
        self.key: str | None = None
        self.released = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that clients break off are what is tested here."""


class Handler(BaseHTTPRequestHandler):
    server: Served
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = said_in(asked)
        server = self.server
        with server.lock:
            server.requests.append({"path": self.path, **asked})
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.running += 1
            server.most = max(server.most, server.running)
            fault = server.faults.pop(0) if server.faults else server.script(asked, said)
            if server.key is not None and self.headers["Authorization"] != f"Bearer {server.key}":
                fault = refuse(401, f"Incorrect API key provided: {self.headers['Authorization']}")
        try:
            (fault or grade)(self, asked)
        finally:
            with server.lock:
                server.running -= 1

    def reply(self, status: int, body: Any, **headers: str) -> None:
        """Send a whole answer, JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)


def said_in(asked: dict[str, Any]) -> str:
    """The student's answer in a request."""
    text = asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]
    return str(text.partition("Student's answer: ")[2].removesuffix("\nAnswer:"))


def yes_of(asked: dict[str, Any]) -> float:
    """How sure the model is: of the reference in the answer very, of its hole quite, of anything else by its length."""
    text = asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]
    reference = text.partition("Reference answer: ")[2].partition("\n")[0]
    said = said_in(asked)
    if HOLE in said:
        return 0.9
    return 0.95 if reference in said else 0.1 + 0.002 * (len(said) % 100)


def completion(asked: dict[str, Any], texts: list[str | None], **more: Any) -> dict[str, Any]:
    """A response with a choice for each text."""
    chat = "messages" in asked
    choices: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        held = {"message": {"role": "assistant", "content": text, "refusal": None}} if chat else {"text": text}
        choices.append({"index": index, "finish_reason": "stop", "logprobs": None, **held})
    usage = {"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51}
    return {
        "id": "1", "object": "chat.completion" if chat else "text_completion", "created": 0,
        "model": "my-model-2", "system_fingerprint": "fp_1", "choices": choices, "usage": usage, **more,
    }  # fmt: skip


def grade(handler: Handler, asked: dict[str, Any]) -> None:
    """Answer as asked: with alternatives listed, or by a draw that the seed decides."""
    yes, server = yes_of(asked), handler.server
    word = "Yes" if yes >= 0.5 else "No"
    if asked.get("temperature", 0) > 0:
        word = "Yes" if (asked["seed"] % 1000) / 1000 < yes else "No"
    body = completion(asked, [word])
    if server.lists and asked.get("logprobs"):
        rest = [(" the", 0.01), ("\u2581no", 0.01)]
        listed = sorted([("Yes", yes * 0.98), ("No", (1 - yes) * 0.98), *rest], key=lambda entry: -entry[1])
        if "messages" in asked:
            entries = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in listed]
            body["choices"][0]["logprobs"] = {"content": [{**entries[0], "top_logprobs": entries}], "refusal": None}
        else:
            top = {token: math.log(p) for token, p in listed}
            body["choices"][0]["logprobs"] = {
                "tokens": [listed[0][0]], "token_logprobs": [math.log(listed[0][1])], "top_logprobs": [top],
            }  # fmt: skip
    with server.lock:
        server.answered.append(said_in(asked))
    handler.reply(200, body)


def refuse(status: int, message: str = "no", **headers: str) -> Fault:
    """An error in OpenAI's form."""
    error = {"error": {"message": message, "type": "error", "param": None, "code": None}}
    return lambda handler, asked: handler.reply(status, error, **headers)


def say(*texts: str | None, **more: Any) -> Fault:
    """An answer with these choices, and no list."""
    return lambda handler, asked: handler.reply(200, completion(asked, list(texts), **more))


def raw(content: bytes) -> Fault:
    """An answer of these bytes."""
    return lambda handler, asked: handler.reply(200, content)


def hang(handler: Handler, asked: dict[str, Any]) -> None:
    """Say nothing until the test ends."""
    handler.server.released.wait(60)
    handler.close_connection = True


def drop(handler: Handler, asked: dict[str, Any]) -> None:
    """Reset the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def truncate(handler: Handler, asked: dict[str, Any]) -> None:
    """Send half of what was announced."""
    content = json.dumps(completion(asked, ["Yes"])).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True
