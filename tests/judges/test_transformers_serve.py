"""The referee behind `transformers serve`, a real server, and the same referee here."""

from __future__ import annotations

import socket

import pytest
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.records import Item
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import open_judge

pytest.importorskip("openai")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.slow
def test_the_referee_decides_behind_a_real_server_as_it_does_here(tmp_path, port):
    from transformers.cli.serve import Serve

    here = open_judge("referee", device="cpu", dtype="bf16")
    here.model.save_pretrained(tmp_path / "referee")
    here.tokenizer.save_pretrained(tmp_path / "referee")
    items = [
        Item(problem, text)
        for problem in Arithmetic().sample(5, split="eval", seed=5)
        for text in (problem.right[0].text, problem.wrong[0].text)
    ]
    expected = ask(here, items)
    server = Serve(
        str(tmp_path / "referee"), device="cpu", dtype="bfloat16", host="127.0.0.1", port=port, non_blocking=True
    )
    try:
        judge = open_judge(f"openai:{tmp_path / 'referee'}@http://127.0.0.1:{port}/v1?by=text&max_tokens=1&in_flight=1")
        verdicts = ask(judge, items)
    finally:
        server.kill_server()
    # Here only yes and no are compared; there another token may come first, and that is a reply that cannot be read.
    read = [(v.accepted, e.accepted) for v, e in zip(verdicts, expected, strict=True) if v.parsed]
    assert all(there == here for there, here in read)
    assert len(read) >= 0.8 * len(items)
    assert {there for there, _ in read} == {True, False}
    assert judge.used()[judge.name].calls == len(items) + 1
    assert judge.used()[judge.name].prompt_tokens > 50 * len(items)
