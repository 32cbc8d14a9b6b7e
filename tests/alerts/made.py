"""Alerts for tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import Alert, AlertColumn, FlowReference

SECOND: Final = 1_000_000_000
MONDAY_NOON_NS: Final = 1_772_452_800 * SECOND
"""2026-03-02 12:00:00 UTC."""

SCAN: Final = Alert(
    id="00000000000000aa",
    kind="alert",
    start_ns=MONDAY_NOON_NS,
    end_ns=MONDAY_NOON_NS + 60 * SECOND,
    severity="medium",
    confidence=0.75,
    category="scan",
    technique="T1046",
    sources=("10.0.0.5",),
    targets=("10.0.1.1", "10.0.1.2"),
    ports=(22, 80),
    truncated=False,
    detectors=("port_scan",),
    reason="10.0.0.5 tried 2 ports of 2 hosts in 60 s",
    columns=(
        AlertColumn("bytes", "bytes", 60.0, (), "bytes: 60"),
        AlertColumn("service", "", "mail", ("web", "dns"), "service: mail"),
        AlertColumn("rate_bytes_s", "bytes/s", None, (1.5, 2.5), "no rate"),
    ),
    flows=4,
    packets=8,
    evidence=(
        FlowReference(MONDAY_NOON_NS, MONDAY_NOON_NS + SECOND, "10.0.0.5", 40_000, "10.0.1.1", 22, 6),
        FlowReference(MONDAY_NOON_NS, MONDAY_NOON_NS + SECOND, "10.0.0.5", None, "10.0.1.2", None, None),
    ),
)
"""A scan of two hosts."""


def made(number: int = 1, **changes: Any) -> Alert:
    """Return :data:`SCAN` under another id with some fields changed."""
    return replace(SCAN, id=f"{number:016x}", **changes)


def alerts_file(path: Path, *alerts: Alert) -> Path:
    """Write alerts and their incidents as JSON lines, incidents first; return the path."""
    every = [*incidents_of(alerts), *alerts]
    path.write_text("".join(json.dumps(one.as_json()) + "\n" for one in every))
    return path
