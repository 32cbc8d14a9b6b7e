"""Payload kinds from the first eight bytes, against the slow twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from netsift.flows.schema import PAYLOAD_KINDS
from netsift.kernels.payload import payload_kind
from tests.naive import Packet, measure

WORDS = (
    b"GET ", b"POST", b"HEAD", b"PUT ", b"HTTP", b"OPTI", b"DELE", b"CONN", b"PATC", b"PRI ", b"SSH-", b"SIP/", b"INVI",
    b"REGI", b"\xffSMB", b"\xfeSMB", b"\x13BitTorr", b"\x21\x12\xa4\x42", b"\x16\x03", b"\x03\x00\x00", b"\x03\x00\x01",
    b"220 ", b"550-", b"\xc3\0\0\0\1", b"\xff\x6b\x33\x43\xcf", b"\xc0\0\0\0\0", bytes(4), b"\t\r\n~", b"\x7f",
)  # fmt: skip
starts = st.lists(st.sampled_from(WORDS) | st.binary(min_size=1, max_size=2), min_size=1, max_size=4).map(b"".join)
EMPTY = Packet(0, bytes(16), bytes(16), 0, 0, 17, 4, 28, 8, 0)


@given(
    starts, st.integers(1, 8), st.sampled_from((6, 17, 132)), st.sampled_from((1, 53, 123, 5353, 5355)),
    st.sampled_from((1, 53, 123)),
)  # fmt: skip
@example(b"\x03\x00\x00", 3, 6, 1, 1)
@example(b"\x00\x00\x00\x00\xffSMB", 8, 6, 1, 1)
def test_payload_kind(start: bytes, length: int, protocol: int, source: int, destination: int) -> None:
    prefix = start[:length]
    word = np.uint64(int.from_bytes(prefix, "little"))
    packet = replace(EMPTY, payload_prefix=prefix, protocol=protocol, source_port=source, destination_port=destination)
    code = payload_kind(word, len(prefix), protocol, source, destination)
    assert PAYLOAD_KINDS[code] == measure.payload_kind(packet)
