"""Alerts in the Common Event Format, as ArcSight and other SIEM products read them.

Format and names of keys: Micro Focus Security ArcSight Common Event Format, version 25 (CEF:0).
"""

from __future__ import annotations

from typing import Final

from netsift import __version__
from netsift.alerts.schema import Alert

_SEVERITY: Final = {"low": 3, "medium": 5, "high": 8, "critical": 10}
_MOST_LISTED: Final = 20


def as_cef(alert: Alert) -> str:
    """Return an alert as a line of CEF; ``externalId`` is its id, times are milliseconds since 1970."""
    head = ("netsift", "netsift", __version__, alert.category, alert.reason, str(_SEVERITY[alert.severity]))
    extension = {
        "externalId": alert.id,
        "start": str(alert.start_ns // 1_000_000),
        "end": str(alert.end_ns // 1_000_000),
        "cnt": str(alert.flows),
        "src": alert.sources[0] if len(alert.sources) == 1 else "",
        "dst": alert.targets[0] if len(alert.targets) == 1 else "",
        "dpt": str(alert.ports[0]) if len(alert.ports) == 1 else "",
        "cat": alert.kind,
        "msg": alert.reason,
        "cs1Label": "technique",
        "cs1": alert.technique,
        "cs2Label": "sources",
        "cs2": " ".join(alert.sources[:_MOST_LISTED]),
        "cs3Label": "targets",
        "cs3": " ".join(alert.targets[:_MOST_LISTED]),
        "cfp1Label": "confidence",
        "cfp1": f"{alert.confidence:.4f}",
    }
    pairs = " ".join(f"{key}={_value(text)}" for key, text in extension.items() if text)
    return "|".join(["CEF:0", *map(_field, head)]) + f"|{pairs}"


def _field(text: str) -> str:
    """Return a field of the head: one line, backslash and bar escaped."""
    return _one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    """Return a value of the extension: one line, backslash and equals sign escaped."""
    return _one_line(text).replace("\\", "\\\\").replace("=", "\\=")


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
