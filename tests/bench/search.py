"""Search methods against each other: the same judges, problems, budget and seeds for every attack.

    .venv/bin/python tests/bench/search.py --judges referee --attacks auto,random --problems 20 --seeds 3 --budget 3000

Every attack runs on its own, so that none is fed by another, and with its own store, so that none finds its verdicts
there. A query is a distinct response of a cell; ASR at Q queries is the share of cells with a find within Q of them,
among problems whose plain wrong answer the judge rejects, with an interval over problems. Medians count failures as
not yet fooled. With `--only nonsense` nothing else is ever tried, and near misses cannot help.

`hardened-N` among the judges is the referee retrained on 150 finds of plain `random` on train problems, drawn and
trained with seed N; it is made on first use, in about ten minutes, and kept under `runs/bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import hoodwink
from hoodwink.fuzz.attacks import ATTACKS
from hoodwink.fuzz.constraints import Constraints
from hoodwink.fuzz.kinds import KINDS
from hoodwink.fuzz.run import Run, items_of
from hoodwink.fuzz.statistics import median_queries, rate_interval, success_curve
from hoodwink.judges.hardening import GENTLE
from hoodwink.judges.training import harden

#: `random` as it was before it had schedule, restarts and self-transfer: the bar to beat.
PLAIN = "random:schedule=no:transfer=no:restart=none"
MARKS = (100, 300, 640, 1000, 3000)
FINDS, HARVEST, HARVEST_BUDGET = 150, 160, 1200


@dataclass(frozen=True)
class Row:
    """What one attack did on one judge: rates by budget with intervals, queries, speed, kinds of finds."""

    judge: str
    attack: str
    problems: int
    seeds: int
    asr: dict[int, tuple[float, tuple[float, float] | None]]
    median: int | None
    queries: int
    learning: int
    seconds: float
    verdicts: int
    kinds: dict[str, int]
    shrunk: list[str]


def main() -> None:
    """Parse, run, print a table as it grows, and write all figures to `--json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judges", default="referee,hardened-1,hardened-2,hardened-3")
    parser.add_argument("--attacks", default=",".join([*(a for a in ATTACKS if a != "none"), PLAIN]))
    parser.add_argument("--problems", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=3000)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--json", type=Path, default=Path("runs/bench/search.json"))
    args = parser.parse_args()
    rows: list[Row] = []
    for judge in args.judges.split(","):
        opened = hoodwink.judge(judge_name(judge))
        for attack in args.attacks.split(","):
            row = measure(judge, opened, attack, args)
            if row is not None:
                rows.append(row)
                print(line(row, args.budget), flush=True)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"settings": vars(args), "rows": [asdict(r) for r in rows]}, default=str, indent=1))


def judge_name(name: str) -> str:
    """The name under which a judge of the bench is opened; a hardened one is made if it is not there yet."""
    if not name.startswith("hardened-"):
        return name
    number = int(name.removeprefix("hardened-"))
    folder = Path("runs/bench") / name
    if not (folder / "card.json").is_file():
        started = time.monotonic()
        run = hoodwink.attack(
            "referee", attacks=[PLAIN], problems=HARVEST, budget=HARVEST_BUDGET, seed=100 * number, split="train",
            shrink_budget=1, out=folder / "harvest",
        )  # fmt: skip
        card = harden(folder, items_of(run)[:FINDS], recipe=replace(GENTLE, seed=number))
        accuracy = card.quality.clean_accuracy or 0
        print(f"{name}: clean accuracy {accuracy:.4f}, made in {(time.monotonic() - started) / 60:.1f} minutes")
    return f"referee:adapter={folder}"


def measure(name: str, judge: hoodwink.Judge, attack: str, args: argparse.Namespace) -> Row | None:
    """Run one attack on one judge and read what it did; None where it cannot run there, with the reason."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = hoodwink.attack(
                judge, attacks=[attack], problems=args.problems, budget=args.budget, seed=args.seed, seeds=args.seeds,
                shrink_budget=1, constraints=Constraints(only=tuple(args.only.split(","))), out=folder,
            )  # fmt: skip
        except hoodwink.UsageError as error:
            print(f"{name} {attack}: {error}", file=sys.stderr)
            return None
        return read(run, name, attack, args, time.monotonic() - started)


def read(run: Run, judge: str, attack: str, args: argparse.Namespace, seconds: float) -> Row:
    """The figures of a run with one attack."""
    with run.store() as store:
        counted = set(store.get("checks")["rejected_baseline"])
        cells = store.db.execute(
            "SELECT c.problem, c.queries, c.state, MIN(f.queries) FROM cells c LEFT JOIN finds f ON f.cell = c.id "
            "WHERE c.role = 'search' GROUP BY c.id"
        ).fetchall()
        (learning,) = store.db.execute("SELECT TOTAL(queries) FROM cells WHERE role = 'learn'").fetchone()
        (verdicts,) = store.db.execute("SELECT COUNT(*) FROM verdicts").fetchone()
        failed = store.db.execute("SELECT DISTINCT error FROM cells WHERE state = 'failed'").fetchall()
    for (error,) in failed:
        print(f"{judge} {attack} failed: {error}", file=sys.stderr)
    cells = [cell for cell in cells if cell[0] in counted]
    by_problem: dict[str, list[int | None]] = {}
    for problem, _, _, found in cells:
        by_problem.setdefault(problem, []).append(found)
    curve = success_curve(
        [found for *_, found in cells if found is not None],
        [queries if state == "spent" else max(args.budget, queries) for _, queries, state, found in cells if not found],
    )
    return Row(
        judge=judge,
        attack=attack,
        problems=len(by_problem),
        seeds=args.seeds,
        asr={mark: rate(list(by_problem.values()), mark, args.seeds) for mark in MARKS if mark <= args.budget},
        median=median_queries(curve),
        queries=sum(cell[1] for cell in cells),
        learning=int(learning),
        seconds=round(seconds, 1),
        verdicts=verdicts,
        kinds={kind: sum(find["kind"] == kind for find in run.finds) for kind in KINDS},
        shrunk=[find["response"] for find in run.finds][:5],
    )


def rate(found: Sequence[Sequence[int | None]], mark: int, seeds: int) -> tuple[float, tuple[float, float] | None]:
    """Share of cells fooled within so many queries, problems being the unit, with its interval."""
    rates = [fmean(q is not None and q <= mark for q in cells) for cells in found]
    return (fmean(rates) if rates else 0.0), rate_interval(rates, seeds)


def line(row: Row, budget: int) -> str:
    """A row as text."""
    shares = []
    for mark, (share, bounds) in row.asr.items():
        low, high = bounds or (0.0, 1.0)
        shares.append(f"@{mark} {share:.2f} ({low:.2f}-{high:.2f})")
    median = f">{budget}" if row.median is None else row.median
    kinds = ", ".join(f"{kind} {count}" for kind, count in row.kinds.items() if count)
    learning = f" +{row.learning} learning" if row.learning else ""
    return (
        f"{row.judge:11} {row.attack[:44]:44} {'  '.join(shares)}  median {median}  queries {row.queries}{learning}  "
        f"{row.verdicts / row.seconds:.0f}/s  {row.seconds:.0f} s  [{kinds}]"
    )


if __name__ == "__main__":
    main()
