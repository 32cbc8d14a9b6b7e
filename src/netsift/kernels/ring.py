"""Packet records out of one block of a TPACKET_V3 receive ring, where they lie.

A block begins with a header that says how many packets it holds and where the first begins; each packet has a header of
its own with the distance to the next (linux/if_packet.h, Documentation/networking/packet_mmap.rst). The kernel wrote
it, and still nothing that it says is believed beyond the block: an offset or a length that leads outside ends the walk,
and the packets that are left are counted as damaged.

Linux takes the outermost VLAN tag out of a frame and hands it over beside it. It is put back where a capture file has
it: the two addresses in front of it move four bytes towards the front, into room that the ring reserves for that.
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.bytes import integer_16, integer_32
from netsift.kernels.jit import hostile_kernel, inline_hostile_kernel
from netsift.kernels.layout import DONE, NANOSECONDS_PER_SECOND, OUTPUT_FULL
from netsift.kernels.link import ETHERTYPE_VLAN, LINK_ETHERNET

RING = np.dtype(
    [
        ("position", np.int64),
        ("left", np.int64),
        ("big_endian", np.int64),
        ("link_type", np.int64),
        ("records", np.int64),
        ("cut_records", np.int64),
        ("tagged_records", np.int64),
        ("damaged_records", np.int64),
    ],
    align=True,
)
"""State of the walk: place in the block (0 before it began) and packets left in it, format facts, and counters."""

# Offsets in the header of a block.
BLOCK_PACKETS = 12
BLOCK_FIRST = 16
BLOCK_HEADER = 48

# Offsets in the header of a packet.
NEXT = 0
SECONDS = 4
NANOSECONDS = 8
CAPTURED = 12
WIRE_LENGTH = 16
STATUS = 20
FRAME = 24
VLAN_CONTROL = 32
VLAN_ETHERTYPE = 36
PACKET_HEADER = 48

VLAN_VALID = 16
VLAN_ETHERTYPE_VALID = 64
ADDRESSES = 12
TAG = 4
LONGEST = 0xFFFF_FFFF


@hostile_kernel
def scan_ring_block(block, records, ring_array):
    """Fill ``records`` from a ring's block (uint8); return (DONE or OUTPUT_FULL, number of records).

    Set ``position`` to 0 for a new block; after OUTPUT_FULL the walk goes on where it stopped. Offsets of the records
    count from the start of the block, whose frames get their VLAN tags back.
    """
    ring = ring_array[0]
    if ring.position == 0:
        if block.size < BLOCK_HEADER:
            return DONE, 0
        ring.left = integer_32(block, BLOCK_PACKETS, ring.big_endian)
        ring.position = integer_32(block, BLOCK_FIRST, ring.big_endian)
    count = 0
    while ring.left > 0:
        if count == records.size:
            return OUTPUT_FULL, count
        position = ring.position
        if position < BLOCK_HEADER or position + PACKET_HEADER > block.size:
            return _damaged(ring, count)
        start = position + integer_16(block, position + FRAME, ring.big_endian)
        captured = integer_32(block, position + CAPTURED, ring.big_endian)
        if start < position + PACKET_HEADER or start + captured > block.size:
            return _damaged(ring, count)
        _emit(block, position, start, captured, records[count], ring)
        count += 1
        ring.left -= 1
        ring.position += max(integer_32(block, position + NEXT, ring.big_endian), PACKET_HEADER)
    return DONE, count


@inline_hostile_kernel
def _damaged(ring, count):
    ring.damaged_records += ring.left
    ring.left = 0
    return DONE, count


@inline_hostile_kernel
def _emit(block, position, start, captured, record, ring):
    wire_length = integer_32(block, position + WIRE_LENGTH, ring.big_endian)
    tag = _put_tag_back(block, position, start, captured, ring)
    record.time_ns = (
        integer_32(block, position + SECONDS, ring.big_endian) * NANOSECONDS_PER_SECOND
        + integer_32(block, position + NANOSECONDS, ring.big_endian)
    )  # fmt: skip
    record.offset = start - tag
    record.captured = captured + tag
    record.wire_length = min(max(captured, wire_length) + tag, LONGEST)
    record.link_type = ring.link_type
    ring.records += 1
    if captured < wire_length:
        ring.cut_records += 1


@inline_hostile_kernel
def _put_tag_back(block, position, start, captured, ring):
    """Write the VLAN tag that was taken out of a frame, if any, in front of its EtherType; return the tag's length."""
    status = integer_32(block, position + STATUS, ring.big_endian)
    control = integer_32(block, position + VLAN_CONTROL, ring.big_endian)
    if control == 0 and not status & VLAN_VALID:
        return 0
    if ring.link_type != LINK_ETHERNET or captured < ADDRESSES or start - TAG < position + PACKET_HEADER:
        return 0
    ethertype = integer_16(block, position + VLAN_ETHERTYPE, ring.big_endian)
    if not status & VLAN_ETHERTYPE_VALID or ethertype == 0:
        ethertype = ETHERTYPE_VLAN
    for place in range(start - TAG, start - TAG + ADDRESSES):
        block[place] = block[place + TAG]
    tag = start - TAG + ADDRESSES
    block[tag] = ethertype >> 8
    block[tag + 1] = ethertype & 0xFF
    block[tag + 2] = control >> 8 & 0xFF
    block[tag + 3] = control & 0xFF
    ring.tagged_records += 1
    return TAG
