"""What defences cost on clean data: the judge without its outermost defence, without the next, and so on, beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..corpora.oracles import Oracle
from ..corpora.records import Candidate, Item, Problem, Verdict
from ..judges.around import Around
from ..judges.defences.refusal import Filter
from ..judges.judge import Judge
from ..judges.quality import Graded, Quality, counted, known_responses, measure
from .checks import PROBLEMS
from .gate import Ask, Gate
from .store import Store


@dataclass(frozen=True, slots=True)
class Layer:
    """A judge among those that stand inside one another, on the same known responses as all of them.

    Attributes:
        name: the judge's.
        depth: how many judges stand around it.
        quality: its rates.
        refused: share that its own filter refused unseen, and number, by style of right and kind of wrong responses;
            empty where it is no filter.
        asked: verdicts that models inside gave for each of its own; None where that was not counted.
    """

    name: str
    depth: int
    quality: Quality
    refused: dict[str, tuple[float, int]]
    asked: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def layers(gate: Gate, problems: Sequence[Problem]) -> list[Layer]:
    """The judge of a gate and those inside it, outermost first; empty for a judge around none.

    Ask after `checks.run` with the same gate and problems: what the judge said there is not asked again. A judge inside
    is asked about what a filter refused, and about whatever else the judge around it changes or does not ask about.

    Raises:
        JudgeError: a judge failed.
    """
    if not isinstance(gate.judge, Around):
        return []
    known = [(p, r, right) for p in problems[:PROBLEMS] for r, right in known_responses(p)]
    asks = [Ask(p, Candidate(r.text, "check", r.kind)) for p, r, _ in known]
    used = gate.store.get("used") or {}
    asked = sum(calls for calls, *_ in used.values()) / gate.asked if gate.asked else None
    verdicts = [answer.trial.verdict for answer in gate.consider(asks)]
    found = []
    for depth, judge, said, refused in _inwards(0, gate.judge, gate.oracle, asks, verdicts):
        graded = [Graded(p, r, right, v) for (p, r, right), v in zip(known, said, strict=True)]
        by_kind: dict[str, list[bool]] = {}
        for (_, r, _), each in zip(known, refused, strict=bool(refused)):
            by_kind.setdefault(r.kind, []).append(each)
        shares = {kind: counted(each) for kind, each in by_kind.items()}
        found.append(Layer(judge.name, depth, measure(graded), shares, asked if depth == 0 else None))
    return found


def _inwards(
    depth: int, judge: Judge, oracle: Oracle, asks: Sequence[Ask], verdicts: Sequence[Verdict]
) -> Iterator[tuple[int, Judge, Sequence[Verdict], list[bool]]]:
    """A judge and all inside it: how deep, what each says to the asks, and which it refused itself as a filter.

    `verdicts` are the first one's. What a filter lets pass has the verdict of the judge inside.
    """
    refused: list[bool] = []
    if isinstance(judge, Filter):
        refused = [r is not None for r in judge.refusals([Item(a.problem, a.candidate.text) for a in asks])]
    yield depth, judge, verdicts, refused
    for inner in judge.judges if isinstance(judge, Around) else ():
        missing = [ask for place, ask in enumerate(asks) if not refused or refused[place]]
        with Store.in_memory() as store:
            said = iter(Gate(inner, oracle, store).consider(missing))
            theirs = [
                v if refused and not refused[place] else next(said).trial.verdict for place, v in enumerate(verdicts)
            ]
        yield from _inwards(depth + 1, inner, oracle, asks, theirs)
