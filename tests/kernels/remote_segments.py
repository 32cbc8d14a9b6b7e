"""Segments with remote procedure calls, as the protocols' documents lay them out, and damaged ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from netsift.kernels.remote_calls import CALLS, INTERFACES


def bind(interface: str, kind: int = 11, *, representation: int = 0x10) -> bytes:
    """Return a DCE/RPC bind (or, with ``kind`` 14, a change of context) with one context."""
    context = b"\1\0\0\0" + b"\0\0\1\0" + UUID(interface).bytes_le + b"\1\0\0\0"
    return bytes((5, 0, kind, 3, representation, 0, 0, 0)) + bytes(16) + context + bytes(20)


def request(procedure: int, *, representation: int = 0x10) -> bytes:
    """Return a DCE/RPC request without arguments."""
    number = procedure.to_bytes(2, "little" if representation else "big")
    return bytes((5, 0, 0, 3, representation, 0, 0, 0)) + bytes(14) + number


def smb2(command: int, body: bytes, *, reply: bool = False) -> bytes:
    """Return an SMB 2 message behind its length."""
    head = b"\xfeSMB" + bytes(8) + command.to_bytes(2, "little") + bytes(2) + bytes((reply,))
    message = head.ljust(64, b"\0") + body
    return len(message).to_bytes(4, "big") + message


def smb2_write(message: bytes) -> bytes:
    """Return a write to a named pipe."""
    return smb2(9, b"\x31\0" + (112).to_bytes(2, "little") + bytes(44) + message)


def smb2_transceive(message: bytes) -> bytes:
    """Return an exchange over a named pipe."""
    return smb2(11, b"\x39\0\0\0\x17\xc0\x11\0" + bytes(16) + (120).to_bytes(4, "little") + bytes(28) + message)


def smb2_share(path: str) -> bytes:
    """Return the opening of a share."""
    text = path.encode("utf-16-le")
    lengths = (72).to_bytes(2, "little") + len(text).to_bytes(2, "little")
    return smb2(3, b"\x09\0\0\0" + lengths + text + bytes(30))


def smb1(command: int, words: int, place: int, message: bytes) -> bytes:
    """Return an SMB 1 message whose offset of data stands at ``place`` behind the number of words."""
    parameters = bytearray(2 * words + 2)
    data = 33 + len(parameters)
    parameters[place : place + 2] = data.to_bytes(2, "little")
    whole = b"\xffSMB" + bytes((command,)) + bytes(27) + bytes((words,)) + bytes(parameters) + message
    return len(whole).to_bytes(4, "big") + whole


messages = st.one_of(
    st.builds(bind, st.sampled_from(list(INTERFACES.values())), st.sampled_from((11, 14))),
    st.builds(bind, st.uuids().map(str), representation=st.sampled_from((0, 0x10))),
    st.builds(request, st.integers(0, 65_535) | st.integers(0, 60), representation=st.sampled_from((0x10, 0x10, 0))),
    st.sampled_from([number for where in CALLS.values() for numbers in where.values() for number in numbers]).map(
        request
    ),
)
whole_segments = st.one_of(
    messages,
    messages.map(smb2_write),
    messages.map(smb2_transceive),
    messages.map(lambda message: smb1(0x2F, 14, 22, message)),
    messages.map(lambda message: smb1(0x25, 16, 24, message)),
    st.sampled_from(("\\\\10.0.0.1\\C$", "\\\\a\\ADMIN$", "\\\\a\\IPC$", "\\\\a\\print$", "x", "$", "N$")).map(
        smb2_share
    ),
)


@st.composite
def segments(draw: Any) -> bytes:
    """A segment, whole, cut off, or with bytes changed."""
    segment = bytearray(draw(whole_segments))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 3)))):
        segment[draw(st.integers(0, len(segment) - 1))] = draw(st.integers(0, 255))
    return bytes(segment[: draw(st.just(len(segment)) | st.integers(0, len(segment)))])
