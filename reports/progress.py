"""Live progress: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from ..fuzz.campaign import Progress
from ..fuzz.checks import Checks
from ..fuzz.collapse import Progress as Training
from ..fuzz.duel import Watch
from ..fuzz.rounds import EVAL, HELD_OUT, TRAIN, Round
from ..fuzz.survey import Entrant
from ..fuzz.survey import Watch as SurveyWatch
from .escape import visible
from .text import percent, render_checks, write

#: Seconds between lines where there is no terminal.
EVERY = 10.0
#: Columns of a terminal from which there is room for a long bar.
WIDE = 100

#: What a duel does in each stage.
STAGES = {
    EVAL: "attack on eval problems",
    HELD_OUT: "held-out attacks",
    "replay": "old finds and clean responses",
    TRAIN: "attack on train problems",
    "retrain": "training",
    "look back": "later finds on this judge",
}


class _Display:
    """A bar or lines: `show` is told how far it is and what to say beside it."""

    def __init__(self, console: Console, what: str) -> None:
        self.console = console
        self.what = what
        self._last = 0.0
        self._shown = -1
        self._bar: Bar | None = None
        self._task: Any = None
        if console.is_interactive:
            self._bar = Bar(
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
                BarColumn(bar_width=24 if console.width >= WIDE else 8),
                MofNCompleteColumn(table_column=Column(no_wrap=True)),
                TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
                TimeElapsedColumn(table_column=Column(no_wrap=True)),
                TextColumn("ETA"),
                TimeRemainingColumn(table_column=Column(no_wrap=True)),
                console=console,
                transient=True,
                expand=True,
            )

    def __enter__(self) -> Any:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, what: str) -> None:
        """Start over, with something else."""
        self.what, self._shown, self._last = what, -1, 0.0
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(what, total=None, note="")
        else:
            self.console.print(Text(what))

    def show(self, done: int, total: int, note: str, eta: float | None) -> None:
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task(self.what, total=total, note=note)
            self._bar.update(self._task, completed=done, total=total, note=note)
            return
        now = time.monotonic()
        if now - self._last >= EVERY or (done == total and self._shown != done):
            self._last, self._shown = now, done
            left = "" if eta is None or done == total else f", about {eta:.0f} s left"
            self.console.print(Text(f"{self.what} {done}/{total}  {note}{left}"))


class AttackProgress(_Display):
    """Searches done, how many fooled, verdicts per second, time left."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, "searches")

    def checks(self, name: str, checks: Checks) -> None:
        """Print what the judge is worth before the attack begins."""
        write(self.console, render_checks(name, checks))

    def __call__(self, state: Progress) -> None:
        rate = f"{state.asked / state.seconds:.0f}" if state.seconds > 0 else "–"
        fooled = f"{100 * state.fooled / state.done:.0f}%" if state.done else "–"
        note = f"{fooled} fooled  {state.asked} verdicts, {rate}/s"
        if state.shrinking:
            note += f"  shrinking {state.shrinking}"
        if state.replayed:
            note += f"  ({state.replayed} replayed)"
        eta = state.seconds / state.done * (state.cells - state.done) if state.done else None
        self.show(state.done, state.cells, note, eta)


class SurveyProgress(_Display):
    """The judge that a survey is at, how far its attacks are, and a line for each that is done."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, "")

    def watch(self) -> SurveyWatch:
        """Who is to be told."""
        return SurveyWatch(self._open, self._begin, self._attack, self._end)

    def _open(self, label: str, place: int, total: int) -> None:
        if place == 1:  # quick openings are not worth a line
            self.what, self._last = "opening", time.monotonic()
        self.show(place - 1, total, visible(label, 40), None)

    def _begin(self, entrant: Entrant, place: int, total: int) -> None:
        self.begin(f"judge {place}/{total} {visible(entrant.label, 40)}")

    def _attack(self, state: Progress) -> None:
        eta = state.seconds / state.done * (state.cells - state.done) if state.done else None
        rate = f"{state.asked / state.seconds:.0f}" if state.seconds > 0 else "–"
        self.show(state.done, state.cells, f"fooled {state.fooled}  {state.asked} verdicts, {rate}/s", eta)

    def _end(self, entrant: Entrant, error: str, seconds: float) -> None:
        line = f"{visible(entrant.label, 40)} {f'failed: {visible(error)}' if error else 'done'} in {seconds:.0f} s"
        self.console.print(Text(line, style="red" if error else ""))


class CollapseProgress(_Display):
    """Steps done, what the judge says of the last batch, what is true of it, verdicts per second."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, "steps")

    def __call__(self, state: Training) -> None:
        rate = f"{state.asked / state.seconds:.0f}" if state.seconds > 0 else "–"
        note = f"reward {state.reward:.3f}  accuracy {state.accuracy:.3f}  {state.asked} verdicts, {rate}/s"
        self.show(state.step, state.steps, note, state.seconds / state.step * (state.steps - state.step))


class TrainProgress(_Display):
    """Steps done, loss, time left."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, "steps")
        self._started = time.monotonic()

    def __call__(self, step: int, steps: int, loss: float) -> None:
        elapsed = time.monotonic() - self._started
        self.show(step, steps, f"loss {loss:.4f}", elapsed / step * (steps - step))


class DuelProgress(_Display):
    """The round and the stage that a duel is in, and how far that stage is."""

    def __init__(self, console: Console, rounds: int) -> None:
        super().__init__(console, "")
        self.rounds = rounds
        self._started = time.monotonic()

    def watch(self, recipe: str = "") -> Watch:
        """Who is to be told; `recipe` is named where there are several."""
        return Watch(
            stage=lambda number, stage: self._stage(recipe, number, stage),
            attack=self._attack,
            training=self._training,
            round=self._round,
        )

    def _stage(self, recipe: str, number: int, stage: str) -> None:
        name = f"{recipe} " if recipe else ""
        self.begin(f"{name}round {number}/{self.rounds} {STAGES[stage]}")
        self._started = time.monotonic()

    def _attack(self, state: Progress) -> None:
        eta = state.seconds / state.done * (state.cells - state.done) if state.done else None
        self.show(state.done, state.cells, f"fooled {state.fooled}  {state.asked} verdicts", eta)

    def _training(self, step: int, steps: int, loss: float) -> None:
        elapsed = time.monotonic() - self._started
        self.show(step, steps, f"loss {loss:.4f}", elapsed / step * (steps - step))

    def _round(self, done: Round) -> None:
        clean, right = percent(done.quality.clean_accuracy, 1), percent(done.quality.right_accepted, 1)
        note = f"{len(done.looks)} finds, clean accuracy {clean}, right accepted {right}"
        self.console.print(Text(f"round {done.number} done in {sum(done.seconds.values()):.0f} s: {note}"))
