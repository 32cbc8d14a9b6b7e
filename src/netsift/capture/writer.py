"""Packets into capture files: pcap for one link type, pcapng for several, times in nanoseconds, bytes as they were.

Formats: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html and draft-ietf-opsawg-pcapng-02.html.
"""

from __future__ import annotations

from pathlib import Path
from struct import Struct
from typing import IO, Final, NamedTuple, Protocol

from netsift.errors import OutputError, UsageError

LONGEST_SNAP: Final = 262_144
"""Bytes of a packet that a file may hold, as its header says; no capture program writes more."""
PCAP_HEADER: Final = Struct("<IHHiIII")
PCAP_RECORD: Final = Struct("<IIII")
MAGIC_MICROSECONDS: Final = 0xA1B2C3D4
MAGIC_NANOSECONDS: Final = 0xA1B23C4D

_NS_PER_S: Final = 1_000_000_000
_LAST_SECOND: Final = (1 << 32) - 1
_SECTION: Final = Struct("<IIIHHqI")
_INTERFACE: Final = Struct("<IIHHIHHBxxxHHI")
_PACKET: Final = Struct("<IIIIIII")
_LENGTH: Final = Struct("<I")
_SECTION_BLOCK: Final = 0x0A0D0D0A
_INTERFACE_BLOCK: Final = 1
_PACKET_BLOCK: Final = 6
_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_TIMESTAMP_RESOLUTION: Final = 9
_NANOSECONDS: Final = 9


class CapturedPacket(NamedTuple):
    """A packet as a capture holds it: ``data`` may be shorter than ``wire_length``."""

    time_ns: int
    link_type: int
    wire_length: int
    data: bytes


class PacketWriter(Protocol):
    """Takes packets one after another."""

    def write(self, packet: CapturedPacket) -> None:
        """Write one packet."""


def pcap_header(link_type: int, snap_length: int = LONGEST_SNAP, *, magic: int = MAGIC_NANOSECONDS) -> bytes:
    """Return the header of a pcap file."""
    return PCAP_HEADER.pack(magic, 2, 4, 0, 0, snap_length, link_type)


def writer_for(name: Path, file: IO[bytes]) -> PacketWriter:
    """Return a writer to an open file in the format that a name's suffix stands for; any but ``.pcap`` is refused.

    Raises:
        UsageError: the suffix is neither ``.pcap`` nor ``.pcapng``.
    """
    if name.suffix.lower() == ".pcap":
        return PcapWriter(file)
    if name.suffix.lower() == ".pcapng":
        return PcapngWriter(file)
    raise UsageError(f"{name}: the suffix must be .pcap or .pcapng")


class PcapWriter:
    """Writes pcap, whose packets all have the link type of the first; nothing is written before there is one."""

    def __init__(self, file: IO[bytes]) -> None:
        """Remember the open file."""
        self._file = file
        self._link_type: int | None = None

    def write(self, packet: CapturedPacket) -> None:
        """Write one packet.

        Raises:
            OutputError: it has another link type than the first one, or a time after 2106.
        """
        if self._link_type is None:
            self._link_type = packet.link_type
            self._file.write(pcap_header(packet.link_type))
        if packet.link_type != self._link_type:
            raise OutputError("the packets have several link types, which one .pcap cannot hold; write to a .pcapng")
        second, nanosecond = divmod(packet.time_ns, _NS_PER_S)
        if not 0 <= second <= _LAST_SECOND:
            raise OutputError("a packet has a time that a .pcap cannot hold; write to a .pcapng")
        self._file.write(PCAP_RECORD.pack(second, nanosecond, len(packet.data), packet.wire_length) + packet.data)


class PcapngWriter:
    """Writes pcapng, with one interface for each link type; nothing is written before there is a packet."""

    def __init__(self, file: IO[bytes]) -> None:
        """Remember the open file."""
        self._file = file
        self._interfaces: dict[int, int] = {}

    def write(self, packet: CapturedPacket) -> None:
        """Write one packet, and before the first of its link type the description of an interface."""
        if not self._interfaces:
            size = _SECTION.size
            self._file.write(_SECTION.pack(_SECTION_BLOCK, size, _BYTE_ORDER_MAGIC, 1, 0, -1, size))
        number = self._interfaces.get(packet.link_type)
        if number is None:
            number = self._interfaces[packet.link_type] = len(self._interfaces)
            self._file.write(_interface(packet.link_type))
        padding = b"\0" * (-len(packet.data) % 4)
        size = _PACKET.size + len(packet.data) + len(padding) + _LENGTH.size
        high, low = divmod(packet.time_ns & ((1 << 64) - 1), 1 << 32)
        head = _PACKET.pack(_PACKET_BLOCK, size, number, high, low, len(packet.data), packet.wire_length)
        self._file.write(head + packet.data + padding + _LENGTH.pack(size))


def _interface(link_type: int) -> bytes:
    size = _INTERFACE.size
    return _INTERFACE.pack(
        _INTERFACE_BLOCK, size, link_type, 0, LONGEST_SNAP, _TIMESTAMP_RESOLUTION, 1, _NANOSECONDS, 0, 0, size
    )
