"""One captured frame to one packet, or to the reason why it is skipped (``docs/flow-meter.md``, section 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from .containers import NANOSECONDS, Record
from .link import ETHERNET, IPV4, IPV6, IpStart, SkippedError, View, ethernet, find_ip, raw_ip

Tunnels = Literal["outer", "inner"]

TCP, UDP, DCCP, SCTP, UDP_LITE = 6, 17, 33, 132, 136
ICMP, ICMPV6 = 1, 58
TCP_FIELDS_END: Final = 16
"""Captured bytes of a TCP header from which flags, sequence number and window are known."""
PROTOCOLS_WITH_PORTS: Final = frozenset({TCP, UDP, DCCP, SCTP, UDP_LITE})

MAXIMUM_EXTENSION_HEADERS: Final = 16
MAXIMUM_TUNNELS: Final = 8
FRAGMENT_LIFETIME_NS: Final = 30 * NANOSECONDS

_EXTENSION_HEADERS: Final = (0, 43, 60, 135, 139, 140)
_FRAGMENT_HEADER, _AUTHENTICATION_HEADER = 44, 51


@dataclass(frozen=True, slots=True)
class Packet:
    """A decoded packet; the fields are those of ``docs/flow-meter.md`` section 1.

    ``vlan_id`` and ``tunnel_id`` are None where there is none, ``tcp_sequence`` and ``tcp_window`` where the TCP header
    was not captured or the packet is not TCP. ``is_fragment`` holds for every fragment, ``is_later_fragment`` for those
    without a transport header. ``segment`` is the captured payload of a TCP packet.
    """

    time_ns: int
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
    protocol: int
    ip_version: int
    length: int
    header_length: int
    payload_length: int
    time_to_live: int = 64
    traffic_class: int = 0
    vlan_id: int | None = None
    tunnel: str = "none"
    tunnel_id: int | None = None
    has_ports: bool = False
    tcp_flags: int = 0
    tcp_sequence: int | None = None
    tcp_window: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    is_fragment: bool = False
    is_later_fragment: bool = False
    payload_prefix: bytes = b""
    segment: bytes = b""


@dataclass(frozen=True, slots=True)
class _FirstFragment:
    time_ns: int
    protocol: int
    has_ports: bool
    source_port: int
    destination_port: int


@dataclass(slots=True)
class FragmentCache:
    """What first fragments said about the ports of their datagrams; without a bound."""

    first_fragments: dict[tuple[bytes, bytes, int, int, int], _FirstFragment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _IpHeader:
    view: View
    version: int
    source: bytes
    destination: bytes
    length: int
    time_to_live: int
    traffic_class: int
    protocol: int
    transport: int
    transport_length: int
    is_fragment: bool = False
    is_later_fragment: bool = False
    fragment_protocol: int = 0
    identification: int = 0


@dataclass(frozen=True, slots=True)
class _Tunnel:
    """What a packet carries; ``inner_type`` is None when it is not entered, 0 when the version nibble decides."""

    kind: str
    view: View
    inner_offset: int = 0
    inner_type: int | None = None
    identifier: int | None = None


def decode_all(records: Iterable[Record], tunnels: Tunnels = "outer") -> tuple[list[Packet], Counter[str]]:
    """Decode records in order with one fragment cache; returns the packets and how many were skipped by reason."""
    fragments = FragmentCache()
    packets: list[Packet] = []
    skipped: Counter[str] = Counter()
    for record in records:
        result = decode(record, tunnels, fragments)
        if isinstance(result, Packet):
            packets.append(result)
        else:
            skipped[result] += 1
    return packets, skipped


def decode(record: Record, tunnels: Tunnels, fragments: FragmentCache) -> Packet | str:
    """Decode one record: a packet, or the name of the reason why it is skipped."""
    try:
        start = find_ip(record)
        packet, tunnel = _decode_ip(start, record.time_ns, fragments)
    except SkippedError as skip:
        return skip.reason
    if tunnel is None:
        return packet
    packet = replace(packet, tunnel=tunnel.kind)
    return packet if tunnels == "outer" else _innermost(packet, tunnel, fragments)


def _innermost(packet: Packet, tunnel: _Tunnel | None, fragments: FragmentCache) -> Packet:
    for _ in range(MAXIMUM_TUNNELS):
        if tunnel is None or tunnel.inner_type is None:
            return packet
        try:
            start = _enter(tunnel)
            inner, next_tunnel = _decode_ip(start, packet.time_ns, fragments)
        except SkippedError:
            return packet
        packet = replace(inner, tunnel=tunnel.kind, tunnel_id=tunnel.identifier)
        tunnel = next_tunnel
    return packet


def _enter(tunnel: _Tunnel) -> IpStart:
    view = replace(tunnel.view, layers=0)
    if tunnel.inner_type == ETHERNET:
        return ethernet(view, tunnel.inner_offset)
    if tunnel.inner_type == 0:
        return raw_ip(view, tunnel.inner_offset)
    return IpStart(view, tunnel.inner_offset, 4 if tunnel.inner_type == IPV4 else 6)


# ------------------------------------------------------------------------------------------------------------- IP


def _decode_ip(start: IpStart, time_ns: int, fragments: FragmentCache) -> tuple[Packet, _Tunnel | None]:
    view, offset = start.view, start.offset
    view.need(offset, 20 if start.version == 4 else 40, "truncated_ip")
    if view.data[offset] >> 4 != start.version:
        raise SkippedError("bad_ip_version")
    header = _ipv4(view, offset) if start.version == 4 else _ipv6(view, offset)
    packet = _transport(header, time_ns)
    if header.is_fragment:
        return join_fragments(packet, header, fragments), None
    return packet, _tunnel(packet, header)


def _length_on_wire(view: View, offset: int, length: int, field_is_zero: bool) -> int:
    room = view.wire_end - offset
    return room if field_is_zero or length > room else length


def _ipv4(view: View, offset: int) -> _IpHeader:
    """IPv4 header (RFC 791) and, unless this is a later fragment, authentication headers behind it (RFC 4302)."""
    header_length = (view.data[offset] & 0x0F) * 4
    if header_length < 20:
        raise SkippedError("bad_ip_header")
    view.need(offset, header_length, "truncated_ip")
    total_length = view.number(offset + 2, 2)
    if 0 < total_length < header_length:
        raise SkippedError("bad_ip_header")
    length = _length_on_wire(view, offset, total_length, total_length == 0)
    view = replace(view, end=min(view.end, offset + length), wire_end=offset + length)
    more_fragments = bool(view.number(offset + 6, 2) & 0x2000)
    fragment_offset = view.number(offset + 6, 2) & 0x1FFF
    protocol, transport, count = view.data[offset + 9], offset + header_length, 0
    while protocol == _AUTHENTICATION_HEADER and fragment_offset == 0:
        count += 1
        protocol, transport = _extension_header(view, protocol, transport, count)
    return _IpHeader(
        view=view,
        version=4,
        source=bytes(12) + view.data[offset + 12 : offset + 16],
        destination=bytes(12) + view.data[offset + 16 : offset + 20],
        length=length,
        time_to_live=view.data[offset + 8],
        traffic_class=view.data[offset + 1],
        protocol=protocol,
        transport=transport,
        transport_length=offset + length - transport,
        is_fragment=more_fragments or fragment_offset > 0,
        is_later_fragment=fragment_offset > 0,
        fragment_protocol=view.data[offset + 9],
        identification=view.number(offset + 4, 2),
    )


def _ipv6(view: View, offset: int) -> _IpHeader:
    """IPv6 header and its extension headers (RFC 8200)."""
    payload_length = view.number(offset + 4, 2)
    unknown = payload_length == 0 and view.data[offset + 6] != 59
    length = _length_on_wire(view, offset, 40 + payload_length, unknown)
    view = replace(view, end=min(view.end, offset + length), wire_end=offset + length)
    header = _IpHeader(
        view=view,
        version=6,
        source=view.data[offset + 8 : offset + 24],
        destination=view.data[offset + 24 : offset + 40],
        length=length,
        time_to_live=view.data[offset + 7],
        traffic_class=view.number(offset, 2) >> 4 & 0xFF,
        protocol=view.data[offset + 6],
        transport=offset + 40,
        transport_length=length - 40,
    )
    return _skip_extension_headers(header)


def _skip_extension_headers(header: _IpHeader) -> _IpHeader:
    view, end = header.view, header.transport + header.transport_length
    count = 0
    while not header.is_later_fragment and header.protocol in (
        *_EXTENSION_HEADERS,
        _FRAGMENT_HEADER,
        _AUTHENTICATION_HEADER,
    ):
        count += 1
        kind, start = header.protocol, header.transport
        protocol, transport = _extension_header(view, kind, start, count)
        header = replace(header, protocol=protocol, transport=transport, transport_length=end - transport)
        offset_and_flag = view.number(start + 2, 2)
        if kind == _FRAGMENT_HEADER and offset_and_flag & 0xFFF9:
            header = replace(
                header,
                is_fragment=True,
                is_later_fragment=offset_and_flag & 0xFFF8 > 0,
                fragment_protocol=protocol,
                identification=view.number(start + 4, 4),
            )
    return header


def _extension_header(view: View, kind: int, offset: int, count: int) -> tuple[int, int]:
    """Protocol and offset of what follows the ``count``-th extension header."""
    if count > MAXIMUM_EXTENSION_HEADERS:
        raise SkippedError("too_many_headers")
    view.need(offset, 2, "truncated_ip")
    units = view.data[offset + 1]
    if kind == _FRAGMENT_HEADER:
        length = 8
    elif kind == _AUTHENTICATION_HEADER:
        length = (units + 2) * 4
    else:
        length = 8 + 8 * units
    view.need(offset, length, "truncated_ip")
    return view.data[offset], offset + length


def join_fragments(packet: Packet, header: _IpHeader, fragments: FragmentCache) -> Packet:
    """Remember a first fragment; give a later one the protocol and ports of its datagram's first one."""
    key = (packet.source, packet.destination, header.fragment_protocol, header.identification, header.version)
    if not packet.is_later_fragment:
        fragments.first_fragments[key] = _FirstFragment(
            packet.time_ns, packet.protocol, packet.has_ports, packet.source_port, packet.destination_port
        )
        return packet
    first = fragments.first_fragments.get(key)
    if first is None or abs(packet.time_ns - first.time_ns) >= FRAGMENT_LIFETIME_NS:
        return packet
    return replace(
        packet,
        protocol=first.protocol,
        has_ports=first.has_ports,
        source_port=first.source_port,
        destination_port=first.destination_port,
    )


# ------------------------------------------------------------------------------------------------------ transport


def _transport(header: _IpHeader, time_ns: int) -> Packet:
    packet = Packet(
        time_ns=time_ns,
        source=header.source,
        destination=header.destination,
        source_port=0,
        destination_port=0,
        protocol=header.protocol,
        ip_version=header.version,
        length=header.length,
        header_length=0,
        payload_length=header.transport_length,
        time_to_live=header.time_to_live,
        traffic_class=header.traffic_class,
        vlan_id=header.view.vlan_id,
        is_fragment=header.is_fragment,
        is_later_fragment=header.is_later_fragment,
    )
    if header.is_later_fragment:
        return packet
    segment = header.view.data[header.transport : header.view.end]
    packet = _with_ports(packet, segment)
    header_length = min(_header_length(packet.protocol, segment, header.transport_length), header.transport_length)
    return replace(
        packet,
        header_length=header_length,
        payload_length=header.transport_length - header_length,
        payload_prefix=segment[header_length : header_length + 8],
        segment=segment[header_length:] if packet.protocol == TCP else b"",
    )


def _with_ports(packet: Packet, segment: bytes) -> Packet:
    if packet.protocol in (ICMP, ICMPV6) and len(segment) >= 2:
        return replace(packet, icmp_type=segment[0], icmp_code=segment[1])
    if packet.protocol not in PROTOCOLS_WITH_PORTS:
        return packet
    if len(segment) < 4:
        raise SkippedError("truncated_transport")
    packet = replace(
        packet,
        has_ports=True,
        source_port=int.from_bytes(segment[0:2], "big"),
        destination_port=int.from_bytes(segment[2:4], "big"),
    )
    if packet.protocol != TCP or len(segment) < TCP_FIELDS_END:
        return packet
    return replace(
        packet,
        tcp_flags=segment[13],
        tcp_sequence=int.from_bytes(segment[4:8], "big"),
        tcp_window=int.from_bytes(segment[14:16], "big"),
    )


def _header_length(protocol: int, segment: bytes, transport_length: int) -> int:
    if protocol == TCP:
        length = (segment[12] >> 4) * 4 if len(segment) > 12 else 20
        return length if 20 <= length <= transport_length else 20
    if protocol == DCCP:
        return segment[4] * 4 if len(segment) > 4 else 0
    return {UDP: 8, UDP_LITE: 8, ICMP: 8, ICMPV6: 8, SCTP: 12}.get(protocol, 0)


# -------------------------------------------------------------------------------------------------------- tunnels


def _tunnel(packet: Packet, header: _IpHeader) -> _Tunnel | None:
    view, offset = header.view, header.transport
    match packet.protocol:
        case 47:
            return _gre(view, offset)
        case 4:
            return _Tunnel("ipip", view, offset, IPV4)
        case 41:
            return _Tunnel("6in4", view, offset, IPV6)
        case 17:
            return _udp_tunnel(packet, view, offset + 8)
    return None


def _gre(view: View, offset: int) -> _Tunnel:
    """GRE version 0 with checksum, key and sequence number (RFC 2784, RFC 2890)."""
    closed = _Tunnel("gre", view)
    if offset + 4 > view.end:
        return closed
    flags, inner_type = view.number(offset, 2), view.number(offset + 2, 2)
    if flags & 0x0007 or flags & 0x4000 or inner_type not in (IPV4, IPV6, ETHERNET):
        return closed
    optional_fields = sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
    return _Tunnel("gre", view, offset + 4 + 4 * optional_fields, inner_type)


def _udp_tunnel(packet: Packet, view: View, offset: int) -> _Tunnel | None:
    if offset + 8 > view.end:
        return None
    first = view.data[offset]
    if packet.destination_port == 4789 and first & 0x08:
        return _Tunnel("vxlan", view, offset + 8, ETHERNET, view.number(offset + 4, 3))
    if packet.destination_port == 6081 and first >> 6 == 0:
        return _geneve(view, offset)
    ports = (packet.source_port, packet.destination_port)
    if 2152 in ports and first & 0xF0 == 0x30 and view.data[offset + 1] == 255:
        return _gtpu(view, offset)
    return None


def _geneve(view: View, offset: int) -> _Tunnel | None:
    """GENEVE header with its options (RFC 8926 section 3.4)."""
    inner_offset = offset + 8 + 4 * (view.data[offset] & 0x3F)
    if inner_offset > view.end:
        return None
    inner_type = view.number(offset + 2, 2)
    entered = inner_type in (IPV4, IPV6, ETHERNET)
    return _Tunnel("geneve", view, inner_offset, inner_type if entered else None, view.number(offset + 4, 3))


def _gtpu(view: View, offset: int) -> _Tunnel | None:
    """GTP-U G-PDU with extension headers (3GPP TS 29.281 section 5)."""
    flags = view.data[offset]
    inner_offset = offset + 8 + (4 if flags & 0x07 else 0)
    if inner_offset > view.end:
        return None
    next_type = view.data[inner_offset - 1] if flags & 0x04 else 0
    while next_type != 0:
        if inner_offset >= view.end or view.data[inner_offset] == 0:
            return None
        inner_offset += 4 * view.data[inner_offset]
        if inner_offset > view.end:
            return None
        next_type = view.data[inner_offset - 1]
    return _Tunnel("gtpu", view, inner_offset, 0)
