"""Packets that are written are read back as they were, here and by tshark."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.capture.writer import CapturedPacket, PcapngWriter, PcapWriter, writer_for
from netsift.errors import OutputError, UsageError
from netsift.sources.slices import chosen_packets
from netsift.sources.statistics import ReadStatistics
from tests.fuzz import frames
from tests.naive import read_records

PACKETS = [
    CapturedPacket(1_700_000_000_123_456_789 + number, link_type, len(data) + number, data)
    for number, (link_type, data) in enumerate([*frames.encapsulations(), *frames.link_types()])
]


def written(name: str, packets: list[CapturedPacket]) -> bytes:
    """Return the bytes of a file."""
    file = io.BytesIO()
    writer = writer_for(Path(name), file)
    for packet in packets:
        writer.write(packet)
    return file.getvalue()


def read_back(data: bytes) -> list[CapturedPacket]:
    """Return the packets of a file as the slow reader sees them."""
    records, lost = read_records(data)
    assert not lost
    return [CapturedPacket(one.time_ns, one.link_type, one.wire_length, one.data) for one in records]


@pytest.mark.parametrize(("name", "packets"), [("x.pcap", PACKETS[:16]), ("x.pcapng", PACKETS), ("X.PCAPNG", [])])
def test_packets_come_back(name: str, packets: list[CapturedPacket]) -> None:
    data = written(name, packets)
    assert bool(data) == bool(packets)
    assert (read_back(data) if data else []) == packets


@given(
    st.lists(
        st.builds(
            CapturedPacket, st.integers(0, 4 * 10**18), st.sampled_from([1, 101]), st.just(500), st.binary(max_size=70)
        )
    )
)
def test_any_bytes_and_times_come_back_from_pcapng(packets: list[CapturedPacket]) -> None:
    if packets:
        assert read_back(written("x.pcapng", packets)) == packets


def test_netsift_reads_what_it_writes(tmp_path: Path) -> None:
    (tmp_path / "x.pcapng").write_bytes(written("x.pcapng", PACKETS))
    statistics = ReadStatistics()
    read = list(
        chosen_packets([str(tmp_path / "x.pcapng")], lambda packets: np.ones(len(packets), np.bool_), statistics)
    )
    assert statistics.capture.packets_read == len(PACKETS)
    assert statistics.exit_status() == 0
    assert read == [one for one in PACKETS if one in read]
    assert len(read) > 25


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize(("name", "packets"), [("x.pcap", PACKETS[:16]), ("x.pcapng", PACKETS)])
def test_tshark_reads_it(name: str, packets: list[CapturedPacket], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(written(name, packets))
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len"]
    done = subprocess.run(["tshark", "-r", tmp_path / name, *fields], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(int(cap), int(length)) for _, cap, length in rows] == [(len(p.data), p.wire_length) for p in packets]
    assert [row[0].replace(".", "") for row in rows] == [str(packet.time_ns) for packet in packets]


def test_what_pcap_cannot_hold_is_refused() -> None:
    with pytest.raises(OutputError, match="several link types"):
        written("x.pcap", PACKETS)
    for time_ns in (-1, (1 << 32) * 10**9):
        with pytest.raises(OutputError, match="a time that"):
            written("x.pcap", [CapturedPacket(time_ns, 1, 1, b"x")])
    with pytest.raises(UsageError, match=r"must be \.pcap or \.pcapng"):
        written("x.txt", [])
    assert isinstance(writer_for(Path("x.pcap"), io.BytesIO()), PcapWriter)
    assert isinstance(writer_for(Path("x.pcapng"), io.BytesIO()), PcapngWriter)
