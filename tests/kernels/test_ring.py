"""The walk over a block of a packet ring against the slow reader, also where the block lies."""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.flows.meter import Meter
from netsift.flows.settings import MeterSettings
from netsift.kernels.decode import decode_records
from netsift.kernels.layout import DONE, FRAGMENT_ENTRY, OUTPUT_FULL, PACKET, RECORD, SKIP_REASONS
from netsift.kernels.meter import pass_time
from netsift.kernels.ring import RING, scan_ring_block
from tests.flows.engine import rows_of
from tests.flows.traffic import busy
from tests.kernels.arp_rooms import no_arp
from tests.naive import Record
from tests.naive.ring import read_block

COUNTS = {"cut": "cut_records", "tag": "tagged_records", "damaged": "damaged_records"}
TAG = 4


@dataclass(frozen=True)
class Frame:
    """A frame as the kernel hands it over: what was kept of it, and the VLAN tag that was taken out."""

    data: bytes
    time_ns: int = 1_700_000_000_123_456_789
    length: int | None = None
    tag: int = 0
    protocol: int = 0
    status: int = 1
    room: int = 0


def packed(frames: list[Frame], order: str = "<", size: int | None = None) -> bytes:
    """Return a block as the kernel lays it out: headers aligned to 16 bytes, 34 bytes between header and frame."""
    body = b""
    for number, frame in enumerate(frames):
        seconds, nanoseconds = divmod(frame.time_ns, 10**9)
        start = 82 + frame.room
        whole = start + len(frame.data)
        following = -(-whole // 16) * 16 if number < len(frames) - 1 else 0
        header = struct.pack(
            order + "6I2H2I2H8x", following, seconds, nanoseconds, len(frame.data),
            len(frame.data) if frame.length is None else frame.length, frame.status, start, start + 14, 0,
            frame.tag, frame.protocol, 0,
        )  # fmt: skip
        body += header.ljust(start, b"\xee") + frame.data + bytes((following or whole) - whole)
    block = struct.pack(order + "6IQ4I", 2, 48, 1, len(frames), 48, 48 + len(body), 1, 0, 0, 0, 0) + body
    return block.ljust(size or len(block), b"\xaa")


def walked(block: bytes, room: int = 3, *, link_type: int = 1, order: str = "<") -> tuple[list[Record], Counter[str]]:
    """Return the records that the kernel finds in a block, and its counts."""
    memory = np.frombuffer(block, np.uint8).copy()
    records, walk = np.zeros(room, RECORD), np.zeros(1, RING)
    walk["link_type"], walk["big_endian"] = link_type, order == ">"
    found: list[Record] = []
    status = OUTPUT_FULL
    while status != DONE:
        status, count = scan_ring_block(memory, records, walk)
        found += [as_record(record, memory) for record in records[:count]]
    assert int(walk["records"][0]) == len(found)
    return found, Counter({name: int(walk[field][0]) for name, field in COUNTS.items() if walk[field][0]})


def as_record(record: Any, memory: Any) -> Record:
    """Return a RECORD with the bytes it points at."""
    start, captured = int(record["offset"]), int(record["captured"])
    data = memory[start : start + captured].tobytes()
    assert len(data) == captured
    return Record(int(record["time_ns"]), int(record["link_type"]), int(record["wire_length"]), data)


frames = st.builds(
    Frame,
    st.binary(max_size=40),
    st.integers(0, 2**32 * 10**9 - 1),
    st.none() | st.integers(0, 70_000),
    st.sampled_from((0, 0, 5, 0x6005, 0xFFFF)),
    st.sampled_from((0, 0x8100, 0x88A8)),
    st.sampled_from((1, 1 | 16, 1 | 16 | 64, 1 | 64)),
    st.sampled_from((0, 4, 14)),
)


@given(st.lists(frames, max_size=6), st.sampled_from("<>"), st.sampled_from((1, 101)), st.integers(1, 4))
def test_blocks_of_every_shape(chosen: list[Frame], order: str, link_type: int, room: int) -> None:
    block = packed(chosen, order, 4096)
    expected = read_block(bytearray(block), link_type, order)
    assert walked(block, room, link_type=link_type, order=order) == expected
    assert len(expected[0]) == len(chosen)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_blocks(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        made = [Frame(chance.randbytes(chance.randrange(40)), tag=chance.choice((0, 7))) for _ in range(4)]
        block = bytearray(packed(made))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(12, len(block) - 4)
            edge = chance.choice((0, 1, 47, 48, len(block), 0xFFFF, 2**31, 2**32 - 1, chance.randrange(2**32)))
            block[place : place + 4] = struct.pack("<I", edge)
        block = block[: chance.randint(0, len(block))] if chance.random() < 0.3 else block
        # Records are taken one by one: a tag that is put back may overwrite the packet behind it.
        assert walked(bytes(block), 1) == read_block(bytearray(block))


def test_a_tag_is_put_back_where_a_file_has_it() -> None:
    tagged = [record for record in busy(400) if record.data[12:14] == b"\x81\x00" and len(record.data) > 40]
    stripped = [
        Frame(one.data[:12] + one.data[16:], one.time_ns, one.wire_length - TAG,
              int.from_bytes(one.data[14:16], "big"), 0x8100, 1 | 16 | 64)
        for one in tagged
    ]  # fmt: skip
    assert walked(packed(stripped), 100) == (tagged, Counter(tag=len(tagged)))
    assert len(tagged) > 10


def test_packets_of_a_block_are_those_of_a_file() -> None:
    records = busy(300)
    memory = np.frombuffer(packed([Frame(one.data, one.time_ns, one.wire_length) for one in records]), np.uint8).copy()
    found, walk = np.zeros(300, RECORD), np.zeros(1, RING)
    walk["link_type"] = 1
    assert scan_ring_block(memory, found, walk) == (DONE, 300)
    packets, reasons = np.empty(300, PACKET), np.zeros(len(SKIP_REASONS), np.int64)
    key = np.zeros(2, np.uint64)
    fragments = np.zeros(64, FRAGMENT_ENTRY)
    count = decode_records(
        memory, found, 300, False, packets, np.zeros(1, PACKET), reasons, fragments, key, *no_arp(),
    )  # fmt: skip
    assert reasons.sum() == 300
    assert 200 < count == reasons[0]


def packets_of(records: list[Record]) -> Any:
    """Return the packets of records, decoded."""
    block = packed([Frame(one.data, one.time_ns, one.wire_length) for one in records])
    memory, found, walk = np.frombuffer(block, np.uint8).copy(), np.zeros(len(records), RECORD), np.zeros(1, RING)
    walk["link_type"] = 1
    _, count = scan_ring_block(memory, found, walk)
    packets, reasons = np.empty(count, PACKET), np.zeros(len(SKIP_REASONS), np.int64)
    fragments, key = np.zeros(64, FRAGMENT_ENTRY), np.zeros(2, np.uint64)
    decoded = decode_records(
        memory, found, count, False, packets, np.zeros(1, PACKET), reasons, fragments, key, *no_arp(),
    )  # fmt: skip
    return packets[:decoded]


@pytest.mark.parametrize("rest_s", [1, 119, 121, 200, 3599])
def test_time_that_passes_ends_what_a_packet_then_would_have_ended(rest_s: int) -> None:
    """``pass_time`` against the same traffic with a stray packet at that time, of a flow that nobody else has."""
    records = busy(200, fragments=False)
    packets = packets_of(records)
    then_ns = int(packets["time_ns"].max()) + rest_s * 10**9
    silent, spoken = Meter(MeterSettings()), Meter(MeterSettings())
    stray = packets[:1].copy()
    stray["time_ns"], stray["source_port"], stray["hash"] = then_ns, 65_000, 77
    batches = [*silent.add(packets), *(ended.batch() for ended in silent.pass_time(then_ns))]
    batches += [ended.batch() for ended in silent.hand_out()]
    expected = [*spoken.add(packets), *spoken.add(stray), *(ended.batch() for ended in spoken.hand_out())]
    assert rows_of(batches) == rows_of(expected)
    assert silent.now_ns == then_ns
    assert (silent.counters().live == 0) == (rest_s > 120)
    assert pass_time.__name__ == "pass_time"


def test_time_does_not_pass_before_the_first_packet() -> None:
    meter = Meter(MeterSettings())
    assert list(meter.pass_time(10**18)) == []
    assert meter.now_ns is None


def test_flows_that_run_are_shown_and_stay() -> None:
    packets = packets_of(busy(300, fragments=False))
    meter, other = Meter(MeterSettings()), Meter(MeterSettings())
    ended = rows_of(meter.add(packets))
    shown = rows_of(meter.running(5.0, 1_000))
    assert shown
    assert {row["end_reason"] for row in shown} == {"active"}
    assert all(meter.now_ns - int(str(row["start_time"])) >= 5 * 10**9 for row in shown if meter.now_ns)
    assert [row["start_time"] for row in shown] == sorted(int(str(row["start_time"])) for row in shown)
    assert rows_of(meter.running(5.0, 2)) == shown[:2]
    rest = ended + rows_of(meter.finish())
    assert rest == rows_of([*other.add(packets), *other.finish()])
    left = {key(row): row for row in rest}
    for row in shown:
        assert {**row, "end_reason": ""} == {**left[key(row)], "end_reason": ""}


def key(row: dict[str, object]) -> tuple[object, ...]:
    """Return what names a flow."""
    return tuple(
        row[name] for name in ("start_time", "src_ip", "dst_ip", "src_port", "dst_port", "protocol", "vlan_id")
    )
