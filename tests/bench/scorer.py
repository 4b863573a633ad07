"""Verdicts per second: the scorer against a plain transformers loop, on the same prompts, in one run.

The plain loop is what most people write: batches of 32 in the order given, padded on the left, full logits at the last
position. Prints median and range of the ratio over alternating repeats; asserts nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time

import hoodwink
import numpy as np
import torch


def plain_loop(judge, prompts: list[str]) -> list[float]:
    """Log-odds by the plain loop."""
    tokenizer, model = judge.tokenizer, judge.model
    tokenizer.padding_side = "left"
    odds: list[float] = []
    for start in range(0, len(prompts), 32):
        batch = tokenizer(prompts[start : start + 32], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            logits = model(**batch.to(model.device)).logits[:, -1].float()
        yes, no = tokenizer.convert_tokens_to_ids(["Yes", "No"])
        odds += (logits[:, yes] - logits[:, no]).tolist()
    return odds


def workload(judge, count: int) -> list[hoodwink.Item]:
    """Short token strings and known responses to 16 problems, shuffled."""
    rng = np.random.default_rng(0)
    problems = hoodwink.corpus("arithmetic").sample(16, seed=2)
    pieces = judge.pieces()
    items = []
    for i in range(count):
        problem = problems[i % len(problems)]
        known = [r.text for r in (*problem.right, *problem.wrong)]
        strings = "".join(pieces[int(j)] for j in rng.integers(len(pieces), size=8))
        items.append(hoodwink.Item(problem, strings if i % 2 else known[int(rng.integers(len(known)))]))
    return items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default="smollm2")
    parser.add_argument("--items", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    judge = hoodwink.judge(options.judge)
    items = workload(judge, options.items)
    prompts = [judge.prompt(i) for i in items]
    ratios, speeds = [], []
    judge.score(items[:32])
    for repeat in range(options.repeats):
        times = {}
        sides = [("scorer", lambda: judge.score(items)), ("plain", lambda: plain_loop(judge, prompts))]
        for name, side in sides if repeat % 2 else sides[::-1]:
            started = time.perf_counter()
            side()
            times[name] = time.perf_counter() - started
        ratios.append(times["plain"] / times["scorer"])
        speeds.append(len(items) / times["scorer"])
    print(f"{options.judge} on {judge.model.device}, {judge.model.dtype}, {torch.get_num_threads()} threads")
    print(f"scorer: median {statistics.median(speeds):.1f} verdicts/s ({min(speeds):.1f} to {max(speeds):.1f})")
    print(f"plain loop / scorer, time: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
