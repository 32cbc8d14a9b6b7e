"""The counts for Prometheus, in a registry made for every scrape: two applications in a process share nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from netsift import __version__

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_GAUGES: Final = {
    "jobs_queued": "Jobs that wait",
    "jobs_running": "Jobs that run",
    "streams_open": "Event streams that are open",
    "upload_bytes": "Size of the uploaded files",
    "upload_quota_bytes": "Size that uploaded files may have together",
    "disk_free_bytes": "Free space where the data is kept",
}


class _Status(Collector):
    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield one metric after the other."""
        information = GaugeMetricFamily("netsift_info", "Version and model", labels=["version", "model"])
        information.add_metric([__version__, self._status["model"]], 1)
        yield information
        for name, meaning in _GAUGES.items():
            yield GaugeMetricFamily(f"netsift_{name}", meaning, value=self._status[name])
        incidents = GaugeMetricFamily("netsift_open_incidents", "Incidents nobody judged", labels=["severity"])
        for severity, count in self._status["severities"].items():
            incidents.add_metric([severity], count)
        yield incidents


def exposition(status: dict[str, Any]) -> bytes:
    """Return a status in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Status(status))
    return generate_latest(registry)
