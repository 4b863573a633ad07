"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

Out = Annotated[Path | None, Parameter(help="Folder of the run; the same command on it goes on where it stopped.")]


@dataclass(frozen=True, slots=True)
class Opening:
    """How the judge is opened; what is not given is its own."""

    threshold: Annotated[float | None, Parameter(help="Score from which the judge accepts. [default: its own]")] = None
    device: Annotated[str | None, Parameter(help="auto, cpu, cuda or mps, for judges that run here.")] = None
    dtype: Annotated[str | None, Parameter(help="auto, bf16, fp16 or fp32, for judges that run here.")] = None
    threads: Annotated[
        int | None, Parameter(help="Threads of the CPU, for judges that run here. [default: torch's own choice]")
    ] = None


NO_OPENING = Opening()


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of every response that is tried."""

    only: Annotated[
        str | None,
        Parameter(help="Kinds of responses to try, comma-separated: nonsense, wrong answer, near miss, injection."),
    ] = None
    max_chars: Annotated[int | None, Parameter(help="Most characters of a response.")] = None
    max_tokens: Annotated[int | None, Parameter(help="Most tokens of a response.")] = None
    ascii_only: Annotated[bool, Parameter(negative=(), help="Printable ASCII alone.")] = False
    keep_wrong: Annotated[bool, Parameter(negative=(), help="The plain wrong answer stays in it.")] = False
    max_perplexity: Annotated[float | None, Parameter(help="Highest perplexity under the proposer.")] = None
    forbid: Annotated[
        tuple[str, ...], Parameter(negative=(), help="Regular expression that may not match; may be given again.")
    ] = ()


NO_LIMITS = Limits()


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


def open_named(spec: str, opening: Opening) -> Any:
    """The judge of that name, with the options that were given."""
    from ..judges.judge import open_judge

    return open_judge(spec, **{name: value for name, value in asdict(opening).items() if value is not None})


def constraints(limits: Limits) -> Any:
    """The constraints that were asked for on the command line."""
    from ..fuzz.constraints import Constraints
    from ..fuzz.kinds import KINDS

    asked = asdict(limits)
    asked["only"] = KINDS if limits.only is None else tuple(k.strip() for k in limits.only.split(",") if k.strip())
    return Constraints(**asked)


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


def names(given: str) -> list[str]:
    """What stands between commas."""
    return [name.strip() for name in given.split(",") if name.strip()]


def recipes(given: str, training: Retraining) -> Any:
    """The recipes of a duel by their names (`all` for every one), trained as was asked for."""
    from ..judges.hardening import RECIPES, changed, open_hardening

    chosen = list(RECIPES) if given.strip() == "all" else names(given)
    return [changed(open_hardening(name), **asdict(training)) for name in chosen]
