"""What defences cost on clean data, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..fuzz.defence_cost import Layer
from .escape import visible
from .text import percent, points


def render_layers(layers: Sequence[Layer]) -> RenderableType:
    """A judge and those inside it, innermost first, and what the outermost one costs in right answers and verdicts."""
    table = Table(
        "judge", "right accepted", "wrong accepted", "clean accuracy", "AUROC", title="What stands around it costs"
    )
    table.title_justify = "left"
    for layer in reversed(layers):
        q = layer.quality
        auroc = "–" if q.auroc is None else f"{q.auroc:.3f}"
        rates = (q.right_accepted, q.wrong_accepted, q.clean_accuracy)
        table.add_row(Text(visible(layer.name), overflow="fold"), *(percent(rate, 1) for rate in rates), auroc)
    return Group(table, *map(Text, _sentences(layers)))


def _sentences(layers: Sequence[Layer]) -> list[str]:
    """The outermost judge against each inside it, what it asks for, and what filters refused."""
    outer = layers[0]
    said = []
    if layers[-1].depth == len(layers) - 1:  # an ensemble's members stand beside one another
        lost = _difference(outer.quality.right_accepted, layers[-1].quality.right_accepted)
        said.append(f"Right answers accepted: {points(lost, 1)} against {visible(layers[-1].name)}.")
    if outer.asked is not None:
        said.append(f"A verdict asks for {outer.asked:.2f} verdicts inside.")
    for layer in layers:
        kinds = [f"{visible(kind)} {percent(rate, 1)} of {n}" for kind, (rate, n) in layer.refused.items() if rate]
        if layer.refused:
            said.append(f"{visible(layer.name)} refused: {', '.join(kinds) or 'nothing'}.")
    return said


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
