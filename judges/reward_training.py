"""Training a reward model: SmolLM2 with one number on top, from right and wrong responses to the same problems.

The loss is Bradley and Terry's over all pairs of a right and a wrong response to a problem, which stand in one step
together (Ouyang et al., arXiv 2203.02155, section 3.5). Such a loss leaves open where zero lies; a small pull of each
pair's sum towards it (Eisenstein et al., arXiv 2312.09244) puts it between right and wrong, so that a threshold of one
half means something.

What is left in the folder is a plain sequence classifier of transformers with its tokenizer: other tools read it too.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from ..corpora.corpus import Corpus, open_corpus
from ..corpora.errors import UsageError
from ..corpora.records import NEAR, PARTIAL, Item, Problem
from .card import PROBLEMS, SEED, Card, evaluate, machine, table, write_card
from .checkpoints import TRAINING_FILE, Checkpoints, finish, finished
from .devices import choose
from .embedded import load_embedded, quietly
from .engine import Engine
from .examples import Recipe, Training, clean_examples
from .halves import reader
from .lora import schedule, with_new_adapter
from .opening import open_judge
from .prompts import conversation
from .readout import Labels
from .reward import OPTIONS_FILE
from .training import writable

#: What the pull of each pair's sum towards zero weighs beside the loss of the pair.
CENTRE = 0.01

#: Goes up when a training from the same values would be another one.
VERSION = 1

#: How `reward:FOLDER` is to ask the model: as it was trained.
OPTIONS = {"reference": True}

#: What has to be in a folder for its training to be complete.
_KEPT = ("model.safetensors", "config.json", "tokenizer_config.json", OPTIONS_FILE)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Token ids of some responses to one problem: each of the right ones belongs above each of the wrong ones."""

    right: tuple[tuple[int, ...], ...]
    wrong: tuple[tuple[int, ...], ...]


def shown(item: Item, tokenizer: Any) -> str:
    """Exactly what the model reads: question and reference as the user's turn, the response as the assistant's."""
    return conversation(item, tokenizer, reference=True)


def train_reward(
    out: str | Path,
    corpus: str | Corpus = "arithmetic",
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    dtype: str = "auto",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Card:
    """Train SmolLM2 to score responses, right ones above wrong ones; leave model and card in the folder `out`.

    A step holds all clean responses of as many problems as reach `recipe.batch` responses. What the card measures is
    the judge that `reward:OUT` opens. The same training once more goes on from its checkpoint.

    Raises:
        UsageError: the folder cannot be written, or the corpus has too few problems.
    """
    recipe, folder = recipe or Recipe(), writable(out)
    source = open_corpus(corpus) if isinstance(corpus, str) else corpus
    problems = source.sample(recipe.problems, split="train", seed=recipe.seed)
    held_out = source.sample(PROBLEMS, split="eval", seed=SEED)
    weights, training = fit_reward(folder, problems, recipe, device=device, dtype=dtype, progress=progress)
    quality = evaluate(open_judge(f"reward:{folder}", device=device, dtype=dtype), held_out)
    card = Card("reward", weights, source.name, training, quality, machine())
    write_card(card, folder, _readme(card))
    return card


def fit_reward(
    folder: Path,
    problems: Sequence[Problem],
    recipe: Recipe,
    *,
    device: str = "auto",
    dtype: str = "auto",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> tuple[str, Training]:
    """Train a reward model on problems and leave it in a folder, or find it there; its first weights, and how it went.

    Raises:
        UsageError: none of the problems has both right and wrong responses.
    """
    where, kind = choose(device, dtype)
    base, tokenizer, weights = load_embedded(kind)
    rankings = ranked(problems, tokenizer, np.random.default_rng([recipe.seed, 0]))
    if not rankings:
        raise UsageError("there are no problems with right and wrong responses to train on; give at least one")
    identity = _identity(weights, kind, rankings, recipe)
    done = finished(folder, identity, _KEPT)
    if done is not None:
        return weights, done
    (folder / TRAINING_FILE).unlink(missing_ok=True)
    student = Student.around(base.to(where), tokenizer, recipe)
    batches = list(_batches(rankings, recipe))
    losses, seconds = _fit(student, rankings, batches, recipe, folder, identity, progress)
    student.save(folder, tokenizer)
    (folder / OPTIONS_FILE).write_text(json.dumps(OPTIONS) + "\n", "utf-8")
    examples = sum(len(r.right) + len(r.wrong) for r in rankings)
    tenths = tuple(round(float(np.mean(part)), 4) for part in np.array_split(losses, 10) if len(part))
    training = Training(recipe, examples, len(batches), tenths, seconds)
    finish(folder, identity, training)
    return weights, training


def ranked(problems: Sequence[Problem], tokenizer: Any, rng: np.random.Generator) -> list[Ranking]:
    """The clean responses of each problem as token ids; problems with right ones or wrong ones alone are left out."""
    sides: dict[str, tuple[list[Item], list[Item]]] = {p.id: ([], []) for p in problems}
    for example in clean_examples(problems, rng):
        sides[example.item.problem.id][example.target < 0.5].append(example.item)

    def encoded(items: Sequence[Item]) -> tuple[tuple[int, ...], ...]:
        rows = tokenizer([shown(item, tokenizer) for item in items], add_special_tokens=False)["input_ids"]
        return tuple(map(tuple, rows))

    return [Ranking(encoded(right), encoded(wrong)) for right, wrong in sides.values() if right and wrong]


@dataclass(frozen=True, slots=True)
class Student:
    """A reward model that is trained: an adapter on the upper layers and the head above them, which is in fp32.

    Attributes:
        model: peft's, around transformers' sequence classifier.
        engine: computes its hidden states.
        read: the head.
        dtype: of the layers.
    """

    model: Any
    engine: Engine
    read: Labels
    dtype: torch.dtype

    @classmethod
    def around(cls, causal: Any, tokenizer: Any, recipe: Recipe) -> Student:
        """A student that begins with the layers of a language model, which are changed, and with a random head."""
        plain = _classifier(causal, tokenizer)
        rng = np.random.default_rng([recipe.seed, 3])
        width = plain.score.in_features
        with torch.no_grad():  # as small as in Stiennon et al., arXiv 2009.01325
            plain.score.weight.copy_(torch.from_numpy(rng.normal(0, (width + 1) ** -0.5, (1, width))))
        model = with_new_adapter(plain, recipe, task=None).eval()
        read = Labels(plain)
        read.head = copy.deepcopy(plain.score).float().requires_grad_(True)
        return cls(model, Engine(plain, read), read, causal.dtype)

    def weights(self) -> dict[str, torch.nn.Parameter]:
        """What is trained."""
        adapter = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        return {**adapter, "score": self.read.head.weight}

    def settle(self) -> None:
        """Give the model the head as it is: by the model's own logits it is found out how the model can be read."""
        with torch.no_grad():
            self.engine.model.score.weight.copy_(self.read.head.weight)

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Leave model and tokenizer in a folder, the adapter merged in fp32 before the weights are rounded."""
        model = self.model.float().merge_and_unload()
        self.settle()
        with quietly():
            model.to(self.dtype).save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))


def _classifier(causal: Any, tokenizer: Any) -> Any:
    """A sequence classifier with one label on the layers of a language model."""
    from transformers import AutoModelForSequenceClassification

    config = copy.deepcopy(causal.config)
    config.num_labels = 1
    config.pad_token_id = tokenizer.pad_token_id
    with torch.device("meta"), quietly():  # its own layers are replaced at once
        model = AutoModelForSequenceClassification.from_config(config, dtype=causal.dtype)  # type: ignore[no-untyped-call]
    setattr(model, model.base_model_prefix, causal.base_model)
    weight = next(causal.parameters())
    model.score = torch.nn.Linear(model.score.in_features, 1, bias=False, device=weight.device, dtype=weight.dtype)
    return model.requires_grad_(False)


def _fit(
    student: Student,
    rankings: Sequence[Ranking],
    batches: Sequence[Sequence[int]],
    recipe: Recipe,
    folder: Path,
    identity: str,
    progress: Callable[[int, int, float], None],
) -> tuple[list[float], float]:
    """All steps from where the same training stopped; the loss of each, and seconds in all."""
    weights = student.weights()
    optimiser = torch.optim.AdamW(weights.values(), lr=recipe.lr, weight_decay=0.01)
    checkpoints = Checkpoints(folder, identity, weights, optimiser)
    student.settle()
    read = reader(student, [ids for r in rankings for ids in (*r.right, *r.wrong)])
    for step in range(len(checkpoints.losses), len(batches)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * schedule(step, len(batches))
        chosen = [rankings[i] for i in batches[step]]
        rewards = read([ids for r in chosen for ids in (*r.right, *r.wrong)]).flatten()
        loss = preference_loss(rewards, [(len(r.right), len(r.wrong)) for r in chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
        checkpoints.step(float(loss.detach()))
        progress(step + 1, len(batches), checkpoints.losses[-1])
    return checkpoints.losses, checkpoints.elapsed


def preference_loss(rewards: torch.Tensor, sizes: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Bradley and Terry's loss, the mean over all pairs of each problem and then over problems, with the pull to zero.

    `rewards` are those of each problem's right responses, then of its wrong ones; `sizes` says how many there are.
    """
    losses = []
    for part, (right, _) in zip(torch.split(rewards, [sum(size) for size in sizes]), sizes, strict=True):
        better, worse = part[:right, None], part[None, right:]
        losses.append((CENTRE * (better + worse) ** 2 - logsigmoid(better - worse)).mean())
    return torch.stack(losses).mean()


def _batches(rankings: Sequence[Ranking], recipe: Recipe) -> Iterator[list[int]]:
    """The problems of each step, in another order in each epoch: as many as hold `recipe.batch` responses."""
    rng = np.random.default_rng([recipe.seed, 2])
    for _ in range(recipe.epochs):
        batch: list[int] = []
        responses = 0
        for i in map(int, rng.permutation(len(rankings))):
            batch.append(i)
            responses += len(rankings[i].right) + len(rankings[i].wrong)
            if responses >= recipe.batch:
                yield batch
                batch, responses = [], 0
        if batch:
            yield batch


def _identity(weights: str, dtype: torch.dtype, rankings: Sequence[Ranking], recipe: Recipe) -> str:
    """A hash of all that a training follows from."""
    told = (VERSION, weights, str(dtype), [(r.right, r.wrong) for r in rankings], repr(recipe), CENTRE, OPTIONS)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def _readme(card: Card) -> str:
    t, q = card.training, card.quality
    r = t.recipe
    apart = {k: v for k, v in q.by_kind.items() if k in NEAR | PARTIAL}
    kinds = {k: v for k, v in q.by_kind.items() if k not in apart}
    return f"""---
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
library_name: transformers
pipeline_tag: text-classification
---
# reward

A reward model: SmolLM2-135M-Instruct ({card.weights}) with one number on top, which is higher for right responses. It
reads question and reference answer as the user's turn and the response as the assistant's. A response with a reward of
at least 0 is accepted. Written by `hoodwink train --kind reward`; do not edit.

- Data: {t.examples} responses to {r.problems} problems of `{card.corpus}`, split `train`, seed {r.seed}: right ones and
  complete wrong ones, bare and worked. No near misses, truncated, empty or nonsense responses.
- Training: {t.steps} steps, {r.epochs} epochs, all pairs of a right and a wrong response to a problem (Bradley-Terry),
  rank {r.rank} on the upper {r.layers} layers, merged, AdamW at {r.lr:g}; {t.seconds / 60:.1f} minutes with
  {card.machine["threads"]} threads on {card.machine["cores"]} cores.
- Held out: {q.clean_items} responses of the same kinds to {PROBLEMS} problems, split `eval`:
  **accuracy {q.clean_accuracy or 0:.4f}**, AUROC {q.auroc or 0:.4f}, right accepted {q.right_accepted or 0:.4f},
  wrong accepted {q.wrong_accepted or 0:.4f}.

{table("accuracy by family", q.by_family)}
{table("accepted, kinds it was trained on", kinds)}
{table("accepted, near misses and fragments (not trained on)", apart)}"""
