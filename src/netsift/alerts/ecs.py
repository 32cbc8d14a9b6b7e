"""Alerts in the Elastic Common Schema, as SIEM products read them.

Field names and allowed values: Elastic Common Schema reference, version 8.11.
"""

from __future__ import annotations

from typing import Any, Final

from netsift.alerts.schema import Alert, utc_text

ECS_VERSION: Final = "8.11.0"

_CATEGORIES: Final[dict[str, list[str]]] = {
    "brute_force": ["authentication", "intrusion_detection", "network"],
    "web_attack": ["intrusion_detection", "web"],
    "c2": ["intrusion_detection", "malware", "network"],
}
_OTHER: Final = ["intrusion_detection", "network"]
_SEVERITY: Final = {"low": 21, "medium": 47, "high": 73, "critical": 99}
"""Elastic's own numbers for the four words."""


def as_ecs(alert: Alert) -> dict[str, Any]:
    """Return an alert as a JSON object of the Elastic Common Schema; what it has no field for stands under netsift."""
    document: dict[str, Any] = {
        "@timestamp": utc_text(alert.start_ns),
        "ecs": {"version": ECS_VERSION},
        "message": alert.reason,
        "event": {
            "kind": "alert",
            "module": "netsift",
            "dataset": f"netsift.{alert.kind}",
            "id": alert.id,
            "category": _CATEGORIES.get(alert.category, _OTHER),
            "type": ["info"],
            "action": alert.category,
            "start": utc_text(alert.start_ns),
            "end": utc_text(alert.end_ns),
            "duration": alert.end_ns - alert.start_ns,
            "severity": _SEVERITY[alert.severity],
            "risk_score": round(100 * alert.confidence, 1),
            "reason": alert.reason,
        },
        "rule": {"name": ", ".join(alert.detectors), "category": alert.category},
        "related": {"ip": sorted({*alert.sources, *alert.targets})},
        "netsift": alert.as_json(),
    }
    if alert.technique:
        document["threat"] = {
            "framework": "MITRE ATT&CK",
            "technique": {"id": [alert.technique]},
            "tactic": {"name": [alert.tactic]},
        }
    for side, hosts in (("source", alert.sources), ("destination", alert.targets)):
        if len(hosts) == 1:
            document[side] = {"address": hosts[0], "ip": hosts[0]}
    if len(alert.ports) == 1 and "destination" in document:
        document["destination"]["port"] = alert.ports[0]
    return document
