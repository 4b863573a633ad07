"""What judges around other judges share: their names, what they lend from inside, and the count of what they ask."""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from ..corpora.records import Item, Verdict
from .judge import Forgets, Judge, Metered, Notes, Usage, ask, batch_of, threshold_of
from .opening import AROUND_MANY, inside

#: What a judge around others can do if one of them can, in the same way.
LENT = ("pieces", "cut", "embeddings")


class Around(ABC):
    """A judge around others. A kind of such judges says in `score_by` how its verdicts follow from theirs.

    It is named as it would be opened (`KIND:JUDGE?options`), its options being the keyword-only parameters of its
    constructor whose values differ from their defaults. It has token texts, cuts and embeddings where one of the judges
    inside has them.
    """

    #: What its name begins with.
    kind: str

    def __init__(self, judges: Sequence[Judge], **settings: Any) -> None:
        """`settings` are all options with their values, which the fingerprint holds."""
        self.judges = tuple(judges)
        self.name = self._named(settings)
        identity = (self.kind, sorted(settings.items()), *(judge.fingerprint for judge in judges))
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]
        self.threshold = threshold_of(judges[0])
        self._asked = [0 for _ in judges]
        self._charged: dict[str, Usage] = {}
        # Rows of embeddings are those of the pieces, so both come from one judge.
        read = next((judge for judge in judges if hasattr(judge, "pieces")), None)
        for ability in LENT:
            lender = next((judge for judge in judges if hasattr(judge, ability)), None)
            if lender is not None and (ability != "embeddings" or lender is read):
                # An attribute of the object, not of the class: so `isinstance` asks each object for its abilities.
                setattr(self, ability, getattr(lender, ability))
        self._noting = [judge for judge in judges if isinstance(judge, Notes)]
        if self._noting:
            self.noted, self.remember = self._note, self._remind

    def _named(self, settings: Mapping[str, Any]) -> str:
        parameters = inspect.signature(type(self).__init__).parameters
        said = {key: value for key, value in settings.items() if value != parameters[key].default}
        options = "&".join(f"{key}={value}" for key, value in said.items())
        names = ",".join(inside(judge.name) for judge in self.judges)
        if self.kind in AROUND_MANY and len(self.judges) == 1 and not names.startswith("("):
            names = f"({names})"  # else it would be read as a folder
        return f"{self.kind}:{names}" + (f"?{options}" if options else "")

    @property
    def batch(self) -> int:
        """See `Judge`: the least of those inside."""
        return min(map(batch_of, self.judges))

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Judge.score`."""
        return self.score_by(items, afresh=False)

    def score_afresh(self, items: Sequence[Item]) -> list[Verdict]:
        """See `Afresh`."""
        return self.score_by(items, afresh=True)

    @abstractmethod
    def score_by(self, items: Sequence[Item], *, afresh: bool) -> list[Verdict]:
        """One verdict an item, by what `ask` gets from the judges inside; `afresh` is handed on to it."""

    def ask(self, items: Sequence[Item], *, afresh: bool, place: int = 0) -> list[Verdict]:
        """What the judge inside says (of several, the one at a place), counted, in batches of the size it likes."""
        judge, verdicts = self.judges[place], []
        size = batch_of(judge)
        for start in range(0, len(items), size):
            batch = items[start : start + size]
            self._asked[place] += len(batch)
            verdicts += ask(judge, batch, afresh=afresh)
        return verdicts

    def used(self) -> dict[str, Usage]:
        """See `Metered`: verdicts asked of the judges inside, or what they say that they have used themselves."""
        total = dict(self._charged)
        for judge, asked in zip(self.judges, self._asked, strict=True):
            counted = judge.used() if isinstance(judge, Metered) else {judge.name: Usage(asked)}
            for name, used in counted.items():
                total[name] = total.get(name, Usage()).plus(used)
        return total

    def charge(self, used: Mapping[str, Usage]) -> None:
        """See `Metered`. What a metered judge inside does not know of is kept here."""
        for judge in self.judges:
            if isinstance(judge, Metered):
                judge.charge({name: each for name, each in used.items() if name in judge.used()})
            elif judge.name in used:
                self._charged[judge.name] = self._charged.get(judge.name, Usage()).plus(used[judge.name])

    def _note(self) -> dict[str, list[str]]:
        """See `Notes`: what those inside noted; of several, under their names."""
        return {self._told_by(judge) + head: texts for judge in self._noting for head, texts in judge.noted().items()}

    def _remind(self, noted: Mapping[str, Sequence[str]]) -> None:
        """See `Notes`."""
        for judge in self._noting:
            told = self._told_by(judge)
            judge.remember({head.removeprefix(told): texts for head, texts in noted.items() if head.startswith(told)})

    def _told_by(self, judge: Notes) -> str:
        """What stands before the headings of a judge's notes."""
        return "" if len(self._noting) == 1 else f"{getattr(judge, 'name', '')}: "

    def forget(self) -> None:
        """See `Forgets`."""
        for judge in self.judges:
            if isinstance(judge, Forgets):
                judge.forget()
