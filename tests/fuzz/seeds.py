"""Small good captures in every container format, with the places where their records and length fields lie."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from tests.fuzz import frames
from tests.fuzz.frames import Frame

START_S: Final = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Seed:
    """A good capture: its bytes, where each packet record begins and ends, and where its length fields are.

    ``wrapper`` is ``gzip`` or ``zstd`` for compressed bytes, whose records are not at places of their own.
    """

    name: str
    data: bytes
    records: tuple[tuple[int, int], ...] = ()
    length_fields: tuple[int, ...] = ()
    big_endian: bool = False
    wrapper: str = ""


@dataclass(slots=True)
class Builder:
    """Collects the bytes of a capture and remembers where its records and lengths are."""

    order: str
    data: bytearray = field(default_factory=bytearray)
    records: list[tuple[int, int]] = field(default_factory=list)
    length_fields: list[int] = field(default_factory=list)

    def seed(self, name: str) -> Seed:
        """Return the finished capture."""
        return Seed(name, bytes(self.data), tuple(self.records), tuple(self.length_fields), self.order == ">")

    def pcap_header(self, magic: int, link_type: int) -> None:
        """Append a pcap file header."""
        self.data += struct.pack(self.order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)

    def pcap_record(self, number: int, frame: bytes, padding: bytes = b"") -> None:
        """Append a pcap record; ``padding`` is what the modified format has behind the common header."""
        start = len(self.data)
        self.data += struct.pack(
            self.order + "IIII", START_S + number // 4, number * 977 % 1_000_000, len(frame), len(frame)
        )
        self.data += padding + frame
        self.records.append((start, len(self.data)))
        self.length_fields += [start + 8, start + 12]

    def block(self, kind: int, body: bytes, *, packet: bool = False, captured_at: int = 0) -> None:
        """Append a pcapng block; ``captured_at`` is where a packet's captured length lies in the body."""
        start = len(self.data)
        body += bytes(-len(body) % 4)
        length = 12 + len(body)
        self.data += struct.pack(self.order + "II", kind, length) + body + struct.pack(self.order + "I", length)
        self.length_fields += [start + 4, len(self.data) - 4]
        if packet:
            self.records.append((start, len(self.data)))
            self.length_fields.append(start + 8 + captured_at)

    def section(self) -> None:
        """Append a section header."""
        self.block(0x0A0D0D0A, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1))

    def interface(self, link_type: int, resolution: int | None = None, offset_s: int | None = None) -> None:
        """Append an interface description with a name, and a time resolution and offset where given."""
        options = self.option(2, b"eth0")
        if resolution is not None:
            options += self.option(9, bytes((resolution,)))
        if offset_s is not None:
            options += self.option(14, struct.pack(self.order + "q", offset_s))
        self.block(1, struct.pack(self.order + "HHI", link_type, 0, 0) + options + self.option(0, b""))

    def option(self, code: int, value: bytes) -> bytes:
        """Return a pcapng option."""
        return struct.pack(self.order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    def enhanced_packet(self, number: int, frame: bytes, interface: int = 0, ticks_per_s: int = 1_000_000) -> None:
        """Append an enhanced packet block with an option."""
        ticks = START_S * ticks_per_s + number * ticks_per_s // 1000
        head = struct.pack(self.order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        options = self.option(2, struct.pack(self.order + "I", 1)) + self.option(0, b"") if number % 3 == 0 else b""
        self.block(6, head + frame + bytes(-len(frame) % 4) + options, packet=True, captured_at=12)

    def obsolete_packet(self, number: int, frame: bytes) -> None:
        """Append an obsolete packet block."""
        ticks = START_S * 1_000_000 + number * 1000
        head = struct.pack(self.order + "HHIIII", 0, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        self.block(2, head + frame, packet=True, captured_at=12)

    def simple_packet(self, frame: bytes) -> None:
        """Append a simple packet block."""
        self.block(3, struct.pack(self.order + "I", len(frame)) + frame, packet=True)


def pcap(name: str, packets: list[Frame], *, order: str = "<", magic: int = 0xA1B2C3D4) -> Seed:
    """Return a pcap file; the first frame's link type is the file's."""
    builder = Builder(order)
    builder.pcap_header(magic, packets[0][0])
    for number, (_, frame) in enumerate(packets):
        builder.pcap_record(number, frame, bytes(8) if magic == 0xA1B2CD34 else b"")
    return builder.seed(name)


def pcapng(name: str, packets: list[Frame], *, order: str = "<") -> Seed:
    """Return a pcapng file with one interface per link type, described before the first packet."""
    builder = Builder(order)
    builder.section()
    link_types = list(dict.fromkeys(link_type for link_type, _ in packets))
    for number, link_type in enumerate(link_types):
        builder.interface(link_type, 9 if number % 2 else None)
    for number, (link_type, frame) in enumerate(packets):
        interface = link_types.index(link_type)
        builder.enhanced_packet(number, frame, interface, 1_000_000_000 if interface % 2 else 1_000_000)
    return builder.seed(name)


def _every_block(order: str) -> Seed:
    builder = Builder(order)
    packets = [frame for _, frame in frames.conversation(12)]
    builder.section()
    builder.interface(frames.ETHERNET, 6, 3600)
    builder.block(4, struct.pack(order + "HH", 0, 0))
    for number, frame in enumerate(packets[:4]):
        builder.enhanced_packet(number, frame)
    builder.block(5, struct.pack(order + "III", 0, 0, 0))
    for number, frame in enumerate(packets[4:8]):
        builder.obsolete_packet(number, frame)
    builder.block(0x0BAD, b"custom data")
    builder.block(10, struct.pack(order + "II", 0x544C534B, 8) + b"CLIENT_R")
    for frame in packets[8:]:
        builder.simple_packet(frame)
    builder.section()
    builder.interface(frames.RAW, 0x8A)
    builder.enhanced_packet(1, frames.ipv4(frames.udp()), 0, 1024)
    return builder.seed(f"blocks{order}")


def plain_seeds() -> list[Seed]:
    """Return the captures that are not compressed."""
    conversation = frames.conversation(12)
    result = [
        pcap("microseconds<", conversation),
        pcap("microseconds>", conversation, order=">"),
        pcap("nanoseconds<", conversation, magic=0xA1B23C4D),
        pcap("nanoseconds>", conversation, order=">", magic=0xA1B23C4D),
        pcap("modified<", conversation, magic=0xA1B2CD34),
        pcap("encapsulations", frames.encapsulations()),
        pcap("network", frames.network_oddities(), order=">"),
        pcapng("conversation<", conversation),
        pcapng("conversation>", conversation, order=">"),
        pcapng("links<", frames.link_types()),
        pcapng("links>", frames.link_types(), order=">"),
        pcapng("network-ng", frames.network_oddities() + frames.encapsulations()),
        _every_block("<"),
        _every_block(">"),
    ]
    result += [pcap(f"link{link_type}", [(link_type, frame)] * 3) for link_type, frame in frames.link_types()]
    return result


def compressed_seeds() -> list[Seed]:
    """Return gzip and zstd files of captures, one of them with two gzip members."""
    seed = pcap("long", frames.conversation(40))
    half = seed.records[20][0]
    members = gzip.compress(seed.data[:half], mtime=0) + gzip.compress(seed.data[half:], mtime=0)
    return [
        Seed("gzip", gzip.compress(seed.data, mtime=0), wrapper="gzip"),
        Seed("gzip-members", members, wrapper="gzip"),
        Seed("zstd", pa.Codec("zstd").compress(seed.data, asbytes=True), wrapper="zstd"),
    ]
