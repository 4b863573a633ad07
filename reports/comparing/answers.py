"""What a comparison says, a sentence to each question."""

from __future__ import annotations

from ...corpora.words import many
from ..answers import BY_WHAT, CHEAPLY, TO_DO, Answer
from ..escape import quoted, visible
from ..text import p_text, percent, points, signed
from .comparison import Change, Comparison, Contest

WORSE, CLEAN = "Is B worse than A?", "What of clean responses?"


def answers(found: Comparison) -> list[Answer]:
    """The first screen of a comparison."""
    said = [Answer(WORSE, _worse(found))]
    if found.kind == "collapse":
        return [*said, Answer("When?", _when(found)), Answer("What became of it?", _end(found)), _to_do(found)]
    return [
        *said,
        Answer(CHEAPLY, " ".join(_cost(c) for c in found.contests if c.gates) or "No attack is in both runs."),
        Answer(BY_WHAT, _by_what(found)),
        Answer(CLEAN, _clean(found)),
        _to_do(found),
    ]


def _worse(found: Comparison) -> str:
    """The verdict, and why."""
    better = f" It is better in this: {visible('; '.join(found.improvements))}." if found.improvements else ""
    if found.regressions:
        return f"Yes: {visible('; '.join(found.regressions))}.{better}"
    if not found.decided:
        return f"It cannot be said: no attack that is in both runs counts in both.{better}"
    if better:
        return f"No, it is better: {visible('; '.join(found.improvements))}."
    if found.kind == "collapse":
        return _alike(found)
    contests = [c for c in found.contests if c.gates and c.asr.difference is not None]
    largest = max(contests, key=lambda c: abs(c.asr.difference or 0), default=None)
    if largest is None:
        return "Not measurably."
    return f"Not measurably: {_rates(largest)}."


def _alike(found: Comparison) -> str:
    """Of two collapse runs that no step tells apart."""
    named = {m.name: m for m in found.measures}
    loose = named["step at which the score came loose"]
    if (loose.before is None) != (loose.after is None):
        return "Unknown: one of the two was not trained for as many steps."
    return f"Not by this: the score came loose from the truth in {'neither' if loose.before is None else 'both'}."


def _rates(c: Contest) -> str:
    name = visible(c.name, 60)
    if not c.asr.difference:
        return f"{name} fools both on {percent(c.asr.before)} of problems"
    return (
        f"{name} fools A on {percent(c.asr.before)} of problems and B on {percent(c.asr.after)} "
        f"({between(c.asr)}, {p_text(c.asr_holm)})"
    )


def between(change: Change, digits: int = 0) -> str:
    """`−12 points, −20 to −3`."""
    if change.interval is None:
        return points(change.difference, digits)
    low, high = (signed(100 * bound, digits) for bound in change.interval)
    return f"{points(change.difference, digits)}, {low} to {high}"


def _cost(c: Contest) -> str:
    name = visible(c.name, 60)
    if c.medians == (None, None):
        return f"{name}: half of the searches succeed on neither."
    a, b = ("not reached" if median is None else f"{median}" for median in c.medians)
    p = "" if c.queries_holm is None else f" ({p_text(c.queries_holm)})"
    return f"{name}: median queries {a} on A, {b} on B{p}."


def _by_what(found: Comparison) -> str:
    gone = [mode for mode in found.modes if mode.before and not mode.after]
    came = [mode for mode in found.modes if mode.after and not mode.before]
    stayed = len(found.modes) - len(gone) - len(came)
    parts = [f"{many(len(gone), 'failure mode')} of A {'is' if len(gone) == 1 else 'are'} gone"]
    parts += [f"{len(came)} of B {'is' if len(came) == 1 else 'are'} new", f"{stayed} in both"]
    largest = max(came, key=lambda mode: mode.after, default=None)
    news = f"; the largest new one is of texts like {quoted(largest.name, 40)}" if largest else ""
    old = "" if found.old is None else f" Of A's {found.old.finds} finds, B has {found.old.again} again."
    return f"{', '.join(parts)}{news}.{old}"


def _clean(found: Comparison) -> str:
    accuracy, rejects = found.measures[0], next(m for m in found.measures if m.name.startswith("right"))
    read = next(m for m in found.measures if m.name.startswith("verdicts"))
    unread = (
        ""
        if read.before == read.after == 1
        else (f"; verdicts that could be read {percent(read.before, 1)} and {percent(read.after, 1)}")
    )
    return (
        f"Accuracy {percent(accuracy.before, 1)} in A and {percent(accuracy.after, 1)} in B ({between(accuracy, 1)}); "
        f"right answers accepted {percent(rejects.before, 1)} and {percent(rejects.after, 1)}{unread}."
    )


def _when(found: Comparison) -> str:
    named = {m.name: m for m in found.measures}
    parts = []
    for what, step, queries in (
        ("came loose", "step at which the score came loose", "queries until then"),
        ("collapse", "step of collapse", "queries until collapse"),
    ):
        sides = [
            f"{side} {'never' if s is None else f'at step {s:.0f} ({q or 0:,.0f} queries)'}"
            for side, s, q in (
                ("A", named[step].before, named[queries].before),
                ("B", named[step].after, named[queries].after),
            )
        ]
        parts.append(f"{what}: {', '.join(sides)}")
    return f"{'; '.join(parts)}."


def _end(found: Comparison) -> str:
    named = {m.name: m for m in found.measures}
    right, reward = named["right at the end"], named["reward at the end"]
    return (
        f"At the end A's judge pays {reward.before or 0:.2f} for answers of which {percent(right.before)} are right, "
        f"and B's {reward.after or 0:.2f} for answers of which {percent(right.after)} are."
    )


def _to_do(found: Comparison) -> Answer:
    if found.regressions:
        what = "Do not put B in A's place before you know why: its own report shows what fools it."
    elif not found.decided:
        what = "Attack both judges with one attack in common; clean responses alone say nothing of what fools them."
    elif found.improvements:
        what = "On this evidence B may take A's place; what no attack found here is not proved to be absent."
    elif found.kind == "collapse":
        what = "Train both for as many steps, with several seeds, before you prefer one."
    else:
        what = "These runs do not tell A and B apart: more problems, or more seeds, would show smaller differences."
    unsound = " Mind the caveats below." if found.caveats else ""
    return Answer(TO_DO, f"{what}{unsound}")
