"""The engine against the plain loop and the bare forward pass, side by side in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plain
import torch
from hoodwink.judges.engine import Limit
from hoodwink.judges.prompted import PromptedJudge
from hoodwink.judges.vocabulary import spellings
from workloads import WORKLOADS, Calls

#: Responses of each workload on a CPU; a GPU gets sixteen times as many.
COUNTS = {"short": 128, "suffix": 64, "edits": 64, "mixed": 192}


def measure(judge: PromptedJudge, name: str, repeats: int) -> dict[str, Any]:
    """Verdicts per second, ratios and token efficiency of one workload; each repeat starts with a cold cache."""
    factor = 1 if judge.engine.device.type == "cpu" else 16
    calls = WORKLOADS[name](judge, COUNTS[name] * factor)
    known = calls[:1] if name == "edits" else []
    calls = calls[len(known) :]
    items = [item for call in calls for item in call]
    prompts = [judge.prompt(item) for item in items]
    encoded = judge.encode(items)
    before = judge.encode([item for call in known for item in call])
    needed = distinct_prefixes([*before, *encoded]) - distinct_prefixes(before)
    length = max(1, round(needed / len(items)))
    rows = max(1, needed // length)
    times: dict[str, list[float]] = {"engine": [], "plain": [], "raw": []}
    efficiency = 0.0
    for repeat in range(repeats):
        sides: list[tuple[str, Callable[[], object]]] = [
            ("engine", lambda: ask(judge, calls)),
            ("plain", lambda: plain.loop(judge.model, judge.tokenizer, prompts)),
            ("raw", lambda: plain.forward(judge.model, rows, length)),
        ]
        for side, run in sides if repeat % 2 else sides[::-1]:
            judge.engine.forget()
            ask(judge, known)
            computed = judge.engine.computed
            times[side].append(timed(run))
            if side == "engine":
                efficiency = needed / (judge.engine.computed - computed)
    share = needed / (rows * length)  # the bare pass computes whole rows
    return {
        "responses": len(items),
        "tokens_of_a_prompt": statistics.mean(map(len, encoded)),
        "new_tokens_of_a_response": needed / len(items),
        "verdicts_per_second": spread([len(items) / t for t in times["engine"]]),
        "plain_verdicts_per_second": spread([len(items) / t for t in times["plain"]]),
        "times_the_plain_loop": spread([p / e for p, e in zip(times["plain"], times["engine"], strict=True)]),
        "fraction_of_raw": spread([share * r / e for r, e in zip(times["raw"], times["engine"], strict=True)]),
        "token_efficiency": efficiency,
        "tokens_of_a_pass": judge.engine.limit.tokens,
    }


def ask(judge: PromptedJudge, calls: Calls) -> None:
    for call in calls:
        judge.score(call)


def distinct_prefixes(encoded: Sequence[Sequence[int]]) -> int:
    """Tokens that no engine can do without: one for each distinct beginning of any prompt."""
    total = 0
    before: tuple[int, ...] = ()
    for ids in sorted({tuple(ids) for ids in encoded}):
        most = min(len(before), len(ids))
        total += len(ids) - next((i for i in range(most) if before[i] != ids[i]), most)
        before = ids
    return total


def agreement(judge: PromptedJudge, count: int = 2000) -> dict[str, Any]:
    """The largest difference of margins from the plain loop's, over random prompts in random calls and cache states."""
    rng = np.random.default_rng(5)
    size = judge.model.config.vocab_size
    stems = [rng.integers(20, size, size=20).tolist() for _ in range(40)]
    prompts = []
    for _ in range(count):
        stem = stems[rng.integers(len(stems))]
        prompts.append(stem[: rng.integers(21)] + rng.integers(20, size, size=rng.integers(1, 8)).tolist())
    yes, no = (spellings(judge.tokenizer, word) for word in ("yes", "no"))
    expected = plain.odds_of(judge.model, prompts, yes, no)
    limit, odds = judge.engine.limit, list[float]()
    while len(odds) < count:
        judge.engine.limit = Limit(int(rng.integers(40, limit.most)))
        if rng.random() < 0.3:
            judge.engine.forget()
        call = prompts[len(odds) : len(odds) + int(rng.integers(1, 200))]
        odds += judge.engine.score(call, afresh=bool(rng.random() < 0.2)).tolist()
    judge.engine.limit = limit
    differences = np.abs(np.array(odds) - np.array(expected))
    return {
        "prompts": count,
        "largest_difference": float(differences.max()),
        "median_difference": float(np.median(differences)),
        "other_decisions": int(((np.array(odds) >= 0) != (np.array(expected) >= 0)).sum()),
    }


def timed(run: Callable[[], object]) -> float:
    """Seconds, with the device's work done."""
    synchronise()
    started = time.perf_counter()
    run()
    synchronise()
    return time.perf_counter() - started


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}
