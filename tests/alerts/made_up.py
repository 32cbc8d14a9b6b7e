"""Alerts made up for tests."""

from __future__ import annotations

from netsift.alerts.schema import Alert, alert_id

MINUTE_NS = 60_000_000_000


def made(
    category: str, sources: str, targets: str, minute: float = 0, minutes: float = 1, *, severity: str = "medium",
    confidence: float = 0.8, detectors: tuple[str, ...] = ("one",),
) -> Alert:  # fmt: skip
    """Return an alert; hosts are words with spaces between, times minutes."""
    start_ns = round(minute * MINUTE_NS)
    return Alert(
        id=alert_id("alert", f"{category} {detectors}", (sources, targets), start_ns),
        kind="alert",
        start_ns=start_ns,
        end_ns=start_ns + round(minutes * MINUTE_NS),
        severity=severity,
        confidence=confidence,
        category=category,
        technique="T1046",
        sources=tuple(sources.split()),
        targets=tuple(targets.split()),
        ports=(80,),
        truncated=False,
        detectors=detectors,
        reason=f"{sources} did {category} to {targets}",
        columns=(),
        flows=5,
        packets=9,
        evidence=(),
    )
