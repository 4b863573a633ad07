"""hoodwink: finds inputs that fool an LLM judge, and proves that they are wrong.

    import hoodwink
    run = hoodwink.attack("referee", "arithmetic", attacks=["openers", "auto"], problems=20, seed=0)
    hoodwink.report(run)

Everything here is loaded when it is first used: importing hoodwink imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import strategies
    from .corpora.corpus import Corpus
    from .corpora.corpus import open_corpus as corpus
    from .corpora.errors import HoodwinkError, JudgeError, UsageError
    from .corpora.records import Candidate, Find, Item, Problem, Response, Trial, Truth, Verdict
    from .fuzz.collapse import Training, collapse
    from .fuzz.duel import duel
    from .fuzz.run import Run, attack, check, load_run
    from .fuzz.survey import survey
    from .fuzz.target import Target
    from .fuzz.transfer import transfer
    from .judges.judge import Judge
    from .judges.opening import open_judge as judge
    from .judges.training import train
    from .reports.comparing.compare import compare
    from .reports.exports import export
    from .reports.testing.robust import HoodwinkWarning, NotRobust, Robustness, assert_rejects, assert_robust
    from .reports.views import report, summarise

_LAZY = {
    "Candidate": "corpora.records:Candidate",
    "Corpus": "corpora.corpus:Corpus",
    "Find": "corpora.records:Find",
    "HoodwinkError": "corpora.errors:HoodwinkError",
    "HoodwinkWarning": "reports.testing.robust:HoodwinkWarning",
    "Item": "corpora.records:Item",
    "Judge": "judges.judge:Judge",
    "JudgeError": "corpora.errors:JudgeError",
    "NotRobust": "reports.testing.robust:NotRobust",
    "Problem": "corpora.records:Problem",
    "Response": "corpora.records:Response",
    "Robustness": "reports.testing.robust:Robustness",
    "Run": "fuzz.run:Run",
    "Target": "fuzz.target:Target",
    "Training": "fuzz.collapse:Training",
    "Trial": "corpora.records:Trial",
    "Truth": "corpora.records:Truth",
    "UsageError": "corpora.errors:UsageError",
    "Verdict": "corpora.records:Verdict",
    "assert_rejects": "reports.testing.robust:assert_rejects",
    "assert_robust": "reports.testing.robust:assert_robust",
    "attack": "fuzz.run:attack",
    "check": "fuzz.run:check",
    "collapse": "fuzz.collapse:collapse",
    "compare": "reports.comparing.compare:compare",
    "corpus": "corpora.corpus:open_corpus",
    "duel": "fuzz.duel:duel",
    "export": "reports.exports:export",
    "judge": "judges.opening:open_judge",
    "load_run": "fuzz.run:load_run",
    "report": "reports.views:report",
    "strategies": "strategies",
    "summarise": "reports.views:summarise",
    "survey": "fuzz.survey:survey",
    "train": "judges.training:train",
    "transfer": "fuzz.transfer:transfer",
}

__all__ = [
    "Candidate",
    "Corpus",
    "Find",
    "HoodwinkError",
    "HoodwinkWarning",
    "Item",
    "Judge",
    "JudgeError",
    "NotRobust",
    "Problem",
    "Response",
    "Robustness",
    "Run",
    "Target",
    "Training",
    "Trial",
    "Truth",
    "UsageError",
    "Verdict",
    "__version__",
    "assert_rejects",
    "assert_robust",
    "attack",
    "check",
    "collapse",
    "compare",
    "corpus",
    "duel",
    "export",
    "judge",
    "load_run",
    "report",
    "strategies",
    "summarise",
    "survey",
    "train",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module, _, attribute = _LAZY[name].partition(":")
    value = importlib.import_module(f"{__name__}.{module}")
    value = getattr(value, attribute) if attribute else value
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
