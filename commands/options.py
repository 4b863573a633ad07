"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from ..corpora.errors import UsageError

#: Groups of options, in the order in which help shows them.
JUDGE = Group("Judge", sort_key=1)
PROBLEMS = Group("Problems", sort_key=2)
SEARCH = Group("Search", sort_key=3)
RESPONSES = Group("What may be tried", sort_key=4)
TRAINING = Group("Training", sort_key=5)
FORECAST = Group("Before it begins", sort_key=6)
OUTPUT = Group("Run and output", sort_key=7)

Out = Annotated[
    Path | None,
    Parameter(
        group=OUTPUT,
        help="Folder of the run; the same command on it goes on where it stopped. [default: runs/NAME, by settings]",
    ),
]
Seed = Annotated[int, Parameter(group=SEARCH, help="First seed; fixes problems and search.")]
Goal = Annotated[Literal["accept", "acclaim"], Parameter(group=SEARCH, help="Level of find that ends a search.")]


ConfigFile = Annotated[
    Path | None,
    Parameter(
        group=OUTPUT,
        help="TOML file with options, read before the project's pyproject.toml. See `hoodwink show-config`.",
    ),
]


@dataclass(frozen=True, slots=True)
class Common:
    """What every command that takes a while can be told. `commands.config` is who reads `config`."""

    config: ConfigFile = None
    quiet: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Print the folder of the run alone; errors still.")
    ] = False


COMMON = Common()
CommonOptions = Annotated[Common, Parameter(name="*", group=OUTPUT)]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What can be known before a run begins."""

    dry_run: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Say what the run would cost at most; ask and write nothing."),
    ] = False
    measure: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="With --dry-run: ask the judge 32 known responses, to estimate the time.",
        ),
    ] = False
    price_per_1k: Annotated[
        float | None,
        Parameter(validator=Number(gte=0), help="With --dry-run: price of 1,000 verdicts, for the cost at most."),
    ] = None

    def asked(self) -> bool:
        """Whether the run is only to be foretold.

        Raises:
            UsageError: an option that needs --dry-run is given without it.
        """
        if not self.dry_run and (self.measure or self.price_per_1k is not None):
            raise UsageError("--measure and --price-per-1k say what a run would cost; give --dry-run with them")
        return self.dry_run


NOT_AHEAD = Ahead()
AheadOptions = Annotated[Ahead, Parameter(name="*", group=FORECAST)]


@dataclass(frozen=True, slots=True)
class Opening:
    """How the judge is opened; what is not given is its own."""

    threshold: Annotated[
        str | None,
        Parameter(
            help="Score from which the judge accepts, or the share of right answers that it is to accept, such as 95%, "
            "for attack, check and transfer. [default: its own]"
        ),
    ] = None
    device: Annotated[
        str | None, Parameter(help="auto, cpu, cuda or mps, for judges that run here. [default: auto]")
    ] = None
    dtype: Annotated[
        str | None, Parameter(help="auto, bf16, fp16 or fp32, for judges that run here. [default: auto]")
    ] = None
    threads: Annotated[
        int | None, Parameter(help="Threads of the CPU, for judges that run here. [default: torch's own choice]")
    ] = None

    def acceptance(self) -> float | None:
        """The share of right answers that the judge is to accept; None where the threshold is a score or its own.

        Raises:
            UsageError: it is a percentage that no share can be.
        """
        return None if self.threshold is None else share_of(self.threshold)

    def given(self) -> dict[str, Any]:
        """What is said to the judge when it is opened.

        Raises:
            UsageError: the threshold is neither a score nor a percentage.
        """
        said = {name: value for name, value in asdict(self).items() if value is not None}
        if self.acceptance() is not None:
            del said["threshold"]
        elif self.threshold is not None:
            said["threshold"] = _score(self.threshold)
        return said


def share_of(threshold: str) -> float | None:
    """`95%` as a share of right answers; None of what has no percent sign.

    Raises:
        UsageError: it is no percentage above 0 and up to 100.
    """
    number = threshold.strip().removesuffix("%")
    if number == threshold.strip():
        return None
    try:
        share = float(number) / 100
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise UsageError(f"threshold {threshold!r:.40} is no share of right answers; write 95%, or a score like 0.7")
    return share


def _score(threshold: str) -> float:
    try:
        score = float(threshold)
    except ValueError as error:
        raise UsageError(
            f"threshold {threshold!r:.40} is neither a score nor a share; write a score like 0.7, or 95%"
        ) from error
    if not 0 < score <= 1:  # false for NaN too
        raise UsageError(f"threshold {threshold:.40} is not between 0 and 1; write a score like 0.7, or 95%")
    return score


NO_OPENING = Opening()
OpeningOptions = Annotated[Opening, Parameter(name="*", group=JUDGE)]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of every response that is tried."""

    only: Annotated[
        str | None,
        Parameter(
            help="Kinds of responses, comma-separated: nonsense, wrong answer, near miss, injection. [default: all]"
        ),
    ] = None
    max_chars: Annotated[int | None, Parameter(help="Most characters of a response. [default: no limit]")] = None
    max_tokens: Annotated[int | None, Parameter(help="Most tokens of a response. [default: no limit]")] = None
    ascii_only: Annotated[bool, Parameter(negative=(), show_default=False, help="Printable ASCII alone.")] = False
    keep_wrong: Annotated[
        bool, Parameter(negative=(), show_default=False, help="The plain wrong answer stays in it.")
    ] = False
    max_perplexity: Annotated[
        float | None, Parameter(help="Highest perplexity under the proposer. [default: no limit]")
    ] = None
    forbid: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(), show_default=False, help="Regular expression that may not match; may be given more than once."
        ),
    ] = ()


NO_LIMITS = Limits()
LimitOptions = Annotated[Limits, Parameter(name="*", group=RESPONSES)]


@dataclass(frozen=True, slots=True)
class Lessons:
    """How a policy is trained; the defaults are those of `fuzz.collapse.Training`, which a test compares."""

    steps: Annotated[int, Parameter(help="Training steps at most.")] = 600
    batch: Annotated[int, Parameter(help="Answers of a step, and of an exam.")] = 512
    every: Annotated[int, Parameter(help="Steps from one exam to the next.")] = 5
    length: Annotated[int, Parameter(help="Tokens of a free string.")] = 8
    vocabulary: Annotated[int, Parameter(help="Tokens that it may be made of.")] = 512
    lr: Annotated[float, Parameter(help="Learning rate of the free string.")] = 4.0
    choice_lr: Annotated[float, Parameter(help="Learning rate of the choice between ways of answering.")] = 1.0
    bonus: Annotated[float, Parameter(help="Weight of the entropy in the free string's policy.")] = 0.0
    gather: Annotated[int, Parameter(help="Free strings that are judged before their policy learns from them.")] = 64


LESSONS = Lessons()
LessonOptions = Annotated[Lessons, Parameter(name="*", group=TRAINING)]


@dataclass(frozen=True, slots=True)
class Retraining:
    """How judges are retrained; what is not given is the recipe's own."""

    start: Annotated[
        Literal["previous", "first"] | None, Parameter(help="Weights that training begins with. [default: previous]")
    ] = None
    clean: Annotated[
        int | None,
        Parameter(validator=Number(gte=0), help="Train problems whose known responses are replayed. [default: 40]"),
    ] = None
    epochs: Annotated[int | None, Parameter(validator=Number(gte=1), help="Passes over the examples. [default: 2]")] = (
        None
    )
    lr: Annotated[float | None, Parameter(validator=Number(gt=0), help="Highest learning rate. [default: 5e-4]")] = None


NO_RETRAINING = Retraining()
RetrainingOptions = Annotated[Retraining, Parameter(name="*", group=TRAINING)]


def open_named(spec: str, opening: Opening, *, calibrating: bool = False) -> Any:
    """The judge of that name, with the options that were given; `calibrating` commands fix a threshold themselves.

    Raises:
        UsageError: a share of right answers is given to a command that takes a score alone, or an option is wrong.
    """
    from ..judges.opening import open_judge

    if not calibrating and opening.acceptance() is not None:
        raise UsageError(f"threshold {opening.threshold} is for attack, check and transfer; give a score here")
    return open_judge(spec, **opening.given())


def constraints(limits: Limits) -> Any:
    """The constraints that were asked for on the command line."""
    from ..fuzz.constraints import Constraints
    from ..fuzz.kinds import KINDS

    asked = asdict(limits)
    asked["only"] = KINDS if limits.only is None else tuple(names(limits.only))
    return Constraints(**asked)


def names(given: str) -> list[str]:
    """What stands between commas."""
    return [name.strip() for name in given.split(",") if name.strip()]


def recipes(given: str, training: Retraining) -> Any:
    """The recipes of a duel by their names (`all` for every one), trained as was asked for."""
    from ..judges.hardening import RECIPES, changed, open_hardening

    chosen = list(RECIPES) if given.strip() == "all" else names(given)
    return [changed(open_hardening(name), **asdict(training)) for name in chosen]
