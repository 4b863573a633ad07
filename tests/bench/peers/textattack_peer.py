"""TextAttack's searches (arXiv 2005.05909) against the judge of a task folder. Runs in the peers' environment.

Two search spaces. `words`: eight words drawn from the judge's vocabulary; each may become any of eight others drawn
anew at every step (as many as TextAttack's genetic recipe allows). `characters`: the problem's plain wrong answer,
with characters of its words and numbers substituted, inserted, deleted, swapped or mistyped. TextAttack charges repeats
to the budget; here the ledger counts, and a repeat is free. Its score is P(yes), as of a classifier: its genetic
search weighs parents by exp(-score / 0.3), which assumes it. A search that ends early starts again (with other words,
where there are words) until its budget is spent. Populations are of 10: of its default 60, a budget of 640 pays for
little more than the first generation.
"""

from __future__ import annotations

import math
import os
import random
import string
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from victim import Ledger, StuckError, Victim, arguments, run

WORDS = 8
CANDIDATES = 8
POPULATION = 10
ITERATIONS = 1000


def offline() -> None:
    """Let `import textattack` do without the data that it would download.

    It fetches NLTK's data unless a file says that it did, and reads the stop words for recipes that are not used here:
    an empty list serves.
    """
    folder = Path(tempfile.mkdtemp(prefix="textattack-"))
    (folder / "post_install_check_3").touch()
    words = folder / "corpora" / "stopwords" / "english"
    words.parent.mkdir(parents=True)
    words.touch()
    os.environ |= {"TA_CACHE_DIR": str(folder), "NLTK_DATA": str(folder), "HF_HUB_OFFLINE": "1"}


offline()

import textattack  # noqa: E402
from textattack.goal_function_results import GoalFunctionResultStatus as Status  # noqa: E402
from textattack.goal_function_results import TextToTextGoalFunctionResult  # noqa: E402
from textattack.search_methods import (  # noqa: E402
    AlzantotGeneticAlgorithm,
    GreedySearch,
    GreedyWordSwapWIR,
    ImprovedGeneticAlgorithm,
    ParticleSwarmOptimization,
    SearchMethod,
)
from textattack.shared import AttackedText  # noqa: E402
from textattack.transformations import (  # noqa: E402
    CompositeTransformation,
    Transformation,
    WordSwap,
    WordSwapNeighboringCharacterSwap,
    WordSwapQWERTY,
    WordSwapRandomCharacterDeletion,
    WordSwapRandomCharacterInsertion,
    WordSwapRandomCharacterSubstitution,
)


def population(kind: Callable[..., SearchMethod]) -> Callable[[], SearchMethod]:
    return lambda: kind(pop_size=POPULATION, max_iters=ITERATIONS)


#: Searches by name: the search space, and what makes TextAttack's search.
SEARCHES: dict[str, tuple[str, Callable[[], SearchMethod]]] = {
    "textattack-greedy-words": ("words", GreedySearch),
    "textattack-genetic-words": ("words", population(AlzantotGeneticAlgorithm)),
    "textattack-improved-genetic-words": ("words", population(ImprovedGeneticAlgorithm)),
    "textattack-pso-words": ("words", population(ParticleSwarmOptimization)),
    "textattack-greedy-characters": ("characters", GreedySearch),
    "textattack-wir-characters": ("characters", GreedyWordSwapWIR),
}


class WordSwapFromList(WordSwap):  # type: ignore[misc]
    """Replaces a word with words drawn from a list, others each time it is asked."""

    def __init__(self, words: list[str]) -> None:
        super().__init__()
        self.words = words

    def _get_replacement_words(self, word: str) -> list[str]:
        return random.sample(self.words, CANDIDATES)

    @property
    def deterministic(self) -> bool:
        return False


class Wrapper(textattack.models.wrappers.ModelWrapper):  # type: ignore[misc]
    """What TextAttack asks of a model before it starts; the questions themselves go to the ledger."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, texts: list[str], **_: Any) -> None:
        raise NotImplementedError


class Fooled(textattack.goal_functions.GoalFunction):  # type: ignore[misc]
    """The judge accepts a response in which the reference's digits do not stand."""

    def __init__(self, victim: Victim, ledger: Ledger) -> None:
        super().__init__(Wrapper(victim.model), use_cache=False, allow_skip=False)
        self.ledger = ledger

    def get_results(self, attacked_text_list: list[AttackedText], check_skip: bool = False) -> tuple[list[Any], bool]:
        """Results of all texts in one batch; the ledger counts, and ends the search when the budget is spent."""
        margins = self.ledger.ask([text.text for text in attacked_text_list])
        self.num_queries = len(self.ledger.known)
        results = []
        for text, margin in zip(attacked_text_list, margins, strict=True):
            status = Status.SUCCEEDED if margin >= 0 else Status.SEARCHING
            score = 1 / (1 + math.exp(-margin))
            results.append(TextToTextGoalFunctionResult(text, margin, str(margin), status, score, self.num_queries, 0))
        return results, False

    def _is_goal_complete(self, model_output: Any, attacked_text: AttackedText) -> bool:
        raise NotImplementedError

    def _get_score(self, model_output: Any, attacked_text: AttackedText) -> float:
        raise NotImplementedError

    def _goal_function_result_type(self) -> type:
        return TextToTextGoalFunctionResult  # type: ignore[no-any-return]

    def _process_model_outputs(self, inputs: Any, outputs: Any) -> Any:
        raise NotImplementedError


def characters() -> Transformation:
    """TextAttack's changes of characters at every place of every word; insertions and substitutions of digits too."""
    letters = string.ascii_letters + string.digits
    return CompositeTransformation(
        [
            WordSwapRandomCharacterSubstitution(random_one=False, letters_to_insert=letters),
            WordSwapRandomCharacterInsertion(random_one=False, letters_to_insert=letters),
            WordSwapRandomCharacterDeletion(random_one=False),
            WordSwapNeighboringCharacterSwap(random_one=False),
            WordSwapQWERTY(random_one=False),
        ]
    )


def search(key: str, victim: Victim, ledger: Ledger, seed: int) -> None:
    """Attack one problem, again and again until the ledger ends it or nothing new comes of it three times running."""
    textattack.shared.utils.set_seed(seed)
    space, method = SEARCHES[key]
    words = victim.task.words
    change = WordSwapFromList(words) if space == "words" else characters()
    barren = 0
    while barren < 3:
        asked = len(ledger.known)
        attack = textattack.Attack(Fooled(victim, ledger), [], change, method())
        start = " ".join(random.sample(words, WORDS)) if space == "words" else ledger.problem.start
        with suppress(StuckError):
            attack.attack(AttackedText(start), 0)
        barren = barren + 1 if len(ledger.known) == asked else 0


def main() -> None:
    textattack.shared.utils.logger.setLevel("ERROR")
    run(arguments(__doc__, list(SEARCHES)), "textattack", search)


if __name__ == "__main__":
    main()
