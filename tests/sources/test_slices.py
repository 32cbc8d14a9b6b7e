"""Packets cut out of captures: the same ones as one by one with the slow decoder, and their bytes as they were."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.alerts.coverage import Coverage
from netsift.alerts.schema import MOST_MEMBERS, Alert
from netsift.capture.writer import CapturedPacket, PcapngWriter
from netsift.errors import InputError, UsageError
from netsift.sources.slices import chosen_packets
from netsift.sources.statistics import ReadStatistics
from tests.alerts.made import made
from tests.conftest import shared_captures
from tests.flows.traffic import busy, in_thirds
from tests.flows.writing import ethernet, frames, ipv4, ipv6, pcap, pcapng, tcp, udp
from tests.fuzz import frames as fuzz_frames
from tests.naive import FragmentCache, Packet, Record, decode


def cut(paths: Sequence[Path], *alerts: Alert, inner: bool = False) -> tuple[list[CapturedPacket], ReadStatistics]:
    """Return the packets of alerts and the counts."""
    statistics = ReadStatistics()
    chooser = Coverage(alerts).chooses
    return list(chosen_packets([str(path) for path in paths], chooser, statistics, inner_tunnels=inner)), statistics


def stored(path: Path, records: Sequence[Record], form: Callable[[Sequence[Record]], bytes] = pcap) -> Path:
    """Write records to a capture and return its path."""
    path.write_bytes(form(records))
    return path


def plain(records: Sequence[Record]) -> list[tuple[int, int, int, bytes]]:
    """Return records as packets that were cut out."""
    return [(one.time_ns, one.link_type, one.wire_length, one.data) for one in records]


def text_of(address: bytes, version: int) -> str:
    """Return an address of the slow decoder as text."""
    return str(ip_address(address[-4:] if version == 4 else address))


def belongs(packet: Packet, alert: Alert) -> bool:
    """Return whether a packet is one of an alert, said in the plainest way."""
    first, second = (text_of(address, packet.ip_version) for address in (packet.source, packet.destination))
    ways = ((first, second, packet.destination_port), (second, first, packet.source_port))
    return alert.start_ns <= packet.time_ns <= alert.end_ns + 999 and any(
        source in alert.sources
        and target in alert.targets
        and (not alert.ports or not packet.has_ports or port in alert.ports)
        for source, target, port in ways
    )


hosts = st.lists(
    st.sampled_from([*(f"10.0.0.{end}" for end in (1, 2, 3, 5, 77)), "fd00::1", "fd00::2", "?"]),
    min_size=1,
    unique=True,
)


@settings(max_examples=25)
@given(st.integers(0, 50), hosts, hosts, st.lists(st.sampled_from([9, 53, 80, 443, 547]), unique=True), st.booleans())
def test_the_same_packets_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    sources: list[str],
    targets: list[str],
    ports: list[int],
    inner: bool,
) -> None:
    records = busy(400, seed)
    start_ns, end_ns = records[100].time_ns, records[300].time_ns
    alert = made(
        sources=tuple(sources), targets=tuple(targets), ports=tuple(ports), start_ns=start_ns, end_ns=end_ns
    )  # fmt: skip
    fragments = FragmentCache()
    decoded = [decode(record, "inner" if inner else "outer", fragments) for record in records]
    expected = [
        record
        for record, packet in zip(records, decoded, strict=True)
        if isinstance(packet, Packet) and belongs(packet, alert)
    ]
    path = stored(tmp_path_factory.mktemp("slice") / "x.pcap", records)
    assert cut([path], alert, inner=inner)[0] == plain(expected)


def test_lists_that_were_cut_ask_for_nothing(tmp_path: Path) -> None:
    records = frames([ethernet(ipv4(tcp(2, (1024, port)), 6, ends)) for port in (22, 80) for ends in ((1, 2), (3, 2))])
    path = stored(tmp_path / "x.pcap", records)
    many = tuple(f"192.0.2.{number}" for number in range(256)) * 4
    flood: dict[str, Any] = {"start_ns": 0, "end_ns": 2**63 - 1, "ports": (80,), "targets": ("10.0.0.2",)}
    assert len(many) >= MOST_MEMBERS
    assert cut([path], made(sources=many, truncated=True, **flood))[0] == plain(records[2:])
    assert cut([path], made(sources=many, truncated=False, **flood))[0] == []
    assert cut([path], made(sources=("10.0.0.1",), truncated=True, **flood))[0] == plain(records[2:3])
    assert cut([path], made(sources=many, **flood | {"targets": many}, truncated=True))[0] == []
    assert cut([path], made(sources=(), **flood | {"targets": ()}))[0] == []
    all_ports = tuple(range(MOST_MEMBERS))
    assert len(cut([path], made(sources=("10.0.0.1",), truncated=True, **flood | {"ports": all_ports}))[0]) == 2


def test_several_alerts_take_a_packet_once(tmp_path: Path) -> None:
    records = frames([ethernet(ipv4(udp(b"x"), 17, ends)) for ends in ((1, 2), (2, 1), (3, 4))])
    path = stored(tmp_path / "x.pcap", records)
    always: dict[str, Any] = {"start_ns": 0, "end_ns": 2**63 - 1, "ports": ()}
    one, other = (made(sources=("10.0.0.1",), targets=("10.0.0.2",), **always) for _ in range(2))
    assert cut([path], one, other)[0] == plain(records[:2])
    assert cut([path])[0] == []


def test_bytes_link_types_and_lengths_are_kept_whatever_the_container(tmp_path: Path) -> None:
    records = [
        Record(10**18 + number, link_type, len(data) + 7, data)
        for number, (link_type, data) in enumerate([*fuzz_frames.link_types(), *fuzz_frames.encapsulations()])
    ]
    alerts = [
        made(sources=(source,), targets=(target,), ports=(), start_ns=0, end_ns=2**63 - 1)
        for source, target in (("192.0.2.1", "198.51.100.2"), ("2001:db8::1", "2001:db8::2"))
    ]
    data = pcapng(records)
    expected = [one for one in records if isinstance(decode(one, "outer", FragmentCache()), Packet)]
    assert len({one.link_type for one in expected}) > 10
    for name, content in (("x.pcapng", data), ("x.gz", gzip.compress(data)), ("x.zst", compressed(data))):
        (tmp_path / name).write_bytes(content)
        assert cut([tmp_path / name], *alerts)[0] == plain(expected)


def compressed(data: bytes) -> bytes:
    """Return data as zstd."""
    return bytes(pa.compress(data, "zstd", asbytes=True))


def test_a_tunnel_is_looked_into_when_asked_for_and_kept_whole(tmp_path: Path) -> None:
    vxlan = b"\x08\0\0\0\0\0\x2a\0" + ethernet(ipv6(udp(b"inside"), 17), 0x86DD)
    records = frames([ethernet(ipv4(udp(vxlan, (5000, 4789)), 17))])
    path = stored(tmp_path / "x.pcap", records)
    always: dict[str, Any] = {"start_ns": 0, "end_ns": 2**63 - 1, "ports": ()}
    inside = made(sources=("fd00::1",), targets=("fd00::2",), **always)
    outside = made(sources=("10.0.0.1",), targets=("10.0.0.2",), **always)
    assert [cut([path], one, inner=inner)[0] for one in (inside, outside) for inner in (True, False)] == [
        plain(records), [], [], plain(records)
    ]  # fmt: skip


def test_captures_follow_one_another_in_order_of_time(tmp_path: Path) -> None:
    records = busy(300, 3, fragments=False)
    every = made(sources=("10.0.0.1",), targets=("10.0.0.2",), ports=(), start_ns=0, end_ns=2**63 - 1)
    whole = cut([stored(tmp_path / "whole.pcap", records)], every)[0]
    parts = [stored(tmp_path / f"{name}.pcap", part) for name, part in zip("cab", in_thirds(records), strict=True)]
    found, statistics = cut(parts, every)
    assert found == whole
    assert len(whole) > 30
    assert statistics.capture.packets_read == 300
    assert statistics.bytes_total == sum(path.stat().st_size for path in parts) == statistics.bytes_taken


def test_what_cannot_be_read_is_reported_and_the_rest_is_cut(tmp_path: Path) -> None:
    records = frames([ethernet(ipv4(udp(b"x"), 17)) for _ in range(20)])
    path, garbage = stored(tmp_path / "x.pcap", records), tmp_path / "garbage.pcap"
    path.write_bytes(path.read_bytes()[:-5])
    garbage.write_bytes(b"garbage")
    alert = made(sources=("10.0.0.1",), targets=("10.0.0.2",), ports=(), start_ns=0, end_ns=2**63 - 1)
    found, statistics = cut([garbage, path], alert)
    assert found == plain(records[:-1])
    assert statistics.exit_status() == 3
    assert (statistics.capture.inputs_refused, statistics.capture.problem_count) == (1, 2)
    with pytest.raises(InputError, match=r"garbage\.pcap"):
        cut([garbage], alert)
    with pytest.raises(InputError, match="no such file"):
        cut([tmp_path / "absent.pcap"], alert)
    with pytest.raises(UsageError, match="standard input"):
        cut([path, Path("-")], alert)


def test_the_chooser_sees_arrays_of_packets(tmp_path: Path) -> None:
    seen = []

    def none(packets: np.ndarray[tuple[int], np.dtype[np.void]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        seen.append(packets["destination_port"].tolist())
        return np.zeros(len(packets), np.bool_)

    path = stored(tmp_path / "x.pcap", frames([ethernet(ipv4(udp(b"x"), 17))]))
    assert list(chosen_packets([str(path)], none, ReadStatistics())) == []
    assert seen == [[9]]


def test_strange_captures_come_back_whole_when_everything_is_cut_out(tmp_path: Path) -> None:
    def everything(packets: np.ndarray[tuple[int], np.dtype[np.void]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.ones(len(packets), np.bool_)

    copied = 0
    for path in shared_captures("pcap-odd")[::9]:
        statistics, output = ReadStatistics(), tmp_path / "x.pcapng"
        try:
            packets = list(chosen_packets([str(path)], everything, statistics))
        except InputError:
            continue
        assert len(packets) == statistics.capture.packets_decoded
        with output.open("wb") as file:
            writer = PcapngWriter(file)
            for packet in packets:
                writer.write(packet)
        if packets:
            assert list(chosen_packets([str(output)], everything, ReadStatistics())) == packets
            copied += 1
    assert copied > 50
