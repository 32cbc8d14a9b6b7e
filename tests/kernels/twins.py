"""Which function of the slow truth each public kernel is held against, by the kernel's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.naive.arp import observe_arp
from tests.naive.containers import read_records
from tests.naive.context import context_rows, is_group
from tests.naive.decode import decode_all, join_fragments
from tests.naive.isolation import path_lengths
from tests.naive.link import find_ip
from tests.naive.measure import (
    address_text,
    first_packets,
    mean_and_deviation,
    measure,
    payload_kind,
    time_statistics,
)
from tests.naive.meter import meter
from tests.naive.parts import (
    append_to_wheel,
    deadline_second,
    find_flow,
    flow_direction,
    oldest_flow,
    released,
    remove_from_wheel,
    siphash,
    unchanged,
    unsigned,
)
from tests.naive.remote_calls import remote_call, remote_calls
from tests.naive.ring import read_block
from tests.naive.rows import distinct_rows
from tests.naive.shapley import shapley_values

TWINS: Final[dict[str, Callable[..., Any]]] = {
    "add_active": time_statistics,
    "add_to_direction": measure,
    "add_to_flow": measure,
    "append_to_wheel": append_to_wheel,
    "big_endian_16": unsigned,
    "big_endian_32": unsigned,
    "big_endian_64": unsigned,
    "calls_of": remote_calls,
    "context_columns": context_rows,
    "count_first_packets": first_packets,
    "deadline_second": deadline_second,
    "distinct_rows": distinct_rows,
    "decode_records": decode_all,
    "encapsulation": find_ip,
    "end_all": meter,
    "find_flow": find_flow,
    "find_tunnel": decode_all,
    "flow_direction": flow_direction,
    "gather_first_packets": first_packets,
    "hash_addresses": is_group,
    "insert_flow": find_flow,
    "integer_16": unsigned,
    "integer_32": unsigned,
    "link_layer": find_ip,
    "little_endian_64": unsigned,
    "mean_and_deviation": mean_and_deviation,
    "meter_packets": meter,
    "observe_arp": observe_arp,
    "oldest_flow": oldest_flow,
    "path_lengths": path_lengths,
    "pass_time": meter,
    "payload_kind": payload_kind,
    "prefetch": unchanged,
    "rebuild_index": find_flow,
    "recall_fragment": join_fragments,
    "release_ended": released,
    "remote_call": remote_call,
    "remember_fragment": join_fragments,
    "remove_flow": find_flow,
    "remove_from_wheel": remove_from_wheel,
    "scan_pcap": read_records,
    "scan_pcapng": read_records,
    "scan_ring_block": read_block,
    "shapley_values": shapley_values,
    "shapley_values_of_row": shapley_values,
    "siphash_words": siphash,
    "start_detail": measure,
    "write_addresses": address_text,
    "write_columns": measure,
}
