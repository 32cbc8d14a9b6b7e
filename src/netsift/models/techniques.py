"""MITRE ATT&CK techniques of the kinds of attack that a model may have as classes.

Source: MITRE ATT&CK for Enterprise, https://attack.mitre.org/techniques/enterprise/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

TECHNIQUES: Final[dict[str, tuple[str, ...]]] = {
    "scan": ("T1046", "T1595"),
    "port_scan": ("T1046", "T1595.001"),
    "brute_force": ("T1110",),
    "flood": ("T1498.001",),
    "reflection": ("T1498.002",),
    "http_flood": ("T1499.002",),
    "slow_http": ("T1499.002",),
    "web_attack": ("T1190",),
    "exploit": ("T1190", "T1210"),
    "worm": ("T1210",),
    "lateral_movement": ("T1021", "T1210"),
    "bot": ("T1071",),
    "c2": ("T1071",),
    "c2_beacon": ("T1071", "T1029"),
    "malware": ("T1071",),
    "infiltration": ("T1204",),
    "exfiltration": ("T1041", "T1048"),
    "tunnel": ("T1572",),
    "dns_tunnel": ("T1071.004", "T1572"),
}
"""Technique ids by class; a class that is too wide for any has none."""


def techniques_of(classes: Iterable[str]) -> dict[str, list[str]]:
    """Return the technique ids of the classes that have any."""
    return {name: list(TECHNIQUES[name]) for name in classes if name in TECHNIQUES}
