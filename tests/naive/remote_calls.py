"""What a TCP segment calls, and what a flow's segments called (``docs/flow-meter.md``, section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal
from uuid import UUID

from netsift.flows.schema import REMOTE_CALLS
from netsift.kernels.remote_calls import CALLS, INTERFACES

SHARE: Final = "share"
Call = int | UUID | str | None
"""The number of a procedure, the interface of a bind, an administrative share, or nothing."""

NO_INTERFACE: Final = UUID(int=0)


def remote_call(payload: bytes) -> Call:
    """Return what a segment's first message calls."""
    if payload[4:8] == b"\xfeSMB":
        return _smb2(payload[4:])
    if payload[4:8] == b"\xffSMB":
        return _smb1(payload[4:])
    return _rpc(payload)


def _rpc(message: bytes) -> Call:
    if len(message) < 24 or message[:2] != b"\5\0":
        return None
    order: Literal["little", "big"] = "little" if message[4] >> 4 else "big"
    if message[2] == 0:
        procedure = int.from_bytes(message[22:24], order)
        return procedure if procedure < 0x3FFF else None
    if message[2] not in (11, 14) or len(message) < 48:
        return None
    return UUID(bytes_le=message[32:48]) if order == "little" else NO_INTERFACE


def _smb1(message: bytes) -> Call:
    if len(message) < 63:
        return None
    fields = {0x2F: (12, 55), 0x25: (14, 57)}
    least_words, place = fields.get(message[4], (256, 0))
    if message[32] < least_words:
        return None
    return _written(message, int.from_bytes(message[place : place + 2], "little"))


def _smb2(message: bytes) -> Call:
    if len(message) < 96 or message[16] & 1:
        return None
    command, body = int.from_bytes(message[12:14], "little"), message[64:]
    if command == 9:
        return _written(message, int.from_bytes(body[2:4], "little"))
    if command == 11 and body[4:8] == b"\x17\xc0\x11\0":
        return _written(message, int.from_bytes(body[24:28], "little"))
    if command == 3:
        start, length = int.from_bytes(body[4:6], "little"), int.from_bytes(body[6:8], "little")
        return _share(message[start : start + length]) if start + length <= len(message) else None
    return None


def _written(message: bytes, place: int) -> Call:
    return _rpc(message[place:]) if place >= 32 else None


def _share(path: bytes) -> Call:
    if len(path) < 6 or path[-2:] != b"$\0":
        return None
    return SHARE if path[-4:-3] in (b"N", b"n") or path[-6:-5] == b"\\" else None


def remote_calls(payloads: Iterable[bytes]) -> int:
    """Return the kinds that a flow's segments called, one bit each."""
    kinds: set[str] = set()
    interface = NO_INTERFACE
    for payload in payloads:
        call = remote_call(payload)
        if isinstance(call, UUID):
            interface = call
        elif call == SHARE:
            kinds.add("administrative_share")
        elif isinstance(call, int):
            kinds |= {kind for kind, where in CALLS.items() if call in _procedures(where, interface)}
    return sum(1 << REMOTE_CALLS.index(kind) for kind in kinds)


def _procedures(where: dict[str, tuple[int, ...]], interface: UUID) -> tuple[int, ...]:
    return next((numbers for name, numbers in where.items() if UUID(INTERFACES[name]) == interface), ())
