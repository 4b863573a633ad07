"""Trials per second of the engine itself: campaign, gate, oracle and store around a judge that costs next to nothing.

Prints trials a second of processor time and of wall time, and the peak of memory, each count in a process of its own;
asserts nothing. `--attack random` measures the shipped search instead of a bare generator of random strings.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.oracles import open_oracle
from hoodwink.corpora.records import Candidate
from hoodwink.fuzz.attacks import Attack, open_attack
from hoodwink.fuzz.campaign import Budget, Campaign
from hoodwink.fuzz.gate import Gate
from hoodwink.fuzz.objective import Objective
from hoodwink.fuzz.store import Store
from hoodwink.judges.opening import open_judge

BUDGET = 640
#: The same problems for every count, so that memory is compared between runs that hold the same corpus.
PROBLEMS = 156


def accents(question: str, response: str) -> float:
    """A judge that costs next to nothing and accepts none of the built-in pieces."""
    return 0.1 + 0.3 / (1 + response.count("e"))


def strings(target: Any, rng: np.random.Generator) -> Any:
    """Random strings of 8 pieces, 8 a batch: about the cheapest attack there can be."""
    pieces = target.pieces
    while True:
        drawn = rng.integers(len(pieces), size=(8, 8)).tolist()
        yield [Candidate("".join([pieces[i] for i in row]), "strings", "fresh") for row in drawn]


def measure(trials: int, attack: str = "strings") -> dict[str, Any]:
    """Run a campaign of about so many trials in a temporary folder.

    Returns:
        `trials` made, `cpu_s` and `wall_s` they took, `trials_per_cpu_s`, and `peak_mb`, the process's own so far.
    """
    judge = open_judge(accents)
    problems = Arithmetic().sample(min(PROBLEMS, -(-trials // BUDGET)), seed=0)
    seeds = range(max(1, round(trials / (BUDGET * len(problems)))))
    chosen = Attack("strings", strings, {}) if attack == "strings" else open_attack(attack)
    with tempfile.TemporaryDirectory() as folder, Store.create(Path(folder), {"identity": {}}) as store:
        store.rewind(problems)
        gate = Gate(judge, open_oracle("exact"), store)
        campaign = Campaign(gate, problems, [chosen], Objective("accept", 1.0), seeds=seeds, budget=Budget(BUDGET))
        cpu, wall = time.process_time(), time.perf_counter()
        campaign.run()
        store.flush()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        (made,) = store.db.execute("SELECT COUNT(*) FROM trials").fetchone()
    return {
        "trials": made,
        "cpu_s": round(cpu, 3),
        "wall_s": round(wall, 3),
        "trials_per_cpu_s": round(made / cpu),
        "peak_mb": round(peak_mb(), 1),
    }


def apart(trials: int, attack: str = "strings") -> dict[str, Any]:
    """`measure` in a process of its own, so that the peak of memory is its own too."""
    command = [sys.executable, __file__, "--here", "--trials", str(trials), "--attack", attack]
    done: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return done


def peak_mb() -> float:
    """The most memory that this process took; Linux's `ru_maxrss` would count its parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--attack", default="strings")
    parser.add_argument("--here", action="store_true", help="measure in this process and print JSON")
    options = parser.parse_args()
    for trials in options.trials:
        if options.here:
            print(json.dumps(measure(trials, options.attack)))
            continue
        done = apart(trials, options.attack)
        print(
            f"{options.attack}, {done['trials']} trials: {done['trials_per_cpu_s']} a second of processor time, "
            f"{done['trials'] / done['wall_s']:.0f} of wall time; peak {done['peak_mb']} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
