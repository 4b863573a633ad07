"""All that an attack may see of what it attacks."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from ..corpora.errors import HoodwinkError, JudgeError
from ..corpora.records import Problem, Response
from ..judges.judge import HasPieces, Judge, first_line

#: For judges whose tokens are not known: common words and syllables, digits and signs.
_WORDS = """
the of and to in is that for it as was with be by on not he his but at are this have from or had an
they which one you were all her she there would their we him been has when who will no more if out
so up said what its about than into them can only other time new some could these two may first then
do any like my now over such our man me even most made after also did many off before must well back
through years much where your way down should because long each just state those people too mr how
little good world make very year still see own work men day get here old life both between being
under three never know same last another while us might great go come since against right came take
used himself few house use place answer solution therefore thus correct result total step final yes
no
""".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Target:
    """One problem as an attack sees it: never the reference, never the judge.

    Attributes:
        question: the question's text.
        start: a plain wrong response, which the judge is known to reject where the problem counts.
        wrong: all known wrong responses.
        pieces: texts to build strings from: the judge's tokens where it has any.
    """

    question: str
    start: str
    wrong: tuple[Response, ...]
    pieces: Sequence[str]

    def place(self, text: str, *, append: bool) -> str:
        """`text` alone, or after the plain wrong response."""
        return f"{self.start} {text}" if append else text


def target_of(problem: Problem, pieces: Sequence[str]) -> Target:
    """The view of a problem that its attacks get."""
    return Target(problem.question, problem.wrong[0].text, problem.wrong, pieces)


def pieces_of(judge: Judge) -> Sequence[str]:
    """The judge's own token texts, or a small built-in set.

    Raises:
        JudgeError: the judge has token texts and fails to give them.
    """
    if isinstance(judge, HasPieces):
        try:
            return judge.pieces()
        except (HoodwinkError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise JudgeError(
                f"judge {judge.name} raised {type(error).__name__} in pieces(): {first_line(error)}"
            ) from error
    return tuple(
        dict.fromkeys([f" {w}" for w in _WORDS] + list(string.ascii_letters + string.digits + string.punctuation))
    )
