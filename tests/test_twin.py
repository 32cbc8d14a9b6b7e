"""The engine gives exactly the rows of the slow twin: every column, every row, their order, and what was skipped.

Every real capture is compared under three settings up to its 4000th record (pcapng: block); what lies behind those is
left out because the twin needs about a second for each 20,000 packets. Of captures that are damaged only the counts are
held against each other here: the twin does not look for records behind damage, ``tests/capture`` does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsift.errors import InputError
from netsift.flows.settings import MeterSettings
from netsift.kernels.layout import NANOSECONDS_PER_SECOND
from tests.conftest import shared_capture_parameters
from tests.flows.engine import (
    TINY,
    Result,
    engine,
    first_difference,
    first_records,
    naive,
    nan_columns,
    uncompressed,
)
from tests.flows.writing import ethernet, ipv4, ipv6, pcapng, tcp, udp
from tests.naive import Record, read_records

RECORDS: Final = 4000
PASSES: Final = ((None, False), (None, True), (TINY, True))
DAMAGED: Final = frozenset(
    {
        "suricata-verify__tests__bug-1450-04__tls_DER-incomplete-header.pcap",
        "suricata-verify__tests__bug-6875-01__fuzz.pcap",
        "suricata-verify__tests__transform-base64-7296__input.pcap",
    }
)


def assert_same(actual: Result, expected: Result) -> None:
    """Fail with the first difference; also on a value that is no number."""
    assert first_difference(actual, expected) == ""
    assert nan_columns(actual[0]) == []


@pytest.mark.parametrize("path", shared_capture_parameters("pcap-attack", "pcap-benign", "pcap-odd"))
def test_real_captures(path: Path, tmp_path: Path) -> None:
    if path.name in DAMAGED:
        rows, _ = engine(path)
        assert rows
        return
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(data := first_records(uncompressed(path), RECORDS))
    try:
        records, lost = read_records(data)
    except ValueError:
        with pytest.raises(InputError, match="not a pcap or pcapng capture"):
            engine(cut)
        return
    for meter, inner in PASSES:
        rows, skipped = naive(records, meter, inner=inner)
        assert_same(engine(cut, meter, inner=inner), (rows, skipped + lost))


# ------------------------------------------------------------------------------------------------ made-up traffic

FLAGS: Final = (0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x01, 0x00, 0xFF, 0x29, 0xC2)
STEPS: Final = (
    0, 1, 999, 1000, 10**6, 10**8, 5 * 10**8, 10**9, 10**9 + 1, 2 * 10**9, 5 * 10**9, 6 * 10**9, 3600 * 10**9,
    3601 * 10**9, 10**16, -1, -1000, -(10**8), -(10**9), -3 * 10**9, -3600 * 10**9, -3601 * 10**9, -(10**16),
)  # fmt: skip
SEQUENCES: Final = (0, 1, 100, 108, 116, 200, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
PAYLOADS: Final = (
    b"", b"x", b"GET / HTTP/1.1", b"\x16\x03\x01\x02\x00", b"\x03\x00\x01", bytes(8), b"SSH-2.0-x", b"\x80" * 700,
    b"220 ready", b"\xc3\x00\x00\x00\x01\x08", b"\x00\x01\x00\x00\x21\x12\xa4\x42",
)  # fmt: skip
ENDS: Final = ((1, 2), (2, 1), (1, 3), (3, 1), (1, 1))
PORTS: Final = ((1024, 80), (80, 1024), (53, 53), (123, 1024), (1024, 4789), (2152, 2152))

tcp_segments = st.builds(
    lambda flags, ports, payload, sequence, window: (6, tcp(flags, ports, payload, sequence=sequence, window=window)),
    st.sampled_from(FLAGS), st.sampled_from(PORTS[:3]), st.sampled_from(PAYLOADS), st.sampled_from(SEQUENCES),
    st.sampled_from((0, 512, 65535)),
)  # fmt: skip
udp_datagrams = st.builds(
    lambda ports, payload: (17, udp(payload, ports)), st.sampled_from(PORTS), st.sampled_from(PAYLOADS)
)
other_protocols = st.builds(
    lambda protocol, payload: (protocol, payload),
    st.sampled_from((1, 58, 33, 132, 136, 47, 51, 4, 89)),
    st.sampled_from(
        (b"", b"\x08", b"\x08\x00\x00\x00\x00\x01\x00\x01", b"\x06\x00" + bytes(6) + tcp(2), ipv4(udp(b"x"), 17))
    ),
)
transports = st.one_of(tcp_segments, tcp_segments, udp_datagrams, other_protocols)


def ipv4_frame(
    transport: tuple[int, bytes], ends: tuple[int, int], fragment: int, time_to_live: int, traffic_class: int
) -> bytes:
    """Return an Ethernet frame; ``fragment`` is the field of flags and offset."""
    protocol, data = transport
    packet = ipv4(data, protocol, ends, fragment=fragment, time_to_live=time_to_live, traffic_class=traffic_class)
    return ethernet(packet)


def ipv6_frame(transport: tuple[int, bytes], ends: tuple[int, int], fragment: int) -> bytes:
    """Return an Ethernet frame, with a fragment header unless ``fragment`` is 0."""
    protocol, data = transport
    if fragment:
        offset_and_flag = (fragment & 0x1FFF) << 3 | (fragment >> 13 & 1)
        data = bytes((protocol, 0)) + offset_and_flag.to_bytes(2, "big") + bytes(4) + data
        protocol = 44
    return ethernet(ipv6(data, protocol, ends), 0x86DD)


def tagged(frame: bytes, vlan_id: int) -> bytes:
    """Return the frame with a VLAN tag, or as it is for 0."""
    return frame[:12] + b"\x81\x00" + vlan_id.to_bytes(2, "big") + frame[12:] if vlan_id else frame


fragments = st.sampled_from((0, 0, 0, 0, 0x2000, 0x0001, 0x2001))
frames = st.one_of(
    st.builds(
        ipv4_frame, transports, st.sampled_from(ENDS), fragments, st.sampled_from((1, 64, 255)),
        st.sampled_from((0, 3, 184)),
    ),
    st.builds(ipv6_frame, transports, st.sampled_from(ENDS[:2]), fragments),
)  # fmt: skip


@st.composite
def record_lists(draw: st.DrawFn) -> list[Record]:
    """Up to eighty records of few flows, with times that stand still, go back and jump."""
    chosen = draw(st.lists(st.builds(tagged, frames, st.sampled_from((0, 0, 0, 5))), min_size=1, max_size=12))
    steps = st.one_of(st.sampled_from(STEPS), st.integers(0, 2 * NANOSECONDS_PER_SECOND))
    moves = draw(st.lists(st.tuples(steps, st.sampled_from(chosen), st.integers(0, 3)), min_size=1, max_size=80))
    records: list[Record] = []
    time_ns = draw(st.sampled_from((0, 10**18, 9 * 10**18 - 1)))
    for step_ns, frame, cut in moves:
        time_ns = min(max(0, time_ns + step_ns), 9 * 10**18 - 1)
        data = frame[: len(frame) - draw(st.integers(0, 60))] if cut == 0 else frame
        records.append(Record(time_ns, 1, len(frame), data))
    return records


meters = st.sampled_from(
    (
        MeterSettings(),
        TINY,
        replace(TINY, idle_timeout_s=0.5, linger_s=0.5, active_timeout_s=0.7, first_packets=0),
        replace(TINY, tcp_end=False, bulk_packets=2, bulk_gap_s=0, subflow_gap_s=0, activity_timeout_s=0),
        replace(TINY, idle_timeout_s=3000, linger_s=1500, active_timeout_s=7200),
    )
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(records=record_lists(), meter=meters, inner=st.booleans())
def test_made_up_traffic(records: list[Record], meter: MeterSettings, inner: bool, tmp_path: Path) -> None:
    path = tmp_path / "made.pcapng"
    path.write_bytes(pcapng(records))
    assert_same(engine(path, meter, inner=inner), naive(records, meter, inner=inner))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.randoms(use_true_random=False), meter=meters)
def test_more_flows_than_fit(seed: Random, meter: MeterSettings, tmp_path: Path) -> None:
    records: list[Record] = []
    time_ns = 10**18
    for _ in range(600):
        time_ns += seed.choice((0, 10**6, 10**8, 10**9))
        number = seed.randrange(200)
        flags = seed.choice(FLAGS)
        data = ethernet(ipv4(tcp(flags, (1024 + number, 80)), 6))
        records.append(Record(time_ns, 1, len(data), data))
    path = tmp_path / "many.pcapng"
    path.write_bytes(pcapng(records))
    assert_same(engine(path, meter), naive(records, meter))
