"""A flow's list of packets to its row (``docs/flow-meter.md``, sections 3 to 5; column by column as in the schema)."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from netsift.flows.schema import COLUMNS, FLAGS, Kind, Validity

from .containers import NANOSECONDS
from .decode import TCP, UDP, Packet
from .remote_calls import remote_calls

FIN, SYN, RST, ACK = 1, 2, 4, 16


@dataclass(frozen=True, slots=True)
class Settings:
    """The meter's settings with the defaults of ``docs/flow-meter.md``; times in seconds."""

    idle_timeout_s: float = 120
    active_timeout_s: float = 3600
    linger_s: float = 1
    tcp_end: bool = True
    max_flows: int = 1_000_000
    activity_timeout_s: float = 5
    subflow_gap_s: float = 1
    bulk_gap_s: float = 1
    bulk_packets: int = 4
    first_packets: int = 20

    @property
    def idle_timeout_ns(self) -> int:
        """Idle timeout in ns."""
        return round(self.idle_timeout_s * NANOSECONDS)

    @property
    def active_timeout_ns(self) -> int:
        """Active timeout in ns."""
        return round(self.active_timeout_s * NANOSECONDS)

    @property
    def linger_ns(self) -> int:
        """How long a closed flow stays, in ns; never longer than the idle timeout."""
        return min(round(self.linger_s * NANOSECONDS), self.idle_timeout_ns)

    @property
    def activity_timeout_ns(self) -> int:
        """Longest gap that is not idle time, in ns."""
        return round(self.activity_timeout_s * NANOSECONDS)

    @property
    def subflow_gap_ns(self) -> int:
        """Longest gap within a subflow, in ns."""
        return round(self.subflow_gap_s * NANOSECONDS)

    @property
    def bulk_gap_ns(self) -> int:
        """Longest gap within a bulk, in ns."""
        return round(self.bulk_gap_s * NANOSECONDS)


@dataclass(slots=True)
class Flow:
    """All packets of one flow; ``originator`` is the forward side's (address, port)."""

    originator: tuple[bytes, int]
    part: int = 0
    packets: list[Packet] = field(default_factory=list)
    last_ns: int = 0
    end_reason: str = ""

    @property
    def first_ns(self) -> int:
        """Time of the first packet, ns."""
        return self.packets[0].time_ns

    def append(self, packet: Packet) -> None:
        """Add a packet; ``last_ns`` is the greatest packet time."""
        self.last_ns = max(self.last_ns, packet.time_ns) if self.packets else packet.time_ns
        self.packets.append(packet)

    def is_forward(self, packet: Packet) -> bool:
        """Whether a packet of this flow comes from the forward side."""
        return (packet.source, packet.source_port) == self.originator

    def side(self, *, forward: bool) -> list[Packet]:
        """The packets of one direction, in arrival order."""
        return [packet for packet in self.packets if self.is_forward(packet) == forward]

    def has_flag(self, flag: int, *, forward: bool) -> bool:
        """Whether any packet of that direction has the TCP flag."""
        return any(packet.tcp_flags & flag for packet in self.side(forward=forward))


def measure(flow: Flow, settings: Settings) -> dict[str, object]:
    """The flow's row: every column of the schema, None where the value does not exist."""
    forward, backward = flow.side(forward=True), flow.side(forward=False)
    sides = {"": flow.packets, "_fwd": forward, "_bwd": backward}
    values: dict[str, object] = {}
    values |= _identity(flow)
    values["conn_state"] = _connection_state(flow)
    for side, packets in sides.items():
        values |= _volume(side, packets)
        values |= _lengths(side, packets)
        values |= _inter_arrival_times(side, packets)
    values |= _rates(flow, sides)
    bulks = _bulks(flow, settings)
    for side, is_forward in (("_fwd", True), ("_bwd", False)):
        values |= _bulk_columns(side, bulks[is_forward])
        values |= _tcp_behaviour(side, sides[side])
        values |= _network(side, sides[side])
        values[f"payload_kind{side}"] = _payload_kind(sides[side])
    values |= _subflows(flow, settings)
    values |= _active_and_idle(flow.packets, settings)
    values |= first_packets(flow, settings)
    values["remote_calls"] = remote_calls(packet.segment for packet in flow.packets)
    values["fragments"] = sum(packet.is_fragment for packet in flow.packets)
    first_backward_ns = backward[0].time_ns if backward else flow.first_ns
    values["response_time_us"] = max(0, first_backward_ns - flow.first_ns) / 1000.0
    return _row(values, _existing(values, sides))


def _row(values: dict[str, object], existing: dict[Validity, bool]) -> dict[str, object]:
    row: dict[str, object] = {}
    for column in COLUMNS:
        value = values[column.name]
        if not existing[column.validity]:
            value = None
        elif column.kind is Kind.FLOAT32 and isinstance(value, int | float):
            value = float(np.float32(value))
        row[column.name] = value
    return row


def _existing(values: dict[str, object], sides: dict[str, list[Packet]]) -> dict[Validity, bool]:
    first = sides[""][0]
    return {
        Validity.ALWAYS: True,
        Validity.PORTS: first.has_ports,
        Validity.VLAN: first.vlan_id is not None,
        Validity.TUNNEL_ID: first.tunnel_id is not None,
        Validity.ICMP: first.icmp_type is not None,
        Validity.FORWARD: len(sides["_fwd"]) > 0,
        Validity.BACKWARD: len(sides["_bwd"]) > 0,
        Validity.GAPS: len(sides[""]) > 1,
        Validity.GAPS_FWD: len(sides["_fwd"]) > 1,
        Validity.GAPS_BWD: len(sides["_bwd"]) > 1,
        Validity.DURATION: values["duration_us"] != 0,
        Validity.IDLE: values["idles"] != 0,
        Validity.WINDOW_FWD: values["window_fwd_initial"] is not None,
        Validity.WINDOW_BWD: values["window_bwd_initial"] is not None,
        Validity.PAYLOAD_KIND_FWD: values["payload_kind_fwd"] is not None,
        Validity.PAYLOAD_KIND_BWD: values["payload_kind_bwd"] is not None,
        Validity.BULK_FWD: values["bulks_fwd"] != 0,
        Validity.BULK_BWD: values["bulks_bwd"] != 0,
        Validity.BULK_RATE_FWD: values["bulk_fwd_rate_bytes_s"] is not None,
        Validity.BULK_RATE_BWD: values["bulk_bwd_rate_bytes_s"] is not None,
    }


def address_text(address: bytes, ip_version: int) -> str:
    """Text of a 16-byte address; IPv6 as in RFC 5952, with the mixed notation of its section 5 for ::ffff:0:0/96."""
    if ip_version == 4:
        return str(ipaddress.IPv4Address(address[12:]))
    mapped = ipaddress.IPv6Address(address).ipv4_mapped
    return str(ipaddress.IPv6Address(address)) if mapped is None else f"::ffff:{mapped}"


def _identity(flow: Flow) -> dict[str, object]:
    first = flow.packets[0]
    source, destination = (first.source, first.source_port), (first.destination, first.destination_port)
    if not flow.is_forward(first):
        source, destination = destination, source
    return {
        "start_time": flow.first_ns,
        "end_time": flow.last_ns,
        "src_ip": address_text(source[0], first.ip_version),
        "src_port": source[1],
        "dst_ip": address_text(destination[0], first.ip_version),
        "dst_port": destination[1],
        "protocol": first.protocol,
        "ip_version": first.ip_version,
        "vlan_id": first.vlan_id,
        "tunnel": first.tunnel,
        "tunnel_id": first.tunnel_id,
        "part": flow.part,
        "end_reason": flow.end_reason,
        "icmp_type": first.icmp_type,
        "icmp_code": first.icmp_code,
        "duration_us": (flow.last_ns - flow.first_ns) / 1000.0,
    }


def _volume(side: str, packets: list[Packet]) -> dict[str, object]:
    values: dict[str, object] = {
        f"packets{side}": len(packets),
        f"bytes{side}": sum(packet.length for packet in packets),
        f"payload_bytes{side}": sum(packet.payload_length for packet in packets),
        f"payload_packets{side}": sum(packet.payload_length > 0 for packet in packets),
        f"header_bytes{side}": sum(packet.header_length for packet in packets),
    }
    for bit, flag in enumerate(FLAGS):
        values[f"{flag}_packets{side}"] = sum(packet.tcp_flags >> bit & 1 for packet in packets)
    return values


# ----------------------------------------------------------------------------------------------------- statistics


def mean_and_deviation(count: int, total: float, total_of_squares: float) -> tuple[float, float]:
    """Mean and sample standard deviation from a sum and a sum of squares."""
    if count == 0:
        return 0.0, 0.0
    mean = total / count
    if count == 1:
        return mean, 0.0
    variance = (total_of_squares - total * total / count) / (count - 1)
    return mean, math.sqrt(max(0.0, variance))


def _lengths(side: str, packets: list[Packet]) -> dict[str, object]:
    values: dict[str, object] = {}
    for what in ("length", "payload"):
        numbers = [packet.length if what == "length" else packet.payload_length for packet in packets]
        squares = sum(number * number for number in numbers)
        mean, deviation = mean_and_deviation(len(numbers), float(sum(numbers)), float(squares))
        values[f"{what}{side}_min"] = min(numbers, default=0)
        values[f"{what}{side}_max"] = max(numbers, default=0)
        values[f"{what}{side}_mean"] = mean
        values[f"{what}{side}_std"] = deviation
    return values


def _gaps_ns(packets: Sequence[Packet]) -> list[int]:
    """Inter-arrival times in ns: from the greatest time so far to the packet's, never negative."""
    gaps: list[int] = []
    last_ns = packets[0].time_ns if packets else 0
    for packet in packets[1:]:
        gaps.append(max(0, packet.time_ns - last_ns))
        last_ns = max(last_ns, packet.time_ns)
    return gaps


def time_statistics(prefix: str, times_ns: list[int]) -> dict[str, object]:
    """Mean, deviation, maximum and minimum of times in ns as columns in µs."""
    total_us = sum(times_ns) / 1000.0
    squares = 0.0
    for time_ns in times_ns:
        time_us = time_ns / 1000.0
        squares += time_us * time_us
    mean, deviation = mean_and_deviation(len(times_ns), total_us, squares)
    return {
        f"{prefix}_mean_us": mean,
        f"{prefix}_std_us": deviation,
        f"{prefix}_max_us": max(times_ns, default=0) / 1000.0,
        f"{prefix}_min_us": min(times_ns, default=0) / 1000.0,
    }


def _inter_arrival_times(side: str, packets: list[Packet]) -> dict[str, object]:
    gaps = _gaps_ns(packets)
    return time_statistics(f"iat{side}", gaps) | {f"iat{side}_total_us": sum(gaps) / 1000.0}


def _active_and_idle(packets: list[Packet], settings: Settings) -> dict[str, object]:
    idle_times: list[int] = []
    active_times = [0]
    for gap in _gaps_ns(packets):
        if gap > settings.activity_timeout_ns:
            idle_times.append(gap)
            active_times.append(0)
        else:
            active_times[-1] += gap
    return {
        "idles": len(idle_times),
        **time_statistics("active", active_times),
        **time_statistics("idle", idle_times),
    }


def _rates(flow: Flow, sides: dict[str, list[Packet]]) -> dict[str, object]:
    seconds = (flow.last_ns - flow.first_ns) / 1e9
    counts: dict[str, int] = {"rate_payload_bytes_s": sum(packet.payload_length for packet in flow.packets)}
    totals = {side: sum(packet.length for packet in packets) for side, packets in sides.items()}
    for side, packets in sides.items():
        counts[f"rate_packets{side}_s"] = len(packets)
        counts[f"rate_bytes{side}_s"] = totals[side]
    rates: dict[str, object] = {name: _ratio(count, seconds) for name, count in counts.items()}
    rates["packets_ratio"] = _ratio(len(sides["_bwd"]), len(sides["_fwd"]))
    rates["bytes_ratio"] = _ratio(totals["_bwd"], totals["_fwd"])
    return rates


def _ratio(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor else 0.0


# ------------------------------------------------------------------------------------------------------ subflows


def _subflows(flow: Flow, settings: Settings) -> dict[str, object]:
    subflows = 1 + sum(gap > settings.subflow_gap_ns for gap in _gaps_ns(flow.packets))
    values: dict[str, object] = {"subflows": subflows}
    for side, forward in (("fwd", True), ("bwd", False)):
        packets = flow.side(forward=forward)
        values[f"subflow_{side}_packets_mean"] = len(packets) / subflows
        values[f"subflow_{side}_bytes_mean"] = sum(packet.payload_length for packet in packets) / subflows
    return values


def _bulks(flow: Flow, settings: Settings) -> dict[bool, list[list[Packet]]]:
    """The bulks of each direction (True: forward), each as the list of its packets."""
    runs: list[list[Packet]] = []
    last_ns = 0
    for packet in flow.packets:
        if packet.payload_length == 0:
            continue
        same_side = bool(runs) and flow.is_forward(runs[-1][0]) == flow.is_forward(packet)
        if same_side and packet.time_ns - last_ns <= settings.bulk_gap_ns:
            runs[-1].append(packet)
        else:
            runs.append([packet])
        last_ns = packet.time_ns
    bulks: dict[bool, list[list[Packet]]] = {True: [], False: []}
    for run in runs:
        if len(run) >= settings.bulk_packets:
            bulks[flow.is_forward(run[0])].append(run)
    return bulks


def _bulk_columns(side: str, bulks: list[list[Packet]]) -> dict[str, object]:
    payload_bytes = sum(packet.payload_length for bulk in bulks for packet in bulk)
    duration_ns = sum(bulk[-1].time_ns - bulk[0].time_ns for bulk in bulks)
    return {
        f"bulks{side}": len(bulks),
        f"bulk{side}_bytes_mean": _ratio(payload_bytes, len(bulks)),
        f"bulk{side}_packets_mean": _ratio(sum(len(bulk) for bulk in bulks), len(bulks)),
        f"bulk{side}_rate_bytes_s": payload_bytes / (duration_ns / 1e9) if duration_ns > 0 else None,
    }


# ----------------------------------------------------------------------------------------------------------- TCP


def _tcp_behaviour(side: str, packets: list[Packet]) -> dict[str, object]:
    windows = [packet.tcp_window for packet in packets if packet.tcp_window is not None]
    retransmissions, out_of_order = _sequence_tracking(packets)
    return {
        f"window{side}_initial": windows[0] if windows else None,
        f"zero_windows{side}": sum(packet.tcp_window == 0 and not packet.tcp_flags & RST for packet in packets),
        f"retransmissions{side}": retransmissions,
        f"out_of_order{side}": out_of_order,
        f"header{side}_min": min((packet.header_length for packet in packets), default=0),
    }


def _signed(number: int) -> int:
    """A difference of sequence numbers as a signed 32-bit number."""
    return (number + 2**31) % 2**32 - 2**31


def _sequence_tracking(packets: list[Packet]) -> tuple[int, int]:
    """Retransmissions and segments out of order among the packets of one direction."""
    retransmissions = out_of_order = 0
    following: int | None = None
    hole: tuple[int, int] | None = None
    for packet in packets:
        control_bits = bool(packet.tcp_flags & SYN) + bool(packet.tcp_flags & FIN)
        length = packet.payload_length + control_bits
        if packet.tcp_sequence is None or packet.tcp_flags & RST or length == 0:
            continue
        start, end = packet.tcp_sequence, (packet.tcp_sequence + length) % 2**32
        if following is None:
            following = end
            continue
        distance = _signed(start - following)
        is_keep_alive = packet.payload_length <= 1 and not control_bits and distance == -1
        if distance > 0:
            hole = (following, start)
        elif distance < 0 and hole is not None and _begins_inside(start, hole):
            out_of_order += 1
            hole = _shrunk(hole, start, end)
        elif distance < 0 and not is_keep_alive:
            retransmissions += 1
        if distance >= 0 or _signed(end - following) > 0:
            following = end
    return retransmissions, out_of_order


def _begins_inside(start: int, hole: tuple[int, int]) -> bool:
    return (start - hole[0]) % 2**32 < (hole[1] - hole[0]) % 2**32


def _shrunk(hole: tuple[int, int], start: int, end: int) -> tuple[int, int] | None:
    if start != hole[0]:
        return hole[0], start
    return (end, hole[1]) if _signed(hole[1] - end) > 0 else None


def _connection_state(flow: Flow) -> str:
    """Zeek's conn_state from what was seen; the first condition that holds (``docs/flow-meter.md`` section 4)."""
    forward, backward = flow.side(forward=True), flow.side(forward=False)
    if flow.packets[0].protocol == UDP:
        return "SF" if forward and backward else "S0"
    if flow.packets[0].protocol != TCP:
        return "OTH"
    syn = any(packet.tcp_flags & (SYN | ACK) == SYN for packet in forward)
    synack = any(packet.tcp_flags & (SYN | ACK) == SYN | ACK for packet in backward)
    fin_forward, fin_backward = flow.has_flag(FIN, forward=True), flow.has_flag(FIN, forward=False)
    resets = [flow.is_forward(packet) for packet in flow.packets if packet.tcp_flags & RST]
    first_reset_forward, first_reset_backward = resets[:1] == [True], resets[:1] == [False]
    established = syn and synack
    conditions = (
        ("RSTO", established and first_reset_forward),
        ("RSTR", established and first_reset_backward),
        ("SF", established and fin_forward and fin_backward),
        ("S2", established and fin_forward),
        ("S3", established and fin_backward),
        ("S1", established),
        ("REJ", syn and not synack and first_reset_backward),
        ("RSTOS0", syn and not synack and first_reset_forward),
        ("SH", syn and not synack and fin_forward),
        ("S0", syn and not backward),
        ("RSTRH", not syn and synack and flow.has_flag(RST, forward=False)),
        ("SHR", not syn and synack and fin_backward),
        ("OTH", True),
    )
    return next(state for state, holds in conditions if holds)


# ------------------------------------------------------------------------------------------- network and payload


def _network(side: str, packets: list[Packet]) -> dict[str, object]:
    ecn = 0
    for packet in packets:
        ecn |= packet.traffic_class & 3
    return {
        f"ttl{side}_min": min((packet.time_to_live for packet in packets), default=0),
        f"ttl{side}_max": max((packet.time_to_live for packet in packets), default=0),
        f"dscp{side}": packets[0].traffic_class >> 2 if packets else 0,
        f"ecn{side}": ecn,
    }


def first_packets(flow: Flow, settings: Settings) -> dict[str, object]:
    """Lengths, negative when backward, and inter-arrival times of a flow's first packets."""
    first = flow.packets[: settings.first_packets]
    return {
        "first_lengths": [packet.length if flow.is_forward(packet) else -packet.length for packet in first],
        "first_iats_us": [gap / 1000.0 for gap in [0, *_gaps_ns(first)][: len(first)]],
    }


_HTTP: Final = (b"GET ", b"POST", b"HEAD", b"PUT ", b"HTTP", b"OPTI", b"DELE", b"CONN", b"PATC", b"PRI ")
_QUIC_VERSIONS: Final = (b"\x00\x00\x00\x01", b"\x6b\x33\x43\xcf", b"\x00\x00\x00\x00")
_TEXT: Final = frozenset({*range(0x20, 0x7F), 9, 10, 13})


def _payload_kind(packets: list[Packet]) -> str | None:
    """Kind of the first captured payload of one direction, None when there is none."""
    for packet in packets:
        if packet.payload_prefix:
            return payload_kind(packet)
    return None


def payload_kind(packet: Packet) -> str:
    """What a packet's non-empty payload looks like (``docs/flow-meter.md`` section 5)."""
    start = packet.payload_prefix
    ports = (packet.source_port, packet.destination_port)
    udp = packet.protocol == UDP
    conditions = (
        ("tls", start[:2] == b"\x16\x03" and start[2:3] != b"" and start[2] <= 4),
        ("http", start[:4] in _HTTP),
        ("ssh", start[:4] == b"SSH-"),
        ("smb", start[4:8] in (b"\xffSMB", b"\xfeSMB")),
        ("rdp", start[:3] in (b"\x03\x00\x00", b"\x03\x00\x01")),
        ("banner", len(start) >= 4 and all(0x30 <= byte <= 0x39 for byte in start[:3]) and start[3] in b" -"),
        ("sip", start[:4] in (b"SIP/", b"INVI", b"REGI")),
        ("bittorrent", start == b"\x13BitTorr"),
        ("stun", start[4:8] == bytes((33, 18, 164, 66))),
        ("quic", udp and start[0] >= 0xC0 and start[1:5] in _QUIC_VERSIONS),
        ("dns", udp and any(port in (53, 5353, 5355) for port in ports)),
        ("ntp", udp and 123 in ports),
        ("text", all(byte in _TEXT for byte in start)),
        ("zeros", not any(start)),
        ("binary", True),
    )
    return next(kind for kind, holds in conditions if holds)
