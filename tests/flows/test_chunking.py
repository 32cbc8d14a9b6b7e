"""The same capture gives the same bytes of CSV however it is cut, packed, piped or split into files."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest

from netsift.capture import merge, reader
from netsift.capture.counters import CaptureCounters
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.capture.streams import OpenedInput
from netsift.errors import InputError
from netsift.flows import meter as flow_meter
from netsift.flows.columns import arrow_schema
from netsift.flows.meter import Meter
from netsift.flows.settings import MeterSettings
from netsift.flows.writers.csv import CsvWriter
from netsift.kernels.layout import PACKET
from netsift.sources.captures import CaptureSettings, capture_flows
from netsift.sources.statistics import ReadStatistics
from tests.conftest import ROOT, shared_capture_parameters, shared_data_folder
from tests.flows.engine import TINY, engine, uncompressed
from tests.flows.traffic import busy, in_thirds
from tests.flows.writing import ethernet, frames, ipv4, pcap, pcapng, udp
from tests.naive import Record

Array = np.ndarray[Any, Any]

REAL: Final = (
    "pcap-benign/zeek-traces/206_example_a.pcap",
    "pcap-benign/ndpi/1kxun.pcap.gz",
    "pcap-benign/ndpi/alexa-app.pcapng.gz",
)
LARGEST_SMALL: Final = 30_000
"""Size of a real capture in bytes from which on it is not small."""
SMALL: Final = 4000
"""Records of the made-up captures."""


def csv(batches: Iterator[pa.RecordBatch]) -> bytes:
    """Return flow batches as the bytes of a CSV file."""
    file = io.BytesIO()
    writer = CsvWriter(file, arrow_schema())
    for batch in batches:
        writer.write(batch)
    writer.close()
    return file.getvalue()


def flows(*paths: Path, settings: MeterSettings | None = None, threads: int = 1) -> bytes:
    """Return the flows of captures as CSV."""
    capture = CaptureSettings(meter=settings or MeterSettings(), threads=threads)
    return csv(capture_flows([str(path) for path in paths], capture, ReadStatistics()))


def captures() -> list[Path | str]:
    """Return names of made-up captures and, where they are on this machine, real ones."""
    folder = shared_data_folder()
    return ["made.pcap", "made.pcapng", *((folder / name for name in REAL) if folder else ())]


@pytest.fixture(params=captures(), ids=lambda path: Path(path).name)
def capture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an uncompressed capture."""
    name = request.param
    path = tmp_path / Path(name).name.removesuffix(".gz")
    if isinstance(name, str):
        path.write_bytes(pcapng(busy(SMALL, 2)) if name.endswith("ng") else pcap(busy(SMALL)))
    else:
        path.write_bytes(uncompressed(name))
    return path


def packets(path: Path) -> Array:
    """Return all decoded packets of a capture as one array."""
    decoding = PacketDecoding(np.zeros(2, np.uint64))
    with closing(OpenedInput(str(path))) as source:
        batches = CaptureReader(source, decoding, CaptureCounters()).batches()
        return np.concatenate([np.zeros(0, PACKET), *(batch.copy() for batch in batches)])


@pytest.mark.parametrize("settings", [MeterSettings(), TINY], ids=["default", "tiny"])
def test_packets_cut_into_calls(capture: Path, settings: MeterSettings) -> None:
    whole = flows(capture, settings=settings)
    array = packets(capture)
    for size in (1, 7, 4096, len(array)):
        meter = Meter(settings)
        batches = (meter.add(array[start : start + size]) for start in range(0, len(array), size))
        assert csv(itertools.chain(itertools.chain.from_iterable(batches), meter.finish())) == whole


def test_drained_after_every_packet(capture: Path) -> None:
    array = packets(capture)

    def batches() -> Iterator[pa.RecordBatch]:
        meter = Meter(TINY)
        for start in range(0, len(array), 50):
            yield from meter.add(array[start : start + 50])
            yield from (ended.batch() for ended in meter.hand_out())
        yield from meter.finish()

    assert csv(batches()) == flows(capture, settings=TINY)


@pytest.mark.parametrize("rows", [2, 100])
def test_small_batches_and_an_index_that_grows(capture: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = flows(capture)
    monkeypatch.setattr(flow_meter, "ROWS_PER_BATCH", rows)
    monkeypatch.setattr(flow_meter, "_FIRST_INDEX", 16)
    assert flows(capture) == whole


@pytest.mark.parametrize("name", ["_READ", "PACKETS_PER_BATCH"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_small_reads_and_batches(name: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / "made.pcap", tmp_path / "made.pcapng"]
    for path, pack in zip(paths, (pcap, pcapng), strict=True):
        path.write_bytes(pack(busy(300)))
    whole = [flows(path, threads=threads) for path in paths for threads in (1, 2)]
    monkeypatch.setattr(reader, name, size)
    assert [flows(path, threads=threads) for path in paths for threads in (1, 2)] == whole


@pytest.mark.parametrize("seed", range(6))
def test_small_reads_of_a_damaged_capture(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    paths = [tmp_path / "made.pcap", tmp_path / "made.pcapng"]
    for path, pack in zip(paths, (pcap, pcapng), strict=True):
        data = bytearray(pack(busy(120, seed)))
        for _ in range(4):
            place = rng.randrange(100, len(data))
            data[place:place] = rng.randbytes(rng.randrange(1, 60))
            data[rng.randrange(100, len(data))] = 255
        path.write_bytes(data[: -rng.randrange(1, 30)])
    whole = [flows(path) for path in paths]
    for size in (1, 13, 500):
        monkeypatch.setattr(reader, "_READ", size)
        assert [flows(path) for path in paths] == whole


def test_arrays_in_flight_are_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long stretches without a packet must not bring a reader round to arrays that still wait to be metered."""
    path = tmp_path / "made.pcap"
    arp = Record(1_700_000_000 * 10**9, 1, 60, bytes(12) + b"\x08\x06" + bytes(46))
    records = [record for packet in busy(60) for record in (packet, *([arp] * 9))]
    path.write_bytes(pcap(records))
    whole = flows(path)
    monkeypatch.setattr(reader, "PACKETS_PER_BATCH", 1)
    slow = Meter.add

    def add(self: Meter, array: Array) -> Iterator[pa.RecordBatch]:
        time.sleep(0.002)
        return slow(self, array)

    monkeypatch.setattr(Meter, "add", add)
    assert flows(path, threads=2) == whole


def test_threads(capture: Path) -> None:
    assert flows(capture, threads=2) == flows(capture, threads=1)


def test_compressed(capture: Path, tmp_path: Path) -> None:
    whole, data = flows(capture), capture.read_bytes()
    half = len(data) // 2
    packed = {
        "one.gz": gzip.compress(data),
        "two.gz": gzip.compress(data[:half]) + gzip.compress(data[half:]),
        "one.zst": pa.Codec("zstd").compress(data, asbytes=True),
        "two.zst": b"".join(pa.Codec("zstd").compress(part, asbytes=True) for part in (data[:half], data[half:])),
    }
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
        assert flows(tmp_path / name) == whole, name


def test_through_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    path.write_bytes(data := pcap(busy(500)))
    command = [sys.executable, "-m", "netsift", "flows", "-", "--quiet"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for start in range(0, len(data), 1777):
            process.stdin.write(data[start : start + 1777])
            process.stdin.flush()
            time.sleep(0.002)
        process.stdin.close()
        assert process.stdout.read() == flows(path)
        assert process.wait() == 0


def small_captures() -> list[Any]:
    """Return a parameter per real capture that is small."""
    parameters: list[Any] = shared_capture_parameters("pcap-attack", "pcap-benign", "pcap-odd")
    small = [one for one in parameters if not one.values[0].exists() or one.values[0].stat().st_size < LARGEST_SMALL]
    assert small
    return small


def through_a_named_pipe(path: Path, data: bytes) -> bytes:
    """Return the flows of a capture that another thread writes into a pipe, 777 bytes at a time."""
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as file, contextlib.suppress(BrokenPipeError):
            for start in range(0, len(data), 777):
                file.write(data[start : start + 777])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        return flows(path)
    finally:
        writer.join()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes of this kind")
@pytest.mark.parametrize("path", small_captures())
def test_every_small_capture_whole_in_calls_and_through_a_pipe(path: Path, tmp_path: Path) -> None:
    try:
        whole = flows(path)
    except InputError:
        with pytest.raises(InputError):
            through_a_named_pipe(tmp_path / "pipe", path.read_bytes())
        return
    assert through_a_named_pipe(tmp_path / "pipe", path.read_bytes()) == whole
    array = packets(path)
    for size in (1, 7, 4096):
        meter = Meter()
        batches = (meter.add(array[start : start + size]) for start in range(0, len(array), size))
        assert csv(itertools.chain(itertools.chain.from_iterable(batches), meter.finish())) == whole


# -------------------------------------------------------------------------------------------------- several files


def in_time_order(records: list[Record]) -> list[Record]:
    """Return the records sorted by time."""
    return sorted(records, key=lambda record: record.time_ns)


def test_parts_in_any_order_are_the_whole(tmp_path: Path) -> None:
    records = in_time_order(busy(3000))
    whole, parts = tmp_path / "whole.pcap", [tmp_path / f"part-{number}.pcap" for number in range(3)]
    whole.write_bytes(pcap(records))
    for path, part in zip(parts, in_thirds(records), strict=True):
        path.write_bytes(pcap(part))
    for order in itertools.permutations(parts):
        for threads in (1, 2):
            assert flows(*order, threads=threads) == flows(whole)


@pytest.mark.parametrize("size", [3, 4096])
def test_overlapping_files_are_merged_by_time(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = in_time_order(busy(900, fragments=False))
    times_apart = [
        Record(record.time_ns + number, 1, record.wire_length, record.data) for number, record in enumerate(records)
    ]
    whole, parts = tmp_path / "whole.pcap", [tmp_path / f"part-{number}.pcap" for number in range(3)]
    whole.write_bytes(pcap(times_apart))
    for number, path in enumerate(parts):
        path.write_bytes(pcap(times_apart[number::3]))
    expected = flows(whole)
    monkeypatch.setattr(reader, "PACKETS_PER_BATCH", size)
    assert flows(*reversed(parts), threads=2) == expected
    assert flows(*parts) == expected


def test_more_overlapping_files_than_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = in_time_order(busy(600, fragments=False))
    paths = [tmp_path / f"part-{number}.pcap" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(pcap(records[number::5]))
    monkeypatch.setattr(merge, "MOST_OPEN", 2)
    statistics = ReadStatistics()
    names = [str(path) for path in paths]
    assert sum(batch.num_rows for batch in capture_flows(names, CaptureSettings(threads=1), statistics)) > 0
    assert statistics.capture.packets_read == len(records)


@pytest.mark.parametrize("size", [1, 3, 50])
def test_equal_times_are_in_the_order_of_the_files(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [replace(record, time_ns=record.time_ns // 10**9 * 10**9) for record in in_time_order(busy(400))]
    paths = [tmp_path / "a.pcap", tmp_path / "b.pcap", tmp_path / "c.pcap.gz"]
    paths[0].write_bytes(pcap(records))
    paths[1].write_bytes(pcap(records[100:]))
    paths[2].write_bytes(gzip.compress(pcap(records)))
    expected = flows(*paths)
    monkeypatch.setattr(reader, "PACKETS_PER_BATCH", size)
    assert flows(*paths) == flows(*paths, threads=2) == expected


def test_a_datagram_goes_on_in_the_next_file(tmp_path: Path) -> None:
    first = ethernet(ipv4(udp(b"a" * 16), 17, fragment=0x2000))
    later = ethernet(ipv4(b"b" * 16, 17, fragment=3))
    records = frames([first, later], step_ns=10**9)
    paths = [tmp_path / "second.pcap", tmp_path / "first.pcap"]
    for path, record in zip(paths, reversed(records), strict=True):
        path.write_bytes(pcap([record]))
    rows, skipped = engine(paths)
    assert not skipped
    assert [(row["dst_port"], row["packets"], row["fragments"]) for row in rows] == [(9, 2, 2)]


def test_a_file_that_holds_no_packet_is_no_obstacle(tmp_path: Path) -> None:
    paths = [tmp_path / "empty.pcap", tmp_path / "made.pcap"]
    paths[0].write_bytes(pcap([]))
    paths[1].write_bytes(pcap(busy(100)))
    assert flows(*paths) == flows(paths[1])
