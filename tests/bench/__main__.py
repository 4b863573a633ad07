"""`make bench`: how fast hoodwink is, against what, on this machine. Prints medians and ranges and writes JSON.

Both sides of every ratio are measured in one run, in turn. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import engine
import hoodwink
import overhead
import plain
import torch
import training
import transformers
from rich.console import Console
from rich.table import Table
from workloads import WORKLOADS

PARTS = ("engine", "agreement", "training", "startup", "memory", "overhead")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default="referee", help="a judge that reads prompts with a model")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--trials", type=int, default=100_000, help="of the engine's overhead")
    parser.add_argument("--json", type=Path, default=Path("runs/bench.json"))
    parser.add_argument(
        "--child", choices=("startup", "plain-startup", "memory", "plain-memory"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options)))
        return
    console = Console(width=120)
    results = measured(options, console)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    show(console, results)
    console.print(f"written to {options.json}")


def measured(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All parts asked for."""
    parts = options.parts.split(",")
    results: dict[str, Any] = {"schema": "hoodwink.bench/1", "machine": machine()}
    if "engine" in parts:
        judge = load(options)
        results["machine"] |= {"device": str(judge.engine.device), "dtype": str(judge.model.dtype)}
        results["engine"] = {}
        for name in WORKLOADS:
            results["engine"][name] = engine.measure(judge, name, options.repeats)
            console.print(f"measured {name}", style="dim")
    if "agreement" in parts:
        exact = hoodwink.judge(options.judge, device=options.device, dtype="fp32")
        results["agreement"] = engine.agreement(exact)
    if "training" in parts:
        results["training"] = training.measure(load(options), max(3, options.repeats))
    for name in ("startup", "memory"):
        if name in parts:
            sides = (name, f"plain-{name}")
            runs = [{side: run_child(options, side) for side in sides} for _ in range(options.repeats)]
            results[name] = {side: [run[side] for run in runs] for side in sides}
    if "overhead" in parts:
        results["overhead"] = [overhead.apart(options.trials) for _ in range(options.repeats)]
    return results


def load(options: argparse.Namespace) -> Any:
    return hoodwink.judge(options.judge, device=options.device, dtype=options.dtype)


def machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def child(options: argparse.Namespace) -> dict[str, float]:
    """One side in a process of its own: the most memory that it took, in MB."""
    if options.child == "plain-startup":
        model, tokenizer = plain.load(options.device, options.dtype)
        plain.loop(model, tokenizer, ["Is it right?"])
    else:
        judge = load(options)
        if options.child == "startup":
            [problem] = hoodwink.corpus("arithmetic").sample(1)
            judge.score([hoodwink.Item(problem, "Is it right?")])
        else:
            calls = WORKLOADS["edits"](judge, 28)
            if options.child == "memory":
                engine.ask(judge, calls)
            else:
                plain.loop(judge.model, judge.tokenizer, [judge.prompt(item) for call in calls for item in call])
    peak = torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else 0.0
    return {"mb": overhead.peak_mb(), "gpu_mb": peak}


def run_child(options: argparse.Namespace, side: str) -> dict[str, float]:
    """Run a side and add the seconds that it took, from the start of Python to its end."""
    command = [sys.executable, str(Path(__file__).parent), "--child", side, "--judge", options.judge]
    command += ["--device", options.device, "--dtype", options.dtype]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"seconds": time.perf_counter() - started, **json.loads(done.stdout.splitlines()[-1])}


def show(console: Console, results: dict[str, Any]) -> None:
    """The figures, as tables."""
    console.print(", ".join(f"{key} {value}" for key, value in results["machine"].items()))
    if "engine" in results:
        table = Table("workload", "prompt", "new", "verdicts/s", "plain loop", "times plain", "of raw", "token eff.")
        for name, row in results["engine"].items():
            table.add_row(
                name,
                f"{row['tokens_of_a_prompt']:.0f}",
                f"{row['new_tokens_of_a_response']:.0f}",
                written(row["verdicts_per_second"], 1),
                written(row["plain_verdicts_per_second"], 1),
                written(row["times_the_plain_loop"]),
                written(row["fraction_of_raw"]),
                f"{row['token_efficiency']:.3f}",
            )
        console.print(table)
    if "agreement" in results:
        console.print(f"margins against the plain loop's in fp32: {results['agreement']}")
    if "training" in results:
        row = results["training"]
        console.print(
            f"retraining on {row['examples']} examples, {row['epochs']} epochs: {written(row['seconds'], 1)} s, "
            f"{written(row['times_the_plain_loop'])} times the plain loop"
        )
    for name, key, unit in (("startup", "seconds", "s to the first verdict"), ("memory", "mb", "MB at most")):
        for side, runs in results.get(name, {}).items():
            console.print(f"{side}: {written(engine.spread([run[key] for run in runs]), 1)} {unit}")
    for key in results.get("overhead", [{}])[0]:
        values = [run[key] for run in results["overhead"]]
        console.print(f"overhead: {key} {written(engine.spread(values), 1)}")


def written(spread: dict[str, float], places: int = 2) -> str:
    return f"{spread['median']:.{places}f} ({spread['least']:.{places}f}–{spread['most']:.{places}f})"


if __name__ == "__main__":
    main()
