"""From the captured bytes of a frame to the start of its IP header, through every link layer that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from .containers import Record

MAXIMUM_LAYERS: Final = 8

IPV4, IPV6, ETHERNET = 0x0800, 0x86DD, 0x6558
_ARP, _REVERSE_ARP = 0x0806, 0x8035
_VLAN: Final = (0x8100, 0x88A8, 0x9100)
_MPLS: Final = (0x8847, 0x8848)
_PPPOE_SESSION = 0x8864
_GREATEST_802_3_LENGTH = 1500

_WIRELESS_LINK_TYPES: Final = (105, 119, 127, 163)
_NULL_FAMILIES: Final = {2: 4, 10: 6, 24: 6, 28: 6, 30: 6}


class SkippedError(Exception):
    """A frame, or a packet within a tunnel, that is not metered; ``reason`` is the name it is counted under."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ArpError(SkippedError):
    """A frame that holds an ARP packet, which lies at ``offset`` of ``view``."""

    def __init__(self, view: View, offset: int) -> None:
        super().__init__("arp")
        self.view, self.offset = view, offset


@dataclass(frozen=True, slots=True)
class View:
    """The bytes that may be read, where they would have ended on the wire, and the tags and labels passed so far."""

    data: bytes
    end: int
    wire_end: int
    layers: int = 0
    vlan_id: int | None = None

    def need(self, offset: int, count: int, reason: str) -> None:
        """Raise SkippedError with ``reason`` unless ``count`` bytes may be read from ``offset`` on."""
        if offset + count > self.end:
            raise SkippedError(reason)

    def number(self, offset: int, count: int) -> int:
        """Return ``count`` bytes from ``offset`` on as a number in network byte order."""
        return int.from_bytes(self.data[offset : offset + count], "big")

    def deeper(self) -> View:
        """Return the view one layer further in; raises SkippedError beyond eight VLAN tags and MPLS labels."""
        if self.layers == MAXIMUM_LAYERS:
            raise SkippedError("too_many_headers")
        return replace(self, layers=self.layers + 1)


@dataclass(frozen=True, slots=True)
class IpStart:
    """Where an IP header is expected, and the version the layer before it announced."""

    view: View
    offset: int
    version: int


def find_ip(record: Record) -> IpStart:
    """Go through the link layers of a record; raises SkippedError when they do not lead to IP."""
    view = View(record.data, len(record.data), record.wire_length)
    if not record.data:
        raise SkippedError("empty")
    if record.link_type in _WIRELESS_LINK_TYPES:
        raise SkippedError("wireless_link_type")
    if record.link_type not in _LINK_TYPES:
        raise SkippedError("unsupported_link_type")
    return _link(view, record.link_type)


_LINK_TYPES: Final = frozenset({0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 276})


def _link(view: View, link_type: int) -> IpStart:
    match link_type:
        case 1:
            return ethernet(view, 0)
        case 0 | 108:
            return _null(view)
        case 228:
            return IpStart(view, 0, 4)
        case 229:
            return IpStart(view, 0, 6)
        case 113:
            return _after_fixed_header(view, length=16, ether_type_at=14)
        case 276:
            return _after_fixed_header(view, length=20, ether_type_at=0)
        case 104:
            return _after_fixed_header(view, length=4, ether_type_at=2)
        case 9 | 50 if view.data[:2] in (b"\x0f\0", b"\x8f\0"):
            return _after_fixed_header(view, length=4, ether_type_at=2)
        case 9 | 50:
            return _ppp(view, 2 if view.data[:2] == b"\xff\x03" else 0)
        case 51:
            return _pppoe(view, 0)
    return raw_ip(view, 0)


def ethernet(view: View, offset: int) -> IpStart:
    """Go through an Ethernet frame that starts at ``offset``; raises SkippedError when it does not lead to IP."""
    view.need(offset, 14, "truncated_link")
    return _ether_type(view, offset + 14, view.number(offset + 12, 2))


def _after_fixed_header(view: View, length: int, ether_type_at: int) -> IpStart:
    view.need(0, length, "truncated_link")
    return _ether_type(view, length, view.number(ether_type_at, 2))


def _null(view: View) -> IpStart:
    view.need(0, 4, "truncated_link")
    for family in (int.from_bytes(view.data[:4], "little"), int.from_bytes(view.data[:4], "big")):
        if family in _NULL_FAMILIES:
            return IpStart(view, 4, _NULL_FAMILIES[family])
    raise SkippedError("not_ip")


def _pppoe(view: View, offset: int) -> IpStart:
    view.need(offset, 6, "truncated_link")
    return _ppp(view, offset + 6)


def _ppp(view: View, offset: int) -> IpStart:
    view.need(offset, 1, "truncated_link")
    size = 1 if view.data[offset] & 1 else 2
    view.need(offset, size, "truncated_link")
    protocol = view.number(offset, size)
    if protocol not in (0x0021, 0x0057):
        raise SkippedError("not_ip")
    return IpStart(view, offset + size, 4 if protocol == 0x0021 else 6)


def raw_ip(view: View, offset: int) -> IpStart:
    """Take the IP version from the packet's own first four bits; raises SkippedError when it is neither 4 nor 6."""
    view.need(offset, 1, "truncated_ip")
    version = view.data[offset] >> 4
    if version not in (4, 6):
        raise SkippedError("bad_ip_version")
    return IpStart(view, offset, version)


def _ether_type(view: View, offset: int, ether_type: int) -> IpStart:
    while True:
        if ether_type in (IPV4, IPV6):
            return IpStart(view, offset, 4 if ether_type == IPV4 else 6)
        if ether_type == _ARP:
            raise ArpError(view, offset)
        if ether_type == _REVERSE_ARP:
            raise SkippedError("arp")
        if ether_type == _PPPOE_SESSION:
            return _pppoe(view, offset)
        if ether_type in _VLAN:
            view, offset, ether_type = _vlan_tag(view, offset)
        elif ether_type in _MPLS:
            view, offset = _mpls_labels(view, offset)
            if view.data[offset] >> 4 in (4, 6):
                return raw_ip(view, offset)
            offset, ether_type = _mpls_ethernet(view, offset)
        elif 0 < ether_type <= _GREATEST_802_3_LENGTH:
            offset, ether_type = _llc_snap(view, offset)
        else:
            raise SkippedError("not_ip")


def _vlan_tag(view: View, offset: int) -> tuple[View, int, int]:
    view = view.deeper()
    view.need(offset, 4, "truncated_link")
    if view.vlan_id is None:
        view = replace(view, vlan_id=view.number(offset, 2) & 0x0FFF)
    return view, offset + 4, view.number(offset + 2, 2)


def _mpls_labels(view: View, offset: int) -> tuple[View, int]:
    """Pop labels up to the bottom of the stack; at least one byte follows each (RFC 3032)."""
    bottom = False
    while not bottom:
        view = view.deeper()
        view.need(offset, 5, "truncated_link")
        bottom = bool(view.data[offset + 2] & 1)
        offset += 4
    return view, offset


def _mpls_ethernet(view: View, offset: int) -> tuple[int, int]:
    """Ethernet behind a pseudowire control word, whose first nibble is 0 (RFC 4448)."""
    if view.data[offset] >> 4 != 0:
        raise SkippedError("not_ip")
    view.need(offset, 4 + 14, "truncated_link")
    return offset + 4 + 14, view.number(offset + 4 + 12, 2)


def _llc_snap(view: View, offset: int) -> tuple[int, int]:
    view.need(offset, 3, "truncated_link")
    if view.data[offset : offset + 3] != b"\xaa\xaa\x03":
        raise SkippedError("not_ip")
    view.need(offset, 8, "truncated_link")
    ether_type = view.number(offset + 6, 2)
    if ether_type <= _GREATEST_802_3_LENGTH:
        raise SkippedError("not_ip")
    return offset + 8, ether_type
