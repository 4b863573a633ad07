"""The scoring engine: what a model reads off the end of many token sequences, each shared token computed once.

Sequences go through a prefix tree that outlives the call, and what is new of them through packed passes. A model that
this does not fit (an encoder, attention of its own kind) is found out on first use, by comparing its hidden states with
a plain forward pass, and scored in batches of similar length instead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch

from .packing import Pack, UnpackableError, forward
from .prefixes import Path, Prefixes, Run, Tokens

#: Tokens in one pass. A CPU computes fastest while the activations stay in its caches; a GPU starves on less.
CPU_TOKENS, GPU_TOKENS = 1024, 32768

#: Bytes of keys and values kept between calls, unless told otherwise.
KEPT = 1 << 30

#: After so many passes without running out of memory, a larger one is tried again.
PATIENCE = 64

#: How far the packed pass may be from the plain one when they are compared, relative to the hidden state.
EXACT, ROUNDED = 1e-3, 0.1


class Limit:
    """How many tokens go into one pass: halved when memory runs out, tried larger again later, kept between calls."""

    def __init__(self, most: int, *, patience: int = PATIENCE) -> None:
        self.most = most
        self.tokens = most
        self.patience = patience
        self._passes = 0

    def passed(self) -> None:
        """A pass went well."""
        self._passes += 1
        if self.tokens < self.most and self._passes >= self.patience:
            self.tokens = min(self.most, 2 * self.tokens)
            self._passes = 0

    def failed(self) -> bool:
        """Memory ran out; False if nothing smaller can be tried."""
        self._passes = 0
        if self.tokens == 1:
            return False
        self.tokens = max(1, self.tokens // 2)
        return True


class Engine:
    """Reads values off the last hidden state of token sequences, in whatever batches are fastest.

    Attributes:
        computed: tokens that went through the model so far, padding included.
        limit: tokens of one pass.
        prefixes: keys and values kept from earlier calls.
        causal: whether no token sees what comes after it.
        packs: whether the model takes packed passes; None until it has been tried.
    """

    def __init__(
        self,
        model: Any,
        read: Callable[[torch.Tensor], torch.Tensor] | None,
        *,
        kept: int = KEPT,
        tokens: int | None = None,
    ) -> None:
        """`model` is transformers'; `read` turns `(sequences, width)` last hidden states into a value or a row each.

        With `read=None` the model's own logits are taken, `(sequences, labels)`: what encoders that classify need.
        """
        self.model = model
        self.body = model.base_model
        self.read = read
        self.device: torch.device = next(model.parameters()).device
        self.limit = Limit(tokens or (CPU_TOKENS if self.device.type == "cpu" else GPU_TOKENS))
        self.prefixes = Prefixes(kept)
        self.computed = 0
        self.causal = any(getattr(module, "is_causal", False) for module in self.body.modules())
        self.packs: bool | None = None if read is not None and self.causal else False
        self._weights = self._version()
        self._lock = threading.Lock()

    @torch.inference_mode()
    def score(self, sequences: Sequence[Sequence[int]], *, afresh: bool = False) -> torch.Tensor:
        """What is read off each sequence, in the order given, on the CPU; identical ones are computed once.

        With `afresh`, nothing that earlier calls left behind is used. Sequences are not empty.
        """
        with self._lock:
            self._notice_training()
            unique = sorted({tuple(s) for s in sequences})
            if self.packs is None:
                self.packs = self._packing_is_right()
            if self.packs:
                try:
                    known = self._packed(unique, Prefixes(0) if afresh else self.prefixes)
                except UnpackableError:
                    known = self._bucketed(unique)
            else:
                known = self._bucketed(unique)
        rows = torch.stack([known[s] for s in unique]).cpu() if unique else torch.empty(0)
        places = {s: i for i, s in enumerate(unique)}
        return rows[[places[tuple(s)] for s in sequences]]

    def forget(self) -> None:
        """Drop everything kept between calls."""
        self.prefixes = Prefixes(self.prefixes.budget)

    def padded(self, sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        """What is read off one batch, padded on the right, with whatever gradients are on."""
        lengths = torch.tensor([len(s) for s in sequences])
        ids = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        self.computed += ids.numel()
        # Under a causal mask the last real token never sees the padding: without a mask torch takes a faster path.
        seen = {} if self.causal or bool(mask.all()) else {"attention_mask": mask.to(self.device)}
        if self.read is None:
            logits: torch.Tensor = self.model(input_ids=ids.to(self.device), **seen).logits
            return logits.float()
        states = self.body(input_ids=ids.to(self.device), **seen, **self._without_cache()).last_hidden_state
        return self.read(states[torch.arange(len(sequences)), lengths - 1])

    def _without_cache(self) -> dict[str, bool]:
        return {"use_cache": False} if hasattr(self.body.config, "use_cache") else {}

    def _packed(self, unique: Sequence[Tokens], prefixes: Prefixes) -> dict[Tokens, torch.Tensor]:
        """Values by sequence, by packed passes; the prefix tree keeps what its budget allows."""
        runs = prefixes.begin(unique)
        values: dict[Tokens, torch.Tensor] = {}
        done = 0
        try:
            while done < len(runs):
                part = runs[done : done + _fitting(runs[done:], self.limit.tokens)]
                try:
                    pack = Pack(part, self.device)
                    read = self._read(forward(self.body, pack))
                    self._keep(prefixes, part, runs[done + len(part) :], pack)
                except (RuntimeError, MemoryError) as error:
                    self._make_room(error, prefixes)
                    continue
                self.computed += pack.total
                self.limit.passed()
                values.update(zip(unique[done : done + len(part)], read, strict=True))
                done += len(part)
        finally:
            for path in [run.path for run in reversed(runs) if run.path is not None]:
                if path.cache is None:
                    prefixes.drop(path)
            prefixes.end()
        return values

    def _read(self, states: torch.Tensor) -> torch.Tensor:
        assert self.read is not None
        return self.read(states)

    def _keep(self, prefixes: Prefixes, part: Sequence[Run], later: Sequence[Run], pack: Pack) -> None:
        """Hand the new keys and values to the tree: all of them if there is room, else those that are still needed."""
        caches = pack.caches()
        waiting = {run.before for run in later}
        each = caches[..., :1, :].numel() * caches.element_size()
        prefixes.trim(prefixes.budget - pack.new * each)
        room = prefixes.budget - prefixes.bytes
        kept: list[tuple[Path, torch.Tensor]] = []
        for run, first in zip(part, pack.firsts, strict=True):
            size = len(run.tokens) * each
            if run.path is not None and (run.path.after or run.path in waiting or size <= room):
                kept.append((run.path, caches[..., first : first + len(run.tokens), :].clone()))
                room -= size
        for path, own in kept:  # from here on nothing can run out of memory
            prefixes.keep(path, own)

    def _make_room(self, error: Exception, prefixes: Prefixes) -> None:
        """After running out of memory: smaller passes and a smaller tree. Any other error goes on its way."""
        if not out_of_memory(error) or not self.limit.failed():
            raise error
        prefixes.trim(prefixes.bytes // 2)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _bucketed(self, unique: Sequence[Tokens]) -> dict[Tokens, torch.Tensor]:
        """Values by sequence, in padded batches of similar length."""
        ordered = sorted(unique, key=lambda s: (len(s), s))
        values: dict[Tokens, torch.Tensor] = {}
        while len(values) < len(ordered):
            batch = bucket(ordered[len(values) :], self.limit.tokens)
            try:
                values.update(zip(batch, self.padded(batch), strict=True))
            except (RuntimeError, MemoryError) as error:
                self._make_room(error, self.prefixes)
            else:
                self.limit.passed()
        return values

    def _packing_is_right(self) -> bool:
        """Whether packed passes, with and without what they cached, give the hidden states of a plain pass."""
        vocabulary = self.body.get_input_embeddings().num_embeddings
        ids = [(7919 * place + 11) % vocabulary for place in range(28)]
        probes = [tuple(ids[:24]), tuple(ids[:17] + ids[20:28]), tuple(ids[:9] + ids[12:20])]
        exact = next(self.body.parameters()).dtype in (torch.float32, torch.float64)
        read, self.read = self.read, lambda states: states.float()
        try:
            prefixes = Prefixes(KEPT)
            packed = self._packed(probes[:1], prefixes) | self._packed(sorted(probes[1:]), prefixes)
            plain = {probe: self.padded([probe])[0] for probe in probes}
        except (UnpackableError, TypeError, ValueError, KeyError, AttributeError, NotImplementedError):
            return False
        finally:
            self.read = read
            self.computed = 0
        return all(
            float((packed[p] - plain[p]).norm() / plain[p].norm()) < (EXACT if exact else ROUNDED) for p in probes
        )

    def _version(self) -> tuple[int, int]:
        """Changes when the model is trained: torch counts the changes of every tensor made in place."""
        parameters = [p for p in self.body.parameters() if not p.is_inference()]
        return len(parameters), sum(p._version for p in parameters)

    def _notice_training(self) -> None:
        version = self._version()
        if version != self._weights:
            self._weights = version
            self.forget()


def _fitting(runs: Sequence[Run], limit: int) -> int:
    """How many of the runs go into the next pass: at least one, and no more in one pass than in the others."""
    total = sum(len(run.tokens) for run in runs)
    share = total / max(1, -(-total // limit))
    tokens = 0
    for count, run in enumerate(runs):
        more = len(run.tokens)
        if count and (tokens + more > limit or tokens + more / 2 > share):
            return count
        tokens += more
    return len(runs)


def bucket(ordered: Sequence[Tokens], limit: int) -> list[Tokens]:
    """The first sequences, sorted by length, that fit into `limit` tokens with their padding; at least one."""
    count = 1
    while count < len(ordered) and (count + 1) * len(ordered[count]) <= limit:
        count += 1
    return list(ordered[:count])


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "out of memory" in str(error).lower() or "can't allocate memory" in str(error).lower()
