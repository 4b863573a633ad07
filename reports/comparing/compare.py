"""`compare`: what changed between two runs of the same kind. A is the baseline, B the candidate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...corpora.errors import UsageError
from ...corpora.names import load
from ...fuzz.run import Run, load_run
from ...fuzz.store import write_atomically
from ..made import writing
from .comparison import Comparison, Side

#: By the kind of both runs: what sets one against the other.
KINDS = {
    "attack": "hoodwink.reports.comparing.attacks:compare",
    "duel": "hoodwink.reports.comparing.duels:compare",
    "collapse": "hoodwink.reports.comparing.collapses:compare",
}

#: Settings that are shown elsewhere, or are hashes of what other settings say.
_LEFT_OUT = {"judge", "fingerprint", "kind"}

#: Hashes say nothing to a reader: that problems or code are not the same is a caveat.
_DIGEST = re.compile(r'–|(\[?"?([0-9a-f]{16})?"?(, )?)*\]?')

#: What it means that a setting differs, where it does mean something.
_MEANING = {
    "budget": "the budgets differ: success is counted within the smaller one, {}, in both; a search that knows its "
    "budget may spend it in another way",
    "oracle": "the oracles differ: what counts as proved wrong is not the same in both",
    "goal": "the goals differ: the searches were after different scores",
    "constraints": "the constraints differ: not the same responses were allowed",
    "attack_code": "the code of attacks has changed between the runs: what differs may be the search, not the judge",
    "proposer": "the proposers differ: fluent attacks asked another language model",
    "split": "the problems come from different splits of the corpus",
    "policy": "the policies differ: another learner may need more or fewer queries on the same judge",
    "training": "the training settings differ: another course may need more or fewer queries on the same judge",
}


def compare(a: str | Path | Run, b: str | Path | Run, *, alpha: float = 0.05) -> Comparison:
    """Set run B, the candidate, against run A, the baseline: two attacks, two duels or two collapses.

    B is measurably worse (`Comparison.worse`, with `regressions` that say why) where

    - an attack that is in both runs fools it on more problems, or with fewer queries, with p < `alpha` after Holm's
      correction for all these tests. Rates are compared by exact McNemar over shared problems, by Fisher's exact test
      where the runs share fewer than half of those of the smaller, with several seeds by permutation tests, queries by
      logrank. Of duels, the last rounds are what counts: fresh search, families held out;
    - or its clean accuracy is lower, a verdict that could not be read counted as wrong, by a permutation test by
      problem in the same correction (of duels, accuracy and the share that could be read, by Fisher's exact test over
      responses);
    - or, of two collapses, it collapsed and A did not, or its score came loose from the truth and A's did not: one run
      each, which no test can weigh.

    All is read from the two folders; nothing is asked of any judge.

    Raises:
        UsageError: a run is damaged or has no result, or the two cannot be set against each other: of different kinds,
            on different corpora, or one and the same folder.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha:g}; write a level between 0 and 1, such as 0.05")
    runs = [run if isinstance(run, Run) else load_run(run) for run in (a, b)]
    identities = [_identity(run) for run in runs]
    kind = _common_kind(runs, identities)
    call: Callable[..., Comparison] = load(KINDS[kind])
    return call(runs[0], runs[1], alpha=alpha)


def write_page(found: Comparison, to: str | Path) -> Path:
    """Write a comparison's HTML page and return its path.

    Raises:
        UsageError: the file cannot be written.
    """
    from .page import render

    target = Path(to)
    with writing(f"the page to {target}"):
        write_atomically(target, render(found))
    return target


def _identity(run: Run) -> dict[str, Any]:
    with run.store() as store:
        found: dict[str, Any] = store.config["identity"]
    return found


def _common_kind(runs: Sequence[Run], identities: Sequence[Mapping[str, Any]]) -> str:
    """The kind of both runs, where they can be compared."""
    a, b = (identity.get("kind", "attack") for identity in identities)
    for run, kind in zip(runs, (a, b), strict=True):
        if kind == "recipes":
            raise UsageError(f"run {run.folder} compares recipes itself; give two of the duels in its folders")
        if not isinstance(kind, str) or kind not in KINDS:
            raise UsageError(
                f"run {run.folder} is of kind {kind!r:.40}, which this version cannot compare; give two attacks, duels "
                "or collapses"
            )
    if a != b:
        raise UsageError(
            f"run {runs[0].folder} is of kind {a} and {runs[1].folder} of kind {b}; compare two runs of one kind"
        )
    if runs[0].folder.resolve() == runs[1].folder.resolve():
        raise UsageError(f"A and B are the same run, {runs[0].folder}; name two different folders")
    corpora = [str(identity.get("corpus")) for identity in identities]
    if corpora[0] != corpora[1]:
        raise UsageError(
            f"run {runs[0].folder} is on corpus {corpora[0]} and {runs[1].folder} on {corpora[1]}; what they "
            "show cannot be set against each other: run the same command on one corpus"
        )
    return str(a)


def side_of(summary: Any, about: str = "") -> Side:
    """Who one of the runs is about, from its summary."""
    settings = summary.settings
    return Side(summary.folder, settings["judge"], settings["fingerprint"], summary.complete, about)


def different_settings(a: Any, b: Any) -> tuple[tuple[str, str, str], ...]:
    """Settings and versions that differ between two summaries, written out."""
    flat = [{**_flat(s.settings), **{f"version of {k}": v for k, v in s.versions.items()}} for s in (a, b)]
    names = [name for name in dict.fromkeys([*flat[0], *flat[1]]) if name.split(".")[0] not in _LEFT_OUT]
    changed = [name for name in names if flat[0].get(name) != flat[1].get(name)]
    written = [(name, _written(flat[0].get(name)), _written(flat[1].get(name))) for name in changed]
    return tuple(row for row in written if not (_DIGEST.fullmatch(row[1]) and _DIGEST.fullmatch(row[2])))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dots in their names."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {f"{prefix}{name}": value}
    return found


def _written(value: Any) -> str:
    if value is None or value == {}:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def caveats(a: Any, b: Any, budget: int | None) -> list[str]:
    """What limits a comparison of two summaries, from their settings."""
    said = [
        f"run {name} is not finished: its rates are too high, since searches that succeed end first"
        for name, summary in (("A", a), ("B", b))
        if not summary.complete
    ]
    said += [
        meaning.format(budget)
        for name, meaning in _MEANING.items()
        if a.settings.get(name) != b.settings.get(name) and name in {*a.settings, *b.settings}
    ]
    if a.settings["fingerprint"] == b.settings["fingerprint"] and a.settings.get("kind") != "duel":
        said.append("both runs are about the very same judge (one fingerprint): what differs is the search, or chance")
    return said
