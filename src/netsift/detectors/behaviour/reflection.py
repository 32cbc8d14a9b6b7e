"""Reflection: answers of well-known UDP services that nobody asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import to_group, udp, unanswered
from netsift.detectors.behaviour.words import hosts, lasted, volume

AMPLIFIERS: Final = (17, 19, 53, 69, 111, 123, 137, 161, 177, 389, 427, 520, 1900, 3283, 3702, 5353, 5683, 10001, 11211)
"""Source ports of services that answer with more than they are asked (US-CERT alert TA14-017A and its additions)."""


@dataclass(frozen=True, slots=True)
class Reflection:
    """Amplified answers from servers that were asked in the name of their victim.

    What it assumes: an answer has a question, so a flow from a well-known UDP port without anything backward is rare
    where both directions are seen. ``packets`` of at least ``length`` bytes in the mean from at least ``sources``
    servers without a pause of ``gap_s``: a few late answers are normal, after their flow has ended, and a host of which
    less than the share ``unanswered`` is lost has asked. It fails on captures of one direction, where everything looks
    unasked, and on reflectors with other ports, which the UDP flood detector counts.
    """

    packets: float = limit(60, "packets", "fewest unasked packets")
    sources: float = limit(3, "hosts", "fewest servers that they come from")
    length: float = limit(150, "bytes", "least mean IP length of the packets")
    unanswered: float = limit(0.8, "share", "least share of the host's flows within about 1 min without an answer")
    gap_s: float = limit(30, "s", "longest time without such a flow within an episode")
    name: str = "reflection"
    category: str = "flood"
    technique: str = "T1498.002"
    severity: Severity = Severity.HIGH
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("destination_unanswered_1min", "destination_flows_1min", "destination_packets_5s")
    facts: tuple[str, ...] = (*context, "src_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return unanswered flows from the ports of amplifiers to a host whose flows are mostly without answer."""
        found = udp(view) & unanswered(view) & np.isin(view.number("src_port"), AMPLIFIERS)
        found &= view.number("dst_port") != view.number("src_port")
        lost = view.number("destination_unanswered_1min") >= self.unanswered * view.number("destination_flows_1min")
        found &= lost & (view.number("length_mean") >= self.length)
        return found & ~to_group(view) if found.any() else found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of packets to the host in 5 s."""
        return view.number("destination_packets_5s")

    def strength(self, episode: Episode) -> float:
        """Return packets ÷ limit, or sources ÷ limit if that is less."""
        return min(episode.packets / self.packets, len(episode.sources) / self.sources)

    def reason(self, episode: Episode) -> str:
        """Say who got how much from whom."""
        return (
            f"{episode.key[0]} got {episode.packets:,} answers ({volume(episode.bytes)}) that it had not asked for "
            f"from UDP port {episode.fact('src_port'):.0f} of {hosts(episode.sources, 'server')} in "
            f"{lasted(episode.seconds)}"
        )
