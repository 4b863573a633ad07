"""A portfolio: a bandit divides the budget between attacks as they pay, over all cells of a campaign.

Two decisions are made by Thompson sampling, which draws from what is believed of each choice and takes the best draw:

- Which known text to try. Fixed openers, and whatever fooled the judge on some problem, are tried one at a time, those
  first that fooled most often where they were tried (a Beta belief for each text).
- Which attack to give the next batch, once no known text is expected to pay more than searching. An attack is paid for
  every response that is among the best on its problem when it comes up: finds are rare, this is not, and a search is
  made of it (a Beta belief for each attack; what is long ago counts less).

All attacks write into one pool of texts, so that what one finds another breeds on.
"""

from __future__ import annotations

import inspect
from bisect import insort
from collections.abc import Sequence
from typing import cast

import numpy as np

from ...corpora.errors import HoodwinkError, UsageError
from ...corpora.names import lookup
from ...corpora.records import Candidate, Trial
from ..pool import Pool, written
from ..target import ProposerTarget, Target, with_proposer
from . import ATTACKS, Attack, Proposals, open_attack
from .openers import MASTER_KEYS, OTHERS

#: What is said to have proposed a known text.
KNOWN_ARM = "known"

ARMS = "surrogate+genetic+words+chars+random+repeat+beam"

#: Known texts tried in one batch.
KNOWN = 2

#: Responses paid for are among so many best ones of their problem; what was paid fades by this much with each query.
BEST, FADE = 8, 0.998

#: An arm is given up after so many batches in a row without a response that was tried and is proved wrong.
IDLE = 2

#: What searching is believed to find at first, and the weight of that belief in queries.
EXPECTED, WEIGHT = 1 / 250, 250.0


class Payroll:
    """A learner (see `Commons`): what each attack has been paid for its queries, and how many finds all have made."""

    def __init__(self) -> None:
        self.paid: dict[str, float] = {}
        self.unpaid: dict[str, float] = {}
        self.queries = 0
        self.finds = 0
        self._best: dict[str, list[float]] = {}

    def observe(self, problem: str, trials: Sequence[Trial]) -> None:
        """See `Learner`."""
        best = self._best.setdefault(problem, [])
        for trial in trials:
            arm = trial.candidate.attack
            good = len(best) < BEST or trial.margin > best[0]
            if good:
                insort(best, trial.margin)
                del best[:-BEST]
            if arm == KNOWN_ARM:
                continue
            self.queries += 1
            self.finds += trial.fools
            self.paid[arm] = FADE * self.paid.get(arm, 0.0) + good
            self.unpaid[arm] = FADE * self.unpaid.get(arm, 0.0) + (not good)

    def find_rate(self) -> float:
        """Finds that a query of a search is expected to make."""
        return (self.finds + EXPECTED * WEIGHT) / (self.queries + WEIGHT)

    def draw(self, arm: str, rng: np.random.Generator) -> float:
        """A share of responses worth paying for, drawn from what is believed of an attack."""
        return float(rng.beta(1.0 + self.paid.get(arm, 0.0), 1.0 + self.unpaid.get(arm, 0.0)))


def auto(target: Target, rng: np.random.Generator, *, arms: str = ARMS, append: bool = False) -> Proposals:
    """A portfolio of attacks: known texts first, then the budget goes to whichever attack pays."""
    pool, payroll = target.commons.get(Pool), target.commons.get(Payroll)
    pool.watch((*MASTER_KEYS, *OTHERS))
    running = _started(target, rng, arms, append=append)
    asked: dict[str, list[Candidate]] = {}
    idle = dict.fromkeys(running, 0)
    tried: set[str] = set()
    echo = [target.question]
    while running:
        known = _promising(pool, payroll, rng, tried) or echo
        if known:
            tried.update(known)
            echo = [] if known == echo else echo
            yield [Candidate(target.place(text, append=append), KNOWN_ARM, "known") for text in known]
            continue
        arm = max(running, key=lambda name: payroll.draw(name, rng))
        try:
            batch = asked.pop(arm) if arm in asked else next(running[arm])
            trials = yield batch
            asked[arm] = running[arm].send(trials)
            tried.update(map(written, trials))
            # What was refused or may be right teaches the payroll nothing: an arm of such is not begun a third time.
            idle[arm] = 0 if any(trial.climbable for trial in trials) else idle[arm] + 1
            if idle[arm] == IDLE:
                del running[arm]
        except HoodwinkError:
            raise
        except Exception as error:  # it ended, or it broke: the others go on
            del running[arm]
            if not running and not isinstance(error, StopIteration):
                raise


def _promising(pool: Pool, payroll: Payroll, rng: np.random.Generator, tried: set[str]) -> list[str]:
    """Known texts worth trying: those that are believed to fool more often than a query of any search does."""
    left = [record for text, record in pool.records.items() if text not in tried]
    rate = payroll.find_rate()
    drawn = [(float(rng.beta(len(r.fooled) + 1, len(r.tried - r.fooled) + 1)), r) for r in left if r.rate > rate]
    return [record.text for _, record in sorted(drawn, key=lambda pair: (-pair[0], pair[1].text))[:KNOWN]]


def check(arms: str = ARMS, append: bool = False) -> None:
    """Say before anything is asked what cannot be an arm; see `_opened`."""
    _opened(arms, append=append)


def _opened(arms: str, *, append: bool) -> list[Attack]:
    """The attacks of the portfolio.

    Raises:
        UsageError: an arm is unknown, or needs more than verdicts and a proposer.
    """
    opened = []
    for name in arms.split("+"):
        attack = open_attack(_spec(name, append=append))
        if attack.kind not in (Target, ProposerTarget):
            raise UsageError(f"attack auto cannot have {name} in its arms, which needs more than the judge's verdicts")
        opened.append(attack)
    return opened


def _started(target: Target, rng: np.random.Generator, arms: str, *, append: bool) -> dict[str, Proposals]:
    """The attacks of the portfolio that can run on this judge, each with a random stream of its own."""
    running = {}
    attacks = _opened(arms, append=append)
    for attack, stream in zip(attacks, rng.spawn(len(attacks)), strict=True):
        if attack.kind is ProposerTarget and target.proposer is None:
            continue
        seen = with_proposer(target) if attack.kind is ProposerTarget else target
        running[attack.name.partition(":")[0]] = cast(Proposals, attack.start(seen, stream))
    return running


def _spec(name: str, *, append: bool) -> str:
    """An attack by its name, told to write behind the plain wrong answer or to replace it, where it can do both."""
    if name == "words":
        return f"words:mode={'append' if append else 'replace'}"
    known = inspect.signature(lookup(ATTACKS, name, "attack")).parameters
    return f"{name}:append={append}" if "append" in known else name
