"""observe_arp, within decode_records, against its twin: tags, encapsulations, cut and changed packets, no room."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.kernels.arp import observe_arp
from netsift.kernels.decode import decode_records
from netsift.kernels.layout import ARP, ARP_OBSERVATION, FRAGMENT_ENTRY, PACKET, RECORD, SKIP_REASONS
from tests.flows.traffic import busy
from tests.flows.writing import ethernet, ipv4, udp
from tests.kernels.arp_rooms import room_for
from tests.naive import Record
from tests.naive.arp import Observation, observe_all

PACKET_BYTES = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + bytes(range(1, 21))


def observed(records: list[Record], room: int) -> tuple[list[Observation], int, int]:
    """Return what decode_records writes down, how many found no room, and how many records were ARP."""
    buffer = np.frombuffer(b"".join(record.data for record in records) or b"\0", np.uint8).copy()
    array, offset = np.zeros(len(records), RECORD), 0
    for entry, record in zip(array, records, strict=True):
        entry["time_ns"], entry["offset"], entry["captured"] = record.time_ns, offset, len(record.data)
        entry["wire_length"], entry["link_type"] = record.wire_length, record.link_type
        offset += len(record.data)
    observations, tally = room_for(room)
    counters = np.zeros(len(SKIP_REASONS), np.int64)
    decode_records(
        buffer, array, len(records), False, np.empty(len(records), PACKET), np.zeros(1, PACKET), counters,
        np.zeros(64, FRAGMENT_ENTRY), np.zeros(2, np.uint64), observations, tally,
    )  # fmt: skip
    return [Observation(*row) for row in observations[: tally[0]].tolist()], int(tally[1]), int(counters[ARP])


def test_the_record_has_the_fields_of_the_twin() -> None:
    assert ARP_OBSERVATION.names == Observation._fields
    assert observe_arp.__name__ == "observe_arp"


def test_a_reply() -> None:
    frame = ethernet(PACKET_BYTES, 0x0806).ljust(60, b"\0")
    (found,), lost, arp = observed([Record(5, 1, 60, frame)], 1)
    assert (lost, arp) == (0, 1)
    assert found == Observation(5, 0x010203040506, 0x0B0C0D0E0F10, 0x0708090A, 0x11121314, 2, 0xFFFF)


@pytest.mark.parametrize("missing", range(29))
def test_a_packet_that_is_cut_short_says_nothing(missing: int) -> None:
    frame = ethernet(PACKET_BYTES, 0x0806)
    rows, _, arp = observed([Record(5, 1, 60, frame[: len(frame) - missing])], 1)
    assert (len(rows), arp) == (0 if missing else 1, 1)


def test_the_reverse_and_other_packets_say_nothing() -> None:
    within = ipv4(udp(b"\x08\0\0\0\0\0\1\0" + ethernet(PACKET_BYTES, 0x0806), (9, 4789)), 17)
    frames = [ethernet(PACKET_BYTES, 0x8035), ethernet(within), ethernet(ipv4(udp(b""), 17))]
    assert observed([Record(5, 1, len(one), one) for one in frames], 3) == ([], 0, 1)


def test_what_finds_no_room_is_counted() -> None:
    records = [Record(time_ns, 1, 42, ethernet(PACKET_BYTES, 0x0806)) for time_ns in range(10)]
    rows, lost, arp = observed(records, 4)
    assert (rows, lost, arp) == (observe_all(records)[:4], 6, 10)
    assert observed(records, 0) == ([], 10, 10)


LAYERS = (b"\x81\x00\x00\x05", b"\x88\xa8\x00\x06", b"\x00\x40\xaa\xaa\x03\0\0\0", b"\x88\x47\0\1\1\x40\0\0\0\0")
STARTS = {1: bytes(12), 113: bytes(14), 104: b"\x0f\0", 276: b""}


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(LAYERS), max_size=9),
    st.lists(st.tuples(st.integers(0, 27), st.sampled_from((0, 1, 2, 4, 6, 8, 255))), max_size=2),
    st.integers(0, 40),
    st.sampled_from(tuple(STARTS)),
)
def test_any_layers_and_changes(layers: list[bytes], changes: list[tuple[int, int]], cut: int, link_type: int) -> None:
    packet = bytearray(PACKET_BYTES)
    for place, value in changes:
        packet[place] = value
    data = STARTS[link_type] + b"".join(layers) + b"\x08\x06" + bytes(packet)
    if link_type == 276:
        data = b"\x08\x06" + bytes(18) + bytes(packet)
    records = [Record(7, link_type, len(data), whole) for whole in (data, data[: len(data) - cut], data + bytes(18))]
    assert observed(records, 3)[:2] == (observe_all(records), 0)


def test_busy_traffic_with_arp_in_it_and_bytes_changed() -> None:
    rng = random.Random(3)
    records: list[Record] = []
    for record in busy(2000, 4):
        data = bytearray(ethernet(PACKET_BYTES, 0x0806) if rng.random() < 0.3 else record.data)
        for _ in range(rng.choice((0, 0, 1, 2))):
            if data:
                data[rng.randrange(min(len(data), 42))] = rng.choice((0, 1, 2, 6, 8, rng.randrange(256)))
        records.append(Record(record.time_ns, 1, record.wire_length, bytes(data)))
    rows, lost, _ = observed(records, len(records))
    assert (rows, lost) == (observe_all(records), 0)
    assert len(rows) > 300
