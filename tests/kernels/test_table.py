"""The flow index under crowding: few hashes, many flows, against a search through all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.kernels.layout import FLOW, PACKET
from netsift.kernels.table import find_flow, flow_direction, insert_flow, rebuild_index, remove_flow
from tests.naive import parts
from tests.naive.parts import Key

SLOTS = 16
ends = st.sampled_from([(0, 1, 80), (0, 1, 81), (0, 2, 80), (2**64 - 1, 1, 80), (0, 2**64 - 1, 65535), (1, 0, 0)])
shared = st.sampled_from([(6, 4, 0xFFFF, 0), (17, 4, 0xFFFF, 0), (6, 6, 0xFFFF, 0), (6, 4, 7, 0), (6, 4, 0xFFFF, 9)])
keys = st.tuples(ends, ends, shared)
operations = st.lists(st.tuples(st.booleans(), keys), max_size=60)


def write_key(entry: Any, key: Key, digest: int) -> None:
    """Fill the key's fields of a PACKET or FLOW."""
    (entry["source_high"], entry["source_low"], entry["source_port"]) = key[0]
    (entry["destination_high"], entry["destination_low"], entry["destination_port"]) = key[1]
    (entry["protocol"], entry["ip_version"], entry["vlan_id"], entry["tunnel_id"]) = key[2]
    entry["hash"] = digest


def digest_of(key: Key) -> int:
    """Return a poor hash, the same for both directions: full of collisions, and of runs over the end of the index."""
    return (0xFFFFFFFF, 0xFFFFFFFE, 31, 63)[(key[0][1] + key[1][1] + key[2][0]) % 4]


@given(keys, keys)
def test_flow_direction(flow: Key, packet: Key) -> None:
    flows, packets = np.zeros(1, FLOW), np.zeros(1, PACKET)
    write_key(flows[0], flow, 0)
    write_key(packets[0], packet, 0)
    assert flow_direction(flows[0], packets[0]) == parts.flow_direction(flow, packet)


def assert_all_found(index: Any, flows: Any, live: dict[int, Key], probes: list[Key]) -> None:
    """Hold every look-up against a search."""
    packet = np.zeros(1, PACKET)
    for key in probes:
        write_key(packet[0], key, digest_of(key))
        assert find_flow(index, flows, packet[0]) == parts.find_flow(live, key)


@given(operations)
def test_insert_flow_find_flow_remove_flow_and_rebuild_index(steps: list[tuple[bool, Key]]) -> None:
    index, flows = np.zeros(2 * SLOTS, np.uint64), np.zeros(SLOTS, FLOW)
    live: dict[int, Key] = {}
    probes = [key for _, key in steps]
    probes += [(key[1], key[0], key[2]) for key in probes]
    for wants_in, key in steps:
        slot, _ = parts.find_flow(live, key)
        if wants_in and slot < 0 and len(live) < SLOTS:
            slot = min(set(range(SLOTS)) - set(live))
            write_key(flows[slot], key, digest_of(key))
            insert_flow(index, np.uint32(digest_of(key)), slot)
            live[slot] = key
        elif not wants_in and slot >= 0:
            remove_flow(index, np.uint32(digest_of(live.pop(slot))), slot)
        assert np.count_nonzero(index) == len(live)
    assert_all_found(index, flows, live, probes)
    larger = np.zeros(4 * len(index), np.uint64)
    rebuild_index(index, larger)
    assert_all_found(larger, flows, live, probes)
