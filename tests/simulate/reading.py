"""A slow, obvious reader of the simulator's own captures, to check them without the project's decoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import unpack, unpack_from

Endpoint = tuple[bytes, int]
Key = tuple[Endpoint, Endpoint, int]


@dataclass(frozen=True, slots=True)
class Record:
    """One packet of a capture file."""

    time_ns: int
    frame: bytes
    wire_length: int


def read_pcap(path: Path) -> Iterator[Record]:
    """The records of a pcap file with microseconds in little-endian order."""
    data = path.read_bytes()
    assert unpack_from("<I", data)[0] == 0xA1B2C3D4
    position = 24
    while position < len(data):
        seconds, microseconds, captured, wire = unpack_from("<IIII", data, position)
        position += 16
        yield Record(seconds * 10**9 + microseconds * 1000, data[position : position + captured], wire)
        position += captured


def network(frame: bytes) -> tuple[bytes, bytes, int, bytes]:
    """Source, destination, protocol and what the IP packet carries, without the frame's padding."""
    if frame[12:14] == b"\x08\x00":
        total = unpack("!H", frame[16:18])[0]
        return frame[26:30], frame[30:34], frame[23], frame[34 : 14 + total]
    assert frame[12:14] == b"\x86\xdd"
    length = unpack("!H", frame[18:20])[0]
    return frame[22:38], frame[38:54], frame[20], frame[54 : 54 + length]


def is_fragment(frame: bytes) -> bool:
    """Whether the packet is a piece of a larger one."""
    return frame[12:14] == b"\x08\x00" and bool(unpack("!H", frame[20:22])[0] & 0x3FFF)


def is_later_fragment(frame: bytes) -> bool:
    """Whether the packet is a piece without ports."""
    return frame[12:14] == b"\x08\x00" and bool(unpack("!H", frame[20:22])[0] & 0x1FFF)


def key_of(one: Endpoint, other: Endpoint, protocol: int) -> Key:
    """The 5-tuple without direction."""
    return (*sorted((one, other)), protocol)  # type: ignore[return-value]


def packet_key(frame: bytes) -> Key:
    """The 5-tuple of a packet without direction, ports 0 for ICMP."""
    source, destination, protocol, body = network(frame)
    ports = unpack("!HH", body[:4]) if protocol in (6, 17) else (0, 0)
    return key_of((source, ports[0]), (destination, ports[1]), protocol)


def ones_complement_sum(data: bytes) -> int:
    """RFC 1071, word by word."""
    total = 0
    for index in range(0, len(data) - 1, 2):
        total += data[index] << 8 | data[index + 1]
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksums_hold(frame: bytes) -> bool:
    """Whether the IPv4 header's and the transport's checksums add up."""
    source, destination, protocol, body = network(frame)
    if frame[12:14] == b"\x08\x00" and ones_complement_sum(frame[14:34]) != 0xFFFF:
        return False
    if is_fragment(frame):
        return True
    pseudo = b"" if protocol == 1 else source + destination + len(body).to_bytes(4, "big") + protocol.to_bytes(4, "big")
    return ones_complement_sum(pseudo + body) == 0xFFFF
