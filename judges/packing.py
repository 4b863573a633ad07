"""One forward pass over the new tokens of many sequences, packed end to end without padding.

The linear layers, where the time goes, see each token once. Attention is where the sequences matter: every token looks
at the whole way from the root of the prefix tree to itself, be it cached or computed in the same pass (tree attention
as in SpecInfer, arXiv 2305.09781). Sequences of similar shape go through attention together, padded.

On a CPU the attention is made of plain matrix products over keys in the order of their positions. Torch's fused kernel
is slower there on short rows, and this way a hidden state is nearly always the same to the last bit whichever tokens
were cached and whatever else is in the pass, where the processor's matrix product treats its rows alike (bf16 on x86).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

from .prefixes import Path, Run

#: Rows in a pass, padded up to here: fewer take other kernels, with other roundings.
FEWEST = 16

#: Merging two groups saves about the time of so many cells of an attention matrix.
WORTH = 8192

#: Queries of one run that are computed together: more would compute more of the half that a causal mask throws away.
STRETCH = 64

#: Cells of a group's attention matrix, and keys copied for it, at most (a group has at least one run).
LARGEST, KEYS = 1 << 20, 1 << 18

#: Keys from which the fused kernel is taken on a CPU too.
LONG = 2048

#: The name under which transformers finds `attend`.
NAME = "hoodwink_packed"


class UnpackableError(Exception):
    """The model's attention is of a kind that this module does not do."""


class Group:
    """Runs whose attention is computed together: `rows` queries each, over `slots` keys each, padded.

    Attributes:
        queries: which tokens of the pass ask, `(runs * longest,)`.
        targets: where their outputs go, the same shape; padding goes to a row beyond the last.
        keys: the slots of each run's keys in order of position, `(runs * most keys,)`.
        allowed: which keys a query sees, `(runs, longest, most keys)`.
    """

    def __init__(self, runs: Sequence[int], firsts: Sequence[int], lengths: Sequence[int], keys: Sequence[torch.Tensor],
                 total: int) -> None:  # fmt: skip
        """`runs` are indices into the others; `firsts` are the first tokens in the pass, of `total`."""
        self.count = len(runs)
        self.rows = max(lengths[i] for i in runs)
        self.slots = max(len(keys[i]) for i in runs)
        queries = torch.zeros(self.count, self.rows, dtype=torch.long)
        targets = torch.full((self.count, self.rows), total)
        slots = torch.zeros(self.count, self.slots, dtype=torch.long)
        last = torch.zeros(self.count, self.rows, 1, dtype=torch.long)
        for row, i in enumerate(runs):
            own = torch.arange(firsts[i], firsts[i] + lengths[i])
            queries[row, : lengths[i]] = targets[row, : lengths[i]] = own
            slots[row, : len(keys[i])] = keys[i]
            last[row, :, 0] = torch.arange(self.rows) + len(keys[i]) - lengths[i]
        self.queries, self.targets, self.keys = queries.view(-1), targets.view(-1), slots.view(-1)
        self.allowed = torch.arange(self.slots) <= last
        self._mask: torch.Tensor | None = None

    def to(self, device: torch.device) -> None:
        """Move the indices to where the model is."""
        self.queries, self.targets = _sent(self.queries, device), _sent(self.targets, device)
        self.keys, self.allowed = _sent(self.keys, device), _sent(self.allowed, device)

    def mask(self, heads: int, shared: int, dtype: torch.dtype) -> torch.Tensor:
        """0 where a query sees a key and minus infinity elsewhere, `(heads * runs, shared * longest, most keys)`."""
        if self._mask is None or self._mask.dtype != dtype:
            zero = torch.zeros((), dtype=dtype, device=self.allowed.device)
            self._mask = torch.where(self.allowed, zero, float("-inf")).repeat(heads, shared, 1)
        return self._mask


class Pack:
    """The plan of one pass: its tokens, their positions, the cached keys that they see, and the groups of attention."""

    def __init__(self, runs: Sequence[Run], device: torch.device) -> None:
        """`runs` are in the order of `Prefixes.begin`: what a run hangs on is cached or comes before it."""
        lengths = [len(run.tokens) for run in runs]
        self.new = sum(lengths)
        self.total = -(-self.new // FEWEST) * FEWEST
        firsts = [0] * len(runs)
        for i in range(1, len(runs)):
            firsts[i] = firsts[i - 1] + lengths[i - 1]
        padding = self.total - self.new
        ids = [token for run in runs for token in run.tokens] + [0] * padding
        positions = [place for run in runs for place in range(run.start, run.start + len(run.tokens))] + [0] * padding
        self.firsts = firsts
        self.ids = _sent(torch.tensor([ids]), device)
        self.positions = _sent(torch.tensor([positions]), device)
        self.last = _sent(torch.tensor([first + length - 1 for first, length in zip(firsts, lengths, strict=True)]),
                          device)  # fmt: skip
        places = {run.path: first for run, first in zip(runs, firsts, strict=True) if run.path is not None}
        slots = self._gather(runs, places)
        keys = [
            torch.cat([slots(run.before, run.start), torch.arange(first, first + length) + self.cached])
            for run, first, length in zip(runs, firsts, lengths, strict=True)
        ]
        if padding:  # one run more, that nobody reads
            lengths, firsts = [*lengths, padding], [*firsts, self.new]
            keys.append(torch.arange(self.new, self.total) + self.cached)
        firsts, lengths, keys = _cut(firsts, lengths, keys)
        self.groups = [Group(part, firsts, lengths, keys, self.total) for part in grouped(lengths, keys)]
        for group in self.groups:
            group.to(device)
        self.long = max(map(len, keys)) > LONG
        self.layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    def _gather(self, runs: Sequence[Run], places: dict[Path, int]) -> Callable[[Path, int], torch.Tensor]:
        """Lay out the cached keys that the pass needs; returns the slots on the way to a position of a path."""
        needed: dict[Path, int] = {}
        for run in runs:
            for path, end in run.before.chain(run.start):
                if path not in places:
                    needed[path] = max(end, needed.get(path, 0))
        begins: dict[Path, int] = {}
        self.cached = 0
        parts: list[torch.Tensor] = []
        for path, end in needed.items():
            assert path.cache is not None
            parts.append(path.cache[..., : end - path.start, :])
            begins[path] = self.cached
            self.cached += end - path.start
        self.context = torch.cat(parts, -2) if parts else None
        begins.update((path, self.cached + first) for path, first in places.items())
        whole: dict[tuple[Path, int], torch.Tensor] = {}

        def slots(path: Path, end: int) -> torch.Tensor:
            if (path, end) not in whole:
                parts = [torch.arange(stop - p.start) + begins[p] for p, stop in path.chain(end)]
                whole[path, end] = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.long)
            return whole[path, end]

        return slots

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float,
               softcap: float | None, window: int | None) -> torch.Tensor:  # fmt: skip
        """Attention of the next layer. `query` is `(1, heads, tokens, width)`; the result `(1, tokens, heads, width)`.

        Raises:
            UnpackableError: a key lies outside the layer's sliding window.
        """
        if window is not None and any(group.slots > window for group in self.groups):
            raise UnpackableError(f"a sliding window of {window}")
        layer = len(self.layers)
        self.layers.append((key[0], value[0]))
        keys, values = key[0], value[0]
        if self.context is not None:
            before = self.context[:, layer]
            keys, values = torch.cat([before[0], keys], 1), torch.cat([before[1], values], 1)
        asking = query[0].transpose(0, 1)
        attention = _fused if asking.device.type != "cpu" or self.long else _products
        out = asking.new_empty(self.total + 1, query.shape[1], value.shape[-1])
        for group in self.groups:
            q = asking.index_select(0, group.queries)
            k, v = keys.index_select(1, group.keys), values.index_select(1, group.keys)
            out.index_copy_(0, group.targets, attention(group, q, k, v, scale, softcap))
        return out[: self.total].unsqueeze(0)

    def bytes_of_a_token(self) -> int:
        """What one token's keys and values take, once the pass is done."""
        return sum(part[:, :1].numel() * part.element_size() for layer in self.layers for part in layer)

    def caches(self) -> torch.Tensor:
        """Keys and values of the new tokens, `(2, layers, heads, tokens, width)`, once the pass is done.

        Raises:
            UnpackableError: keys and values, or layers, differ in shape.
        """
        shapes = {part.shape for layer in self.layers for part in layer}
        if len(shapes) != 1:
            raise UnpackableError(f"keys and values of shapes {shapes}")
        return torch.stack([torch.stack(parts) for parts in zip(*self.layers, strict=True)])


def _products(
    group: Group, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, softcap: float | None
) -> torch.Tensor:
    """By matrix products. Queries are `(runs * rows, heads, width)`, keys `(key heads, runs * slots, width)`."""
    n, rows, slots = group.count, group.rows, group.slots
    heads, shared = k.shape[0], q.shape[1] // k.shape[0]
    # Queries that share a key head lie side by side: (heads * runs, shared * rows, width).
    q = q.view(n, rows, heads, shared, -1).permute(2, 0, 3, 1, 4).reshape(heads * n, shared * rows, -1)
    k, v = k.view(heads * n, slots, -1), v.view(heads * n, slots, -1)
    mask = group.mask(heads, shared, q.dtype)
    if softcap is None:
        scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=scale)
    else:
        scores = torch.tanh(torch.bmm(q, k.transpose(1, 2)) * (scale / softcap)) * softcap + mask
    seen = torch.bmm(scores.softmax(-1), v).view(heads, n, shared, rows, -1)
    return seen.permute(1, 3, 0, 2, 4).reshape(n * rows, heads * shared, -1)


def _fused(
    group: Group, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, softcap: float | None
) -> torch.Tensor:
    """The same by torch's fused kernel, which makes no matrix of scores: for GPUs and for long texts."""
    if softcap is not None:
        return _products(group, q, k, v, scale, softcap)
    n, rows, slots = group.count, group.rows, group.slots
    seen = torch.nn.functional.scaled_dot_product_attention(
        q.view(n, rows, *q.shape[1:]).transpose(1, 2),
        k.view(k.shape[0], n, slots, -1).transpose(0, 1),
        v.view(v.shape[0], n, slots, -1).transpose(0, 1),
        attn_mask=group.allowed[:, None],
        scale=scale,
        enable_gqa=k.shape[0] != q.shape[1],
    )
    return seen.transpose(1, 2).reshape(n * rows, q.shape[1], -1)


def _cut(
    firsts: Sequence[int], lengths: Sequence[int], keys: Sequence[torch.Tensor]
) -> tuple[list[int], list[int], list[torch.Tensor]]:
    """Long runs cut into stretches of at most `STRETCH` queries, each with the keys that it can see."""
    cut: list[tuple[int, int, torch.Tensor]] = []
    for first, length, own in zip(firsts, lengths, keys, strict=True):
        for begin in range(0, length, STRETCH):
            end = min(begin + STRETCH, length)
            cut.append((first + begin, end - begin, own[: len(own) - length + end]))
    return [c[0] for c in cut], [c[1] for c in cut], [c[2] for c in cut]


def grouped(lengths: Sequence[int], keys: Sequence[torch.Tensor]) -> list[list[int]]:
    """Runs in groups of similar shape: another group costs about `WORTH` cells of padding."""
    order = sorted(range(len(lengths)), key=lambda i: (-(-lengths[i] // 8), len(keys[i]), lengths[i]))
    groups: list[list[int]] = []
    rows = slots = exact = 0
    for i in order:
        area = lengths[i] * len(keys[i])
        wide, long = max(rows, lengths[i]), max(slots, len(keys[i]))
        count = len(groups[-1]) + 1 if groups else 1
        fits = count * wide * long <= min(1.1 * (exact + area) + WORTH, LARGEST) and count * long <= KEYS
        if groups and fits:
            groups[-1].append(i)
            rows, slots, exact = wide, long, exact + area
        else:
            groups.append([i])
            rows, slots, exact = lengths[i], len(keys[i]), area
    return groups


def _sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on the model's device; from pinned memory where that is a GPU, so that nobody waits for the copy."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


#: Held while a model computes: one model may serve several engines, and several models one config.
IN_USE = threading.RLock()

_PASS: ContextVar[Pack | None] = ContextVar("pass", default=None)


def attend(module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any,
           scaling: float | None = None, softcap: float | None = None, sliding_window: int | None = None,
           s_aux: Any = None, **_: Any) -> tuple[torch.Tensor, None]:  # fmt: skip
    """An attention function as transformers calls it, layer by layer, within `forward`."""
    pack = _PASS.get()
    if pack is None or mask is not None or s_aux is not None or not getattr(module, "is_causal", True):
        raise UnpackableError("attention that is not plain and causal")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    return pack.attend(query, key, value, scale, softcap, sliding_window), None


def forward(body: Any, pack: Pack) -> torch.Tensor:
    """Hidden states at the last token of each run, `(runs, width)`; the pack then has its keys and values.

    The model is switched to `attend` for the length of the call: until it is over, nothing else can use the model.

    Raises:
        UnpackableError: the model does not let its attention be done here.
    """
    with _switched(body.config), _passing(pack):
        states = body(input_ids=pack.ids, position_ids=pack.positions, use_cache=False).last_hidden_state
    if not pack.layers:
        raise UnpackableError("a model with attention of its own")
    return states[0].index_select(0, pack.last)  # type: ignore[no-any-return]


@contextmanager
def _switched(config: Any) -> Iterator[None]:
    """Have a model's attention done by `attend`; then every part of its config is as it was."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if NAME not in ALL_ATTENTION_FUNCTIONS:
        ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    parts = [config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", ()))]
    with IN_USE:
        before = [(part, part._attn_implementation_internal) for part in parts if part is not None]
        try:
            for part, _ in before:
                part._attn_implementation_internal = NAME
            yield
        finally:
            for part, name in before:
                part._attn_implementation_internal = name


@contextmanager
def _passing(pack: Pack) -> Iterator[None]:
    token = _PASS.set(pack)
    try:
        yield
    finally:
        _PASS.reset(token)
