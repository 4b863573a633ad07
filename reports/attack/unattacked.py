"""What a judge accepts without any attack: the baseline that stands beside every success rate."""

from __future__ import annotations

from ...corpora.records import NEAR
from ...corpora.words import many
from ..text import interval, percent, rate_ci
from .summary import RunSummary


def unattacked(summary: RunSummary) -> str:
    """The baseline in a sentence: right and wrong responses accepted, and the problems that no rate counts."""
    quality, plain = summary.checks.quality, summary.baseline
    right = quality.right_items
    near = [(rate, count) for kind, (rate, count) in quality.by_kind.items() if kind in NEAR and count]
    total = sum(count for _, count in near)
    parts = [
        _share("right answers accepted", quality.right_accepted, right),
        _share("complete wrong ones", quality.wrong_accepted, quality.clean_items - right),
        _share("near misses", sum(rate * count for rate, count in near) / total if total else None, total),
    ]
    said = f"Unattacked, at threshold {summary.checks.threshold:.4g}: {', '.join(filter(None, parts))}"
    left = [f"accepted of {plain.accepted}"] if plain.accepted else []
    left += [f"not readably judged of {plain.unread}"] if plain.unread else []
    tried = many(len(summary.starts), "problem")
    if not left:
        return f"{said}; the plain wrong answer is rejected of all {tried}."
    return f"{said}; the plain wrong answer is {' and '.join(left)} of {tried}, which no rate counts."


def _share(what: str, rate: float | None, total: int) -> str:
    """`near misses 12% (5–26%)`; empty where none was asked about."""
    bounds = interval(rate_ci(rate, total))
    return "" if rate is None else f"{what} {percent(rate, 1)}" + (f" ({bounds})" if total else "")
