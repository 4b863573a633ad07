"""Units that an answer may carry, by dimension, each as a multiple of that dimension's smallest unit."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

#: A dimension and how many of its smallest unit one of this unit is. The dimension "" is a plain number: `k`, `%`.
Unit = tuple[str, Fraction | int]

# A word in two rows (m, ', pound, pint) keeps every meaning: an oracle has to allow for each.
_TABLE: dict[str, dict[str, str]] = {
    "": {"1/100": "% percent pct percentage", "1000": "k", "1000000": "m mn mil", "1000000000": "b bn"},
    "time": {
        "1/1000": "ms millisecond",
        "1": 's sec second "',
        "60": "m min minute '",
        "3600": "h hr hour",
        "86400": "d day",
        "604800": "wk week",
        "1209600": "fortnight",
        "31536000": "yr year",
        "31622400": "yr year",
    },
    "calendar": {"1": "month mo", "12": "yr year", "120": "decade", "1200": "century centuries"},
    "length": {
        "1": "mm millimeter millimetre",
        "10": "cm centimeter centimetre",
        "100": "dm decimeter decimetre",
        "1000": "m meter metre",
        "1000000": "km kilometer kilometre",
        "127/5": 'in inch inches "',
        "1524/5": "ft foot feet '",
        "4572/5": "yd yard",
        "1609344": "mi mile",
    },
    "mass": {
        "1": "mg milligram milligramme",
        "1000": "g gram gramme gm",
        "1000000": "kg kilo kilogram kilogramme",
        "1000000000": "t tonne ton",
        "453592370/1000": "lb pound",
        "28349523125/1000000": "oz ounce",
        "6350293180/1000": "stone st",
        "907184740": "ton",
    },
    "volume": {
        "1": "ml milliliter millilitre cc",
        "10": "cl centiliter centilitre",
        "100": "dl deciliter decilitre",
        "1000": "l liter litre",
        "3785411784/1000000": "gal gallon",
        "454609/100": "gal gallon",
        "473176473/1000000": "pt pint",
        "56826125/100000": "pt pint",
        "946352946/1000000": "qt quart",
        "2365882365/10000000": "cup",
    },
    "money": {
        "1": "¢ c ct cent penny pennies pence p",
        "5": "nickel",
        "10": "dime",
        "100": "$ € £ dollar usd buck euro eur gbp pound quid",
    },
}


def _rows() -> Iterator[tuple[str, Unit]]:
    for dimension, scales in _TABLE.items():
        for scale, words in scales.items():
            for word in words.split():
                yield word, (dimension, _size(scale))
                if len(word) > 1 and word[-1] != "s" and word.isalpha():
                    yield f"{word}s", (dimension, _size(scale))


def _size(scale: str) -> Fraction | int:
    return Fraction(scale) if "/" in scale else int(scale)


#: Every unit's word or symbol, with all that it may mean.
UNITS: dict[str, tuple[Unit, ...]] = {}
for _word, _unit in _rows():
    UNITS[_word] = tuple(dict.fromkeys((*UNITS.get(_word, ()), _unit)))

#: The sizes of a dimension's units, without repeats.
SCALES: dict[str, tuple[Fraction | int, ...]] = {
    dimension: tuple(map(_size, scales)) for dimension, scales in _TABLE.items()
}

#: Words that make a number a quantity which cannot be converted here: next to one, a number may mean any other.
ODD_UNITS = frozenset(
    [
        "c",
        "f",
        "celsius",
        "fahrenheit",
        "kelvin",
        "degree",
        "degrees",
        "radian",
        "radians",
        "rad",
        "kph",
        "mph",
        "kmh",
        "knots",
        "per",
        "square",
        "cubic",
        "sq",
        "cu",
        "acre",
        "acres",
        "hectare",
        "hectares",
        "ha",
        "joule",
        "joules",
        "watt",
        "watts",
        "newton",
        "newtons",
    ]
)
