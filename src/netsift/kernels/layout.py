"""Structured types that Python and the kernels share: records, decoded packets, flows and the meter's state.

Sizes matter: a flow of one packet costs one :data:`FLOW` of 128 bytes; the statistics of :data:`DETAIL` are added when
its second packet comes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

DONE: Final = 0
"""The kernel used up its input."""
OUTPUT_FULL: Final = 1
"""The kernel needs room for output; drain it and call again."""
TABLE_FULL: Final = 2
"""The kernel needs room for a flow; take back what has been written and call again."""
INDEX_FULL: Final = 3
"""The kernel needs a larger index; rebuild it and call again."""

NANOSECONDS_PER_SECOND: Final = 1_000_000_000

NO_VLAN: Final = 0xFFFF
NO_PAYLOAD_KIND: Final = 0xFF

RECORD: Final = np.dtype(
    [
        ("time_ns", np.int64),
        ("offset", np.uint32),
        ("captured", np.uint32),
        ("wire_length", np.uint32),
        ("link_type", np.uint32),
    ],
    align=True,
)
"""One packet record of a capture: where its bytes lie in the buffer, and what the container says of it."""

HAS_PORTS: Final = 1
FRAGMENT: Final = 2
LATER_FRAGMENT: Final = 4
TCP_KNOWN: Final = 8
ICMP_KNOWN: Final = 16
HAS_TUNNEL_ID: Final = 32

PACKET: Final = np.dtype(
    [
        ("time_ns", np.int64),
        ("source_high", np.uint64),
        ("source_low", np.uint64),
        ("destination_high", np.uint64),
        ("destination_low", np.uint64),
        ("payload_prefix", np.uint64),
        ("hash", np.uint32),
        ("length", np.uint32),
        ("payload_length", np.uint32),
        ("sequence", np.uint32),
        ("tunnel_id", np.uint32),
        ("source_port", np.uint16),
        ("destination_port", np.uint16),
        ("window", np.uint16),
        ("header_length", np.uint16),
        ("vlan_id", np.uint16),
        ("call", np.uint16),
        ("protocol", np.uint8),
        ("ip_version", np.uint8),
        ("tcp_flags", np.uint8),
        ("time_to_live", np.uint8),
        ("traffic_class", np.uint8),
        ("tunnel", np.uint8),
        ("icmp_type", np.uint8),
        ("icmp_code", np.uint8),
        ("prefix_length", np.uint8),
        ("marks", np.uint8),
    ],
    align=True,
)
"""One decoded packet; ``marks`` is a set of the bits above."""

FRAGMENT_ENTRY: Final = np.dtype(
    [
        ("source_high", np.uint64),
        ("source_low", np.uint64),
        ("destination_high", np.uint64),
        ("destination_low", np.uint64),
        ("time_ns", np.int64),
        ("identification", np.uint32),
        ("source_port", np.uint16),
        ("destination_port", np.uint16),
        ("announced", np.uint8),
        ("protocol", np.uint8),
        ("has_ports", np.uint8),
        ("ip_version", np.uint8),
        ("used", np.uint8),
    ],
    align=True,
)
"""The protocol and ports of a datagram's first fragment, kept for its later ones."""

ARP_OBSERVATION: Final = np.dtype(
    [
        ("time_ns", np.int64),
        ("sender_hardware", np.uint64),
        ("target_hardware", np.uint64),
        ("sender_address", np.uint32),
        ("target_address", np.uint32),
        ("operation", np.uint16),
        ("vlan_id", np.uint16),
    ],
    align=True,
)
"""What one ARP packet says (RFC 826), for Ethernet and IPv4: who claims which address, and whom it asks or answers."""

ARP_OBSERVED: Final = 0
ARP_LOST: Final = 1
"""Places in the tally of ARP observations: how many are written, and how many found no room."""

FLOW: Final = np.dtype(
    [
        ("source_high", np.uint64),
        ("source_low", np.uint64),
        ("destination_high", np.uint64),
        ("destination_low", np.uint64),
        ("first_ns", np.int64),
        ("last_ns", np.int64),
        ("last_elapsed_ns", np.int64),
        ("payload_prefix", np.uint64),
        ("hash", np.uint32),
        ("tunnel_id", np.uint32),
        ("length", np.uint32),
        ("payload_length", np.uint32),
        ("sequence", np.uint32),
        ("part", np.uint32),
        ("detail", np.int32),
        ("next", np.int32),
        ("previous", np.int32),
        ("source_port", np.uint16),
        ("destination_port", np.uint16),
        ("window", np.uint16),
        ("header_length", np.uint16),
        ("vlan_id", np.uint16),
        ("wheel_slot", np.uint16),
        ("history", np.uint16),
        ("call", np.uint16),
        ("protocol", np.uint8),
        ("ip_version", np.uint8),
        ("tcp_flags", np.uint8),
        ("time_to_live", np.uint8),
        ("traffic_class", np.uint8),
        ("tunnel", np.uint8),
        ("icmp_type", np.uint8),
        ("icmp_code", np.uint8),
        ("prefix_length", np.uint8),
        ("marks", np.uint8),
        ("end_reason", np.uint8),
        ("backward_first", np.uint8),
    ],
    align=True,
)
"""What every live flow holds: its key, its times, its place in the wheel, and its first packet."""

DIRECTION: Final = np.dtype(
    [
        ("bytes", np.uint64),
        ("payload_bytes", np.uint64),
        ("header_bytes", np.uint64),
        ("length_squares", np.uint64),
        ("payload_squares", np.uint64),
        ("first_ns", np.int64),
        ("last_ns", np.int64),
        ("gap_min_ns", np.int64),
        ("gap_max_ns", np.int64),
        ("gap_squares", np.float64),
        ("run_start_ns", np.int64),
        ("run_last_ns", np.int64),
        ("run_bytes", np.uint64),
        ("bulk_bytes", np.uint64),
        ("bulk_duration_ns", np.int64),
        ("run_packets", np.uint32),
        ("bulks", np.uint32),
        ("bulk_packets", np.uint32),
        ("packets", np.uint32),
        ("payload_packets", np.uint32),
        ("length_min", np.uint32),
        ("length_max", np.uint32),
        ("payload_min", np.uint32),
        ("payload_max", np.uint32),
        ("zero_windows", np.uint32),
        ("retransmissions", np.uint32),
        ("out_of_order", np.uint32),
        ("next_sequence", np.uint32),
        ("hole_start", np.uint32),
        ("hole_end", np.uint32),
        ("fin", np.uint32),
        ("syn", np.uint32),
        ("rst", np.uint32),
        ("psh", np.uint32),
        ("ack", np.uint32),
        ("urg", np.uint32),
        ("ece", np.uint32),
        ("cwr", np.uint32),
        ("header_min", np.uint16),
        ("window_initial", np.uint16),
        ("ttl_min", np.uint8),
        ("ttl_max", np.uint8),
        ("dscp", np.uint8),
        ("ecn", np.uint8),
        ("payload_kind", np.uint8),
        ("window_known", np.uint8),
        ("sequence_known", np.uint8),
        ("hole_open", np.uint8),
    ],
    align=True,
)
"""Statistics of one direction of a flow; sums of squares of gaps are in µs²."""

DETAIL: Final = np.dtype(
    [
        ("forward", DIRECTION),
        ("backward", DIRECTION),
        ("gap_min_ns", np.int64),
        ("gap_max_ns", np.int64),
        ("gap_squares", np.float64),
        ("active_start_ns", np.int64),
        ("active_sum_ns", np.int64),
        ("active_min_ns", np.int64),
        ("active_max_ns", np.int64),
        ("active_squares", np.float64),
        ("idle_sum_ns", np.int64),
        ("idle_min_ns", np.int64),
        ("idle_max_ns", np.int64),
        ("idle_squares", np.float64),
        ("idles", np.uint32),
        ("subflows", np.uint32),
        ("fragments", np.uint32),
        ("calls", np.uint32),
        ("first_count", np.uint32),
        ("interface", np.uint16),
    ],
    align=True,
)
"""Statistics of a flow with at least two packets."""

SETTINGS: Final = np.dtype(
    [
        ("idle_timeout_ns", np.int64),
        ("active_timeout_ns", np.int64),
        ("linger_ns", np.int64),
        ("activity_timeout_ns", np.int64),
        ("subflow_gap_ns", np.int64),
        ("bulk_gap_ns", np.int64),
        ("max_flows", np.int64),
        ("bulk_packets", np.int64),
        ("tcp_end", np.int64),
    ],
    align=True,
)
"""The meter's settings, as the kernels read them."""

JUMP_LIMIT_NS: Final = 3600 * NANOSECONDS_PER_SECOND
WHEEL_SLOTS: Final = 1024

STATE: Final = np.dtype(
    [
        ("now_ns", np.int64),
        ("elapsed_ns", np.int64),
        ("wheel_second", np.int64),
        ("position", np.int64),
        ("started", np.int64),
        ("advanced", np.int64),
        ("live_flows", np.int64),
        ("peak_flows", np.int64),
        ("opened_flows", np.int64),
        ("metered_packets", np.int64),
        ("flow_high_water", np.int64),
        ("flow_free", np.int64),
        ("detail_high_water", np.int64),
        ("detail_free", np.int64),
        ("done", np.int64),
    ],
    align=True,
)
"""The meter's scalars: packet clock, wheel hand, place in the batch, counters and fill of the pools."""

WHEEL_ENTRY: Final = np.dtype([("head", np.int32), ("tail", np.int32)], align=True)
"""One second of the timing wheel: a doubly linked list of flows, first in first out."""

# Bits of FLOW.history: what the connection state and the end of a TCP flow depend on.
SYN_FORWARD: Final = 1
SYN_ACK_BACKWARD: Final = 2
FIN_FORWARD: Final = 4
FIN_BACKWARD: Final = 8
RST_FORWARD: Final = 16
RST_BACKWARD: Final = 32
FIRST_RST_BACKWARD: Final = 64
CLOSED: Final = 128
BACKWARD_SEEN: Final = 256
CLOSED_BY_RST: Final = 512

# Codes of the category columns; the order is that of netsift.flows.schema, which a test holds together.
TUNNEL_NONE: Final = 0
TUNNEL_GRE: Final = 1
TUNNEL_IPIP: Final = 2
TUNNEL_6IN4: Final = 3
TUNNEL_VXLAN: Final = 4
TUNNEL_GENEVE: Final = 5
TUNNEL_GTPU: Final = 6

END_IDLE: Final = 0
END_ACTIVE: Final = 1
END_FIN: Final = 2
END_RST: Final = 3
END_TABLE_FULL: Final = 4
END_OF_INPUT: Final = 5

SKIP_REASONS: Final = (
    "decoded",
    "unsupported_link_type",
    "wireless_link_type",
    "empty",
    "truncated_link",
    "not_ip",
    "arp",
    "truncated_ip",
    "bad_ip_version",
    "bad_ip_header",
    "too_many_headers",
    "truncated_transport",
)
"""Why a packet record is not metered, by code; code 0 is a packet that is."""

DECODED: Final = 0
UNSUPPORTED_LINK_TYPE: Final = 1
WIRELESS_LINK_TYPE: Final = 2
EMPTY: Final = 3
TRUNCATED_LINK: Final = 4
NOT_IP: Final = 5
ARP: Final = 6
TRUNCATED_IP: Final = 7
BAD_IP_VERSION: Final = 8
BAD_IP_HEADER: Final = 9
TOO_MANY_HEADERS: Final = 10
TRUNCATED_TRANSPORT: Final = 11
