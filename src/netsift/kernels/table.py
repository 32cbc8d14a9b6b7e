"""The flow index: open addressing with linear probing and backward-shift deletion.

An entry is 64 bits: the keyed hash above, the flow's slot plus one below, 0 when empty. The owner keeps the index at
most half full, so every probe ends.
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import inline_kernel, kernel

ABSENT = -1
FORWARD = 1
BACKWARD = 2


@inline_kernel
def flow_direction(flow, packet):
    """Return FORWARD or BACKWARD if the packet belongs to the flow's key, else 0."""
    if (
        flow.protocol != packet.protocol
        or flow.ip_version != packet.ip_version
        or flow.vlan_id != packet.vlan_id
        or flow.tunnel_id != packet.tunnel_id
    ):
        return 0
    if (
        flow.source_low == packet.source_low
        and flow.destination_low == packet.destination_low
        and flow.source_port == packet.source_port
        and flow.destination_port == packet.destination_port
        and flow.source_high == packet.source_high
        and flow.destination_high == packet.destination_high
    ):
        return FORWARD
    if (
        flow.source_low == packet.destination_low
        and flow.destination_low == packet.source_low
        and flow.source_port == packet.destination_port
        and flow.destination_port == packet.source_port
        and flow.source_high == packet.destination_high
        and flow.destination_high == packet.source_high
    ):
        return BACKWARD
    return 0


@inline_kernel
def find_flow(index, flows, packet):
    """Return (slot, direction) of the live flow that the packet belongs to, or (ABSENT, 0)."""
    mask = index.size - 1
    digest = np.uint64(packet.hash)
    place = np.int64(packet.hash) & mask
    while True:
        entry = index[place]
        if entry == 0:
            return ABSENT, 0
        if entry >> np.uint64(32) == digest:
            slot = np.int64(entry & np.uint64(0xFFFFFFFF)) - 1
            direction = flow_direction(flows[slot], packet)
            if direction:
                return slot, direction
        place = (place + 1) & mask


@kernel
def insert_flow(index, digest, slot):
    """Enter a flow's slot under its hash."""
    mask = index.size - 1
    place = np.int64(digest) & mask
    while index[place] != 0:
        place = (place + 1) & mask
    index[place] = (np.uint64(digest) << np.uint64(32)) | np.uint64(slot + 1)


@kernel
def remove_flow(index, digest, slot):
    """Take a flow's entry out and close the gap, so that no tombstones gather."""
    mask = index.size - 1
    wanted = (np.uint64(digest) << np.uint64(32)) | np.uint64(slot + 1)
    hole = np.int64(digest) & mask
    while index[hole] != wanted:
        hole = (hole + 1) & mask
    place = hole
    while True:
        place = (place + 1) & mask
        entry = index[place]
        if entry == 0:
            break
        home = np.int64(entry >> np.uint64(32)) & mask
        # An entry may move back into the hole only if its home does not lie between the hole and itself.
        if ((place - home) & mask) >= ((place - hole) & mask):
            index[hole] = entry
            hole = place
    index[hole] = 0


@kernel
def rebuild_index(old_index, index):
    """Enter every flow of ``old_index`` into a larger, empty ``index``."""
    for place in range(old_index.size):
        entry = old_index[place]
        if entry != 0:
            insert_flow(index, entry >> np.uint64(32), np.int64(entry & np.uint64(0xFFFFFFFF)) - 1)
