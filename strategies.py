"""Hypothesis strategies: problems, and right and wrong responses to them, for property tests of a judge.

    from hypothesis import given
    from hoodwink import strategies

    @given(strategies.wrong_responses())
    def test_wrong_responses_are_rejected(item):
        assert not strategies.ask("referee", item).accepted

Strategies of responses give an `Item`: a problem with a response to grade, which is what a judge is given. Each takes a
`problem`: a `Problem`, a strategy of problems, a corpus or its name; by default `problems()`. Failing examples shrink
to the shortest problem, and to a response of as few and as plain characters, words or pieces as will do.

Importing this registers the settings profile `hoodwink-ci` (see `PROFILE`).
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from types import FunctionType
from typing import Any, Literal

from hypothesis import Phase, currently_in_test_context, settings, target
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from .corpora.corpus import Corpus, open_corpus, sample_up_to
from .corpora.errors import UsageError
from .corpora.names import nearest
from .corpora.records import Item, Problem, Response, SplitChoice, Verdict
from .fuzz import drawing
from .fuzz.drawing import proved_wrong
from .judges.judge import Judge
from .judges.judge import ask as ask_judge
from .judges.opening import open_judge, opened_once

__all__ = [
    "PROFILE",
    "ask",
    "gibberish",
    "known_responses",
    "mutations",
    "problems",
    "proved_wrong",
    "responses",
    "right_responses",
    "wrong_responses",
]

#: What a strategy of responses takes to know the problem.
ProblemChoice = Problem | st.SearchStrategy[Problem] | Corpus | str

#: The settings profile for CI: no deadline, since judges take their time; no phase that explains, which costs about a
#: hundred verdicts; the same examples in every run. No health check is switched off.
PROFILE = "hoodwink-ci"
settings.register_profile(
    PROFILE,
    deadline=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=(),  # Hypothesis's own profile for CI, from which this would inherit there, has one
    phases=[phase for phase in Phase if phase is not Phase.explain],
)

#: Verdicts that `ask` remembers: the latest.
REMEMBERED = 1 << 16


def problems(
    corpus: Corpus | str = "arithmetic",
    *,
    family: str | None = None,
    split: SplitChoice | None = None,
    count: int = 50,
    seed: int = 0,
) -> st.SearchStrategy[Problem]:
    """The first `count` problems of a corpus, or all of a smaller one; of one family and one split, if asked for.

    Shrinks towards the problem with the fewest characters. The split is the corpus's own (`eval`; all of a file)
    unless given; a corpus that is written from a seed gives others with another `seed`.

    Raises:
        UsageError: `count` is under 1; and when it is first drawn from: no such corpus or family, or no problem.
    """
    if count < 1:
        raise UsageError(f"count {count} is out of range; write a whole number of at least 1")
    # Deferred: nothing is read where a test is only defined. Names are read once, however often they are written.
    sample: Callable[..., Sequence[Problem]] = _named_sample if isinstance(corpus, str) else _sample
    return st.deferred(lambda: st.sampled_from(sample(corpus, family, split, count, seed)))


def right_responses(problem: ProblemChoice | None = None) -> st.SearchStrategy[Item]:
    """A problem's known right responses; of a problem without any, its reference. Shrinks towards the first."""
    return _responses(_chosen(problem), drawing.right)


def wrong_responses(problem: ProblemChoice | None = None) -> st.SearchStrategy[Item]:
    """Responses that are provably wrong: gibberish, known wrong answers, near misses of the reference, and mutations.

    The exact oracle calls each WRONG: the reference can be found nowhere in it. Of a problem whose reference is no
    number this can be said only of responses without letters and digits, so that signs and blanks are all there is.
    """
    return _responses(_chosen(problem), drawing.wrong)


def gibberish(problem: ProblemChoice | None = None) -> st.SearchStrategy[Item]:
    """The shapes that fool judges, provably wrong like `wrong_responses`: plain text, openers, words, repeats and more.

    In the order in which examples shrink: strings of small letters and signs; fixed strings that open judges
    (arXiv 2507.08794) and instructions to them; common words; a unit over and over (`dhdhdhdh`); blanks; markup and odd
    tokens; any characters at all.
    """
    return _responses(_chosen(problem), drawing.gibberish)


def mutations(of: st.SearchStrategy[Item] | None = None) -> st.SearchStrategy[Item]:
    """Responses of another strategy, `right_responses()` by default, after one to three edits, to the same problem.

    An edit appends, prepends, cuts off, repeats, or changes, swaps, adds or drops a digit or another character. Nothing
    is promised of what comes out, but that it is another text: `.filter(proved_wrong)` keeps what is wrong for sure.
    """
    chosen = right_responses() if of is None else of
    return _prepared(chosen, lambda: _mutations(chosen))


def responses(problem: ProblemChoice | None = None) -> st.SearchStrategy[Item]:
    """Responses of all kinds: right, wrong, and mutations of right ones, which may be either."""
    chosen = _chosen(problem)
    return right_responses(chosen) | wrong_responses(chosen) | mutations(right_responses(chosen))


def known_responses(problem: ProblemChoice | None = None) -> st.SearchStrategy[Response]:
    """A problem's known responses as records, with their kinds; right ones first."""
    return _chosen(problem).flatmap(lambda chosen: st.sampled_from(drawing.known(chosen)))


def ask(
    judge: Judge | str | Callable[..., Any], item: Item, *, towards: Literal["accept", "reject"] | None = "accept"
) -> Verdict:
    """A judge's verdict on a response, remembered, with Hypothesis searching for a higher margin.

    The same judge (by fingerprint) gives the same response to the same question and reference the same verdict for as
    long as the process lives, so that a judge whose scores waver makes no flaky test, and nothing is paid for twice.

    In a test, the margin is passed to `hypothesis.target`, so that the search climbs towards acceptance; `reject` turns
    that round, for right responses, and None leaves it out. It helps from several hundred examples on. Each call of one
    test case is a target of its own. Verdicts that could not be read are none.

    `judge` is whatever `hoodwink.judge` takes; names, functions and classes are opened once.

    Raises:
        UsageError: there is no such judge.
        JudgeError: the judge failed.
    """
    opened = judge if isinstance(judge, Judge) and not isinstance(judge, type) else _opened(judge)
    key = (opened.fingerprint, item.problem.id, item.response)
    verdict = _VERDICTS.get(key)
    if verdict is None:
        [verdict] = ask_judge(opened, [item])
        _VERDICTS[key] = verdict
        if len(_VERDICTS) > REMEMBERED:
            _VERDICTS.popitem(last=False)
    if towards is not None and verdict.parsed and currently_in_test_context():
        _climb(verdict.margin if towards == "accept" else -verdict.margin, f"margin of {opened.name}")
    return verdict


_VERDICTS: OrderedDict[tuple[str, str, str], Verdict] = OrderedDict()


def _climb(margin: float, label: str) -> None:
    """`target` under the first label that the test case has not used yet: Hypothesis takes each but once."""
    for place in itertools.count(1):
        try:
            target(margin, label=label if place == 1 else f"{label} ({place})")
            return
        except InvalidArgument:
            continue


def _opened(judge: Judge | str | Callable[..., Any]) -> Judge:
    """A judge is opened once where it stays what it is; an object may change its state, and is looked at again."""
    return _code_opened_once(judge) if isinstance(judge, type | FunctionType) else opened_once(judge)


_code_opened_once = lru_cache(maxsize=16)(open_judge)


# The rest is how responses are drawn.


def _chosen(problem: ProblemChoice | None) -> st.SearchStrategy[Problem]:
    """A strategy for what `problem` stands for."""
    if problem is None:
        return problems()
    if isinstance(problem, st.SearchStrategy):
        return problem
    if isinstance(problem, Problem):
        return st.just(problem)
    if isinstance(problem, str | Corpus):
        return problems(problem)
    raise UsageError(f"problem is {problem!r:.60}; give a Problem, a strategy of problems, a corpus or its name")


def _sample(
    corpus: Corpus | str, family: str | None, split: SplitChoice | None, count: int, seed: int
) -> tuple[Problem, ...]:
    """Problems, the shortest first."""
    opened = open_corpus(corpus) if isinstance(corpus, str) else corpus
    first = partial(sample_up_to, opened, split=split or opened.default_split, seed=seed)
    sample = first(count)
    if family is not None:
        families = {problem.family for problem in sample}
        held = opened.size(split or opened.default_split)  # all are looked at, where they can be counted
        every = first(count * len(families) if held is None else held)
        sample = [problem for problem in every if problem.family == family][:count]
        if not sample:
            raise nearest(family, {problem.family for problem in every}, "family of problems")
    if not sample:
        raise UsageError(
            f"corpus {opened.name} holds no problem in {split or opened.default_split}; choose another split"
        )
    return tuple(sorted(sample, key=lambda p: (len(p.question) + len(p.reference), p.question, p.reference)))


_named_sample = lru_cache(maxsize=64)(_sample)


def _responses(
    chosen: st.SearchStrategy[Problem], texts: Callable[[Problem], st.SearchStrategy[str]]
) -> st.SearchStrategy[Item]:
    return _prepared(chosen, lambda: _items(chosen, texts))


def _prepared(base: st.SearchStrategy[Any], make: Callable[[], st.SearchStrategy[Item]]) -> st.SearchStrategy[Item]:
    """A strategy that reads its corpus and sets itself up when a test begins, before the first example.

    Within an example it would count as slow drawing, which a health check of Hypothesis may refuse.
    """

    def prepare() -> st.SearchStrategy[Item]:
        base.validate()
        drawing.prepare()
        return make()

    return st.deferred(prepare)


@st.composite
def _items(
    draw: st.DrawFn, chosen: st.SearchStrategy[Problem], texts: Callable[[Problem], st.SearchStrategy[str]]
) -> Item:
    """A problem, and a response to it."""
    problem = draw(chosen)
    return Item(problem, draw(texts(problem)))


@st.composite
def _mutations(draw: st.DrawFn, of: st.SearchStrategy[Item]) -> Item:
    item = draw(of)
    return Item(item.problem, draw(drawing.mutated(st.just(item.response))))
