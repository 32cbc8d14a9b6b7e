"""The alert: one finding that a person can act on, and the incident: alerts that belong together.

Both are of one type and one schema, in Arrow and in JSON. ``docs/alerts.md`` says what every field means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SEVERITIES: Final = ("low", "medium", "high", "critical")
"""From what can wait to what cannot."""

TACTICS: Final[dict[str, str]] = {
    "scan": "Discovery",
    "brute_force": "Credential Access",
    "flood": "Impact",
    "slow_http": "Impact",
    "web_attack": "Initial Access",
    "c2": "Command and Control",
    "infiltration": "Lateral Movement",
    "exfiltration": "Exfiltration",
    "tunnel": "Command and Control",
    "exploit": "Initial Access",
    "other": "",
}
"""MITRE ATT&CK tactic of every class of the taxonomy (Enterprise, version 15)."""

MOST_MEMBERS: Final = 1_000
"""Sources, targets and ports named in an alert; the reason says how many there were."""


@dataclass(frozen=True, slots=True)
class AlertColumn:
    """A number or word behind an alert: its column, value, what is usual, and all of it in words."""

    column: str
    unit: str
    value: float | str | None
    usual: tuple[float | str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class FlowReference:
    """Names a flow, or all flows between two hosts where ports and protocol are None."""

    start_ns: int
    end_ns: int
    src_ip: str
    src_port: int | None
    dst_ip: str
    dst_port: int | None
    protocol: int | None

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits that follow from the flow's start, addresses, ports and protocol."""
        return _digest((self.start_ns, self.src_ip, self.src_port, self.dst_ip, self.dst_port, self.protocol))

    def as_json(self) -> dict[str, Any]:
        """Return the reference as a JSON object."""
        return {
            "id": self.id,
            "start": utc_text(self.start_ns),
            "end": utc_text(self.end_ns),
            "src_ip": self.src_ip,
            "src_port": self.src_port,
            "dst_ip": self.dst_ip,
            "dst_port": self.dst_port,
            "protocol": self.protocol,
        }


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, or an incident whose ``members`` are the ids of its alerts in order of time.

    Its ``stages`` are their categories in the order in which an intrusion goes on, its ``timeline`` their reasons.

    ``id`` follows from what raised the alert, for whom and when it began: the same input gives the same ids, and an
    alert that grows keeps its id. ``confidence`` (0 to 1) is explained in docs/alerts.md. ``sources``, ``targets`` and
    ``ports`` are in order; there were more where ``truncated`` is set. ``flows`` and ``packets`` are counts,
    ``evidence`` names some of the flows, ``normal`` the flow most like them that raised no alert. ``suppressed`` is the
    id of the rule that hides the alert, if one does.
    """

    id: str
    kind: str
    start_ns: int
    end_ns: int
    severity: str
    confidence: float
    category: str
    technique: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ports: tuple[int, ...]
    truncated: bool
    detectors: tuple[str, ...]
    reason: str
    columns: tuple[AlertColumn, ...]
    flows: int
    packets: int
    evidence: tuple[FlowReference, ...]
    normal: FlowReference | None = None
    members: tuple[str, ...] = ()
    timeline: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    suppressed: str = ""

    @property
    def tactic(self) -> str:
        """Name of the MITRE ATT&CK tactic."""
        return TACTICS.get(self.category, "")

    @property
    def weight(self) -> float:
        """What alerts are ranked by: severity first, then confidence."""
        return SEVERITIES.index(self.severity) + self.confidence

    def as_json(self) -> dict[str, Any]:
        """Return the alert as a JSON object; times as RFC 3339 text in UTC."""
        return {
            "id": self.id,
            "kind": self.kind,
            "start": utc_text(self.start_ns),
            "end": utc_text(self.end_ns),
            "severity": self.severity,
            "confidence": round(self.confidence, 4),
            "category": self.category,
            "tactic": self.tactic,
            "technique": self.technique,
            "sources": list(self.sources),
            "targets": list(self.targets),
            "ports": list(self.ports),
            "truncated": self.truncated,
            "detectors": list(self.detectors),
            "reason": self.reason,
            "columns": [
                {
                    "column": one.column,
                    "unit": one.unit,
                    "value": one.value,
                    "usual": list(one.usual),
                    "words": one.words,
                }
                for one in self.columns
            ],
            "flows": self.flows,
            "packets": self.packets,
            "evidence": [one.as_json() for one in self.evidence],
            "normal": self.normal.as_json() if self.normal else None,
            "members": list(self.members),
            "timeline": list(self.timeline),
            "stages": list(self.stages),
            "suppressed": self.suppressed or None,
        }


def graver(severity: str) -> str:
    """Return the next higher severity; the highest stays."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


def alert_id(kind: str, detector: str, entities: Sequence[str], start_ns: int) -> str:
    """Return the id of what a detector found of some entities from a time on."""
    return _digest((kind, detector, *entities, start_ns))


def _digest(parts: Iterable[object]) -> str:
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]


def utc_text(time_ns: int) -> str:
    """Return an integer nanosecond time as RFC 3339 text in UTC with microseconds; absurd times as the bare number."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds // 1000:06d}Z"
