"""Records out of well-formed pcap and pcapng files.

Sources: draft-ietf-opsawg-pcap (pcap), draft-ietf-opsawg-pcapng (pcapng), libpcap ``sf-pcap.c`` for the modified pcap
with 24-byte record headers.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import Final

NANOSECONDS: Final = 1_000_000_000
GREATEST_SECOND: Final = 9_000_000_000
"""Later times are set to this second and earlier ones than 1970 to 1970, so that differences fit into 64 bits."""
FINEST_DECIMAL, FINEST_BINARY = 18, 62
"""Greatest exponents of a time resolution; finer ones are taken for these."""

LINK_TYPE_MASK: Final = 0x03FF_FFFF

_SECTION_HEADER, _INTERFACE, _OBSOLETE_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_PACKETS: Final = (_OBSOLETE_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET)
_OPTION_END, _OPTION_RESOLUTION, _OPTION_OFFSET = 0, 9, 14


@dataclass(frozen=True, slots=True)
class Record:
    """One captured frame: time in ns since 1970, link type, length on the wire in bytes, and the captured bytes."""

    time_ns: int
    link_type: int
    wire_length: int
    data: bytes


def read_records(data: bytes) -> tuple[list[Record], Counter[str]]:
    """Read all records of a capture file's bytes, and count what could not be read (``truncated_record``).

    Raises ValueError when the bytes are neither pcap nor pcapng.
    """
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return _read_pcapng(data)
    return _read_pcap(data)


# (byte order, nanoseconds of one fraction unit, bytes of a record header) by the first four bytes of the file
_PCAP_MAGIC: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
}


def _read_pcap(data: bytes) -> tuple[list[Record], Counter[str]]:
    if data[:4] not in _PCAP_MAGIC or len(data) < 24:
        raise ValueError("not a pcap or pcapng file")
    order, unit_ns, header_length = _PCAP_MAGIC[data[:4]]
    link_type = struct.unpack_from(order + "I", data, 20)[0] & LINK_TYPE_MASK
    records: list[Record] = []
    position = 24
    while position < len(data):
        if position + header_length > len(data):
            return records, Counter(truncated_record=1)
        seconds, fraction, captured, original = struct.unpack_from(order + "IIII", data, position)
        start = position + header_length
        if start + captured > len(data):
            return records, Counter(truncated_record=1)
        time_ns = seconds * NANOSECONDS + fraction * unit_ns
        records.append(Record(time_ns, link_type, max(original, captured), data[start : start + captured]))
        position = start + captured
    return records, Counter()


@dataclass(frozen=True, slots=True)
class _Interface:
    link_type: int
    snap_length: int
    units_per_second: int = 1_000_000
    offset_s: int = 0


def _read_pcapng(data: bytes) -> tuple[list[Record], Counter[str]]:
    records: list[Record] = []
    interfaces: list[_Interface] = []
    lost: Counter[str] = Counter()
    order = "<"
    position = 0
    while position < len(data):
        if position + 12 > len(data):
            return records, lost + Counter(truncated_record=1)
        if data[position : position + 4] == b"\x0a\x0d\x0d\x0a":
            order = ">" if data[position + 8 : position + 12] == b"\x1a\x2b\x3c\x4d" else "<"
            interfaces = []
        kind, length = struct.unpack_from(order + "II", data, position)
        if position + length > len(data):
            return records, lost + Counter(truncated_record=1)
        if length < 12:
            raise ValueError(f"pcapng block of {length} bytes")
        body = data[position + 8 : position + length - 4]
        if kind == _INTERFACE:
            interfaces.append(_interface(order, body))
        elif kind in _PACKETS:
            number = _interface_number(order, kind, body)
            if number < len(interfaces):
                last_time_ns = records[-1].time_ns if records else 0
                records.append(_packet(order, kind, body, interfaces[number], last_time_ns))
            else:
                lost["unknown_interface"] += 1
        position += length
    return records, lost


def _interface(order: str, body: bytes) -> _Interface:
    link_type, _, snap_length = struct.unpack_from(order + "HHI", body, 0)
    units_per_second, offset_s = 1_000_000, 0
    position = 8
    while position + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, position)
        value = body[position + 4 : position + 4 + length]
        if code == _OPTION_END:
            break
        if code == _OPTION_RESOLUTION:
            units_per_second = _units_per_second(value[0])
        if code == _OPTION_OFFSET:
            offset_s = struct.unpack(order + "q", value)[0]
        position += 4 + (length + 3) // 4 * 4
    return _Interface(link_type, snap_length, units_per_second, offset_s)


def _units_per_second(resolution: int) -> int:
    if resolution & 0x80:
        return int(2 ** min(resolution & 0x7F, FINEST_BINARY))
    return int(10 ** min(resolution, FINEST_DECIMAL))


def _interface_number(order: str, kind: int, body: bytes) -> int:
    if kind == _SIMPLE_PACKET:
        return 0
    return int(struct.unpack_from(order + ("I" if kind == _ENHANCED_PACKET else "H"), body, 0)[0])


def _packet(order: str, kind: int, body: bytes, interface: _Interface, last_time_ns: int) -> Record:
    if kind == _SIMPLE_PACKET:
        return _simple_packet(order, body, interface, last_time_ns)
    high, low, captured, original = struct.unpack_from(order + "IIII", body, 4)
    time_ns = _time_ns(high << 32 | low, interface)
    return Record(time_ns, interface.link_type, max(original, captured), body[20 : 20 + captured])


def _time_ns(units: int, interface: _Interface) -> int:
    seconds, rest = divmod(units, interface.units_per_second)
    if seconds > GREATEST_SECOND:
        return GREATEST_SECOND * NANOSECONDS
    seconds += interface.offset_s
    if not 0 <= seconds < GREATEST_SECOND:
        return min(max(seconds, 0), GREATEST_SECOND) * NANOSECONDS
    return seconds * NANOSECONDS + rest * NANOSECONDS // interface.units_per_second


def _simple_packet(order: str, body: bytes, interface: _Interface, last_time_ns: int) -> Record:
    original = struct.unpack_from(order + "I", body, 0)[0]
    captured = min(original, len(body) - 4)
    if interface.snap_length:
        captured = min(captured, interface.snap_length)
    return Record(last_time_ns, interface.link_type, max(original, captured), body[4 : 4 + captured])
