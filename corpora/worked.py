"""Worked solutions as small programs, so that an error put into one step runs on through the rest.

A solution is a list of steps; a step combines two operands, each a number or the result of an earlier step. Running
it gives every result; running it with one result shifted gives what a student writes who slipped there and reckoned
correctly ever after.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
}


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of step `index` (from 0)."""

    index: int


@dataclass(frozen=True, slots=True)
class Step:
    """`label: left op right = result`. `/` must divide exactly."""

    label: str
    left: int | Ref
    op: str
    right: int | Ref


class NotExact(ValueError):
    """A division does not come out even, or a result is not positive: this slip would give the game away."""


def run(steps: Sequence[Step], slip: tuple[int, int] | None = None) -> list[int]:
    """Results of all steps; `slip=(index, shift)` adds `shift` to one of them.

    Raises:
        NotExact: a quotient is not a whole number or a result is not positive.
    """
    results: list[int] = []
    for index, step in enumerate(steps):
        left, right = (results[o.index] if isinstance(o, Ref) else o for o in (step.left, step.right))
        if step.op == "/" and (right == 0 or left % right):
            raise NotExact(f"{left} / {right}")
        result = _OPERATORS[step.op](left, right)
        if slip is not None and slip[0] == index:
            result += slip[1]
        if result <= 0:
            raise NotExact(f"{left} {step.op} {right} = {result}")
        results.append(result)
    return results


def lines(steps: Sequence[Step], results: Sequence[int]) -> list[str]:
    """One line a step: `Apples: 3 * 4 = 12.`"""
    written = []
    for step, result in zip(steps, results, strict=True):
        left, right = (results[o.index] if isinstance(o, Ref) else o for o in (step.left, step.right))
        written.append(f"{step.label}: {left} {step.op} {right} = {result}.")
    return written
