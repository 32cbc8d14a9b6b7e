"""The captures that the benchmark builds."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from benchmarks import traffic
from tests.naive.containers import Record, read_records

SECOND = 1_000_000_000


def frame(source: str, destination: str) -> bytes:
    """Return an Ethernet frame with an empty UDP packet over IPv4."""
    addresses = b"".join(bytes(int(part) for part in address.split(".")) for address in (source, destination))
    header = struct.pack(">BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + addresses
    return bytes(12) + b"\x08\x00" + header + struct.pack(">HHHH", 53, 53, 8, 0)


def capture(path: Path, records: list[tuple[int, bytes]]) -> Path:
    """Write (time in ns, frame) pairs as a pcap file."""
    pieces = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)]
    for time_ns, data in records:
        pieces += (struct.pack("<IIII", time_ns // SECOND, time_ns % SECOND // 1000, len(data), len(data)), data)
    path.write_bytes(b"".join(pieces))
    return path


def records_of(path: Path) -> list[Record]:
    """Read a pcap file that must be whole."""
    records, problems = read_records(path.read_bytes())
    assert not problems
    return records


@pytest.fixture
def base(tmp_path: Path) -> traffic.Base:
    """Two captures: a question with its answer and a late packet, and an ARP frame."""
    ask, answer = frame("10.0.0.1", "10.0.0.2"), frame("10.0.0.2", "10.0.0.1")
    late = (1000 * SECOND + traffic.LONGEST_NS + 1000, ask)
    talk = capture(tmp_path / "talk.pcap", [(1000 * SECOND, ask), (1001 * SECOND, answer), late])
    arp = capture(tmp_path / "arp.pcap", [(5 * SECOND, bytes(12) + b"\x08\x06" + bytes(28))])
    return traffic.base_traffic([talk, arp])


def test_only_the_first_minutes_are_used(base: traffic.Base) -> None:
    assert base.times_ns.tolist() == [0, SECOND, 0]
    assert base.captures.tolist() == [0, 0, 1]


def test_replicas_are_in_time_order_and_keep_conversations_together(base: traffic.Base, tmp_path: Path) -> None:
    path = tmp_path / "replicas.pcap"
    assert traffic.write_replicas(base, path, 100) == 102
    records = records_of(path)
    times = [record.time_ns for record in records]
    assert times == sorted(times)
    assert len(times) == 102
    ends = [(record.data[26:30], record.data[30:34]) for record in records if record.data[12:14] == b"\x08\x00"]
    conversations = {frozenset(pair) for pair in ends}
    assert len(conversations) == 34
    assert all(ends.count((one, other)) == ends.count((other, one)) == 1 for one, other in map(tuple, conversations))
    assert all(address[0] == 10 for pair in ends for address in pair)


def test_the_same_seed_writes_the_same_bytes(base: traffic.Base, tmp_path: Path) -> None:
    first, second = tmp_path / "first.pcap", tmp_path / "second.pcap"
    traffic.write_replicas(base, first, 50)
    traffic.write_replicas(base, second, 50)
    assert first.read_bytes() == second.read_bytes()


def test_captures_without_ethernet_packets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no Ethernet packet"):
        traffic.base_traffic([capture(tmp_path / "empty.pcap", [])])


def test_every_flow_of_the_flood_has_its_own_source(tmp_path: Path) -> None:
    path = tmp_path / "flood.pcap"
    traffic.write_flood(path, 5000)
    records = records_of(path)
    assert len({record.data[26:30] for record in records}) == 5000
    assert all(len(record.data) == record.wire_length == 60 for record in records)
    assert np.all(np.diff([record.time_ns for record in records]) == 10_000)


def test_parts_of_a_split_are_the_whole(base: traffic.Base, tmp_path: Path) -> None:
    whole, first = tmp_path / "whole.pcap", tmp_path / "first.pcap"
    count = traffic.write_replicas(base, whole, 20)
    traffic.split_evenly(whole, tmp_path / "parts", count, 4)
    parts = [record for part in sorted((tmp_path / "parts").iterdir()) for record in records_of(part)]
    assert parts == records_of(whole)
    traffic.copy_first(whole, first, 5)
    assert records_of(first) == parts[:5]
