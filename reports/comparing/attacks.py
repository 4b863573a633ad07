"""Two attack runs set against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ...fuzz.archive import Specimen, diversity
from ...fuzz.checks import PROBLEMS
from ...fuzz.run import Run
from ...fuzz.statistics import bootstrap_difference, difference_interval, pooled_p, wilson
from ...fuzz.store import Store, verdict_key
from ...judges.quality import Graded, auroc, known_responses, share
from ..attack import summary as summaries
from ..attack.summary import RunSummary
from ..duel.rates import Outcomes, outcomes_of
from ..reading import reading
from ..text import p_text, percent, points
from .compare import caveats, different_settings, side_of
from .comparison import Better, Change, Comparison, Contest, ModeChange, OldFinds
from .contests import contest, corrected, said, shared

#: What the clean responses of one problem are.
Group = Sequence[Graded]

#: What is asked of a response; None where it is not asked.
Flag = Callable[[Graded], bool | None]

#: Shares of clean responses: name, which way is better, and of what. A verdict that could not be read is never correct;
#: the first counts for a regression.
RATES: tuple[tuple[str, Better, Flag], ...] = (
    ("clean accuracy", "higher", lambda g: g.verdict.parsed and g.verdict.accepted == g.right),
    ("verdicts that could be read", "higher", lambda g: g.verdict.parsed),
    ("right answers accepted", "higher", lambda g: g.verdict.accepted if g.verdict.parsed and g.right else None),
    ("wrong answers accepted", "lower", lambda g: g.verdict.accepted if g.verdict.parsed and not g.right else None),
)


@dataclass(frozen=True, slots=True)
class Attacked:
    """An attack run as it is compared: its numbers, what came of each search, and its verdicts on known responses."""

    summary: RunSummary
    outcomes: Mapping[str, Outcomes]
    clean: tuple[Group, ...]


def compare(a: Run, b: Run, *, alpha: float) -> Comparison:
    """Judges, clean responses, every attack that is in both runs, and what their finds have in common."""
    before, after = _read(a), _read(b)
    one, two = before.summary, after.summary
    budget = min(one.settings["budget"], two.settings["budget"])
    contests, measures = corrected(
        _contests(before, after, budget, alpha), clean_changes(before.clean, after.clean, 1 - alpha)
    )
    worse, better = verdicts(contests, measures, alpha)
    return Comparison(
        kind="attack",
        alpha=alpha,
        budget=budget,
        a=side_of(one),
        b=side_of(two),
        settings=different_settings(one, two),
        caveats=(*caveats(one, two, budget), *_caveats(one, two, contests)),
        measures=measures,
        contests=contests,
        modes=mode_changes(one.finds, two.finds),
        old=_old_finds(one.finds, b, two),
        regressions=worse,
        improvements=better,
    )


def _read(run: Run) -> Attacked:
    summary = summaries.summarise(run)
    with reading(run) as store:
        outcomes = {a.name: outcomes_of(store, a.name) for a in summary.attacks}
        return Attacked(summary, outcomes, tuple(_clean(store, summary.settings["fingerprint"])))


def _clean(store: Store, judge: str) -> list[Group]:
    """The verdicts on known responses, by problem, as the check before the attack asked for them."""
    asked = [(p, r, right) for p in store.problems()[:PROBLEMS] for r, right in known_responses(p)]
    keys = [verdict_key(judge, p.id, 0, r.text) for p, r, _ in asked]
    known = store.find_verdicts(keys)
    graded = [
        Graded(p, r, right, known[key].verdict) for (p, r, right), key in zip(asked, keys, strict=True) if key in known
    ]
    return [list(group) for _, group in groupby((g for g in graded if g.clean), key=lambda g: g.problem.id)]


def _contests(before: Attacked, after: Attacked, budget: int, alpha: float) -> list[Contest]:
    verdicts = [{a.name: a.verdicts for a in side.summary.attacks} for side in (before, after)]
    return [
        contest(
            name,
            outcomes,
            after.outcomes[name],
            budget=budget,
            alpha=alpha,
            verdicts=(verdicts[0][name], verdicts[1][name]),
        )
        for name, outcomes in before.outcomes.items()
        if name in after.outcomes
    ]


def clean_changes(before: Sequence[Group], after: Sequence[Group], confidence: float) -> tuple[Change, ...]:
    """Clean accuracy, AUROC, what was read, and what is accepted of right and of wrong responses.

    Intervals and the test are by problem; on the problems that both runs share, where these are enough.
    """
    groups_a, groups_b = ({group[0].problem.id: group for group in groups} for groups in (before, after))
    common = shared(groups_a.keys(), groups_b.keys())
    paired = bool(common)
    if paired:
        order = [problem for problem in groups_a if problem in common]
        before, after = [groups_a[p] for p in order], [groups_b[p] for p in order]
    rates = [
        _rate_change(name, better, _flags(before, of), _flags(after, of), paired, confidence)
        for name, better, of in RATES
    ]
    counts = [[(sum(flags), len(flags)) for flags in _flags(groups, RATES[0][2])] for groups in (before, after)]
    accuracy = replace(rates[0], p=pooled_p(*counts, paired=paired))
    return accuracy, _auroc_change(before, after, paired, confidence), *rates[1:]


def _flags(groups: Sequence[Group], of: Flag) -> list[list[bool]]:
    """By problem, whether something is true of each response that it is asked of."""
    asked = [[of(g) for g in group] for group in groups]
    return [[flag for flag in flags if flag is not None] for flags in asked]


def _rate_change(
    name: str,
    better: Better,
    before: Sequence[list[bool]],
    after: Sequence[list[bool]],
    paired: bool,
    confidence: float,
) -> Change:
    pooled = [[flag for group in groups for flag in group] for groups in (before, after)]
    a, b = share(pooled[0]), share(pooled[1])
    intervals = [wilson(sum(flags), len(flags), confidence) for flags in pooled]
    counts = [[(sum(group), len(group)) for group in groups] for groups in (before, after)]
    between = None
    if a is not None and b is not None and intervals[0] and intervals[1]:
        between = bootstrap_difference(_pooled, *counts, paired=paired, confidence=confidence)
        # Nothing varies, so that a bootstrap has no width, or there are too few problems to resample.
        between = between or difference_interval((a, intervals[0]), (b, intervals[1]))
    return Change(name, a, b, intervals[0], intervals[1], between, better)


def _pooled(counts: Sequence[tuple[int, int]]) -> float:
    """The share over all problems, from how many are true of how many of each."""
    total = sum(n for _, n in counts)
    return sum(true for true, _ in counts) / total if total else float("nan")


def _auroc_change(before: Sequence[Group], after: Sequence[Group], paired: bool, confidence: float) -> Change:
    a, b = _auroc(before), _auroc(after)
    between = None
    if a is not None and b is not None:
        between = bootstrap_difference(
            lambda groups: _known(_auroc(groups)), before, after, paired=paired, confidence=confidence
        )
    return Change("AUROC", a, b, interval=between, better="higher", share=False)


def _auroc(groups: Sequence[Group]) -> float | None:
    read = [g for group in groups for g in group if g.verdict.parsed]
    return auroc([g.verdict.margin for g in read if g.right], [g.verdict.margin for g in read if not g.right])


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def verdicts(
    contests: Sequence[Contest], measures: Sequence[Change], alpha: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where B is measurably worse than A, and where it is better, a sentence each; what counts is said in `compare`."""
    found: dict[str, list[str]] = {"worse": [], "better": []}
    for each in contests:
        if each.gates and (way := each.differs(alpha)) is not None:
            found[way].append(said(each, alpha))
    for change in measures:
        if (way := change.differs(alpha)) is not None:
            found[way].append(
                f"{change.name} is {percent(change.after, 1)} in B and {percent(change.before, 1)} in A "
                f"({points(change.difference, 1)}, {p_text(change.p_holm)})"
            )
    return tuple(found["worse"]), tuple(found["better"])


def _caveats(a: RunSummary, b: RunSummary, contests: Sequence[Contest]) -> list[str]:
    said = []
    names = [[attack.name for attack in summary.attacks] for summary in (a, b)]
    only = [[name for name in mine if name not in theirs] for mine, theirs in (names, names[::-1])]
    if not contests:
        said.append("no attack is in both runs: only what the judges make of clean responses is compared")
    elif only[0] or only[1]:
        parts = [f"{', '.join(left)} in {side} alone" for side, left in zip("AB", only, strict=True) if left]
        said.append(f"attacks that are not in both runs are left out: {'; '.join(parts)}")
    if a.checks.threshold != b.checks.threshold:
        said.append(f"the thresholds differ: A accepts from {a.checks.threshold:g}, B from {b.checks.threshold:g}")
    if a.settings["problems"] != b.settings["problems"]:
        said.append(
            "the runs are on different problems: they are compared by tests for two groups, which see less than tests "
            "that look at each problem twice"
            if not any(each.paired for each in contests)
            else "the runs share only some of their problems: attacks and clean responses are each compared on these "
            "alone where they are at least half of the smaller run's, else as two groups"
        )
    counted = [set(summary.checks.rejected_baseline) for summary in (a, b)]
    dropped = len(counted[0] ^ counted[1])
    if a.settings["problems"] == b.settings["problems"] and dropped:
        said.append(
            f"{dropped} problems count in one run only, since the other judge does not reject their plain wrong answer "
            "unattacked (it accepts it, or its verdict could not be read); they are left out of success rates"
        )
    said += [
        f"{percent(1 - summary.checks.quality.parsed, 1)} of {side}'s verdicts on known responses could not be read: "
        "they count as wrong in clean accuracy, and no attack succeeds by one"
        for side, summary in (("A", a), ("B", b))
        if summary.checks.quality.parsed < 1
    ]
    said += [
        f"{each.name} says nothing: none of its searches counts in one of the runs"
        for each in contests
        if each.asr_p is None
    ]
    return said


def mode_changes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> tuple[ModeChange, ...]:
    """All finds of both runs sorted into failure modes together, and how many of either are in each."""
    finds = [("A", f) for f in before] + [("B", f) for f in after]
    sorted_in = diversity([Specimen(f["problem"], side, f["response"], f["shrunk"]) for side, f in finds])
    counts = Counter((place, side) for place, (side, _) in zip(sorted_in.places, finds, strict=True))
    return tuple(
        ModeChange(mode.name, mode.examples[0], counts[place, "A"], counts[place, "B"])
        for place, mode in enumerate(sorted_in.modes)
    )


def _old_finds(finds: Sequence[Mapping[str, Any]], run: Run, summary: RunSummary) -> OldFinds:
    """What became of A's finds in B: found again, or asked about by chance."""
    holes = {(f["problem"], f["response"]): f for f in finds}
    keys = [verdict_key(summary.settings["fingerprint"], problem, 0, text) for problem, text in holes]
    with reading(run) as store:
        known = store.find_verdicts(keys)
    accepted = sum(stored.verdict.accepted for stored in known.values())
    return OldFinds(len(holes), found_again(finds, summary.finds), len(known), accepted)


def found_again(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> int:
    """How many finds (each text once a problem) the other run has too, as they were or shrunk."""
    texts = {(f["problem"], text) for f in after for text in (f["response"], f["shrunk"])}
    return len(
        {
            (f["problem"], f["response"])
            for f in before
            if (f["problem"], f["response"]) in texts or (f["problem"], f["shrunk"]) in texts
        }
    )
