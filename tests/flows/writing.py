"""Records into capture files, so that a test can choose every byte and time."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.naive import Record


def pcap(records: Sequence[Record], *, link_type: int = 1) -> bytes:
    """Return a little-endian pcap file with times in ns; all records must have ``link_type``."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, link_type)]
    for record in records:
        assert record.link_type == link_type
        seconds, fraction = divmod(record.time_ns, 1_000_000_000)
        parts.append(struct.pack("<IIII", seconds, fraction, len(record.data), record.wire_length) + record.data)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return a pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    """Return a pcapng section header block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int, *options: tuple[int, bytes], order: str = "<", snap_length: int = 0) -> bytes:
    """Return a pcapng interface description block."""
    body = struct.pack(order + "HHI", link_type, 0, snap_length)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    return block(1, body, order)


def pcapng(records: Sequence[Record]) -> bytes:
    """Return a pcapng file with times in ns, one interface per link type, any mixture of them."""
    link_types = sorted({record.link_type for record in records})
    parts = [section(), *(interface(link_type, (9, b"\x09")) for link_type in link_types)]
    for record in records:
        high, low = divmod(record.time_ns, 1 << 32)
        number = link_types.index(record.link_type)
        header = struct.pack("<IIIII", number, high, low, len(record.data), record.wire_length)
        parts.append(block(6, header + record.data))
    return b"".join(parts)


def ethernet(payload: bytes, ether_type: int = 0x0800) -> bytes:
    """Return an Ethernet frame between zero addresses."""
    return bytes(12) + struct.pack(">H", ether_type) + payload


def ipv4(
    payload: bytes, protocol: int, ends: tuple[int, int] = (1, 2), *, fragment: int = 0, identification: int = 7,
    time_to_live: int = 64, traffic_class: int = 0,
) -> bytes:  # fmt: skip
    """Return an IPv4 packet between 10.0.0.``ends``; ``fragment`` is the field of flags and offset."""
    length = 20 + len(payload)
    header = struct.pack(">BBHHHBBH", 0x45, traffic_class, length, identification, fragment, time_to_live, protocol, 0)
    return header + b"".join(bytes((10, 0, 0, end)) for end in ends) + payload


def ipv6(
    payload: bytes, protocol: int, ends: tuple[int, int] = (1, 2), *, hop_limit: int = 64, traffic_class: int = 0
) -> bytes:
    """Return an IPv6 packet between fd00::``ends``."""
    header = struct.pack(">IHBB", 0x60000000 | traffic_class << 20, len(payload), protocol, hop_limit)
    return header + b"".join(b"\xfd" + bytes(14) + bytes((end,)) for end in ends) + payload


def tcp(
    flags: int, ports: tuple[int, int] = (1024, 80), payload: bytes = b"", *, sequence: int = 0, window: int = 512
) -> bytes:
    """Return a TCP segment without options."""
    return struct.pack(">HHIIBBHHH", *ports, sequence, 0, 0x50, flags, window, 0, 0) + payload


def udp(payload: bytes, ports: tuple[int, int] = (1024, 9)) -> bytes:
    """Return a UDP datagram."""
    return struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload


def frames(datas: Sequence[bytes], step_ns: int = 1_000_000, start_ns: int = 10**18) -> list[Record]:
    """Return whole Ethernet records, ``step_ns`` apart."""
    return [Record(start_ns + number * step_ns, 1, len(data), data) for number, data in enumerate(datas)]
