"""Conversations and the stage on which behaviours open them.

A conversation is one bidirectional 5-tuple with a label. No 5-tuple is given to two labels within
:data:`LABEL_DISTANCE_NS`, so that a packet finds its label by its addresses, ports, protocol and time alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final, NamedTuple

from netsift.simulate.network import Host, Network, Path, connect, pick_version
from netsift.simulate.packets import ICMP, ICMP6, TCP, UDP
from netsift.simulate.parameters import PARAMETERS, LogNormal
from netsift.simulate.randomness import NANOSECONDS, Draws
from netsift.simulate.tcp import Ending, Packet, TcpConnection, Turn

LABEL_DISTANCE_NS: Final = 4000 * NANOSECONDS
"""At least this long after its last packet, a 5-tuple keeps its label."""

_PORT_DRAWS: Final = 6


@dataclass(slots=True, eq=False)
class Conversation:
    """Packets between two endpoints; the source is who began. Addresses are 4 or 16 bytes, ports 0 for ICMP.

    ``attack`` is the class of the attack, empty for benign traffic. Packet times are never before ``start_ns``.
    """

    start_ns: int
    source: bytes
    source_port: int
    destination: bytes
    destination_port: int
    protocol: int
    behaviour: str
    attack: str
    packets: Iterator[Packet] = field(repr=False)

    @property
    def key(self) -> bytes:
        """The 5-tuple without direction."""
        ends = sorted(
            (
                self.source + self.source_port.to_bytes(2, "big"),
                self.destination + self.destination_port.to_bytes(2, "big"),
            )
        )
        return b"".join(ends) + bytes((self.protocol,))


class Ledger:
    """Which 5-tuple belongs to which label: two generations of keys, so that memory follows the last hours only."""

    def __init__(self) -> None:
        self._recent: dict[bytes, str] = {}
        self._older: dict[bytes, str] = {}
        self._turned_ns = 0

    def advance(self, now_ns: int) -> None:
        """Tell the time; keys that were last seen a full distance ago are forgotten."""
        if now_ns - self._turned_ns >= LABEL_DISTANCE_NS:
            self._older, self._recent, self._turned_ns = self._recent, {}, now_ns

    def owner(self, key: bytes) -> str | None:
        """The label that owns a 5-tuple, None when it is free."""
        return self._recent.get(key, self._older.get(key))

    def claim(self, key: bytes, label: str) -> bool:
        """Take or renew a 5-tuple; False when it belongs to another label."""
        owner = self.owner(key)
        if owner is not None and owner != label:
            return False
        self._recent[key] = label
        return True


class Datagram(NamedTuple):
    """One UDP datagram of an exchange, sent a pause after the one before."""

    from_client: bool
    payload: bytes
    pause_ns: int = 0


class Message(NamedTuple):
    """One ICMP message at a time relative to the conversation's start."""

    offset_ns: int
    from_client: bool
    kind: int
    code: int
    rest: int
    payload: bytes


@dataclass(slots=True)
class Stage:
    """What a behaviour sees: the hosts, its own random stream, its time window, and ways to open conversations."""

    network: Network
    draws: Draws
    ledger: Ledger
    start_ns: int
    end_ns: int
    behaviour: str
    attack: str
    activity: Callable[[int], float]
    flood_rate: float = 300.0
    flood_packets: int = 4000
    background: float = 1.0
    volume: float = 1.0
    extent: float = 1.0

    def many(self, counts: LogNormal) -> int:
        """How much of an attack there is, scaled by ``extent``; at least two."""
        return max(2, round(self.draws.sample(counts) * self.extent))

    def bulk(self, sizes: LogNormal) -> int:
        """A size in bytes of something that can be large, scaled by the setting ``volume``."""
        return max(round(self.draws.sample(sizes) * self.volume), round(sizes.low))

    def _open(
        self,
        path: Path,
        start_ns: int,
        ports: tuple[int | None, int],
        protocol: int,
        packets: Callable[[tuple[int, int]], Iterator[Packet]],
    ) -> Conversation:
        """Give the conversation a free source port; one that finds none has no packets."""
        client, server = path.client, path.server
        source, destination = (client.ipv4, server.ipv4) if path.version == 4 else (client.ipv6, server.ipv6)
        conversation = Conversation(
            start_ns, source, 0, destination, ports[1], protocol, self.behaviour, self.attack, iter(())
        )
        for _ in range(_PORT_DRAWS if ports[0] is None else 1):
            conversation.source_port = (
                self.draws.integer(*client.system.ephemeral_ports) if ports[0] is None else ports[0]
            )
            key = conversation.key
            if (ports[0] is not None or self.ledger.owner(key) is None) and self.ledger.claim(key, self.attack):
                conversation.packets = packets((conversation.source_port, ports[1]))
                break
        return conversation

    def tcp(
        self,
        start_ns: int,
        client: Host,
        server: Host,
        port: int,
        turns: Iterable[Turn],
        ending: Ending = Ending.CLIENT_CLOSES,
        *,
        traffic_class: int = 0,
        source_port: int | None = None,
        version: int | None = None,
    ) -> Conversation:
        """A TCP connection whose client side opens it at ``start_ns``."""
        version = version or pick_version(self.draws, client, server)
        path = connect(self.draws, client, server, version, traffic_class)
        return self._open(
            path,
            start_ns,
            (source_port, port),
            TCP,
            lambda ports: TcpConnection(path, ports, start_ns, self.draws).packets(turns, ending),
        )

    def udp(
        self,
        start_ns: int,
        client: Host,
        server: Host,
        port: int,
        datagrams: Iterable[Datagram],
        *,
        source_port: int | None = None,
        version: int | None = None,
        traffic_class: int = 0,
    ) -> Conversation:
        """A UDP exchange; the first datagram passes at ``start_ns`` plus its pause."""
        version = version or pick_version(self.draws, client, server)
        path = connect(self.draws, client, server, version, traffic_class)
        return self._open(
            path, start_ns, (source_port, port), UDP, lambda ports: _datagrams(path, ports, start_ns, datagrams)
        )

    def icmp(
        self, start_ns: int, client: Host, server: Host, messages: Iterable[Message], version: int = 4
    ) -> Conversation:
        """ICMP messages between two hosts, in time order."""
        path = connect(self.draws, client, server, version)
        return self._open(
            path, start_ns, (0, 0), ICMP if version == 4 else ICMP6, lambda _: _messages(path, start_ns, messages)
        )

    def failing(self, ending: Ending = Ending.CLIENT_CLOSES) -> Ending:
        """The ending, replaced now and then by a connection that fails or is reset, as everywhere."""
        parameters, mark = PARAMETERS.transport, self.draws.uniform()
        if mark < parameters.server_failure:
            return Ending.NO_ANSWER
        if mark < parameters.server_failure + parameters.server_refusal:
            return Ending.REFUSED
        return ending


def _datagrams(path: Path, ports: tuple[int, int], time_ns: int, datagrams: Iterable[Datagram]) -> Iterator[Packet]:
    from_client = True
    answer_ports = ports[1], ports[0]
    for datagram in datagrams:
        if datagram.from_client is not from_client:
            from_client = datagram.from_client
            time_ns += (path.client if from_client else path.server).round_trip_ns
        time_ns += datagram.pause_ns
        sender, pair = (path.to_server, ports) if from_client else (path.to_client, answer_ports)
        for frame in sender.udp_fragments(pair, datagram.payload):
            yield time_ns, frame
            time_ns += 12_000


def _messages(path: Path, start_ns: int, messages: Iterable[Message]) -> Iterator[Packet]:
    time_ns = start_ns
    for message in messages:
        sender = path.to_server if message.from_client else path.to_client
        time_ns = max(time_ns, start_ns + message.offset_ns)
        yield time_ns, sender.icmp(message.kind, message.code, message.rest, message.payload)


Session = tuple[int, list[Conversation]]
"""The time before which no later session opens anything, and the conversations of this one."""


def in_order(sessions: Iterable[Session]) -> Iterator[Conversation]:
    """Conversations of overlapping sessions by start time; the sessions' own times must not decrease."""
    waiting: list[tuple[int, int, Conversation]] = []
    serial = 0
    for start_ns, conversations in sessions:
        while waiting and waiting[0][0] <= start_ns:
            yield heappop(waiting)[2]
        for conversation in conversations:
            heappush(waiting, (conversation.start_ns, serial, conversation))
            serial += 1
    while waiting:
        yield heappop(waiting)[2]
