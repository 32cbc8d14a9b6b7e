"""The captures that the benchmark reads, built once from real or simulated ones and kept.

A large capture is made of replicas: every base capture is repeated with other addresses (one 16-bit key per replica,
XORed into every IP address of it, so that a host keeps its address through a replica) and another start time, and all
are merged in time order. Everything random comes from one seed.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from tests.naive.containers import Record, read_records

Array = np.ndarray[Any, Any]

SEED: Final = 7
ETHERNET: Final = 1
LONGEST_NS: Final = 600 * 1_000_000_000
"""Of a longer base capture only the packets of the first ten minutes are used."""
SECONDS_PER_REPLICA: Final = 120
"""How far apart replicas start on average: the number of live flows does not depend on how many replicas there are."""

_START_S: Final = 1_700_000_000
_RECORD_HEADER: Final = 16
_RECORDS_AT_ONCE: Final = 65_536
_FILE_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, ETHERNET)
_IPV4: Final = b"\x08\x00"
_IPV6: Final = b"\x86\xdd"
_VLAN: Final = b"\x81\x00"


@dataclass(frozen=True, slots=True)
class Base:
    """The packets of all base captures, ready to be repeated.

    ``records`` holds pcap records (header and captured bytes); beside them stand, one entry per record, the time since
    the first packet of its capture in ns, the number of its capture, and the two places in the record whose two bytes
    a replica changes (0 where the packet has no IP address).
    """

    records: list[bytes]
    times_ns: Array
    captures: Array
    places: Array


def base_traffic(files: Iterable[Path]) -> Base:
    """Read the Ethernet packets of captures; raises ValueError for a file that is none, or when there is no packet."""
    records: list[bytes] = []
    times_ns: list[int] = []
    captures: list[int] = []
    places: list[tuple[int, int]] = []
    for number, file in enumerate(files):
        for time_ns, packet in _first_minutes(file):
            records.append(struct.pack("<IIII", 0, 0, len(packet.data), packet.wire_length) + packet.data)
            times_ns.append(time_ns)
            captures.append(number)
            places.append(_address_places(packet.data))
    if not records:
        raise ValueError("the base captures hold no Ethernet packet")
    return Base(records, np.array(times_ns, np.int64), np.array(captures), np.array(places, np.int64))


def _first_minutes(file: Path) -> Iterator[tuple[int, Record]]:
    data = file.read_bytes()
    if file.suffix == ".gz":
        data = gzip.decompress(data)
    packets = [packet for packet in read_records(data)[0] if packet.link_type == ETHERNET and packet.data]
    first_ns = packets[0].time_ns if packets else 0
    for packet in packets:
        if 0 <= packet.time_ns - first_ns <= LONGEST_NS:
            yield packet.time_ns - first_ns, packet


def _address_places(frame: bytes) -> tuple[int, int]:
    network = 18 if frame[12:14] == _VLAN else 14
    kind = frame[network - 2 : network]
    start = _RECORD_HEADER + network
    if kind == _IPV4 and len(frame) >= network + 20:
        return start + 13, start + 17
    if kind == _IPV6 and len(frame) >= network + 40:
        return start + 12, start + 28
    return 0, 0


def write_replicas(base: Base, path: Path, packets: int) -> int:
    """Write a capture of whole replicas with at least ``packets`` packets, and return how many it has."""
    count = len(base.records)
    replicas = -(-packets // count)
    generator = np.random.default_rng(SEED)
    keys = generator.permutation(np.arange(1, 1 << 16, dtype=np.uint16))[:replicas]
    keys[0] = 0
    starts = generator.integers(0, replicas * SECONDS_PER_REPLICA * 1_000_000_000, (replicas, base.captures.max() + 1))
    times_ns = (base.times_ns[None, :] + starts[:, base.captures]).ravel()
    order = np.argsort(times_ns, kind="stable")
    with path.open("wb") as output:
        output.write(_FILE_HEADER)
        for begin in range(0, len(order), _RECORDS_AT_ONCE):
            chosen = order[begin : begin + _RECORDS_AT_ONCE]
            output.write(_replicated(base, chosen % count, times_ns[chosen], keys[chosen // count]))
    return len(order)


def _replicated(base: Base, numbers: Array, times_ns: Array, keys: Array) -> bytearray:
    """Return the pcap records of the base packets ``numbers`` at new times, their addresses XORed with ``keys``."""
    records = [base.records[number] for number in numbers]
    data = bytearray().join(records)
    content = np.frombuffer(data, np.uint8)
    lengths = np.fromiter(map(len, records), np.int64, len(records))
    starts = np.cumsum(lengths) - lengths
    microseconds = times_ns // 1000
    stamps = np.stack([_START_S + microseconds // 1_000_000, microseconds % 1_000_000], axis=1).astype("<u4")
    content[starts[:, None] + np.arange(8)] = stamps.view(np.uint8)
    masks = keys.astype("<u2")[:, None].view(np.uint8)
    places = base.places[numbers]
    addressed = places[:, 0] > 0
    for place in places[addressed].T:
        content[(starts[addressed] + place)[:, None] + np.arange(2)] ^= masks[addressed]
    return data


def write_flood(path: Path, flows: int) -> None:
    """Write ``flows`` TCP SYNs of 60 bytes, each from another address, 100,000 a second, to one web server."""
    record = np.dtype([("time", "<u4", 2), ("lengths", "<u4", 2), ("frame", np.uint8, 60)])
    header = struct.pack(">BBHHHBBHI4s", 0x45, 0, 44, 0, 0, 64, 6, 0, 0, bytes([203, 0, 113, 80]))
    segment = struct.pack(">HHIIBBHHHH2s", 0, 80, 0, 0, 0x60, 2, 64_240, 0, 0, 0x0204, b"\x05\xb4")
    frame = bytes(12) + _IPV4 + header + segment + bytes(2)
    numbers = np.arange(flows, dtype=np.uint64)
    # An odd factor makes this a permutation of the 32-bit numbers: no address comes twice.
    sources = (numbers * np.uint64(2_654_435_761) & np.uint64(0xFFFF_FFFF)).astype(">u4")
    ports = np.random.default_rng(SEED).integers(1024, 65_536, flows).astype(">u2")
    packets = np.zeros(flows, record)
    packets["time"] = np.stack([_START_S + numbers // 100_000, numbers % 100_000 * 10], axis=1)
    packets["lengths"] = len(frame)
    packets["frame"] = np.frombuffer(frame, np.uint8)
    packets["frame"][:, 26:30] = sources[:, None].view(np.uint8)
    packets["frame"][:, 34:36] = ports[:, None].view(np.uint8)
    path.write_bytes(_FILE_HEADER + packets.tobytes())


def copy_first(source: Path, target: Path, packets: int) -> None:
    """Copy the first packets of a capture that this module wrote."""
    with source.open("rb") as stream, target.open("wb") as output:
        output.write(stream.read(len(_FILE_HEADER)))
        _copy_records(stream, output, packets)


def split_evenly(source: Path, folder: Path, packets: int, files: int) -> None:
    """Cut a capture of ``packets`` packets into ``files`` captures of successive times."""
    folder.mkdir(parents=True, exist_ok=True)
    share = -(-packets // files)
    with source.open("rb") as stream:
        stream.seek(len(_FILE_HEADER))
        for number in range(files):
            with (folder / f"{number:04}.pcap").open("wb") as output:
                output.write(_FILE_HEADER)
                _copy_records(stream, output, share)


def _copy_records(stream: BinaryIO, output: BinaryIO, packets: int) -> None:
    for _ in range(packets):
        header = stream.read(_RECORD_HEADER)
        if len(header) < _RECORD_HEADER:
            return
        output.write(header + stream.read(struct.unpack_from("<I", header, 8)[0]))
