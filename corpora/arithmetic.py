"""Corpus `arithmetic`: word problems and sums written from a seed, with known right and wrong responses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from .errors import UsageError
from .families import FAMILIES, Draft, Family, time_of_day
from .names import nearest
from .records import Problem, Response, SplitChoice
from .worked import NotExact, lines, run

#: A corpus that has given no new problem for this many draws is taken to be exhausted.
PATIENCE = 2000

#: What students write who have no answer. Complete, and wrong.
UNANSWERED = (
    "I do not know.",
    "There is not enough information to say.",
    "It cannot be worked out from the question.",
    "I would have to ask my teacher.",
    "The answer is not given.",
    "This question has no answer.",
    "I could not finish this one.",
    "Sorry, I am not sure about it.",
    "That depends on many things.",
    "We did not learn this in class.",
    "Nobody can tell.",
    "The answer is left to the reader.",
)


class Arithmetic:
    """Word problems and sums of several families, written from a seed in any number, with worked solutions.

    Every problem has right responses in several styles and wrong ones of several kinds (see `records.COMPLETE`,
    `NEAR`, `PARTIAL`); `wrong[0]` is a plain wrong answer in a sentence.
    """

    def __init__(self, *, families: str = "all") -> None:
        """`families` is `all` or names joined by `+`."""
        names = list(FAMILIES) if families == "all" else families.split("+")
        self.name = "arithmetic"
        self.oracle = "exact"
        self.default_split: SplitChoice = "eval"
        self.families = {name: _family(name) for name in names}

    def size(self, split: SplitChoice) -> None:
        """As many as one asks for."""

    def sample(self, n: int, *, split: SplitChoice = "eval", seed: int = 0) -> list[Problem]:
        """Problems of all families in turn; see `Corpus.sample`."""
        if n < 0:
            raise UsageError(f"corpus {self.name} cannot give {n} problems; ask for 0 or more")
        problems: dict[str, Problem] = {}
        families = itertools.cycle(self.families.items())
        for slot in itertools.count():
            if len(problems) == n:
                return list(problems.values())
            name, family = next(families)
            rng = np.random.default_rng([seed, slot])
            for problem in itertools.islice(_drafts(name, family, rng), PATIENCE):
                if split in ("all", problem.split) and problem.id not in problems:
                    problems[problem.id] = problem
                    break
            else:
                raise UsageError(
                    f"corpus {self.name} has only {len(problems)} problems in {split}; ask for fewer than {n}"
                )
        raise AssertionError("unreachable")


def _family(name: str) -> Family:
    if name not in FAMILIES:
        raise nearest(name, FAMILIES, "family")
    return FAMILIES[name]


def _drafts(name: str, family: Family, rng: np.random.Generator) -> Iterator[Problem]:
    while True:
        draft, other = family(rng), family(rng)
        stranger = FAMILIES[str(rng.choice([n for n in FAMILIES if n != name]))](rng)
        problem = _compose(name, draft, other, stranger, rng)
        if problem is not None:
            yield problem


def _compose(name: str, draft: Draft, other: Draft, stranger: Draft, rng: np.random.Generator) -> Problem | None:
    """A problem with all its responses, or None where this draft allows no good slip or other answer.

    `other` is another problem of the family, whose answer is given with this one's unit; `stranger` is one of another
    family, whose solution is handed in as it is.
    """
    results = run(draft.steps)
    answer, foreign = results[-1], run(other.steps)[-1]
    slip = _slip(draft, results, rng)
    if slip is None or answer < 10 or abs(foreign - answer) < 3 or foreign < 10:
        return None
    step, slipped = slip
    write, strange = _Writer(draft), _Writer(stranger)
    elsewhere = run(stranger.steps)
    if strange.plain(elsewhere[-1]) == write.plain(answer):
        return None
    wrong = [
        Response(f"The answer is {write.value(foreign)}.", "other"),
        Response(write.worked(slipped), "slip", step),
        Response(write.value(slipped[-1]), "value"),
        Response(f"The answer is {write.value(slipped[-1])}.", "value"),
        Response(write.value(foreign), "other"),
        Response(strange.worked(elsewhere), "other"),
        Response(strange.value(elsewhere[-1]), "other"),
        Response(str(rng.choice(UNANSWERED)), "unanswered"),
        *_near_misses(write, answer, rng),
        Response(" ".join(lines(draft.steps, results)[:-1]), "truncated"),
    ]
    right = [
        Response(write.value(answer), "bare"),
        Response(f"The answer is {write.value(answer)}.", "sentence"),
        Response(write.worked(results), "worked"),
    ]
    if write.plain(answer) != write.value(answer):
        right.append(Response(write.plain(answer), "bare"))
    return Problem.make(
        family=name,
        question=draft.question,
        reference=write.value(answer),
        right=tuple(right),
        wrong=tuple(wrong),
        solution=tuple(lines(draft.steps, results)),
    )


def _slip(draft: Draft, results: list[int], rng: np.random.Generator) -> tuple[int, list[int]] | None:
    """The index of a wrong step and all results that follow from it, at least 3 away from the answer in the end."""
    for _ in range(20):
        index = int(rng.integers(len(draft.steps)))
        shift = int(rng.choice([-100, -60, -40, -20, -12, -10, 10, 12, 20, 40, 60, 100]))
        try:
            slipped = run(draft.steps, (index, shift))
        except NotExact:
            continue
        if abs(slipped[-1] - results[-1]) >= 3:
            return index, slipped
    return None


class _Writer:
    """How the numbers of a draft are written: with a unit, as a time of day, or bare."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def plain(self, number: int) -> str:
        return time_of_day(number) if self.draft.clock else str(number)

    def value(self, number: int) -> str:
        return self.plain(number) + self.draft.unit

    def worked(self, results: list[int]) -> str:
        return f"{' '.join(lines(self.draft.steps, results))} The answer is {self.value(results[-1])}."


def _near_misses(write: _Writer, answer: int, rng: np.random.Generator) -> Iterator[Response]:
    """Wrong answers a digit or a sign away. A time of day takes only the off-by-one: others are no times."""
    yield Response(f"The answer is {write.value(answer + int(rng.choice([-1, 1])))}.", "off-by-one")
    if write.draft.clock:
        return
    digits = str(answer)
    unit = write.draft.unit
    yield Response(f"The answer is -{digits}{unit}.", "sign")
    swaps = [i for i in range(len(digits) - 1) if digits[i] != digits[i + 1] and (i or digits[i + 1] != "0")]
    if swaps:
        i = int(rng.choice(swaps))
        yield Response(f"The answer is {digits[:i]}{digits[i + 1]}{digits[i]}{digits[i + 2 :]}{unit}.", "swapped")
    i = int(rng.integers(1, len(digits) + 1))
    yield Response(f"The answer is {digits[:i]}{rng.integers(10)}{digits[i:]}{unit}.", "added")
    if len(digits) > 1:
        i = int(rng.integers(1, len(digits)))
        yield Response(f"The answer is {digits[:i]}{digits[i + 1 :]}{unit}.", "dropped")
