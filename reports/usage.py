"""What a judge's verdicts have cost, and what it noted on the way, as lines with names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from ..fuzz.store import Store
from ..judges.judge import Judge, Metered, Notes, Usage
from .escape import visible

#: A heading and what stands under it.
Line = tuple[str, str]


def usage_in(store: Store) -> dict[str, Usage]:
    """What a run's verdicts have cost, by the name of the judge that was asked."""
    return {name: Usage(*used) for name, used in (store.get("used") or {}).items()}


def usage_lines(used: Mapping[str, Usage], noted: Mapping[str, Sequence[str]]) -> list[Line]:
    """One line for each judge that was asked, and for each heading of its notes."""
    lines = [("used", f"{name}: {_amount(usage)}") for name, usage in used.items() if usage.calls]
    return lines + [(heading, ", ".join(texts)) for heading, texts in noted.items() if texts]


def usage_of(judge: Judge) -> list[Line]:
    """The same of a judge that has just been asked."""
    used = judge.used() if isinstance(judge, Metered) else {}
    return usage_lines(used, judge.noted() if isinstance(judge, Notes) else {})


def usage_json(used: Mapping[str, Usage]) -> dict[str, Any]:
    """What verdicts have cost, as plain values."""
    return {name: usage._asdict() for name, usage in used.items()}


def render_usage(lines: Sequence[Line]) -> Group:
    """The lines for the terminal."""
    return Group(*(Text(f"{visible(name)}: {visible(text)}") for name, text in lines))


def _amount(usage: Usage) -> str:
    """`1,204 calls, 90,120 tokens of prompts and 1,204 of answers, cost 0.0135`."""
    parts = [f"{usage.calls:,} call{'' if usage.calls == 1 else 's'}"]
    if usage.prompt_tokens or usage.completion_tokens:
        parts.append(f"{usage.prompt_tokens:,} tokens of prompts and {usage.completion_tokens:,} of answers")
    if usage.cost is not None:
        parts.append(f"cost {usage.cost:.4g}")
    return ", ".join(parts)
