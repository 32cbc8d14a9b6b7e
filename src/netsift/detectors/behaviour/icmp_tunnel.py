"""ICMP tunnel: echo messages that carry something."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import icmp
from netsift.detectors.behaviour.words import lasted, number, volume


@dataclass(frozen=True, slots=True)
class IcmpTunnel:
    """Tunnels and commands in ICMP echo, by the sizes of the messages.

    What it assumes: ping sends the same small message over and over (32 to 56 bytes of data by default) and gets the
    same back. A tunnel's messages are larger than ``payload_bytes`` or of many sizes, and an answer that is not an echo
    of its question has another size; ``packets`` of them, because a path may damage or cut some. It fails on tunnels
    that keep to the size of ping.
    """

    payload_bytes: float = limit(200, "bytes", "mean payload of large messages")
    packets: float = limit(6, "messages", "fewest messages")
    gap_s: float = limit(600, "s", "longest time without a suspicious flow within an episode")
    name: str = "icmp_tunnel"
    category: str = "tunnel"
    technique: str = "T1095"
    severity: Severity = Severity.HIGH
    scale: str = "packets"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_bytes_fwd_1h",)
    facts: tuple[str, ...] = ("payload_fwd_mean", "payload_fwd_std", "payload_bwd_mean", "payload_bwd_std")

    def suspects(self, view: FlowView) -> Rows:
        """Return echo flows whose messages are large or unlike each other."""
        echo = icmp(view) & ((view.number("icmp_type") % 120) == 8)
        varied = (view.number("payload_fwd_std") > 8) | (view.number("payload_bwd_std") > 8)
        unequal = abs(view.number("payload_fwd_mean") - view.number("payload_bwd_mean")) > 16
        large = view.number("payload_mean") >= self.payload_bytes
        several = view.number("packets") >= 2
        found: Rows = echo & several & ((large & (varied | unequal)) | (varied & unequal))
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the forward bytes of the pair in an hour."""
        return view.number("pair_bytes_fwd_1h")

    def strength(self, episode: Episode) -> float:
        """Return packets ÷ limit."""
        return episode.packets / self.packets

    def reason(self, episode: Episode) -> str:
        """Say how much the messages carried."""
        source, target = episode.key
        return (
            f"{source} and {target} exchanged {episode.packets:,} ICMP echo messages with {volume(episode.bytes)} in "
            f"{lasted(episode.seconds)}, of {number(episode.fact('payload_fwd_mean'))} ± "
            f"{number(episode.fact('payload_fwd_std'))} bytes of data; ping sends 32 to 56, always the same"
        )
