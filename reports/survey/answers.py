"""What a survey says, a sentence to each question that a reader comes with."""

from __future__ import annotations

from typing import NamedTuple

from ...corpora.words import many
from ..answers import BROKEN, BY_WHAT, CHEAPLY, TO_DO, Answer
from ..attack.summary import AttackSummary
from ..escape import visible
from ..text import interval, percent
from .summary import Row, SurveySummary

#: A survey hardens nothing; what it can say instead.
HOLDS = "Which holds best?"

#: Characters of a label in a sentence.
NAMED = 40

#: Warnings with which a rate of success says little: such a judge is no better for being fooled less.
_WORTHLESS = {"weak-judge", "coin-flip", "rejects-right", "unparsed", "echo-check"}


class Worst(NamedTuple):
    """A judge and the attack that fools it most, of equal ones the one with the lowest median."""

    row: Row
    attack: AttackSummary


def answers(summary: SurveySummary) -> list[Answer]:
    """The five answers of a survey."""
    return [
        Answer(BROKEN, _broken(summary)),
        Answer(CHEAPLY, _cheaply(summary)),
        Answer(BY_WHAT, _by_what(summary)),
        Answer(HOLDS, _holds(summary)),
        Answer(TO_DO, _to_do(summary)),
    ]


def worst(row: Row) -> Worst | None:
    """The attack that fools a judge most; None where none counts."""
    tried = [a for a in row.attacks.values() if a.asr is not None]
    best = max(tried, key=lambda a: (a.asr or 0, -(a.queries_median or 1 << 60)), default=None)
    return None if best is None else Worst(row, best)


def competent(row: Row) -> bool:
    """Whether it tells right from wrong on clean responses, so that what fools it says something."""
    return row.quality is not None and not _WORTHLESS & {flag.id for flag in row.flags}


def _comparable(summary: SurveySummary) -> list[Worst]:
    """Competent judges whose rates can be set side by side: attacked to the end, and read also under attack."""
    return [
        w
        for w in _counted(summary)
        if competent(w.row) and w.row.complete and "unparsed-attacks" not in {flag.id for flag in w.row.flags}
    ]


def _counted(summary: SurveySummary) -> list[Worst]:
    return [found for row in summary.rows if (found := worst(row)) is not None]


def _broken(summary: SurveySummary) -> str:
    counted = _counted(summary)
    failed = f"; {many(len(summary.failed), 'judge')} failed" if summary.failed else ""
    if not counted:
        return f"That cannot be said: no attack counts on any of {many(len(summary.rows), 'judge')}{failed}."
    broken = [w for w in counted if (w.attack.asr or 0) >= 0.5]
    touched = [w for w in counted if w.attack.fooled]
    able = sum(competent(w.row) for w in counted)
    word = "Yes" if broken else "In part" if touched else "Not by this search"
    return (
        f"{word}: {len(broken)} of {many(len(counted), 'judge')} are fooled on at least half of their problems, "
        f"{len(touched)} on any. Competent on clean responses: {able} of {len(counted)}{failed}."
    )


def _cheaply(summary: SurveySummary) -> str:
    medians = [(w.attack.queries_median, w) for w in _counted(summary) if w.attack.queries_median is not None]
    if not medians:
        return f"No attack succeeds in half of its searches within {many(summary.settings['budget'], 'query')}."
    least, most = (pick(medians, key=lambda pair: pair[0]) for pick in (min, max))
    if least[0] == most[0]:
        who = _label(least[1].row) if len(medians) == 1 else f"each of {many(len(medians), 'judge')}"
        return f"Half of the searches on {who} succeed within {many(least[0], 'query')}."
    return (
        f"By the attack that fools each judge most, half of the searches succeed within {many(least[0], 'query')} on "
        f"{_label(least[1].row)}, and {many(most[0], 'query')} on {_label(most[1].row)}."
    )


def _by_what(summary: SurveySummary) -> str:
    """How many judges each attack fools on at least half of their problems."""
    said = []
    for attack in summary.attacks:
        tried = [row.attacks[attack] for row in summary.rows if attack in row.attacks]
        counted = [a for a in tried if a.asr is not None]
        if counted:
            fooled = sum((a.asr or 0) >= 0.5 for a in counted)
            said.append(f"{visible(attack, NAMED)} {fooled} of {len(counted)}")
    return f"Judges fooled on at least half of their problems: by {', '.join(said)}." if said else "Nothing was found."


def _holds(summary: SurveySummary) -> str:
    """The competent judge that is fooled least."""
    able = _comparable(summary)
    if not able:
        return "That cannot be said: no judge here is competent on clean responses and attacked to the end."
    best = min(able, key=lambda w: (w.attack.asr or 0, -(w.attack.queries_median or 1 << 60)))
    accuracy = percent(best.row.quality.clean_accuracy if best.row.quality else None, 1)
    rate = f"{percent(best.attack.asr)} of its problems at worst (95 % interval {interval(best.attack.asr_ci)})"
    alike = sum(w.attack.asr == best.attack.asr for w in able)
    if alike == 1:
        return (
            f"Of {many(len(able), 'competent judge')}, {_label(best.row)} is fooled least: on {rate}, at a clean "
            f"accuracy of {accuracy}."
        )
    half = best.attack.queries_median
    queries = "half of its searches never succeed" if half is None else f"half of its searches succeed within {half:g}"
    return (
        f"{alike} of {many(len(able), 'competent judge')} are fooled least, and alike: each on {rate}. "
        f"{_label(best.row)} takes the most queries ({queries}), at a clean accuracy of {accuracy}."
    )


def _to_do(summary: SurveySummary) -> str:
    if summary.failed:
        return f"Mend what failed first ({_label(summary.failed[0])}), and run the same command again."
    if not summary.complete:
        return "Run the same command to the end before you choose."
    able = _comparable(summary)
    if not able:
        return "Mend the judges first: on clean responses they are too often wrong for attacks to say much."
    if all((w.attack.asr or 0) >= 0.5 for w in able):
        return (
            "Use none of these as a reward or a gate as it is; harden the best of them and attack it afresh "
            "(hoodwink duel)."
        )
    return (
        "Compare judges by intervals, not by single rates: with so few problems, small differences are chance. Then "
        "attack the one that you choose with more problems, a larger budget and all attacks."
    )


def _label(row: Row) -> str:
    return visible(row.label, NAMED)
