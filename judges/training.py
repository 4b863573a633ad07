"""`train` and `harden`: a judge from a recipe, its card, and its folder, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..corpora.corpus import Corpus, open_corpus
from ..corpora.errors import UsageError
from ..corpora.records import Item, Problem
from .card import PROBLEMS, SEED, Card, evaluate, evaluate_partials, machine, write_card
from .examples import Example, Recipe, clean_examples, process_examples
from .hardening import GENTLE, refuse_eval
from .lora import fit
from .origin import adapter_folder
from .prompted import PromptedJudge
from .referee import OWN, referee, smollm2

#: Kinds of judges that `hoodwink train` makes. Each is trained by a call with the parameters of `train`.
KINDS = {
    "referee": "hoodwink.judges.training:train",
    "process": "hoodwink.judges.training:train_process",
    "reward": "hoodwink.judges.reward_training:train_reward",
}


def train(
    out: str | Path,
    corpus: str | Corpus = "arithmetic",
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    dtype: str = "auto",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Card:
    """Train SmolLM2 to match answers to references; leave adapter and card in the folder `out`.

    `progress` is told step, number of steps and the step's loss. What the card measures is the judge that
    `referee:adapter=OUT` opens.

    Raises:
        UsageError: the folder cannot be written, or the corpus has too few problems.
    """
    return _train(out, corpus, recipe or Recipe(), (), None, device, dtype, progress)


def train_process(
    out: str | Path,
    corpus: str | Corpus = "arithmetic",
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    dtype: str = "auto",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Card:
    """Train SmolLM2 to say of partial and of whole solutions whether they are right so far.

    What the card measures is the judge that `smollm2:adapter=OUT:prompt=step` opens: on whole responses, and on
    unfinished ones.

    Raises:
        UsageError: as `train`.
    """
    recipe, folder = recipe or Recipe(), writable(out)
    source, problems, held_out = _problems(corpus, recipe)
    base = _of_steps(None, device, dtype)
    examples = process_examples(problems, np.random.default_rng([recipe.seed, 0]))
    training = fit(base, examples, recipe, folder, progress=progress)
    judge = _of_steps(str(folder), device, dtype)
    whole, unfinished = evaluate(judge, held_out), evaluate_partials(judge, held_out)
    card = Card("process", base.origin.weights, source.name, training, whole, machine(), unfinished)
    write_card(card, folder)
    return card


def _of_steps(adapter: str | None, device: str, dtype: str) -> PromptedJudge:
    """SmolLM2 asked whether what it is shown is right so far."""
    judge = smollm2(adapter=adapter, prompt="step", device=device, dtype=dtype)
    assert isinstance(judge, PromptedJudge)  # the prompt asks for no rating
    return judge


def harden(
    out: str | Path,
    finds: Sequence[Item],
    corpus: str | Corpus = "arithmetic",
    *,
    start: str | Path | None = None,
    recipe: Recipe = GENTLE,
    device: str = "auto",
    dtype: str = "auto",
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Card:
    """Train an adapter further, on finds that it shall reject and on clean responses; leave it and its card in `out`.

    `start` is the adapter's folder, by default the committed referee's.

    Raises:
        UsageError: there are no finds, one of them is on an `eval` problem, or as `train`.
    """
    if not finds:
        raise UsageError("there are no finds to train on; give a run that has some")
    refuse_eval(finds)
    folder = adapter_folder(OWN if start is None else start)
    return _train(out, corpus, recipe, finds, folder, device, dtype, progress)


def _train(
    out: str | Path,
    corpus: str | Corpus,
    recipe: Recipe,
    finds: Sequence[Item],
    start: Path | None,
    device: str,
    dtype: str,
    progress: Callable[[int, int, float], None],
) -> Card:
    folder = writable(out)
    source, problems, held_out = _problems(corpus, recipe)
    base = smollm2(adapter=None if start is None else str(start), device=device, dtype=dtype)
    assert isinstance(base, PromptedJudge)  # it is asked for no rating
    rng = np.random.default_rng([recipe.seed, 0])
    examples = clean_examples(problems, rng)
    if finds:
        examples += [Example(item, 0.0) for item in finds]
        examples = [examples[i] for i in rng.permutation(len(examples))]
    training = fit(base, examples, recipe, folder, finds=len(finds), progress=progress)
    judge = referee(adapter=str(folder), device=device, dtype=dtype)
    card = Card("referee", base.origin.weights, source.name, training, evaluate(judge, held_out), machine())
    write_card(card, folder)
    return card


def writable(out: str | Path) -> Path:
    """A folder that is there and can be written to.

    Raises:
        UsageError: it cannot.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out"
        ) from error
    return folder


def _problems(corpus: str | Corpus, recipe: Recipe) -> tuple[Corpus, list[Problem], list[Problem]]:
    """The corpus, its train problems to train on, and the eval problems that a card is measured on."""
    source = open_corpus(corpus) if isinstance(corpus, str) else corpus
    problems = source.sample(recipe.problems, split="train", seed=recipe.seed)
    return source, problems, source.sample(PROBLEMS, split="eval", seed=SEED)
