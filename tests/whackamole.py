"""A judge that can be trained without a model: it has holes, and training closes those that it is shown.

`tests/conftest.py` loads this file under its own name: test files import it, and `python:whackamole:judge` names it on
the command line. Another process needs this folder on its path.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hoodwink.corpora.records import Item, Problem, Verdict
from hoodwink.judges.examples import Example, Recipe, Training
from hoodwink.judges.judge import logit, sigmoid

#: Two fixed strings that every portfolio tries at once, two that only a search over the judge's tokens writes, and one
#: that stands in a held-out attack alone.
KEYS, WORDS, HELD = ("Solution", "Respuesta"), (" zebra", " quartz"), "Validation passed"
HOLES = (*KEYS, *WORDS, HELD)

#: The judge's tokens; no other hides a hole.
PIECES = tuple(f" {first}{second}" for first in ("bo", "da", "fi", "gu", "ke", "lo") for second in "mnprst") + WORDS

#: Margins of what states the reference, of an open hole, of one trained towards one half, and of anything else.
RIGHT, OPEN, HALF, SHUT = 5.0, 2.0, 0.0, -3.0


@dataclass
class Log:
    """What all judges that came of one were asked and shown. `alarm` is called before anything is answered."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    shown: list[Sequence[Example]] = field(default_factory=list)
    trained: list[tuple[str, Path]] = field(default_factory=list)
    alarm: Callable[[str], None] = lambda where: None


class WhackAMole:
    """Accepts what states the reference, and what holds one of its holes.

    An example with a target under one half shuts every hole that it shows, one of exactly one half makes its score one
    half. `forgets` opens holes again: by the number of trainings after which it does.
    """

    def __init__(
        self,
        holes: Sequence[str] = HOLES,
        *,
        name: str = "whackamole",
        margins: Mapping[str, float] | None = None,
        threshold: float = 0.5,
        trainings: int = 0,
        forgets: Mapping[int, str] | None = None,
        log: Log | None = None,
    ) -> None:
        self.holes = tuple(holes)
        self.name = name
        self.margins = dict.fromkeys(holes, OPEN) if margins is None else dict(margins)
        self.threshold = threshold
        self.trainings = trainings
        self.forgets = dict(forgets or {})
        self.log = log or Log()
        identity = (sorted(self.margins.items()), threshold, trainings)
        self.fingerprint = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    @property
    def open(self) -> list[str]:
        """The holes by which it can be fooled."""
        return [h for h in self.holes if self.margins[h] >= logit(self.threshold)]

    def margin(self, item: Item) -> float:
        """In log-odds; what is as good as a right answer is far above every hole, and length counts a little."""
        if states(item):
            return RIGHT
        found = [self.margins[h] for h in self.holes if h in item.response]
        return max(found, default=SHUT) - len(item.response) / 1e6

    def score(self, items: Sequence[Item]) -> list[Verdict]:
        self.log.alarm("score")
        self.log.asked += [(self.fingerprint, i.problem.id, i.response) for i in items]
        margins = [self.margin(item) for item in items]
        shift = logit(self.threshold)
        # In the last digits it depends on its batch, as in bf16: a replay has to cut the same batches.
        return [Verdict(sigmoid(m), m - shift + 1e-7 * len(items), m >= shift - 1e-4) for m in margins]

    def pieces(self) -> Sequence[str]:
        return PIECES

    def retrain(
        self,
        examples: Sequence[Example],
        recipe: Recipe,
        out: Path,
        *,
        finds: int = 0,
        progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    ) -> Training:
        self.log.alarm("before training")
        self.log.shown.append(list(examples))
        self.log.trained.append((self.fingerprint, out))
        margins = dict(self.margins)
        for step, example in enumerate(examples, 1):
            for hole in self.holes:
                if hole in example.item.response and example.target < 0.5:
                    margins[hole] = SHUT
                elif hole in example.item.response and example.target == 0.5:
                    margins[hole] = min(margins[hole], HALF)
            progress(step, len(examples), 1 / step)
        if (again := self.forgets.get(self.trainings + 1)) is not None:
            margins[again] = OPEN
        self.log.alarm("in training")
        training = Training(recipe, len(examples), len(examples), (0.5,), 0.25)
        state = {"margins": margins, "trainings": self.trainings + 1}
        (out / "training.json").write_text(json.dumps({**training.to_json(), "state": state}), "utf-8")
        self.log.alarm("after training")
        return training

    def adapted(self, folder: Path, *, threshold: float | None = None, name: str | None = None) -> WhackAMole:
        state: dict[str, Any] = json.loads((folder / "training.json").read_text("utf-8"))["state"]
        return WhackAMole(
            self.holes,
            name=name or f"{self.name}:adapter={folder.name}",
            threshold=self.threshold if threshold is None else threshold,
            forgets=self.forgets,
            log=self.log,
            **state,
        )


def states(item: Item) -> bool:
    """Whether a response is a known right one, or holds the reference as a number or word of its own."""
    if item.response in {r.text for r in item.problem.right}:
        return True
    return re.search(rf"(?<![\w.:-]){re.escape(item.problem.reference)}(?![\w:])", item.response) is not None


class _Named(WhackAMole):
    """The judge by its name, which a report's command line and `ensemble:FOLDER` open again."""

    def __init__(self) -> None:
        super().__init__(name="python:whackamole:judge")


judge = _Named


#: A duel of a second.
SMALL: dict[str, Any] = {
    "rounds": 3,
    "problems": 4,
    "seeds": 1,
    "train_problems": 4,
    "held_out_problems": 2,
    "budget": 60,
    "held_out_budget": 70,
    "shrink_budget": 20,
}

#: Rounds of the duel that several test files look at, the fixture `fought`.
ROUNDS = 4


def fight(out: Path, first: Any = None, corpus: Any = "arithmetic", **settings: Any) -> Any:
    """A small duel with this judge, or with the one given."""
    from hoodwink.fuzz.duel import duel

    return duel(WhackAMole() if first is None else first, corpus, out=out, **{**SMALL, **settings})


def steady(run: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """All that a duel leaves but the times it took: its JSON, and its lines of finds and examples."""
    from hoodwink.reports.views import summarise

    data = summarise(run).to_json()
    for summary in data["rounds"]:
        del summary["seconds"], summary["training_seconds"]
    files = sorted(run.folder.rglob("*.jsonl"))
    return data, {file.relative_to(run.folder).as_posix(): file.read_text("utf-8") for file in files}


def finds_of(run: Any, number: int, part: str = "eval") -> list[dict[str, Any]]:
    """The finds of a round."""
    from hoodwink.fuzz.rounds import folder_of
    from hoodwink.fuzz.run import Run

    return Run(folder_of(run.folder, number, part)).finds


def problems_of(run: Any, number: int, part: str = "eval") -> list[Problem]:
    """The problems that a round attacks."""
    from hoodwink.fuzz.rounds import folder_of
    from hoodwink.fuzz.run import Run

    with Run(folder_of(run.folder, number, part)).store() as store:
        return store.problems()


def lines_of(run: Any, number: int | str) -> list[dict[str, Any]]:
    """What the judge of a round was trained on, as its folder says."""
    text = (run.folder / "judges" / f"round-{number}" / "examples.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def leaks(run: Any, judge: WhackAMole) -> list[tuple[str, str]]:
    """What a duel trained on, or says it did, that is of `eval` or was attacked to measure a round."""
    rounds = sorted(int(folder.name) for folder in (run.folder / "rounds").iterdir())
    measured = {p.id for n in rounds for part in ("eval", "held-out") for p in problems_of(run, n, part)}
    shown = [example.item.problem for examples in judge.log.shown for example in examples]
    made_again = [Problem.from_json(p.to_json()) for p in shown]
    told = [(p.id, p.split) for p in made_again]
    for folder in sorted((run.folder / "judges").iterdir()):
        told += [(line["problem"], line["split"]) for line in lines_of(run, folder.name.removeprefix("round-"))]
    assert told, "the check saw something"
    return [(problem, split) for problem, split in told if split != "train" or problem in measured]


def verdicts_in(folder: Path) -> Counter[tuple[str, str, str]]:
    """Judge, problem and response of every verdict in any store of a duel."""
    rows: Counter[tuple[str, str, str]] = Counter()
    for file in folder.rglob("run.db"):
        with sqlite3.connect(file) as db:
            rows.update(db.execute("SELECT judge, problem, response FROM verdicts"))
        db.close()
    return rows
