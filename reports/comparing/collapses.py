"""Two collapse runs set against each other: whether the judge's score came loose from the truth, and when."""

from __future__ import annotations

from ...fuzz.run import Run
from ..collapse import summary as collapses
from ..collapse.summary import CollapseSummary, Moment
from .compare import caveats, different_settings, side_of
from .comparison import Change, Comparison


def compare(a: Run, b: Run, *, alpha: float) -> Comparison:
    """Whether and when either policy collapsed. One run each: there is no test, and no interval."""
    one, two = collapses.summarise(a), collapses.summarise(b)
    late = [*_late(one, two, "A", "B"), *_late(two, one, "B", "A")]
    return Comparison(
        kind="collapse",
        alpha=alpha,
        budget=None,
        a=side_of(one, f"policy {one.settings['policy']}"),
        b=side_of(two, f"policy {two.settings['policy']}"),
        settings=different_settings(one, two),
        caveats=("one run each: no test says what is chance; other seeds would", *caveats(one, two, None), *late),
        measures=_measures(one, two),
        courses=tuple(tuple((p.step, p.reward, p.right) for p in s.exams) for s in (one, two)),
        regressions=_happened(one, two, "A", "B"),
        improvements=_happened(two, one, "B", "A"),
    )


def _happened(spared: CollapseSummary, hit: CollapseSummary, name: str, other: str) -> tuple[str, ...]:
    """What happened to one policy and not to the other, within the steps that both were trained."""
    last = spared.last.step
    if hit.collapse is not None and spared.collapse is None and hit.collapse.step <= last:
        return (
            f"the policy trained on {other} collapsed (step {hit.collapse.step}, {hit.collapse.queries} queries), "
            f"the one on {name} did not in {last} steps",
        )
    if hit.loose is not None and spared.loose is None and hit.loose.step <= last:
        return (
            f"the score of {other} came loose from the truth (step {hit.loose.step}, {hit.loose.queries} queries), "
            f"that of {name} did not in {last} steps",
        )
    return ()


def _late(spared: CollapseSummary, hit: CollapseSummary, name: str, other: str) -> list[str]:
    """What came too late to be set against the other run."""
    if hit.loose is None or spared.loose is not None or hit.loose.step <= spared.last.step:
        return []
    return [
        f"the score of {other} came loose from the truth at step {hit.loose.step}, and {name} was trained for "
        f"{spared.last.step} steps only: whether its score would have, nobody knows"
    ]


def _measures(a: CollapseSummary, b: CollapseSummary) -> tuple[Change, ...]:
    def moment(name: str, at: tuple[Moment | None, Moment | None], field: str) -> Change:
        first, second = (None if m is None else float(getattr(m, field)) for m in at)
        return Change(name, first, second, better="higher", share=False)

    loose, collapse = (a.loose, b.loose), (a.collapse, b.collapse)
    return (
        Change("right at the end", a.last.right, b.last.right, better="higher"),
        Change("right at best", a.peak.right, b.peak.right, better="higher"),
        Change("reward at the end", a.last.reward, b.last.reward),
        Change("gap of reward and accuracy at the end", a.last.gap, b.last.gap, better="lower"),
        moment("step at which the score came loose", loose, "step"),
        moment("queries until then", loose, "queries"),
        moment("step of collapse", collapse, "step"),
        moment("queries until collapse", collapse, "queries"),
        Change("training steps", a.last.step, b.last.step, share=False),
        Change("judge time, s", a.seconds, b.seconds, share=False),
    )
