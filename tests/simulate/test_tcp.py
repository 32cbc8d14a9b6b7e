"""TCP conversations: every byte arrives, in time order, whatever is lost and however it ends."""

from __future__ import annotations

from dataclasses import replace
from struct import unpack
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.simulate.network import Host, connect
from netsift.simulate.packets import ACK, FIN, PSH, RST, SYN
from netsift.simulate.parameters import ANDROID, EMBEDDED, LINUX, MACOS, WINDOWS, System
from netsift.simulate.randomness import NANOSECONDS, Draws
from netsift.simulate.tcp import Ending, TcpConnection, Turn
from tests.simulate.reading import checksums_hold, network

START: Final = 10**18
CLIENT: Final = Host(
    "client", bytes((10, 0, 0, 1)), b"\xfd" + bytes(15), bytes(6), LINUX, 0, 300_000, 0.0, 4e7, internal=True
)
SERVER: Final = replace(CLIENT, ipv4=bytes((198, 18, 0, 1)), ipv6=b"\x20" + bytes(15), hops=9, round_trip_ns=20_000_000)


class Segment:
    """A TCP segment as the test looks at it."""

    def __init__(self, time_ns: int, frame: bytes) -> None:
        assert checksums_hold(frame)
        source, _, _, body = network(frame)
        self.time_ns = time_ns
        self.from_client = source in (CLIENT.ipv4, CLIENT.ipv6)
        self.sequence, self.acknowledgement, offset_flags, self.window = unpack("!IIHH", body[4:16])
        self.flags = offset_flags & 0xFF
        self.header = (offset_flags >> 12) * 4
        self.payload = body[self.header :]


def talk(turns: list[Turn], ending: Ending, *, loss: float = 0.0, seed: int = 1, version: int = 4,
         client_system: System = LINUX, server_system: System = LINUX) -> list[Segment]:  # fmt: skip
    """The segments of one connection."""
    draws = Draws(seed, "test")
    client, server = replace(CLIENT, system=client_system), replace(SERVER, system=server_system, loss=loss)
    connection = TcpConnection(connect(draws, client, server, version), (40_000, 443), START, draws)
    return [Segment(time, frame) for time, frame in connection.packets(turns, ending)]


def delivered(segments: list[Segment], *, from_client: bool) -> bytes:
    """What one side sent, put together by sequence number."""
    mine = [segment for segment in segments if segment.from_client is from_client]
    first = next(segment.sequence for segment in mine if segment.flags & SYN) + 1
    pieces = {(segment.sequence - first) % 2**32: segment.payload for segment in mine if segment.payload}
    text = b""
    for offset in sorted(pieces):
        assert offset <= len(text), "a hole was never filled"
        assert text[offset : offset + len(pieces[offset])] in pieces[offset][: len(text) - offset]
        text = text[:offset] + pieces[offset]
    return text


SYSTEMS: Final = st.sampled_from([LINUX, WINDOWS, MACOS, ANDROID, EMBEDDED])


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 60_000)), min_size=1, max_size=5),
    st.sampled_from([0.0, 0.01, 0.2]), st.integers(0, 1000), st.sampled_from([4, 6]), SYSTEMS, SYSTEMS,
)  # fmt: skip
def test_every_byte_arrives_in_time_order(
    sizes: list[tuple[bool, int]], loss: float, seed: int, version: int, client: System, server: System
) -> None:
    turns = [Turn(from_client, size, 1_000_000, b"head") for from_client, size in sizes]
    segments = talk(
        turns, Ending.CLIENT_CLOSES, loss=loss, seed=seed, version=version, client_system=client, server_system=server
    )
    assert [segment.time_ns for segment in segments] == sorted(segment.time_ns for segment in segments)
    for from_client in (True, False):
        assert len(delivered(segments, from_client=from_client)) == sum(
            size for side, size in sizes if side is from_client
        )
    assert sum(bool(segment.flags & FIN) for segment in segments) == 2


@given(st.integers(1, 200_000), st.integers(0, 100))
def test_segments_keep_to_the_maximum_size(size: int, seed: int) -> None:
    segments = talk([Turn(False, size)], Ending.SERVER_CLOSES, seed=seed)
    assert max(len(segment.payload) for segment in segments) <= 1448
    assert all(segment.header == 32 for segment in segments if not segment.flags & (SYN | RST))


def test_a_connection_begins_with_the_handshake() -> None:
    segments = talk([Turn(True, 10)], Ending.CLIENT_CLOSES)
    assert [segment.flags for segment in segments[:3]] == [SYN, SYN | ACK, ACK]
    assert segments[1].acknowledgement == (segments[0].sequence + 1) % 2**32
    assert segments[1].time_ns - segments[0].time_ns > SERVER.round_trip_ns
    assert segments[3].flags == PSH | ACK


def test_no_answer_repeats_the_syn_as_the_system_does() -> None:
    segments = talk([], Ending.NO_ANSWER)
    assert [segment.flags for segment in segments] == [SYN] * 4
    assert [(segment.time_ns - START) // NANOSECONDS for segment in segments] == [0, 1, 3, 7]
    assert len({segment.sequence for segment in segments}) == 1


@pytest.mark.parametrize(
    ("ending", "flags"),
    [
        (Ending.REFUSED, [SYN, RST | ACK]),
        (Ending.PROBED, [SYN, SYN | ACK, RST]),
        (Ending.HALF_OPEN, [SYN, SYN | ACK, SYN | ACK, SYN | ACK, SYN | ACK]),
        (Ending.OPEN, [SYN, SYN | ACK, ACK]),
        (Ending.CLIENT_RESETS, [SYN, SYN | ACK, ACK, RST | ACK]),
        (Ending.SERVER_RESETS, [SYN, SYN | ACK, ACK, RST | ACK]),
        (Ending.RESET_AFTER_CLOSE, [SYN, SYN | ACK, ACK, FIN | ACK, RST | ACK]),
    ],
)
def test_endings_without_data(ending: Ending, flags: list[int]) -> None:
    assert [segment.flags for segment in talk([], ending)] == flags


def test_loss_shows_as_retransmissions_or_holes() -> None:
    segments = talk([Turn(False, 400_000)], Ending.CLIENT_CLOSES, loss=0.02)
    numbers = [segment.sequence for segment in segments if segment.payload]
    assert len(set(numbers)) < len(numbers)
    assert numbers != sorted(numbers)


def test_timestamps_never_run_backwards() -> None:
    segments = talk([Turn(True, 3000), Turn(False, 90_000, NANOSECONDS)], Ending.CLIENT_CLOSES, loss=0.05)
    assert len({segment.header for segment in segments if not segment.flags & SYN}) == 1


def test_the_slow_reader_announces_its_window() -> None:
    segments = talk([Turn(False, 20_000, 0, b"", 2000.0, 0)], Ending.OPEN)
    assert {segment.window for segment in segments if segment.from_client and segment.flags == ACK} >= {0}
