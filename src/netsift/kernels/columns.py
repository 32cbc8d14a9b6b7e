"""Ended flows into rows, rows into columns, addresses into text.

A ROW holds every number of the flow schema; ``total``, ``fwd`` and ``bwd`` share one nested type, so that
``payload_bytes_fwd`` of the schema is ``row.fwd.payload_bytes`` here. ``row.valid`` says which kinds of value exist.
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import inline_kernel, kernel
from netsift.kernels.layout import (
    BACKWARD_SEEN,
    FIN_BACKWARD,
    FIN_FORWARD,
    FIRST_RST_BACKWARD,
    HAS_PORTS,
    HAS_TUNNEL_ID,
    ICMP_KNOWN,
    NO_PAYLOAD_KIND,
    NO_VLAN,
    RST_BACKWARD,
    RST_FORWARD,
    SYN_ACK_BACKWARD,
    SYN_FORWARD,
)
from netsift.kernels.protocols import TCP, UDP
from netsift.kernels.statistics import add_active, start_detail
from netsift.kernels.wheel import NOTHING

_COUNTS = ("packets", "payload_packets", "fin_packets", "syn_packets", "rst_packets", "psh_packets", "ack_packets",
           "urg_packets", "ece_packets", "cwr_packets", "length_min", "length_max", "payload_min", "payload_max",
           "bulks", "window_initial", "zero_windows", "retransmissions", "out_of_order")  # fmt: skip
_FLOAT64S = ("iat_total_us", "iat_mean_us", "iat_std_us", "iat_max_us", "iat_min_us")
_FLOAT32S = ("length_mean", "length_std", "payload_mean", "payload_std", "rate_packets_s", "rate_bytes_s",
             "bulk_bytes_mean", "bulk_packets_mean", "bulk_rate_bytes_s", "subflow_packets_mean",
             "subflow_bytes_mean")  # fmt: skip

SIDE_ROW = np.dtype(
    [
        *((name, np.float64) for name in _FLOAT64S),
        *((name, np.uint64) for name in ("bytes", "payload_bytes", "header_bytes")),
        *((name, np.uint32) for name in _COUNTS),
        *((name, np.float32) for name in _FLOAT32S),
        ("header_min", np.uint16),
        *((name, np.uint8) for name in ("ttl_min", "ttl_max", "dscp", "ecn", "payload_kind")),
    ],
    align=True,
)

ROW = np.dtype(
    [
        ("total", SIDE_ROW),
        ("fwd", SIDE_ROW),
        ("bwd", SIDE_ROW),
        *((name, np.int64) for name in ("start_time", "end_time")),
        *((name, np.float64) for name in (
            "duration_us", "active_mean_us", "active_std_us", "active_max_us", "active_min_us",
            "idle_mean_us", "idle_std_us", "idle_max_us", "idle_min_us", "response_time_us",
        )),
        *((name, np.uint32) for name in (
            "valid", "tunnel_id", "part", "subflows", "idles", "fragments", "remote_calls",
        )),
        *((name, np.float32) for name in ("rate_payload_bytes_s", "packets_ratio", "bytes_ratio")),
        *((name, np.uint16) for name in ("src_port", "dst_port", "vlan_id")),
        *((name, np.uint8) for name in (
            "protocol", "ip_version", "tunnel", "end_reason", "conn_state", "icmp_type", "icmp_code",
        )),
    ],
    align=True,
)  # fmt: skip

# Bits of row.valid in the order of netsift.flows.schema.Validity, which a test holds together.
(
    ALWAYS, PORTS, VLAN, TUNNEL_ID, IS_ICMP, FORWARD, BACKWARD, GAPS, GAPS_FWD, GAPS_BWD, DURATION, IDLE,
    WINDOW_FWD, WINDOW_BWD, PAYLOAD_KIND_FWD, PAYLOAD_KIND_BWD, BULK_FWD, BULK_BWD, BULK_RATE_FWD, BULK_RATE_BWD,
) = (1 << bit for bit in range(20))  # fmt: skip

# Codes in the order of netsift.flows.schema.CONNECTION_STATES, which a test holds together.
OTH, S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR = range(13)


TEMPLATE_DETAIL = 0
SCRATCH_DETAIL = 1
RESERVED_DETAILS = 2
"""The first two places of the detail pool: an empty one to copy from, and one for flows of a single packet."""


@kernel
def write_columns(
    ended, flows, details, first_lengths, first_gaps_us, settings_array, rows, valid,
    words_8, places_8, columns_8, words_4, places_4, columns_4,
    words_2, places_2, columns_2, words_1, places_1, columns_1,
):  # fmt: skip
    """Write the numbers of the flows ``ended`` as columns, one array per width in bytes.

    Goes through ``rows`` (ROW) tile by tile; ``words_N`` are views of it as integers of N bytes, shape (tile, words),
    ``places_N`` the word of each column, ``columns_N`` the result of shape (columns, flows). ``valid`` gets row.valid.
    """
    for start in range(0, ended.size, rows.size):
        stop = min(start + rows.size, ended.size)
        _finish_rows(ended, start, stop, flows, details, first_lengths, first_gaps_us, settings_array[0], rows)
        for position in range(start, stop):
            valid[position] = rows[position - start].valid
        _gather_columns(words_8, places_8, columns_8, start, stop)
        _gather_columns(words_4, places_4, columns_4, start, stop)
        _gather_columns(words_2, places_2, columns_2, start, stop)
        _gather_columns(words_1, places_1, columns_1, start, stop)


@inline_kernel
def _finish_rows(ended, start, stop, flows, details, first_lengths, first_gaps_us, settings, rows):
    for position in range(start, stop):
        flow = flows[ended[position]]
        place = np.int64(flow.detail)
        if place == NOTHING:
            place = np.int64(SCRATCH_DETAIL)
            details[place] = details[TEMPLATE_DETAIL]
            start_detail(flow, details[place], first_lengths, first_gaps_us, place, settings)
        _finish_row(flow, details[place], rows[position - start])


@inline_kernel
def _finish_row(flow, detail, row):
    duration_ns = flow.last_ns - flow.first_ns
    duration_s = duration_ns / 1e9
    forward, backward = detail.forward, detail.backward
    _identity(flow, row)
    row.duration_us = duration_ns / 1000.0
    row.valid = _validity(flow, detail, duration_ns)
    row.conn_state = _connection_state(flow, forward, backward)
    _side(forward, row.fwd, duration_s, detail.subflows)
    _side(backward, row.bwd, duration_s, detail.subflows)
    _total(detail, row, duration_ns)
    row.subflows = detail.subflows
    row.fragments = detail.fragments
    row.remote_calls = detail.calls
    row.rate_payload_bytes_s = _ratio(np.float64(forward.payload_bytes + backward.payload_bytes), duration_s)
    row.packets_ratio = _ratio(np.float64(backward.packets), np.float64(forward.packets))
    row.bytes_ratio = _ratio(np.float64(backward.bytes), np.float64(forward.bytes))
    row.response_time_us = max(backward.first_ns - flow.first_ns, np.int64(0)) / 1000.0
    _activity(flow, detail, row)


@inline_kernel
def _ratio(numerator, denominator):
    return numerator / denominator if denominator > 0 else 0.0


@inline_kernel
def _identity(flow, row):
    row.start_time = flow.first_ns
    row.end_time = flow.last_ns
    row.src_port = flow.source_port
    row.dst_port = flow.destination_port
    row.protocol = flow.protocol
    row.ip_version = flow.ip_version
    row.vlan_id = flow.vlan_id
    row.tunnel = flow.tunnel
    row.tunnel_id = flow.tunnel_id
    row.part = flow.part
    row.end_reason = flow.end_reason
    row.icmp_type = flow.icmp_type
    row.icmp_code = flow.icmp_code


@inline_kernel
def _validity(flow, detail, duration_ns):
    forward, backward = detail.forward, detail.backward
    packets = forward.packets + backward.packets
    valid = ALWAYS
    valid |= PORTS if flow.marks & HAS_PORTS else 0
    valid |= VLAN if flow.vlan_id != NO_VLAN else 0
    valid |= TUNNEL_ID if flow.marks & HAS_TUNNEL_ID else 0
    valid |= IS_ICMP if flow.marks & ICMP_KNOWN else 0
    valid |= FORWARD if forward.packets > 0 else 0
    valid |= BACKWARD if backward.packets > 0 else 0
    valid |= GAPS if packets > 1 else 0
    valid |= GAPS_FWD if forward.packets > 1 else 0
    valid |= GAPS_BWD if backward.packets > 1 else 0
    valid |= DURATION if duration_ns > 0 else 0
    valid |= IDLE if detail.idles > 0 else 0
    valid |= WINDOW_FWD if forward.window_known else 0
    valid |= WINDOW_BWD if backward.window_known else 0
    valid |= PAYLOAD_KIND_FWD if forward.payload_kind != NO_PAYLOAD_KIND else 0
    valid |= PAYLOAD_KIND_BWD if backward.payload_kind != NO_PAYLOAD_KIND else 0
    valid |= BULK_FWD if forward.bulks > 0 else 0
    valid |= BULK_BWD if backward.bulks > 0 else 0
    valid |= BULK_RATE_FWD if forward.bulk_duration_ns > 0 else 0
    valid |= BULK_RATE_BWD if backward.bulk_duration_ns > 0 else 0
    return valid


@inline_kernel
def _connection_state(flow, forward, backward):
    if flow.protocol == UDP:
        return SF if forward.packets > 0 and backward.packets > 0 else S0
    if flow.protocol != TCP:
        return OTH
    seen = flow.history
    opened = seen & SYN_FORWARD != 0
    answered = seen & SYN_ACK_BACKWARD != 0
    reset = seen & (RST_FORWARD | RST_BACKWARD) != 0
    if opened and answered:
        if reset:
            return RSTR if seen & FIRST_RST_BACKWARD else RSTO
        if seen & FIN_FORWARD:
            return SF if seen & FIN_BACKWARD else S2
        return S3 if seen & FIN_BACKWARD else S1
    if opened:
        if reset:
            return REJ if seen & FIRST_RST_BACKWARD else RSTOS0
        if seen & FIN_FORWARD:
            return SH
        return OTH if seen & BACKWARD_SEEN else S0
    if answered:
        if seen & RST_BACKWARD:
            return RSTRH
        return SHR if seen & FIN_BACKWARD else OTH
    return OTH


@kernel
def mean_and_deviation(total, squares, count):
    """Return the mean and the sample standard deviation (0 for one value) from a sum and a sum of squares."""
    if count == 0:
        return 0.0, 0.0
    mean = total / count
    if count == 1:
        return mean, 0.0
    return mean, np.sqrt(max((squares - total * total / count) / (count - 1), 0.0))


@inline_kernel
def _side(direction, side, duration_s, subflows):
    packets = np.float64(direction.packets)
    side.packets = direction.packets
    side.bytes = direction.bytes
    side.payload_bytes = direction.payload_bytes
    side.payload_packets = direction.payload_packets
    side.header_bytes = direction.header_bytes
    side.length_min = direction.length_min
    side.length_max = direction.length_max
    side.payload_min = direction.payload_min
    side.payload_max = direction.payload_max
    side.length_mean, side.length_std = mean_and_deviation(
        np.float64(direction.bytes), np.float64(direction.length_squares), packets
    )
    side.payload_mean, side.payload_std = mean_and_deviation(
        np.float64(direction.payload_bytes), np.float64(direction.payload_squares), packets
    )
    gaps_total_us = (direction.last_ns - direction.first_ns) / 1000.0
    side.iat_total_us = gaps_total_us
    side.iat_mean_us, side.iat_std_us = mean_and_deviation(gaps_total_us, direction.gap_squares, packets - 1.0)
    side.iat_min_us = direction.gap_min_ns / 1000.0
    side.iat_max_us = direction.gap_max_ns / 1000.0
    side.fin_packets = direction.fin
    side.syn_packets = direction.syn
    side.rst_packets = direction.rst
    side.psh_packets = direction.psh
    side.ack_packets = direction.ack
    side.urg_packets = direction.urg
    side.ece_packets = direction.ece
    side.cwr_packets = direction.cwr
    side.rate_packets_s = _ratio(packets, duration_s)
    side.rate_bytes_s = _ratio(np.float64(direction.bytes), duration_s)
    side.bulks = direction.bulks
    side.bulk_bytes_mean = _ratio(np.float64(direction.bulk_bytes), np.float64(direction.bulks))
    side.bulk_packets_mean = _ratio(np.float64(direction.bulk_packets), np.float64(direction.bulks))
    side.bulk_rate_bytes_s = _ratio(np.float64(direction.bulk_bytes), direction.bulk_duration_ns / 1e9)
    side.subflow_packets_mean = packets / subflows
    side.subflow_bytes_mean = np.float64(direction.payload_bytes) / subflows
    side.window_initial = direction.window_initial
    side.zero_windows = direction.zero_windows
    side.retransmissions = direction.retransmissions
    side.out_of_order = direction.out_of_order
    side.header_min = direction.header_min
    side.ttl_min = direction.ttl_min
    side.ttl_max = direction.ttl_max
    side.dscp = direction.dscp
    side.ecn = direction.ecn
    side.payload_kind = direction.payload_kind


@inline_kernel
def _total(detail, row, duration_ns):
    forward, backward, total = detail.forward, detail.backward, row.total
    packets = np.float64(forward.packets) + np.float64(backward.packets)
    total.packets = forward.packets + backward.packets
    total.bytes = forward.bytes + backward.bytes
    total.payload_bytes = forward.payload_bytes + backward.payload_bytes
    total.payload_packets = forward.payload_packets + backward.payload_packets
    total.header_bytes = forward.header_bytes + backward.header_bytes
    total.length_min = min(forward.length_min, backward.length_min)
    total.length_max = max(forward.length_max, backward.length_max)
    total.payload_min = min(forward.payload_min, backward.payload_min)
    total.payload_max = max(forward.payload_max, backward.payload_max)
    total.length_mean, total.length_std = mean_and_deviation(
        np.float64(total.bytes), np.float64(forward.length_squares + backward.length_squares), packets
    )
    total.payload_mean, total.payload_std = mean_and_deviation(
        np.float64(total.payload_bytes), np.float64(forward.payload_squares + backward.payload_squares), packets
    )
    total.iat_mean_us, total.iat_std_us = mean_and_deviation(duration_ns / 1000.0, detail.gap_squares, packets - 1.0)
    total.iat_min_us = detail.gap_min_ns / 1000.0
    total.iat_max_us = detail.gap_max_ns / 1000.0
    total.fin_packets = forward.fin + backward.fin
    total.syn_packets = forward.syn + backward.syn
    total.rst_packets = forward.rst + backward.rst
    total.psh_packets = forward.psh + backward.psh
    total.ack_packets = forward.ack + backward.ack
    total.urg_packets = forward.urg + backward.urg
    total.ece_packets = forward.ece + backward.ece
    total.cwr_packets = forward.cwr + backward.cwr
    total.rate_packets_s = _ratio(packets, duration_ns / 1e9)
    total.rate_bytes_s = _ratio(np.float64(total.bytes), duration_ns / 1e9)


@inline_kernel
def _activity(flow, detail, row):
    idles = np.float64(detail.idles)
    row.idles = detail.idles
    if detail.idles > 0:
        add_active(detail, flow.last_ns)
    row.active_mean_us, row.active_std_us = mean_and_deviation(
        detail.active_sum_ns / 1000.0, detail.active_squares, idles + 1.0
    )
    row.active_min_us = detail.active_min_ns / 1000.0
    row.active_max_us = detail.active_max_ns / 1000.0
    row.idle_mean_us, row.idle_std_us = mean_and_deviation(detail.idle_sum_ns / 1000.0, detail.idle_squares, idles)
    row.idle_min_us = detail.idle_min_ns / 1000.0
    row.idle_max_us = detail.idle_max_ns / 1000.0


@inline_kernel
def _gather_columns(words, places, columns, start, stop):
    for column in range(places.size):
        place = places[column]
        for row in range(stop - start):
            columns[column, start + row] = words[row, place]


@kernel
def count_first_packets(ended, flows, details, most):
    """Return how many first packets (at most ``most`` a flow) the ended flows kept together."""
    total = 0
    for slot in ended:
        detail = flows[slot].detail
        total += min(most, 1) if detail == NOTHING else np.int64(details[detail].first_count)
    return total


@kernel
def gather_first_packets(ended, flows, details, first_lengths, first_gaps_us, offsets, lengths, gaps_us):
    """Write the first packets' lengths and gaps behind one another; ``offsets`` gets one entry more than flows."""
    written = 0
    offsets[0] = 0
    for position in range(ended.size):
        flow = flows[ended[position]]
        if flow.detail == NOTHING:
            if first_lengths.shape[1] > 0:
                lengths[written] = -np.int64(flow.length) if flow.backward_first else np.int64(flow.length)
                gaps_us[written] = 0.0
                written += 1
        else:
            for index in range(details[flow.detail].first_count):
                lengths[written] = first_lengths[flow.detail, index]
                gaps_us[written] = first_gaps_us[flow.detail, index]
                written += 1
        offsets[position + 1] = written
    return written


@kernel
def write_addresses(ended, flows, destination, text, offsets):
    """Write source (or destination) addresses into ``text`` (uint8, 39 bytes a flow suffice); return its length."""
    written = 0
    offsets[0] = 0
    for position in range(ended.size):
        flow = flows[ended[position]]
        high = flow.destination_high if destination else flow.source_high
        low = flow.destination_low if destination else flow.source_low
        if flow.ip_version == 4:
            written = _write_ipv4(low, text, written)
        else:
            written = _write_ipv6(high, low, text, written)
        offsets[position + 1] = written
    return written


@inline_kernel
def _write_ipv4(address, text, written):
    for shift in (24, 16, 8, 0):
        byte = np.int64((address >> np.uint64(shift)) & np.uint64(0xFF))
        if byte >= 100:
            text[written] = 48 + byte // 100
            written += 1
        if byte >= 10:
            text[written] = 48 + byte // 10 % 10
            written += 1
        text[written] = 48 + byte % 10
        written += 1
        if shift:
            text[written] = 46
            written += 1
    return written


@inline_kernel
def _write_ipv4_mapped(low, text, written):
    # RFC 5952 section 5: an address under ::ffff:0:0/96 ends as IPv4 is written.
    for character in (58, 58, 102, 102, 102, 102, 58):
        text[written] = character
        written += 1
    return _write_ipv4(low, text, written)


@inline_kernel
def _group(high, low, index):
    word = high if index < 4 else low
    return np.int64((word >> np.uint64(48 - 16 * (index & 3))) & np.uint64(0xFFFF))


@inline_kernel
def _longest_zeros(high, low):
    """Return start and length of the longest run of two or more zero groups, the first of equals (RFC 5952, 4.2)."""
    best_start, best_length, length = -1, 1, 0
    for index in range(8):
        length = length + 1 if _group(high, low, index) == 0 else 0
        if length > best_length:
            best_start, best_length = index - length + 1, length
    return best_start, best_length


@inline_kernel
def _write_ipv6(high, low, text, written):
    if high == 0 and low >> np.uint64(32) == 0xFFFF:
        return _write_ipv4_mapped(low, text, written)
    zeros_start, zeros_length = _longest_zeros(high, low)
    index = 0
    while index < 8:
        if index == zeros_start:
            text[written] = 58
            text[written + 1] = 58
            written += 2
            index += zeros_length
            continue
        if index > 0 and text[written - 1] != 58:
            text[written] = 58
            written += 1
        group = _group(high, low, index)
        started = False
        for shift in (12, 8, 4, 0):
            digit = (group >> shift) & 15
            if digit or started or shift == 0:
                text[written] = digit + (48 if digit < 10 else 87)
                written += 1
                started = True
        index += 1
    return written
