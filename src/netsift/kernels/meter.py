"""Packets into flows: the packet clock, the end of flows, and the table (docs/flow-meter.md, section 2).

The kernels are resumable. ``state.position`` is the next packet of the batch and ``state.advanced`` says whether its
time has been applied, so that a call that returned anything but DONE can be repeated as it was.
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import inline_kernel, kernel
from netsift.kernels.layout import (
    BACKWARD_SEEN,
    CLOSED,
    CLOSED_BY_RST,
    DETAIL,
    DONE,
    END_ACTIVE,
    END_FIN,
    END_IDLE,
    END_OF_INPUT,
    END_RST,
    END_TABLE_FULL,
    FIN_BACKWARD,
    FIN_FORWARD,
    FIRST_RST_BACKWARD,
    INDEX_FULL,
    JUMP_LIMIT_NS,
    NANOSECONDS_PER_SECOND,
    OUTPUT_FULL,
    RST_BACKWARD,
    RST_FORWARD,
    SYN_ACK_BACKWARD,
    SYN_FORWARD,
    TABLE_FULL,
    WHEEL_SLOTS,
)
from netsift.kernels.prefetch import prefetch
from netsift.kernels.protocols import TCP
from netsift.kernels.statistics import FIN, RST, SYN, add_to_flow, start_detail
from netsift.kernels.table import ABSENT, BACKWARD, find_flow, insert_flow, remove_flow
from netsift.kernels.wheel import (
    NOTHING,
    append_to_wheel,
    deadline_second,
    oldest_flow,
    remove_from_wheel,
)

ACK = 16

FETCH_INDEX = 24
FETCH_FLOW = 16
FETCH_DETAIL = 8
"""How many packets ahead each part of the table is asked for; measured on traffic with 60,000 live flows."""
DETAIL_LINES = DETAIL.itemsize // 64 + 1
ROOM_PER_PACKET = 2
"""A packet ends at most two flows besides those whose time is up: its own earlier one, and one that gives way."""


@kernel
def meter_packets(
    packets, count, settings_array, state_array, flows, details, first_lengths, first_gaps_us,
    index, wheel, free_flows, free_details, ended,
):  # fmt: skip
    """Meter ``packets[state.position:count]``; return DONE, OUTPUT_FULL, TABLE_FULL or INDEX_FULL.

    Slots of ended flows are appended to ``ended[:state.done]``; the owner writes and releases them.
    """
    settings, state = settings_array[0], state_array[0]
    while state.position < count:
        _look_ahead(packets, state.position, count, flows, details, first_lengths, first_gaps_us, index)
        packet = packets[state.position]
        if state.advanced == 0:
            _advance_clock(packet.time_ns, state)
            state.advanced = 1
        if state.elapsed_ns >= (state.wheel_second + 1) * NANOSECONDS_PER_SECOND and not _turn_wheel(
            settings, state, flows, index, wheel, ended
        ):
            return OUTPUT_FULL
        if state.done + ROOM_PER_PACKET > ended.size:
            return OUTPUT_FULL
        if (state.flow_free == 0 and state.flow_high_water == flows.size) or (
            state.detail_free == 0 and state.detail_high_water == details.size
        ):
            return TABLE_FULL
        if 2 * (state.live_flows + 1) > index.size:
            return INDEX_FULL
        _meter_packet(
            packet, settings, state, flows, details, first_lengths, first_gaps_us, index, wheel,
            free_flows, free_details, ended,
        )  # fmt: skip
        state.position += 1
        state.advanced = 0
    state.position = 0
    return DONE


@inline_kernel
def _look_ahead(packets, position, count, flows, details, first_lengths, first_gaps_us, index):
    """Fetch what later packets of the batch will need: first the index, then the flow, then its statistics."""
    mask = index.size - 1
    if position + FETCH_INDEX < count:
        prefetch(index, np.int64(packets[position + FETCH_INDEX].hash) & mask, 1)
    if position + FETCH_FLOW < count:
        entry = index[np.int64(packets[position + FETCH_FLOW].hash) & mask]
        if entry != 0:
            prefetch(flows, np.int64(entry & np.uint64(0xFFFFFFFF)) - 1, 2)
    if position + FETCH_DETAIL < count:
        entry = index[np.int64(packets[position + FETCH_DETAIL].hash) & mask]
        if entry != 0:
            detail = np.int64(flows[np.int64(entry & np.uint64(0xFFFFFFFF)) - 1].detail)
            if detail != NOTHING:
                prefetch(details, detail, DETAIL_LINES)
                if first_lengths.shape[1] > 0:
                    prefetch(first_lengths, detail, 1)
                    prefetch(first_gaps_us, detail, 1)


@inline_kernel
def _advance_clock(time_ns, state):
    if state.started == 0:
        state.started = 1
        state.now_ns = time_ns
        return
    step = time_ns - state.now_ns
    if 0 < step <= JUMP_LIMIT_NS:
        state.now_ns = time_ns
        state.elapsed_ns += step
    elif step > JUMP_LIMIT_NS or step < -JUMP_LIMIT_NS:
        state.now_ns = time_ns


@inline_kernel
def _turn_wheel(settings, state, flows, index, wheel, ended):
    """Visit every second that has passed; return whether there was room for all flows whose time was up."""
    target = state.elapsed_ns // NANOSECONDS_PER_SECOND
    while state.wheel_second < target:
        second = state.wheel_second + 1
        place = second & (WHEEL_SLOTS - 1)
        while wheel[place].head != NOTHING:
            if state.done >= ended.size:
                return False
            slot = np.int64(wheel[place].head)
            deadline = deadline_second(flows[slot], settings)
            if deadline <= second:
                _end_flow(slot, END_IDLE, state, flows, index, wheel, ended)
            else:
                remove_from_wheel(wheel, flows, slot)
                append_to_wheel(wheel, flows, slot, deadline, second)
        state.wheel_second = second
    return True


@inline_kernel
def _end_flow(slot, reason, state, flows, index, wheel, ended):
    flow = flows[slot]
    remove_from_wheel(wheel, flows, slot)
    remove_flow(index, flow.hash, slot)
    if flow.history & CLOSED:
        reason = END_RST if flow.history & CLOSED_BY_RST else END_FIN
    flow.end_reason = reason
    state.live_flows -= 1
    ended[state.done] = slot
    state.done += 1


@inline_kernel
def _meter_packet(
    packet, settings, state, flows, details, first_lengths, first_gaps_us, index, wheel,
    free_flows, free_details, ended,
):  # fmt: skip
    slot, direction = find_flow(index, flows, packet)
    backward = direction == BACKWARD
    state.metered_packets += 1
    part = np.uint32(0)
    if slot != ABSENT:
        flow = flows[slot]
        reason = _ends_before(flow, packet, settings, state)
        if reason < 0:
            _join(slot, packet, backward, settings, state, flows, details, first_lengths, first_gaps_us,
                  wheel, free_details)  # fmt: skip
            return
        if reason == END_ACTIVE:
            part = flow.part + np.uint32(1)
        else:
            backward = False
        _end_flow(slot, reason, state, flows, index, wheel, ended)
    if state.live_flows >= settings.max_flows:
        _end_flow(
            oldest_flow(wheel, flows, settings, state.wheel_second),
            END_TABLE_FULL, state, flows, index, wheel, ended,
        )  # fmt: skip
    slot = _take_slot(state, free_flows)
    _open_flow(flows[slot], packet, backward, part, state)
    if settings.tcp_end:
        flows[slot].history |= _closing(flows[slot].history)
    insert_flow(index, packet.hash, slot)
    append_to_wheel(wheel, flows, slot, deadline_second(flows[slot], settings), state.wheel_second)
    state.opened_flows += 1
    state.live_flows += 1
    state.peak_flows = max(state.peak_flows, state.live_flows)


@inline_kernel
def _ends_before(flow, packet, settings, state):
    """Return the reason why the flow ends before this packet, or −1 if the packet joins it."""
    idle_ns = state.elapsed_ns - flow.last_elapsed_ns
    if flow.history & CLOSED:
        opening = packet.protocol == TCP and packet.tcp_flags & (SYN | ACK) == SYN
        if opening or idle_ns > settings.linger_ns:
            return END_FIN
    distance_ns = abs(packet.time_ns - flow.last_ns)
    if idle_ns > settings.idle_timeout_ns or distance_ns > settings.idle_timeout_ns:
        return END_IDLE
    if not flow.history & CLOSED and packet.time_ns - flow.first_ns > settings.active_timeout_ns:
        return END_ACTIVE
    return -1


@inline_kernel
def _join(slot, packet, backward, settings, state, flows, details, first_lengths, first_gaps_us, wheel, free_details):
    flow = flows[slot]
    if flow.detail == NOTHING:
        place = _take_detail(state, free_details)
        details[place] = details[0]
        flow.detail = place
        start_detail(flow, details[place], first_lengths, first_gaps_us, place, settings)
    place = np.int64(flow.detail)
    add_to_flow(flow, details[place], first_lengths, first_gaps_us, place, packet, backward, settings)
    flow.last_ns = max(flow.last_ns, packet.time_ns)
    closed = flow.history & CLOSED
    if not closed:
        flow.last_elapsed_ns = state.elapsed_ns
    if backward or packet.protocol == TCP:
        flow.history = _history(flow.history, packet, backward)
        if settings.tcp_end and not closed and _closing(flow.history):
            flow.history |= _closing(flow.history)
            remove_from_wheel(wheel, flows, slot)
            append_to_wheel(wheel, flows, slot, deadline_second(flow, settings), state.wheel_second)


@inline_kernel
def _closing(history):
    """Return the bits that say that and by what a flow with this history is closed, 0 while it is open."""
    both = FIN_FORWARD | FIN_BACKWARD
    if history & (RST_FORWARD | RST_BACKWARD):
        return CLOSED | CLOSED_BY_RST
    return CLOSED if history & both == both else 0


@inline_kernel
def _history(history, packet, backward):
    flags = packet.tcp_flags if packet.protocol == TCP else np.uint8(0)
    seen = np.int64(history)
    if backward:
        seen |= BACKWARD_SEEN
        if flags & (SYN | ACK) == SYN | ACK:
            seen |= SYN_ACK_BACKWARD
        if flags & FIN:
            seen |= FIN_BACKWARD
        if flags & RST:
            if not seen & RST_FORWARD:
                seen |= FIRST_RST_BACKWARD
            seen |= RST_BACKWARD
    else:
        if flags & (SYN | ACK) == SYN:
            seen |= SYN_FORWARD
        if flags & FIN:
            seen |= FIN_FORWARD
        if flags & RST:
            seen |= RST_FORWARD
    return seen


@inline_kernel
def _take_slot(state, free_flows):
    if state.flow_free > 0:
        state.flow_free -= 1
        return np.int64(free_flows[state.flow_free])
    state.flow_high_water += 1
    return state.flow_high_water - 1


@inline_kernel
def _take_detail(state, free_details):
    if state.detail_free > 0:
        state.detail_free -= 1
        return np.int64(free_details[state.detail_free])
    state.detail_high_water += 1
    return state.detail_high_water - 1


@inline_kernel
def _open_flow(flow, packet, backward, part, state):
    if backward:
        flow.source_high, flow.source_low = packet.destination_high, packet.destination_low
        flow.destination_high, flow.destination_low = packet.source_high, packet.source_low
        flow.source_port, flow.destination_port = packet.destination_port, packet.source_port
    else:
        flow.source_high, flow.source_low = packet.source_high, packet.source_low
        flow.destination_high, flow.destination_low = packet.destination_high, packet.destination_low
        flow.source_port, flow.destination_port = packet.source_port, packet.destination_port
    flow.first_ns = packet.time_ns
    flow.last_ns = packet.time_ns
    flow.last_elapsed_ns = state.elapsed_ns
    flow.payload_prefix = packet.payload_prefix
    flow.hash = packet.hash
    flow.tunnel_id = packet.tunnel_id
    flow.length = packet.length
    flow.payload_length = packet.payload_length
    flow.sequence = packet.sequence
    flow.part = part
    flow.detail = NOTHING
    flow.window = packet.window
    flow.header_length = packet.header_length
    flow.vlan_id = packet.vlan_id
    flow.call = packet.call
    flow.protocol = packet.protocol
    flow.ip_version = packet.ip_version
    flow.tcp_flags = packet.tcp_flags
    flow.time_to_live = packet.time_to_live
    flow.traffic_class = packet.traffic_class
    flow.tunnel = packet.tunnel
    flow.icmp_type = packet.icmp_type
    flow.icmp_code = packet.icmp_code
    flow.prefix_length = packet.prefix_length
    flow.marks = packet.marks
    flow.backward_first = 1 if backward else 0
    flow.history = _history(np.uint16(0), packet, backward)


@kernel
def pass_time(now_ns, settings_array, state_array, flows, index, wheel, ended):
    """End the flows whose time is up at ``now_ns`` as if a packet of another flow came then.

    Return DONE, or OUTPUT_FULL to be called again. Before the first packet there is no time.
    """
    settings, state = settings_array[0], state_array[0]
    if state.started == 0:
        return DONE
    _advance_clock(now_ns, state)
    if state.elapsed_ns >= (state.wheel_second + 1) * NANOSECONDS_PER_SECOND and not _turn_wheel(
        settings, state, flows, index, wheel, ended
    ):
        return OUTPUT_FULL
    return DONE


@kernel
def end_all(state_array, flows, index, wheel, ended):
    """End every live flow in the order of the wheel; return DONE, or OUTPUT_FULL to be called again."""
    state = state_array[0]
    for ahead in range(WHEEL_SLOTS):
        place = (state.wheel_second + ahead) & (WHEEL_SLOTS - 1)
        while wheel[place].head != NOTHING:
            if state.done >= ended.size:
                return OUTPUT_FULL
            _end_flow(np.int64(wheel[place].head), END_OF_INPUT, state, flows, index, wheel, ended)
    return DONE


@kernel
def release_ended(state_array, flows, free_flows, free_details, ended):
    """Give the slots ``ended`` back once their flows have been written."""
    state = state_array[0]
    for slot in ended:
        if flows[slot].detail != NOTHING:
            free_details[state.detail_free] = flows[slot].detail
            state.detail_free += 1
        free_flows[state.flow_free] = slot
        state.flow_free += 1
