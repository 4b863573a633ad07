"""What Hypothesis runs when it is imported: it learns which strategies make hoodwink's records, and loads none yet."""

from __future__ import annotations

from typing import Any


def register() -> None:
    """Let `st.from_type` (and `st.builds`, `@given(...)` by type hints) make problems, items and known responses."""
    from hypothesis import strategies as st

    from .corpora.records import Item, Problem, Response

    for kind, name in ((Problem, "problems"), (Item, "responses"), (Response, "known_responses")):
        st.register_type_strategy(kind, _Lazily(name))


class _Lazily:
    """Calls a function of `hoodwink.strategies` when a strategy is first wanted."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, kind: type) -> Any:
        from . import strategies

        return getattr(strategies, self.name)()
