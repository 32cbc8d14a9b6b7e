"""Alerts in the Elastic Common Schema, as SIEM products read them.

Field names and allowed values: Elastic Common Schema reference, version 8.11.
"""

from __future__ import annotations

from ipaddress import ip_address
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
    """Return an alert as a JSON object of the Elastic Common Schema; all of it stands under ``netsift`` too.

    One that a rule suppresses is an event, not an alert. A flow file may hold anything where an address should be, and
    products refuse a document whose addresses are none: such a name stands in ``address`` only.
    """
    document: dict[str, Any] = {
        "@timestamp": utc_text(alert.start_ns),
        "ecs": {"version": ECS_VERSION},
        "message": alert.reason,
        "event": {
            "kind": "event" if alert.suppressed else "alert",
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
        "related": {"ip": [host for host in sorted({*alert.sources, *alert.targets}) if _is_address(host)]},
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
            document[side] = {"address": hosts[0]} | ({"ip": hosts[0]} if _is_address(hosts[0]) else {})
    if len(alert.ports) == 1 and "destination" in document:
        document["destination"]["port"] = alert.ports[0]
    return document


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
