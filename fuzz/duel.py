"""The duel: attack a judge, retrain it on what fooled it, and attack what came of it, round after round.

Round 1 attacks the judge as it was given; the judge of round n + 1 is trained on the finds of rounds 1 to n. Every
judge that is made is also attacked, so the last round trains none. A duel is a folder of runs:

    config.json, run.db              the duel: its rounds, and verdicts on old finds and clean responses
    judges/round-N/                  what round N attacks (from 2), with what it was trained on
    rounds/N/{eval,held-out,train}/  attack runs like any other

Finds on `eval` problems are never trained on. Each round has problems of its own, in either split.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..corpora.corpus import Corpus
from ..corpora.errors import UsageError
from ..corpora.oracles import open_oracle
from ..corpora.records import Candidate, Item, Problem, Truth
from ..judges.ensemble import Ensemble, judge_folder
from ..judges.examples import Example
from ..judges.hardening import Hardening, NothingToTrainOnError, training_set
from ..judges.judge import Forgets, HasPieces, Judge, TrainableJudge, threshold_of
from ..judges.opening import defended
from ..judges.quality import Graded, Quality, known_responses, measure
from .arena import Attacks, Plan, resolve
from .attacks import Attack
from .attacks.openers import MASTER_KEYS, OTHERS
from .campaign import Progress
from .constraints import Constraints
from .gate import Ask, Gate
from .objective import Goal
from .rounds import EVAL, HELD_OUT, TRAIN, Look, Round, Rounds, folder_of
from .run import Run, attack, default_name, read_finds, versions
from .settings import own_proposer
from .store import Store, write_atomically
from .strings import drawn_edits, edited
from .target import cut_by

#: What a judge was trained on, beside its weights.
EXAMPLES_FILE = "examples.jsonl"

#: The portfolio that attacks every judge; the one whose finds are trained on; and families that never are.
ATTACKS: Sequence[str] = ("auto",)
TRAIN_ATTACKS: Sequence[str] = ("auto:arms=surrogate+genetic+random+repeat",)
HELD_OUT_ATTACKS: Sequence[str] = ("words:mode=replace", "injection")

#: Fixed strings that every judge is shown: the published master keys, and plain assents and openings.
KEYS = (*MASTER_KEYS, *OTHERS)

#: Edited copies of each old find that are tried, and the most edits in one.
VARIANTS, EDITS = 4, 2


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how a duel goes: the stage that begins, an attack's progress, training's steps, a round's end."""

    stage: Callable[[int, str], None] = lambda number, stage: None
    attack: Callable[[Progress], None] = lambda progress: None
    training: Callable[[int, int, float], None] = lambda step, steps, loss: None
    round: Callable[[Round], None] = lambda done: None


class Duel:
    """A duel in the making. Whatever is done is in its folder, and is not done again."""

    def __init__(self, plan: Plan, store: Store, watch: Watch) -> None:
        self.plan = plan
        self.store = store
        self.rounds = Rounds.create(store)
        self.watch = watch
        self.oracle = open_oracle(plan.corpus.oracle)
        self.proposer = own_proposer(plan.judge)
        self._made: dict[int, TrainableJudge] = {1: plan.judge}
        self._seconds: dict[str, float] = {}

    def run(self) -> None:
        """Fight all rounds, then show older judges what was found later."""
        self.store.put("planned", self.plan.rounds)  # not part of the identity: a duel may be taken further
        self.store.put("ended", None)
        self.store.put("complete", False)  # a finished duel that is taken further is not finished for a while
        done = {r.number for r in self.rounds.all()}
        last = self.plan.rounds
        try:
            for number in range(1, last + 1):
                if number not in done:
                    self._fight(number)
        except NothingToTrainOnError as end:
            last = number - 1
            self.store.put("ended", f"The duel ended with round {last}: {end}.")
        self._look_back(last)
        self.store.put("complete", last)

    def _fight(self, number: int) -> None:
        """One round: make its judge, attack it afresh, show it what is old and what is clean."""
        self._seconds = {}
        judge = self.judge(number)
        eval_problems = self.plan.problems_of(number, "eval")
        self._attack(number, EVAL, judge, self.plan.attacks, eval_problems, self.plan.budget, self.plan.shrink_budget)
        some = eval_problems[: self.plan.held_out_problems]
        if self.plan.held_out:
            self._attack(number, HELD_OUT, judge, self.plan.held_out, some, self.plan.held_out_budget, 0)
        with self._stage(number, "replay"):
            gate = Gate(judge, self.oracle, self.store)
            measured = Round(
                number=number,
                judge=judge.name,
                fingerprint=judge.fingerprint,
                seed=self.plan.seed_of(number),
                quality=self._quality(gate),
                threshold=threshold_of(judge),
                keys=self._keys(gate, some),
                variants=self._replay(gate, number),
                looks=self._looks(number),
                training=self.store.get(f"training {number}"),
            )
        done = replace(measured, seconds=self._seconds)
        self.rounds.add(done)
        self.watch.round(done)

    def judge(self, number: int) -> Judge:
        """The judge that a round attacks: from round 2 on in the ensemble or behind the defence of the recipe."""
        last: Judge = self._member(number)
        if number > 1 and self.plan.recipe.ensemble:
            last = Ensemble([self._member(n) for n in range(1, number + 1)], name=f"ensemble of {number} rounds")
        defence = self.plan.recipe.defence
        return defended(defence, last) if number > 1 and defence else last

    def _member(self, number: int) -> TrainableJudge:
        """The judge trained for a round; made now if it has not been."""
        if number not in self._made:
            if self.store.get(f"training {number}") is None:
                self._retrain(number)
            folder = judge_folder(self.store.folder, number)
            # Not named by its folder: a duel that is moved, or called by another path, goes on.
            name = f"{self.plan.judge.name} of round {number}"
            judge = self.plan.judge.adapted(folder, threshold=self.plan.recipe.threshold, name=name)
            if not isinstance(judge, TrainableJudge):
                raise UsageError(f"judge {judge.name} cannot be trained again, which a duel needs")
            if not self.plan.recipe.ensemble:  # of large judges, two fit in memory and ten do not
                self._made = {1: self._made[1]}
            self._made[number] = judge
        return self._made[number]

    def _retrain(self, number: int) -> None:
        """Train the judge of a round on the finds of all rounds before it."""
        self._harvest(number - 1)
        recipe = self.plan.recipe
        rng = np.random.default_rng([self.plan.seed, number, 1])
        first = self.plan.judge
        finds = [item for n in range(1, number) for item in self._harvested(n)]
        with self._stage(number, "retrain"):
            examples = training_set(
                recipe,
                finds,
                self.plan.corpus,
                rng,
                pieces=self._pieces,
                writer=self.proposer if recipe.truncated else None,
            )
            before = first if recipe.start == "first" else self._member(number - 1)
            folder = judge_folder(self.store.folder, number)
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / EXAMPLES_FILE, "".join(map(_line, examples)))
            training = replace(recipe.training, seed=self.plan.seed_of(number))
            done = before.retrain(examples, training, folder, finds=len(finds), progress=self.watch.training)
        origins = {"finds": len(finds), "all": len(examples)}
        self.store.put(f"training {number}", {**done.to_json(), "set": origins})

    def _harvest(self, number: int) -> None:
        """Search the judge of a round for what the next one is trained on."""
        problems = self.plan.problems_of(number, "train")
        if self.plan.recipe.finds:
            judge = self.judge(number)
            self._attack(number, TRAIN, judge, self.plan.train_attacks, problems, self.plan.budget, 0)

    def _harvested(self, number: int) -> list[Item]:
        """What fooled a round's judge on its train problems, each text once a problem."""
        if not self.plan.recipe.finds:
            return []
        problems = {p.id: p for p in self.plan.problems_of(number, "train")}
        finds = self._finds(number, TRAIN)
        texts = dict.fromkeys((find["problem"], find["response"]) for find in finds)
        return [Item(problems[problem], text) for problem, text in texts]

    def _attack(
        self,
        number: int,
        part: str,
        judge: Judge,
        attacks: Sequence[Attack],
        problems: Sequence[Problem],
        budget: int,
        shrink_budget: int,
    ) -> None:
        with self._stage(number, part):
            attack(
                judge,
                self.plan.corpus,
                attacks=attacks,
                problems=problems,
                budget=budget,
                seed=self.plan.seed_of(number),
                seeds=self.plan.seeds if part == EVAL else 1,
                goal=self.plan.goal,
                split=problems[0].split,
                shrink_budget=shrink_budget,
                constraints=self.plan.constraints,
                proposer=self.proposer,
                out=folder_of(self.store.folder, number, part),
                progress=self.watch.attack,
            )

    @contextmanager
    def _stage(self, number: int, stage: str) -> Iterator[None]:
        self.watch.stage(number, stage)
        started = time.monotonic()
        yield
        self._forget()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + round(time.monotonic() - started, 3)

    def _forget(self) -> None:
        """Every stage begins with nothing cached, as a resumed one does, and memory does not grow by the round."""
        for one in (*self._made.values(), self.proposer):
            if isinstance(one, Forgets):
                one.forget()

    def _finds(self, number: int, part: str = EVAL) -> list[dict[str, Any]]:
        with Run(folder_of(self.store.folder, number, part)).store() as store:
            return read_finds(store)

    def _quality(self, gate: Gate) -> Quality:
        """How the judge does on known responses to problems that are the same in every round."""
        known = [(p, r, right) for p in self.plan.clean for r, right in known_responses(p)]
        answers = gate.consider([Ask(p, Candidate(r.text, "check", r.kind)) for p, r, _ in known])
        return measure([Graded(p, r, right, a.trial.verdict) for (p, r, right), a in zip(known, answers, strict=True)])

    def _keys(self, gate: Gate, problems: Sequence[Problem]) -> dict[str, tuple[bool, ...]]:
        """Which problems each master key passes on."""
        asks = [Ask(p, Candidate(key, "openers", "key")) for key in KEYS for p in problems]
        fooled = [a.trial.fools for a in gate.consider(asks)]
        return {key: tuple(fooled[i * len(problems) :][: len(problems)]) for i, key in enumerate(KEYS)}

    def _replay(self, gate: Gate, number: int) -> dict[int, dict[str, float]]:
        """Show the judge of a round all older finds, alone, and edited copies of them: by round, what `Round` says."""
        gate.consider([ask for n in range(1, number) for ask in self._asks(n)])
        shares: dict[int, dict[str, float]] = {}
        for n in range(1, number):  # a step each: a judge that training left as it was knows those of older rounds
            by_problem: dict[str, list[bool]] = {}
            for trial in (answer.trial for answer in gate.consider(self._copies(n))):
                if trial.truth is Truth.WRONG:
                    by_problem.setdefault(trial.item.problem.id, []).append(trial.fools)
            shares[n] = {problem: sum(fooled) / len(fooled) for problem, fooled in by_problem.items()}
        return shares

    def _asks(self, number: int) -> list[Ask]:
        """A round's finds, to be asked about again, each alone."""
        problems = {p.id: p for p in self.plan.problems_of(number, "eval")}
        finds = self._finds(number)
        return [Ask(problems[f["problem"]], Candidate(f["response"], f["attack"], f["op"]), repeat=1) for f in finds]

    def _copies(self, number: int) -> list[Ask]:
        """A round's finds with a token or two drawn anew, put in or taken out: the same for every judge."""
        pieces = self._pieces
        asks = []
        for place, ask in enumerate(self._asks(number)):
            rng = np.random.default_rng([self.plan.seed, number, place, 2])
            text = ask.candidate.text
            tokens = list(self._cut(text))
            for edits in drawn_edits(rng, len(pieces) or len(tokens), VARIANTS, EDITS) if pieces or tokens else []:
                copy = "".join(edited(tokens, edits, pieces or tokens, len(tokens) + EDITS))
                if copy != text:
                    asks.append(Ask(ask.problem, Candidate(copy, ask.candidate.attack, "copy", text)))
        return asks

    @cached_property
    def _pieces(self) -> Sequence[str]:
        """The first judge's tokens as texts; none where it has none."""
        first = self.plan.judge
        return first.pieces() if isinstance(first, HasPieces) else ()

    def _cut(self, text: str) -> Sequence[str]:
        return cut_by(self.plan.judge, text)

    def _looks(self, number: int) -> tuple[Look, ...]:
        texts = [find["response"] for find in self._finds(number)]
        known: Sequence[float | None] = self.proposer.perplexity(texts) if self.proposer else [None] * len(texts)
        return tuple(Look(len(self._cut(t)), perplexity) for t, perplexity in zip(texts, known, strict=True))

    def _look_back(self, last: int) -> None:
        """Show every judge what was found on later ones."""
        for number in range(1, last):
            if self.store.get(f"looked back {number}") == last:
                continue
            if asks := [ask for n in range(number + 1, last + 1) for ask in self._asks(n)]:
                with self._stage(number, "look back"):
                    Gate(self.judge(number), self.oracle, self.store).consider(asks)
                self.store.put(f"looked back {number}", last)


def duel(
    judge: str | Judge,
    corpus: str | Corpus = "arithmetic",
    *,
    rounds: int = 5,
    recipe: str | Hardening = "replay",
    attacks: Attacks = ATTACKS,
    train_attacks: Attacks = TRAIN_ATTACKS,
    held_out: Attacks = HELD_OUT_ATTACKS,
    problems: int = 12,
    train_problems: int = 24,
    seeds: int = 2,
    held_out_problems: int = 8,
    budget: int = 320,
    held_out_budget: int = 160,
    shrink_budget: int = 40,
    goal: Goal = "accept",
    constraints: Constraints | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    watch: Watch | None = None,
) -> Run:
    """Attack a judge, retrain it on what fooled it, attack again, `rounds` times; leave a run folder.

    The same call on the same folder goes on where it was stopped; with more `rounds` it takes a finished duel further.
    Without `out` the folder is `runs/NAME`, with a name that follows from the settings. See `arena.Plan` for the rest.

    Raises:
        UsageError: a setting is wrong, the judge cannot be trained, or the folder cannot be used.
        JudgeError: the judge failed; what was done so far is kept.
    """
    plan = resolve(
        judge,
        corpus,
        rounds=rounds,
        recipe=recipe,
        attacks=attacks,
        train_attacks=train_attacks,
        held_out=held_out,
        problems=problems,
        train_problems=train_problems,
        seeds=seeds,
        held_out_problems=held_out_problems,
        budget=budget,
        held_out_budget=held_out_budget,
        shrink_budget=shrink_budget,
        goal=goal,
        constraints=constraints,
        seed=seed,
    )
    identity = plan.identity()
    folder = Path(out) if out is not None else Path("runs") / f"duel-{default_name(identity)}"
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        Duel(plan, store, watch or Watch()).run()
    return Run(folder)


def _line(example: Example) -> str:
    """An example as a line of a file."""
    problem = example.item.problem
    line = {"problem": problem.id, "split": problem.split, "response": example.item.response, "target": example.target}
    return json.dumps(line, ensure_ascii=False) + "\n"
