"""Options of a baseline, for the commands that detect: which one, and how many alerts a day."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.errors import InputError, UsageError

if TYPE_CHECKING:
    from netsift.alerts.novelty import NoveltySearch

Baseline = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        help="What is normal in this network, from netsift learn: alert on the rest.",
    ),
]
AlertBudget = Annotated[
    str | None,
    typer.Option(
        metavar="N/day", show_default="10/day", help="False alerts that --baseline may raise, per day, hour or week."
    ),
]

HalfLife = Annotated[
    float | None,
    typer.Option(
        "--online",
        metavar="DAYS",
        min=0.01,
        max=3650,
        show_default=False,
        help="Let --baseline learn on from what is not strange, with this half-life in days; 7 is usual.",
    ),
]

_DAYS: Final = {"hour": 1 / 24, "day": 1.0, "week": 7.0}


def alerts_per_day(budget: str) -> float:
    """Return how many alerts a day a text like ``10/day`` allows. Raises UsageError for anything else."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)/(hour|day|week)", budget)
    number = float(found[1]) / _DAYS[found[2]] if found else 0.0
    if not number:
        raise UsageError(f"--alert-budget must look like 10/day, 1/hour or 3/week, not {budget!r}")
    return number


def novelty_search(
    path: Path | None, budget: str | None, half_life_days: float | None, *, quiet: bool
) -> NoveltySearch | None:
    """Return the search for what a baseline does not know, None without one; say what the budget is worth.

    Raises:
        UsageError: there is a budget without a baseline, or it is none.
        InputError: the file is no baseline.
    """
    from netsift.alerts.novelty import NoveltySearch
    from netsift.alerts.online import OnlineLearning
    from netsift.detectors.novelty.budget import DEFAULT_BUDGET
    from netsift.detectors.novelty.file import load_baseline

    if path is None:
        if budget is not None or half_life_days is not None:
            raise UsageError("--alert-budget and --online are of a --baseline")
        return None
    allowed = DEFAULT_BUDGET if budget is None else alerts_per_day(budget)
    baseline = load_baseline(path)
    level = baseline.curve.level(allowed)
    if not level.promised and not quiet:
        typer.echo(
            f"netsift: {path} held back too little traffic to promise {allowed:.3g} alerts a day (at least "
            f"{baseline.curve.least_budget:.3g}); the threshold is an estimate: learn from more",
            err=True,
        )
    online = None if half_life_days is None else OnlineLearning(baseline, half_life_days, baseline.learned.seed)
    return NoveltySearch(baseline, level, online)


def learned_before(novelty: NoveltySearch | None, path: Path | None) -> tuple[Callable[[], None] | None, str]:
    """Let a baseline that learns on go on from what an earlier run left at ``path``.

    Returns what saves it there, None where there is nothing to save, and a sentence about what was found.
    """
    from netsift.alerts.online_state import load_learning, save_learning

    if novelty is None or novelty.online is None or path is None:
        return None, ""
    online, origin, said = novelty.online, novelty.baseline, ""
    if path.exists():
        try:
            load_learning(online, origin, path)
            said = f"the baseline goes on from {online.learned:,} flows that were learned before"
        except InputError as error:
            said = f"the baseline begins anew: {error}"
    return lambda: save_learning(online, origin, path), said
