"""How Hypothesis draws texts for a problem: right ones, the shapes that fool judges, near misses and edits.

These strategies give plain strings; `hoodwink.strategies` puts them beside their problem. Within a strategy, what comes
first is what examples shrink to, so the order of every list and table here is part of what it promises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from hypothesis import strategies as st

from ..corpora.answers import clean
from ..corpora.oracles import open_oracle
from ..corpora.records import Item, Problem, Response, Truth
from .attacks.injection import TEXTS
from .attacks.nearmiss import WORDINGS, edits
from .attacks.openers import MASTER_KEYS, OTHERS
from .target import WORDS

Texts = st.SearchStrategy[str]

#: The most characters of plain texts and of repeats, and the most words of a list.
LONGEST, MOST_WORDS = 160, 48

_ORACLE = open_oracle("exact")
_LETTERS = "abcdefghijklmnopqrstuvwxyz .,!-"
_SIGNS = ".,:;!?-*#()|\\ \n"
_BLANKS = " \n\t\r\u00a0\u200b\u3000"
#: Markup, role marks, glued and foreign pieces: what tokenizers hold as one token, and no answer is made of.
_ODD = (
    "dh", "####", "```", "</s>", "<unk>", "[PAD]", "<|im_end|>", "\\boxed{}", "{{", "&nbsp;", " Joy", " dentist",
    " Leadership", " JAMA", " Newsletter", " SolidGoldMagikarp", "ĠThe", "\ufffd", "解", "はい", "Да", "نعم", "🎈",
    "\u202e",
)  # fmt: skip


def proved_wrong(item: Item) -> bool:
    """Whether the exact oracle calls a response WRONG: the reference can be found nowhere in it."""
    return _ORACLE.truth(item.problem, item.response) is Truth.WRONG


def known(problem: Problem) -> list[Response]:
    """A problem's known responses, right ones first; of a problem without any, its reference."""
    right = problem.right or (Response(problem.reference, "reference"),)
    return [*right, *problem.wrong]


@lru_cache(maxsize=1024)
def right(problem: Problem) -> Texts:
    """Known right responses, or the reference where none are known."""
    return st.sampled_from([response.text for response in problem.right] or [problem.reference])


@lru_cache(maxsize=1024)
def gibberish(problem: Problem) -> Texts:
    """The shapes that fool judges, as far as they are proved wrong."""
    return _all_wrong(problem, _shapes_for(problem))


@lru_cache(maxsize=1024)
def wrong(problem: Problem) -> Texts:
    """Gibberish, known wrong responses, near misses and edits of known wrong responses, all proved wrong."""
    kinds = list(_shapes_for(problem))
    if kinds != _signs():  # else nothing with a letter or a digit can be proved wrong
        texts = st.sampled_from([response.text for response in problem.wrong] or ["I do not know."])
        near = _near_misses(problem.reference)
        kinds += [texts, *([st.sampled_from(near)] if near else []), mutated(texts)]
    return _all_wrong(problem, kinds)


@st.composite
def mutated(draw: st.DrawFn, texts: Texts) -> str:
    """A text after one to three edits that change it."""
    before = text = draw(texts)
    for _ in range(draw(st.integers(1, 3))):
        text = draw(st.sampled_from(_EDITS))(draw, text)
    return text if text != before else text + "."


def _all_wrong(problem: Problem, kinds: list[Texts]) -> Texts:
    """One of the kinds; what is not proved wrong, which few of them are, is drawn again."""
    return st.one_of([kind.filter(lambda text: proved_wrong(Item(problem, text))) for kind in kinds])


def _shapes_for(problem: Problem) -> list[Texts]:
    """The shapes of gibberish that can be proved wrong: all of them where plain words can be."""
    return _shapes() if all(proved_wrong(Item(problem, text)) for text in ("dh", "qz")) else _signs()


def _near_misses(reference: str) -> list[str]:
    """The reference an edit away, alone and in a sentence."""
    near = list(edits(clean(reference).strip()))
    return [WORDINGS[wording](kind, text) for wording in ("bare", "sentence") for kind, text in near]


@lru_cache(maxsize=1)
def prepare() -> None:
    """Have Hypothesis set up what it draws texts by, which takes a second where it has never done so."""
    for shape in (*_shapes(), *_signs()):
        shape.validate()


@lru_cache(maxsize=1)
def _shapes() -> list[Texts]:
    """The shapes of gibberish, the simplest first.

    Plain texts and lists of words come twice: the long ones meet many conditions at once, and shrink to short ones. The
    fixed strings come twice too, so that a hundred examples hold most of what is known to open judges.
    """
    words = st.sampled_from(list(WORDS))
    return [
        st.text(_LETTERS, max_size=LONGEST),
        st.text(_LETTERS, min_size=LONGEST * 3 // 4, max_size=LONGEST),
        *[st.sampled_from(OTHERS), st.sampled_from(MASTER_KEYS)] * 2,
        st.lists(words, min_size=1, max_size=MOST_WORDS).map(" ".join),
        st.lists(words, min_size=MOST_WORDS // 2, max_size=MOST_WORDS).map(" ".join),
        _repeats(st.text(_LETTERS, min_size=1, max_size=4)),
        st.text(_BLANKS, max_size=8),
        st.lists(st.sampled_from(_ODD), min_size=1, max_size=16).map("".join),
        st.text(max_size=32),
        st.sampled_from([text for _, text in TEXTS]),
    ]


@lru_cache(maxsize=1)
def _signs() -> list[Texts]:
    """The shapes without letters and digits."""
    unit = st.text(_SIGNS, min_size=1, max_size=4)
    return [st.text(_SIGNS, max_size=LONGEST), _repeats(unit), st.text(_BLANKS, max_size=8)]


@st.composite
def _repeats(draw: st.DrawFn, units: Texts) -> str:
    """A unit over and over, to a length of its own, so that either shrinks without the other."""
    unit = draw(units)
    length = draw(st.integers(2, LONGEST))
    return (unit * length)[:length]


@lru_cache(maxsize=1)
def _pieces() -> Texts:
    """What an edit adds to a text."""
    return st.one_of(_shapes())


def _append(draw: st.DrawFn, text: str) -> str:
    return text + draw(_pieces())


def _prepend(draw: st.DrawFn, text: str) -> str:
    return draw(_pieces()) + text


def _cut(draw: st.DrawFn, text: str) -> str:
    return text[: draw(st.integers(0, len(text)))]


def _repeat(draw: st.DrawFn, text: str) -> str:
    """A piece of the text, up to 16 times more."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    return text[:end] + text[start:end] * draw(st.integers(1, 16)) + text[end:]


def _at_digit(draw: st.DrawFn, text: str) -> str:
    return _edited(draw, text, [i for i, char in enumerate(text) if char in "0123456789"], "0123456789")


def _at_character(draw: st.DrawFn, text: str) -> str:
    return _edited(draw, text, list(range(len(text))), _LETTERS)


def _edited(draw: st.DrawFn, text: str, places: list[int], alphabet: str) -> str:
    """One character changed, dropped, put in or swapped with the next; the text itself where there is no place."""
    if not places:
        return text
    i = draw(st.sampled_from(places))
    kind = draw(st.sampled_from(["change", "drop", "add", "swap"]))
    if kind == "swap":
        return text[:i] + text[i + 1 : i + 2] + text[i] + text[i + 2 :]
    new = "" if kind == "drop" else draw(st.sampled_from(alphabet))
    return text[:i] + new + text[i + (kind != "add") :]


_EDITS: tuple[Callable[[st.DrawFn, str], str], ...] = (_append, _prepend, _cut, _repeat, _at_digit, _at_character)
