"""Traffic made packet by packet, so that a test says exactly who did what how often, read by the real meter."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pyarrow as pa

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.schema import Alert
from netsift.simulate.packets import ACK, FIN, PSH, RST, SYN, Sender
from netsift.sources.flows import read_flows

START_NS: Final = 1_772_438_400_000_000_000
CLIENT: Final = "10.1.0.5"
SERVER: Final = "10.1.0.9"
OUTSIDE: Final = "198.51.100.7"

_SECOND_NS: Final = 1_000_000_000
_STEP_S: Final = 0.002
_KEPT_BYTES: Final = 512
_LONGEST_SEGMENT: Final = 60_000

GET: Final = b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n"
PAGE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + bytes(900)
BANNER: Final = b"SSH-2.0-OpenSSH_9.6\r\n"

Said = tuple[str, bytes, float]
"""Who speaks (``>`` the client, ``<`` the server), what, and how many seconds after what was before."""


@dataclass(slots=True)
class Traffic:
    """Packets in any order; times in seconds from the start."""

    packets: list[tuple[int, bytes]] = field(default_factory=list)
    _port: int = 40_000

    def packet(self, time_s: float, frame: bytes) -> None:
        """Add a frame."""
        self.packets.append((START_NS + round(time_s * _SECOND_NS), frame))

    def port(self) -> int:
        """Return the next port of a client."""
        self._port = 40_000 + (self._port - 39_999) % 25_000
        return self._port

    def segment(
        self, time_s: float, ends: tuple[str, str], ports: tuple[int, int], flags: int, payload: bytes = b"",
        sequence: int = 1,
    ) -> None:  # fmt: skip
        """Add one TCP segment."""
        self.packet(time_s, _sender(ends).tcp(ports, sequence, int(bool(flags & ACK)), flags, 64_240, b"", payload))

    def syn(self, time_s: float, ends: tuple[str, str], port: int, *, refused: bool = False) -> None:
        """Add a connection that nobody answers, or that is refused."""
        ports = self.port(), port
        self.segment(time_s, ends, ports, SYN, sequence=0)
        if refused:
            self.segment(time_s + _STEP_S, ends[::-1], ports[::-1], RST | ACK)

    def talk(
        self, time_s: float, ends: tuple[str, str], port: int, said: Iterable[Said] = (), *, ending: str = "fin",
        source_port: int | None = None,
    ) -> float:  # fmt: skip
        """Add a TCP connection: handshake, what is said, and ``fin``, ``rst`` (of the client) or ``open``.

        Returns the time of its end.
        """
        out = source_port or self.port(), port
        sides = {">": (ends, out), "<": (ends[::-1], out[::-1])}
        sequence = {">": 1, "<": 1}
        self.segment(time_s, *sides[">"], SYN, sequence=0)
        self.segment(time_s + _STEP_S, *sides["<"], SYN | ACK, sequence=0)
        self.segment(time_s + 2 * _STEP_S, *sides[">"], ACK)
        time_s += 2 * _STEP_S
        for who, what, pause_s in said:
            time_s += pause_s
            for start in range(0, len(what), _LONGEST_SEGMENT):
                piece = what[start : start + _LONGEST_SEGMENT]
                self.segment(time_s, *sides[who], PSH | ACK, piece, sequence[who])
                sequence[who] += len(piece)
                time_s += _STEP_S
        if ending == "rst":
            self.segment(time_s + _STEP_S, *sides[">"], RST | ACK, sequence=sequence[">"])
        elif ending == "fin":
            self.segment(time_s + _STEP_S, *sides[">"], FIN | ACK, sequence=sequence[">"])
            self.segment(time_s + 2 * _STEP_S, *sides["<"], FIN | ACK, sequence=sequence["<"])
            self.segment(time_s + 3 * _STEP_S, *sides[">"], ACK, sequence=sequence[">"] + 1)
        return time_s + 3 * _STEP_S

    def udp(
        self, time_s: float, ends: tuple[str, str], port: int, said: Iterable[Said], *, source_port: int | None = None,
        time_to_live: int = 64,
    ) -> None:  # fmt: skip
        """Add a UDP exchange."""
        out = source_port or self.port(), port
        for who, what, pause_s in said:
            time_s += pause_s
            way, ports = (ends, out) if who == ">" else (ends[::-1], out[::-1])
            self.packet(time_s, _sender(way, time_to_live).udp(ports, what))

    def ping(self, time_s: float, ends: tuple[str, str], said: Iterable[Said], *, identifier: int = 7) -> None:
        """Add ICMP echo requests (``>``) and replies (``<``)."""
        for number, (who, what, pause_s) in enumerate(said):
            time_s += pause_s
            way, kind = (ends, 8) if who == ">" else (ends[::-1], 0)
            self.packet(time_s, _sender(way).icmp(kind, 0, identifier << 16 | number, what))

    def batches(self, folder: Path) -> list[pa.RecordBatch]:
        """Return the flows that the meter makes of the packets."""
        return list(read_flows([self.capture(folder)]))

    def capture(self, folder: Path) -> Path:
        """Return a capture of the packets."""
        path = folder / "crafted.pcap"
        path.write_bytes(b"".join(_file(self.packets)))
        return path

    def alerts(self, folder: Path) -> list[Alert]:
        """Return the alerts that all behaviour detectors raise."""
        return alerts_of(self.batches(folder))


def alerts_of(batches: Iterable[pa.RecordBatch], search: BehaviourSearch | None = None) -> list[Alert]:
    """Return the alerts of all behaviour detectors about flow batches."""
    search = search or BehaviourSearch()
    for batch in batches:
        search.add(batch)
    return list(search.alerts())


def names_of(alerts: Sequence[Alert]) -> set[str]:
    """Return the detectors that raised alerts."""
    return {name for alert in alerts for name in alert.detectors}


def host(number: int, network: str = "10.1") -> str:
    """Return one of many addresses of a network."""
    return f"{network}.{number // 250}.{number % 250 + 2}"


def _sender(ends: tuple[str, str], time_to_live: int = 64) -> Sender:
    return Sender(bytes(12), ip_address(ends[0]).packed, ip_address(ends[1]).packed, time_to_live)


def _file(packets: Iterable[tuple[int, bytes]]) -> Iterable[bytes]:
    yield struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)
    for time_ns, frame in sorted(packets, key=lambda packet: packet[0]):
        seconds, nanoseconds = divmod(time_ns, _SECOND_NS)
        kept = frame[:_KEPT_BYTES]
        yield struct.pack("<IIII", seconds, nanoseconds, len(kept), len(frame)) + kept
