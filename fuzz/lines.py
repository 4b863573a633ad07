"""A find as a line of `finds.jsonl`, and as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..corpora.records import Find
from ..judges.steps import steps


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
        "shrunk_steps": scored_steps(find.shrunk, find.shrunk_steps),
        "tokens": [list(weight) for weight in find.tokens],
        "score": trial.verdict.score,
        "margin": trial.verdict.margin,
        "alone": asdict(find.alone),
        "steps": scored_steps(trial.text, find.alone.steps),
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


def scored_steps(text: str, scores: Sequence[float]) -> list[tuple[str, float]]:
    """Each step of a response with the score of what stands up to its end; empty where no steps were judged.

    It is empty too where the judge cut the response otherwise: one around it may have changed the text before.
    """
    cut = steps(text, len(scores)) if scores else []
    return list(zip(cut, scores, strict=True)) if len(cut) == len(scores) else []


def shrunk_proof(line: Mapping[str, Any]) -> str:
    """Why the shrunk form of a find is wrong; older runs only tell why the response as found is."""
    if "shrunk_proof" in line:
        return str(line["shrunk_proof"])
    return str(line["proof"] if line["response"] == line["shrunk"] else f"as found: {line['proof']}")
