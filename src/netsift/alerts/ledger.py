"""Which alerts are news: new ones, and those that have grown since they were told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from netsift.alerts.schema import SEVERITIES, Alert

SECONDS_BETWEEN: Final = 60.0
"""An alert that only grows is told at most so often."""
GROWTH: Final = 2
"""How many times the flows it had when it was told last make an alert news again."""
MOST_NEWS: Final = 1_000
"""Told at a time at most; the rest is told later."""


@dataclass(frozen=True, slots=True)
class _Told:
    severity: int
    flows: int
    members: int
    at_s: float


@dataclass(slots=True)
class Ledger:
    """Remembers what was told of each alert and incident, as long as there is one of that id.

    News is what is new, what became graver, and, at most once in :data:`SECONDS_BETWEEN` seconds, what has
    :data:`GROWTH` times as many flows or more members. ``waiting`` are news for which there was no room.
    """

    clock_s: Callable[[], float] = time.monotonic
    waiting: int = 0
    _told: dict[str, _Told] = field(default_factory=dict)

    def news(self, alerts: Iterable[Alert], *, last: bool = False) -> list[Alert]:
        """Return which of all alerts that there are now are news, in their order.

        ``last`` is for the end: then whatever has grown at all is news.
        """
        now_s = self.clock_s()
        kept: dict[str, _Told] = {}
        news: list[Alert] = []
        self.waiting = 0
        for alert in alerts:
            told = self._told.get(alert.id)
            if told is not None and not self._has_grown(alert, told, now_s, last=last):
                kept[alert.id] = told
            elif len(news) < MOST_NEWS:
                news.append(alert)
                severity = SEVERITIES.index(alert.severity)
                kept[alert.id] = _Told(severity, alert.flows, len(alert.members), now_s)
            else:
                self.waiting += 1
                if told is not None:
                    kept[alert.id] = told
        self._told = kept
        return news

    def _has_grown(self, alert: Alert, told: _Told, now_s: float, *, last: bool) -> bool:
        if SEVERITIES.index(alert.severity) > told.severity:
            return True
        if last:
            return alert.flows > told.flows or len(alert.members) > told.members
        grown = alert.flows >= GROWTH * told.flows or len(alert.members) > told.members
        return grown and now_s - told.at_s >= SECONDS_BETWEEN
