"""Values and units of the numbers in a text, and of the sums written with them, exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from .answers import signs
from .units import SCALES, UNITS, Unit

Value = int | Fraction
Kind = Literal["number", "fraction", "compound", "computed"]

_LONGEST_CHAIN = 12
_MOST_STEPS = 4_000
_MOST_TOKENS = 20_000
_MOST_DIGITS = 300


class TooMuch(Exception):
    """There is more arithmetic in the text than is worth evaluating."""


class Reading(NamedTuple):
    """One value that a stretch of text states.

    `value` has no sign yet; `signs` are those it may have. `places` is the number of decimals written, None where the
    value is exact. `units` are all that the unit beside it may mean.
    """

    start: int
    end: int
    value: Value
    signs: tuple[int, ...]
    places: int | None
    units: tuple[Unit, ...]
    kind: Kind


_TOKEN = re.compile(
    r"(?P<number>(?:\d+(?:\.\d+)?|(?<![\w.])\.\d+)(?:e[+-]?\d{1,4}(?!\w|\.\d))?)|(?P<word>[a-z]+)|(?P<gap>\s+)|(?P<mark>.)",
    re.DOTALL,
)
_OPERATORS = {"+": "+", "-": "-", "–": "-", "*": "*", "/": "/", "^": "^", "x": "*", "and": "+", "&": "+"}
_BREAK = "|"
_CURRENCY = ("$", "€", "£")
_MARKS = _OPERATORS | dict.fromkeys("([{", "(") | dict.fromkeys(")]}", ")") | {"=": "="} | dict.fromkeys(",.;:", ",")
# How many of a unit make the next larger: seconds, hours, inches, ounces, cents, grams.
_USUAL_STEPS = frozenset({60, 24, 12, 16, 100, 1000})
Token = Reading | str


def parse_number(text: str) -> tuple[Value, int | None]:
    """A plain decimal or `1.2e3`, with its number of decimals. Cut beyond 300 digits: no reference is that long."""
    mantissa, _, power = text.partition("e")
    whole, _, part = mantissa.partition(".")
    whole, part = whole.lstrip("0"), part[:_MOST_DIGITS]
    if len(whole) > _MOST_DIGITS:
        whole = "9" * _MOST_DIGITS
    value: Value = int(whole or "0")
    if part:
        value = Fraction(int((whole + part) or "0"), 10 ** len(part))
    if power:
        exponent = max(-_MOST_DIGITS, min(_MOST_DIGITS, int(power)))
        return value * Fraction(10) ** exponent, None
    return value, len(part)


def size(value: Value) -> Value:
    """The value without its sign."""
    return -value if value < 0 else value


def scan(text: str) -> list[Reading]:
    """Every value that `text` (as `answers` leaves it) states, sub-sums of its arithmetic included.

    Raises:
        TooMuch: there is too much to evaluate; the text may state anything.
    """
    return _Scan(text).readings()


@dataclass(slots=True)
class _Scan:
    text: str
    steps: float = 0

    def readings(self) -> list[Reading]:
        found: list[Reading] = []
        stack: list[list[Token]] = [[]]
        for token in self._tokens():
            if token == "(":
                stack.append([])
            elif token == ")":
                inner = stack.pop()
                whole = self._frame(inner, found)
                if not stack:
                    stack.append([])
                stack[-1].append(whole or _BREAK)
            else:
                stack[-1].append(token)
        for frame in stack:
            self._frame(frame, found)
        return found

    def _tokens(self) -> Iterator[Token]:
        """Numbers with their units, operators, brackets, `=` and `,`; anything else is a break. Spaces are dropped."""
        last: Reading | None = None
        prefix: tuple[Unit, ...] = ()
        held = ""  # a hyphen that may belong to `95-minute`
        for match in _TOKEN.finditer(self.text):
            kind, word = match.lastgroup, match[0]
            if kind == "gap":
                continue
            self._spend(_MOST_STEPS / _MOST_TOKENS)
            if last is not None:
                # A sign before the number may be LaTeX: `$1.5$ hours`.
                if word in UNITS and all(dimension == "money" for dimension, _ in last.units):
                    last, held = last._replace(units=last.units + UNITS[word], end=match.end()), ""
                    prefix = UNITS[word] if word in _CURRENCY else ()
                    continue
                if word == "-" and not held and not last.units:
                    held = word
                    continue
                yield last
                last = None
            if held:
                yield held
                held = ""
            if kind == "number":
                value, places = parse_number(word)
                sign = signs(self.text, match.start(), match.end())
                last, prefix = Reading(match.start(), match.end(), value, sign, places, prefix, "number"), ()
            else:
                prefix = UNITS[word] if word in _CURRENCY else ()
                if not prefix:
                    yield _MARKS.get(word, _BREAK)
        if last is not None:
            yield last

    def _frame(self, tokens: list[Token], found: list[Reading]) -> Reading | None:
        """Add what the tokens between two brackets state to `found`; returns their value if they are one sum."""
        found += (token for token in tokens if isinstance(token, Reading))
        found += self._compounds(tokens)
        chains = list(_chains(tokens))
        whole: Reading | None = None
        for index, chain in enumerate(chains):
            sums = self._sums(chain)
            whole = sums[-1] if sums else chain.numbers[0]
            # `15 + 27 = 43` does not state 42: the text says itself what it takes the sum to be.
            found += (s for s in sums if not chain.evaluated or (s.kind == "fraction" and s.value != int(s.value)))
            after = chains[index + 1] if index + 1 < len(chains) else None
            if after and chain.joined and after.operators[:1] == ["/"]:
                found += _mixed(chain.numbers[-1], after)
            if chain.numbers[0].kind == "computed" and -1 in chain.numbers[0].signs:  # -(3 + 4)
                found.append(chain.numbers[0])
        alone = len(chains) == 1 and all(isinstance(t, Reading) or t in _OPERATORS.values() for t in tokens)
        if whole is None or not alone:
            return None
        return whole._replace(value=whole.value * whole.signs[0], signs=(1,), kind="computed")

    def _sums(self, chain: _Chain) -> list[Reading]:
        """The value of every run of numbers and operators in a chain, the whole chain last."""
        if len(chain.numbers) == 1:
            return []
        if len(chain.numbers) > _LONGEST_CHAIN:
            raise TooMuch
        numbers, operators, sums = self._powers(chain)
        for first in range(len(numbers) - 1, -1, -1):
            before = operators[first - 1] if first else ""
            for sign in reversed(numbers[first].signs) if not first else (-1, 1) if before == "-" else (1,):
                done: Value = 0
                term = sign * numbers[first].value
                for second, operator in enumerate(operators[first:], first + 1):
                    self._spend(1)
                    number = numbers[second]
                    if operator in "+-":
                        done, term = done + term, number.value if operator == "+" else -number.value
                    elif operator == "*":
                        term *= number.value
                    elif number.value:
                        term = Fraction(term) / number.value
                    else:
                        break
                    sums.append(_result(numbers[first], number, done + term))
                    if operator == "/" and second == first + 1:
                        sums[-1] = sums[-1]._replace(kind="fraction")
            if operators[first : first + 2] == ["-", "/"] and numbers[first + 2].value:  # 1-1/2 is also 1 1/2
                part = Fraction(numbers[first + 1].value) / numbers[first + 2].value
                sums.insert(0, _result(numbers[first], numbers[first + 2], numbers[first].value + part))
        if chain.operators == ["/"] and sums and all(n.kind == "number" and n.value >= 0 for n in numbers):
            return [sums[0]._replace(kind="fraction", value=size(sums[0].value), signs=numbers[0].signs)]
        return sums

    def _powers(self, chain: _Chain) -> tuple[list[Reading], list[str], list[Reading]]:
        """A chain with its powers worked out, right to left, and the powers themselves."""
        numbers, operators = list(chain.numbers), list(chain.operators)
        powers = []
        for place in range(len(operators) - 1, -1, -1):
            if operators[place] != "^":
                continue
            base, exponent = numbers[place], numbers[place + 1]
            self._spend(5)
            if exponent.value != int(exponent.value) or size(exponent.value) * len(str(base.value)) > _MOST_DIGITS:
                raise TooMuch
            if not base.value and exponent.value <= 0:
                raise TooMuch
            powers.append(_result(base, exponent, Fraction(base.value) ** int(exponent.value)))
            numbers[place : place + 2] = [powers[-1]]
            del operators[place]
        return numbers, operators, powers

    def _compounds(self, tokens: list[Token]) -> Iterator[Reading]:
        """Quantities of one dimension side by side, summed: `2 hours 15 minutes`, `2h15`, `1 hour and 1/2`."""
        for place, token in enumerate(tokens):
            if not isinstance(token, Reading) or not token.units:
                continue
            for dimension, scale in token.units:
                if dimension:
                    yield from self._sum_from(tokens, place, token, dimension, scale)

    def _sum_from(
        self, tokens: list[Token], place: int, first: Reading, dimension: str, scale: Value
    ) -> Iterator[Reading]:
        total: Value = first.value * scale
        for _ in range(6):
            place += 1
            between = tokens[place] if place < len(tokens) else _BREAK
            place += between in (",", "+", "-")
            item = tokens[place] if place < len(tokens) else _BREAK
            if isinstance(item, str):
                return
            self._spend(2)
            smaller = [size for other, size in item.units if other == dimension]
            yield from self._tails(tokens, place, first, total, dimension, scale)
            if not smaller:
                return
            if between == "-":  # 2 hours - 25 minutes; or a dash
                less = total - item.value * smaller[0]
                yield Reading(first.start, item.end, less, (1, -1), None, ((dimension, 1),), "compound")
            total, scale = total + item.value * smaller[0], smaller[0]
            yield Reading(first.start, item.end, total, first.signs, None, ((dimension, 1),), "compound")

    def _tails(
        self, tokens: list[Token], place: int, first: Reading, total: Value, dimension: str, scale: Value
    ) -> Iterator[Reading]:
        """A bare number after a quantity counts the next smaller unit (`1 h 35`); a bare fraction, the same one."""
        item = tokens[place]
        assert isinstance(item, Reading)
        units: tuple[Unit, ...] = ((dimension, 1),)
        bottom = tokens[place + 2] if tokens[place + 1 : place + 2] == ["/"] and place + 2 < len(tokens) else None
        if isinstance(bottom, Reading) and bottom.value:
            more = Fraction(item.value) / bottom.value * scale
            yield Reading(first.start, bottom.end, total + more, first.signs, None, units, "compound")
        for smaller in SCALES[dimension]:
            if smaller < scale:
                self._spend(1)
                # Two signs keep an unusual one from being taken for the final answer: 2 h 15 as 2 h 15 s, or a
                # number whose unit belongs to what follows.
                usual = not item.units and Fraction(scale) / smaller in _USUAL_STEPS
                sure = first.signs if usual else (1, -1)
                value = total + item.value * smaller
                yield Reading(first.start, item.end, value, sure, None, units, "compound")

    def _spend(self, steps: float) -> None:
        self.steps += steps
        if self.steps > _MOST_STEPS:
            raise TooMuch


@dataclass(slots=True)
class _Chain:
    """Numbers with an operator between each two. `joined`: the next chain stands right beside it."""

    numbers: list[Reading]
    operators: list[str]
    joined: bool = False
    evaluated: bool = False


def _chains(tokens: list[Token]) -> Iterator[_Chain]:
    """Split tokens at breaks, commas and equals signs, and where two numbers stand side by side."""
    chain: _Chain | None = None
    pending = ""
    for place, token in enumerate(tokens):
        if isinstance(token, Reading):
            if chain and pending:
                chain.operators.append(pending)
                negative = pending != tokens[place - 1] == "-"  # 2 * -3
                chain.numbers.append(token._replace(value=-token.value) if negative else token)
            elif chain and "computed" in (token.kind, chain.numbers[-1].kind):  # 2(3 + 4)
                chain.operators.append("*")
                chain.numbers.append(token)
            else:
                if chain:
                    chain.joined = True
                    yield chain
                minus = token.kind == "computed" and place and tokens[place - 1] == "-"  # -(3 + 4)
                chain = _Chain([token._replace(signs=(1, -1)) if minus else token], [])
            pending = ""
        elif token in "+-*/^":
            pending = pending or (token if chain else "")
        else:
            if chain:
                chain.evaluated = token == "=" and not pending and _number_follows(tokens, place)
                yield chain
            chain, pending = None, ""
    if chain:
        yield chain


def _number_follows(tokens: list[Token], place: int) -> bool:
    following = tokens[place + 1 : place + 3]
    return any(isinstance(token, Reading) for token in (following[1:] if following[:1] == ["-"] else following[:1]))


def _mixed(whole: Reading, part: _Chain) -> Iterator[Reading]:
    """`1 1/2`."""
    top, bottom = part.numbers[:2]
    if bottom.value and whole.value == int(whole.value) and top.value < bottom.value:
        value = whole.value + Fraction(top.value) / bottom.value
        yield Reading(whole.start, bottom.end, value, whole.signs, None, bottom.units, "fraction")


def _result(first: Reading, last: Reading, value: Value) -> Reading:
    return Reading(first.start, last.end, value, (1,), None, last.units or first.units, "computed")
