"""Which packets an alert is about: those between its hosts, to and from its ports, in its time.

Packets without ports, such as ICMP and fragments whose first was not seen, belong to it whatever its ports. A list of
hosts or ports that was cut, because it had more than 1,000 members, asks for nothing; where sources and
targets were both cut, those that are named count. An alert of no hosts is about no packets.

An alert that was found in ARP packets is also about those in which one of its hosts tells or asks another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from netsift.alerts.schema import MOST_MEMBERS, Alert
from netsift.detectors.arp import arp_detectors
from netsift.kernels.layout import HAS_PORTS

Array = np.ndarray[Any, Any]
Mask = npt.NDArray[np.bool_]

STORED_STEP_NS: Final = 1_000
"""Times of stored alerts are cut to microseconds, so their end may be so much early."""


def listed_whole(alert: Alert) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Return an alert's sources, targets and ports; one that was cut is empty, but never both kinds of hosts."""

    def whole(members: Sequence[object]) -> bool:
        return not alert.truncated or len(members) < MOST_MEMBERS

    sources, targets = (hosts if whole(hosts) else () for hosts in (alert.sources, alert.targets))
    if not sources and not targets:
        sources, targets = alert.sources, alert.targets
    return sources, targets, alert.ports if whole(alert.ports) else ()


class Coverage:
    """The packets of some alerts."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        """Resolve the addresses of the alerts."""
        names = {one.name for one in arp_detectors()}
        self._arp_parts = [_ArpPart(alert) for alert in alerts if not names.isdisjoint(alert.detectors)]
        self._parts = [_Part(alert) for alert in alerts]

    @property
    def arp(self) -> Callable[[Array, Array, Array], Mask] | None:
        """What chooses ARP packets; None where none can belong to one of the alerts."""
        return self._chooses_arp if self._arp_parts else None

    def chooses(self, packets: Array) -> Mask:
        """Return which of PACKET, shape (n,), belong to one of the alerts, shape (n,)."""
        chosen: Mask = np.zeros(len(packets), np.bool_)
        times_ns = packets["time_ns"]
        earliest, latest = int(times_ns.min(initial=2**63 - 1)), int(times_ns.max(initial=-(2**63)))
        for part in self._parts:
            if part.start_ns <= latest and part.end_ns >= earliest:
                left = np.flatnonzero(~chosen & (times_ns >= part.start_ns) & (times_ns <= part.end_ns))
                chosen[left] = part.matches(packets[left])
        return chosen

    def _chooses_arp(self, times_ns: Array, senders: Array, targets: Array) -> Mask:
        """Return which ARP packets belong to one of the alerts, shape (n,).

        Given are their times and the IPv4 addresses (uint32) of sender and target, shape (n,) each.
        """
        chosen: Mask = np.zeros(len(times_ns), np.bool_)
        for part in self._arp_parts:
            chosen |= part.matches(times_ns, senders, targets)
        return chosen


class _Part:
    """The packets of one alert."""

    def __init__(self, alert: Alert) -> None:
        sources, targets, ports = listed_whole(alert)
        self.start_ns = alert.start_ns
        self.end_ns = min(alert.end_ns + STORED_STEP_NS - 1, 2**63 - 1)
        self._sources, self._targets = (_Hosts(hosts) if hosts else None for hosts in (sources, targets))
        self._ports = np.array(ports, np.int64)

    def matches(self, packets: Array) -> Mask:
        if self._sources is None and self._targets is None:
            return np.zeros(len(packets), np.bool_)
        return self._one_way(packets, "source", "destination") | self._one_way(packets, "destination", "source")

    def _one_way(self, packets: Array, source: str, target: str) -> Mask:
        matched: Mask = np.ones(len(packets), np.bool_)
        if len(self._ports):
            matched &= (packets["marks"] & HAS_PORTS == 0) | np.isin(packets[f"{target}_port"], self._ports)
        for hosts, side in ((self._sources, source), (self._targets, target)):
            if hosts is not None:
                left = np.flatnonzero(matched)
                matched[left] = hosts.hold(packets[left], side)
        return matched


class _ArpPart:
    """The ARP packets of one alert: of its hosts among each other, and where the list was cut, of these with others."""

    def __init__(self, alert: Alert) -> None:
        self._start_ns = alert.start_ns
        self._end_ns = min(alert.end_ns + STORED_STEP_NS - 1, 2**63 - 1)
        self._cut = alert.truncated
        # A host without an address of its own, which is named by its hardware address, asks as 0.0.0.0.
        self._hosts = np.array(sorted({_words(host)[2] for host in (*alert.sources, *alert.targets)}), np.uint64)

    def matches(self, times_ns: Array, senders: Array, targets: Array) -> Mask:
        among, to = np.isin(senders, self._hosts), np.isin(targets, self._hosts)
        within = (times_ns >= self._start_ns) & (times_ns <= self._end_ns)
        hosts: Mask = (among | to) if self._cut else (among & to)
        return within & hosts


class _Hosts:
    """A set of addresses as packets have them: version, upper and lower 64 bits."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._addresses = {_words(host) for host in hosts}
        self._low = np.array(sorted({low for _, _, low in self._addresses}), np.uint64)

    def hold(self, packets: Array, side: str) -> Mask:
        matched: Mask = np.isin(packets[f"{side}_low"], self._low)
        left = np.flatnonzero(matched)
        names = ("ip_version", f"{side}_high", f"{side}_low")
        rows = zip(*(packets[name][left].tolist() for name in names), strict=True)
        matched[left] = [row in self._addresses for row in rows]
        return matched


def _words(host: str) -> tuple[int, int, int]:
    """Return an address as a packet has it; what is none is like no packet's."""
    try:
        address = ip_address(host)
    except ValueError:
        return 0, 0, 0
    high, low = divmod(int(address), 1 << 64)
    return address.version, high, low
