"""Detectors of what ARP packets show: sweeps and spoofing within one network segment. One file each."""

from __future__ import annotations

from netsift.detectors.arp.base import ArpDetector
from netsift.detectors.arp.spoofing import ArpSpoofing
from netsift.detectors.arp.sweep import ArpSweep


def arp_detectors() -> tuple[ArpDetector, ...]:
    """Return every ARP detector with its default limits and nothing seen."""
    return ArpSweep(), ArpSpoofing()
