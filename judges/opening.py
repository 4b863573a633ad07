"""Judges by their names: the table of judges, and how a name with an argument, options and judges inside is read.

    referee                                a name
    hf:ORG/MODEL:threshold=0.9             a name, what it is about, and an option
    openai:MODEL@http://HOST:8000/v1?in_flight=16       options behind a URL
    process:referee?aggregate=min          a judge around another; its options stand behind the question mark
    smooth:(process:referee?aggregate=sum)?copies=5     around one that has such options itself: in parentheses
    ensemble:referee,smollm2?aggregate=mean             around several

Options behind a question mark are joined by `&` and may be written of every judge: `referee?threshold=0.9`. They belong
to the outermost judge; a device, number format, threads or threshold that it does not take is given to those inside.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from ..corpora.errors import HoodwinkError, UsageError
from ..corpora.names import convert_options, lookup, nearest
from .judge import Judge, first_line

JUDGES = {
    "referee": "hoodwink.judges.referee:referee",
    "smollm2": "hoodwink.judges.referee:smollm2",
    "hf": "hoodwink.judges.hub:from_hub",
    "reward": "hoodwink.judges.reward:from_hub",
    "openai": "hoodwink.judges.servers.judge:openai",
    "python": "hoodwink.judges.function:from_spec",
    "planted": "hoodwink.judges.planted:planted",
    "ensemble": "hoodwink.judges.ensemble:from_folder",
}

#: Judges of which the rest of the name is an argument: `hf:ORG/MODEL`, `reward:ORG/MODEL`, `openai:MODEL@URL`,
#: `python:module:function`, `planted:NAME`, `ensemble:FOLDER`.
_WITH_ARGUMENT = {
    "hf": "ORG/MODEL",
    "reward": "ORG/MODEL",
    "openai": "MODEL@URL",
    "python": "module:function",
    "planted": "NAME",
    "ensemble": "JUDGE,JUDGE",
}

#: Judges around one judge: `NAME:JUDGE?options`. What makes them takes the judge and keyword options.
AROUND_ONE: dict[str, str] = {
    "calibrated": "hoodwink.judges.calibrated:calibrated",
    "pairwise": "hoodwink.judges.pairwise:pairwise",
    "process": "hoodwink.judges.process:process",
    "perplexity": "hoodwink.judges.defences.perplexity:Perplexity",
    "length": "hoodwink.judges.defences.length:Length",
    "characters": "hoodwink.judges.defences.characters:Characters",
    "echo": "hoodwink.judges.defences.echo:Echo",
    "smooth": "hoodwink.judges.defences.smooth:Smooth",
}

#: Judges around several: `NAME:JUDGE,JUDGE?options`. What makes them takes a list of judges and keyword options.
AROUND_MANY: dict[str, str] = {"ensemble": "hoodwink.judges.ensemble:together"}

#: Every name that a judge's can begin with, and what makes such judges.
NAMED = {**JUDGES, **AROUND_ONE, **{name: maker for name, maker in AROUND_MANY.items() if name not in JUDGES}}

#: How any judge is opened; a judge around others hands these on to them.
OPENING = frozenset({"threshold", "device", "dtype", "threads"})

#: An option, and several of them: names have no hyphen, as those in the query of a URL may.
_OPTION = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_OPTIONS = re.compile(r"[A-Za-z_]\w*=[^&?]*(?:&[A-Za-z_]\w*=[^&?]*)*")


class Spec(NamedTuple):
    """A name, what stands behind its colon, and what stands behind its question mark."""

    name: str
    rest: str
    options: dict[str, str]


def open_judge(spec: str | Judge | Callable[..., Any], **options: Any) -> Judge:
    """The judge that a name stands for, or one around a function or a transformers pipeline; judges pass through.

    Options: `referee:threshold=0.9` in the name or `threshold=0.9` as a keyword.

    Raises:
        UsageError: unknown name or option, or something that is neither name, judge nor function.
    """
    if isinstance(spec, str):
        return _named(spec, options)
    if isinstance(spec, type):
        spec = made(spec)
    if isinstance(spec, Judge):
        if options:
            raise UsageError(f"judge {spec.name} is made already; set {', '.join(options)} when it is made")
        return spec
    if callable(spec):
        from .function import from_function

        return from_function(spec, **convert_options(from_function, options, "a judge around a function"))
    raise UsageError(f"{spec!r} is no judge; give a name, a function, or an object with name, fingerprint and score")


def opened_once(spec: str | Judge | Callable[..., Any], threshold: float | None = None) -> Judge:
    """As `open_judge`; a judge that is given by its name is opened once in a process.

    Raises:
        UsageError: see `open_judge`.
    """
    if isinstance(spec, str):
        return _named_once(spec, threshold)
    return open_judge(spec) if threshold is None else open_judge(spec, threshold=threshold)


@lru_cache(maxsize=16)
def _named_once(name: str, threshold: float | None) -> Judge:
    return open_judge(name) if threshold is None else open_judge(name, threshold=threshold)


def made(kind: type) -> Any:
    """An object of a user's class, made without arguments.

    Raises:
        UsageError: its constructor needs arguments or fails.
    """
    try:
        return kind()
    except HoodwinkError:
        raise
    except Exception as error:
        raise UsageError(
            f"judge class {kind.__name__} cannot be made without arguments "
            f"({type(error).__name__}: {first_line(error)}); give an object of it instead"
        ) from error


def _named(spec: str, given: dict[str, Any]) -> Judge:
    name, rest, options = read_spec(spec)
    if name in AROUND_MANY and (len(inside := split_judges(rest)) > 1 or rest.startswith("(")):
        return _around(AROUND_MANY, name, inside, options, given)
    if name in AROUND_ONE:
        return _around(AROUND_ONE, name, [_bare(rest)], options, given)
    if name not in JUDGES:
        raise _unknown(spec)
    factory = lookup(JUDGES, name, "judge")
    parts = rest.split(":") if rest else []
    if name in _WITH_ARGUMENT:
        plain = [p for p in parts if not _OPTION.fullmatch(p)]
        if not plain:
            raise UsageError(f"judge {spec!r} is incomplete; write {name}:{_WITH_ARGUMENT[name]}")
        parts = [p for p in parts if _OPTION.fullmatch(p)]
        written = {**_pairs(parts, spec), **options, **given}
        return factory(":".join(plain), **convert_options(factory, written, name))  # type: ignore[no-any-return]
    written = {**_pairs(parts, spec), **options, **given}
    return factory(**convert_options(factory, written, name))  # type: ignore[no-any-return]


def _unknown(spec: str) -> UsageError:
    """The error for a name that nothing is known by."""
    if re.fullmatch(r"[\w.-]+/[\w.-]+", spec):
        return UsageError(
            f"no judge is named {spec!r:.80}; write hf:{spec:.80} for a model, reward:{spec:.80} for a classifier"
        )
    return nearest(spec, known_names(), "judge")


def known_names() -> list[str]:
    """All names of judges, with a colon behind those that need something there."""
    return [name if name in JUDGES and name not in _WITH_ARGUMENT else f"{name}:" for name in NAMED]


def _around(
    table: dict[str, str], name: str, inside: Sequence[str], options: dict[str, str], given: dict[str, Any]
) -> Judge:
    """A judge around others. How judges are opened (`OPENING`) is said to them, unless it takes the option itself."""
    factory = lookup(table, name, "judge")
    if not all(inside):
        raise UsageError(f"judge {name!r} stands around another, and none is given; write {name}:JUDGE")
    takes = {n for n, p in inspect.signature(factory).parameters.items() if p.kind is p.KEYWORD_ONLY}
    for each in inside:
        _check_inside(name, each, takes)
    asked = {**options, **given}
    theirs = {key: value for key, value in asked.items() if key in OPENING and key not in takes}
    own = convert_options(factory, {key: value for key, value in asked.items() if key not in theirs}, name)
    judges = [open_judge(each, **theirs) for each in inside]
    return factory(judges if table is AROUND_MANY else judges[0], **own)  # type: ignore[no-any-return]


def defended(spec: str, judge: Judge) -> Judge:
    """A judge that is made already, behind the judges around one that a name tells, without any judge in it.

    `perplexity`, `smooth?copies=3`, or several, the outermost first: `smooth:(perplexity?most=30)?copies=3`.

    Raises:
        UsageError: unknown name or option.
    """
    name, rest, options = read_spec(spec)
    behind = defended(_bare(rest), judge) if rest else judge
    if name not in AROUND_ONE:
        raise nearest(name, AROUND_ONE, "judge around another")
    factory = lookup(AROUND_ONE, name, "judge around another")
    return factory(behind, **convert_options(factory, options, name))  # type: ignore[no-any-return]


def _check_inside(name: str, judge: str, takes: set[str]) -> None:
    """Find what is easily written where it belongs to the judge inside, and cannot be meant so.

    Raises:
        UsageError: parentheses that do not match, or an option of the judge around among those of the judge inside.
    """
    if judge.count("(") != judge.count(")"):
        raise UsageError(f"parentheses in {name}:{judge:.80} do not match; write {name}:(JUDGE?options)?options")
    inner, rest, options = read_spec(judge)
    if inner not in NAMED:
        return
    plain = rest if inner in JUDGES and inner not in AROUND_MANY else ""
    written = {*options, *(part.partition("=")[0] for part in plain.split(":") if _OPTION.fullmatch(part))}
    own = inspect.signature(lookup(NAMED, inner, "judge")).parameters
    for option in sorted(written & takes - {*own} - OPENING):
        raise UsageError(
            f"{option} is an option of {name} and stands among those of {inner}; write all options of {name} behind "
            f"one question mark at the end: {name}:{inner}...?{option}=VALUE&..."
        )


def with_option(name: str, option: str, value: object) -> str:
    """A judge's name with one more option."""
    spec = read_spec(name)
    if not spec.options and spec.name in JUDGES and spec.name not in AROUND_MANY:
        return f"{name}:{option}={value}"
    return f"{name}{'&' if spec.options else '?'}{option}={value}"


def read_spec(spec: str) -> Spec:
    """A judge's name taken apart."""
    end = max((i for i, depth in _depths(spec) if spec[i] == "?" and depth == 0), default=len(spec))
    if not _OPTIONS.fullmatch(spec[end + 1 :]):
        end = len(spec)
    pairs = (pair.partition("=") for pair in spec[end + 1 :].split("&") if pair)
    name, _, rest = spec[:end].partition(":")
    return Spec(name, rest, {key: value for key, _, value in pairs})


def split_judges(rest: str) -> list[str]:
    """The judges between commas, without the parentheses around each."""
    cuts = [-1, *(i for i, depth in _depths(rest) if rest[i] == "," and depth == 0), len(rest)]
    return [_bare(rest[a + 1 : b]) for a, b in pairwise(cuts)]


def inside(name: str) -> str:
    """A judge's name as it stands inside another's: in parentheses where it could be misread."""
    return f"({name})" if any(sign in name for sign in "?,") else name


def _bare(text: str) -> str:
    """A name without the parentheses that stand around all of it."""
    text = text.strip()
    closes = next((i for i, depth in _depths(text) if text[i] == ")" and depth == 0), None)
    return _bare(text[1:-1]) if text.startswith("(") and closes == len(text) - 1 else text


def _depths(text: str) -> list[tuple[int, int]]:
    """Each place of a text with the number of parentheses open around it; a pair counts as outside of itself."""
    depth, found = 0, []
    for place, sign in enumerate(text):
        depth -= sign == ")"
        found.append((place, depth))
        depth += sign == "("
    return found


def _pairs(parts: list[str], spec: str) -> dict[str, str]:
    pairs = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"{part!r} in judge {spec!r} is not key=value; write {spec.split(':')[0]}:key=value")
        pairs[key] = value
    return pairs
