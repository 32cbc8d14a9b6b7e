"""What several attacks share: who attacks whom, and the errors that victims send back."""

from __future__ import annotations

from typing import Final

from netsift.simulate.conversation import Conversation, Message, Stage
from netsift.simulate.network import Host, stranger

_MILLISECOND: Final = 1_000_000


def pick_attacker(stage: Stage, internal_share: float) -> Host:
    """A workstation of the site or a stranger."""
    return stage.draws.pick(stage.network.clients) if stage.draws.chance(internal_share) else stranger(stage.draws)


def pick_victim(stage: Stage, attacker: Host) -> Host:
    """A host of the site, servers more often; never the attacker."""
    network = stage.network
    pool = list(network.servers.values()) * 2 + network.clients + network.printers
    return stage.draws.pick([host for host in pool if host is not attacker])


def unreachable(stage: Stage, time: int, victim: Host, scanner: Host, offsets: list[int], port: int) -> Conversation:
    """Port unreachable errors as one ICMP conversation; each quotes the datagram's header (RFC 792)."""
    quoted = (
        b"\x45\x00\x00\x1c"
        + bytes(4)
        + b"\x40\x11\0\0"
        + scanner.ipv4
        + victim.ipv4
        + port.to_bytes(2, "big") * 2
        + b"\0\x08\0\0"
    )
    return stage.icmp(time, victim, scanner, [Message(offset, True, 3, 3, 0, quoted) for offset in offsets])
