"""The command that sets two runs against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .terminal import output, print_json


def compare(
    a: Annotated[Path, Parameter(help="Folder of the baseline.")],
    b: Annotated[Path, Parameter(help="Folder of the candidate, a run of the same kind on the same corpus.")],
    *,
    json: Annotated[bool, Parameter(negative=(), help="Print JSON (schema hoodwink.compare/1).")] = False,
    to: Annotated[Path | None, Parameter(help="Write an HTML page to this file.")] = None,
    fail_on_regression: Annotated[
        bool, Parameter(negative=(), help="Exit with 1 where B is measurably worse than A, as said above.")
    ] = False,
    alpha: Annotated[
        float, Parameter(help="Level of the tests; intervals of differences have a confidence of 1 - alpha.")
    ] = 0.05,
) -> int:
    """What changed from run A to run B: two attacks, two duels or two collapses, from their folders alone.

    A is the baseline, B the candidate. B is measurably worse, a regression, where an attack that is in both runs fools
    it on more problems, or with fewer queries, with p < alpha (of duels: fresh search or the families held out in the
    last round); or where its clean accuracy is lower, a verdict that could not be read counted as wrong; or, of two
    collapses, where it collapsed or its score came loose from the truth and A's did not, within the steps that both
    were trained (one run each, so there is no test). Rates are compared by exact McNemar over the problems that both
    runs share, by Fisher's exact test where these are fewer than half of the smaller run's (with several seeds, by
    permutation tests); queries by logrank, failures censored; accuracy by a permutation test by problem; all of these p
    values are corrected together (Holm). Budgets may differ: success then counts within the smaller one, with a caveat.
    Where no attack counts in both runs, --fail-on-regression ends with 2 unless B is worse all the same.
    """
    from ..corpora.errors import UsageError
    from ..reports.comparing.compare import compare as call
    from ..reports.comparing.compare import write_page
    from ..reports.comparing.text import render_comparison
    from ..reports.text import write

    found = call(a, b, alpha=alpha)
    path = None if to is None else write_page(found, to)
    if json:
        print_json(found.to_json())
    else:
        write(output(), render_comparison(found))
        if path is not None:
            print(f"page    {path}")
    if fail_on_regression and not found.worse and not found.decided:
        raise UsageError(
            "it cannot be said whether B is worse: no attack that is in both runs counts in both; run both with the "
            "same --attacks, or leave out --fail-on-regression"
        )
    return 1 if fail_on_regression and found.worse else 0
