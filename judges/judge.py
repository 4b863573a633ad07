"""The protocol that every judge meets, what else it may be able to do, and the one door through which it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from ..corpora.errors import HoodwinkError, JudgeError
from ..corpora.records import Item, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from .examples import Example, Recipe, Training

T = TypeVar("T")

#: Margins beyond this say nothing more; scores of exactly 0 and 1 are given this one, so that margins stay finite.
MAX_MARGIN = 40.0


@runtime_checkable
class Judge(Protocol):
    """Turns items into verdicts, in batches.

    `fingerprint` changes when weights, prompt or settings do: it keys the store's cache of verdicts. A judge may also
    have a `threshold` (the score from which it accepts) and a `batch` (the most responses that one call should hold);
    see `threshold_of` and `batch_of`. What else it can do is said by the protocols below, which a judge need not name.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    def score(self, items: Sequence[Item]) -> list[Verdict]:
        """One verdict an item, in the same order."""
        ...


@runtime_checkable
class HasPieces(Protocol):
    """A judge that can say what text its tokens stand for, which token attacks draw from."""

    def pieces(self) -> Sequence[str]:
        """Distinct printable texts of single tokens."""
        ...


@runtime_checkable
class Cuts(Protocol):
    """A judge that can say where its tokens end in a text."""

    def cut(self, text: str) -> Sequence[str]:
        """A text cut into tokens; joined again they are the text."""
        ...


class Slope(NamedTuple):
    """What the gradient promises of exchanging one token of a response.

    Attributes:
        tokens: the response's tokens as texts; joined they are the response as the judge is shown it.
        gains: `(tokens, pieces)` linear estimates of how much the margin rises with each of the judge's `pieces()`.
    """

    tokens: tuple[str, ...]
    gains: np.ndarray[Any, np.dtype[np.float32]]


@runtime_checkable
class HasEmbeddings(Protocol):
    """A judge that gives the vectors by which it reads its pieces."""

    def embeddings(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """`(pieces, width)`: one row for each of the judge's `pieces()`."""
        ...


@runtime_checkable
class GradientJudge(Protocol):
    """A judge that gives gradients."""

    def slope(self, item: Item) -> Slope:
        """One forward and one backward pass over the item's prompt."""
        ...


@runtime_checkable
class Staged(Protocol):
    """A judge whose work falls in two, so that the second half of one batch overlaps with the first of the next.

    `compute(prepare(items))` gives what `score(items)` would. `compute` is called where `score` would be, in the order
    of the batches, while `prepare` is called on another thread.
    """

    def prepare(self, items: Sequence[Item]) -> Any:
        """The part that needs no model, such as tokenising."""
        ...

    def compute(self, prepared: Any) -> list[Verdict]:
        """The part that does: one verdict an item, in the order of the items prepared."""
        ...


@runtime_checkable
class Afresh(Protocol):
    """A judge that keeps something between calls (a cache of keys and values), and can do without it."""

    def score_afresh(self, items: Sequence[Item]) -> list[Verdict]:
        """As `score`, by verdicts that owe nothing to earlier calls: a find is confirmed by these."""
        ...


@runtime_checkable
class TrainableJudge(Judge, Protocol):
    """A judge that can be trained further, and opened again by the weights that came of it; itself it stays as it is.

    The same call once more (examples, recipe, weights, folder) goes on where the last one stopped, if at all.
    """

    def retrain(
        self,
        examples: Sequence[Example],
        recipe: Recipe,
        out: Path,
        *,
        finds: int = 0,
        progress: Callable[[int, int, float], None] = ...,
    ) -> Training:
        """Train further from this judge's weights; leave what came of it in the folder `out`."""
        ...

    def adapted(self, folder: Path, *, threshold: float | None = None, name: str | None = None) -> Judge:
        """The same judge by the weights that `retrain` left in a folder.

        Its threshold is its own unless given; its name is as the command line would name it unless given.
        """
        ...


@runtime_checkable
class Forgets(Protocol):
    """What keeps much between calls, and can let go of it."""

    def forget(self) -> None:
        """Drop what is kept; the next call takes longer and says the same."""
        ...


class Usage(NamedTuple):
    """What verdicts have cost.

    Attributes:
        calls: verdicts that were asked of a model, or requests sent to a server (tries that failed included).
        prompt_tokens: tokens that a server counted in prompts.
        completion_tokens: tokens that it counted in answers.
        cost: what that cost by the prices given; None without prices.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        cost = None if self.cost is None and other.cost is None else (self.cost or 0.0) + (other.cost or 0.0)
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            cost,
        )

    def since(self, earlier: Usage) -> Usage:
        """What has been added to an earlier count of the same."""
        return self.plus(
            Usage(
                -earlier.calls,
                -earlier.prompt_tokens,
                -earlier.completion_tokens,
                None if earlier.cost is None else -earlier.cost,
            )
        )


@runtime_checkable
class Metered(Protocol):
    """A judge of which one verdict costs more than one call: one around others, or one behind a server with prices."""

    def used(self) -> dict[str, Usage]:
        """What has been used so far, by the name of each judge that was asked; what was charged is included."""
        ...

    def charge(self, used: Mapping[str, Usage]) -> None:
        """Add what an earlier process used for the same run, so that a cap on spending holds for all of it."""
        ...


@runtime_checkable
class Piecemeal(Protocol):
    """A judge whose verdicts owe nothing to the batch they are asked in, and that still has some when a call fails.

    Verdicts that were paid for are then kept, and the rest of the batch can be asked alone.
    """

    def done(self, items: Sequence[Item]) -> Mapping[int, Verdict]:
        """What the last call found, by the places of its items; nothing if it was about other items than these."""
        ...


@runtime_checkable
class Notes(Protocol):
    """A judge that finds out things worth a note in a report, such as what a server says of itself."""

    def noted(self) -> dict[str, list[str]]:
        """What was found, under a few headings; each text once."""
        ...

    def remember(self, noted: Mapping[str, Sequence[str]]) -> None:
        """Be told what an earlier process noted for the same run."""
        ...


def ask(judge: Judge, items: Sequence[Item], *, afresh: bool = False) -> list[Verdict]:
    """Ask a judge and hold it to its contract; every verdict in hoodwink comes through here or `begin`.

    `afresh` asks for verdicts that owe nothing to earlier calls, where the judge makes a difference (`Afresh`).

    Raises:
        JudgeError: the judge raised, or returned the wrong number of verdicts, a score outside [0, 1], or a margin
            that is not finite, or accepted an answer that it could not read.
    """
    return begin(judge, items, afresh=afresh)()


def begin(judge: Judge, items: Sequence[Item], *, afresh: bool = False) -> Callable[[], list[Verdict]]:
    """`ask` in two halves: a `Staged` judge prepares the items now, and what is returned does the rest.

    Raises:
        JudgeError: as `ask`, at once or when what is returned is called.
    """
    if afresh and isinstance(judge, Afresh):
        work = partial(judge.score_afresh, items)
    elif isinstance(judge, Staged):
        work = partial(judge.compute, blamed(judge, partial(judge.prepare, items)))
    else:
        work = partial(judge.score, items)
    return partial(_finish, judge, items, work)


def _finish(judge: Judge, items: Sequence[Item], work: Callable[[], Sequence[Verdict]]) -> list[Verdict]:
    """Do the work and check what comes back."""
    verdicts = blamed(judge, lambda: list(work()))
    if len(verdicts) != len(items):
        raise JudgeError(
            f"judge {judge.name} returned {len(verdicts)} verdicts for {len(items)} items; return one each"
        )
    return [v if _is_plain(v) else _checked(judge, i, v) for i, v in zip(items, verdicts, strict=True)]


def blamed(judge: Judge, work: Callable[[], T]) -> T:
    """Do a judge's work; what it raises is a JudgeError."""
    try:
        return work()
    except (HoodwinkError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        raise JudgeError(f"judge {judge.name} raised {type(error).__name__}: {first_line(error)}") from error


def _is_plain(verdict: Verdict) -> bool:
    """Whether a verdict is beyond doubt what the contract asks for: nearly all are, and this is said quickly."""
    return (
        type(verdict) is Verdict
        and type(verdict.score) is type(verdict.margin) is float
        and type(verdict.accepted) is type(verdict.parsed) is bool
        and 0 < verdict.score <= 1
        and -math.inf < verdict.margin < math.inf
        and verdict.margin != 0  # the store knows no zero with a minus
        and (verdict.parsed or not verdict.accepted)
        and type(verdict.text) is str
        and verdict.text.isascii()
        and verdict.outcome == ""
        and verdict.steps == ()
    )


def _checked(judge: Judge, item: Item, verdict: Verdict) -> Verdict:
    """The verdict in plain types, as the store gives it back, if it meets the contract."""
    if not isinstance(verdict, Verdict):
        raise JudgeError(f"judge {judge.name} returned {type(verdict).__name__}, not a Verdict")
    for field, kind in (("score", float), ("margin", float), ("accepted", bool), ("parsed", bool)):
        value = getattr(verdict, field)
        if not isinstance(value, kind | int):  # numpy's own would be stored as bytes, and b"\0" is true
            raise JudgeError(
                f"judge {judge.name} gave {field} {value!r:.40} to {item.response[:40]!r}; write a {kind.__name__}"
            )
    for field in ("text", "outcome"):
        value = getattr(verdict, field)
        if not _is_text(value):
            raise JudgeError(
                f"judge {judge.name} gave {field} {value!r:.40} to {item.response[:40]!r}; write valid Unicode"
            )
    if not all(isinstance(step, float | int) and 0 <= step <= 1 for step in verdict.steps):
        raise JudgeError(
            f"judge {judge.name} gave steps {verdict.steps!r:.40} to {item.response[:40]!r}; scores lie in [0, 1]"
        )
    if verdict.accepted and not verdict.parsed:
        raise JudgeError(
            f"judge {judge.name} accepted {item.response[:40]!r} with parsed=False; what cannot be read is not accepted"
        )
    if not 0 <= verdict.score <= 1:  # false for NaN too
        raise JudgeError(
            f"judge {judge.name} gave score {verdict.score} to {item.response[:40]!r}; scores lie in [0, 1]"
        )
    if not math.isfinite(verdict.margin):
        raise JudgeError(
            f"judge {judge.name} gave margin {verdict.margin} to {item.response[:40]!r}; margins are finite"
        )
    score, margin = float(verdict.score) + 0.0, float(verdict.margin) + 0.0  # -0.0 becomes 0.0
    steps = tuple(float(step) + 0.0 for step in verdict.steps)
    return Verdict(
        score, margin, bool(verdict.accepted), bool(verdict.parsed), str(verdict.text), str(verdict.outcome), steps
    )


def _is_text(value: object) -> bool:
    """A string that can be stored: no half of a surrogate pair in it."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def unread(text: str = "") -> Verdict:
    """The verdict of an answer that could not be read; `text` is the answer, or says why there is none."""
    return Verdict(0.0, -1.0, False, parsed=False, text=text)


def too_long(length: int, context: int) -> Verdict:
    """The verdict on a prompt of more tokens than the model reads: it is not cut, so there is none."""
    return unread(f"prompt of {length} tokens; the model reads {context}")


def batch_of(judge: Judge) -> int:
    """The most responses that one call of a judge should hold; 128 unless it says otherwise."""
    return int(getattr(judge, "batch", 128))


def threshold_of(judge: Judge) -> float:
    """The score from which a judge accepts; one half unless it says otherwise."""
    return float(getattr(judge, "threshold", 0.5))


def logit(score: float) -> float:
    """Log-odds of a score, cut at `MAX_MARGIN` either way."""
    if score <= 0:
        return -MAX_MARGIN
    if score >= 1:
        return MAX_MARGIN
    return max(-MAX_MARGIN, min(MAX_MARGIN, math.log(score) - math.log1p(-score)))


def sigmoid(margin: float) -> float:
    """The score of a margin in log-odds."""
    return 1 / (1 + math.exp(-margin)) if margin >= 0 else math.exp(margin) / (1 + math.exp(margin))


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or nothing; what a terminal might obey is written as escapes."""
    line = (str(error).splitlines() or [""])[0]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
