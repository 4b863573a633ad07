"""The table of a survey, cell by cell: what text, Markdown and page share."""

from __future__ import annotations

from typing import NamedTuple

from ...corpora.words import many
from ..text import interval, percent
from .summary import Row, SurveySummary

#: What stands where there is nothing to say.
NONE = "–"

#: The columns before those of the attacks, and behind them.
BEFORE = ("clean accuracy", "AUROC", "right accepted", "unattacked")
BEHIND = ("calls", "verdicts/s")

#: What the columns mean, for below a table.
MEANS = (
    "Unattacked: problems whose plain wrong answer is accepted as it is; they count in no attack. Attacks: share of "
    "the other problems with a provably wrong response that the judge accepts, also when scored alone, with a 95 % "
    "Wilson interval, and the queries within which half of the searches succeed (failures censored). Calls: of "
    "models, servers or other judges a verdict. Verdicts/s: of the judge's own time."
)


class Cell(NamedTuple):
    """What one attack did to one judge: its rate, the interval, and the median of its queries."""

    rate: str
    interval: str = ""
    median: str = ""


def asked(summary: SurveySummary) -> str:
    """What was asked of all judges; the name of the corpus may be a stranger's text."""
    settings = summary.settings
    share = settings.get("acceptance")
    fixed = "" if share is None else f"; thresholds at which {100 * share:g} % of right answers are accepted"
    return (
        f"{many(len(summary.rows), 'judge')} on {many(settings['problem_count'], 'problem')} of {settings['corpus']}, "
        f"at most {many(settings['budget'], 'query')} a problem and attack, seed {settings['seed']}{fixed}"
    )


def before(row: Row) -> tuple[str, ...]:
    """The judge on clean responses, and what it says of wrong answers unattacked."""
    quality = row.quality
    if quality is None:
        return (NONE,) * len(BEFORE)
    auroc = NONE if quality.auroc is None else f"{quality.auroc:.3f}"
    return percent(quality.clean_accuracy, 1), auroc, percent(quality.right_accepted), _unattacked(row)


def _unattacked(row: Row) -> str:
    if row.baseline is None:
        return NONE
    rejected, accepted, unread = row.baseline
    return f"{accepted} of {rejected + accepted + unread}" + (f" ({unread} unread)" if unread else "")


def behind(row: Row) -> tuple[str, ...]:
    """What a verdict takes."""
    calls, rate = row.calls_a_verdict, row.rate
    return NONE if calls is None else f"{calls:.1f}".removesuffix(".0"), NONE if rate is None else _speed(rate)


def _speed(rate: float) -> str:
    """Two figures are enough of a speed."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def of_attack(row: Row, attack: str) -> Cell:
    """What an attack did; a dash where it cannot be run, or where no problem counts."""
    done = row.attacks.get(attack)
    if done is None or done.asr is None:
        return Cell(NONE)
    median = NONE if done.queries_median is None else f"{done.queries_median:,}"
    return Cell(percent(done.asr), interval(done.asr_ci), median)


def notes(summary: SurveySummary) -> list[tuple[list[str], str]]:
    """What is to be said of single judges: their labels, and the same of all of them, at times in strangers' words."""
    said: dict[str, list[str]] = {}
    for row in summary.rows:
        for sentence in _said(row):
            said.setdefault(sentence, []).append(row.label)
    return [(labels, sentence) for sentence, labels in said.items()]


def _said(row: Row) -> list[str]:
    """What is to be said of a judge: why it failed, what cannot be run on it, what counts nowhere, what is missing."""
    found = [f"failed: {problem}" for problem in row.problems]
    found += [f"{attack} {why.replace(f'judge {row.judge}', 'the judge')}" for attack, why in row.lacks.items()]
    if row.complete:
        idle = [name for name, done in row.attacks.items() if done.asr is None and not done.failed]
        open_to = row.baseline is not None and row.baseline.rejected
        why = "nothing was asked" if open_to else "no plain wrong answer is rejected"
        found += [f"{', '.join(idle)}: no problem counts, as {why}"] if idle else []
    elif row.quality is None and not row.problems:
        found.append("has not been asked yet")
    elif row.quality is not None:
        found.append("is not finished: its rates are too high")
    return found


def flagged(summary: SurveySummary) -> list[tuple[str, str, list[str]]]:
    """Each warning that was raised: its id, what it means, and the labels of the judges that have it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for row in summary.rows:
        for flag in row.flags:
            found.setdefault(flag.id, (flag.means, []))[1].append(row.label)
    return [(id, means, labels) for id, (means, labels) in found.items()]
