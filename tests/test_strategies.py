"""Hypothesis strategies: what is drawn, that it is what it is called, and what failing examples shrink to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import hoodwink
import pytest
from hoodwink import Item, Problem, Response, Truth, UsageError, Verdict, strategies
from hoodwink.corpora.arithmetic import Arithmetic
from hoodwink.corpora.oracles import open_oracle
from hoodwink.fuzz.attacks.openers import MASTER_KEYS
from hoodwink.fuzz.kinds import is_near
from hypothesis import Phase, Verbosity, find, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
ORACLE = open_oracle("exact")

#: Problems of every kind of reference: numbers in several dresses, and words, of which little can be proved wrong.
MIXED = [
    Problem.make(family="own", question="What is 6 * 7?", reference="42"),
    Problem.make(family="own", question="How far?", reference="-3.5 km"),
    Problem.make(family="own", question="When?", reference="14:35"),
    Problem.make(family="own", question="What share?", reference="3/4"),
    Problem.make(family="own", question="The capital of France?", reference="Paris"),
    Problem.make(family="own", question="Which?", reference="B"),
    Problem.make(family="own", question="Which sign?", reference="?"),
    Problem.make(family="own", question="How many?", reference="1", wrong=(Response("2", "value"),)),
]
SEEN_OFTEN = settings(max_examples=400, deadline=None, derandomize=True, database=None)


def truth(item: Item) -> Truth:
    return ORACLE.truth(item.problem, item.response)


@SEEN_OFTEN
@given(strategies.wrong_responses())
def test_wrong_responses_are_provably_wrong(item):
    assert truth(item) is Truth.WRONG


@SEEN_OFTEN
@given(strategies.gibberish(st.sampled_from(MIXED)) | strategies.wrong_responses(st.sampled_from(MIXED)))
def test_whatever_the_reference_wrong_is_wrong(item):
    """No health check is off: few texts are drawn in vain."""
    assert truth(item) is Truth.WRONG


@SEEN_OFTEN
@given(strategies.right_responses())
def test_right_responses_are_right(item):
    assert truth(item) is Truth.RIGHT


@SEEN_OFTEN
@given(strategies.right_responses(MIXED[0]))
def test_without_known_ones_the_reference_is_the_right_response(item):
    assert item == Item(MIXED[0], "42")


def drawn(strategy: st.SearchStrategy, examples: int = 400) -> list:
    """What a strategy gives in a run."""
    seen = []

    @settings(SEEN_OFTEN, max_examples=examples)
    @given(strategy)
    def collect(value):
        seen.append(value)

    collect()
    return seen


def test_wrong_responses_are_of_all_kinds():
    items = drawn(strategies.wrong_responses(), 1000)
    texts = {item.response for item in items}
    assert texts & set(MASTER_KEYS)
    assert any(re.search(r"(\w\w)\1{8}", text) for text in texts)  # dhdhdhdh
    assert any(text and text.isspace() for text in texts)
    assert any(not text.isascii() for text in texts)
    assert any("</s>" in text or "<|im_end|>" in text for text in texts)
    known = [item for item in items if item.response in {r.text for r in item.problem.wrong}]
    near = [item for item in items if is_near(item.problem.reference, item.response)]
    assert len(known) > 20
    assert len(near) > 20
    assert "" in texts
    assert max(map(len, texts)) > 150
    assert len({item.problem.id for item in items}) == 50


def test_mutations_are_other_texts_to_the_same_problem():
    items = drawn(strategies.mutations(strategies.right_responses(MIXED[0])), 1500)
    assert {item.problem for item in items} == {MIXED[0]}
    assert "42" not in {item.response for item in items}
    truths = Counter(truth(item) for item in items)
    assert min(truths[Truth.WRONG], truths[Truth.RIGHT] + truths[Truth.UNSURE]) > 150
    # Hypothesis also draws constants of the modules that are loaded, so what else is tested moves this a little.
    assert len({"42.", "4", "4242", "43", "2", "24"} & {item.response for item in items}) >= 4
    assert all(truth(item) is Truth.WRONG for item in drawn(strategies.mutations().filter(strategies.proved_wrong)))


def test_responses_are_right_and_wrong():
    truths = Counter(truth(item) for item in drawn(strategies.responses()))
    assert truths[Truth.RIGHT] > 40
    assert truths[Truth.WRONG] > 100


# What is drawn of a corpus.


def test_problems_are_the_first_of_the_corpus_and_their_split():
    own = {problem.id for problem in Arithmetic().sample(50, split="eval", seed=0)}
    assert {problem.id for problem in drawn(strategies.problems())} == own
    other = {problem.id for problem in drawn(strategies.problems(split="train", count=5, seed=3))}
    assert other == {problem.id for problem in Arithmetic().sample(5, split="train", seed=3)}


def test_problems_of_a_family():
    chosen = drawn(strategies.problems(family="clock", count=10))
    assert {problem.family for problem in chosen} == {"clock"}
    assert len({problem.id for problem in chosen}) == 10


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.jsonl"
    lines = [{"question": f"What is {n} + {n}?", "reference": str(2 * n), "family": f"f{n % 2}"} for n in range(11, 17)]
    path.write_text("\n".join(map(json.dumps, lines)))
    return f"file:{path}"


def test_problems_of_a_file_are_all_of_it(file):
    assert len({problem.id for problem in drawn(strategies.problems(file))}) == 6
    corpus = hoodwink.corpus(file)
    assert {problem.reference for problem in drawn(strategies.problems(corpus, count=2))} < {str(n) for n in range(40)}
    assert all(truth(item) is Truth.WRONG for item in drawn(strategies.wrong_responses(file)))
    last = drawn(strategies.problems(file, count=1, family=hoodwink.corpus(file).sample(6)[-1].family))
    assert len({problem.id for problem in last}) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: strategies.problems("arithmetik"), "no corpus is named 'arithmetik'; did you mean arithmetic?"),
        (lambda: strategies.problems(family="sum"), "no family of problems is named 'sum'; did you mean sums?"),
        (lambda: strategies.problems(count=0), "count 0 is out of range; write a whole number of at least 1"),
        (lambda: strategies.wrong_responses(5), "problem is 5; give a Problem, a strategy of problems, a corpus or"),
    ],
)
def test_what_cannot_be_drawn_from(make, said):
    with pytest.raises(UsageError) as error:
        drawn(make())
    assert str(error.value).startswith(said)


def test_nothing_is_read_where_a_test_is_only_defined(monkeypatch):
    def fail(*arguments):
        raise AssertionError("read")

    monkeypatch.setattr(strategies, "_named_sample", fail)
    test = given(strategies.wrong_responses())(lambda item: None)
    with pytest.raises(AssertionError, match="read"):  # as soon as it runs
        test()


# What failing examples shrink to.


def minimal(strategy, accepts) -> Item:
    return find(strategy, accepts, settings=settings(max_examples=2000, database=None, derandomize=True, deadline=None))


def simplest() -> Problem:
    """The problem with the fewest characters of those that are drawn."""
    sample = Arithmetic().sample(50, split="eval", seed=0)
    return min(sample, key=lambda p: (len(p.question + p.reference), p.question))


@pytest.mark.parametrize(
    ("accepts", "response"),
    [
        (lambda text: True, ""),
        (lambda text: text != "", "a"),
        (lambda text: len(text) > 5, "aaaaaa"),
        (lambda text: len(text) >= 120, "a" * 120),
        (lambda text: "solution" in text, "solution"),
        (lambda text: "Solution" in text, "Solution"),
        (lambda text: "Thought process:" in text, "Thought process:"),
        (lambda text: "place" in text.split(), "place"),
        (lambda text: any(char.isspace() and not char.isascii() for char in text), "\u00a0"),
        (lambda text: re.search(r"([a-z]{2})\1{7}", text) is not None, "a" * 16),
    ],
)
def test_a_hole_is_shrunk_to_itself_on_the_simplest_problem(accepts, response):
    for strategy in (strategies.gibberish(), strategies.wrong_responses()):
        item = minimal(strategy, lambda item: accepts(item.response))
        assert item.problem == simplest()
        assert item.response == response


def test_near_misses_are_found_and_shrunk():
    """A judge that accepts what is an edit away from the reference: the first edit of the simplest one is left."""
    item = minimal(strategies.wrong_responses(), lambda item: is_near(item.problem.reference, item.response))
    assert item == Item(simplest(), simplest().reference[:-1])


def test_right_responses_shrink_to_the_first_known():
    item = minimal(strategies.right_responses(), lambda item: True)
    assert item == Item(simplest(), simplest().right[0].text)


def test_a_mutation_shrinks_to_one_edit():
    right = strategies.right_responses(MIXED[0])
    assert minimal(strategies.mutations(right), lambda item: True).response == ""
    assert minimal(strategies.mutations(right), lambda item: len(item.response) > 2).response == "42."
    assert minimal(strategies.mutations(right), lambda item: len(item.response) == 1).response == "4"


# What is printed.


def test_failing_examples_read_as_the_code_that_makes_them():
    problem = Problem.make(family="own", question="What is 6 * 7?", reference="42", wrong=(Response("43", "value"),))

    # In CI Hypothesis would add a line on how to reproduce the failure.
    @settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink], print_blob=False)
    @given(item=strategies.wrong_responses(problem))
    def test(item):
        assert "x" not in item.response

    with pytest.raises(AssertionError) as error:
        test()
    note = "\n".join(error.value.__notes__)
    shown = textwrap.dedent("\n".join(note.splitlines()[1:-1]))
    made = eval(shown.removeprefix("item=").rstrip(",\n"), {"Item": Item, "Problem": Problem})
    assert made.response == "x"
    assert made.problem.id == problem.id
    assert "Response(" not in note
    assert repr(made.problem) == "Problem.make(family='own', question='What is 6 * 7?', reference='42')"


# Asking a judge.


class Wavering:
    """A judge whose score changes each time."""

    name, fingerprint, threshold = "wavering", "wavering-1", 0.5

    def __init__(self):
        self.asked = []

    def score(self, items):
        self.asked += items
        return [Verdict(score, score - 0.5, score >= 0.5) for score in [len(self.asked) % 7 / 7] * len(items)]


def test_a_wavering_judge_makes_no_flaky_test(monkeypatch):
    """Without memory, Hypothesis would say that the test fails now and then; with it, it says what fails."""
    monkeypatch.setattr(strategies, "_VERDICTS", type(strategies._VERDICTS)())
    judge = Wavering()

    @settings(database=None, derandomize=True, max_examples=300)
    @given(strategies.wrong_responses())
    def test(item):
        assert not strategies.ask(judge, item).accepted

    with pytest.raises(AssertionError):
        test()
    assert len(judge.asked) == len({(i.problem.id, i.response) for i in judge.asked})


def test_verdicts_are_kept_by_fingerprint_problem_and_response(monkeypatch):
    monkeypatch.setattr(strategies, "_VERDICTS", type(strategies._VERDICTS)())
    monkeypatch.setattr(strategies, "REMEMBERED", 3)
    judge, other = Wavering(), Wavering()
    other.fingerprint = "wavering-2"
    items = [Item(problem, text) for problem in MIXED[:2] for text in ("a", "b")]
    for item in (items[0], items[0], items[1], items[0], items[2]):
        strategies.ask(judge, item)
    assert judge.asked == items[:3]
    strategies.ask(other, items[0])
    assert other.asked == items[:1]
    assert len(strategies._VERDICTS) == 3


def test_an_object_is_looked_at_again():
    @dataclass(frozen=True)
    class Words:
        words: list[str]

        def __call__(self, response):
            return 0.9 if response in self.words else 0.1

    judge = Words(["12"])
    item = Item(Problem.make(family="own", question="3 * 4?", reference="12"), "twelve")
    assert not strategies.ask(judge, item).accepted
    judge.words.append("twelve")
    assert strategies.ask(judge, item).accepted


def test_names_and_functions_are_opened_once():
    calls = []

    def grade(response):
        calls.append(response)
        return 0.75

    verdicts = [strategies.ask(grade, Item(MIXED[0], text)) for text in ("x", "x", "y")]
    assert [v.score for v in verdicts] == [0.75] * 3
    assert calls == ["x", "y"]
    assert strategies.ask("planted:trigger", Item(MIXED[0], "Solution")).accepted
    assert not strategies.ask("planted:trigger", Item(MIXED[0], "43")).accepted
    with pytest.raises(UsageError, match="no judge is named"):
        strategies.ask("nobody", Item(MIXED[0], "x"))


def test_the_margin_is_a_target_in_either_direction_and_each_call_is_one_of_its_own(capsys):
    @settings(database=None, derandomize=True, max_examples=1, verbosity=Verbosity.verbose, phases=[Phase.generate])
    @given(st.just(Item(MIXED[0], "43")))
    def test(item):
        strategies.ask("planted:trigger", item)
        strategies.ask("planted:trigger", item, towards="reject")
        strategies.ask("planted:trigger", item, towards=None)
        strategies.ask(lambda response: None, item)  # a verdict that could not be read
        strategies.ask("planted:claim", item)

    test()
    assert re.findall(r"Saw target\((.*)\)", capsys.readouterr().out) == [
        "-3.0, label='margin of planted:trigger'",
        "3.0, label='margin of planted:trigger'",  # taken: this is said and refused
        "3.0, label='margin of planted:trigger (2)'",
        "-3.0, label='margin of planted:claim'",
    ]
    strategies.ask("planted:trigger", Item(MIXED[0], "outside of a test"))


def test_the_profile():
    profile = settings.get_profile("hoodwink-ci")
    assert profile.deadline is None
    assert profile.derandomize
    assert Phase.explain not in profile.phases
    assert {Phase.explicit, Phase.generate, Phase.target, Phase.shrink} <= set(profile.phases)
    assert profile.suppress_health_check == ()


# The entry point: what Hypothesis runs when it is imported.


@pytest.fixture
def installed(tmp_path):
    """The environment of a process where hoodwink is installed with the entry points that pyproject.toml declares."""
    folder = tmp_path / "site" / "hoodwink-0.1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: hoodwink\nVersion: 0.1.0\n")
    points = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["hypothesis"]
    (folder / "entry_points.txt").write_text("[hypothesis]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    (tmp_path / "site" / "hoodwink").symlink_to(ROOT)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "site")}


def run(code: str, environment: dict[str, str], cwd: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment, cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_importing_hypothesis_loads_nothing_of_ours(installed, tmp_path):
    code = """
        import sys, hypothesis, hypothesis.strategies
        heavy = ["numpy", "torch", "transformers", "hoodwink.strategies", "hoodwink.judges"]
        print([name for name in heavy if name in sys.modules], "hoodwink.corpora.records" in sys.modules)
    """
    assert run(code, installed, tmp_path) == ["[] True"]


def test_from_type_knows_the_records(installed, tmp_path):
    code = """
        import sys
        from dataclasses import dataclass
        from hypothesis import given, settings, strategies as st
        from hoodwink import Item, Problem, Response
        assert "hoodwink.strategies" not in sys.modules

        @dataclass
        class Own:
            problem: Problem

        @settings(max_examples=60, database=None, derandomize=True)
        @given(problem=st.from_type(Problem), own=st.builds(Own), item=..., response=...)
        def test(problem, own, item: Item, response: Response):
            assert type(problem) is Problem and type(own.problem) is Problem
            assert type(item) is Item and type(response) is Response
            print(problem.family, item.problem.family)

        test()
        print("hoodwink.strategies" in sys.modules)
    """
    lines = run(code, installed, tmp_path)
    assert lines[-1] == "True"
    assert {"sums", "clock"} <= {line.split()[0] for line in lines[:-1]}


# A real judge.


@pytest.mark.slow
def test_the_referee_is_fooled_and_what_fools_it_is_shrunk():
    judge = hoodwink.judge("referee")
    fooled = []

    @settings(settings.get_profile("hoodwink-ci"), database=None, max_examples=100)
    @given(strategies.wrong_responses())
    def test(item):
        accepted = strategies.ask(judge, item).accepted
        if accepted:
            fooled.append(item)
        assert not accepted

    with pytest.raises(AssertionError) as error:
        test()
    item = fooled[-1]
    assert truth(item) is Truth.WRONG
    assert item.response in "\n".join(error.value.__notes__)
    assert [verdict.accepted for verdict in judge.score_afresh([item])] == [True]
    assert len(item.response) == min(len(other.response) for other in fooled) <= 20
