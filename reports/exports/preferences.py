"""Finds as preferences that a reward model is trained on: a right response is chosen, a find rejected.

The columns `prompt`, `chosen` and `rejected` are lists of messages, the conversational format with an explicit prompt
of TRL's `RewardTrainer` (and `DPOTrainer`); it leaves the other columns alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...corpora.errors import UsageError
from ..snippets import name_of
from .picking import Forms, Picked, Text
from .writing import as_jsonl, as_parquet

#: The files of a folder, under the names by which `datasets.load_dataset` knows splits.
_SPLITS = {"train": "train.jsonl", "eval": "test.jsonl"}


def files(picked: Picked, out: Path, forms: Forms | None) -> dict[Path, bytes | None]:
    """A row a text; a file as its ending says, or in a folder `train.jsonl` and `test.jsonl` by the problems' split."""
    rows = _rows(picked.texts(forms or "found"))
    write = _WRITERS.get(out.suffix.lower())
    if write is not None:
        return {out: write(rows)}
    if out.suffix and not out.is_dir():
        raise UsageError(f"file {out} ends in {out.suffix!r}; write one of {', '.join(_WRITERS)}, or a folder")
    parts = {split: [row for row in rows if row["split"] == split] for split in _SPLITS}
    return {out / name: as_jsonl(parts[split]) if parts[split] else None for split, name in _SPLITS.items()}


def _rows(texts: Sequence[Text]) -> Sequence[Mapping[str, Any]]:
    """Right responses take turns, so that their length and style do not tell them from finds."""
    turns: Counter[str] = Counter()
    rows: list[Mapping[str, Any]] = []
    for case, form, text in texts:
        chosen = case.right[turns[case.problem.id] % len(case.right)]
        turns[case.problem.id] += 1
        row = {
            "prompt": [_message("user", case.problem.question)],
            "chosen": [_message("assistant", chosen)],
            "rejected": [_message("assistant", text)],
            "name": name_of(case.find),
            "form": form,
            "kind": case.find["kind"],
            "problem": case.problem.id,
            "split": case.problem.split,
            "reference": case.problem.reference,
        }
        rows.append(row)
    return rows


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _schema(pyarrow: Any) -> Any:
    text = pyarrow.string()
    messages = pyarrow.list_(pyarrow.struct([("role", text), ("content", text)]))
    columns = {"id": text, **dict.fromkeys(("prompt", "chosen", "rejected"), messages)}
    columns |= dict.fromkeys(("name", "form", "kind", "problem", "split", "reference"), text)
    return pyarrow.schema(list(columns.items()))


_WRITERS: dict[str, Callable[[Sequence[Mapping[str, Any]]], bytes]] = {
    ".jsonl": as_jsonl,
    ".parquet": lambda rows: as_parquet(rows, _schema),
}
