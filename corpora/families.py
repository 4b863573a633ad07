"""Families of arithmetic problems: each a function from a random stream to a question and its solution.

To add one, write the function and its line in `FAMILIES`. Numbers are kept such that every step is a positive whole
number and the answer is at least 10, so that an answer rarely stands in other text by accident.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from .worked import Ref, Step


@dataclass(frozen=True, slots=True)
class Draft:
    """A question and its solution; the last step's result is the answer.

    `unit` follows the number in the reference (` dollars`), and `clock` says that the answer is a time of day, given
    by the last step as minutes after midnight.
    """

    question: str
    steps: tuple[Step, ...]
    unit: str = ""
    clock: bool = False


T = TypeVar("T")
Family = Callable[[np.random.Generator], Draft]

_NAMES = (
    "Ada",
    "Ben",
    "Chen",
    "Dina",
    "Emil",
    "Fatou",
    "Goran",
    "Hana",
    "Ines",
    "Jonas",
    "Kira",
    "Luis",
    "Mei",
    "Nadia",
)
_GOODS = (
    ("apple", 2),
    ("book", 13),
    ("pencil", 3),
    ("lamp", 27),
    ("ticket", 18),
    ("mug", 9),
    ("cake", 16),
    ("chair", 45),
)
_ANIMALS = (
    ("spiders", 8),
    ("ants", 6),
    ("cows", 4),
    ("hens", 2),
    ("crabs", 10),
    ("dogs", 4),
    ("beetles", 6),
    ("geese", 2),
)


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))


def pick(rng: np.random.Generator, options: tuple[T, ...], count: int) -> list[T]:
    """`count` different options, in random order."""
    return [options[i] for i in rng.permutation(len(options))[:count]]


def sums(rng: np.random.Generator) -> Draft:
    """A chain of additions and subtractions."""
    start = between(rng, 120, 900)
    terms = [start]
    signs = []
    steps: list[Step] = []
    total = start
    for index in range(between(rng, 2, 4)):
        term = between(rng, 11, 250)
        sign = "-" if total - term >= 20 and rng.random() < 0.4 else "+"
        steps.append(Step(("First", "Then", "Next", "Last")[index], Ref(index - 1) if index else start, sign, term))
        total = total + term if sign == "+" else total - term
        terms.append(term)
        signs.append(sign)
    chain = str(start) + "".join(f" {s} {t}" for s, t in zip(signs, terms[1:], strict=True))
    return Draft(f"What is {chain}?", tuple(steps))


def shopping(rng: np.random.Generator) -> Draft:
    """Two kinds of goods, and what they cost or what change is due."""
    (first, cheap), (second, dear) = pick(rng, _GOODS, 2)
    name = pick(rng, _NAMES, 1)[0]
    cheap, dear = cheap + between(rng, 1, 6), dear + between(rng, 1, 9)
    count, other = between(rng, 3, 12), between(rng, 2, 9)
    total = count * cheap + other * dear
    steps = [
        Step(f"{first.capitalize()}s", count, "*", cheap),
        Step(f"{second.capitalize()}s", other, "*", dear),
        Step("Together", Ref(0), "+", Ref(1)),
    ]
    story = f"{name} buys {count} {first}s at ${cheap} each and {other} {second}s at ${dear} each."
    paid = (total // 100 + 1) * 100
    if paid - total >= 10 and rng.random() < 0.5:
        steps.append(Step("Change", paid, "-", Ref(2)))
        return Draft(f"{story} {name} pays with ${paid}. How many dollars of change are due?", tuple(steps), " dollars")
    return Draft(f"{story} How many dollars is that in all?", tuple(steps), " dollars")


def legs(rng: np.random.Generator) -> Draft:
    """How many legs some animals have together."""
    animals = pick(rng, _ANIMALS, 2 if rng.random() < 0.5 else 3)
    counts = [between(rng, 3, 29) for _ in animals]
    steps = [Step(kind.capitalize(), n, "*", each) for (kind, each), n in zip(animals, counts, strict=True)]
    steps.append(Step("Sum", Ref(0), "+", Ref(1)))
    if len(animals) == 3:
        steps.append(Step("All", Ref(3), "+", Ref(2)))
    said = [f"{n} {kind}" for (kind, _), n in zip(animals, counts, strict=True)]
    return Draft(f"How many legs do {', '.join(said[:-1])} and {said[-1]} have in total?", tuple(steps))


def clock(rng: np.random.Generator) -> Draft:
    """From one time of day to another, with a stop on the way."""
    start = between(rng, 5 * 60, 14 * 60)
    ride, pause, walk = between(rng, 45, 210), between(rng, 5, 40), between(rng, 10, 90)
    name = pick(rng, _NAMES, 1)[0]
    if rng.random() < 0.5:
        question = (
            f"{name} leaves at {time_of_day(start)}, rides {ride} minutes, rests {pause} minutes and walks {walk} "
            "minutes. At what time does the walk end?"
        )
        steps = (
            Step("Minutes on the way", ride, "+", pause),
            Step("With the walk", Ref(0), "+", walk),
            Step("Minutes after midnight", start, "+", Ref(1)),
        )
        return Draft(question, steps, clock=True)
    end = start + ride + walk
    question = (
        f"A shift runs from {time_of_day(start)} to {time_of_day(end)} with a break of {pause} minutes. "
        "How many minutes of work is that?"
    )
    steps = (
        Step("End in minutes", (end // 60) * 60, "+", end % 60),
        Step("Length", Ref(0), "-", start),
        Step("Work", Ref(1), "-", pause),
    )
    return Draft(question, steps, " minutes")


def units(rng: np.random.Generator) -> Draft:
    """Convert a quantity to a smaller unit and add to it."""
    big, small, factor = pick(
        rng,
        (
            ("km", "m", 1000),
            ("hours", "minutes", 60),
            ("kg", "g", 1000),
            ("weeks", "days", 7),
            ("feet", "inches", 12),
            ("litres", "ml", 1000),
            ("minutes", "seconds", 60),
        ),
        1,
    )[0]
    whole, rest, times = between(rng, 2, 15), between(rng, 2, factor - 1), between(rng, 2, 5)
    steps = [Step(f"In {small}", whole, "*", factor), Step("Sum", Ref(0), "+", rest)]
    if rng.random() < 0.5:
        steps.append(Step("All parts", Ref(1), "*", times))
        return Draft(
            f"One part takes {whole} {big} and {rest} {small}. How many {small} do {times} parts take?",
            tuple(steps),
            f" {small}",
        )
    return Draft(f"How many {small} are {whole} {big} and {rest} {small}?", tuple(steps), f" {small}")


def ratios(rng: np.random.Generator) -> Draft:
    """Share an amount in a given ratio."""
    first, second = pick(rng, tuple(range(2, 10)), 2)
    part = between(rng, 6, 60)
    one, two = pick(rng, _NAMES, 2)
    total = part * (first + second)
    thing = pick(rng, ("marbles", "stamps", "coins", "cards", "shells"), 1)[0]
    steps = (
        Step("Parts", first, "+", second),
        Step("One part", total, "/", Ref(0)),
        Step(f"For {two}", Ref(1), "*", second),
    )
    return Draft(
        f"{one} and {two} share {total} {thing} in the ratio {first} to {second}. How many does {two} get?", steps
    )


def rates(rng: np.random.Generator) -> Draft:
    """Work done by two machines at different rates, less what is thrown away."""
    fast, slow, hours = between(rng, 12, 60), between(rng, 5, 30), between(rng, 2, 12)
    waste = between(rng, 3, 20)
    steps = (
        Step("Each hour", fast, "+", slow),
        Step("Made", Ref(0), "*", hours),
        Step("Kept", Ref(1), "-", waste),
    )
    return Draft(
        f"One machine makes {fast} parts an hour and another {slow}. They run for {hours} hours and {waste} parts are "
        "thrown away. How many parts are kept?",
        steps,
    )


def time_of_day(minutes: int) -> str:
    """Minutes after midnight as `14:05`; past midnight the clock starts again."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


FAMILIES: dict[str, Family] = {
    "sums": sums,
    "shopping": shopping,
    "legs": legs,
    "clock": clock,
    "units": units,
    "ratios": ratios,
    "rates": rates,
}
