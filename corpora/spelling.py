"""Numbers in English words: reading them out of text, and writing a number in every usual way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

from .units import UNITS

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
_SMALL = (
    {word: value for value, word in enumerate(_ONES)}
    | {word: 20 + 10 * place for place, word in enumerate(_TENS)}
    | {"oh": 0, "fourty": 40, "ninty": 90}
)
_SCALES = {"hundred": 100, "dozen": 12, "score": 20, "gross": 144} | {
    word: 1000 ** (power + 1) for power, word in enumerate(["thousand", "million", "billion", "trillion"])
}
_SCALES |= {"grand": 1000, "lakh": 10**5, "crore": 10**7}
_SCALES |= {f"{word}s": value for word, value in _SCALES.items() if word not in ("score", "gross", "grand")}
_NEED_COUNT = frozenset({"score", "gross", "grand"})  # common words: a number only after another
_PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4, "hundredth": 100, "thousandth": 1000}
_PARTS |= {word: value for value, word in enumerate(_ORDINALS) if value > 2}
_PARTS |= {f"{word}s": value for word, value in _PARTS.items() if word[-1] == "h" or word == "third"}
_PLURALS = frozenset(word for word in _PARTS if word[-1] == "s")

#: Words for a count that are not numerals; they state it only for a reference that is that count.
COUNT_WORDS: dict[int, str] = {
    0: "o no none nothing nil nought naught null nobody nowhere neither zilch zip empty never",
    1: "l single once sole only unit unity alone",
    2: "pair couple twice both double duo",
    3: "triple thrice trio treble",
    4: "quadruple quartet",
    5: "quintuple quintet",
    12: "dozen",
    20: "score",
    100: "cent century ton",
    144: "gross",
    1000: "grand",
}


def any_of(words: Iterable[str]) -> str:
    """A pattern that matches where any of the words stands, by common beginnings: far quicker than one by one."""
    after: dict[str, list[str]] = {}
    for word in words:
        after.setdefault(word[:1], []).append(word[1:])
    ends = after.pop("", None) is not None
    if ends or not after:  # what follows a whole word need not be looked at
        return ""
    branches = [re.escape(first) + any_of(rest) for first, rest in sorted(after.items())]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


_BEGINNINGS = frozenset({*_SMALL, *_PARTS, *_SCALES, "a", "an"} - _NEED_COUNT)

#: Words without which `numeralise` changes nothing, other than an article before a unit.
HINTS = frozenset({*_SMALL, *_SCALES, *_PARTS, "point"})

_LARGEST = 10**18
_UNIT_WORDS = [word for word in UNITS if len(word) > 3]
_STEMS = sorted({*_SMALL, *_SCALES, *_PARTS, "and", "point", "minus", "negative", *_UNIT_WORDS}, key=len, reverse=True)
_ANY_STEM = f"(?:{'|'.join(_STEMS)})"
# A stem must be followed by another or by the end: `eighthundred` is not eighth + undred. Possessive, so that a long
# near miss (`oneone...x`) is given up in one pass.
_STEM = re.compile(f"{_ANY_STEM}(?={_ANY_STEM}|(?![a-z]))")
_GLUED = re.compile(f"(?<![a-z])(?:{_STEM.pattern})++(?![a-z])")
_HINT = re.compile(rf"{any_of(HINTS)}|an? [a-z]")
_ANY_HINT = re.compile(any_of(HINTS))
# What else may be a part of a run of letters that is split, or count as one after an article.
_OTHER_STEM = re.compile(any_of(["minus", "negative", "andand", *"0123456789", *(w for w in UNITS if len(w) > 2)]))
_LETTERS = re.compile("[a-z]+")
_PIECE = re.compile(r"[a-z]+|\d+(?:\.\d+)?|[^a-z\d]+")
_GLUE = re.compile(r"(?:[^\S\n]|[,–-]){1,4}")
_POINT = re.compile(r"(?:(?<![\d.])(\d+)[\s-]{1,3})?\bpoint\b[\s-]{1,3}((?:\d+[\s-]{0,3})++)(?!/)")
_BIG = (("hundred", 100), ("thousand", 10**3), ("million", 10**6), ("billion", 10**9), ("trillion", 10**12))
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}

#: A number word, as a part of any longer run of letters.
NUMBER_WORD = re.compile(any_of(HINTS - {"oh", "point"}))


@lru_cache(maxsize=64)  # an oracle reads a text more than once
def numeralise(text: str) -> str:
    """Lower-case `text` with numbers in words turned into digits: `two hundred and five` -> `205`, `half` -> `1/2`."""
    if not _HINT.search(text):
        return text
    plain = _with_one_word(text)
    return _in_digits(text) if plain is None else plain


def _with_one_word(text: str) -> str | None:
    """What `numeralise` makes of a text that has at most one number word, no digit and no unit; None of any other."""
    if _OTHER_STEM.search(text):
        return None
    hint = _ANY_HINT.search(text)
    if hint is None:
        return text
    start = hint.start()
    while start and "a" <= text[start - 1] <= "z":
        start -= 1
    word = _LETTERS.match(text, start)
    if word is None or _ANY_HINT.search(text, word.end()):
        return None
    if word[0] in _SMALL:
        return f"{text[:start]}{_SMALL[word[0]]}{text[word.end() :]}"
    return None if _GLUED.fullmatch(word[0]) else text


def _in_digits(text: str) -> str:
    """`numeralise`, for any text."""
    pieces = _PIECE.findall(_GLUED.sub(lambda glued: " ".join(_STEM.findall(glued[0])), text))
    out = []
    place = 0
    while place < len(pieces):
        piece = pieces[place]
        number, after = _number(pieces, place) if piece in _BEGINNINGS or "0" <= piece[0] <= "9" else ("", place)
        out.append(number or piece)
        place = after if number else place + 1
    return _POINT.sub(lambda m: f"{m[1] or 0}.{re.sub('[^0-9]', '', m[2])} ", "".join(out))


def _number(pieces: Sequence[str], place: int) -> tuple[str, int]:
    """The number in words at `place`, in digits, and where it ends; ("", place) if none begins there."""
    word = pieces[place]
    if word in ("a", "an"):
        start = _next(pieces, place)
        following = pieces[start] if start < len(pieces) else ""
        if following in UNITS and len(following) > 2:
            return "1", place + 1
        return _count(pieces, start) if following in _SCALES or following in _PARTS else ("", place)
    if word in _SMALL or word in _PARTS or (word in _SCALES and word not in _NEED_COUNT) or _is_digits(word):
        return _count(pieces, place)
    return "", place


def _count(pieces: Sequence[str], place: int) -> tuple[str, int]:
    """Read the longest number from `place`. Digits alone are left to themselves; `2 hundred 72` and `3 fifths` not."""
    total: Fraction | int = 0
    current: Fraction | int | None = None
    room, limit = 0, _LARGEST  # what still fits after `twenty` or `hundred`; a scale must be below the last one
    worded, end, k = False, place, place
    while k < len(pieces):
        word = pieces[k]
        if word in _SMALL or _is_digits(word):
            value = _SMALL[word] if word in _SMALL else Fraction(word)
            if current is not None and value >= room:
                break
            current = value if current is None else current + value
            room = 10 if word in _SMALL and value >= 20 else 0
        elif word in _SCALES and (word not in _NEED_COUNT or current is not None):
            scale = _SCALES[word]
            if scale >= limit or total + (current or 1) * scale > _LARGEST:
                break
            if scale < 1000:
                current, room = (current or 1) * scale, 100 if scale == 100 else 0
            else:
                total, current, room, limit = total + (current or 1) * scale, None, 0, scale
        elif word in _PARTS and current is None and not total:
            current = Fraction(1, _PARTS[word])
            article = _next(pieces, k)
            if "and" not in pieces[k:article] and pieces[article : article + 1] in (["a"], ["an"]):  # half a dozen
                worded, k = True, article
        elif word in _PARTS and current is not None and not total and _counts_parts(pieces, k, current):
            return f"{current}/{_PARTS[word]}", k + 1
        elif word in ("a", "an") and current is not None and "and" in pieces[end:k] and _part_after(pieces, k):
            k = _next(pieces, k)
            current, room = current + Fraction(1, _PARTS[pieces[k]]), 0
        else:
            break
        worded = worded or not _is_digits(word)
        end = k + 1
        k = _next(pieces, k)
    return (_show(total + (current or 0)), end) if worded else ("", place)


def _counts_parts(pieces: Sequence[str], place: int, count: Fraction | int) -> bool:
    """Whether the part at `place` is counted by what stands before: two thirds, one third, three-quarter."""
    return count == 1 or pieces[place] in _PLURALS or (pieces[place - 1] == "-" and count < 20)


def _is_digits(piece: str) -> bool:
    return "0" <= piece[0] <= "9" and len(piece) <= 30


def _part_after(pieces: Sequence[str], place: int) -> bool:
    after = _next(pieces, place)
    return after < len(pieces) and pieces[after] in _PARTS


def _next(pieces: Sequence[str], place: int) -> int:
    """The next word or number after `place`, past one stretch of spaces, commas or hyphens and an `and`."""
    place += 1
    if place < len(pieces) and _GLUE.fullmatch(pieces[place]):
        place += 1
    if pieces[place : place + 1] == ["and"]:
        place += 2 if pieces[place + 1 : place + 2] and _GLUE.fullmatch(pieces[place + 1]) else 1
    return place


def _show(value: Fraction | int) -> str:
    """Digits, as a decimal where that is exact (`2.5`), else as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    places = next((n for n in range(1, 7) if 10**n % value.denominator == 0), 0)
    if not places or value < 1:
        return f"{value.numerator}/{value.denominator}"
    whole, part = divmod(value.numerator * 10**places // value.denominator, 10**places)
    return f"{whole}.{part:0{places}d}"


def spell(number: int) -> str:
    """The usual English words, without `and`: 272 -> `two hundred seventy two`. Below 10**15."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10 - 2] + (f" {_ONES[number % 10]}" if number % 10 else "")
    size, name = next((s, n) for n, s in reversed(_BIG) if number >= s)
    return f"{spell(number // size)} {name}" + (f" {spell(number % size)}" if number % size else "")


def spellings(number: int) -> frozenset[str]:
    """Every usual way to say a natural number, without spaces: counted, by digits, in pairs, as an ordinal."""
    if number >= 10**15:
        return frozenset({"".join(_ONES[int(digit)] for digit in str(number))})
    plain = spell(number)
    digits = str(number)
    ways = {
        plain,
        " ".join(_ONES[int(d)] for d in digits),
        " ".join("oh" if d == "0" else _ONES[int(d)] for d in digits),
    }
    if len(digits) in (3, 4):  # two seventy-two; nineteen eighty-four; nineteen oh four; fifteen hundred
        head, tail = divmod(number, 100)
        ways |= (
            {f"{spell(head)} {spell(tail)}", f"{spell(head)} oh {spell(tail)}"} if tail else {f"{spell(head)} hundred"}
        )
        ways |= {f"{spell(head)} hundred {spell(tail)}"} if tail else set()
    if number >= 100 and plain.startswith("one "):
        ways |= {plain[4:]}
    ways |= {_ordinal(plain), *COUNT_WORDS.get(number, "").split()}
    ways |= {way.replace("forty", "fourty").replace("ninety", "ninty") for way in ways}
    return frozenset(way.replace(" ", "") for way in ways)


def spelt_fraction(value: Fraction) -> frozenset[str]:
    """Ways to say a positive fraction: `three quarters`, `three over four`; without spaces or `and`."""
    top, bottom = spell(value.numerator), spell(value.denominator)
    parts = {word for word, size in _PARTS.items() if size == value.denominator}
    return frozenset(way.replace(" ", "") for way in {f"{top} over {bottom}", *(f"{top} {part}" for part in parts)})


def _ordinal(words: str) -> str:
    """`twenty two` -> `twenty second`."""
    *front, last = words.split()
    if last in _ONES:
        return " ".join([*front, _ORDINALS[_ONES.index(last)]])
    return " ".join([*front, last[:-1] + "ieth" if last.endswith("y") else f"{last}th"])


def roman(numeral: str) -> int:
    """The value of a Roman numeral in capitals, however irregular: `XIIII` and `XIV` are both 14."""
    values = [_ROMAN[letter] for letter in numeral]
    return sum(-v if v < max(values[i + 1 : i + 3], default=0) else v for i, v in enumerate(values))
