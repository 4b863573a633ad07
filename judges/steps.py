"""The steps of a solution, the partial solutions that end with each, and which of them are known right or wrong."""

from __future__ import annotations

import re
from itertools import pairwise

from ..corpora.records import Problem, Response

#: At most so many partial solutions are looked at. What has more steps is cut as evenly as can be: neighbours are taken
#: together, so that nothing of a response goes unread and a long one costs no more than this.
MOST = 16

#: A step ends with its line, or with a sentence: a full stop, a question or exclamation mark, what closes behind it,
#: and a blank. `3.5` holds no end, and what only numbers a step (`2.`, `(b)`) goes with it.
_END = re.compile(r"""\n+|(?<![.!?])[.!?]+["')\]”’»*]*[^\S\n]+(?=\S)|[。！？]+""")
_NUMBERED = re.compile(r"\s*\(?(?:\d{1,2}|[A-Za-z])[.)]\s*")


def steps(response: str, most: int = MOST) -> list[str]:
    """A response cut into its steps, at most `most`; joined again they are the response.

    What has nothing to read in it belongs to the step before, or to the first. A response without an end inside, the
    empty one too, is one step.
    """
    pieces: list[str] = []
    start = 0
    for end in [*(match.end() for match in _END.finditer(response)), len(response)]:
        piece = response[start:end]
        if _NUMBERED.fullmatch(piece) and end < len(response):
            continue
        if piece.strip() or not pieces:
            pieces.append(piece)
        else:
            pieces[-1] += piece
        start = end
    if len(pieces) > 1 and not pieces[0].strip():
        pieces[:2] = ["".join(pieces[:2])]
    return _together(pieces, most)


def _together(pieces: list[str], most: int) -> list[str]:
    """The same in at most so many pieces, neighbours joined as evenly as can be."""
    count = min(len(pieces), most)
    ends = [len(pieces) * i // count for i in range(count + 1)]
    return ["".join(pieces[a:b]) for a, b in pairwise(ends)]


def partials(response: str, most: int = MOST) -> list[str]:
    """The partial solutions, the shortest first: what stands up to the end of each step, and last the whole response.

    Blanks behind a step are left out of the partial solution that it ends; the whole response is as it is.
    """
    cut = steps(response, most)
    return ["".join(cut[: i + 1]).rstrip() for i in range(len(cut) - 1)] + [response]


def known_partials(problem: Problem) -> list[tuple[Response, bool]]:
    """The unfinished solutions of a problem of which it is known whether they are right so far, each once.

    Those of its worked solution are right. Those of a wrong response of which the wrong step is known are right before
    that step and wrong from there on.
    """
    known = {" ".join(problem.solution[: i + 1]): (True, "worked") for i in range(len(problem.solution))}
    for response in problem.wrong:
        if response.step is not None:
            for place, text in enumerate(partials(response.text)[:-1]):
                known.setdefault(text, (place < response.step, response.kind))
    return [(Response(text, kind), right) for text, (right, kind) in known.items()]
