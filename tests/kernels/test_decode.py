"""decode_records, with link_layer, encapsulation and find_tunnel in it, against the slow decoder."""

from __future__ import annotations

import itertools
import random
import struct
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.kernels.decode import decode_records
from netsift.kernels.layout import FRAGMENT_ENTRY, NO_VLAN, PACKET, RECORD, SKIP_REASONS
from netsift.kernels.link import encapsulation
from tests.flows.traffic import busy
from tests.flows.writing import ethernet, ipv4, ipv6, tcp, udp
from tests.kernels.arp_rooms import no_arp
from tests.kernels.test_meter import packet_array
from tests.naive import Packet, Record, decode_all

LINK_TYPES = (0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 147, 228, 229, 276)
CHECKED = [name for name in PACKET.names or () if name not in ("hash", "tunnel")]


def decoded(records: list[Record], *, inner: bool) -> tuple[Any, dict[str, int]]:
    """Return the PACKET array and the counts of what decode_records makes of records."""
    buffer = np.frombuffer(b"".join(record.data for record in records) or b"\0", np.uint8).copy()
    array, offset = np.zeros(len(records), RECORD), 0
    for entry, record in zip(array, records, strict=True):
        entry["time_ns"], entry["offset"], entry["captured"] = record.time_ns, offset, len(record.data)
        entry["wire_length"], entry["link_type"] = record.wire_length, record.link_type
        offset += len(record.data)
    packets = np.full(len(records), 255, np.uint8).repeat(PACKET.itemsize).view(PACKET)
    counters = np.zeros(len(SKIP_REASONS), np.int64)
    count = decode_records(
        buffer, array, len(records), inner, packets, np.zeros(1, PACKET), counters, np.zeros(64, FRAGMENT_ENTRY),
        np.zeros(2, np.uint64), *no_arp(),
    )  # fmt: skip
    assert count == counters[0]
    assert array["time_ns"][:count].tolist() == packets["time_ns"][:count].tolist()
    reasons = {name: int(number) for name, number in zip(SKIP_REASONS, counters, strict=True) if number}
    reasons.pop("decoded", None)
    return packets[:count], reasons


def assert_decoded(records: list[Record], *, inner: bool) -> list[Packet]:
    """Hold the decoder against its twin and return the packets."""
    tunnels: Literal["inner", "outer"] = "inner" if inner else "outer"
    expected, skipped = decode_all(records, tunnels)
    found, reasons = decoded(records, inner=inner)
    assert reasons == dict(skipped)
    wanted = packet_array(expected, 1)
    for number, packet in enumerate(expected):
        for name in CHECKED:
            assert found[number][name] == wanted[number][name], (name, packet)
    return expected


@pytest.mark.parametrize("inner", [False, True])
def test_busy_traffic_with_bytes_changed(inner: bool) -> None:
    rng = random.Random(5)
    for seed in range(30):
        records: list[Record] = []
        for record in busy(100, seed):
            data = bytearray(record.data)
            for _ in range(rng.choice((0, 1, 3))):
                if data:
                    data[rng.randrange(min(len(data), 60))] = rng.choice(
                        (0, 4, 6, 44, 51, 0x45, 0x60, 255, rng.randrange(256))
                    )
            link_type = record.link_type if rng.random() < 0.9 else rng.choice(LINK_TYPES)
            records.append(replace(record, data=bytes(data), link_type=link_type))
        assert_decoded(records, inner=inner)


PIECES = (
    b"\x81\x00\x00\x05", b"\x88\xa8\x00\x06", b"\x88\x47\x00\x01\x00\x40", b"\x88\x47\x00\x01\x01\x40",
    b"\x88\x64\x11\0\0\1\0\0", b"\x00\x21", b"\x21", b"\x57", b"\x00\x40\xaa\xaa\x03\0\0\0", b"\x08\x00", b"\x86\xdd",
    b"\x08\x06", b"\0\0", b"\0\0\0\0",
)  # fmt: skip
layers = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


@settings(max_examples=400)
@given(
    layers,
    st.sampled_from((b"", ipv4(udp(b"x"), 17), ipv6(tcp(2), 6))),
    st.integers(0, 40),
    st.sampled_from(LINK_TYPES),
)
def test_encapsulation(between: bytes, packet: bytes, cut: int, link_type: int) -> None:
    start = {1: bytes(12), 113: bytes(14), 104: bytes(2), 0: b"\2\0\0\0", 108: b"\0\0\0\x1e"}.get(link_type, b"")
    data = start + between + packet
    records = [Record(0, link_type, len(data), whole) for whole in (data, data[: max(0, len(data) - cut)])]
    assert_decoded(records, inner=False)
    assert encapsulation.__name__ == "encapsulation"


def tunnelled(kind: int, packet: bytes) -> bytes:
    """Return a packet within a tunnel."""
    version4 = packet[0] >> 4 == 4
    ether_type = 0x0800 if version4 else 0x86DD
    match kind:
        case 0:
            return ipv4(packet, 4 if version4 else 41)
        case 1:
            return ipv4(struct.pack(">HHI", 0x2000, ether_type, 9) + packet, 47)
        case 2:
            return ipv6(udp(b"\x08\0\0\0\0\0\1\0" + ethernet(packet, ether_type), (9, 4789)), 17)
        case 3:
            return ipv4(udp(b"\1\0" + struct.pack(">HI", ether_type, 0) + bytes(4) + packet, (9, 6081)), 17)
    return ipv4(udp(b"\x34\xff" + bytes(9) + b"\x85" + b"\1\0\0\0" + packet, (2152, 9)), 17)


@given(
    st.lists(st.integers(0, 4), max_size=11), st.sampled_from((ipv4(tcp(2), 6), ipv6(udp(b"x"), 17))),
    st.integers(0, 90), st.booleans(), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2),
)  # fmt: skip
def test_tunnels(kinds: list[int], packet: bytes, cut: int, inner: bool, changes: list[tuple[int, int]]) -> None:
    for kind in kinds:
        packet = tunnelled(kind, packet)
    data = bytearray(ethernet(packet, 0x0800 if packet[0] >> 4 == 4 else 0x86DD))
    for place, value in changes:
        data[place % len(data)] = value
    records = [Record(0, 1, len(data), bytes(whole)) for whole in (data, data[: max(0, len(data) - cut)])]
    assert_decoded(records, inner=inner)


@given(
    st.lists(st.sampled_from((0, 43, 44, 51, 60, 135, 139, 140, 6, 17, 58, 59)), max_size=19),
    st.sampled_from((0, 1, 8, 9, 0xFFF8)), st.integers(0, 60), st.booleans(),
)  # fmt: skip
def test_extension_headers(chain: list[int], fragment: int, cut: int, version6: bool) -> None:
    kinds = [*chain, 17]
    data = b""
    for kind, following in itertools.pairwise(kinds):
        field = struct.pack(">BBHI", following, 1 if kind == 51 else 0, fragment if kind == 44 else 0, 7)
        data += field + bytes(4) if kind == 51 else field
    data += udp(b"hello")
    packet = ipv6(data, kinds[0]) if version6 else ipv4(data, kinds[0], fragment=fragment >> 3)
    records = [Record(0, 101, len(packet), whole) for whole in (packet, packet[: len(packet) - cut], packet)]
    assert_decoded(records, inner=True)


def test_fields_that_are_absent() -> None:
    (packet,) = assert_decoded([Record(0, 101, 28, ipv4(udp(b""), 17))], inner=False)
    assert packet.vlan_id is None
    assert decoded([Record(0, 101, 28, ipv4(udp(b""), 17))], inner=False)[0]["vlan_id"][0] == NO_VLAN


@pytest.mark.parametrize("link_type", [9, 50, 104])
@pytest.mark.parametrize("address", [b"\x0f\0", b"\x8f\0"])
def test_cisco_framing_under_any_point_to_point_link_type(link_type: int, address: bytes) -> None:
    data = address + b"\x08\0" + ipv4(udp(b"payload"), 17)
    (packet,) = assert_decoded([Record(0, link_type, len(data), data)], inner=False)
    assert packet.payload_length == 7


def test_ethernet_padding_is_no_ipv6_payload() -> None:
    frame = ethernet(ipv6(b"", 59), 0x86DD).ljust(60, b"\0")
    (packet,) = assert_decoded([Record(0, 1, len(frame), frame)], inner=False)
    assert (packet.length, packet.payload_length) == (40, 0)


def test_an_offloaded_ipv6_packet_reaches_to_the_end_of_the_frame() -> None:
    datagram = ipv6(udp(bytes(2000)), 17)
    frame = ethernet(datagram[:4] + b"\0\0" + datagram[6:], 0x86DD)
    (packet,) = assert_decoded([Record(0, 1, len(frame), frame)], inner=False)
    assert packet.payload_length == 2000
