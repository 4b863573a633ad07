"""Reading answers out of hostile text: characters first, then the ways that a number's digits may be written.

What comes out of here is plain ASCII text in which a number is digits with at most one point;
`quantities` gives it values and units.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

from .spelling import numeralise

#: Stands for a character that may be a number but cannot be read: a text with it is never proved wrong.
UNREAD = "\ue000"
_Rewrite = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
#: The ambiguous dash: a minus, a hyphen or a pause.
DASH = "–"

_HOMOGLYPHS = {
    chr(point): chr(latin)
    for point, latin in str.maketrans(
        "аеорсхуіѕјһԁԛԝкмтвнАЕОРСХУІЅЈКМТВНΟοΑαΕεΙιΚκΝνΡρΤτΥυΧχΒΗΜΖıօո",
        "aeopcxyisjhdqwkmtbhAEOPCXYISJKMTBHOoAaEeIiKkNvPpTtYyXxBHMZion",
    ).items()
}
_CHARACTERS = _HOMOGLYPHS | {
    "−": "-", "‐": DASH, "‑": DASH, "‒": DASH, "–": DASH, "—": DASH, "―": DASH, "﹘": DASH, "~": "~",
    "×": "*", "✕": "*", "✖": "*", "⨯": "*", "∗": "*", "⋅": "·", "∙": "·", "•": "·", "÷": "/", "∕": "/", "⁄": "/",
    "∶": ":", "‘": "'", "’": "'", "ʹ": "'", "′": "'", "´": "'", "“": '"', "”": '"', "″": '"', "٫": ".", "٬": ",",
    "。": ". ", "、": ", ", "\x85": " ", "\u2028": "\n", "\u2029": "\n", "з": "3", "З": "3",
}  # fmt: skip
# Pictures of numbers that Unicode gives no value (dice, clock faces, braille, cards, medals, 🔟, 💯), and bidi tricks.
_PICTURES = re.compile("[\u2680-\u2685\u2800-\u28ff\U0001f000-\U0001f0ff\U0001f51f\U0001f4af\U0001f947-\U0001f949"
                       "\U0001f550-\U0001f567\u202a-\u202e\u2066-\u2069]")  # fmt: skip
_LATIN = re.compile(r"(?:LATIN|REGIONAL|SQUARED).*LETTER (?:SMALL CAPITAL |TURNED |DOTLESS )?([A-Z])(?: WITH.*)?")


def clean(text: str) -> str:
    """`text` without tricks of encoding: compatibility forms, look-alike letters and exotic digits become ASCII.

    Zero-width, formatting, control and combining characters go. A numeral that cannot be read leaves `UNREAD`.
    """
    if "&" in text:
        text = html.unescape(text)
    return text if text.isascii() else "".join(map(_fold, text))


@lru_cache(maxsize=1 << 16)
def _fold(char: str) -> str:
    """What one character stands for."""
    if char.isascii() or char in _CHARACTERS:
        return _CHARACTERS.get(char, char)
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if _PICTURES.match(char):
        return UNREAD
    plain = unicodedata.normalize("NFKD", char)
    if unicodedata.numeric(char, None) is not None:
        fraction = re.fullmatch(r"(\d+)⁄(\d+)", plain)
        return f" {fraction[1]}/{fraction[2]} " if fraction else UNREAD + plain.encode("ascii", "ignore").decode()
    if category in ("Cf", "Cc", "Cs", "Co", "Cn", "Mn", "Me"):
        return ""
    if plain != char:
        return "".join(map(_fold, plain))
    letter = _LATIN.fullmatch(unicodedata.name(char, ""))
    return letter[1].lower() if letter else char


_ARGUMENT = r"(?:\{{(?P<braced{0}>[^{{}}]{{0,40}})\}}|(?P<digit{0}>\d))"


def _quotient(match: re.Match[str]) -> str:
    top, bottom = (match[f"braced{n}"] if match[f"digit{n}"] is None else match[f"digit{n}"] for n in (1, 2))
    return "/".join(part if part.isdigit() else f"({part})" for part in (top, bottom)) + " "


_LATEX: tuple[_Rewrite, ...] = (
    (re.compile(r"(?<=\d)(?=\\[dtc]?frac)"), " "),
    (re.compile(rf"\\[dtc]?frac\s*{_ARGUMENT.format(1)}\s*{_ARGUMENT.format(2)}"), _quotient),
    (re.compile(r"\\(?:times|cdot|ast)(?![a-z])"), "*"),
    (re.compile(r"\\(?:div|over)(?![a-z])"), "/"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,;:! ]|(?<!\w)~"), " "),
    (re.compile(r"\\([$%])"), r"\1"),
)
MARKUP = re.compile(
    r"\*\*+|__+|`|~~|</?[a-z][^<>]{0,60}>|\\[a-z]{1,20}\s?\{|[{}]|\\[()\[\]]|\$(?!\d)|\$(?=[^$\n]{1,60}\$)"
)
_PHRASES: tuple[_Rewrite, ...] = (
    (re.compile(r"\b(?:minus|negative)\s+(?=[$€£]?\s?\.?\d)"), "-"),
    (re.compile(r"\b(?:divided by|over|out of|div)\b|(?<=\d) in (?=\d)"), "/"),
    (re.compile(r"\bsquare of (\d+)"), r"\1^2"),
    (re.compile(r"\bcube of (\d+)"), r"\1^3"),
    (re.compile(r"\b(?:multiplied by|times|of)\b"), "*"),
    (re.compile(r"\b(?:raised )?to the (?:power(?: of)?)?(?=\s?\d)"), "^"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\bsquared\b"), "^2"),
    (re.compile(r"\bcubed\b"), "^3"),
    (re.compile(r"(\d+) (?:less|fewer) than (\d+)"), r"\2 - \1"),
    (re.compile(r"(\d+) from (\d+)"), r"\2 - \1"),
    (re.compile(r"\b(?:plus|more than|added to)\b"), "+"),
    (re.compile(r"\b(?:minus|less)\b"), "-"),
    (re.compile(r"\b(?:twice|double)\b"), "2 *"),
    (re.compile(r"\b(?:triple|thrice)\b"), "3 *"),
    (re.compile(r"\bdoubled\b"), "* 2"),
    (re.compile(r"\btripled\b"), "* 3"),
    (re.compile(r"\bhalved\b"), "/ 2"),
    (re.compile(r"\bper cent\b"), "%"),
)
#: Operators in words that bring digits of their own.
NUMERIC_PHRASES = ("squared", "cubed", "halved", "twice", "double", "triple", "thrice")
_HAS_PHRASE = re.compile(
    r"\*\*|minus|negative|divided by|over|out of|multiplied by|times|of |to the|squared|cubed|than|plus|added|less|"
    r" in | from |div |halved|twice|double|triple|thrice|per cent"
)


def rewrite(text: str) -> str:
    """Lower-case text with LaTeX, number words and operators in words turned into digits and signs."""
    return symbols(numeralise(_latex(text)))


def symbols(text: str) -> str:
    """As `rewrite`, but number words stay as they are (`2 million` keeps its 2)."""
    text = _latex(text)
    if _HAS_PHRASE.search(text):
        for pattern, plain in _PHRASES:
            text = pattern.sub(plain, text)
    return text


def _latex(text: str) -> str:
    if "\\" in text or "{,}" in text:
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    return text


SEPARATED = re.compile(r"\d[.,' _·]\d")
_GROUPED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d\d)*(?:([,'_ ])\d{3})(?:\1\d{3})*(?!\d)")
_EUROPEAN = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:[.' ]\d{3})+(?:,\d+)?(?!\d)")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LONE_COMMA = re.compile(r"(?<![\d,])(\d+),(\d{1,2})(?![\d,])")
_DOTTED = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}")


def readings(text: str) -> Iterator[str]:
    """`text` in every way that its separators may be meant: `1.000` is 1 or 1000; `12,5` is 12.5 or 12, 5."""
    yield text
    if not SEPARATED.search(text) and "·" not in text:
        return
    seen = {text}
    for other in (
        _GROUPED.sub(_joined, text),
        _EUROPEAN.sub(lambda m: re.sub("[.' ]", "", m[0]).replace(",", "."), text),
        _COMMA.sub(".", text),
        _DOTTED.sub(lambda m: m[0].replace(".", " "), text),
        text.replace("·", "."),
        text.replace("·", "*"),
    ):
        if other not in seen:
            seen.add(other)
            yield other


def primary(text: str) -> str:
    """`text` as an English reader takes its separators: `1,000` is 1000, `12,5` can only be 12.5."""
    return _LONE_COMMA.sub(r"\1.\2", _GROUPED.sub(_joined, text)) if SEPARATED.search(text) else text


def _joined(match: re.Match[str]) -> str:
    return re.sub("[,'_ ]", "", match[0])


def unmarked(text: str) -> str:
    """`text` with spaces for Markdown, HTML and LaTeX wrappers, so that `2**72` is not made 272."""
    return MARKUP.sub(" ", text)


def layouts(text: str) -> Iterator[str]:
    """Lower-case text as it stands and, where that differs, without markup: `**2**72`, `<b>2</b>72`, `\\text{272}`.

    Also with mixed numbers as decimals (`1 1/2 thousand`), with factorials worked out, and with the `and` of a product
    as its sign (`the product of 16 and 17`).
    """
    yield text
    if MARKUP.search(text):
        yield MARKUP.sub("", text)
    if PART.search(text) or "half" in text or "quarter" in text:
        yield _as_decimals(rewrite(_as_decimals(text)))
    if FACTORIAL.search(text):
        yield FACTORIAL.sub(lambda m: str(math.factorial(int(m[0][:-1]))), text)
    if has_product(text):
        yield _AND.sub("*", text)


def has_product(text: str) -> bool:
    """Whether an `and` or a comma in the text may be the sign of a product."""
    return "product" in text or "multipl" in text


def _as_decimals(text: str) -> str:
    """`1 1/2` as `1.5`, `hour and 1/2` as `1.5 hour` and `1/2 hour` as `0.5 hour`, where the decimal ends."""
    text = _HALF_MORE.sub(r"\1 \3 \2", _BARE_UNIT.sub(r"1 \1 ", text))
    return _PART_OF_UNIT.sub(_decimal, _MIXED.sub(_decimal, text))


def _decimal(match: re.Match[str]) -> str:
    whole, top, bottom = (int(digits or 0) for digits in match.groups())
    thousandths, rest = divmod(1000 * top, bottom or 7)
    return match[0] if rest or thousandths >= 1000 else f"{whole}.{thousandths:03d}"


PART = re.compile(r"\d/\d")
_AND = re.compile(r"\band\b|,")
_MIXED = re.compile(r"(?<![\d.])(\d{1,9})(?:\s{1,3}(?:and\s)?|-)(\d{1,3})/(\d{1,3})(?![\d/])")
_PART_OF_UNIT = re.compile(r"(?<![\d.])()(\d{1,3})/(\d{1,3})(?=\s?[a-z])")
_BARE_UNIT = re.compile(r"(?<![\da-z.])(?<!\d\s)([a-z]{4,9})\s(?=and\s\d/\d)")
FACTORIAL = re.compile(r"(?<![\d.])(?:1\d|\d)!")
_HALF_MORE = re.compile(r"(?<![\d./])(\d{1,9})\s?([a-z]{1,9})\s(and\s\d/\d)(?!\d|\s?(?!and\b)[a-z])")
_BEFORE = re.compile(r"[^\w]{0,12}\Z")
_MINUS = re.compile(r"(?:\A|[\s(=:{\[\"'$])-[$€£]?\Z")


def signs(text: str, start: int, end: int) -> tuple[int, ...]:
    """The signs that the number at `start:end` may have: a minus tight before it is sure, other dashes go both ways."""
    before = text[max(0, start - 13) : start]
    if "-" not in before and DASH not in before:
        return (1, -1) if text[end : end + 1] in ("-", DASH) and not text[end + 1 : end + 2].isalnum() else (1,)
    run = _BEFORE.search(before)
    dashes = run[0] if run else ""
    if "-" not in dashes and DASH not in dashes:
        return (1,)
    sure = dashes.count("-") == 1 and DASH not in dashes and _MINUS.search(before)
    return (-1,) if sure else (1, -1)
