"""What `hoodwink check` shows: a judge as it decides and from a fixed threshold on, side by side."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..corpora.records import COMPLETE, NEAR, PARTIAL
from ..fuzz.checks import Checks
from ..judges.quality import Quality
from .escape import visible
from .text import fixed_how, interval, percent, rate_ci, warning

#: Of the JSON that `hoodwink check --json` prints; changes when a field changes its meaning or goes.
SCHEMA = "hoodwink.checks/2"


def checks_json(name: str, checks: Checks) -> dict[str, Any]:
    """The documented JSON of a check."""
    data = checks.to_json()
    for field, quality in (("quality", checks.quality), ("calibrated", checks.calibrated)):
        if quality is not None:
            data[field] |= intervals(quality)
    if checks.calibration is not None:
        data["calibration"]["accepted_ci"] = checks.calibration.interval
    return {"schema": SCHEMA, "judge": name, **data}


def intervals(quality: Quality) -> dict[str, tuple[float, float] | None]:
    """95 % Wilson intervals of rates. Responses to one problem are alike, so that they are rather too narrow."""
    right = quality.right_items
    return {
        "clean_accuracy_ci": rate_ci(quality.clean_accuracy, quality.clean_items),
        "right_accepted_ci": rate_ci(quality.right_accepted, right),
        "wrong_accepted_ci": rate_ci(quality.wrong_accepted, quality.clean_items - right),
    }


def render_check(name: str, checks: Checks) -> RenderableType:
    """Rates at both thresholds, what does not depend on a threshold, steadiness, acceptance by kind, warnings."""
    quality = checks.quality
    parts: list[RenderableType] = [Text(f"Judge {visible(name)} on {quality.items} known responses")]
    if checks.calibration is not None:
        parts.append(Text(fixed_how(checks.calibration, checks)))
    else:
        parts.append(Text("The corpus has no other problems to fix a threshold on; check fewer (--problems)."))
    parts += [Text(""), _rates(checks), Text(""), *map(Text, _scores(quality)), Text(""), _repeats(checks)]
    parts += [Text(""), *map(warning, checks.flags)] if checks.flags else []
    return Group(*parts)


def _rates(checks: Checks) -> Table:
    """Every rate that depends on the threshold, a column for each; then the accuracy by family."""
    own, fixed = checks.quality, checks.calibrated
    columns = [(f"its own threshold, {checks.threshold:.4g}", own)]
    if fixed is not None and checks.calibration is not None:
        asked = f"{100 * checks.calibration.acceptance:g} % of right answers"
        columns.append((f"{asked}, {checks.calibration.threshold:.4g}", fixed))
    table = Table("", *(head for head, _ in columns), "n", title="Unattacked", title_justify="left")
    right, wrong = own.right_items, own.clean_items - own.right_items
    for label, field, count in (
        ("clean accuracy", "clean_accuracy", own.clean_items),
        ("right answers accepted", "right_accepted", right),
        ("complete wrong answers accepted", "wrong_accepted", wrong),
    ):
        table.add_row(label, *(_rate(getattr(quality, field), count) for _, quality in columns), str(count))
    for title, field in (("accepted: ", "by_kind"), ("accuracy on ", "by_family")):
        table.add_section()
        for key, (_, count) in getattr(own, field).items():
            cells = (_rate(getattr(quality, field)[key][0], count) for _, quality in columns)
            label = f"{title}{_side(key)} {visible(key)}" if field == "by_kind" else f"{title}{visible(key)}"
            table.add_row(Text(label), *cells, str(count))
    return table


def _side(kind: str) -> str:
    """What sort of response a kind is; see `corpora.records`."""
    if kind in NEAR:
        return "near miss,"
    return "wrong," if kind in COMPLETE else "partial," if kind in PARTIAL else "right,"


def _rate(rate: float | None, count: int) -> str:
    return f"{percent(rate, 1)}  {interval(rate_ci(rate, count))}".rstrip()


def _scores(quality: Quality) -> list[str]:
    """What does not depend on the threshold."""
    ci = quality.auroc_ci
    auroc = "–" if quality.auroc is None else f"{quality.auroc:.3f}"
    around = "" if ci is None else f" ({ci[0]:.3f}–{ci[1]:.3f}, by problem)"
    lines = [f"AUROC {auroc}{around}"]
    if quality.ece is not None and quality.brier is not None:
        lines.append(f"ECE {quality.ece:.3f} (10 bins of equal width), Brier score {quality.brier:.3f}")
    lines.append(f"verdicts that could be read {percent(quality.parsed, 1)}")
    lines += [
        f"{visible(word)} {percent(share, 1)} of {count} verdicts on clean responses"
        for word, (share, count) in quality.outcomes.items()
    ]
    return lines


def _repeats(checks: Checks) -> Table:
    """How verdicts change in other company."""
    table = Table("asked again", "responses", "largest change of margin", "decisions changed", title="Repeatability")
    table.title_justify = "left"
    for each in checks.repeats:
        table.add_row(each.way, str(each.responses), f"{each.drift:.3g}", percent(each.flipped, 1))
    return table
