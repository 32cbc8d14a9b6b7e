"""The slow truth against numbers worked out by hand, and over real captures."""

from __future__ import annotations

import gzip
import math
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from netsift.flows.schema import COLUMNS
from tests.conftest import shared_capture_parameters
from tests.naive import FragmentCache, Packet, Record, Settings, decode, decode_all, meter, read_records

SECOND = 1_000_000_000
CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def ethernet(payload: bytes, ether_type: int = 0x0800) -> bytes:
    """An Ethernet frame with zero addresses."""
    return bytes(12) + struct.pack(">H", ether_type) + payload


def ipv4(
    payload: bytes, protocol: int, source: bytes = CLIENT, destination: bytes = SERVER, fragment: int = 0
) -> bytes:
    """An IPv4 packet with TTL 64, DSCP 46, ECN 1 and identification 7; ``fragment`` is the flags and offset field."""
    header = struct.pack(">BBHHHBBH", 0x45, 0xB9, 20 + len(payload), 7, fragment, 64, protocol, 0)
    return header + source + destination + payload


def ipv6(payload: bytes, protocol: int) -> bytes:
    """An IPv6 packet from ::1 to ::2 with hop limit 55, DSCP 46 and ECN 1."""
    return (
        struct.pack(">IHBB", 0x6B900000, len(payload), protocol, 55) + bytes(15) + b"\1" + bytes(15) + b"\2" + payload
    )


def tcp(flags: int, sequence: int = 0, payload: bytes = b"", ports: tuple[int, int] = (1024, 80)) -> bytes:
    """A TCP segment with window 512."""
    return struct.pack(">HHIIBBHHH", *ports, sequence, 0, 0x50, flags, 512, 0, 0) + payload


def udp(payload: bytes, ports: tuple[int, int] = (1024, 9)) -> bytes:
    """A UDP datagram."""
    return struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload


def record(data: bytes, time_ns: int = 0, link_type: int = 1) -> Record:
    """A whole captured frame."""
    return Record(time_ns, link_type, len(data), data)


def packet(data: bytes, link_type: int = 1, tunnels: str = "outer") -> Packet:
    """The packet that a whole captured frame holds."""
    result = decode(record(data, link_type=link_type), "inner" if tunnels == "inner" else "outer", FragmentCache())
    assert isinstance(result, Packet), result
    return result


def reason(data: bytes, link_type: int = 1) -> str:
    """Why a whole captured frame is skipped."""
    result = decode(record(data, link_type=link_type), "outer", FragmentCache())
    assert isinstance(result, str)
    return result


def tcp_packet(time_s: float, flags: int, sequence: int = 0, payload: int = 0, *, forward: bool = True) -> Packet:
    """A TCP packet of the one connection 10.0.0.1:1024 to 10.0.0.2:80; ``payload`` in bytes."""
    ports = (1024, 80) if forward else (80, 1024)
    ends = (CLIENT, SERVER) if forward else (SERVER, CLIENT)
    data = ethernet(ipv4(tcp(flags, sequence, b"x" * payload, ports), 6, *ends))
    return replace(packet(data), time_ns=round(time_s * SECOND))


def udp_packet(time_s: float, port: int = 1024, payload: int = 4) -> Packet:
    """A UDP packet from 10.0.0.1:``port`` to 10.0.0.2:9."""
    return replace(packet(ethernet(ipv4(udp(b"\1" * payload, (port, 9)), 17))), time_ns=round(time_s * SECOND))


# ----------------------------------------------------------------------------------------------------- containers


def pcap(magic: bytes, order: str, extra: int = 0) -> bytes:
    """A pcap file with one record: second 3, fraction 5, 2 of 60 bytes captured."""
    header = magic + struct.pack(order + "HHIIII", 2, 4, 0, 0, 65535, 0xF0000001)
    return header + struct.pack(order + "IIII", 3, 5, 2, 60) + bytes(extra) + b"ab"


@pytest.mark.parametrize(
    ("data", "time_ns"),
    [
        (pcap(b"\xa1\xb2\xc3\xd4", ">"), 3_000_005_000),
        (pcap(b"\xd4\xc3\xb2\xa1", "<"), 3_000_005_000),
        (pcap(b"\x4d\x3c\xb2\xa1", "<"), 3_000_000_005),
        (pcap(b"\xa1\xb2\x3c\x4d", ">"), 3_000_000_005),
        (pcap(b"\x34\xcd\xb2\xa1", "<", extra=8), 3_000_005_000),
    ],
)
def test_pcap_variants(data: bytes, time_ns: int) -> None:
    assert read_records(data) == ([Record(time_ns, 1, 60, b"ab")], Counter())
    for cut in (1, 17):
        assert read_records(data[:-cut]) == ([], Counter(truncated_record=1))


def block(order: str, kind: int, body: bytes) -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str, *blocks: bytes) -> bytes:
    """A pcapng section header block and the blocks after it."""
    header = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    return block(order, 0x0A0D0D0A, header) + b"".join(blocks)


def interface(order: str, link_type: int, snap_length: int = 0, *options: tuple[int, bytes]) -> bytes:
    """A pcapng interface description block."""
    body = struct.pack(order + "HHI", link_type, 0, snap_length)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    return block(order, 1, body)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_sections_interfaces_and_blocks(order: str) -> None:
    binary = interface(order, 101, 0, (9, b"\x8a"), (14, struct.pack(order + "q", 100)))
    enhanced = block(order, 6, struct.pack(order + "IIIII", 1, 1, 512, 3, 2) + b"abc")
    obsolete = block(order, 2, struct.pack(order + "HHIIII", 0, 9, 0, 1_500_000, 1, 40) + b"d")
    simple = block(order, 3, struct.pack(order + "I", 9) + b"efgh")
    unknown = block(order, 77, b"whatever")
    data = section("<", interface("<", 1)) + section(
        order, interface(order, 1, 3), binary, enhanced, unknown, obsolete, simple
    )
    records, counts = read_records(data)
    assert records == [
        Record((100 + 2**22) * SECOND + SECOND // 2, 101, 3, b"abc"),
        Record(1_500_000_000, 1, 40, b"d"),
        Record(1_500_000_000, 1, 9, b"efg"),
    ]
    assert not counts
    assert read_records(data[:-1])[1] == Counter(truncated_record=1)


def test_absurd_pcapng_times_are_clamped() -> None:
    seconds = interface("<", 1, 0, (9, b"\0"))
    late = block("<", 6, struct.pack("<IIIII", 0, 1 << 20, 0, 0, 0))
    assert read_records(section("<", seconds, late))[0][0].time_ns == 9_000_000_000 * SECOND


def test_other_files_are_refused() -> None:
    with pytest.raises(ValueError, match="not a pcap"):
        read_records(b"GIF89a")


# --------------------------------------------------------------------------------------------------------- decode


def test_ipv4_tcp_fields() -> None:
    found = packet(ethernet(ipv4(tcp(SYN | ACK, 77, b"SSH-2.0-OpenSSH"), 6)) + bytes(4))
    assert (found.source, found.destination) == (bytes(12) + CLIENT, bytes(12) + SERVER)
    assert (found.source_port, found.destination_port, found.protocol, found.ip_version) == (1024, 80, 6, 4)
    assert (found.length, found.header_length, found.payload_length) == (55, 20, 15)
    assert (found.tcp_flags, found.tcp_sequence, found.tcp_window) == (18, 77, 512)
    assert (found.time_to_live, found.traffic_class, found.payload_prefix) == (64, 0xB9, b"SSH-2.0-")
    assert (found.vlan_id, found.tunnel, found.tunnel_id) == (None, "none", None)


def test_short_tcp_header_has_ports_only() -> None:
    data = ethernet(ipv4(tcp(SYN, 77), 6))
    found = decode(replace(record(data), data=data[: 14 + 20 + 15]), "outer", FragmentCache())
    assert isinstance(found, Packet)
    assert (found.source_port, found.tcp_flags, found.tcp_sequence, found.tcp_window) == (1024, 0, None, None)
    assert (found.length, found.header_length, found.payload_length) == (40, 20, 0)


IP = ipv4(udp(b"hello"), 17)
IP6 = ipv6(udp(b"hello"), 17)
VLANS = b"\xe0\x05\x81\x00\x00\x09\x08\x00" + IP


@pytest.mark.parametrize(
    ("data", "link_type"),
    [
        (ethernet(IP), 1),
        (ethernet(IP6, 0x86DD), 1),
        (ethernet(VLANS, 0x88A8), 1),
        (ethernet(b"\0\1\0\x40" + b"\0\1\1\x40" + IP, 0x8847), 1),
        (ethernet(b"\0\1\1\x40" + bytes(4) + ethernet(IP), 0x8847), 1),
        (ethernet(b"\x11\0\0\1\0\0\0\x21" + IP, 0x8864), 1),
        (ethernet(b"\xaa\xaa\3\0\0\0\x08\0" + IP, 100), 1),
        (b"\2\0\0\0" + IP, 0),
        (b"\0\0\0\x1e" + IP6, 108),
        (IP, 101),
        (IP6, 12),
        (IP, 228),
        (IP6, 229),
        (bytes(14) + b"\x08\0" + IP, 113),
        (b"\x86\xdd" + bytes(18) + IP6, 276),
        (b"\xff\3\0\x21" + IP, 9),
        (b"\x57" + IP6, 50),
        (b"\x11\0\0\1\0\0\0\x57" + IP6, 51),
        (b"\x0f\0\x08\0" + IP, 104),
    ],
)
def test_link_layers(data: bytes, link_type: int) -> None:
    found = packet(data, link_type)
    assert (found.source_port, found.destination_port, found.payload_length) == (1024, 9, 5)
    assert (found.length, found.payload_prefix) == (33 if found.ip_version == 4 else 53, b"hello")


def test_outermost_vlan_counts() -> None:
    assert packet(ethernet(VLANS, 0x88A8)).vlan_id == 5


@pytest.mark.parametrize(
    ("data", "link_type", "expected"),
    [
        (b"x", 105, "wireless_link_type"),
        (b"x", 147, "unsupported_link_type"),
        (b"", 1, "empty"),
        (bytes(13), 1, "truncated_link"),
        (ethernet(b"\0"), 1, "truncated_ip"),
        (ethernet(bytes(20)), 1, "bad_ip_version"),
        (ethernet(bytes(30), 0x0806), 1, "arp"),
        (ethernet(bytes(30), 0x88CC), 1, "not_ip"),
        (ethernet(b"\x42\x42\3" + bytes(30), 38), 1, "not_ip"),
        (ethernet(IP[:19]), 1, "truncated_ip"),
        (b"\x44" + IP[1:], 101, "bad_ip_header"),
        (b"\x4f" + IP[1:], 101, "truncated_ip"),
        (IP[:2] + b"\0\x13" + IP[4:], 101, "bad_ip_header"),
        (b"\x15" + IP[1:], 101, "bad_ip_version"),
        (ethernet(b"\0\1\x81\0" * 8 + VLANS, 0x8100), 1, "too_many_headers"),
        (ipv6((b"\x3c\0" + bytes(6)) * 16 + b"\x11\0" + bytes(6) + udp(b""), 60), 101, "too_many_headers"),
        (ipv6(b"\x11\1" + bytes(6), 60), 101, "truncated_ip"),
        (ipv4(b"abc", 17), 101, "truncated_transport"),
    ],
)
def test_skip_reasons(data: bytes, link_type: int, expected: str) -> None:
    assert reason(data, link_type) == expected


def test_length_zero_means_the_room_on_the_wire() -> None:
    zero = IP[:2] + b"\0\0" + IP[4:]
    found = decode(Record(0, 101, 5000, zero), "outer", FragmentCache())
    assert isinstance(found, Packet)
    assert (found.length, found.payload_length) == (5000, 5000 - 28)


def test_ipv6_extension_headers() -> None:
    chain = b"\x3c\0" + bytes(6) + b"\x2c\1" + bytes(14) + b"\x33\0\0\0\0\0\0\7" + b"\x11\2" + bytes(14) + udp(b"hi")
    found = packet(ipv6(chain, 0), 101)
    assert (found.protocol, found.source_port, found.payload_length, found.is_fragment) == (17, 1024, 2, False)
    assert (found.traffic_class, found.time_to_live) == (0xB9, 55)


def test_fragments_find_their_ports() -> None:
    first, later = ipv4(udp(b"a" * 8), 17, fragment=0x2000), ipv4(b"b" * 8, 17, fragment=2)
    times = (0, 30 * SECOND - 1, 30 * SECOND)
    datas = (first, later, later)
    packets, skipped = decode_all([record(data, time, 101) for time, data in zip(times, datas, strict=True)])
    assert not skipped
    assert [found.source_port for found in packets] == [1024, 1024, 0]
    assert [found.header_length for found in packets] == [8, 0, 0]
    assert [found.has_ports for found in packets] == [True, True, False]
    rows = meter(packets[:2], Settings())
    assert [(row["packets"], row["fragments"], row["payload_bytes"]) for row in rows] == [(2, 2, 16)]
    assert meter(packets[2:], Settings())[0]["src_port"] is None


INNER = ethernet(b"\0\7\x08\0" + ipv4(tcp(SYN), 6, SERVER, CLIENT), 0x8100)


@pytest.mark.parametrize(
    ("data", "kind", "identifier"),
    [
        (ipv4(b"\xb0\0\x65\x58" + bytes(12) + INNER, 47), "gre", None),
        (ipv4(INNER[18:], 4), "ipip", None),
        (ipv4(udp(b"\x08\0\0\0\0\1\0\0" + INNER, (5, 4789)), 17), "vxlan", 256),
        (ipv4(udp(b"\1\0\x65\x58\0\0\3\0" + bytes(4) + INNER, (5, 6081)), 17), "geneve", 3),
        (ipv4(udp(b"\x34\xff" + bytes(9) + b"\x85" + b"\1\0\0\0" + INNER[18:], (2152, 5)), 17), "gtpu", None),
        (ipv4(ipv4(INNER[18:], 4), 4), "ipip", None),
    ],
)
def test_tunnels(data: bytes, kind: str, identifier: int | None) -> None:
    outer, inner = packet(data, 101), packet(data, 101, "inner")
    assert (outer.tunnel, outer.tunnel_id, outer.length) == (kind, None, len(data))
    assert (inner.tunnel, inner.tunnel_id, inner.length) == (kind, identifier, 40)
    assert (inner.source, inner.tcp_flags) == (bytes(12) + SERVER, SYN)
    assert inner.vlan_id == (7 if INNER in data else None)


def test_undecodable_inner_packet_leaves_the_outer_one() -> None:
    data = ipv4(b"\0\0\x08\0" + INNER, 47)
    assert packet(data, 101, "inner") == packet(data, 101)


# ---------------------------------------------------------------------------------------------------------- meter


def test_one_connection_by_hand() -> None:
    (row,) = meter(
        [
            tcp_packet(10.0, SYN, 100),
            tcp_packet(10.25, SYN | ACK, 900, forward=False),
            tcp_packet(10.5, ACK, 101),
            tcp_packet(11.0, PSH | ACK, 101, 100),
            tcp_packet(11.5, PSH | ACK, 101, 100),
            tcp_packet(12.0, FIN | ACK, 901, 200, forward=False),
            tcp_packet(12.25, FIN | ACK, 201),
            tcp_packet(12.5, ACK, 1102, forward=False),
        ],
        Settings(),
    )
    expected: dict[str, object] = {
        "start_time": 10 * SECOND,
        "end_time": 12_500_000_000,
        "src_ip": "10.0.0.1",
        "dst_port": 80,
        "duration_us": 2_500_000.0,
        "end_reason": "fin",
        "conn_state": "SF",
        "packets": 8,
        "packets_fwd": 5,
        "bytes": 8 * 40 + 400,
        "payload_bytes_bwd": 200,
        "payload_packets": 3,
        "header_bytes_fwd": 100,
        "length_fwd_mean": 80.0,
        "length_fwd_std": pytest.approx(math.sqrt((3 * 40**2 + 2 * 60**2) / 4)),
        "iat_max_us": 500_000.0,
        "iat_min_us": 250_000.0,
        "iat_mean_us": pytest.approx(2_500_000 / 7),
        "iat_bwd_total_us": 2_250_000.0,
        "iat_fwd_max_us": 750_000.0,
        "ack_packets": 7,
        "fin_packets_bwd": 1,
        "rate_packets_s": pytest.approx(3.2),
        "packets_ratio": pytest.approx(0.6),
        "bulks_fwd": 0,
        "bulk_fwd_bytes_mean": None,
        "subflows": 1,
        "window_bwd_initial": 512,
        "retransmissions_fwd": 1,
        "retransmissions_bwd": 0,
        "out_of_order_fwd": 0,
        "idles": 0,
        "active_mean_us": None,
        "dscp_fwd": 46,
        "ecn_bwd": 1,
        "response_time_us": 250_000.0,
        "payload_kind_fwd": "text",
        "first_lengths": [40, -40, 40, 140, 140, -240, 40, -40],
        "first_iats_us": [0.0, 250e3, 250e3, 500e3, 500e3, 500e3, 250e3, 250e3],
        "vlan_id": None,
        "icmp_type": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert list(row) == [column.name for column in COLUMNS]


def test_hole_is_filled_out_of_order_and_keep_alive_is_nothing() -> None:
    segments = [(1000, 100), (1300, 100), (1200, 100), (1100, 100), (1100, 100), (1399, 1), (1399, 0)]
    (row,) = meter([tcp_packet(0, ACK, sequence, payload) for sequence, payload in segments], Settings())
    assert (row["out_of_order_fwd"], row["retransmissions_fwd"]) == (2, 1)


def test_sequence_numbers_wrap() -> None:
    packets = [tcp_packet(0, ACK, sequence, 8) for sequence in (2**32 - 8, 0, 2**32 - 8)]
    assert meter(packets, Settings())[0]["retransmissions_fwd"] == 1


def test_active_idle_and_subflows() -> None:
    (row,) = meter([udp_packet(time) for time in (0, 2, 12, 13, 20)], Settings())
    names = ("idles", "idle_mean_us", "idle_max_us", "active_mean_us", "active_std_us", "active_min_us", "subflows")
    assert [row[name] for name in names] == [2, 8.5e6, 10e6, 1e6, 1e6, 0.0, 4]
    assert row["subflow_fwd_packets_mean"] == 1.25


def test_bulks() -> None:
    (row,) = meter([udp_packet(time) for time in (0, 1, 2, 3, 3.5, 9, 9, 9, 9)], Settings())
    assert row["bulks_fwd"] == 2
    assert row["bulk_fwd_packets_mean"] == 4.5
    assert row["bulk_fwd_rate_bytes_s"] == pytest.approx(36 / 3.5)


def test_active_timeout_keeps_the_direction() -> None:
    packets = [tcp_packet(0, ACK), tcp_packet(11, ACK, forward=False)]
    first, second = meter(packets, Settings(active_timeout_s=10))
    assert (first["end_reason"], first["part"]) == ("active", 0)
    assert (second["part"], second["src_ip"], second["packets_fwd"], second["packets_bwd"]) == (1, "10.0.0.1", 0, 1)
    assert second["length_fwd_min"] is None


@pytest.mark.parametrize(
    ("time_s", "flags", "reasons"),
    [
        (1.0, ACK, ["rst"]),
        (1.1, ACK, ["rst", "end_of_input"]),
        (0.5, SYN, ["rst", "end_of_input"]),
        (0.5, SYN | ACK, ["rst"]),
    ],
)
def test_closed_flow_lingers(time_s: float, flags: int, reasons: list[str]) -> None:
    rows = meter([tcp_packet(0, RST), tcp_packet(time_s, flags)], Settings())
    assert [row["end_reason"] for row in rows] == reasons


def test_clock_jump_ends_the_flow_but_not_the_table() -> None:
    rows = meter([udp_packet(0, 1), udp_packet(0, 2), udp_packet(9e6, 1), udp_packet(1, 2)], Settings())
    assert [(row["src_port"], row["end_reason"]) for row in rows] == [
        (1, "idle"),
        (2, "end_of_input"),
        (1, "end_of_input"),
    ]


def test_wheel_writes_idle_flows_in_the_order_of_their_deadlines() -> None:
    packets = [udp_packet(time, port) for time, port in ((0, 1), (0.5, 2), (5, 1), (100, 3))]
    rows = meter(packets, Settings(idle_timeout_s=10))
    assert [(row["src_port"], row["end_reason"]) for row in rows] == [(2, "idle"), (1, "idle"), (3, "end_of_input")]


def test_full_table_writes_the_longest_silent_flow() -> None:
    packets = [udp_packet(time, port) for time, port in ((0, 1), (1, 2), (2, 1), (3, 3), (4, 4))]
    rows = meter(packets, Settings(max_flows=2))
    ends = [(row["src_port"], row["packets"], row["end_reason"]) for row in rows]
    assert ends == [(2, 1, "table_full"), (1, 2, "table_full"), (3, 1, "end_of_input"), (4, 1, "end_of_input")]


def test_late_packet_has_no_inter_arrival_time() -> None:
    (row,) = meter([udp_packet(time) for time in (5, 7, 4, 8)], Settings())
    assert row["first_iats_us"] == [0.0, 2e6, 0.0, 1e6]
    assert (row["start_time"], row["end_time"]) == (5 * SECOND, 8 * SECOND)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([(SYN, True)], "S0"),
        ([(SYN, True), (RST | ACK, False)], "REJ"),
        ([(SYN, True), (SYN | ACK, False)], "S1"),
        ([(SYN, True), (SYN | ACK, False), (RST, True)], "RSTO"),
        ([(SYN, True), (SYN | ACK, False), (RST, False)], "RSTR"),
        ([(SYN, True), (SYN | ACK, False), (FIN, True)], "S2"),
        ([(SYN, True), (SYN | ACK, False), (FIN, False)], "S3"),
        ([(SYN, True), (RST, True)], "RSTOS0"),
        ([(SYN, True), (FIN, True)], "SH"),
        ([(ACK, True), (SYN | ACK, False), (RST, False)], "RSTRH"),
        ([(ACK, True), (SYN | ACK, False), (FIN, False)], "SHR"),
        ([(SYN, True), (ACK, False)], "OTH"),
    ],
)
def test_connection_states(states: list[tuple[int, bool]], expected: str) -> None:
    (row,) = meter([tcp_packet(0, flags, forward=forward) for flags, forward in states], Settings())
    assert row["conn_state"] == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"\x16\3\1\0\0", "tls"),
        (b"GET / HT", "http"),
        (b"\0\0\0\x20\xfeSMB", "smb"),
        (b"\3\0\0\x13", "rdp"),
        (b"220 mail", "banner"),
        (b"INVITE s", "sip"),
        (b"\x13BitTorr", "bittorrent"),
        (b"\0\1\0\0\x21\x12\xa4\x42", "stun"),
        (b"\xc3\0\0\0\1\x08", "quic"),
        (b"hi\r\n", "text"),
        (bytes(8), "zeros"),
        (b"\x80", "binary"),
    ],
)
def test_payload_kinds(start: bytes, expected: str) -> None:
    (row,) = meter([packet(ethernet(ipv4(udp(start), 17)))], Settings())
    assert row["payload_kind_fwd"] == expected
    assert row["payload_kind_bwd"] is None


def test_port_kinds() -> None:
    for port, expected in ((53, "dns"), (123, "ntp")):
        assert meter([packet(ethernet(ipv4(udp(b"\0", (port, 9)), 17)))], Settings())[0]["payload_kind_fwd"] == expected


MOST_RECORDS = 1500


@pytest.mark.parametrize("path", shared_capture_parameters("pcap-attack", "pcap-benign"))
def test_every_packet_of_a_real_capture_is_in_one_flow(path: Path) -> None:
    data = path.read_bytes()
    records = read_records(gzip.decompress(data) if path.suffix == ".gz" else data)[0][:MOST_RECORDS]
    packets, skipped = decode_all(records, "inner")
    assert len(packets) + skipped.total() == len(records)
    rows = meter(packets, Settings(max_flows=7, idle_timeout_s=2, active_timeout_s=10))
    counts = [row["packets"] for row in rows]
    assert sum(count for count in counts if isinstance(count, int)) == len(packets)
