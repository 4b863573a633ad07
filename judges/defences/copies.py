"""Random copies of a text, each with some of its characters changed: what smoothing asks a judge about."""

from __future__ import annotations

import hashlib
import math
from typing import Literal, get_args

import numpy as np

Mode = Literal["swap", "insert", "drop", "words"]
MODES: tuple[str, ...] = get_args(Mode)

#: What characters are swapped for and what is put in: printable ASCII without digits, of which no copy makes a number.
_SIGNS = "".join(chr(point) for point in range(32, 127) if not chr(point).isdigit())


def copies_of(text: str, count: int, mode: Mode, share: float, *, seed: int, numbers: bool) -> list[str]:
    """So many copies, drawn from a stream that `seed` and the text decide: the same in any batch, order or process.

    In each copy a share of the characters (of the words, for `words`), at least one, is swapped for random ones, gets a
    random one beside it, or is dropped. Those of numbers are spared unless `numbers`: a copy of `272` with one digit
    changed says something else, while one of `The answer is 272.` with a letter changed does not. A text of nothing but
    numbers has copies that are the text itself.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    rng = np.random.default_rng([seed, *np.frombuffer(digest, dtype=np.uint32).tolist()])
    units = text.split(" ") if mode == "words" else list(text)
    free = [place for place, unit in enumerate(units) if numbers or not _of_number(units, place)]
    many = min(len(free), math.ceil(share * len(free)))
    return [_copy(units, rng.permutation(free)[:many].tolist(), mode, rng) for _ in range(count)]


def _of_number(units: list[str], place: int) -> bool:
    """Whether a unit has a digit in it, or is a sign between two digits, as in `2,450` and `14:30`."""
    unit = units[place]
    if any(char.isdigit() for char in unit):
        return True
    between = units[place - 1 : place] + units[place + 1 : place + 2] if place else []
    return unit in (".", ",", ":", "/") and len(between) == 2 and all(each.isdigit() for each in between)


def _copy(units: list[str], places: list[int], mode: Mode, rng: np.random.Generator) -> str:
    chosen = set(places)
    if mode in ("drop", "words"):
        kept = [unit for place, unit in enumerate(units) if place not in chosen]
        return (" " if mode == "words" else "").join(kept)
    changed = list(units)
    for place in sorted(chosen):
        drawn = _SIGNS[int(rng.integers(len(_SIGNS)))]
        changed[place] = drawn if mode == "swap" else drawn + changed[place]
    return "".join(changed)
