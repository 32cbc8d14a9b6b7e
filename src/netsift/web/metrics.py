"""The counts for Prometheus, in a registry made for every scrape: two applications in a process share nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
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


_SENSOR_GAUGES: Final = {
    "packets_per_s": "Packets a second, of the last seconds",
    "flows_per_s": "Flows a second, of the last seconds",
    "bits_per_s": "Bits a second, of the last seconds",
    "lag_s": "How far behind the packets' times metering is",
    "live_flows": "Flows in the table",
    "incidents": "Incidents that the sensor knows now",
}
_SENSOR_COUNTS: Final = {
    "packets": "Packets metered since the sensor started",
    "flows": "Flows that ended since the sensor started",
    "bytes": "Bytes metered since the sensor started",
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
        yield from _of_sensors(self._status["sensors"])


def _of_sensors(sensors: list[dict[str, Any]]) -> Iterator[Metric]:
    """Yield what is known of the sensors, which are named by the label ``sensor``."""
    up = GaugeMetricFamily("netsift_sensor_up", "1 while the sensor writes how it is", labels=["sensor"])
    lost = CounterMetricFamily("netsift_sensor_lost", "Lost by stage since it started", labels=["sensor", "stage"])
    for one in sensors:
        up.add_metric([one["name"]], one["condition"] not in ("silent", "ended"))
        for stage, count in one["lost"].items():
            lost.add_metric([one["name"], stage.replace(" ", "_")], count)
    yield up
    yield lost
    for kind, names in ((GaugeMetricFamily, _SENSOR_GAUGES), (CounterMetricFamily, _SENSOR_COUNTS)):
        for name, meaning in names.items():
            family = kind(f"netsift_sensor_{name}", meaning, labels=["sensor"])
            for one in sensors:
                family.add_metric([one["name"]], one[name])
            yield family


def exposition(status: dict[str, Any]) -> bytes:
    """Return a status in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Status(status))
    return generate_latest(registry)
