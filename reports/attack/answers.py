"""What an attack run answers on its first screen, a sentence each. Every number comes from the summary."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import Any

from ...corpora.corpus import CORPORA
from ...corpora.words import many
from ..answers import BROKEN, BY_WHAT, CHEAPLY, HARDENING, TO_DO, Answer
from ..escape import quoted, visible
from ..reproduce import has_names, option_words
from ..text import interval, percent
from .summary import AttackSummary, FixedString, RunSummary

#: Judges that hoodwink can retrain, by the first part of their names.
RETRAINED = frozenset({"referee", "smollm2", "hf"})

#: Characters of a name or a text in a sentence.
NAMED = 60

_NOTHING_COUNTS = "none of the attacks has finished on a problem that counts"
_NOTHING_ASKED = "the attacks asked it about nothing on the problems that count"


def answers(summary: RunSummary) -> list[Answer]:
    """The five answers of a run."""
    return [
        Answer(BROKEN, _broken(summary)),
        Answer(CHEAPLY, _cheaply(summary)),
        Answer(BY_WHAT, _by_what(summary)),
        _hardening(summary),
        Answer(TO_DO, _to_do(summary)),
    ]


def strongest(summary: RunSummary) -> AttackSummary | None:
    """The attack with the highest rate, of equal ones that with the lowest median; None where none counts."""
    tried = [a for a in summary.attacks if a.asr is not None]
    return max(tried, key=lambda a: (a.asr or 0, -(a.queries_median or 1 << 60)), default=None)


def _broken(summary: RunSummary) -> str:
    best, clean = strongest(summary), summary.checks.quality.clean_accuracy
    if best is None or not best.fooled:
        return _not_fooled(summary, best)
    how = "Yes" if (best.asr or 0) >= 0.5 else "In part"
    unattacked = "" if clean is None else f", though it is right on {percent(clean, 1)} of clean responses"
    if any(flag.id in ("weak-judge", "coin-flip") for flag in summary.checks.flags):
        how, unattacked = "Yes, even unattacked", f", and it is right on only {percent(clean, 1)} of clean responses"
    where, spread = f"on {best.fooled} of {many(best.problems, 'problem')}", f"95 % interval {interval(best.asr_ci)}"
    if summary.settings["seeds"] > 1:
        where = f"in {percent(best.asr)} of searches ({spread}), {where} by some seed"
    else:
        where = f"{where} ({spread})"
    return f"{how}: {_name(best)} makes it accept provably wrong answers {where}{unattacked}."


def _not_fooled(summary: RunSummary, best: AttackSummary | None) -> str:
    """No attack fooled it on a problem that counts: it may accept plain wrong answers without any."""
    plain, tried = summary.baseline, len(summary.starts)
    if not plain.rejected and plain.accepted:
        unread = f"; of {plain.unread} others its verdict cannot be read" if plain.unread else ""
        accepted = f"{plain.accepted} of {many(tried, 'problem')}"
        return f"Yes, without any attack: it accepts the plain wrong answer of {accepted}{unread}."
    if not plain.rejected:
        none = f"none of {many(tried, 'problem')}"
        return f"That cannot be said: its verdict can be read on the plain wrong answer of {none}."
    said = f"that cannot be said: {_untried(summary)}" if best is None else _in_vain(summary, best)
    if plain.accepted:
        said = f"yes, without any attack, on {plain.accepted} of {tried} problems; on those that count, {said}"
    return f"{said[0].upper()}{said[1:]}."


def _in_vain(summary: RunSummary, best: AttackSummary) -> str:
    bound = f", at 95 % confidence fewer than {percent(best.asr_ci[1])}" if best.asr_ci else ""
    counted = sum(a.asr is not None for a in summary.attacks)
    tried = f"{many(counted, 'attack')} with {many(summary.settings['budget'], 'query')} a problem"
    so_far = "" if summary.complete else " so far"
    return f"not by this search{so_far}: {tried} fooled it on none of {many(best.problems, 'problem')}{bound}"


def _untried(summary: RunSummary) -> str:
    """Why no attack counts."""
    if not summary.baseline.rejected:
        return "there is no problem of which it rejects the plain wrong answer"
    if any(a.failed for a in summary.attacks):
        return "the attacks failed"
    return _NOTHING_ASKED if summary.complete else _NOTHING_COUNTS


def _cheaply(summary: RunSummary) -> str:
    best = strongest(summary)
    budget = summary.settings["budget"]
    if best is None or not best.fooled:
        if summary.baseline.accepted:
            return f"At no cost where the plain wrong answer passes ({many(summary.baseline.accepted, 'problem')})."
        if best is None:
            return f"That cannot be said: {_untried(summary)}."
        asked = many(sum(a.queries_total for a in summary.attacks), "query")
        vain = "were spent in vain" if not summary.finds else "fooled it on no problem that counts"
        return f"Not at all so far: {asked} {vain}."
    fewest = min(queries for queries, _ in best.curve if queries)
    first = f"its cheapest find took {many(fewest, 'query')}"
    if best.queries_median is None:
        return f"Dearly: fewer than half of the searches by {_name(best)} succeed within {budget} queries; {first}."
    median = many(best.queries_median, "query")
    return f"Half of all searches by {_name(best)} succeed within {median}; {first}."


def _by_what(summary: RunSummary) -> str:
    if not summary.finds:
        return "Nothing was found."
    kinds = Counter(find["kind"] for find in summary.finds).most_common()
    shares = ", ".join(f"{visible(kind, NAMED)} {count}" for kind, count in kinds)
    mode = summary.diversity.modes[0]
    shared = "blank text" if not mode.name else f"texts like {quoted(mode.name, NAMED)}"
    said = f"{many(len(summary.finds), 'find')} ({shares}); most often by {shared} ({mode.finds} of them)"
    key = _key(summary)
    if key is None:
        return f"{said}."
    return f"{said}; {quoted(key.text, NAMED)} alone passes on {key.fooled} of {many(key.tried, 'problem')}."


def _hardening(summary: RunSummary) -> Answer:
    judge = summary.settings["judge"]
    if judge.partition(":")[0] not in RETRAINED or not has_names([(summary.settings["corpus"], CORPORA)]):
        said = "change the judge, attack it again with the same settings, and compare fresh attacks, not old finds"
        return Answer(HARDENING, f"One attack cannot say: {said}.")
    options: dict[str, Any] = {"judge": judge, "corpus": summary.settings["corpus"]}
    if summary.checks.threshold != 0.5:
        options["threshold"] = summary.checks.threshold
    command = shlex.join(["hoodwink", "duel", *option_words(options)])
    said = "One attack cannot say; a duel retrains the judge on what fools it and attacks it afresh, round after round:"
    return Answer(HARDENING, said, visible(command))


def _to_do(summary: RunSummary) -> str:
    """The first advice that applies."""
    raised = {flag.id for flag in summary.checks.flags}
    kinds = {find["kind"] for find in summary.finds}
    best = strongest(summary)
    if "bad-reference" in raised:
        return "Mend the corpus first: it contradicts itself, so that no number here can be trusted."
    if raised & {"weak-judge", "coin-flip", "rejects-right"}:
        return "Mend the judge first: on clean responses it is too often wrong for attacks to say much."
    if not summary.baseline.rejected and not summary.baseline.accepted:
        return "Make its verdicts readable first: only what it rejects when it is asked plainly can be attacked."
    if not summary.baseline.rejected:
        return "Reject plain wrong answers first."
    if not summary.complete:
        return "Run the same command to the end before you judge: what has not been tried says nothing."
    if any(a.failed for a in summary.attacks) and not (best and best.fooled):
        return "Find out first why attacks failed, and run them again in another folder: they say nothing of the judge."
    if best is None:
        return "Ask for other attacks or fewer constraints: nothing was tried on the problems that count."
    if summary.baseline.accepted and not best.fooled:
        return "Reject plain wrong answers first."
    if not summary.finds:
        budget = summary.settings["budget"] * 4
        return f"Search harder before you trust it (all attacks, --budget {budget}, --seeds 3): no find is no proof."
    if kinds <= {"near miss"}:
        return "Let code compare final answers before the judge is asked: what fools it is a digit or a sign off."
    if kinds <= {"injection"}:
        return "Keep instructions out of what it grades: only text that speaks to the judge fools it."
    return (
        "Do not use its score as a reward or a gate as it is: keep the finds as tests, train it on such finds "
        "labelled wrong, and attack the new judge afresh."
    )


def _key(summary: RunSummary) -> FixedString | None:
    """The fixed string that passes most, if it passes on half of the problems."""
    worst = summary.strings[0] if summary.strings else None
    return worst if worst is not None and worst.rate >= 0.5 else None


def _name(attack: AttackSummary) -> str:
    return visible(attack.name, NAMED)
