"""Frames as bytes: Ethernet, IPv4 and IPv6, TCP, UDP and ICMP, with right lengths and checksums.

A checksum is minus the sum of the 16-bit words modulo 65535 (RFC 1071). Because 65536 is 1 modulo 65535, that sum is
the whole text read as one big number, modulo 65535: two fast operations of Python instead of a loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

FIN: Final = 1
SYN: Final = 2
RST: Final = 4
PSH: Final = 8
ACK: Final = 16
ECE: Final = 64
CWR: Final = 128

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMP6: Final = 58

SMALLEST_FRAME_BYTES: Final = 60  # IEEE 802.3 without the check sequence; shorter frames are padded
FRAGMENT_PAYLOAD_BYTES: Final = 1480  # largest multiple of 8 within an MTU of 1500 behind an IPv4 header

_IPV4: Final = Struct("!BBHHHBBH4s4s")
_IPV6: Final = Struct("!IHBB16s16s")
_TCP: Final = Struct("!HHIIHHHH")
_UDP: Final = Struct("!HHHH")
_ICMP: Final = Struct("!BBHI")
_DO_NOT_FRAGMENT: Final = 0x4000
_MORE_FRAGMENTS: Final = 0x2000


def word_sum(data: bytes) -> int:
    """Sum of the big-endian 16-bit words of ``data`` modulo 65535; an odd last byte counts as the upper half."""
    if len(data) & 1:
        return (int.from_bytes(data, "big") << 8) % 65535
    return int.from_bytes(data, "big") % 65535


class Sender:
    """Builds the frames that travel from one address to another.

    Addresses are 4 bytes (IPv4) or 16 (IPv6). ``time_to_live`` is what is left of it where the capture is taken.
    """

    __slots__ = (
        "_addresses",
        "_identification",
        "_ip_sum",
        "_link",
        "_pseudo_sum",
        "_time_to_live",
        "_traffic_class",
        "version",
    )

    def __init__(
        self,
        link: bytes,
        source: bytes,
        destination: bytes,
        time_to_live: int,
        identification: int = 0,
        traffic_class: int = 0,
    ) -> None:
        self.version = 4 if len(source) == 4 else 6
        self._link = link + (b"\x08\x00" if self.version == 4 else b"\x86\xdd")
        self._addresses = (source, destination)
        self._time_to_live = time_to_live
        self._identification = identification
        self._traffic_class = traffic_class
        self._pseudo_sum = word_sum(source + destination)
        self._ip_sum = self._pseudo_sum + 0x4500 + traffic_class + (time_to_live << 8)

    def _ipv4(self, protocol: int, length: int, fragment: int) -> bytes:
        total = 20 + length
        identification = self._identification
        checksum = -(self._ip_sum + total + identification + fragment + protocol) % 65535
        source, destination = self._addresses
        return _IPV4.pack(
            0x45,
            self._traffic_class,
            total,
            identification,
            fragment,
            self._time_to_live,
            protocol,
            checksum,
            source,
            destination,
        )

    def _frame(self, protocol: int, header: bytes, payload: bytes) -> bytes:
        length = len(header) + len(payload)
        if self.version == 4:
            self._identification = (self._identification + 1) & 0xFFFF
            frame = b"".join((self._link, self._ipv4(protocol, length, _DO_NOT_FRAGMENT), header, payload))
        else:
            source, destination = self._addresses
            first = 0x60000000 | self._traffic_class << 20
            network = _IPV6.pack(first, length, protocol, self._time_to_live, source, destination)
            frame = b"".join((self._link, network, header, payload))
        return frame if len(frame) >= SMALLEST_FRAME_BYTES else frame.ljust(SMALLEST_FRAME_BYTES, b"\0")

    def tcp(
        self,
        ports: tuple[int, int],
        sequence: int,
        acknowledgement: int,
        flags: int,
        window: int,
        options: bytes = b"",
        payload: bytes = b"",
    ) -> bytes:
        """A TCP segment (RFC 9293); ``options`` is padded to whole words already."""
        source, destination = ports
        offset_flags = (20 + len(options)) << 10 | flags
        total = (
            self._pseudo_sum
            + TCP
            + 20
            + len(options)
            + len(payload)
            + source
            + destination
            + sequence
            + acknowledgement
        )
        total += offset_flags + window
        if options:
            total += int.from_bytes(options, "big")
        if payload:
            total += word_sum(payload)
        header = _TCP.pack(source, destination, sequence, acknowledgement, offset_flags, window, -total % 65535, 0)
        return self._frame(TCP, header + options, payload)

    def _udp_header(self, ports: tuple[int, int], payload: bytes) -> bytes:
        length = 8 + len(payload)
        total = self._pseudo_sum + UDP + 2 * length + ports[0] + ports[1] + word_sum(payload)
        return _UDP.pack(*ports, length, -total % 65535 or 0xFFFF)

    def udp(self, ports: tuple[int, int], payload: bytes) -> bytes:
        """A UDP datagram in one packet (RFC 768)."""
        return self._frame(UDP, self._udp_header(ports, payload), payload)

    def udp_fragments(self, ports: tuple[int, int], payload: bytes) -> Iterator[bytes]:
        """A UDP datagram cut into IPv4 fragments where it exceeds the MTU (RFC 791 section 3.2)."""
        if self.version == 6 or len(payload) + 8 <= FRAGMENT_PAYLOAD_BYTES:
            yield self.udp(ports, payload)
            return
        datagram = self._udp_header(ports, payload) + payload
        self._identification = (self._identification + 1) & 0xFFFF
        for start in range(0, len(datagram), FRAGMENT_PAYLOAD_BYTES):
            piece = datagram[start : start + FRAGMENT_PAYLOAD_BYTES]
            more = _MORE_FRAGMENTS if start + len(piece) < len(datagram) else 0
            frame = self._link + self._ipv4(UDP, len(piece), more | start // 8) + piece
            yield frame.ljust(SMALLEST_FRAME_BYTES, b"\0")

    def icmp(self, kind: int, code: int, rest: int, payload: bytes) -> bytes:
        """An ICMP message (RFC 792) or, over IPv6, ICMPv6 (RFC 4443); ``rest`` is the header's last four bytes."""
        total = (kind << 8) + code + rest + word_sum(payload)
        if self.version == 6:
            total += self._pseudo_sum + ICMP6 + 8 + len(payload)
        # Of all messages only the all-zero one has a sum of 0, whose complement is 0xFFFF and not 0.
        header = _ICMP.pack(kind, code, -total % 65535 if total else 0xFFFF, rest)
        return self._frame(ICMP if self.version == 4 else ICMP6, header, payload)
