"""Several duels that differ in how judges are retrained: the same first judge, problems and seeds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..corpora.errors import UsageError
from ..judges.hardening import Hardening, open_hardening
from ..judges.judge import Judge
from ..judges.opening import open_judge
from .duel import Watch, duel
from .rounds import EVAL, HELD_OUT, TRAIN, folder_of
from .run import Run, versions
from .store import CONFIG_FILE, DATABASE_FILE, REPORT_FILE, Store


def compare_recipes(
    judge: str | Judge,
    corpus: Any = "arithmetic",
    *,
    recipes: Sequence[str | Hardening],
    out: str | Path,
    watch: Callable[[str], Watch] | None = None,
    **settings: Any,
) -> Run:
    """One duel for each recipe, in a folder of its name under `out`; `settings` are those of `duel`.

    The first judge is attacked once: what was asked of it is copied into the other duels, which replay it.

    Raises:
        UsageError: fewer than two recipes, one of them twice, or what `duel` refuses.
        JudgeError: the judge failed; what was done so far is kept.
    """
    chosen = [open_hardening(recipe) for recipe in recipes]
    names = [recipe.name for recipe in chosen]
    if len(names) < 2 or len(set(names)) < len(names):
        raise UsageError(f"recipes {', '.join(names) or 'none'} cannot be compared; name two or more, each once")
    for name in names:
        if Path(name).name != name or name in (CONFIG_FILE, DATABASE_FILE, REPORT_FILE):
            raise UsageError(f"recipe {name!r} cannot name a folder; name it by letters and digits")
    first = open_judge(judge)
    folder = Path(out)
    identity = {
        "kind": "recipes",
        "judge": first.name,
        "fingerprint": first.fingerprint,
        "corpus": corpus if isinstance(corpus, str) else corpus.name,
        "recipes": names,
        "seed": settings.get("seed", 0),
    }
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        store.put("complete", False)
        for place, recipe in enumerate(chosen):
            for name in names[:place]:
                _share(folder / name, folder / recipe.name)
            told = watch(recipe.name) if watch is not None else None
            duel(first, corpus, recipe=recipe, out=folder / recipe.name, watch=told, **settings)
        store.put("complete", True)
    return Run(folder)


def _share(done: Path, other: Path) -> None:
    """Give a duel the attacks on the first judge that it lacks, and another has: they do not depend on the recipe."""
    for part in (EVAL, HELD_OUT, TRAIN):
        there, here = folder_of(done, 1, part), folder_of(other, 1, part)
        if there.is_dir() and not here.exists():
            half = here.with_name(f"{part}.part")
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(there, half)
            half.rename(here)
