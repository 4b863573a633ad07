"""The scoring engine: what a model reads off the end of many token sequences, each shared token computed once.

Sequences go through a prefix tree that outlives the call, and what is new of them through packed passes. A model that
this does not fit (an encoder, attention of its own kind) is found out on first use, by comparing its hidden states with
a plain forward pass, and scored in batches of similar length instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from .packing import IN_USE, Pack, UnpackableError, forward
from .prefixes import Path, Prefixes, Run, Tokens
from .readout import is_causal, text_config

#: Tokens in one pass. A CPU computes fastest while the activations stay in its caches; a GPU starves on less.
CPU_TOKENS, GPU_TOKENS = 1024, 32768

#: Bytes of keys and values kept between calls, unless told otherwise.
KEPT = 1 << 30

#: After so many passes without running out of memory, a larger one is tried again.
PATIENCE = 64

#: How far the packed pass may be from the plain one when they are compared, relative to the hidden state.
EXACT, ROUNDED = 1e-3, 0.1


class Readout(Protocol):
    """What is made of the last token's hidden state, `(sequences, width)`, or of the model's own logits there."""

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor: ...
    def of_logits(self, logits: torch.Tensor) -> torch.Tensor: ...


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

    def failed(self, tokens: int) -> None:
        """Memory ran out with so many tokens."""
        self._passes = 0
        self.tokens = max(1, min(self.tokens, tokens) // 2)


class Engine:
    """Reads values off the last hidden state of token sequences, in whatever batches are fastest.

    Attributes:
        computed: tokens that went through the model so far, padding included.
        limit: tokens of one pass.
        prefixes: keys and values kept from earlier calls.
        causal: whether no token sees what comes after it.
        packs: whether the model takes packed passes; None until it has been tried.
        reach: sequences up to this length are packed; beyond it, positions or attention are of another kind.
        reads_states: whether the readout of hidden states agrees with the model's own logits, which are taken if not.

    Weights may be trained between calls: changes in place are noticed, also of adapters. Call `forget` after writing to
    `.data` or replacing weights otherwise.
    """

    def __init__(
        self,
        model: Any,
        read: Readout | None,
        *,
        budget: int = KEPT,
        tokens: int | None = None,
        segments: Callable[[Sequence[int]], list[int]] | None = None,
    ) -> None:
        """`model` is transformers'; `budget` is in bytes; `tokens` go into one pass at most.

        `segments` says of a sequence which of its texts each token is of, where an encoder reads several.

        With `read=None` the model's own logits are taken, `(sequences, labels)`: what encoders that classify need.
        """
        self.model = model
        self.body = model.base_model
        self.read = read
        self.segments = segments
        self.device: torch.device = next(model.parameters()).device
        self.limit = Limit(tokens or (CPU_TOKENS if self.device.type == "cpu" else GPU_TOKENS))
        self.prefixes = Prefixes(budget)
        self.computed = 0
        self.causal = is_causal(model)
        self.packs: bool | None = None if read is not None else False
        self.reads_states = read is not None
        self.reach = _reach(self.body.config)
        self._weights = self._version()

    @torch.inference_mode()
    def score(self, sequences: Sequence[Sequence[int]], *, afresh: bool = False) -> torch.Tensor:
        """What is read off each sequence, in the order given, on the CPU; identical ones are computed once.

        With `afresh`, nothing that earlier calls left behind is used.

        Raises:
            ValueError: a sequence is empty.
        """
        unique = sorted({tuple(s) for s in sequences})
        if not unique:
            return torch.empty(0)
        if not unique[0]:
            raise ValueError("a sequence without tokens has no last hidden state")
        with IN_USE:
            self._notice_training()
            if self.packs is None:
                self._try_out()
            far = [s for s in unique if not self.packs or len(s) > self.reach]
            near = [s for s in unique if self.packs and len(s) <= self.reach]
            known = self._bucketed(far) | (self._near(near, afresh) if near else {})
        rows = torch.stack([known[s] for s in unique]).cpu()
        places = {s: i for i, s in enumerate(unique)}
        return rows[[places[tuple(s)] for s in sequences]]

    def _near(self, unique: Sequence[Tokens], afresh: bool) -> dict[Tokens, torch.Tensor]:
        """Values by packed passes.

        The tree is put back only when all went well, or wrong in an orderly way: an interrupt may strike between any
        two lines, and a tree that it leaves half changed is dropped.
        """
        kept, self.prefixes = self.prefixes, Prefixes(self.prefixes.budget)
        tree = Prefixes(0) if afresh else kept
        try:
            assert self.read is not None
            known = self._packed(unique, tree, kept, self.read)
        except UnpackableError:
            known = self._bucketed(unique)
        except Exception:
            self.prefixes = kept
            raise
        self.prefixes = kept
        return known

    def packable(self) -> bool:
        """Whether the model takes packed passes and is read by its hidden states; tried out if nobody knows yet."""
        if self.packs is None:
            with torch.no_grad(), IN_USE:
                self._try_out()
        return bool(self.packs)

    def forget(self) -> None:
        """Drop everything kept between calls.

        At once: the paths of the tree hold one another, and without `trim` would wait for Python's collector.
        """
        self.prefixes.trim(0)
        self.prefixes = Prefixes(self.prefixes.budget)

    def padded(self, sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        """What is read off one batch, padded on the right, with whatever gradients are on."""
        states, last, logits = self._plain(sequences, whole=not self.reads_states)
        values: torch.Tensor = logits
        if self.read is not None:
            values = self.read(states[last]) if self.reads_states else self.read.of_logits(_at(last, logits))
        return values.float()

    def _plain(self, sequences: Sequence[Sequence[int]], *, whole: bool) -> tuple[Any, Any, Any]:
        """Hidden states of a padded batch, where its sequences end in them, and with `whole` the model's logits."""
        lengths = torch.tensor([len(s) for s in sequences])
        padding = getattr(self.model.config, "pad_token_id", None) or 0
        ids = torch.full((len(sequences), int(lengths.max())), padding)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        self.computed += ids.numel()
        # Under a causal mask the last real token never sees the padding: without a mask torch takes a faster path.
        seen = {} if (self.causal and not whole) or bool(mask.all()) else {"attention_mask": mask.to(self.device)}
        seen |= self.texts_of(sequences)
        last = (torch.arange(len(sequences)), lengths - 1)
        if whole:
            return None, last, self.model(input_ids=ids.to(self.device), **seen).logits
        return self.body(input_ids=ids.to(self.device), **seen, **self._without_cache()).last_hidden_state, last, None

    def texts_of(self, sequences: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        """What the model is told of which text each token of a padded batch is of; nothing for most models."""
        if self.segments is None:
            return {}
        longest = max(map(len, sequences))
        rows = [self.segments(s) + [0] * (longest - len(s)) for s in sequences]
        return {"token_type_ids": torch.tensor(rows, device=self.device)}

    def _without_cache(self) -> dict[str, bool]:
        return {"use_cache": False} if hasattr(self.body.config, "use_cache") else {}

    def _packed(
        self, unique: Sequence[Tokens], tree: Prefixes, kept: Prefixes, read: Callable[[torch.Tensor], torch.Tensor]
    ) -> dict[Tokens, torch.Tensor]:
        """What `read` makes of each sequence's last hidden state, by packed passes.

        The tree keeps what its budget allows, and `kept` gives way to it when memory runs out.
        """
        runs = tree.begin(unique)
        values: list[torch.Tensor] = []
        try:
            while len(values) < len(runs):
                left = runs[len(values) :]
                part = left[: _fitting(left, self.limit.tokens)]
                done = self._pass(tree, part, left[len(part) :], read)
                if isinstance(done, str):
                    self._make_room(done, sum(len(run.tokens) for run in part), len(part), (tree, kept))
                else:
                    values += done
        finally:
            for path in [run.path for run in reversed(runs) if run.path is not None]:
                if path.cache is None:
                    tree.drop(path)
            tree.end()
        return dict(zip(unique, values, strict=True))

    def _pass(
        self, tree: Prefixes, part: Sequence[Run], later: Sequence[Run], read: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor | str:
        """One pass over some runs; what went wrong if memory ran out, with nothing of the pass still held."""
        try:
            pack = Pack(part, self.device)
            values = read(forward(self.body, pack))
            self._keep(tree, part, later, pack)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            return str(error)
        self.computed += pack.total
        self.limit.passed()
        return values

    def _keep(self, tree: Prefixes, part: Sequence[Run], later: Sequence[Run], pack: Pack) -> None:
        """Hand the new keys and values to the tree: all of them if there is room, else those that are still needed."""
        waiting = {run.before for run in later}
        each = pack.bytes_of_a_token()
        tree.trim(tree.budget - pack.new * each)
        room = tree.budget - tree.bytes
        chosen: list[tuple[Path, int]] = []
        for run, first in zip(part, pack.firsts, strict=True):
            size = len(run.tokens) * each
            if run.path is not None and (run.path.after or run.path in waiting or size <= room):
                chosen.append((run.path, first))
                room -= size
        if not chosen:
            return
        caches = pack.caches()
        owned = [(path, caches[..., first : first + len(path.tokens), :].clone()) for path, first in chosen]
        for path, cache in owned:  # from here on nothing can run out of memory
            tree.keep(path, cache)

    def _make_room(self, error: str, tokens: int, count: int, trees: Sequence[Prefixes]) -> None:
        """After a pass that ran out of memory: smaller trees and a smaller pass. One sequence gets a second chance.

        Raises:
            torch.OutOfMemoryError: a pass over one sequence, with nothing cached that could go, is still too large.
        """
        before = sum(tree.bytes for tree in trees)
        for tree in trees:
            tree.trim(tree.bytes // 2 if count > 1 else 0)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if count > 1:
            self.limit.failed(tokens)
        elif sum(tree.bytes for tree in trees) == before:
            raise torch.OutOfMemoryError(error)

    def _bucketed(self, unique: Sequence[Tokens]) -> dict[Tokens, torch.Tensor]:
        """Values by sequence, in padded batches of similar length."""
        ordered = sorted(unique, key=lambda s: (len(s), s))
        values: dict[Tokens, torch.Tensor] = {}
        while len(values) < len(ordered):
            batch = bucket(ordered[len(values) :], self.limit.tokens)
            if self.read is None and getattr(self.model.config, "pad_token_id", None) is None:
                batch = batch[:1]  # the model could not tell where a padded sequence ends
            error = ""
            try:
                values.update(zip(batch, self.padded(batch), strict=True))
            except (RuntimeError, MemoryError) as failure:
                if not out_of_memory(failure):
                    raise
                error = str(failure) or "out of memory"
            if error:
                self._make_room(error, len(batch) * len(batch[-1]), len(batch), (self.prefixes,))
            else:
                self.limit.passed()
        return values

    def _try_out(self) -> None:
        """Find out what the model allows: reading hidden states, and packed passes with and without a cache."""
        assert self.read is not None
        computed = self.computed
        probes = _probes(self.body.get_input_embeddings().num_embeddings)
        exact = next(self.body.parameters()).dtype in (torch.float32, torch.float64)
        plain = {probe: self._plain([probe], whole=False)[0][0, -1].float() for probe in probes}
        logits = self._plain(probes[:1], whole=True)[2]
        own = self.read.of_logits(_at((0, [-1]), logits))
        read = self.read(plain[probes[0]][None])
        scale = float(own.abs().max()) + 1
        self.reads_states = float((read - own).abs().max()) < scale * (EXACT if exact else ROUNDED)
        fits = self.reads_states and self.causal and _is_all_attention(self.body)
        self.packs = fits and self._packs_right(plain, EXACT if exact else ROUNDED)
        self.computed = computed

    def _packs_right(self, plain: dict[Tokens, torch.Tensor], tolerance: float) -> bool:
        """Whether packed hidden states are those of plain passes, over one tree that fills as it would in use."""
        tree = Prefixes(KEPT)
        first, *rest = plain
        states: dict[Tokens, torch.Tensor] = {}
        try:
            for call in ([first], sorted(rest)):
                states |= self._packed(call, tree, tree, lambda hidden: hidden.float())
        except Exception as error:  # a model's attention can be anything, and fail in any way
            if out_of_memory(error):
                raise
            return False
        return all(float((states[p] - plain[p]).norm() / plain[p].norm()) < tolerance for p in plain)

    def _version(self) -> tuple[object, ...]:
        """Changes when the model is trained: torch counts the changes of every tensor made in place."""
        weights = [p for p in self.model.parameters() if not p.is_inference()]
        adapters = [m.disable_adapters for m in self.model.modules() if hasattr(m, "disable_adapters")]
        return sum(p._version for p in weights), sum(p.data_ptr() for p in weights), len(weights), str(adapters)

    def _notice_training(self) -> None:
        version = self._version()
        if version != self._weights:
            self._weights = version
            self.forget()


def _probes(vocabulary: int) -> list[Tokens]:
    """Sequences that share beginnings, some but for one token, and one that others are beginnings of."""
    ids = [(7919 * place + 11) % vocabulary for place in range(28)]
    return [tuple(ids[:24]), tuple(ids[:25]), tuple(ids[:17] + ids[20:28]), tuple(ids[:17] + ids[20:27]),
            tuple(ids[:9] + ids[12:20]), tuple(ids[:12])]  # fmt: skip


def _at(places: Any, logits: torch.Tensor) -> torch.Tensor:
    """The logits at some places of the sequences, or those of a classifier, which has one row a sequence."""
    return logits[places] if logits.dim() == 3 else logits


def _is_all_attention(body: Any) -> bool:
    """Whether tokens meet in attention alone: not in a convolution, nor in a state that is handed on."""
    kinds = set(getattr(text_config(body.config), "layer_types", None) or ())
    convolves = any(isinstance(module, torch.nn.Conv1d) for module in body.modules())
    return kinds <= {"full_attention", "sliding_attention"} and not convolves


def _reach(config: Any) -> int:
    """The length up to which every token sees all before it, by positions that do not depend on the length."""
    config = text_config(config)
    limits = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    rope = str(getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or "")
    if "dynamic" in rope or "longrope" in rope:
        found = re.search(r"'original_max_position_embeddings': (\d+)", rope)
        own = getattr(config, "original_max_position_embeddings", None)
        limits.append(own or (int(found[1]) if found else config.max_position_embeddings))
    return min((int(limit) for limit in limits if limit), default=1 << 62)


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
    said = str(error).lower()
    return any(words in said for words in ("out of memory", "allocate memory", "enough memory", "alloc_failed"))
