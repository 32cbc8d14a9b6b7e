"""Small well-formed frames of every kind that the decoder knows, each a pair of link type and bytes.

Layouts: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 768 (UDP), RFC 2784 (GRE), RFC 7348 (VXLAN), RFC 8926
(GENEVE), 3GPP TS 29.281 (GTP-U), https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import struct
from typing import Final

ETHERNET: Final = 1
RAW: Final = 101
LINUX_COOKED: Final = 113
WIRELESS: Final = 105

_IPV4, _IPV6, _ARP, _VLAN, _QINQ, _MPLS, _PPPOE = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8, 0x8847, 0x8864
_ICMP, _TCP, _UDP, _GRE, _ICMPV6, _SCTP, _IPV6_IN_IP = 1, 6, 17, 47, 58, 132, 41

Frame = tuple[int, bytes]


def ethernet(payload: bytes, ethertype: int = _IPV4) -> bytes:
    """Return an Ethernet frame with fixed addresses."""
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + struct.pack(">H", ethertype) + payload


def ipv4(
    payload: bytes,
    protocol: int = _UDP,
    *,
    fragment: int = 0,
    options: bytes = b"",
    source: bytes = b"\xc0\0\x02\x01",
) -> bytes:
    """Return an IPv4 packet; ``fragment`` is the field of flags and offset."""
    words = 5 + len(options) // 4
    length = 4 * words + len(payload)
    header = struct.pack(">BBHHHBBH", 0x40 | words, 0, length, 0x1234, fragment, 64, protocol, 0)
    return header + source + b"\xc6\x33\x64\x02" + options + payload


def ipv6(payload: bytes, protocol: int = _UDP) -> bytes:
    """Return an IPv6 packet; ``protocol`` is the kind of its first header behind the fixed one."""
    ends = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01" + b"\x20\x01\x0d\xb8" + bytes(11) + b"\x02"
    return struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64) + ends + payload


def tcp(payload: bytes = b"", flags: int = 0x18, sequence: int = 1000, port: int = 80) -> bytes:
    """Return a TCP segment from port 40000."""
    return struct.pack(">HHIIBBHHH", 40000, port, sequence, 1, 0x50, flags, 64240, 0, 0) + payload


def udp(payload: bytes = b"query", port: int = 53) -> bytes:
    """Return a UDP datagram from port 40000."""
    return struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload


def conversation(count: int) -> list[Frame]:
    """Return ``count`` Ethernet frames of a TCP connection, with payloads of several lengths and kinds."""
    payloads = (b"", b"GET / HTTP/1.1\r\n\r\n", bytes(60), bytes(range(120)), b"\xff" * 33)
    return [
        (ETHERNET, ethernet(ipv4(tcp(payloads[number % len(payloads)], 0x10, 1000 + number), _TCP)))
        for number in range(count)
    ]


def link_types() -> list[Frame]:
    """Return one frame per link type, those that are named as unsupported among them."""
    packet = ipv4(udp())
    ppp_packet = b"\0\x21" + packet
    return [
        (0, b"\x02\0\0\0" + packet),
        (0, b"\0\0\0\x1e" + ipv6(udp())),
        (ETHERNET, ethernet(packet)),
        (9, b"\xff\x03" + ppp_packet),
        (12, packet),
        (50, ppp_packet),
        (50, b"\x8f\0\x08\0" + packet),
        (51, b"\x11\0\0\x01\0\x20" + ppp_packet),
        (RAW, ipv6(udp())),
        (104, b"\x0f\0\x08\0" + packet),
        (WIRELESS, b"\x08\0" + bytes(30)),
        (108, b"\0\0\0\x02" + packet),
        (LINUX_COOKED, bytes(14) + b"\x08\0" + packet),
        (228, packet),
        (229, ipv6(udp())),
        (276, b"\x08\0" + bytes(18) + packet),
        (147, b"private"),
    ]


def encapsulations() -> list[Frame]:
    """Return Ethernet frames with tags, labels, sessions and tunnels."""
    packet = ipv4(udp())
    inner = ethernet(packet)
    gtp_extension = b"\x34\xff\0\x20\0\0\0\x01\0\0\0\x85\x01\x10\0\0"
    return [
        (ETHERNET, frame)
        for frame in (
            ethernet(b"\0\x07\x08\0" + packet, _VLAN),
            ethernet(b"\0\x07\x81\0\0\x08\x08\0" + packet, _QINQ),
            ethernet(b"\0\x01\0\x40\0\x02\x01\x40" + packet, _MPLS),
            ethernet(b"\0\x02\x01\x40\0\0\0\0" + inner, _MPLS),
            ethernet(b"\x11\0\0\x01\0\x20\0\x21" + packet, _PPPOE),
            ethernet(b"\xaa\xaa\x03\0\0\0\x08\0" + packet, 8 + len(packet)),
            ethernet(ipv4(packet, 4)),
            ethernet(ipv4(ipv6(udp()), _IPV6_IN_IP)),
            ethernet(ipv4(b"\x30\0\x08\0\0\0\0\x05\0\0\0\x09" + packet, _GRE)),
            ethernet(ipv4(b"\0\0\x65\x58" + inner, _GRE)),
            ethernet(ipv4(udp(b"\x08\0\0\0\0\0\x2a\0" + inner, 4789))),
            ethernet(ipv4(udp(b"\x01\0\x65\x58\0\0\x2a\0\0\0\0\0" + inner, 6081))),
            ethernet(ipv4(udp(gtp_extension + packet, 2152))),
            ethernet(ipv4(udp(b"\x30\xff\0\x20\0\0\0\x01" + packet, 2152))),
            ethernet(bytes(28), _ARP),
            ethernet(b"\x04\x03\x02\x01", 0x88CC),
        )
    ]


def network_oddities() -> list[Frame]:
    """Return Ethernet frames with fragments, IP options, extension headers and other transports."""
    destination_options, hop_by_hop = b"\x2c\0\x01\x04\0\0\0\0", b"\x3c\0\x01\x04\0\0\0\0"
    fragment_header = b"\x11\0\0\x01\0\0\x12\x34"
    routing = b"\x33\x02\x04\0" + bytes(20)
    authentication = b"\x11\x04" + bytes(22)
    return [
        (ETHERNET, frame)
        for frame in (
            ethernet(ipv4(udp(bytes(24)), fragment=0x2000)),
            ethernet(ipv4(bytes(16), fragment=4)),
            ethernet(ipv4(udp(), options=b"\x94\x04\0\0\x07\x07\x04" + bytes(5))),
            ethernet(ipv6(hop_by_hop + destination_options + fragment_header + udp(), 0), _IPV6),
            ethernet(ipv6(b"\x11\0\0\x08\0\0\x12\x34" + bytes(16), 44), _IPV6),
            ethernet(ipv6(routing + authentication + udp(), 43), _IPV6),
            ethernet(ipv4(b"\x06\x04" + bytes(22) + tcp(), 51)),
            ethernet(ipv4(b"\x08\0" + bytes(30), _ICMP)),
            ethernet(ipv6(b"\x80\0" + bytes(30), _ICMPV6), _IPV6),
            ethernet(ipv4(b"\x9c\x40\x0b\x59" + bytes(24), _SCTP)),
            ethernet(ipv4(b"\x9c\x40\x0b\x59\0\0\0\0\x05" + bytes(24), 33)),
            ethernet(ipv4(udp(), 136)),
            ethernet(ipv4(bytes(20), 89)),
            ethernet(ipv6(b"", 59), _IPV6),
            ethernet(ipv4(tcp(b"", 0x02), _TCP)),
            ethernet(b""),
        )
    ]
