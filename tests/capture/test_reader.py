"""What is no capture is refused with one sentence; what is damaged is read as far as it goes, and reported."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from netsift.errors import ExitStatus, InputError
from netsift.sources.captures import CaptureSettings, capture_flows
from netsift.sources.statistics import ReadStatistics
from tests.flows.traffic import busy
from tests.flows.writing import block, interface, pcap, pcapng, section

ONE_THREAD = CaptureSettings(threads=1)


def read(path: Path) -> ReadStatistics:
    """Read a capture to its end and return the counts."""
    statistics = ReadStatistics()
    for _ in capture_flows([str(path)], ONE_THREAD, statistics):
        pass
    return statistics


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"GIF89a" + bytes(40), "is not a pcap or pcapng capture"),
        (b"snoop\0\0\0" + bytes(40), "is a Solaris snoop capture"),
        (b"PAR1" + bytes(40), "is a Parquet file"),
        (pcap([])[:23], "ends within its header"),
        (gzip.compress(b"hello", mtime=0), "is not a pcap or pcapng capture"),
    ],
    ids=["empty", "gif", "snoop", "parquet", "cut", "gzip"],
)
def test_what_is_no_capture_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "thing.pcap"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_directories(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent.pcap")
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)


def test_a_capture_without_packets_is_read(tmp_path: Path) -> None:
    for name, content in (("a.pcap", pcap([])), ("b.pcapng", section())):
        (tmp_path / name).write_bytes(content)
        statistics = read(tmp_path / name)
        assert statistics.exit_status() is ExitStatus.OK
        assert (statistics.capture.packets_read, statistics.flows) == (0, 0)


@pytest.mark.parametrize(
    "pack", [gzip.compress, lambda data: pa.Codec("zstd").compress(data, asbytes=True)], ids=["gzip", "zstd"]
)
def test_cut_compressed_data_keeps_the_packets_before(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap.gz"
    path.write_bytes(pack(pcap(busy(30_000)))[:-2000])
    statistics = read(path)
    assert statistics.exit_status() is ExitStatus.DAMAGED_INPUT
    assert statistics.flows > 0
    assert len(statistics.capture.problems) == 1


def test_broken_gzip_data_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "broken.pcap.gz"
    data = bytearray(gzip.compress(pcap(busy(30_000))))
    data[len(data) // 2] ^= 255
    data[-6] ^= 255
    path.write_bytes(data)
    assert read(path).exit_status() is ExitStatus.DAMAGED_INPUT


def test_every_loss_is_counted_and_reported(tmp_path: Path) -> None:
    stray = block(6, struct.pack("<IIIII", 9, 0, 0, 4, 4) + b"abcd")
    cases = {
        "cut.pcap": (pcap(busy(20))[:-1], {"truncated_record": 1}),
        "cut.pcapng": (pcapng(busy(20))[:-1], {"truncated_record": 1}),
        "stray.pcapng": (pcapng(busy(20)) + stray, {"unknown_interface": 1}),
        "undescribed.pcapng": (section() + stray + interface(1), {"unknown_interface": 1}),
    }
    for name, (content, lost) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        statistics = read(path)
        assert {reason: statistics.capture.skipped[reason] for reason in lost} == lost, name
        assert statistics.exit_status() is ExitStatus.DAMAGED_INPUT
        assert "damaged: 1 " in statistics.capture.problems[0]
        assert statistics.capture.packets_read == statistics.packets_metered + statistics.capture.skipped.total()
