"""UDP and ICMP floods and reflection: more packets without an answer than any question or stream is made of."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import (
    is_echo_request,
    is_internal,
    is_internal_address,
    packets_in_5s,
    tcp,
    to_group,
    udp,
    unanswered,
)
from netsift.detectors.behaviour.words import hosts, lasted, volume

_LEAST_PACKETS_5S = 25
"""Flows below five packets a second count only where many sources send them."""
_MANY_PORTS = 20
_LEAST_BYTES = 44
"""Packets with less in the mean are probes."""
_REFLECTING = frozenset({17, 19, 53, 69, 111, 123, 137, 161, 389, 427, 520, 1900, 3283, 3702, 5093, 5353, 11211, 37810})
"""Ports of services that are known to amplify (CISA alert TA14-017A)."""


@dataclass(frozen=True, slots=True)
class UdpFlood:
    """Floods of UDP or ICMP from one source or many, and answers to questions that were never asked (reflection).

    What it assumes: ordinary UDP is answered, or is a stream from one host of the network to another; the victim of a
    flood answers nothing, and of a reflection it never asked. ``sources`` in about 5 s: nobody is sent unasked UDP by
    so many hosts at once, not even a peer-to-peer program. ``packets_5s``: a stream without any answer that is faster
    than video inside; to the outside, where calls and films are answered now and then, ``outward_packets_5s``. From
    outside nothing streams unasked, so ``outside_packets_5s`` are enough, and to ever other ports ``scattered_5s``;
    answers that nobody asked for come from ``reflectors`` or more, ``answers_5s`` of them in 5 s. Echo is answered in a
    flood as well: people ping once a second, so ``echo_5s``. It fails on floods of UDP that are answered.
    """

    sources: float = limit(40, "hosts", "fewest sources within about 5 s")
    packets_5s: float = limit(20_000, "packets", "fewest packets in 5 s from inside")
    outward_packets_5s: float = limit(2_500, "packets", "fewest packets in 5 s from inside to outside")
    outside_packets_5s: float = limit(500, "packets", "fewest packets in 5 s from outside")
    reflectors: float = limit(3, "hosts", "fewest sources of answers that nobody asked for")
    answers_5s: float = limit(100, "packets", "fewest such answers in 5 s")
    echo_5s: float = limit(250, "packets", "fewest echo requests in 5 s")
    scattered_5s: float = limit(100, "packets", "fewest packets in 5 s from outside to ever other ports")
    gap_s: float = limit(60, "s", "longest time without a suspicious flow within an episode")
    name: str = "udp_flood"
    category: str = "flood"
    technique: str = "T1498.002"
    severity: Severity = Severity.HIGH
    scale: str = ""
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("destination_flows_1min",)
    facts: tuple[str, ...] = ("src_port", "icmp_type", "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return unanswered flows other than TCP that are fast, or from outside, and fast echo."""
        either = ~tcp(view)
        if not either.any():
            return either
        fast = packets_in_5s(view) >= _LEAST_PACKETS_5S
        outside = udp(view) & ~is_internal(view, "src_ip")
        found = (either & unanswered(view) & (fast | outside)) | (is_echo_request(view) & fast)
        return found & ~to_group(view) if found.any() else found

    def measure(self, view: FlowView) -> Numbers:
        """Return the flow's packets in 5 s."""
        return packets_in_5s(view)

    def strength(self, episode: Episode) -> float:
        """Return sources in 5 s ÷ limit, or packets in 5 s ÷ limit, whichever is more."""
        periods = max(episode.seconds, 5.0) / 5
        packets_5s = max(episode.packets / periods, episode.peak)
        full = episode.bytes >= _LEAST_BYTES * episode.packets
        many = len(episode.sources) / periods / self.sources
        return max(many, packets_5s / self._limit_5s(episode) if full else 0.0)

    def _limit_5s(self, episode: Episode) -> float:
        if episode.fact("icmp_type") in (8, 128):
            return 2 * self.echo_5s  # requests and their answers
        port = episode.fact("src_port")
        if port in _REFLECTING and port != episode.fact("dst_port") and len(episode.sources) >= self.reflectors:
            return self.answers_5s
        outside = sum(not is_internal_address(source) for source in episode.sources)
        from_outside = 2 * outside > len(episode.sources) and is_internal_address(episode.key[0])
        scattered = len(episode.ports) >= _MANY_PORTS and episode.packets <= 2 * episode.flows
        if from_outside:
            return self.scattered_5s if scattered else self.outside_packets_5s
        return self.packets_5s if is_internal_address(episode.key[0]) else self.outward_packets_5s

    def reason(self, episode: Episode) -> str:
        """Say who was flooded by how many, with how much."""
        return (
            f"{episode.key[0]} got {episode.packets:,} packets ({volume(episode.bytes)}) that it had not asked for "
            f"from {hosts(episode.sources, 'source')} in {lasted(episode.seconds)}"
        )
