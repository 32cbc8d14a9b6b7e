"""What becomes of alerts of flows that still ran: each look at running flows replaces what the one before said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from netsift.alerts.detection import STILL_RUNNING, is_said_by
from netsift.alerts.schema import Alert

ENDED: Final = " (seen while it ran, not when it had ended)"
"""Ends the reason of an alert of running flows that no later look bears out."""


@dataclass(slots=True)
class Passing:
    """Remembers the alerts of running flows that there were at the last look."""

    _before: dict[str, Alert] = field(default_factory=dict)

    def gone(self, alerts: Iterable[Alert]) -> tuple[list[str], list[Alert]]:
        """Return what became of those that are no longer among all alerts that there are now.

        First the ids of those that an alert of ended flows now stands for, then the others, in the words that they
        have from now on.
        """
        every = {alert.id: alert for alert in alerts}
        running = {name: alert for name, alert in every.items() if alert.reason.endswith(STILL_RUNNING)}
        ended = [alert for name, alert in every.items() if name not in running]
        said: list[str] = []
        over: list[Alert] = []
        for name, alert in self._before.items():
            if name in every:
                continue
            if any(is_said_by(alert, other) for other in ended):
                said.append(name)
            else:
                over.append(replace(alert, reason=alert.reason.removesuffix(STILL_RUNNING) + ENDED))
        self._before = running
        return said, over
