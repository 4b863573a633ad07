"""A find as a line of `finds.jsonl`, and as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..corpora.records import Find


def find_line(find: Find, attack: str, judge: str) -> dict[str, Any]:
    """A find as a line of `finds.jsonl`."""
    trial = find.trial
    problem = trial.item.problem
    return {
        "problem": problem.id,
        "family": problem.family,
        "question": problem.question,
        "reference": problem.reference,
        "response": trial.text,
        "shrunk": find.shrunk,
        "shrunk_score": find.shrunk_score,
        "shrunk_margin": find.shrunk_margin,
        "minimal": find.minimal,
        "tokens": [list(weight) for weight in find.tokens],
        "score": trial.verdict.score,
        "margin": trial.verdict.margin,
        "alone": asdict(find.alone),
        "level": find.level,
        "kind": find.kind,
        "attack": attack,
        "op": trial.candidate.op,
        "queries": find.queries,
        "proof": find.proof,
        "shrunk_proof": find.shrunk_proof,
        "lineage": [list(step) for step in find.lineage],
        "judge": judge,
        "seed": find.seed,
    }


def shrunk_proof(line: Mapping[str, Any]) -> str:
    """Why the shrunk form of a find is wrong; older runs only tell why the response as found is."""
    if "shrunk_proof" in line:
        return str(line["shrunk_proof"])
    return str(line["proof"] if line["response"] == line["shrunk"] else f"as found: {line['proof']}")
