"""Record scanners against the slow reader on files made of everything the formats allow, and past damage."""

from __future__ import annotations

import random
import struct
from collections import Counter
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.kernels.containers import INTERFACE, NEED_INPUT, SCANNER, scan_pcap, scan_pcapng
from netsift.kernels.layout import RECORD
from tests.flows.traffic import busy
from tests.flows.writing import block, interface, pcap, pcapng, section
from tests.naive import Record, read_records

Array = np.ndarray[Any, Any]
MAGICS: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 16, 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 16, 1000),
    b"\xa1\xb2\x3c\x4d": (">", 16, 1),
    b"\x4d\x3c\xb2\xa1": ("<", 16, 1),
    b"\xa1\xb2\xcd\x34": (">", 24, 1000),
    b"\x34\xcd\xb2\xa1": ("<", 24, 1000),
}
LOST: Final = {
    "truncated_record": "truncated_records",
    "damaged_record": "damaged_records",
    "unknown_interface": "unknown_interfaces",
}


def scan(data: bytes, room: int = 3) -> tuple[list[Record], Counter[str], int]:
    """Return the records in a whole file, what was lost by reason, and the bytes of garbage."""
    buffer = np.frombuffer(data, np.uint8).copy()
    scanner, records, interfaces = np.zeros(1, SCANNER), np.zeros(room, RECORD), np.zeros(64, INTERFACE)
    is_pcap = data[:4] in MAGICS
    if is_pcap:
        order, header, unit_ns = MAGICS[data[:4]]
        scanner["position"], scanner["big_endian"], scanner["record_header"] = 24, order == ">", header
        scanner["fraction_to_ns"] = unit_ns
        scanner["link_type"] = struct.unpack_from(order + "I", data, 20)[0]
    found: list[Record] = []
    status = -1
    while status != NEED_INPUT:
        if is_pcap:
            status, count = scan_pcap(buffer, len(data), True, records, scanner)
        else:
            status, count = scan_pcapng(buffer, len(data), True, records, scanner, interfaces)
        found += [as_record(record, data) for record in records[:count]]
    assert int(scanner["records"][0]) == len(found)
    lost = Counter({reason: int(scanner[field][0]) for reason, field in LOST.items() if scanner[field][0]})
    return found, lost, int(scanner["garbage_bytes"][0])


def as_record(record: Any, data: bytes) -> Record:
    """Return a RECORD with the bytes it points at."""
    start = int(record["offset"])
    return Record(
        int(record["time_ns"]), int(record["link_type"]), int(record["wire_length"]),
        data[start : start + int(record["captured"])],
    )  # fmt: skip


packets = st.binary(max_size=30)
times = st.integers(0, 2**32 - 1)


@st.composite
def pcap_files(draw: st.DrawFn) -> bytes:
    """A well-formed pcap file in any of the six variants."""
    magic = draw(st.sampled_from(sorted(MAGICS)))
    order, header, unit_ns = MAGICS[magic]
    parts = [magic + struct.pack(order + "HHIIII", 2, 4, 0, 0, 65535, draw(st.sampled_from((0, 1, 101))))]
    for data in draw(st.lists(packets, max_size=12)):
        second, fraction = draw(st.integers(1, 2**32 - 1)), draw(st.integers(0, 10**9 // unit_ns - 1))
        wire = draw(st.sampled_from((0, len(data), 1500)))
        parts.append(struct.pack(order + "IIII", second, fraction, len(data), wire) + bytes(header - 16) + data)
    return b"".join(parts)


@given(pcap_files(), st.integers(1, 5))
def test_scan_pcap(data: bytes, room: int) -> None:
    assert scan(data, room) == (*read_records(data), 0)


resolutions = st.one_of(
    st.none(),
    st.sampled_from((0, 3, 6, 9, 10, 12, 18, 30, 0x80, 0x94, 0xA0, 0xA2, 0xA3, 0xBC, 0xBE, 0xFF)),
    st.integers(0, 255),
)
offsets = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-(10**10), 10**10))


@st.composite
def interfaces(draw: st.DrawFn, order: str) -> bytes:
    """An interface description with any time resolution and offset."""
    options = [(2, b"eth0")]
    resolution, offset = draw(resolutions), draw(offsets)
    if resolution is not None:
        options.append((9, bytes((resolution,))))
    if offset is not None:
        options.append((14, struct.pack(order + "q", offset)))
    options.append((0, b""))
    return interface(
        draw(st.sampled_from((0, 1, 101))), *options, order=order, snap_length=draw(st.sampled_from((0, 9, 65535)))
    )


@st.composite
def packet_blocks(draw: st.DrawFn, order: str) -> bytes:
    """A block with a packet of any kind, or one that is none."""
    data, number = draw(packets), draw(st.integers(0, 3))
    ticks = draw(st.integers(0, 2**64 - 1) | st.integers(0, 2**54))
    wire = draw(st.sampled_from((0, len(data), 1500)))
    body = struct.pack(order + "IIII", ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire) + data
    match draw(st.sampled_from(("enhanced", "obsolete", "simple", "other"))):
        case "enhanced":
            options = draw(st.sampled_from((b"", struct.pack(order + "HHI", 2, 4, 0) + bytes(4))))
            padding = bytes(-len(data) % 4)
            return block(6, struct.pack(order + "I", number) + body + padding + options, order)
        case "obsolete":
            return block(2, struct.pack(order + "HH", number, 0) + body, order)
        case "simple":
            return block(3, struct.pack(order + "I", draw(st.integers(0, len(data) + 9))) + data, order)
    return block(draw(st.sampled_from((4, 5, 10, 0x0BAD, 0x80000001))), data, order)


@st.composite
def pcapng_files(draw: st.DrawFn) -> bytes:
    """Some sections of either byte order with their interfaces, packets and other blocks."""
    parts: list[bytes] = []
    for _ in range(draw(st.integers(1, 3))):
        order = draw(st.sampled_from("<>"))
        parts.append(section(order))
        blocks = st.one_of(interfaces(order), packet_blocks(order), packet_blocks(order))
        parts += draw(st.lists(blocks, max_size=12))
    return b"".join(parts)


@given(pcapng_files(), st.integers(1, 5))
def test_scan_pcapng(data: bytes, room: int) -> None:
    assert scan(data, room) == (*read_records(data), 0)


# -------------------------------------------------------------------------------------------------------- damage


@pytest.mark.parametrize("pack", [pcap, pcapng])
def test_a_cut_file_loses_its_last_record(pack: Any) -> None:
    records = busy(50)
    for cut in (1, 5, 17, 31):
        found, lost, garbage = scan(pack(records)[:-cut])
        assert (found, lost, garbage) == (records[:-1], Counter(truncated_record=1), 0)


@pytest.mark.parametrize("pack", [pcap, pcapng])
@pytest.mark.parametrize("seed", range(20))
def test_garbage_between_records_is_passed_over(pack: Any, seed: int) -> None:
    rng = random.Random(seed)
    records = busy(40, seed)
    cut = rng.randrange(5, 30)
    garbage = rng.randbytes(4 * rng.randrange(5, 100))
    data = pack(records)
    place = len(pack(records[:cut]))
    found, _, skipped = scan(data[:place] + garbage + data[place:])
    assert found[:cut] == records[:cut]
    assert found[-(len(records) - cut) :] == records[cut:]
    assert len(found) == len(records)
    assert skipped >= len(garbage) - 24


@pytest.mark.parametrize("pack", [pcap, pcapng])
@pytest.mark.parametrize("seed", range(20))
def test_one_lying_length_costs_little(pack: Any, seed: int) -> None:
    rng = random.Random(seed)
    records = [record for record in busy(60, seed) if len(record.data) >= 40]
    number = rng.randrange(3, len(records) - 3)
    data = bytearray(pack(records))
    end = len(pack(records[: number + 1]))
    inside = len(records[number].data) + (16 if pack is pcap else 32 + -len(records[number].data) % 4)
    field = end - inside + (8 if pack is pcap else 4)
    struct.pack_into("<I", data, field, rng.choice((0xFFFFFFFF, 200_000, 60_000)))
    found, lost, garbage = scan(bytes(data))
    assert lost.total() + garbage > 0
    assert found[:number] == records[:number]
    assert found[-(len(records) - number - 2) :] == records[number + 2 :]
