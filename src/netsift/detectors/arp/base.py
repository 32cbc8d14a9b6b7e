"""What every ARP detector is, and what both of them ask of an ARP packet.

ARP has no flows, so these detectors see packet by packet (``ARP_OBSERVATION`` of ``netsift.kernels.layout``), in the
order of time. Hosts are hardware addresses of one VLAN: the same IPv4 address may be used in several.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, NamedTuple, Protocol, TypeVar

from netsift.detectors.behaviour.base import Detector

REQUEST: Final = 1
REPLY: Final = 2
NO_VLAN: Final = 0xFFFF

MOST_KEPT: Final = 65_536
"""Hosts, addresses and questions of each kind that a detector remembers; those not met for longest make room."""
MOST_EPISODES: Final = 1_000
"""Episodes that a detector keeps; of more, those that ended first are forgotten."""
MOST_MEMBERS: Final = 4_096
"""Addresses that one host is remembered to have asked for or claimed."""

_SHARED: Final = (
    (0x00005E0001, 8),  # VRRP and CARP, RFC 9568
    (0x00005E0002, 8),  # VRRP for IPv6
    (0x00000C07AC, 8),  # HSRP
    (0x00000C9FF, 12),  # HSRP version 2
    (0x0007B400, 16),  # GLBP
    (0x02BF, 32),  # network load balancing of Windows
    (0x03BF, 32),
)

Host = tuple[int, int]
"""A VLAN and a hardware address in it."""
Place = tuple[int, int]
"""A VLAN and an IPv4 address in it."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ArpPacket(NamedTuple):
    """One ARP packet, as ``ARP_OBSERVATION`` has it: ``vlan_id`` is :data:`NO_VLAN` without a tag."""

    time_ns: int
    sender_hardware: int
    target_hardware: int
    sender_address: int
    target_address: int
    operation: int
    vlan_id: int

    @property
    def sender(self) -> Host:
        """The host that sent it."""
        return self.vlan_id, self.sender_hardware

    @property
    def claimed(self) -> Place:
        """The address that its sender says it has; 0 is none (RFC 5227)."""
        return self.vlan_id, self.sender_address

    @property
    def wanted(self) -> Place:
        """The address that is asked for, or that of the host that is answered."""
        return self.vlan_id, self.target_address

    @property
    def is_announcement(self) -> bool:
        """Whether it tells everybody of its sender's own address (gratuitous ARP, RFC 5227)."""
        return self.target_address in (self.sender_address, 0)


@dataclass(slots=True, kw_only=True)
class ArpEpisode:
    """What one host did without a long pause: an alert where ``strength`` is 1 or more.

    ``sources`` and ``targets`` are addresses as text, ``between`` pairs of hosts whose traffic may have been concerned.
    """

    key: tuple[str, ...]
    start_ns: int
    end_ns: int
    strength: float
    packets: int
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    reason: str
    between: tuple[tuple[str, str], ...] = ()


class ArpDetector(Detector, Protocol):
    """A detector of ARP packets."""

    def add(self, packets: Iterable[ArpPacket]) -> None:
        """Look at packets, in the order of time."""

    def episodes(self) -> Iterable[ArpEpisode]:
        """Yield what was found so far and is not yet forgotten; nothing changes by it."""

    def expire(self, before_ns: int) -> list[ArpEpisode]:
        """Forget the episodes that no packet at ``before_ns`` or later can change; return those."""


class Bounded(OrderedDict[Key, Value]):
    """A dictionary of at most ``most`` entries; those not put for longest make room."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        """Start empty."""
        super().__init__()
        self.most = most

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value as the one touched last; return it."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self.most:
            self.popitem(last=False)
        return value


def is_shared(hardware: int) -> bool:
    """Return whether several machines use a hardware address in turn, as routers and clusters that stand in do."""
    return any(hardware >> bits == prefix for prefix, bits in _SHARED)


def nanoseconds(seconds: float) -> int:
    """Return a time of a limit in ns."""
    return round(seconds * 1e9)


def address_text(address: int) -> str:
    """Return an IPv4 address as text."""
    return str(IPv4Address(address))


def hardware_text(hardware: int) -> str:
    """Return a hardware address as text."""
    return hardware.to_bytes(6, "big").hex(":")


def vlan_text(vlan_id: int) -> str:
    """Return a VLAN as text, empty for none."""
    return "" if vlan_id == NO_VLAN else str(vlan_id)
