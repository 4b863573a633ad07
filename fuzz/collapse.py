"""`collapse`: a policy is trained on a judge's score alone, and what becomes of it is written down step by step.

The story is an old one (Gao et al. 2022, arXiv 2210.10760; Reward Under Attack, arXiv 2603.06621): what the judge says
rises and goes on rising, while what the oracle says falls to nothing. The curve is measured on problems that the
policy never learns from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..corpora.corpus import Corpus, open_corpus
from ..corpora.errors import UsageError
from ..corpora.names import nearest
from ..corpora.oracles import open_oracle
from ..corpora.records import Problem, SplitChoice
from ..judges.judge import Judge, batch_of
from ..judges.opening import open_judge
from .attacks.policy import chosen
from .course import Answer, Book, Course, State
from .gate import Gate
from .run import Run, default_name, versions
from .settings import attackable, check_counts, check_numbers, digest_of_problems
from .store import Store
from .student import EXPLORE, WAYS, Answers, Student
from .target import pieces_of

if TYPE_CHECKING:
    from .grpo import Learner

#: Kinds of policies: the simulated student, and language models (`fuzz.grpo`).
POLICIES = ("student", "smollm2", "hf")

#: Problems to learn from and to be examined on, unless other numbers are asked for.
PROBLEMS, EXAM = 24, 24


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a policy is: what a progress line shows.

    Attributes:
        step: training steps done, of `steps` at most.
        reward: mean score of the last batch.
        accuracy: its share of right answers.
        asked: verdicts asked of the judge by this process.
        seconds: since this process began to train.
    """

    step: int
    steps: int
    reward: float
    accuracy: float
    asked: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Training:
    """How a student is trained.

    Attributes:
        steps: batches at most; it ends sooner once the collapse has been seen (`course.STAY`).
        batch: answers of a step.
        every: steps from one exam to the next.
        length: tokens of a free string.
        vocabulary: tokens that it may be made of: common words, up to half, and others of the judge's, drawn blindly.
        lr: learning rate of the free string's policy.
        choice_lr: of the choice between ways.
        bonus: weight of the entropy in the free string's policy.
        gather: free strings that are judged before their policy learns from them.
    """

    steps: int = 600
    batch: int = 512
    every: int = 5
    length: int = 8
    vocabulary: int = 512
    lr: float = 4.0
    choice_lr: float = 1.0
    bonus: float = 0.0
    gather: int = 64


def collapse(
    judge: str | Judge | Callable[..., Any],
    corpus: str | Corpus = "arithmetic",
    *,
    policy: str | Learner = "student",
    problems: int | None = None,
    exam: int | None = None,
    training: Training | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Run:
    """Train a policy on a judge's score alone and leave a run folder with the whole curve.

    `policy` is `student` (`fuzz.student`), or a language model (`fuzz.grpo`): `smollm2`, `hf:ORG/MODEL`, or one made
    by `fuzz.grpo.learner` (of such an object the folder knows the kind alone, not weights or options). Of `training`
    a language model takes steps, batch and exams alone.

    It learns from `problems` of the split `train` and is examined on `exam` others of the split `eval`. The same call
    on the same folder goes on where it was stopped, and the same seed gives the same curve.

    Raises:
        UsageError: a setting is wrong, or the folder cannot be used.
        JudgeError: the judge failed; what it said so far is kept.
    """
    settings = resolve(
        judge, corpus, policy=policy, problems=problems, exam=exam, training=training or Training(), seed=seed
    )
    learner = _learner(policy)
    identity = settings.identity()
    folder = Path(out) if out is not None else Path("runs") / f"collapse-{default_name(identity)}"
    with Store.create(folder, {"identity": identity, "versions": versions()}) as store:
        _train(store, settings, learner, progress)
    return Run(folder)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides what becomes of a policy, with every name resolved."""

    judge: Judge
    corpus: Corpus
    problems: tuple[Problem, ...]
    exam: tuple[Problem, ...]
    training: Training
    seed: int
    policy: str = "student"

    def identity(self) -> dict[str, Any]:
        """The same in plain values: what a folder must agree on for a run to go on in it."""
        return {
            "kind": "collapse",
            "policy": self.policy,
            "judge": self.judge.name,
            "fingerprint": self.judge.fingerprint,
            "judge_batch": batch_of(self.judge),
            "corpus": self.corpus.name,
            "oracle": self.corpus.oracle,
            "problem_count": len(self.problems),
            "problems": digest_of_problems(self.problems),
            "exam_count": len(self.exam),
            "exam": digest_of_problems(self.exam),
            "training": asdict(self.training),
            "ways": [{"name": w.name, "skill": w.skill, "share": w.share} for w in WAYS if self.policy == "student"],
            "explore": EXPLORE,
            "seed": self.seed,
        }


def resolve(
    judge: str | Judge | Callable[..., Any],
    corpus: str | Corpus,
    *,
    policy: str | Learner,
    problems: int | None,
    exam: int | None,
    training: Training,
    seed: int,
) -> Settings:
    """The settings of a collapse, with every name resolved and every number checked; nothing is asked or written.

    Raises:
        UsageError: a setting is wrong.
    """
    _check(training, seed)
    if isinstance(policy, str) and policy.partition(":")[0] not in POLICIES:
        raise nearest(policy, POLICIES, "policy")
    source = open_corpus(corpus) if isinstance(corpus, str) else corpus
    return Settings(
        judge=open_judge(judge),
        corpus=source,
        problems=_draw(source, "train", problems, PROBLEMS, seed),
        exam=_draw(source, "eval", exam, EXAM, seed),
        training=training,
        seed=seed,
        policy=policy if isinstance(policy, str) else f"object {type(policy.model).__name__}",
    )


def _learner(policy: str | Learner) -> Learner | None:
    """The language model of that name; None for the student."""
    if not isinstance(policy, str):
        return policy
    if policy == "student":
        return None
    from .grpo import open_learner

    return open_learner(policy)


def _train(store: Store, settings: Settings, learner: Learner | None, progress: Callable[[Progress], None]) -> None:
    """The whole run; all of it lands in the store."""
    store.rewind([*settings.problems, *settings.exam])
    book = Book(store)
    book.begin()
    course = Course(
        Gate(settings.judge, open_oracle(settings.corpus.oracle), store), book, every=settings.training.every
    )
    started = time.perf_counter()

    def done(step: int) -> None:
        assert course.last is not None
        seconds = time.perf_counter() - started
        told = (course.last.reward, course.last.right, course.gate.asked, seconds)
        progress(Progress(step, settings.training.steps, *told))

    if learner is None:
        _teach_student(course, settings, done)
    else:
        from .grpo import train

        training, papers = settings.training, _papers(settings)
        count = {"steps": training.steps, "batch": training.batch, "seed": settings.seed}
        train(learner, course, settings.problems, papers, **count, done=done)
    store.put("complete", True)


def _papers(settings: Settings) -> list[Problem]:
    """The problems of an exam: as many as a batch has, over and over."""
    return [settings.exam[i % len(settings.exam)] for i in range(settings.training.batch)]


def _teach_student(course: Course, settings: Settings, done: Callable[[int], None]) -> None:
    """A student learns; `done` is told of each step."""
    training = settings.training
    # A stream for each purpose: how often exams are held does not change what is learned.
    drawing, writing, sitting = (np.random.default_rng([settings.seed, i]) for i in range(3))
    student = Student(
        chosen(drawing, pieces_of(settings.judge), training.vocabulary),
        training.length,
        lr=training.lr,
        choice_lr=training.choice_lr,
        bonus=training.bonus,
        gather=training.gather,
    )
    papers = _papers(settings)
    for step in range(training.steps + 1):
        state = State(student.entropy(), student.divergence())
        if course.due(step) or step == training.steps:
            course.examine(step, _handed_in(student.answer(papers, sitting)), state)
        if step == training.steps or course.over:
            return
        drawn = writing.integers(len(settings.problems), size=training.batch).tolist()
        answers = student.answer([settings.problems[i] for i in drawn], writing)
        student.learn(answers, *course.mark(step, _handed_in(answers), state))
        done(step + 1)


def _handed_in(answers: Answers) -> list[Answer]:
    return [Answer(*each) for each in zip(answers.problems, answers.texts, answers.names(), strict=True)]


def _draw(source: Corpus, split: SplitChoice, wanted: int | None, usual: int, seed: int) -> tuple[Problem, ...]:
    """Problems of a split: as many as wanted, by default the usual number or all of a smaller corpus.

    Raises:
        UsageError: there are none, or not so many.
    """
    if wanted is not None:
        check_counts(**{"problems" if split == "train" else "exam": wanted})
    size = source.size(split)
    if size == 0:
        raise UsageError(
            f"corpus {source.name} has no problem in split {split}; a policy learns on train and is examined on eval"
        )
    count = min(usual, size or usual) if wanted is None else wanted
    return tuple(attackable(source.sample(count, split=split, seed=seed)))


def _check(training: Training, seed: int) -> None:
    """Counts are at least 1; learning rates are numbers over 0.

    Raises:
        UsageError: they are not.
    """
    counts = ("steps", "batch", "every", "length", "vocabulary", "gather")
    check_numbers(seed=seed)
    check_counts(**{name: getattr(training, name) for name in counts})
    for name in ("lr", "choice_lr"):
        value = getattr(training, name)
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"{name} is {value}; write a number over 0")
    if not (math.isfinite(training.bonus) and training.bonus >= 0):
        raise UsageError(f"bonus is {training.bonus}; write a number of at least 0")
