"""The ring of packets: bounded, whole packets only, and evidence as out of a capture."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netsift.capture.writer import CapturedPacket
from netsift.errors import InputError, StoreError
from netsift.sources.slices import chosen_packets
from netsift.sources.statistics import ReadStatistics
from netsift.store import packets as ring_module
from netsift.store.packets import SMALLEST_RING, PacketRing, evidence, segments
from tests.alerts.made import MONDAY_NOON_NS, SCAN, SECOND
from tests.conftest import ROOT
from tests.flows.writing import ethernet, ipv4, tcp

SIZE = 1_000
"""Bytes of a packet."""


def packet(number: int, ends: tuple[int, int] = (1, 2)) -> CapturedPacket:
    """Return a packet of a second; its hosts are 10.0.0.``ends``."""
    data = ethernet(ipv4(tcp(2, (40_000, 80), bytes(SIZE)), 6, ends))
    return CapturedPacket(MONDAY_NOON_NS + number * SECOND, 1, len(data), data)


def everything(folder: Path, *, killed: bool = False) -> list[CapturedPacket]:
    """Return all packets of a ring in order of its segments; unless a writer was killed, nothing is damaged."""
    names = [str(one.path) for one in segments(folder)]
    statistics = ReadStatistics()
    found = list(chosen_packets(names, lambda packets: packets["time_ns"] > 0, statistics))
    assert killed or not statistics.capture.damaged
    return found


def test_packets_come_out_as_they_went_in(tmp_path: Path) -> None:
    given = [packet(number) for number in range(100)]
    with PacketRing(tmp_path / "ring", SMALLEST_RING) as ring:
        ring.append(given[:50])
        ring.flush()
        assert everything(tmp_path / "ring") == given[:50]
        ring.append(given[50:])
    assert everything(tmp_path / "ring") == given
    (segment,) = segments(tmp_path / "ring")
    assert (segment.first_ns, segment.last_ns) == (given[0].time_ns, given[-1].time_ns)
    assert ring.counters.kept == 100


def test_the_ring_never_grows_beyond_its_size_and_keeps_the_latest(tmp_path: Path) -> None:
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        for number in range(0, 12_000, 100):
            ring.append(packet(one) for one in range(number, number + 100))
            assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= SMALLEST_RING
    kept = everything(tmp_path)
    assert kept == [packet(number) for number in range(12_000 - len(kept), 12_000)]
    assert len(kept) > SMALLEST_RING // SIZE // 2
    assert ring.counters.segments_deleted > 0
    assert ring.counters.kept == 12_000


def test_a_packet_of_another_link_type_is_kept_too(tmp_path: Path) -> None:
    given = [packet(1), packet(2)._replace(link_type=101, data=packet(2).data[14:], wire_length=5_000), packet(3)]
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        ring.append(given)
    assert everything(tmp_path) == given


def test_evidence_is_what_lies_between_the_hosts_of_an_alert(tmp_path: Path) -> None:
    talk, other = [packet(number, (5, 6)) for number in range(0, 6_000, 2)], [packet(9, (7, 8))]
    with PacketRing(tmp_path, 8 << 20) as ring:
        ring.append([*talk, *other])
        alert = replace(
            SCAN, sources=("10.0.0.5",), targets=("10.0.0.6",), ports=(80,),
            start_ns=MONDAY_NOON_NS + 1_000 * SECOND, end_ns=MONDAY_NOON_NS + 1_200 * SECOND,
        )  # fmt: skip
        statistics = ReadStatistics()
        found = list(evidence(tmp_path, [alert], statistics))
    assert found == [one for one in talk if alert.start_ns <= one.time_ns <= alert.end_ns]
    assert 0 < statistics.capture.packets_read < 3_001


def test_evidence_that_is_not_there_any_more_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no packets of that time"):
        list(evidence(tmp_path / "none", [SCAN], ReadStatistics()))
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        ring.append([packet(10_000)])
    with pytest.raises(InputError, match="there are no packets of that time"):
        list(evidence(tmp_path, [SCAN], ReadStatistics()))


def test_a_kill_leaves_whole_packets(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.ring_for_ever", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    flushed = 0
    for line in process.stdout:
        flushed = int(line)
        if flushed >= 500:
            break
    process.send_signal(signal.SIGKILL)
    process.stdout.read()
    process.wait()
    process.stdout.close()
    kept = everything(tmp_path, killed=True)
    assert len(kept) >= flushed
    assert kept == [packet(number) for number in range(len(kept))]
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        ring.append([packet(100_000)])
    assert len(everything(tmp_path, killed=True)) == len(kept) + 1


def test_a_full_disk_costs_the_oldest_segments_first(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.full_ring", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lost, trouble = done.stdout.splitlines()
    assert int(lost) > 0
    assert trouble == f"{tmp_path}: File too large"
    assert everything(tmp_path)[-1] == packet(9_999)


def test_room_is_made_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_bytes = 3 << 20

    class Full(PacketRing):
        def _written(self, data: bytes) -> bool:
            if sum(one.size for one in segments(tmp_path)) + len(data) > disk_bytes:
                self.counters.trouble = "full"
                return False
            return super()._written(data)

    monkeypatch.setattr(ring_module, "_LEAST_SEGMENT", 1 << 18)
    with Full(tmp_path, SMALLEST_RING * 4) as ring:
        ring.append(packet(number) for number in range(6_000))
    assert ring.counters.lost == 0
    assert ring.counters.trouble == "full"
    assert everything(tmp_path)[-1] == packet(5_999)


def test_what_cannot_be_a_ring_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="at least 4,194,304 bytes, not 5"):
        PacketRing(tmp_path, 5)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file: cannot be made: File exists"):
        PacketRing(tmp_path / "file", SMALLEST_RING)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.pcapng").write_bytes(bytes(8 << 20))
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        ring.append(packet(number) for number in range(6_000))
    assert (tmp_path / "mine.pcapng").stat().st_size == 8 << 20


def test_times_before_1970_and_out_of_order_are_kept(tmp_path: Path) -> None:
    given = [packet(5), packet(1), packet(9)]
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        ring.append(given)
    (segment,) = segments(tmp_path)
    assert (segment.first_ns, segment.last_ns) == (given[1].time_ns, given[2].time_ns)
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        ring.append([packet(0)._replace(time_ns=-5)])
    assert [one.first_ns for one in segments(tmp_path)] == [-5, given[1].time_ns]


def test_rings_of_one_folder_share_its_room_and_leave_each_others_segments(tmp_path: Path) -> None:
    rings = [PacketRing(tmp_path, SMALLEST_RING) for _ in range(3)]
    for number in range(12_000):
        rings[number % 3].append([packet(number)])
        assert number % 500 or sum(path.stat().st_size for path in tmp_path.iterdir()) <= SMALLEST_RING
    for ring in rings:
        ring.close()
    kept = everything(tmp_path)
    assert kept == sorted(kept, key=lambda one: one.time_ns)
    assert kept[-1] == packet(11_999)
    assert len(kept) > SMALLEST_RING // SIZE // 2
    assert [ring.counters.lost for ring in rings] == [0, 0, 0]


def test_a_segment_that_another_process_writes_is_not_deleted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.ring_for_ever", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    [written] = segments(tmp_path)
    process.send_signal(signal.SIGSTOP)
    with PacketRing(tmp_path, SMALLEST_RING) as ring:
        ring.append(packet(number) for number in range(100_000, 106_000))
        assert written.path.exists()
        process.kill()
        process.wait()
        process.stdout.close()
        ring.append(packet(number) for number in range(106_000, 112_000))
    assert not written.path.exists()
