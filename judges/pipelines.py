"""Judges made of a transformers pipeline: text classification (sentiment, reward models) and text generation."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch

from ..corpora.errors import JudgeError, UsageError
from ..corpora.identity import describe
from ..corpora.records import Item, Verdict
from .judge import Judge, logit, sigmoid, too_long
from .labels import Labels
from .prompts import Prompt, conversation, load_prompt
from .replies import Reply, read_rating, read_text, verdict_on
from .vocabulary import text_pieces


def from_pipeline(
    pipeline: Any,
    *,
    name: str = "",
    threshold: float = 0.5,
    accept: str | None = None,
    prompt: str | None = None,
    scale: str | None = None,
) -> Judge:
    """A judge around a pipeline for `text-classification` or `text-generation`, asked as it was made, but never to cut.

    `prompt` is a prompt by name (see `load_prompt`), or a Jinja file of the user's with `question`, `reference` and
    `response`. What a text-generation pipeline writes is read as a rating if the prompt asks for one, or has a `scale`.

    Raises:
        UsageError: another kind of pipeline, a prompt that cannot be read, labels of which none plainly means accept,
            or a threshold that is not inside (0, 1).
    """
    if not 0 < threshold < 1:
        raise UsageError(f"threshold {threshold} is not between 0 and 1")
    kinds = {kind.__name__ for kind in type(pipeline).__mro__}
    name = name or f"pipeline:{getattr(pipeline.model.config, '_name_or_path', '') or type(pipeline.model).__name__}"
    loaded = None if prompt is None and scale is None else load_prompt(prompt or "grade", scale=scale)
    if "TextClassificationPipeline" in kinds:
        if scale is not None:
            raise UsageError(
                f"scale={scale!r:.40} is for what a model writes, and a classifier has labels; leave it out"
            )
        return ClassifierJudge(pipeline, name=name, threshold=threshold, accept=accept, prompt=loaded)
    if "TextGenerationPipeline" not in kinds:
        task = getattr(pipeline, "task", "") or type(pipeline).__name__
        raise UsageError(f"{task} is no task for a judge; give a text-classification or text-generation pipeline")
    if accept is not None:
        raise UsageError(f"accept={accept!r:.40} names a label, and a text-generation pipeline has none; leave it out")
    return GeneratorJudge(pipeline, name=name, threshold=threshold, prompt=loaded or load_prompt("match"))


class _PipelineJudge(ABC):
    """What judges around a pipeline share: one text for each item, of which those that fit are read."""

    #: How tokenizer and pipeline are told which marks the text has already.
    marks: dict[str, bool]

    def __init__(self, pipeline: Any, name: str, threshold: float, template: Prompt) -> None:
        self.pipeline = pipeline
        self.name = name
        self.threshold = threshold
        self.template = template
        positions = getattr(pipeline.model.config, "max_position_embeddings", None) or 1 << 30
        #: The most tokens that the model reads.
        self.context = int(min(positions, pipeline.tokenizer.model_max_length))

    @abstractmethod
    def prompt(self, item: Item) -> str:
        """Exactly what the model reads for an item, before its tokenizer adds its marks."""

    def pieces(self) -> Sequence[str]:
        """See `HasPieces`."""
        return self._pieces

    @cached_property
    def _pieces(self) -> tuple[str, ...]:
        return tuple(text_pieces(self.pipeline.tokenizer))

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`. What is longer than the model's context is unread, not cut."""
        texts = [self.prompt(item) for item in items]
        lengths = [len(ids) for ids in self._encoded(texts)] if texts else []
        fitting = [text for text, length in zip(texts, lengths, strict=True) if length <= self.context]
        read = iter(self._read(fitting) if fitting else [])
        return [next(read) if length <= self.context else too_long(length, self.context) for length in lengths]

    def _encoded(self, texts: list[str]) -> list[list[int]]:
        """Token ids as the pipeline will make them."""
        ids: list[list[int]] = self.pipeline.tokenizer(texts, **self.marks)["input_ids"]
        return ids

    @abstractmethod
    def _read(self, texts: list[str]) -> list[Verdict]:
        """Verdicts on texts that fit."""


class ClassifierJudge(_PipelineJudge):
    """A `text-classification` pipeline; the score is the probability of the label that accepts.

    Which label that is follows from the model's own where it is plain: `yes`, `true` or `correct` beside `no`, `false`
    or `incorrect`; `LABEL_1` beside `LABEL_0`. Else `accept` names it. With several labels the score is its softmax, or
    its sigmoid where the model says that labels do not exclude one another; a single label (a reward) is read by its
    sigmoid. The margin is the log-odds of the score, from logits, shifted so that the threshold lies at 0.

    The model reads the request of the prompt as one text. A reward model (one label) with a chat template reads the
    question as the user's turn and the response as the assistant's instead, unless a prompt is given; it is then not
    shown the reference.
    """

    def __init__(
        self, pipeline: Any, *, name: str, threshold: float, accept: str | None, prompt: Prompt | None
    ) -> None:
        """
        Raises:
            UsageError: no label plainly means accept, or `accept` is none of them.
        """
        super().__init__(pipeline, name, threshold, prompt or load_prompt("match"))
        config = pipeline.model.config
        self.labels = Labels(config, accept, name)
        self.chats = prompt is None and len(self.labels.names) == 1 and bool(pipeline.tokenizer.chat_template)
        self.marks = {} if not self.chats else {"add_special_tokens": False}  # a chat template writes them itself
        self.fingerprint = _fingerprint(
            pipeline,
            threshold,
            self.labels.names,
            self.labels.accept,
            self.chats,
            self.template.fingerprint,
            config.problem_type,
        )

    def prompt(self, item: Item) -> str:
        """Exactly what the model reads for an item, before its tokenizer adds its marks."""
        if not self.chats:
            return self.template.request(item, self.pipeline.tokenizer)
        return conversation(item, self.pipeline.tokenizer)

    def _read(self, texts: list[str]) -> list[Verdict]:
        rows = self.pipeline(texts, top_k=None, function_to_apply="none", truncation=False, **self.marks)
        return [self._verdict({entry["label"]: entry["score"] for entry in row}) for row in rows]

    def _verdict(self, logits: dict[str, float]) -> Verdict:
        row = torch.tensor([[logits[label] for label in self.labels.names]], dtype=torch.float64)
        odds = float(self.labels.log_odds(row))
        margin = odds - logit(self.threshold)
        return Verdict(sigmoid(odds), margin, margin >= 0)


class GeneratorJudge(_PipelineJudge):
    """A `text-generation` pipeline; what it writes is read strictly, see `replies`: yes or no, or a rating.

    The prompt is put into the tokenizer's chat format, if it has one, and the pipeline is called with its own settings:
    make it with `do_sample=False` and a small `max_new_tokens`, or verdicts waver and take long.
    """

    #: Replies take long, and each batch is committed when it is done.
    batch = 16

    def __init__(self, pipeline: Any, *, name: str, threshold: float, prompt: Prompt) -> None:
        super().__init__(pipeline, name, threshold, prompt)
        self.context -= 1  # a token has to be written
        self.marks = {"add_special_tokens": not pipeline.tokenizer.chat_template}  # a chat template writes them itself
        self.fingerprint = _fingerprint(pipeline, threshold, prompt.fingerprint)

    def prompt(self, item: Item) -> str:
        """Exactly what the model reads for an item."""
        return self.template.render(item, self.pipeline.tokenizer)

    def _read(self, texts: list[str]) -> list[Verdict]:
        rows = self.pipeline(texts, return_full_text=False, truncation=False, **self.marks)
        return [verdict_on(self._written(row), self.threshold) for row in rows]

    def _written(self, sequences: list[dict[str, Any]]) -> Reply:
        if len(sequences) != 1:
            raise JudgeError(f"judge {self.name} wrote {len(sequences)} replies at once; set num_return_sequences=1")
        text = str(sequences[0]["generated_text"])
        scale = self.template.scale
        return Reply(read_text(text) if scale is None else read_rating(text, scale), text)


def _fingerprint(pipeline: Any, *settings: Any) -> str:
    """What the pipeline's verdicts follow from: its model's weights, its tokenizer and the settings it was made with.

    Weights are known by samples of each matrix (`identity`): whatever trains them changes these.
    """
    tokenizer = pipeline.tokenizer
    inner = getattr(tokenizer, "backend_tokenizer", None)
    generation = getattr(pipeline.model, "generation_config", None)
    # Under which names a pipeline keeps what it was made with differs from release to release; all of them are dicts.
    settings_of = {name: value for name, value in vars(pipeline).items() if isinstance(value, dict)}
    told = (
        type(pipeline.model).__name__,
        str(pipeline.model.dtype),
        describe(pipeline.model),
        inner.to_str() if inner is not None else str(sorted(tokenizer.get_vocab().items())),
        str(tokenizer.chat_template),
        generation.to_json_string() if generation is not None else "",
        describe(settings_of),
        settings,
    )
    return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()[:16]
