"""TCP conversations as a capture at the core switch would show them.

One side speaks at a time (a *turn*). A turn is cut into segments that leave in bursts: ten at first, doubling per round
trip up to a limit (RFC 6928, RFC 5681), spaced by the slower end's rate; the other side acknowledges every second one.
Lost segments show as duplicates or as holes that are filled later. Congestion control beyond that is not simulated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from struct import Struct
from typing import Final, NamedTuple

from netsift.simulate.network import Host, Path
from netsift.simulate.packets import ACK, CWR, ECE, FIN, PSH, RST, SYN, Sender
from netsift.simulate.parameters import PARAMETERS, System
from netsift.simulate.randomness import NANOSECONDS, Draws

Packet = tuple[int, bytes]
"""Time in nanoseconds since 1970 and the whole frame."""

_PARAMETERS: Final = PARAMETERS.transport
_MILLISECOND: Final = 1_000_000
_DELAYED_NS: Final = int(_PARAMETERS.delayed_acknowledgement_ms * _MILLISECOND)
_RETRANSMIT_NS: Final = int(_PARAMETERS.smallest_retransmission_ms * _MILLISECOND)
_TIMESTAMPS: Final = Struct("!HBBII")
_SELECTIVE: Final = Struct("!HBBII")
_MASK: Final = 0xFFFFFFFF
_FILLER: Final = Draws(0, "filler").octets(1 << 16)


class Ending(StrEnum):
    """How a connection ends, or why it never began."""

    CLIENT_CLOSES = "client closes"
    SERVER_CLOSES = "server closes"
    CLIENT_RESETS = "client resets"
    SERVER_RESETS = "server resets"
    RESET_AFTER_CLOSE = "client resets after the server's close"
    OPEN = "stays open"
    NO_ANSWER = "no answer"
    REFUSED = "refused"
    HALF_OPEN = "the client never completes the handshake"
    PROBED = "the client resets instead of completing the handshake"


class Turn(NamedTuple):
    """One side speaks: ``size_bytes`` in all, beginning with ``prefix``, after a pause.

    A turn of size 0 is a keep-alive probe. ``rate_bytes_s`` above 0 replaces the connection's rate, ``window`` not
    below 0 the window that the listening side announces.
    """

    from_client: bool
    size_bytes: int
    pause_ns: int = 0
    prefix: bytes = b""
    rate_bytes_s: float = 0.0
    window: int = -1


class _Event(NamedTuple):
    time_ns: int
    order: int
    is_data: bool
    sequence: int
    size_bytes: int
    offset: int
    hole: tuple[int, int] | None


class _Side:
    """One end of the connection."""

    __slots__ = ("burst", "clock_ms", "host", "ports", "round_trip_ns", "sender", "sequence", "system", "window")

    def __init__(self, host: Host, sender: Sender, ports: tuple[int, int], draws: Draws) -> None:
        self.host = host
        self.system: System = host.system
        self.sender = sender
        self.ports = ports
        self.sequence = draws.integer(0, 1 << 32)
        self.clock_ms = draws.integer(0, 1 << 31)
        self.round_trip_ns = host.round_trip_ns
        field = host.system.window_field
        self.window = min(65535, max(1, int(field * (0.9 + 0.2 * draws.uniform()))))
        self.burst = _PARAMETERS.initial_window_segments


def syn_options(letters: str, system: System, segment_bytes: int, stamp: tuple[int, int]) -> bytes:
    """The options of a SYN in the order of ``letters`` (see ``System.options``), padded to whole words."""
    parts = {
        "M": b"\x02\x04" + segment_bytes.to_bytes(2, "big"),
        "S": b"\x04\x02",
        "T": b"\x08\x0a" + stamp[0].to_bytes(4, "big") + stamp[1].to_bytes(4, "big"),
        "W": b"\x03\x03" + bytes((system.window_scale,)),
        "N": b"\x01",
        "E": b"\x00",
    }
    text = b"".join([parts[letter] for letter in letters])
    return text + bytes(-len(text) % 4)


class TcpConnection:
    """One connection; iterate :meth:`packets` once.

    ``rate_bytes_s`` and ``loss`` default to those of the slower and the worse end.
    """

    def __init__(self, path: Path, ports: tuple[int, int], start_ns: int, draws: Draws) -> None:
        client, server = path.client, path.server
        self._draws = draws
        self._client = _Side(client, path.to_server, ports, draws)
        self._server = _Side(server, path.to_client, (ports[1], ports[0]), draws)
        self._stamped = client.system.timestamps and server.system.timestamps
        self._selective = client.system.selective and server.system.selective
        self._congestion_marks = client.system.explicit_congestion and server.system.explicit_congestion
        self._header_loss = 20 if path.version == 6 else 0
        self._segment_bytes = (
            min(client.system.segment_bytes, server.system.segment_bytes)
            - self._header_loss
            - (12 if self._stamped else 0)
        )
        self._rate_bytes_s = min(client.rate_bytes_s, server.rate_bytes_s)
        self._loss = client.loss + server.loss
        self._now = start_ns
        self._last_speaker = self._client
        self._emitted = start_ns
        self._owed: tuple[int, _Side] | None = None

    def packets(self, turns: Iterable[Turn], ending: Ending) -> Iterator[Packet]:
        """The packets in time order: handshake, turns, end."""
        if ending in (Ending.NO_ANSWER, Ending.REFUSED, Ending.HALF_OPEN, Ending.PROBED):
            yield from self._failed(ending)
            return
        yield from self._handshake()
        for turn in turns:
            speaker, listener = (self._client, self._server) if turn.from_client else (self._server, self._client)
            if turn.size_bytes:
                yield from self._speak(speaker, listener, turn)
            else:
                yield from self._keep_alive(speaker, listener, turn)
        yield from self._close(ending)

    def _other(self, side: _Side) -> _Side:
        return self._server if side is self._client else self._client

    def _packet(
        self,
        time_ns: int,
        side: _Side,
        flags: int,
        *,
        sequence: int | None = None,
        payload: bytes = b"",
        options: bytes | None = None,
        window: int | None = None,
        acknowledgement: int | None = None,
    ) -> Packet:
        time_ns = max(time_ns, self._emitted)
        self._emitted = time_ns
        other = self._other(side)
        if acknowledgement is None:
            acknowledgement = other.sequence if flags & ACK else 0
        if options is None and self._stamped and not flags & RST:
            now_ms = time_ns // _MILLISECOND
            echo = other.clock_ms + now_ms - other.round_trip_ns // (2 * _MILLISECOND)
            options = _TIMESTAMPS.pack(0x0101, 8, 10, (side.clock_ms + now_ms) & _MASK, echo & _MASK)
        number = side.sequence if sequence is None else sequence
        field = side.window if window is None else window
        return time_ns, side.sender.tcp(side.ports, number, acknowledgement, flags, field, options or b"", payload)

    def _syn(self, time_ns: int, side: _Side, *, answer: bool) -> Packet:
        system, other = side.system, self._other(side)
        now_ms = time_ns // _MILLISECOND
        stamp = ((side.clock_ms + now_ms) & _MASK, (other.clock_ms + now_ms) & _MASK if answer else 0)
        letters = system.options
        if answer:
            # An answer offers only what the SYN offered (RFC 7323 section 1.3, RFC 2018 section 2).
            letters = "".join([letter for letter in letters if letter in "MN" or letter in other.system.options])
        options = syn_options(letters, system, system.segment_bytes - self._header_loss, stamp)
        flags = SYN | ACK if answer else SYN
        if answer and self._congestion_marks:
            flags |= ECE
        elif system.explicit_congestion and not answer:
            flags |= ECE | CWR
        return self._packet(time_ns, side, flags, options=options, window=system.window_bytes)

    def _handshake(self) -> Iterator[Packet]:
        client, server = self._client, self._server
        time = self._now
        if self._draws.chance(self._loss):
            yield self._syn(time, client, answer=False)
            time += NANOSECONDS
        yield self._syn(time, client, answer=False)
        client.sequence = (client.sequence + 1) & _MASK
        time += server.round_trip_ns + self._draws.integer(20_000, 300_000)
        yield self._syn(time, server, answer=True)
        server.sequence = (server.sequence + 1) & _MASK
        time += client.round_trip_ns + self._draws.integer(5_000, 80_000)
        yield self._packet(time, client, ACK)
        self._now, self._last_speaker = time, client

    def _failed(self, ending: Ending) -> Iterator[Packet]:
        """A connection that never opens; unanswered SYNs are repeated as the system does."""
        client, server, start = self._client, self._server, self._now
        yield self._syn(start, client, answer=False)
        answered = start + server.round_trip_ns + self._draws.integer(20_000, 400_000)
        if ending is Ending.NO_ANSWER:
            for retry_s in client.system.syn_retries_s:
                yield self._syn(start + int(retry_s * NANOSECONDS), client, answer=False)
            return
        client.sequence = (client.sequence + 1) & _MASK
        if ending is Ending.REFUSED:
            server.sequence = 0
            yield self._packet(answered, server, RST | ACK, window=0)
            return
        yield self._syn(answered, server, answer=True)
        if ending is Ending.PROBED:
            yield self._packet(answered + client.round_trip_ns + 30_000, client, RST, window=0)
            return
        for retry_s in server.system.syn_retries_s:
            yield self._syn(answered + int(retry_s * NANOSECONDS), server, answer=True)

    def _turn_start(self, speaker: _Side, pause_ns: int) -> int:
        """When the speaker's first segment passes the capture point."""
        start = self._now + pause_ns + self._draws.integer(5_000, 60_000)
        return start + speaker.round_trip_ns if self._last_speaker is not speaker else start

    def _settle(self, speaker: _Side | None, start_ns: int) -> Iterator[Packet]:
        """Send the acknowledgement that is still owed, unless the answer itself carries it in time."""
        if self._owed is None:
            return
        due, side = self._owed
        self._owed = None
        if due < start_ns:
            yield self._packet(due, side, ACK)
        elif speaker is not side:
            yield self._packet(min(due, start_ns), side, ACK)

    def _keep_alive(self, speaker: _Side, listener: _Side, turn: Turn) -> Iterator[Packet]:
        start = self._turn_start(speaker, turn.pause_ns)
        yield from self._settle(speaker, start)
        yield self._packet(start, speaker, ACK, sequence=(speaker.sequence - 1) & _MASK)
        yield self._packet(start + listener.round_trip_ns, listener, ACK)
        self._now, self._last_speaker = self._emitted, listener

    def _speak(self, speaker: _Side, listener: _Side, turn: Turn) -> Iterator[Packet]:
        time = self._turn_start(speaker, turn.pause_ns)
        yield from self._settle(speaker, time)
        base = speaker.sequence
        spacing = max(1_000, int(self._segment_bytes * NANOSECONDS / (turn.rate_bytes_s or self._rate_bytes_s)))
        position, pending = 0, list[_Event]()
        while position < turn.size_bytes:
            events, position, following = self._burst(speaker, listener, turn, base, position, time, spacing)
            pending = sorted(pending + events)
            ready = (
                len(pending) if position >= turn.size_bytes else sum(event.time_ns <= following for event in pending)
            )
            for event in pending[:ready]:
                yield self._event(event, speaker, listener, turn, base)
            pending = pending[ready:]
            time = following
        speaker.sequence = (base + turn.size_bytes) & _MASK
        self._last_speaker = speaker

    def _burst(
        self, speaker: _Side, listener: _Side, turn: Turn, base: int, position: int, time: int, spacing: int
    ) -> tuple[list[_Event], int, int]:
        """One window of segments with acknowledgements; also the next position and when the next one leaves."""
        segment, draws, size = self._segment_bytes, self._draws, turn.size_bytes
        count = min(speaker.burst, -(-(size - position) // segment))
        lost = draws.integer(0, count) if draws.chance(self._loss * count) else count
        lost_at = position + lost * segment
        lost_end = min(lost_at + segment, size)
        hidden = lost < count and draws.chance(_PARAMETERS.lost_before_capture)
        events: list[_Event] = []
        last_data = time
        for index in range(count):
            offset = position + index * segment
            end = min(offset + segment, size)
            last_data = time + int(spacing * (index + 0.4 * draws.uniform()))
            if index != lost or not hidden:
                events.append(_Event(last_data, index, True, (base + offset) & _MASK, end - offset, offset, None))
            reply = last_data + listener.round_trip_ns + draws.integer(5_000, 50_000)
            if index > lost:
                hole = (base + lost_end) & _MASK, (base + end) & _MASK
                events.append(_Event(reply, index, False, (base + lost_at) & _MASK, 0, 0, hole))
            elif index < lost and index & 1 and end < size:
                events.append(_Event(reply, index, False, (base + end) & _MASK, 0, 0, None))
        if lost < count:
            last_data += listener.round_trip_ns + speaker.round_trip_ns + (_RETRANSMIT_NS if count - lost <= 3 else 0)
            events.append(_Event(last_data, count, True, (base + lost_at) & _MASK, lost_end - lost_at, lost_at, None))
        speaker.burst = (
            max(2, speaker.burst // 2) if lost < count else min(2 * speaker.burst, _PARAMETERS.largest_window_segments)
        )
        self._now = last_data
        prompt = lost < count or count & 1 == 0
        self._owed = (
            last_data + listener.round_trip_ns + (draws.integer(5_000, 60_000) if prompt else _DELAYED_NS),
            listener,
        )
        following = max(time + speaker.round_trip_ns + listener.round_trip_ns, last_data + spacing)
        return events, min(position + count * segment, size), following

    def _event(self, event: _Event, speaker: _Side, listener: _Side, turn: Turn, base: int) -> Packet:
        if not event.is_data:
            window = turn.window if turn.window >= 0 else None
            options = None
            if event.hole is not None and self._selective and not self._stamped:
                options = _SELECTIVE.pack(0x0101, 5, 10, *event.hole)
            return self._packet(
                event.time_ns, listener, ACK, acknowledgement=event.sequence, window=window, options=options
            )
        start, end = event.offset, event.offset + event.size_bytes
        payload = turn.prefix[start:end]
        missing = event.size_bytes - len(payload)
        if missing:
            at = (base + start) & 0x7FFE
            payload += _FILLER[at : at + missing]
        flags = ACK | PSH if end >= turn.size_bytes else ACK
        return self._packet(event.time_ns, speaker, flags, sequence=event.sequence, payload=payload)

    def _close(self, ending: Ending) -> Iterator[Packet]:
        if ending is Ending.OPEN:
            yield from self._settle(None, self._now + NANOSECONDS)
            return
        first = self._client if ending in (Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS) else self._server
        second = self._other(first)
        start = self._turn_start(first, self._draws.integer(20_000, 3_000_000))
        if ending in (Ending.CLIENT_RESETS, Ending.SERVER_RESETS):
            yield from self._settle(first, start)
            yield self._packet(start, first, RST | ACK, window=0)
            return
        yield from self._settle(first, start)
        yield self._packet(start, first, FIN | ACK)
        first.sequence = (first.sequence + 1) & _MASK
        answer = start + second.round_trip_ns + self._draws.integer(10_000, 200_000)
        if ending is Ending.RESET_AFTER_CLOSE:
            yield self._packet(answer, second, RST | ACK, window=0)
            return
        if self._draws.chance(0.4):
            yield self._packet(answer, second, ACK)
            answer += self._draws.integer(50_000, 40_000_000)
        yield self._packet(answer, second, FIN | ACK)
        second.sequence = (second.sequence + 1) & _MASK
        yield self._packet(answer + first.round_trip_ns + self._draws.integer(5_000, 60_000), first, ACK)
