"""How the server is: gathered at most once a second, however many ask."""

from __future__ import annotations

import shutil
import threading
import time
from typing import Any, Final

from netsift.errors import NetsiftError
from netsift.store.alert_filter import AlertFilter, Order, State
from netsift.store.jobs import JobState
from netsift.web.job import DEMONSTRATION
from netsift.web.operations import moment
from netsift.web.sensors import problems_of, sensors_in
from netsift.web.services import Services, services

FRESH_S: Final = 1.0
LEAST_FREE_SHARE: Final = 0.05
_MOST_COUNTED: Final = 1_000

OPEN: Final = AlertFilter(kind="incident", state=State.OPEN)


class StatusBoard:
    """Keeps the last status for a moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Any] = {}
        self._until = 0.0

    def status(self, parts: Services) -> dict[str, Any]:
        """Return the status, no older than :data:`FRESH_S`."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._last = _gathered(parts)
                self._until = time.monotonic() + FRESH_S
            return dict(self._last)


def present_status() -> dict[str, Any]:
    """Return the status of the present application."""
    return services().board.status(services())


def _gathered(parts: Services) -> dict[str, Any]:
    store, settings = parts.store, parts.settings
    counts = store.alerts.counts(OPEN)
    latest = store.alerts.find(AlertFilter(kind="incident"), Order.LAST_SEEN_LAST, None, 1).rows
    jobs = store.jobs.find(limit=_MOST_COUNTED).rows
    disk = shutil.disk_usage(settings.data)
    model = parts.models.active()
    sensors = sensors_in(parts.sensors)
    return {
        "model": model.id,
        "model_name": model.path.name,
        "jobs_queued": sum(job.state is JobState.QUEUED for job in jobs),
        "jobs_running": sum(job.state is JobState.RUNNING for job in jobs),
        "streams_open": parts.streams.open,
        "streams_most": parts.streams.most,
        "upload_bytes": parts.captures.used_bytes,
        "upload_quota_bytes": settings.upload_quota_bytes,
        "disk_free_bytes": disk.free,
        "open_incidents": counts.total,
        "severities": counts.severities,
        "last_seen": moment(latest[0].last_seen) if latest else None,
        "demonstration": bool(jobs) and not sensors and all(job.kind == DEMONSTRATION for job in jobs),
        "sensors": sensors,
        "problems": problems_of(sensors) + _problems(parts, disk.free / max(disk.total, 1)),
    }


def _problems(parts: Services, free_share: float) -> list[str]:
    """Return what somebody should look after, in sentences."""
    found = [f"The model {name} is not trusted: {why}" for name, why in sorted(parts.models.refused.items())]
    if free_share < LEAST_FREE_SHARE:
        found.append(f"The disk is nearly full: {free_share * 100:.1f} % are free.")
    if parts.captures.used_bytes > 0.9 * parts.settings.upload_quota_bytes:
        found.append("The uploads have nearly used up their room.")
    try:
        parts.store.users.count()
    except NetsiftError as error:
        found.append(f"The database cannot be read: {error}")
    return found
