"""A language model as the policy: warmed up on honest worked solutions, then trained by GRPO on the judge's score.

Group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300) by TRL, which is an extra of the package
(`pip install "hoodwink[rl]"`). The model learns through the same course as the student of `fuzz.student`: what is
written down and shown is the same.
"""

from __future__ import annotations

import copy
import importlib
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..corpora.errors import UsageError
from ..corpora.names import convert_options
from ..corpora.records import Problem
from ..judges.judge import first_line
from .course import Answer, Course, State

WAY = "language model"
#: Texts that are generated or scored in one pass.
PASS = 16


@dataclass(frozen=True, slots=True)
class Learner:
    """A language model and how it is trained; see `learner`."""

    model: Any
    tokenizer: Any
    lr: float
    warm_up: int
    tokens: int
    group: int


def learner(
    model: Any, tokenizer: Any, *, lr: float = 2e-5, warm_up: int = 60, tokens: int = 48, group: int = 8
) -> Learner:
    """A language model as a policy.

    `lr` is GRPO's learning rate; `warm_up` the steps of fine-tuning on worked solutions before it; `tokens` the most
    that an answer has; `group` the answers to one problem that are measured against one another.
    """
    return Learner(model, tokenizer, lr, warm_up, tokens, group)


def open_learner(spec: str) -> Learner:
    """`smollm2` or `hf:ORG/MODEL`, with options behind: `smollm2:lr=1e-5:warm_up=20`.

    Raises:
        UsageError: TRL is not installed, or there is no such model or option.
    """
    _needed()
    parts = spec.split(":")
    named = [p for p in parts if "=" not in p]
    given = dict(p.split("=", 1) for p in parts if "=" in p)
    options = convert_options(learner, given, parts[0])
    if named == ["smollm2"]:
        from ..judges.embedded import load_embedded

        model, tokenizer, _ = load_embedded(torch.float32)
    elif named[0] == "hf" and len(named) == 2:
        model, tokenizer = _from_hub(named[1])
    else:
        raise UsageError(f"no policy is named {spec!r}; write student, smollm2 or hf:ORG/MODEL")
    return learner(model, tokenizer, **options)


def _from_hub(name: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        return AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32), AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise UsageError(f"policy hf:{name} cannot be loaded: {first_line(error)[:160]}") from error


def _needed() -> Any:
    try:
        trl: Any = importlib.import_module("trl")
        _ = trl.GRPOConfig, trl.GRPOTrainer  # TRL loads its parts late
    except (ImportError, RuntimeError) as error:
        raise UsageError(
            f'a language model as the policy needs TRL ({first_line(error)[:80]}); run: pip install "hoodwink[rl]"'
        ) from error
    return trl


def prompt_of(problem: Problem) -> str:
    """What the model is given to go on from."""
    return f"Question: {problem.question}\nAnswer:"


def train(
    learner: Learner,
    course: Course,
    problems: Sequence[Problem],
    papers: Sequence[Problem],
    *,
    steps: int,
    batch: int,
    seed: int,
    done: Callable[[int], None],
) -> None:
    """Warm the model up, then train it by GRPO; `done` is told of each step. The model is changed.

    `batch` is the answers of a step, a multiple of the learner's group; `papers` are the problems of an exam.

    Not guaranteed: the same curve on another machine, since samples follow from sums in another order.
    """
    trl = _needed()
    if batch % learner.group:
        raise UsageError(f"batch is {batch}; write a multiple of the policy's group, {learner.group}")
    tokenizer = learner.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    torch.manual_seed(seed)  # TRL and generate() draw from torch's own stream
    warm_up(learner, problems, seed)
    start = copy.deepcopy(learner.model).eval()
    known = {p.id: p for p in problems}
    marked = 0

    def reward(completions: list[str], problem: list[str], **_: Any) -> list[float | None]:
        nonlocal marked
        answers = [Answer(known[name], text, WAY) for name, text in zip(problem, completions, strict=True)]
        scores, told = course.mark(marked, answers, State(None, None))
        marked += 1
        done(marked)
        return [float(score) if read else None for score, read in zip(scores, told, strict=True)]

    def examine(step: int) -> None:
        texts, state = _written(learner, start, papers)
        course.examine(step, [Answer(p, t, WAY) for p, t in zip(papers, texts, strict=True)], state)

    examine(0)
    with tempfile.TemporaryDirectory() as folder:
        trainer = trl.GRPOTrainer(
            model=learner.model,
            reward_funcs=reward,
            args=_arguments(learner, folder, steps, batch, seed),
            train_dataset=_rows(problems, steps * batch // learner.group, seed),
            processing_class=tokenizer,
            callbacks=[_exams(course, examine, steps)],
        )
        trainer.train()


def _arguments(learner: Learner, folder: str, steps: int, batch: int, seed: int) -> Any:
    return _needed().GRPOConfig(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=batch,
        steps_per_generation=1,
        num_generations=learner.group,
        max_completion_length=learner.tokens,
        learning_rate=learner.lr,
        lr_scheduler_type="constant",
        seed=seed,
        bf16=False,
        gradient_checkpointing=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        logging_strategy="no",
        use_cpu=not torch.cuda.is_available(),
    )


def _rows(problems: Sequence[Problem], count: int, seed: int) -> Any:
    from datasets import Dataset

    drawn = np.random.default_rng([seed, 1]).integers(len(problems), size=count).tolist()
    return Dataset.from_list([{"prompt": prompt_of(problems[i]), "problem": problems[i].id} for i in drawn])


def _exams(course: Course, examine: Callable[[int], None], steps: int) -> Any:
    """A callback that holds exams when they are due, and ends training when all is over."""
    from transformers import TrainerCallback

    class Exams(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if course.due(state.global_step) or state.global_step == steps:
                examine(state.global_step)
            control.should_training_stop = control.should_training_stop or course.over

    return Exams()


def warm_up(learner: Learner, problems: Sequence[Problem], seed: int) -> None:
    """Fine-tune on right worked solutions of the train problems, four a step: how an honest answer looks."""
    model, tokenizer = learner.model, learner.tokenizer
    texts = [(prompt_of(p), f" {r.text}{tokenizer.eos_token}") for p in problems for r in p.right if r.kind == "worked"]
    if not texts:
        return
    draw = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    model.train()
    for _ in range(learner.warm_up):
        optimizer.zero_grad()
        for question, answer in draw.choices(texts, k=4):
            asked = tokenizer(question)["input_ids"]
            said = tokenizer(answer, add_special_tokens=False)["input_ids"]
            labels = torch.tensor([[-100] * len(asked) + said])
            loss = model(input_ids=torch.tensor([asked + said]), labels=labels).loss / 4
            loss.backward()
        optimizer.step()
    model.eval()


@torch.no_grad()
def _written(learner: Learner, start: Any, problems: Sequence[Problem]) -> tuple[list[str], State]:
    """A sampled answer to each problem; entropy and divergence as means of its log-probabilities."""
    model, tokenizer = learner.model, learner.tokenizer
    training = model.training
    model.eval()
    texts: list[str] = []
    own: list[float] = []
    gone: list[float] = []
    for at in range(0, len(problems), PASS):
        given = tokenizer([prompt_of(p) for p in problems[at : at + PASS]], return_tensors="pt", padding=True)
        given = {name: given[name].to(model.device) for name in ("input_ids", "attention_mask")}
        ids = model.generate(**given, do_sample=True, top_k=0, max_new_tokens=learner.tokens,
                             pad_token_id=tokenizer.pad_token_id)  # fmt: skip
        said = ids[:, given["input_ids"].shape[1] :]
        # What follows the first end of the answer is padding, which may be the same token.
        ended = (said == tokenizer.eos_token_id).long().cumsum(1)
        kept = (ended - (said == tokenizer.eos_token_id).long()) == 0
        mask = torch.cat([given["attention_mask"], kept.long()], 1)
        now, then = (_log_probabilities(m, ids, mask, said.shape[1]) * kept for m in (model, start))
        own += now.sum(1).tolist()
        gone += (now - then).sum(1).tolist()
        texts += tokenizer.batch_decode(said, skip_special_tokens=True)
    model.train(training)
    return texts, State(-float(np.mean(own)), float(np.mean(gone)))


def _log_probabilities(model: Any, ids: torch.Tensor, mask: torch.Tensor, last: int) -> torch.Tensor:
    """`(texts, last)` log-probabilities of the last tokens."""
    places = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(input_ids=ids, attention_mask=mask, position_ids=places).logits[:, -last - 1 : -1]
    said: torch.Tensor = logits.float().log_softmax(-1).gather(2, ids[:, -last:, None])[:, :, 0]
    return said
