"""A model run in two halves: the lower layers once for all examples, the layers that are trained over and over.

What the lower layers say of a token depends on nothing that is trained, so it is computed once, without gradients, and
kept. The upper layers go on from there. Nothing of a model's architecture is written down here: the model's own forward
pass is run with one half of its layers replaced by what they said before, so that masks and positions are its own.

Both halves compute a beginning that several sequences share once (packed passes, see `packing`); the gradient of a
shared token is the sum of its sequences' gradients, as it would be without sharing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch

from .engine import EXACT, ROUNDED, Engine, Readout, out_of_memory
from .packing import IN_USE, Pack, forward
from .prefixes import Prefixes, Tokens, common

#: Tokens of one pass through the lower layers.
PASS = 1024

#: Bytes that what the lower layers say may take; beyond that they are run again in every step. A distinct token takes
#: two bytes a number in bf16: 10 MB for 280 examples of SmolLM2 (8,400 distinct tokens, 576 numbers each).
KEPT = 2 << 30

Read = Callable[[Sequence[Sequence[int]]], torch.Tensor]


class Student(Protocol):
    """What is trained: a model in its engine, what is read off its last hidden state, and its number format."""

    @property
    def engine(self) -> Engine: ...
    @property
    def read(self) -> Readout: ...
    @property
    def dtype(self) -> torch.dtype: ...


def reader(student: Student, sequences: Sequence[Sequence[int]]) -> Read:
    """What turns some of the sequences into what they are read by, a row each, with gradients.

    By halves, if that agrees with the model's own plain pass, which is taken if not.
    """
    engine = student.engine
    if not engine.packable() or max(map(len, sequences)) > engine.reach:
        return engine.padded
    ordered = sorted({tuple(s) for s in sequences}, key=len)
    probes = [*ordered[:2], ordered[len(ordered) // 2], ordered[-1]]
    try:
        halves = Halves(engine.body, student.read, _first_trained(engine.body))
        halves.learn(probes)
        with torch.no_grad():
            own, read = engine.padded(probes), halves.odds(probes)
    except Exception as error:  # a model's layers can be anything, and fail in any way
        if out_of_memory(error):
            raise
        return engine.padded
    tolerance = EXACT if student.dtype in (torch.float32, torch.float64) else ROUNDED
    if not float((own - read).abs().max()) < (float(own.abs().max()) + 1) * tolerance:
        return engine.padded
    halves.learn(sequences)
    return halves.odds


def _first_trained(body: Any) -> int:
    """The lowest layer in which anything is trained; 0 if something below the layers is."""
    layers = layers_of(body)
    inside = {id(p) for layer in layers for p in layer.parameters()}
    if any(p.requires_grad and id(p) not in inside for p in body.parameters()):
        return 0
    return next((at for at, layer in enumerate(layers) if any(p.requires_grad for p in layer.parameters())), 0)


class Halves:
    """Reads values off token sequences by the upper layers, from what the lower ones said when the object was made.

    Attributes:
        states: what the lower layers say of each distinct token-with-its-past, `(tokens, width)`; none without layers.
        rows: where the tokens of each sequence are in there.
    """

    def __init__(self, body: Any, read: Callable[[torch.Tensor], torch.Tensor], first: int) -> None:
        """`body` is transformers' model without its head, `first` the index of the lowest layer to be trained."""
        self.body = body
        self.read = read
        self.device: torch.device = next(body.parameters()).device
        layers = layers_of(body)
        self.below, self.above = layers[:first], layers[first:]
        self.tuples = False
        self.states: torch.Tensor | None = None
        self.rows: dict[Tokens, torch.Tensor] = {}

    @torch.no_grad()
    def learn(self, sequences: Sequence[Sequence[int]]) -> None:
        """Run the lower layers over all sequences and keep what they say; nothing is kept if that is too large."""
        self.states, self.rows = None, {}
        if not self.below:
            return
        ordered = sorted({tuple(s) for s in sequences})
        parts: list[torch.Tensor] = []
        known = 0
        for part in _passes(ordered, PASS):
            plan = Plan(part, self.device)
            states = self._lower(plan.pack)
            for sequence, places in zip(part, plan.places, strict=True):
                self.rows[sequence] = places + known
            parts.append(states[: plan.pack.new])
            known += plan.pack.new
            if known * states[0].numel() * states.element_size() > KEPT:
                self.rows = {}
                return
        self.states = torch.cat(parts)

    def _lower(self, pack: Pack) -> torch.Tensor:
        """What the layers below say of the tokens of a pass, `(tokens, width)`."""
        said: list[Any] = []
        with ExitStack() as stack:
            stack.callback(self.below[-1].register_forward_hook(lambda module, args, out: said.append(out)).remove)
            stack.enter_context(_replaced(self.above, lambda: said[-1]))
            forward(self.body, pack)
        self.tuples = isinstance(said[-1], tuple)
        states: torch.Tensor = said[-1][0] if self.tuples else said[-1]
        return states[0]

    def odds(self, sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        """What is read off each sequence, a row each, with gradients for what is trained."""
        unique = sorted({tuple(s) for s in sequences})
        plan = Plan(unique, self.device)
        known = None if self.states is None else self._known(self.states, plan)
        with IN_USE, _replaced(self.below if known is not None else [], lambda: known):
            values = self.read(forward(self.body, plan.pack)).float()
        return values[[unique.index(tuple(s)) for s in sequences]]

    def _known(self, states: torch.Tensor, plan: Plan) -> Any:
        """What the lower layers said of the tokens of a pass, in the form in which they said it."""
        rows = torch.cat([self.rows[s][start:] for s, start in zip(plan.sequences, plan.starts, strict=True)])
        said = states.new_zeros(1, plan.pack.total, states.shape[1])
        said[0, : plan.pack.new] = states[rows.to(self.device)]
        return (said,) if self.tuples else said


class Plan:
    """A pass over distinct sequences, each token that they share once.

    Attributes:
        sequences: in order.
        starts: how many tokens of each are those of sequences before it.
        places: where in the pass the tokens of each are.
        pack: the pass.
    """

    def __init__(self, sequences: Sequence[Tokens], device: torch.device) -> None:
        """`sequences` are sorted."""
        runs = Prefixes(0).begin(sequences)
        self.sequences = sequences
        self.pack = Pack(runs, device)
        self.starts = [run.start for run in runs]
        firsts = {run.path: first for run, first in zip(runs, self.pack.firsts, strict=True)}
        self.places = [
            torch.cat(
                [torch.arange(stop - path.start) + firsts[path] for path, stop in run.before.chain(run.start)]
                + [torch.arange(len(run.tokens)) + first]
            )
            for run, first in zip(runs, self.pack.firsts, strict=True)
        ]


def layers_of(body: Any) -> list[torch.nn.Module]:
    """A model's layers, from the lowest to the highest."""
    depth = body.config.num_hidden_layers
    lists = [m for m in body.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == depth]
    return list(lists[0])


@contextmanager
def _replaced(layers: Sequence[Any], said: Callable[[], Any]) -> Iterator[None]:
    """The layers give what `said` gives, whatever they are given, and compute nothing."""
    for layer in layers:
        layer.forward = lambda *args, **options: said()
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _passes(ordered: Sequence[Tokens], limit: int) -> Iterator[list[Tokens]]:
    """Sorted sequences cut into passes of about `limit` distinct tokens, at least one sequence each."""
    part: list[Tokens] = []
    tokens = 0
    for sequence in ordered:
        new = len(sequence) - common(part[-1], sequence) if part else len(sequence)
        if part and tokens + new > limit:
            yield part
            part, tokens, new = [], 0, len(sequence)
        part.append(sequence)
        tokens += new
    if part:
        yield part
