"""The meter's kernels on packets that no capture could hold: crowded hashes, greatest lengths, any mixture of fields.

Rows go through ``meter_packets``, ``add_to_flow``, ``end_all``, ``write_columns`` and ``release_ended``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.flows.meter import Meter
from netsift.flows.settings import MeterSettings
from netsift.kernels.columns import RESERVED_DETAILS
from netsift.kernels.layout import (
    FRAGMENT,
    HAS_PORTS,
    HAS_TUNNEL_ID,
    ICMP_KNOWN,
    LATER_FRAGMENT,
    NO_VLAN,
    PACKET,
    TCP_KNOWN,
)
from netsift.kernels.meter import end_all, meter_packets, release_ended
from netsift.kernels.remote_calls import BIND, INTERFACES, SHARE
from tests.flows.engine import TINY, first_difference, rows_of
from tests.naive import Packet, Settings, meter
from tests.naive.parts import released
from tests.naive.remote_calls import SHARE as SHARE_OPENED
from tests.naive.remote_calls import remote_call

LARGEST = 16 * 262_144
SOURCES = (bytes(12) + bytes((10, 0, 0, 1)), bytes(12) + bytes((10, 0, 0, 2)))


def packet_array(packets: list[Packet], hashes: int) -> Any:
    """Return packets in the form the kernels read, spread over only a few hashes."""
    array = np.zeros(len(packets), PACKET)
    for entry, packet in zip(array, packets, strict=True):
        for side, address in (("source", packet.source), ("destination", packet.destination)):
            entry[f"{side}_high"], entry[f"{side}_low"] = (
                int.from_bytes(address[:8], "big"),
                int.from_bytes(address[8:], "big"),
            )
        for name in ("time_ns", "source_port", "destination_port", "protocol", "ip_version", "length", "header_length",
                     "payload_length", "time_to_live", "traffic_class", "tcp_flags"):  # fmt: skip
            entry[name] = getattr(packet, name)
        entry["vlan_id"] = NO_VLAN if packet.vlan_id is None else packet.vlan_id
        entry["tunnel_id"] = packet.tunnel_id or 0
        entry["sequence"], entry["window"] = packet.tcp_sequence or 0, packet.tcp_window or 0
        entry["icmp_type"], entry["icmp_code"] = packet.icmp_type or 0, packet.icmp_code or 0
        entry["payload_prefix"] = int.from_bytes(packet.payload_prefix, "little")
        entry["prefix_length"] = len(packet.payload_prefix)
        entry["call"] = call_code(packet)
        entry["marks"] = marks(packet)
        entry["hash"] = (packet.protocol + packet.source_port + packet.destination_port) % hashes
    return array


def call_code(packet: Packet) -> int:
    """Return the code of the remote procedure call of a packet."""
    call = remote_call(packet.segment) if len(packet.payload_prefix) == 8 else None
    if isinstance(call, UUID):
        known = [UUID(text) for text in INTERFACES.values()]
        return BIND + (known.index(call) + 1 if call in known else 0)
    if isinstance(call, int):
        return call + 1
    return SHARE if call == SHARE_OPENED else 0


def marks(packet: Packet) -> int:
    """Return what is known of a packet as the kernels' set of bits."""
    known = {
        HAS_PORTS: packet.has_ports,
        FRAGMENT: packet.is_fragment,
        LATER_FRAGMENT: packet.is_later_fragment,
        TCP_KNOWN: packet.tcp_window is not None,
        ICMP_KNOWN: packet.icmp_type is not None,
        HAS_TUNNEL_ID: packet.tunnel_id is not None,
    }
    return sum(bit for bit, holds in known.items() if holds)


@st.composite
def some_packets(draw: st.DrawFn) -> list[Packet]:
    """Packets of few flows with every field drawn by itself."""
    packets: list[Packet] = []
    time_ns = 10**18
    steps = st.sampled_from((0, 1, 10**6, 10**9, 7 * 10**9, -1, -(10**9), 4000 * 10**9)) | st.integers(0, 10**9)
    for _ in range(draw(st.integers(1, 40))):
        time_ns += draw(steps)
        protocol = draw(st.sampled_from((6, 6, 6, 17, 1)))
        packet = draw(any_packets(time_ns, protocol))
        packets.append(draw(tcp_fields(packet)) if protocol == 6 and draw(st.booleans()) else packet)
    return packets


@st.composite
def any_packets(draw: st.DrawFn, time_ns: int, protocol: int) -> Packet:
    """A packet of one of a few flows, its TCP header not captured."""
    numbers = st.sampled_from((0, 1, 40, 1500, LARGEST)) | st.integers(0, 2000)
    bytes_ = st.integers(0, 255)
    ends, ports = SOURCES, (0, 0) if protocol == 1 else draw(st.sampled_from(((1, 2), (3, 2))))
    if draw(st.booleans()):
        ends, ports = (ends[1], ends[0]), (ports[1], ports[0])
    payload = draw(numbers)
    icmp = draw(st.sampled_from((None, 8))) if protocol == 1 else None
    return Packet(
        time_ns, *ends, *ports, protocol, 4, draw(numbers), draw(st.integers(0, 60)), payload, draw(bytes_),
        draw(bytes_), draw(st.sampled_from((None, None, 5))), has_ports=protocol != 1, icmp_type=icmp, icmp_code=icmp,
        is_fragment=draw(st.booleans()), payload_prefix=draw(st.binary(max_size=8)) if payload else b"",
    )  # fmt: skip


def tcp_fields(packet: Packet) -> st.SearchStrategy[Packet]:
    """The packet with what a TCP header tells."""
    return st.builds(
        lambda flags, sequence, window: replace(packet, tcp_flags=flags, tcp_sequence=sequence, tcp_window=window),
        st.integers(0, 255),
        st.integers(0, 2**32 - 1) | st.integers(0, 9),
        st.sampled_from((0, 9, 65535)),
    )


@given(some_packets(), st.sampled_from((MeterSettings(), TINY)), st.sampled_from((1, 3, 1000)))
def test_meter_packets(packets: list[Packet], settings: MeterSettings, hashes: int) -> None:
    engine = Meter(settings)
    batches = [*engine.add(packet_array(packets, hashes)), *engine.finish()]
    expected = meter(packets, Settings(**asdict(settings)))
    assert first_difference((rows_of(batches), Counter()), (expected, Counter())) == ""
    assert_nothing_is_left(engine)


def assert_nothing_is_left(engine: Meter) -> None:
    """After end_all and release_ended every slot is free again and no list or index names a flow."""
    state = engine._state[0]
    assert (state["live_flows"], state["done"]) == (0, 0)
    assert state["flow_free"] == state["flow_high_water"]
    assert state["detail_free"] == state["detail_high_water"] - RESERVED_DETAILS
    free = engine._free_flows[: state["flow_free"]].tolist()
    assert sorted(free) == list(range(state["flow_high_water"]))
    assert not engine._index.any()
    assert (engine._wheel["head"] == -1).all()
    assert (engine._wheel["tail"] == -1).all()


def test_release_ended_gives_slots_back_in_order() -> None:
    engine = Meter(TINY)
    flows = [Packet(10**18, *SOURCES, port, 9, 17, 4, 28, 8, 0, has_ports=True) for port in range(5)]
    assert list(engine.add(packet_array(flows, 1000))) == []
    assert end_all(engine._state, engine._flows, engine._index, engine._wheel, engine._ended) == 0
    ended = engine._ended[:5].tolist()
    release_ended(engine._state, engine._flows, engine._free_flows, engine._free_details, engine._ended[:5])
    assert engine._free_flows[:5].tolist() == released([], ended)
    assert meter_packets.__name__ == "meter_packets"
