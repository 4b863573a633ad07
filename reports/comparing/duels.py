"""Two duels set against each other: the last judges, and round by round."""

from __future__ import annotations

from ...fuzz.rounds import EVAL, HELD_OUT, folder_of
from ...fuzz.run import Run
from ...fuzz.statistics import difference_interval, unpaired_p, wilson
from ..duel import summary as duels
from ..duel.rates import Outcomes, outcomes_of
from ..duel.summary import DuelSummary, RoundSummary
from ..reading import reading
from .attacks import found_again, mode_changes, verdicts
from .compare import caveats, different_settings, side_of
from .comparison import Change, Comparison, Contest, OldFinds
from .contests import contest, corrected


def compare(a: Run, b: Run, *, alpha: float) -> Comparison:
    """The last judge of either duel by fresh search, families held out and clean responses; then each round."""
    one, two = duels.summarise(a), duels.summarise(b)
    budget = min(one.settings["budget"], two.settings["budget"])
    contests, measures = corrected(
        _contests(a, b, one, two, alpha), _measures(one.rounds[-1], two.rounds[-1], 1 - alpha)
    )
    worse, better = verdicts(contests, measures, alpha)
    finds = [[find for number, find in duel.finds if number == duel.rounds[-1].round] for duel in (one, two)]
    same = one.rounds[-1].round == two.rounds[-1].round  # no two rounds share a problem
    holes = {(f["problem"], f["response"]) for f in finds[0]}
    return Comparison(
        kind="duel",
        alpha=alpha,
        budget=budget,
        a=side_of(one, _about(one)),
        b=side_of(two, _about(two)),
        settings=different_settings(one, two),
        caveats=(*caveats(one, two, budget), *_caveats(one, two, contests)),
        measures=measures,
        contests=contests,
        modes=mode_changes(*finds),
        old=OldFinds(len(holes), found_again(*finds), None, None) if same else None,
        regressions=worse,
        improvements=better,
    )


def _about(duel: DuelSummary) -> str:
    return f"as of its last round, {duel.rounds[-1].round}, recipe {duel.settings['recipe']['name']}"


def _contests(a: Run, b: Run, one: DuelSummary, two: DuelSummary, alpha: float) -> list[Contest]:
    """Last round against last round, which counts; then all rounds that both have."""
    last_a, last_b = one.rounds[-1].round, two.rounds[-1].round
    found = [_round("fresh search", a, b, (last_a, last_b), EVAL, one, two, alpha, gates=True)]
    if all(folder_of(run.folder, n, HELD_OUT).is_dir() for run, n in ((a, last_a), (b, last_b))):
        held = "search by families held out"
        found.append(_round(held, a, b, (last_a, last_b), HELD_OUT, one, two, alpha, gates=True))
    both = [r.round for r in one.rounds if r.round in {other.round for other in two.rounds}]
    if len(both) > 1 or last_a != last_b:
        found += [_round(f"round {n}", a, b, (n, n), EVAL, one, two, alpha, gates=False) for n in both]
    return found


def _round(
    name: str,
    a: Run,
    b: Run,
    numbers: tuple[int, int],
    part: str,
    one: DuelSummary,
    two: DuelSummary,
    alpha: float,
    *,
    gates: bool,
) -> Contest:
    setting = "budget" if part == EVAL else "held_out_budget"
    (before, asked_a), (after, asked_b) = (
        _outcomes(run, number, part) for run, number in zip((a, b), numbers, strict=True)
    )
    return contest(
        name,
        before,
        after,
        budget=min(one.settings[setting], two.settings[setting]),
        alpha=alpha,
        verdicts=(asked_a, asked_b),
        gates=gates,
    )


def _outcomes(run: Run, number: int, part: str) -> tuple[Outcomes, int]:
    """What came of a round's searches, and the verdicts that it took."""
    with reading(Run(folder_of(run.folder, number, part))) as store:
        (asked,) = store.db.execute("SELECT COUNT(*) FROM verdicts").fetchone()
        return outcomes_of(store), asked


def _measures(before: RoundSummary, after: RoundSummary, confidence: float) -> tuple[Change, ...]:
    """Both last judges on clean responses (intervals and tests over responses), and on what is old."""
    q, p = before.quality, after.quality
    accuracy = [(round((each.clean_accuracy or 0) * each.clean_items), each.clean_items) for each in (q, p)]
    read = [(round(each.parsed * each.items), each.items) for each in (q, p)]
    return (
        _tested("clean accuracy", *accuracy, confidence=confidence),
        _tested("verdicts that could be read", *read, confidence=confidence),
        Change("AUROC", q.auroc, p.auroc, better="higher", share=False),
        Change("right answers accepted", q.right_accepted, p.right_accepted, better="higher"),
        Change("wrong answers accepted", q.wrong_accepted, p.wrong_accepted, better="lower"),
        Change("earlier finds accepted", before.stale.rate, after.stale.rate, better="lower"),
        Change("edited copies accepted", before.variants.rate, after.variants.rate, better="lower"),
        Change("fixed strings pass", before.keys.rate, after.keys.rate, better="lower"),
    )


def _tested(name: str, before: tuple[int, int], after: tuple[int, int], *, confidence: float) -> Change:
    """A share of responses that counts for a regression where it falls: Newcombe's interval, Fisher's exact test."""
    (a, ci_a), (b, ci_b) = ((k / n if n else None, wilson(k, n, confidence)) for k, n in (before, after))
    if a is None or b is None or ci_a is None or ci_b is None:
        return Change(name, a, b, ci_a, ci_b, better="higher")
    values = [[1.0] * k + [0.0] * (n - k) for k, n in (before, after)]
    between = difference_interval((a, ci_a), (b, ci_b))
    return Change(name, a, b, ci_a, ci_b, between, "higher", p=unpaired_p(*values))


def _caveats(a: DuelSummary, b: DuelSummary, contests: tuple[Contest, ...]) -> list[str]:
    said = []
    rounds = a.rounds[-1].round, b.rounds[-1].round
    if rounds[0] != rounds[1]:
        said.append(
            f"the last round of A is {rounds[0]} and that of B {rounds[1]}: their judges are not hardened as often"
        )
    if a.settings["eval"] != b.settings["eval"] or a.settings["problems"] != b.settings["problems"]:
        said.append("the duels are on different problems: they are compared by tests for two groups")
    if a.settings["clean"] != b.settings["clean"]:
        said.append("clean responses are not the same in both duels")
    if len({x for c in contests for x in c.problems}) and min(contests[0].problems) == 0:
        said.append("no problem of the last rounds counts in both: plain wrong answers are not rejected unattacked")
    return said
