"""What ARP packets for Ethernet and IPv4 say (RFC 826)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .containers import Record
from .link import ArpError, SkippedError, find_ip

_LENGTH = 28
_NO_VLAN = 0xFFFF


class Observation(NamedTuple):
    """One ARP packet; addresses as numbers in network byte order, ``vlan_id`` 0xFFFF where there is no tag."""

    time_ns: int
    sender_hardware: int
    target_hardware: int
    sender_address: int
    target_address: int
    operation: int
    vlan_id: int


def observe_arp(record: Record) -> Observation | None:
    """Return what a record says if it is a whole ARP request or reply outside of tunnels, None for any other."""
    try:
        find_ip(record)
    except ArpError as arp:
        packet = record.data[arp.offset : arp.offset + _LENGTH]
        vlan_id = _NO_VLAN if arp.view.vlan_id is None else arp.view.vlan_id
        return _observation(packet, record.time_ns, vlan_id) if len(packet) == _LENGTH else None
    except SkippedError:
        return None
    return None


def observe_all(records: Iterable[Record]) -> list[Observation]:
    """Return what all records say, in their order."""
    return [observation for record in records if (observation := observe_arp(record)) is not None]


def _observation(packet: bytes, time_ns: int, vlan_id: int) -> Observation | None:
    if packet[:6] != b"\0\1\x08\0\6\4" or packet[6:8] not in (b"\0\1", b"\0\2"):
        return None
    return Observation(
        time_ns=time_ns,
        sender_hardware=int.from_bytes(packet[8:14], "big"),
        target_hardware=int.from_bytes(packet[18:24], "big"),
        sender_address=int.from_bytes(packet[14:18], "big"),
        target_address=int.from_bytes(packet[24:28], "big"),
        operation=packet[7],
        vlan_id=vlan_id,
    )
