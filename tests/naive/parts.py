"""Twins of the kernels that are smaller than a flow: hashes, loads, lists, the flow index, the timing wheel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

WHEEL_SLOTS: Final = 1024
SECOND_NS: Final = 1_000_000_000
FORWARD, BACKWARD = 1, 2
_MASK: Final = 2**64 - 1

Endpoint = tuple[int, int, int]
Key = tuple[Endpoint, Endpoint, tuple[int, int, int, int]]
"""Source and destination as (upper 64 bits, lower 64 bits, port), and what both directions share."""


def unsigned(data: bytes, offset: int, size: int, *, big_endian: bool) -> int:
    """Return the unsigned integer of ``size`` bytes at ``offset``; raises IndexError outside ``data``."""
    if offset < 0 or offset + size > len(data):
        raise IndexError(offset)
    return int.from_bytes(data[offset : offset + size], "big" if big_endian else "little")


def siphash(key: bytes, data: bytes, compression: int = 1, finalisation: int = 3) -> int:
    """Return SipHash-c-d of ``data`` under a 16-byte key (Aumasson and Bernstein 2012, section 2)."""
    first, second = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    state = [
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    ]
    padded = data + bytes(7 - len(data) % 8) + bytes((len(data) % 256,))
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        state[3] ^= word
        for _ in range(compression):
            state = _sip_round(state)
        state[0] ^= word
    state[2] ^= 0xFF
    for _ in range(finalisation):
        state = _sip_round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(state: list[int]) -> list[int]:
    v0, v1, v2, v3 = state
    v0 = (v0 + v1) & _MASK
    v1 = _rotated(v1, 13) ^ v0
    v0 = _rotated(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _rotated(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _rotated(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotated(v1, 17) ^ v2
    return [v0, v1, _rotated(v2, 32), v3]


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def flow_direction(flow: Key, packet: Key) -> int:
    """Return which way a packet goes in a flow; 0 when it does not belong to it."""
    if packet == flow:
        return FORWARD
    return BACKWARD if (packet[1], packet[0], packet[2]) == flow else 0


def find_flow(flows: dict[int, Key], packet: Key) -> tuple[int, int]:
    """Return (slot, direction) of the flow a packet belongs to, or (−1, 0)."""
    for slot, flow in flows.items():
        if direction := flow_direction(flow, packet):
            return slot, direction
    return -1, 0


def deadline_second(last_elapsed_ns: int, timeout_ns: int) -> int:
    """Return the first second in which a flow has outlived its timeout."""
    return (last_elapsed_ns + timeout_ns) // SECOND_NS + 1


Wheel = dict[int, list[int]]
"""Slot numbers to flows, first in first out; numbers are not wrapped round."""


def append_to_wheel(wheel: Wheel, flow: int, second: int, hand: int) -> None:
    """Append a flow to a second's list, at most one turn ahead of the hand."""
    wheel.setdefault(min(second, hand + WHEEL_SLOTS - 1), []).append(flow)


def remove_from_wheel(wheel: Wheel, flow: int) -> None:
    """Take a flow out of the list it is in."""
    next(flows for flows in wheel.values() if flow in flows).remove(flow)


def oldest_flow(wheel: Wheel, deadlines: dict[int, int], hand: int) -> int:
    """Return the first flow whose deadline has not moved, and move those before it; −1 for an empty wheel."""
    for second in range(hand + 1, hand + WHEEL_SLOTS):
        flows = wheel.get(second, [])
        while flows:
            if min(deadlines[flows[0]], hand + WHEEL_SLOTS - 1) <= second:
                return flows[0]
            append_to_wheel(wheel, flows[0], deadlines[flows[0]], hand)
            del flows[0]
    return -1


def released(free: Sequence[int], ended: Sequence[int]) -> list[int]:
    """Return the free slots after those of ended flows were given back."""
    return [*free, *ended]


def unchanged(values: Sequence[int]) -> list[int]:
    """Return what a hint to the processor does to values: nothing."""
    return list(values)
