"""What the peers attack, and how it is counted: the judge by transformers 4, and a ledger for each problem and seed.

Runs in the peers' environment and knows the task folder alone. A query is one distinct response text on one problem
and seed; repeats are free; so are texts beyond the budget, which are not looked at. What a search is told of a text
that states the reference's digits is that it is worse than any other, or it would climb towards the right answer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

os.environ["HF_HUB_OFFLINE"] = "1"  # all that is needed lies in the task folder

from transformers import AutoModelForCausalLM, DynamicCache, PreTrainedTokenizerFast

#: The margin that a search is told of a text which states the reference.
REJECTED = -100.0

#: How far from hoodwink's a margin may be: in fp32, where only the order of additions differs; and in fewer bits.
TOLERANCE = {torch.float32: 0.005, torch.bfloat16: 1.0, torch.float16: 0.1}

#: Accepted texts after which a search ends: the oracle, which rules later, may not call the first one wrong.
ENOUGH = 5

#: Calls without a new text after which a search counts as stuck, and starts again.
PATIENCE = 30

#: Key-value pairs of a prompt's beginning, one a layer.
Past = list[tuple[torch.Tensor, torch.Tensor]]


class OverError(Exception):
    """The budget is spent, or enough is found: the search of this problem ends."""


class StuckError(Exception):
    """The search asks about nothing new any more: it may start again."""


@dataclass(frozen=True)
class Problem:
    """A problem of the task, with the prompt around the response."""

    id: str
    question: str
    reference: str
    start: str
    before: str
    after: str

    @cached_property
    def digits(self) -> str:
        """The digits of the reference's first number, without leading zeros; empty if there is none."""
        found = re.search(r"\d[\d,]*", self.reference)
        return found.group().replace(",", "").lstrip("0") if found else ""

    def states_reference(self, text: str) -> bool:
        """Whether the reference's digits stand in a text, whatever stands between them: stricter than the oracle."""
        return bool(self.digits) and self.digits in re.sub(r"\D", "", text)


class Task:
    """A task folder: what `export.py` wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data: dict[str, Any] = json.loads((folder / "task.json").read_text("utf-8"))
        self.problems = [Problem(**entry) for entry in self.data["problems"]]
        self.budget: int = self.data["budget"]
        self.seeds: list[int] = self.data["seeds"]
        self.words: list[str] = self.data["words"]


class Victim:
    """The judge of a task: its tokens, its keys and values of the prompt's beginning, and its margins.

    Margins are read in fp32 off the last hidden state, as hoodwink does it: a bf16 margin is a staircase.
    """

    def __init__(self, task: Task, device: str, batch: int = 32) -> None:
        """Loads the model and compares its margins with hoodwink's, first in fp32, then as the judge runs.

        Raises:
            SystemExit: a margin is not hoodwink's; nothing measured on such a model would mean anything.
        """
        self.task = task
        self.batch = batch
        folder = task.folder / "model"
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval().to(device)
        self.model.requires_grad_(False)
        self._set_buffers()
        self.passes = 0
        self.of: Problem | None = None
        self.prefix: list[int] = []
        self.past: Past = []
        self.agreement = {"exact": self._check("exact")}
        self.model.to(getattr(torch, task.data["dtype"]))
        self._set_buffers()
        self.of = None
        self.agreement["margin"] = self._check("margin")

    def _set_buffers(self) -> None:
        """Take over the judge's rotary frequencies, which are no weights: casting a model may have rounded them."""
        for name, value in load_file(self.task.folder / "model" / "buffers.safetensors").items():
            path, _, last = name.rpartition(".")
            setattr(self.model.get_submodule(path), last, value.to(self.model.device))

    def _check(self, key: str) -> float:
        """The largest difference from hoodwink's margins."""
        worst = 0.0
        for problem in self.task.problems:
            known = [check for check in self.task.data["checks"] if check["problem"] == problem.id]
            margins = self.margins(problem, [check["text"] for check in known])
            for check, margin in zip(known, margins, strict=True):
                worst = max(worst, abs(check[key] - margin))
                if worst > TOLERANCE[self.model.dtype]:
                    raise SystemExit(f"{check['text']!r}: margin {margin}, by hoodwink {check[key]} ({key})")
        return worst

    def encode(self, problem: Problem, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of whole prompts; special tokens in a response are broken up, as hoodwink does it."""
        prompts = [f"{problem.before}{self.defuse(text)}{problem.after}" for text in texts]
        ids: list[list[int]] = self.tokenizer(prompts, add_special_tokens=False)["input_ids"]
        return ids

    def defuse(self, text: str) -> str:
        for special in self.task.data["specials"]:
            if len(special) > 1:
                text = text.replace(special, f"{special[0]}\u200b{special[1:]}")
        return text

    def turn_to(self, problem: Problem) -> None:
        """Compute what all prompts of a problem begin with: the tokens on which different responses agree."""
        if self.of == problem:
            return
        pairs = zip(*self.encode(problem, ["a", "7", "("]), strict=False)
        self.prefix = [ids[0] for ids in takewhile(lambda ids: len(set(ids)) == 1, pairs)]
        ids = torch.tensor([self.prefix], device=self.model.device)
        with torch.no_grad():
            cache = self.model.base_model(input_ids=ids, past_key_values=DynamicCache(), use_cache=True).past_key_values
        self.past = [(layer.keys, layer.values) for layer in cache.layers]
        self.of = problem

    def cache(self, rows: int) -> DynamicCache:
        """The prompt's beginning for so many sequences; a new object each time, since a model writes into it."""
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(self.past):
            cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), layer)
        return cache

    def margins(self, problem: Problem, texts: Sequence[str]) -> list[float]:
        """Log-odds of yes against no of each response, above the judge's threshold."""
        if not texts:  # all of a call were repeats; a tokenizer fails on an empty list
            return []
        self.turn_to(problem)
        known = len(self.prefix)
        cached: list[tuple[int, list[int]]] = []
        whole: list[tuple[int, list[int]]] = []
        for place, ids in enumerate(self.encode(problem, texts)):
            begins = ids[:known] == self.prefix and len(ids) > known
            (cached if begins else whole).append((place, ids[known:] if begins else ids))
        margins = [0.0] * len(texts)
        for rows, begun in ((cached, True), (whole, False)):
            rows.sort(key=lambda row: len(row[1]))
            for start in range(0, len(rows), self.batch):
                part = rows[start : start + self.batch]
                for (place, _), margin in zip(part, self._pass([ids for _, ids in part], begun), strict=True):
                    margins[place] = margin
        return margins

    @torch.no_grad()
    def _pass(self, rows: list[list[int]], begun: bool) -> list[float]:
        """One batch. Padding stands on the right, where no token before it sees it."""
        self.passes += 1
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = torch.tensor(tokens)
        past = self.cache(len(rows)) if begun else DynamicCache()
        body = self.model.base_model(input_ids=ids.to(self.model.device), past_key_values=past, use_cache=True)
        last = torch.tensor([len(tokens) - 1 for tokens in rows], device=self.model.device)
        margins: list[float] = self.odds(body.last_hidden_state[torch.arange(len(rows)), last]).tolist()
        return margins

    def odds(self, hidden: torch.Tensor) -> torch.Tensor:
        """`(sequences, width)` last hidden states -> margins, in fp32."""
        yes, no = self.task.data["yes"], self.task.data["no"]
        rows = self.model.get_output_embeddings().weight[[*yes, *no]].float()
        logits = (hidden.float().unsqueeze(1) * rows).sum(2)
        return logits[:, : len(yes)].logsumexp(1) - logits[:, len(yes) :].logsumexp(1) - self.task.data["shift"]


@dataclass
class Ledger:
    """What one search has asked about one problem; the one door to the victim."""

    victim: Victim
    problem: Problem
    budget: int
    known: dict[str, float] = field(default_factory=dict)
    accepted: list[tuple[int, str, float]] = field(default_factory=list)
    gradients: int = 0
    idle: int = 0

    def ask(self, texts: Sequence[str]) -> list[float]:
        """The margin of each text, `REJECTED` where the reference's digits stand in it.

        Raises:
            OverError: the budget does not reach for all of them (it was spent on the first ones), or enough is found.
            StuckError: nothing new was asked for a long time.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        affordable = new[: self.budget - len(self.known)]
        for text, margin in zip(affordable, self.victim.margins(self.problem, affordable), strict=True):
            stated = self.problem.states_reference(text)
            self.known[text] = REJECTED if stated else margin
            if margin >= 0 and not stated:
                self.accepted.append((len(self.known), text, margin))
        self.idle = 0 if new else self.idle + 1
        if len(affordable) < len(new) or len(self.accepted) >= ENOUGH:
            raise OverError
        if self.idle > PATIENCE:
            self.idle = 0
            raise StuckError
        return [self.known[text] for text in texts]


def arguments(description: str | None, searches: Sequence[str]) -> argparse.Namespace:
    """The command line of both peers."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--task", type=Path, required=True, help="a folder that export.py wrote")
    parser.add_argument("--searches", nargs="+", default=list(searches), choices=list(searches))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    return options


def cells(task: Task, file: Path, searches: Sequence[str]) -> Iterator[tuple[str, Problem, int]]:
    """What is left to run: every search on every problem with every seed, less what the file already holds."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    done = {(line["search"], line["problem"], line["seed"]) for line in map(json.loads, lines)}
    for seed in task.seeds:
        for search in searches:
            for problem in task.problems:
                if (search, problem.id, seed) not in done:
                    yield search, problem, seed


def stream(seed: int, problem: Problem) -> int:
    """The seed of one cell's random numbers: another one for each problem."""
    return int(hashlib.sha256(f"{seed} {problem.id}".encode()).hexdigest()[:8], 16)


def run(options: argparse.Namespace, name: str, search: Any) -> None:
    """Run `search(key, victim, ledger, seed)` on every cell and append a line for each to `NAME.jsonl`."""
    task = Task(options.task)
    victim = Victim(task, options.device)
    print(f"margins differ from hoodwink's by at most {victim.agreement}", flush=True)
    file = options.task / f"{name}.jsonl"
    for key, problem, seed in cells(task, file, options.searches):
        victim.turn_to(problem)
        victim.passes = 0
        ledger = Ledger(victim, problem, task.budget)
        started = time.perf_counter()
        with suppress(OverError):
            search(key, victim, ledger, stream(seed, problem))
        line = {
            "search": key,
            "problem": problem.id,
            "seed": seed,
            "accepted": ledger.accepted,
            "queries": len(ledger.known),
            "gradients": ledger.gradients,
            "passes": victim.passes,
            "seconds": round(time.perf_counter() - started, 2),
        }
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
        print(f"{key} {problem.id} seed {seed}: {line['queries']} queries, {line['seconds']} s", flush=True)
