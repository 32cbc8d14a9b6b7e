"""From p-values to alerts a day: the level that keeps to a budget on traffic that nothing was learned from.

An alert is a source host's strange flows without an hour's pause. How many alerts the held-back traffic would have
given is counted for every level (their p-values come from the other half of the held-back traffic), and the level for a
budget is the lowest at which one alert more than were counted, over the days held back, keeps to it: with k alerts in d
days, (k + 1) ÷ d estimates what is to be expected from above, as in a conformal p-value. Where the traffic held back is
so short that not even k = 0 keeps to the budget, the level is raised by the decades that are missing, and whoever asks
is told that nothing is promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

ALERT_GAP_NS: Final = 3_600 * 1_000_000_000
"""The longest pause within an alert."""

LONGEST_PAUSE_NS: Final = 300 * 1_000_000_000
"""A longer time without any flow counts as this: between two captures nobody watched, and nobody could be alerted."""

NANOSECONDS_PER_DAY: Final = 86_400 * 1_000_000_000
MOST_LEVELS: Final = 400
DEFAULT_BUDGET: Final = 10.0
"""Alerts a day, what one person can look at beside other work."""

LEAST_SURPRISE: Final = 2.0
"""What is as common as 1 flow in 100 is not strange, however large the budget is."""

_NEVER: Final = 60.0


@dataclass(frozen=True, slots=True)
class Level:
    """From which combined surprise (−log10 of a p-value) on a flow is strange, and whether that is promised."""

    surprise: float
    promised: bool


@dataclass(frozen=True, slots=True)
class AlertCurve:
    """How many alerts the held-back traffic gives from each level on.

    ``levels`` fall, ``alerts`` (as many) do not, and ``days`` is how long the traffic was watched.
    """

    levels: npt.NDArray[np.float64]
    alerts: npt.NDArray[np.float64]
    days: float

    def level(self, budget: float) -> Level:
        """Return the level for a budget in alerts a day."""
        within = np.flatnonzero((self.alerts + 1) / self.days <= budget)
        if len(within):
            # Flows of exactly this level were counted: what reaches it is within the budget.
            return Level(max(float(self.levels[within[-1]]), LEAST_SURPRISE), promised=True)
        highest = max(float(self.levels[0]) if len(self.levels) else 0.0, LEAST_SURPRISE)
        if 1 / self.days <= budget:
            return Level(float(np.nextafter(highest, _NEVER)), promised=True)
        missing = float(np.log10(1 / (self.days * budget)))
        return Level(float(np.nextafter(highest + missing, _NEVER)), promised=False)

    @property
    def least_budget(self) -> float:
        """The smallest budget in alerts a day that can be promised."""
        return 1 / self.days


def watched_days(start_ns: npt.NDArray[np.int64]) -> float:
    """Return how many days flows were watched, from the starts of all of them in order."""
    gaps = np.minimum(np.diff(start_ns), LONGEST_PAUSE_NS)
    return float((gaps.sum() + LONGEST_PAUSE_NS // 10) / NANOSECONDS_PER_DAY)


def alert_curve(
    surprise: npt.NDArray[np.float64], source: npt.NDArray[np.int64], start_ns: npt.NDArray[np.int64], drawn: float
) -> AlertCurve:
    """Count the alerts of held-back flows, arrays of shape (flows,) in order of time; ``drawn`` is their share of all.

    A part of the flows shows fewer alerts than all of them, so that each counts 1 ÷ ``drawn``.
    """
    distinct = np.unique(surprise)[::-1]
    levels = distinct[:MOST_LEVELS]
    if len(distinct) > MOST_LEVELS:
        # The strangest hundred one by one, the others at even ranks among the strangest tenth.
        tenth = max(len(distinct) // 10, MOST_LEVELS)
        places = np.unique(np.concatenate([np.arange(100), np.linspace(100, tenth - 1, MOST_LEVELS - 100).astype(int)]))
        levels = distinct[places]
    counts = [_alerts(surprise >= level, source, start_ns) for level in levels]
    return AlertCurve(levels, np.maximum.accumulate(np.array(counts) / drawn), watched_days(start_ns))


def _alerts(strange: npt.NDArray[np.bool_], source: npt.NDArray[np.int64], start_ns: npt.NDArray[np.int64]) -> int:
    order = np.lexsort((start_ns[strange], source[strange]))
    who, when = source[strange][order], start_ns[strange][order]
    return int(len(who) and 1 + ((np.diff(who) != 0) | (np.diff(when) > ALERT_GAP_NS)).sum())
