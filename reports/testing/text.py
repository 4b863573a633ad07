"""What a failed test says: first line first, for it is all that pytest's summary shows. Safe for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...corpora.words import many
from ...fuzz.lines import shrunk_proof
from ..attack.summary import RunSummary
from ..escape import quoted, visible
from .bar import Bar, Tally
from .recording import Record

#: Groups of finds that a failure shows, and that a record keeps.
SHOWN, KEPT = 4, 20
#: Characters shown of a find and of the texts around it; characters that a record keeps of each.
_FIND, _TEXT, _KEPT_TEXT = 120, 160, 2000


def grouped(finds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Finds by their shrunk form, those first that fool on most problems; each group shows its cheapest find.

    Fields: `shrunk`, `problems` (how many), and of one find `score` (of the shrunk form), `kind`, `attack`, `queries`,
    `question`, `reference`, `response`, `proof`.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for find in finds:
        groups.setdefault(find["shrunk"], []).append(find)
    ranked = sorted(groups.items(), key=lambda group: (-len(_problems(group[1])), len(group[0]), group[0]))
    return [_group(shrunk, members) for shrunk, members in ranked[:KEPT]]


def _group(shrunk: str, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    cheapest = min(members, key=lambda find: find["queries"])
    texts = {name: cheapest[name][:_KEPT_TEXT] for name in ("question", "reference", "response")}
    texts["proof"] = shrunk_proof(cheapest)[:_KEPT_TEXT]
    rest = {"score": cheapest["shrunk_score"], **{name: cheapest[name] for name in ("kind", "attack", "queries")}}
    return {"shrunk": shrunk[:_KEPT_TEXT], "problems": len(_problems(members)), **rest, **texts}


def _problems(finds: Iterable[Mapping[str, Any]]) -> set[str]:
    return {find["problem"] for find in finds}


def in_a_sentence(tally: Tally, bar: Bar | None) -> str:
    """What was seen of a judge, in a sentence without its subject."""
    return f"is fooled on {tally}" if bar is None else f"is fooled on {tally}, {bar.compared(tally)}"


def failed_text(record: Record, summary: RunSummary) -> str:
    """Why a judge did not pass: the rate, the finds, and how to see them again."""
    lines = [f"judge {visible(record.judge, 80)} {record.said}", ""]
    for group in record.shown[:SHOWN]:
        lines += _shown(group, summary.checks.threshold)
    if (more := record.finds - sum(g["problems"] for g in record.shown[:SHOWN])) > 0:
        lines += [f"and {more} more finds, all of them in finds.jsonl in the run", ""]
    attacks, corpus = visible(", ".join(record.attacks), 80), visible(record.corpus, 60)
    begun = f"at most {record.budget} queries a search, {record.queries} in all" if record.queries else "not begun"
    lines.append(f"attack  {attacks} on {corpus}, seed {record.seed}, {begun}")
    lines += [f"check   {flag.id}: {flag.seen}" for flag in summary.flags]
    if record.gate == "unfit" and summary.checks.rejected_baseline:
        lines.append('        check="warn" attacks the judge nonetheless')
    return "\n".join([*lines, *_ways(record)])


def accepted_text(record: Record, threshold: float) -> str:
    """Why a known find did not pass."""
    lines = [f"judge {visible(record.judge, 80)} {record.said}", ""]
    return "\n".join([*lines, *_shown(record.shown[0], threshold), *_ways(record)]).rstrip()


def _shown(group: Mapping[str, Any], threshold: float) -> list[str]:
    """A group of finds, in a few lines."""
    where = "" if group["problems"] == 1 else f"   on {group['problems']} problems, one of them:"
    over = f" (accepts from {threshold:g})" if group["score"] >= threshold else " (accepted)"
    over += f", found after {many(group['queries'], 'query')}" * bool(group["attack"])
    rows = [
        ("score", f"{group['score']:.3f}{over}"),
        ("question", visible(" ".join(group["question"].split()), _TEXT)),
        ("reference", visible(group["reference"], _TEXT)),
        ("found as", quoted(group["response"], _TEXT) if group["response"] != group["shrunk"] else ""),
        ("why wrong", visible(group["proof"], _TEXT)),
    ]
    lines = [f"    {name:<9} {value}" for name, value in rows if value]
    return [f"  {quoted(group['shrunk'], _FIND)}{where}", *lines, ""]


def _ways(record: Record) -> list[str]:
    """Where the run is and how to make it again."""
    run = [f"run     {record.run}", f"look    hoodwink show {record.run}"] if record.run else []
    return run + ([f"again   {record.again}"] if record.again else [])
