"""Frames: lengths and checksums over hostile field values, fragments that fit together again."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.simulate.packets import ACK, SMALLEST_FRAME_BYTES, Sender, word_sum
from tests.simulate.reading import checksums_hold, is_fragment, is_later_fragment, network, ones_complement_sum

LINK: Final = bytes(range(12))
IPV4: Final = (bytes((10, 0, 0, 1)), bytes((198, 18, 0, 7)))
IPV6: Final = (b"\xfd" + bytes(14) + b"\x01", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x09")
PAYLOADS: Final = st.binary(max_size=300)
ADDRESSES: Final = st.sampled_from([IPV4, IPV6])
PORT: Final = st.integers(0, 65_535)
WORD: Final = st.integers(0, 2**32 - 1)


def sender(addresses: tuple[bytes, bytes], identification: int = 7, traffic_class: int = 0) -> Sender:
    """A sender between two fixed addresses."""
    return Sender(LINK, *addresses, 64, identification, traffic_class)


@given(PAYLOADS)
def test_the_sum_is_that_of_rfc_1071(data: bytes) -> None:
    assert word_sum(data) == ones_complement_sum(data) % 65_535


@given(ADDRESSES, PORT, PORT, WORD, WORD, PORT, st.sampled_from([b"", b"\x02\x04\x05\xb4", bytes(12)]), PAYLOADS)
def test_tcp_checksums_hold(
    addresses: tuple[bytes, bytes],
    source: int,
    destination: int,
    sequence: int,
    number: int,
    window: int,
    options: bytes,
    payload: bytes,
) -> None:
    frame = sender(addresses, identification=window).tcp(
        (source, destination), sequence, number, ACK, window, options, payload
    )
    assert checksums_hold(frame)
    assert len(frame) >= SMALLEST_FRAME_BYTES
    assert network(frame)[3][20 + len(options) :] == payload


@given(ADDRESSES, PORT, PORT, PAYLOADS, st.integers(0, 255))
def test_udp_checksums_hold(
    addresses: tuple[bytes, bytes], source: int, destination: int, payload: bytes, traffic_class: int
) -> None:
    frame = sender(addresses, traffic_class=traffic_class).udp((source, destination), payload)
    assert checksums_hold(frame)
    assert network(frame)[3][6:8] != b"\0\0"


@given(ADDRESSES, st.integers(0, 255), WORD, PAYLOADS)
def test_icmp_checksums_hold(addresses: tuple[bytes, bytes], kind: int, rest: int, payload: bytes) -> None:
    assert checksums_hold(sender(addresses).icmp(kind, 0, rest, payload))


@pytest.mark.parametrize("length", [1473, 2952, 2953, 3900])
def test_large_datagrams_are_fragmented(length: int) -> None:
    payload = bytes(index % 251 for index in range(length))
    frames = list(sender(IPV4).udp_fragments((53, 4000), payload))
    assert [is_later_fragment(frame) for frame in frames] == [False] + [True] * (len(frames) - 1)
    assert all(is_fragment(frame) and checksums_hold(frame) and len(frame) <= 1514 for frame in frames)
    whole = b"".join(network(frame)[3] for frame in frames)
    assert whole[8:] == payload
    assert len({frame[18:20] for frame in frames}) == 1


def test_small_datagrams_are_not_fragmented() -> None:
    assert [is_fragment(frame) for frame in sender(IPV4).udp_fragments((53, 4000), bytes(1472))] == [False]
    assert len(list(sender(IPV6).udp_fragments((53, 4000), bytes(1472)))) == 1
