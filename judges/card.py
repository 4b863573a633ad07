"""The card of a trained judge: how it was made and how good it is, written by the command that made it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..corpora.records import NEAR, PARTIAL, Item, Problem, Response
from .examples import Training
from .judge import Judge, ask
from .quality import Graded, Quality, known_responses, measure
from .steps import known_partials

CARD_FILE, README_FILE = "card.json", "README.md"

#: Eval problems that a card is measured on, and the seed that draws them (not the one that training draws with).
PROBLEMS, SEED = 112, 1_000_003

#: What an adapter is for, and what besides complete responses it was trained on, by the kind of judge.
_ABOUT = {
    "referee": ("whether a student's answer matches the reference", ""),
    "process": (
        "whether a student's solution, finished or not, is right so far",
        "  Also of each problem up to two unfinished solutions that are right so far and two that are not.\n",
    ),
}


@dataclass(frozen=True, slots=True)
class Card:
    """How a judge was trained and how good it is on held-out problems.

    `unfinished` is its quality on unfinished solutions, where it was trained on such.
    """

    judge: str
    weights: str
    corpus: str
    training: Training
    quality: Quality
    machine: dict[str, Any]
    unfinished: Quality | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "schema": "hoodwink.card/1",
            "judge": self.judge,
            "weights": self.weights,
            "corpus": self.corpus,
            "training": self.training.to_json(),
            "held_out": {"problems": PROBLEMS, "seed": SEED, "split": "eval", **self.quality.to_json()},
            "machine": self.machine,
            **({} if self.unfinished is None else {"unfinished": self.unfinished.to_json()}),
        }


def evaluate(judge: Judge, problems: Sequence[Problem]) -> Quality:
    """Grade all known responses of problems, and the empty one, in the judge's own batches."""
    known = [(p, r, right) for p in problems for r, right in [*known_responses(p), (Response("", "empty"), False)]]
    verdicts = ask(judge, [Item(p, r.text) for p, r, _ in known])
    return measure([Graded(p, r, right, v) for (p, r, right), v in zip(known, verdicts, strict=True)])


def evaluate_partials(judge: Judge, problems: Sequence[Problem]) -> Quality:
    """Grade the unfinished solutions of problems of which it is known whether they are right so far."""
    known = [(p, r, right) for p in problems for r, right in known_partials(p)]
    verdicts = ask(judge, [Item(p, r.text) for p, r, _ in known])
    return measure([Graded(p, r, right, v) for (p, r, right), v in zip(known, verdicts, strict=True)])


def machine() -> dict[str, Any]:
    """What the training time depends on."""
    return {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__}


def write_card(card: Card, folder: Path, readme: str | None = None) -> None:
    """Write the card as JSON and as a README that people and model hubs read: by default that of an adapter."""
    (folder / CARD_FILE).write_text(json.dumps(card.to_json(), indent=1) + "\n", "utf-8")
    (folder / README_FILE).write_text(_readme(card) if readme is None else readme, "utf-8")


def _readme(card: Card) -> str:
    t, q = card.training, card.quality
    r = t.recipe
    apart = {k: v for k, v in q.by_kind.items() if k in NEAR | PARTIAL}
    kinds = {k: v for k, v in q.by_kind.items() if k not in apart}
    hardening = ""
    if t.finds:
        hardening = (
            f"- Hardened: another adapter trained further, on {t.finds} finds of an attack besides, to reject.\n"
        )
    clean = t.examples - t.finds
    says, besides = _ABOUT[card.judge]
    unfinished = ""
    if (u := card.unfinished) is not None:
        unfinished = (
            f"- Held out, unfinished: {u.clean_items} solutions cut off after a step: accuracy "
            f"{u.clean_accuracy or 0:.4f},\n  AUROC {u.auroc or 0:.4f}, right so far accepted "
            f"{u.right_accepted or 0:.4f}, wrong so far accepted {u.wrong_accepted or 0:.4f}.\n"
        )
    return f"""---
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
library_name: peft
---
# {card.judge}

A LoRA adapter for SmolLM2-135M-Instruct ({card.weights}) that says {says}.
Written by `hoodwink {"harden" if t.finds else "train"}`; do not edit.

- Data: {clean} responses to {r.problems} problems of `{card.corpus}`, split `train`, seed {r.seed}: right ones and
  complete wrong ones, bare and worked. No near misses, truncated, empty or nonsense responses.
{besides}\
- Training: {t.steps} steps of {r.batch}, {r.epochs} epochs, rank {r.rank} on the upper {r.layers} layers, AdamW at
  {r.lr:g}; {t.seconds / 60:.1f} minutes with {card.machine["threads"]} threads on {card.machine["cores"]} cores.
{hardening}\
- Held out: {q.clean_items} responses of the same kinds to {PROBLEMS} problems, split `eval`:
  **accuracy {q.clean_accuracy or 0:.4f}**, AUROC {q.auroc or 0:.4f}, right accepted {q.right_accepted or 0:.4f},
  wrong accepted {q.wrong_accepted or 0:.4f}.
{unfinished}
{table("accuracy by family", q.by_family)}
{table("accepted, kinds it was trained on", kinds)}
{table("accepted, near misses and fragments (not trained on)", apart)}"""


def table(title: str, rows: dict[str, tuple[float, int]]) -> str:
    """Rows of shares and numbers in Markdown."""
    lines = [f"| {title} | share | n |", "| --- | --- | --- |"]
    lines += [f"| {name} | {rate:.3f} | {count} |" for name, (rate, count) in rows.items()]
    return "\n".join(lines) + "\n"
