"""What one packet adds to the statistics of its flow; docs/flow-meter.md section 3 has the definitions."""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import inline_kernel, kernel
from netsift.kernels.layout import (
    FRAGMENT,
    LATER_FRAGMENT,
    NO_PAYLOAD_KIND,
    TCP_KNOWN,
)
from netsift.kernels.payload import payload_kind
from netsift.kernels.protocols import TCP
from netsift.kernels.remote_calls import BIND, calls_of

FIN = 1
SYN = 2
RST = 4


@kernel
def start_detail(flow, detail, first_lengths, first_gaps_us, place, settings):
    """Enter a flow's first packet into its (template) statistics."""
    detail.active_start_ns = flow.first_ns
    if first_lengths.shape[1] > 0:
        first_lengths[place, 0] = -np.int64(flow.length) if flow.backward_first else np.int64(flow.length)
        first_gaps_us[place, 0] = 0.0
        detail.first_count = 1
    if flow.marks & FRAGMENT:
        detail.fragments = 1
    if flow.call:
        _add_call(detail, flow.call)
    if flow.backward_first:
        add_to_direction(detail.backward, detail.forward, flow, flow.first_ns, settings)
    else:
        add_to_direction(detail.forward, detail.backward, flow, flow.first_ns, settings)


@inline_kernel
def add_to_flow(flow, detail, first_lengths, first_gaps_us, place, packet, backward, settings):
    """Enter a later packet into the statistics of its flow and of its direction."""
    time_ns = packet.time_ns
    gap_ns = max(time_ns - flow.last_ns, np.int64(0))
    gap_us = gap_ns / 1000.0
    detail.gap_min_ns = min(detail.gap_min_ns, gap_ns)
    detail.gap_max_ns = max(detail.gap_max_ns, gap_ns)
    detail.gap_squares += gap_us * gap_us
    if gap_ns > settings.subflow_gap_ns:
        detail.subflows += np.uint32(1)
    if gap_ns > settings.activity_timeout_ns:
        _add_idle(detail, gap_ns, gap_us)
        add_active(detail, flow.last_ns)
        detail.active_start_ns = time_ns
    if packet.marks & FRAGMENT:
        detail.fragments += np.uint32(1)
    if packet.call:
        _add_call(detail, packet.call)
    count = np.int64(detail.first_count)
    if count < first_lengths.shape[1]:
        first_lengths[place, count] = -np.int64(packet.length) if backward else np.int64(packet.length)
        first_gaps_us[place, count] = gap_us
        detail.first_count = count + 1
    if backward:
        add_to_direction(detail.backward, detail.forward, packet, time_ns, settings)
    else:
        add_to_direction(detail.forward, detail.backward, packet, time_ns, settings)


@inline_kernel
def _add_call(detail, call):
    """Enter a remote procedure call: it is one of the interface that was bound last."""
    if call & BIND:
        detail.interface = call
    else:
        detail.calls |= calls_of(detail.interface, call)


@inline_kernel
def _add_idle(detail, gap_ns, gap_us):
    detail.idles += np.uint32(1)
    detail.idle_sum_ns += gap_ns
    detail.idle_min_ns = min(detail.idle_min_ns, gap_ns)
    detail.idle_max_ns = max(detail.idle_max_ns, gap_ns)
    detail.idle_squares += gap_us * gap_us


@kernel
def add_active(detail, end_ns):
    """Enter the active time that began at ``active_start_ns`` and ended at ``end_ns``."""
    active_ns = end_ns - detail.active_start_ns
    active_us = active_ns / 1000.0
    detail.active_sum_ns += active_ns
    detail.active_min_ns = min(detail.active_min_ns, active_ns)
    detail.active_max_ns = max(detail.active_max_ns, active_ns)
    detail.active_squares += active_us * active_us


@kernel
def add_to_direction(direction, other, packet, time_ns, settings):
    """Enter a packet (or a flow's first packet) into one direction; ``other`` is the opposite one."""
    length = np.uint64(packet.length)
    payload = np.uint64(packet.payload_length)
    if direction.packets == 0:
        direction.first_ns = time_ns
        direction.last_ns = time_ns
        direction.dscp = packet.traffic_class >> 2
    else:
        gap_ns = max(time_ns - direction.last_ns, np.int64(0))
        gap_us = gap_ns / 1000.0
        direction.gap_min_ns = min(direction.gap_min_ns, gap_ns)
        direction.gap_max_ns = max(direction.gap_max_ns, gap_ns)
        direction.gap_squares += gap_us * gap_us
        direction.last_ns = max(direction.last_ns, time_ns)
    direction.packets += np.uint32(1)
    direction.bytes += length
    direction.length_squares += length * length
    direction.length_min = min(direction.length_min, packet.length)
    direction.length_max = max(direction.length_max, packet.length)
    direction.payload_min = min(direction.payload_min, packet.payload_length)
    direction.payload_max = max(direction.payload_max, packet.payload_length)
    direction.header_bytes += np.uint64(packet.header_length)
    direction.header_min = min(direction.header_min, packet.header_length)
    direction.ttl_min = min(direction.ttl_min, packet.time_to_live)
    direction.ttl_max = max(direction.ttl_max, packet.time_to_live)
    direction.ecn |= packet.traffic_class & 3
    if payload > 0:
        direction.payload_packets += np.uint32(1)
        direction.payload_bytes += payload
        direction.payload_squares += payload * payload
        other.run_packets = 0
        _add_to_run(direction, payload, time_ns, settings)
        if direction.payload_kind == NO_PAYLOAD_KIND and packet.prefix_length > 0:
            direction.payload_kind = payload_kind(
                packet.payload_prefix,
                packet.prefix_length,
                packet.protocol,
                packet.source_port,
                packet.destination_port,
            )
    if packet.protocol == TCP and packet.marks & TCP_KNOWN:
        _add_tcp(direction, packet)


@inline_kernel
def _add_to_run(direction, payload, time_ns, settings):
    if direction.run_packets == 0 or time_ns - direction.run_last_ns > settings.bulk_gap_ns:
        direction.run_packets = 1
        direction.run_bytes = payload
        direction.run_start_ns = time_ns
    else:
        direction.run_packets += np.uint32(1)
        direction.run_bytes += payload
        if direction.run_packets == settings.bulk_packets:
            direction.bulks += np.uint32(1)
            direction.bulk_packets += direction.run_packets
            direction.bulk_bytes += direction.run_bytes
            direction.bulk_duration_ns += time_ns - direction.run_start_ns
        elif direction.run_packets > settings.bulk_packets:
            direction.bulk_packets += np.uint32(1)
            direction.bulk_bytes += payload
            direction.bulk_duration_ns += time_ns - direction.run_last_ns
    direction.run_last_ns = time_ns


@inline_kernel
def _add_tcp(direction, packet):
    flags = np.uint32(packet.tcp_flags)
    one = np.uint32(1)
    direction.fin += flags & one
    direction.syn += (flags >> np.uint32(1)) & one
    direction.rst += (flags >> np.uint32(2)) & one
    direction.psh += (flags >> np.uint32(3)) & one
    direction.ack += (flags >> np.uint32(4)) & one
    direction.urg += (flags >> np.uint32(5)) & one
    direction.ece += (flags >> np.uint32(6)) & one
    direction.cwr += flags >> np.uint32(7)
    if direction.window_known == 0:
        direction.window_known = 1
        direction.window_initial = packet.window
    if packet.window == 0 and not flags & RST:
        direction.zero_windows += one
    if not flags & RST and not packet.marks & LATER_FRAGMENT:
        _track_sequence(direction, packet, flags)


@inline_kernel
def _track_sequence(direction, packet, flags):
    markers = np.uint32(1 if flags & SYN else 0) + np.uint32(1 if flags & FIN else 0)
    length = np.uint32(packet.payload_length + markers)
    if length == 0:
        return
    start = np.uint32(packet.sequence)
    end = np.uint32(start + length)
    if direction.sequence_known == 0:
        direction.sequence_known = 1
        direction.next_sequence = end
        return
    ahead = np.int32(np.uint32(start - direction.next_sequence))
    if ahead >= 0:
        if ahead > 0:
            direction.hole_start = direction.next_sequence
            direction.hole_end = start
            direction.hole_open = 1
        direction.next_sequence = end
        return
    if direction.hole_open and _inside(start, direction.hole_start, direction.hole_end):
        direction.out_of_order += np.uint32(1)
        _shrink_hole(direction, start, end)
    elif not (ahead == -1 and markers == 0 and packet.payload_length <= 1):
        direction.retransmissions += np.uint32(1)
    if np.int32(np.uint32(end - direction.next_sequence)) > 0:
        direction.next_sequence = end


@inline_kernel
def _inside(sequence, start, end):
    return np.int32(np.uint32(sequence - start)) >= 0 and np.int32(np.uint32(sequence - end)) < 0


@inline_kernel
def _shrink_hole(direction, start, end):
    if start == direction.hole_start:
        direction.hole_start = end
    else:
        direction.hole_end = start
    if np.int32(np.uint32(direction.hole_end - direction.hole_start)) <= 0:
        direction.hole_open = 0
