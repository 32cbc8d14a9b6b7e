"""Made-up ARP traffic of one network, packet by packet; hosts are numbers, and so are their last octets."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from netsift.detectors.arp.base import NO_VLAN, REPLY, REQUEST, ArpDetector, ArpEpisode, ArpPacket
from tests.flows.writing import pcap
from tests.naive import Record

START_NS = 1_700_000_000 * 10**9
NETWORK = 0x0A000000


def address(number: int) -> int:
    """Return 10.0.0.``number``, and beyond 255 what follows."""
    return NETWORK + number


def hardware(number: int) -> int:
    """Return the hardware address of a host."""
    return 0x02AA00000000 + number


@dataclass
class Segment:
    """The ARP packets of a network, in any order; times in seconds."""

    vlan_id: int = NO_VLAN
    packets: list[ArpPacket] = field(default_factory=list)

    def ask(self, at_s: float, host: int, wanted: int, *, claiming: int | None = None) -> None:
        """Let a host ask for an address, in its own name, or in that of an address, 0 for none."""
        sender = address(host) if claiming is None else address(claiming) if claiming else 0
        self._add(at_s, REQUEST, hardware(host), sender, 0, address(wanted))

    def reply(self, at_s: float, host: int, claimed: int, to: int, *, sender: int | None = None) -> None:
        """Let a host, or a hardware address, tell another that it has an address."""
        self._add(at_s, REPLY, hardware(host) if sender is None else sender, address(claimed), hardware(to),
                  address(to))  # fmt: skip

    def exchange(self, at_s: float, host: int, wanted: int) -> None:
        """Let a host ask for another, which answers at once."""
        self.ask(at_s, host, wanted)
        self.reply(at_s + 0.001, wanted, wanted, host)

    def announce(self, at_s: float, host: int, claimed: int, *, reply: bool = False) -> None:
        """Let a host tell everybody that it has an address (RFC 5227)."""
        self._add(at_s, REPLY if reply else REQUEST, hardware(host), address(claimed), 0, address(claimed))

    def ordered(self) -> list[ArpPacket]:
        """Return the packets in the order of time."""
        return sorted(self.packets, key=lambda packet: packet.time_ns)

    def _add(self, at_s: float, operation: int, sender: int, claimed: int, target: int, wanted: int) -> None:
        time_ns = START_NS + round(at_s * 1e9)
        self.packets.append(ArpPacket(time_ns, sender, target, claimed, wanted, operation, self.vlan_id))


def frame(packet: ArpPacket) -> bytes:
    """Return the Ethernet frame of a packet."""
    sender, target = packet.sender_hardware.to_bytes(6, "big"), packet.target_hardware.to_bytes(6, "big")
    tag = b"" if packet.vlan_id == NO_VLAN else struct.pack(">HH", 0x8100, packet.vlan_id)
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, packet.operation) + sender
    body += struct.pack(">I", packet.sender_address) + target + struct.pack(">I", packet.target_address)
    return (target if packet.operation == REPLY else b"\xff" * 6) + sender + tag + b"\x08\x06" + body


def capture_of(packets: Iterable[ArpPacket], path: Path) -> Path:
    """Write packets to a capture and return its path."""
    frames = [(packet.time_ns, frame(packet)) for packet in packets]
    path.write_bytes(pcap([Record(time_ns, 1, len(data), data) for time_ns, data in frames]))
    return path


def found(detector: ArpDetector, segment: Segment) -> list[ArpEpisode]:
    """Return what a detector that has seen nothing makes of a network that is alerts."""
    detector.add(segment.ordered())
    return [episode for episode in detector.episodes() if episode.strength >= 1]


def in_vlan(segment: Segment, vlan_id: int) -> Segment:
    """Return the same traffic within a VLAN."""
    return Segment(vlan_id, [replace_vlan(packet, vlan_id) for packet in segment.packets])


def replace_vlan(packet: ArpPacket, vlan_id: int) -> ArpPacket:
    """Return a packet within a VLAN."""
    return packet._replace(vlan_id=vlan_id)


def together(*segments: Segment) -> Segment:
    """Return one network with the traffic of all."""
    return replace(segments[0], packets=[packet for segment in segments for packet in segment.packets])
