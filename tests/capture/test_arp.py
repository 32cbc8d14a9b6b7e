"""What ARP packets say comes out in the order of time, bounded and counted, however the captures are read."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.capture.arp import ArpLog, arp_addresses, arp_bodies
from netsift.kernels.layout import ARP_OBSERVATION, RECORD
from netsift.sources.captures import CaptureSettings
from netsift.sources.flows import read_flows
from netsift.sources.statistics import ReadStatistics
from tests.detectors.arp.cases import polling, sweep
from tests.detectors.arp.traffic import Segment, capture_of, frame
from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.naive import Record
from tests.naive.arp import observe_all


def observations(*times_ns: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return observations at these times."""
    made = np.zeros(len(times_ns), ARP_OBSERVATION)
    made["time_ns"] = times_ns
    return made


def mixed(segment: Segment) -> list[Record]:
    """Return the frames of a network among other traffic, in the order of time."""
    records = [Record(packet.time_ns, 1, 42, frame(packet)) for packet in segment.packets]
    return sorted([*records, *busy(3000)], key=lambda record: record.time_ns)


def read(paths: list[Path], threads: int, log: ArpLog) -> ReadStatistics:
    """Read captures to their end."""
    statistics = ReadStatistics()
    for _ in read_flows([*paths], CaptureSettings(threads=threads, arp=log), statistics):
        pass
    return statistics


def test_what_is_taken_is_in_the_order_of_time_and_comes_once() -> None:
    log = ArpLog()
    log.add(observations(5, 3, 9))
    log.add(observations(4, 20))
    assert log.take(8)["time_ns"].tolist() == [3, 4, 5]
    log.add(observations(7, 10))
    assert log.waiting == 4
    assert log.take()["time_ns"].tolist() == [7, 9, 10, 20]
    assert len(log.take()) == log.waiting == 0
    assert (log.observed, log.lost) == (7, 0)


def test_what_finds_no_room_is_counted_and_half_the_room_is_never_held_back() -> None:
    log = ArpLog(6)
    log.add(observations(1, 2))
    assert len(log.take(0)) == 0
    log.add(observations(3, 4, 5, 6, 7), lost=2)
    assert (log.observed, log.lost, log.waiting) == (9, 3, 6)
    assert log.take(0)["time_ns"].tolist() == [1, 2, 3, 4, 5, 6]
    log.add(observations(8))
    assert log.waiting == 1


def test_what_is_added_is_a_copy() -> None:
    log, made = ArpLog(), observations(1)
    log.add(made)
    made["time_ns"] = 9
    assert log.take()["time_ns"].tolist() == [1]


def test_two_threads() -> None:
    log, taken = ArpLog(), 0

    def add() -> None:
        for _ in range(2000):
            log.add(observations(*range(10)))

    adding = threading.Thread(target=add)
    adding.start()
    while adding.is_alive():
        taken += len(log.take())
    adding.join()
    assert taken + len(log.take()) == log.observed == 20_000


@pytest.mark.parametrize("threads", [1, 2])
def test_a_capture_gives_what_its_packets_say_and_the_same_flows(threads: int, tmp_path: Path) -> None:
    records = mixed(polling())
    path = tmp_path / "mixed.pcap"
    path.write_bytes(pcap(records))
    log = ArpLog()
    statistics = read([path], threads, log)
    said = observe_all(records)
    assert [tuple(row) for row in log.take().tolist()] == [tuple(one) for one in said]
    assert log.observed == len(said) == len(polling().packets) > 500
    assert log.lost == 0
    without = ReadStatistics()
    for _ in read_flows(path, CaptureSettings(threads=threads), without):
        pass
    assert statistics.as_dictionary() == without.as_dictionary()


@pytest.mark.parametrize("threads", [1, 2])
def test_overlapping_captures_come_out_as_one(threads: int, tmp_path: Path) -> None:
    records = mixed(polling())
    paths = [tmp_path / f"{number}.pcap" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(pcap(records[number::3]))
    log = ArpLog()
    read(paths, threads, log)
    assert sorted(map(tuple, log.take().tolist())) == sorted(map(tuple, observe_all(records)))


def test_a_capture_of_nothing_else(tmp_path: Path) -> None:
    log = ArpLog()
    segment = sweep(20_000, every_s=0.0001)
    statistics = read([capture_of(segment.ordered(), tmp_path / "arp.pcap")], 2, log)
    assert log.observed == statistics.capture.packets_read == statistics.capture.skipped["arp"] > 20_000
    assert (log.lost, statistics.flows) == (0, 0)


def test_settings_without_a_log_write_nothing_down(tmp_path: Path) -> None:
    path = capture_of(polling().ordered(), tmp_path / "arp.pcap")
    settings = CaptureSettings(threads=1)
    assert settings.arp is None
    assert list(read_flows(path, replace(settings, arp=None))) == []


@pytest.mark.parametrize("link_type", [1, 113, 276])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_records_of_arp_packets_are_found_as_slowly(link_type: int, seed: int) -> None:
    chance = random.Random(seed)
    headers = {1: (12, b""), 113: (14, b""), 276: (0, bytes(18))}
    before, behind = headers[link_type]
    data, made, expected = bytearray(), [], []
    for _ in range(chance.randrange(1, 30)):
        tags = chance.choice((0, 0, 1, 2, 3))
        kind = chance.choice((0x0806, 0x0806, 0x0800))
        tag = b"".join(chance.choice((b"\x81\x00", b"\x88\xa8")) + b"\x00\x07" for _ in range(tags))
        types = (tag + kind.to_bytes(2, "big")) if link_type != 276 else b""
        if link_type == 276:
            types, tags = kind.to_bytes(2, "big"), 0
        body = chance.randbytes(28)
        frame_ = bytes(before) + types + behind + body
        cut = frame_[: len(frame_) - chance.choice((0, 0, 0, 1, 20, 40))]
        data += chance.randbytes(chance.randrange(4))
        offset = len(data)
        made.append((0, offset, len(cut), len(frame_), link_type))
        data += cut
        if kind == 0x0806 and tags <= 2 and cut == frame_:
            expected.append((offset + len(frame_) - 28, body[14:18], body[24:28]))
    records = np.array(made, RECORD)
    buffer = np.frombuffer(bytes(data), np.uint8)
    bodies = arp_bodies(buffer, records)
    assert bodies[bodies >= 0].tolist() == [place for place, _, _ in expected]
    senders, targets = arp_addresses(buffer, records[bodies >= 0])
    assert senders.tolist() == [int.from_bytes(sender, "big") for _, sender, _ in expected]
    assert targets.tolist() == [int.from_bytes(target, "big") for _, _, target in expected]
