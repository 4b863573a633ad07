"""What each defence costs on clean data and how far it helps, around one judge; bounds of the perplexity filter.

    .venv/bin/python tests/bench/defences.py bounds
    .venv/bin/python tests/bench/defences.py table --problems 6 --attacks openers,random,auto

`bounds` prints, for several perplexities, the slack in nats with which 99 % of right answers to train problems pass:
one such pair is the default of `perplexity`. `table` opens the judge once and stands it behind one defence after
another (`none`: as it is). Clean rates are those of `hoodwink check` on `--clean` problems; every attack runs on its
own, with a store of its own: problems fooled of those that count, and the median of queries.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time

import hoodwink
import numpy as np
from hoodwink.fuzz.defence_cost import Layer, layers
from hoodwink.fuzz.run import check
from hoodwink.judges.defences.perplexity import DEFAULT, language_model
from hoodwink.judges.opening import defended
from hoodwink.reports.text import percent
from hoodwink.reports.views import summarise

#: Perplexities of which the slack is measured, the share of right answers that is to pass, and the train problems.
MOST, PASS, TRAIN = (10, 20, 30, 50, 100, 300), 0.99, 120

DEFENCES = ("none", "length", "characters", "perplexity", "smooth", "smooth:perplexity", "echo")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["bounds", "table"])
    parser.add_argument("--judge", default="referee")
    parser.add_argument("--defences", default=";".join(DEFENCES), help="joined by semicolons")
    parser.add_argument(
        "--attacks", default="openers,random,auto", help="joined by commas; empty for clean rates alone"
    )
    parser.add_argument("--problems", type=int, default=6)
    parser.add_argument("--clean", type=int, default=20)
    parser.add_argument("--budget", type=int, default=640)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.what == "bounds":
        bounds()
        return
    judge = hoodwink.judge(args.judge)
    attacks = [attack for attack in args.attacks.split(",") if attack]
    print("| defence | right accepted | wrong accepted | asked | " + " | ".join(attacks) + " | verdicts/s |")
    print("| --- " * (5 + len(attacks)) + "|")
    for spec in args.defences.split(";"):
        print(row(spec, judge if spec == "none" else defended(spec, judge), attacks, args), flush=True)


def bounds() -> None:
    """The slack for each perplexity, by right answers to train problems."""
    proposer, _ = language_model(DEFAULT)
    problems = hoodwink.corpus("arithmetic").sample(TRAIN, split="train", seed=11)
    texts = sorted({response.text for problem in problems for response in problem.right})
    surprises = proposer.surprises(texts)
    for most in MOST:
        slack = np.quantile([sum(each) - len(each) * math.log(most) for each in surprises], PASS)
        print(f"most={most} slack={slack:.1f} on {len(texts)} right answers")


def row(spec: str, judge: hoodwink.Judge, attacks: list[str], args: argparse.Namespace) -> str:
    """What a defence costs and how far it helps, as a row of a Markdown table."""
    found: list[Layer] = []
    _, checks = check(judge, problems=args.clean, seed=args.seed, after=lambda g, p: found.extend(layers(g, p)))
    cells = [f"`{spec}`", percent(checks.quality.right_accepted, 1), percent(checks.quality.wrong_accepted, 1)]
    print(spec, *cells[1:], file=sys.stderr, flush=True)
    cells.append("1" if not found or found[0].asked is None else f"{found[0].asked:.2f}")
    speeds = []
    for attack in attacks:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            run = hoodwink.attack(
                judge, attacks=[attack], problems=args.problems, budget=args.budget, seed=args.seed, shrink_budget=0,
                proposer=language_model(DEFAULT)[0], out=folder,
            )  # fmt: skip
            (one,) = summarise(run).attacks
            with run.store() as store:
                (verdicts,) = store.db.execute("SELECT COUNT(*) FROM verdicts").fetchone()
        speeds.append(verdicts / (time.perf_counter() - started))
        cells.append(f"{one.fooled} of {one.problems}, {one.queries_median or '–'}")
        print(f"{spec} {attack}: {cells[-1]}, {verdicts} verdicts, {speeds[-1]:.0f}/s", file=sys.stderr, flush=True)
    return f"| {' | '.join([*cells, '–' if not speeds else f'{np.mean(speeds):.0f}'])} |"


if __name__ == "__main__":
    main()
