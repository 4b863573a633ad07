"""Reward models and other sequence classifiers as judges: decoders and encoders, of one label or several."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..corpora.errors import UsageError
from ..corpora.records import Item
from .devices import choose
from .hub import CLASSIFIER, Source, opened, with_options
from .labels import Labels
from .local import LocalJudge, Located
from .origin import ADAPTER_FILE, adapter_folder
from .prompts import Prompt, conversation, defuse, load_prompt
from .readout import labels_of
from .vocabulary import special_texts

#: How a folder's model wants to be asked, where `hoodwink train` made it: `{"reference": true}`.
OPTIONS_FILE = "hoodwink.json"


class RewardJudge(LocalJudge):
    """A sequence classifier that reads question and response; its logits are the verdict.

    A single label is a reward: the margin is the model's own number, less the log-odds of the threshold (so the
    threshold of 0.5 lies at a reward of 0), and the score, for display, its sigmoid. Of several labels one accepts, see
    `Labels`: the score is its probability. `threshold` is in units of the score.

    The model reads the conversation by its tokenizer's chat format, the question as the user's turn (with `reference`,
    the reference answer too) and the response as the assistant's. Without a chat format an encoder reads them as its
    pair of texts, and a decoder one behind the other (the prompt `pair`). With a `prompt` either reads that as one
    text, which may show the reference.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        weights: str,
        threshold: float = 0.5,
        accept: str | None = None,
        prompt: Prompt | None = None,
        reference: bool = False,
    ) -> None:
        """`model` is transformers' `...ForSequenceClassification`; `weights` identifies its weights.

        Raises:
            UsageError: no label plainly means accept, the prompt asks for a rating, the tokenizer pairs texts in a way
                that is not known here, the threshold is not inside (0, 1), or there is a `reference` and no chat.
        """
        if prompt is not None and prompt.scale is not None:
            raise UsageError(f"the prompt of {name} asks for a rating, and a classifier writes nothing; take another")
        self.labels = Labels(model.config, accept, name)
        read = labels_of(model)
        self.chats = prompt is None and bool(tokenizer.chat_template)
        self.reference = reference
        if reference and not self.chats:
            raise UsageError(
                f"reference=True of {name} needs a chat format and no prompt; let a prompt show the reference"
            )
        self.pairs = prompt is None and not self.chats and read is None
        self.marked = not self.chats
        self.template = prompt or load_prompt("pair")
        super().__init__(model, tokenizer, read, name=name, threshold=threshold)
        if "token_type_ids" in tokenizer.model_input_names and getattr(model.config, "type_vocab_size", 0) > 1:
            self._tell_texts_apart()
        #: transformers' decoders read the last token that is no padding, also where the text itself ends in that.
        self._padding = None if read is None else model.config.get_text_config().pad_token_id
        chat = "chat with reference" if reference else "chat"
        shown = chat if self.chats else "pair of texts" if self.pairs else self.template.fingerprint
        identity = (weights, shown, threshold, str(self.dtype), self.labels.names, self.labels.accept)
        self.fingerprint = hashlib.sha256(repr((*identity, self.labels.exclusive)).encode()).hexdigest()[:16]

    def _tell_texts_apart(self) -> None:
        """Have the engine say of each token which text it is of: behind the first separator stands the second text."""
        separator = self.tokenizer.sep_token_id

        def segments(ids: Sequence[int]) -> list[int]:
            first = list(ids).index(separator) + 1 if separator in ids else len(ids)
            return [0] * first + [1] * (len(ids) - first)

        known = self.tokenizer("a", "b" if self.pairs else None)
        if segments(known["input_ids"]) != known["token_type_ids"]:
            raise UsageError(f"the tokenizer of {self.name} tells texts apart in a way of its own; write a prompt=FILE")
        self.engine.segments = segments

    def log_odds(self, values: torch.Tensor) -> torch.Tensor:
        """See `LocalJudge.log_odds`: of the label that accepts."""
        return self.labels.log_odds(values[:, 0])

    @property
    def context(self) -> int:
        """The most tokens that the model reads; of an encoder, also what its tokenizer says of it."""
        if self.engine.causal:
            return super().context
        embedded = getattr(getattr(self.engine.body, "embeddings", None), "position_embeddings", None)
        padding = getattr(embedded, "padding_idx", None)  # RoBERTa counts positions from behind the padding's
        return int(min(super().context - (0 if padding is None else padding + 1), self.tokenizer.model_max_length))

    def prompt(self, item: Item) -> str:
        """What the model reads for an item, before its tokenizer adds its marks; of a pair a text a line."""
        if self.chats:
            return conversation(item, self.tokenizer, reference=self.reference)
        return "\n".join(self._pair(item)) if self.pairs else self.template.request(item, self.tokenizer)

    def _pair(self, item: Item) -> tuple[str, str]:
        specials = special_texts(self.tokenizer)
        return defuse(item.problem.question, specials), defuse(item.response, specials)

    def encode(self, items: Sequence[Item]) -> list[list[int]]:
        """Token ids of what the model reads for each item."""
        if not items:
            return []
        if not self.pairs:
            return [self._read_up_to(ids) for ids in super().encode(items)]
        questions, responses = zip(*map(self._pair, items), strict=True)
        ids: list[list[int]] = self.tokenizer(list(questions), list(responses))["input_ids"]
        return ids

    def _read_up_to(self, ids: list[int]) -> list[int]:
        """The tokens up to the one that the model reads."""
        end = len(ids)
        while self._padding is not None and end > 1 and ids[end - 1] == self._padding:
            end -= 1
        return ids[:end]

    def locate(self, item: Item) -> Located:
        """See `LocalJudge.locate`."""
        if not self.pairs:
            found = super().locate(item)
            return found._replace(ids=self._read_up_to(found.ids))
        question, response = self._pair(item)
        # Lists, since a single second text that is empty would be taken for none.
        encoded = self.tokenizer([question], [response], return_offsets_mapping=True)
        offsets = zip(encoded["offset_mapping"][0], encoded.sequence_ids(0), strict=True)
        places = [span if text == 1 else (0, 0) for span, text in offsets]
        return Located(encoded["input_ids"][0], places, response, 0, len(response))


def from_hub(
    path: str,
    *,
    adapter: str | None = None,
    accept: str | None = None,
    prompt: str | None = None,
    reference: bool | None = None,
    threshold: float = 0.5,
    revision: str | None = None,
    trust_remote_code: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
) -> RewardJudge:
    """`reward:ORG/MODEL`: a reward model or sequence classifier from the Hugging Face hub or a folder.

    `accept` names the label that accepts where that is not plain. `prompt` is a prompt by name or a Jinja file, to show
    the reference too. `reference` puts the reference into the user's turn of a chat; the folders that `hoodwink train
    --kind reward` leaves say so themselves. `adapter` is a folder with a LoRA adapter for the model.

    Raises:
        UsageError: there is no such model, it cannot be loaded or is no classifier, or adapter or labels do not fit.
    """
    where, kind = choose(device, dtype, threads)
    shown = None if prompt is None else load_prompt(prompt)
    told = _told(path) and prompt is None
    says = told if reference is None else reference
    source = Source("reward", path, revision, None, trust_remote_code, None if adapter is None else _labels_of(adapter))
    # A name says what its folder does not.
    other = None if says == told else str(says)
    name = with_options(source.name, prompt=prompt, accept=accept, reference=other)
    model, origin = opened(source, where, kind, head=CLASSIFIER, name=name, adapter=adapter)
    return RewardJudge(
        model,
        source.tokenizer,
        name=with_options(name, adapter=adapter),
        weights=origin.identity(),
        threshold=threshold,
        accept=accept,
        prompt=shown,
        reference=says,
    )


def _told(path: str) -> bool:
    """Whether a folder says of its model that it was trained to read the reference.

    Raises:
        UsageError: what it says cannot be read.
    """
    file = Path(path) / OPTIONS_FILE
    if not file.is_file():
        return False
    try:
        options = json.loads(file.read_text("utf-8"))
        known = isinstance(options, dict) and set(options) <= {"reference"}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}; train the model again, or delete the file") from error
    if not known or not isinstance(said := options.get("reference", False), bool):
        raise UsageError(f'{file} holds {options!r:.60}; write {{"reference": true}}, or delete the file')
    return said


def _labels_of(adapter: str | Path) -> int | None:
    """How many labels the head has that an adapter brings, if it brings one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(adapter_folder(adapter) / ADAPTER_FILE, "pt") as file:
            heads = [key for key in file.keys() if key.endswith((".score.weight", ".classifier.weight"))]  # noqa: SIM118
            return int(file.get_slice(heads[0]).get_shape()[0]) if heads else None
    except (SafetensorError, OSError):  # whoever opens the adapter says what is wrong with it
        return None
