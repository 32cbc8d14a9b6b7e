"""Made-up traffic with something of everything, the same for the same seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

from tests.flows.writing import ethernet, ipv4, ipv6, tcp, udp
from tests.naive import Record

_FLAGS = (0x02, 0x12, 0x10, 0x10, 0x18, 0x18, 0x11, 0x04)
_PAYLOADS = (b"", b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x03\x00\x10", b"\x80" * 300, b"hello", bytes(20))


def _ip_packet(rng: random.Random, *, fragments: bool) -> bytes:
    ends = rng.choice(((1, 2), (2, 1), (3, rng.randrange(4, 200)), (5, 5)))
    kind = rng.randrange(10)
    if kind < 5:
        ports = rng.choice(((1024, 80), (80, 1024), (rng.randrange(2000, 2100), 443)))
        data = tcp(rng.choice(_FLAGS), ports, rng.choice(_PAYLOADS), sequence=rng.choice((0, 1, 5, 100, 2**32 - 4)))
        return ipv4(data, 6, ends, time_to_live=rng.choice((64, 128)), traffic_class=rng.choice((0, 0, 184, 2)))
    if kind < 8:
        ports = rng.choice(((53, 53), (1024, 53), (53, 1024), (123, 123), (rng.randrange(3000, 3050), 9)))
        fragment = rng.choice((0, 0, 0, 0x2000, 0x0003)) if fragments else 0
        return ipv4(udp(rng.choice(_PAYLOADS), ports), 17, ends, fragment=fragment)
    if kind == 8:
        return ipv4(struct.pack(">BBHHH", 8, 0, 0, 1, rng.randrange(9)) + bytes(8), 1, ends)
    vxlan = b"\x08\0\0\0" + struct.pack(">I", rng.randrange(3) << 8) + ethernet(ipv4(tcp(2), 6))
    return ipv4(udp(vxlan, (5000, 4789)), 17, ends)


def _frame(rng: random.Random, *, fragments: bool) -> bytes:
    choice = rng.random()
    if choice < 0.02:
        return ethernet(bytes(28), 0x0806)
    if choice < 0.12:
        return ethernet(ipv6(udp(rng.choice(_PAYLOADS), (546, 547)), 17), 0x86DD)
    packet = _ip_packet(rng, fragments=fragments)
    return (
        ethernet(struct.pack(">HH", rng.choice((7, 8)), 0x0800) + packet, 0x8100) if choice < 0.2 else ethernet(packet)
    )


def busy(count: int, seed: int = 1, *, fragments: bool = True) -> list[Record]:
    """Return ``count`` Ethernet records over some minutes; a few are late, cut short or not IP."""
    rng = random.Random(seed)
    time_ns = 1_700_000_000 * 10**9
    records: list[Record] = []
    for _ in range(count):
        time_ns += rng.choice((0, 10**5, 10**7, 3 * 10**8, 2 * 10**9)) if rng.random() < 0.95 else -(10**8)
        data = _frame(rng, fragments=fragments)
        kept = rng.randrange(len(data)) if rng.random() < 0.03 else len(data)
        records.append(Record(time_ns, 1, len(data), data[:kept]))
    return records


def in_thirds(records: Sequence[Record]) -> list[list[Record]]:
    """Return the records as three lists, one after another."""
    third = -(-len(records) // 3)
    return [list(records[start : start + third]) for start in range(0, len(records), third)]
