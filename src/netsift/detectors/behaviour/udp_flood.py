"""UDP and ICMP floods and reflection: more packets without an answer than any question or stream is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import (
    icmp,
    is_answer,
    is_echo_request,
    is_internal,
    is_internal_address,
    packets_in_5s,
    to_group,
    udp,
    unanswered,
)
from netsift.detectors.behaviour.words import hosts, lasted, volume

_LEAST_PACKETS_5S = 25
"""Flows below five packets a second count only where many sources send them."""
_LEAST_PAYLOAD_BYTES = 20
"""A lone datagram with less is a probe."""


@dataclass(frozen=True, slots=True)
class UdpFlood:
    """Floods of UDP or ICMP from one source or many, and answers to questions that were never asked (reflection).

    What it assumes: ordinary UDP is answered, or is a stream from one host of the network to another; the victim of a
    flood answers nothing, and of a reflection it never asked. ``sources`` in about 5 s: nobody is sent unasked UDP by
    so many hosts at once, except peer-to-peer programs, which answer some. ``packets_5s``: a stream without any answer
    that is faster than video inside. From outside nothing streams unasked, so ``outside_packets_5s`` are enough;
    answers that nobody asked for come from ``reflectors`` or more, ``answers_5s`` of them in 5 s. Echo is answered in a
    flood as well: people ping once a second, so ``echo_5s``. It fails on floods of UDP that are answered.
    """

    sources: float = limit(40, "hosts", "fewest sources within about 5 s")
    packets_5s: float = limit(20_000, "packets", "fewest packets in 5 s from inside")
    outside_packets_5s: float = limit(500, "packets", "fewest packets in 5 s from outside")
    reflectors: float = limit(3, "hosts", "fewest sources of answers that nobody asked for")
    answers_5s: float = limit(100, "packets", "fewest such answers in 5 s")
    echo_5s: float = limit(250, "packets", "fewest echo requests in 5 s")
    gap_s: float = limit(60, "s", "longest time without a suspicious flow within an episode")
    name: str = "udp_flood"
    category: str = "flood"
    technique: str = "T1498.002"
    severity: Severity = Severity.HIGH
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("destination_sources_5s", "destination_unanswered_5s", "destination_flows_5s")
    facts: tuple[str, ...] = (*context, "src_port", "protocol", "icmp_type", "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return unanswered UDP and ICMP flows to a host that gets too many, fast ones, and fast echo."""
        either = udp(view) | icmp(view)
        if not either.any():
            return either
        lost = either & unanswered(view)
        mostly = view.number("destination_unanswered_5s") >= 0.9 * view.number("destination_flows_5s")
        many = mostly & (view.number("destination_sources_5s") >= self.sources / 4)
        fast = packets_in_5s(view) >= _LEAST_PACKETS_5S
        outside = ~is_internal(view, "src_ip") & is_internal(view, "dst_ip")
        filled = outside & udp(view) & (view.number("payload_fwd_mean") >= _LEAST_PAYLOAD_BYTES)
        found = (lost & (many | fast | filled | is_answer(view))) | (is_echo_request(view) & fast)
        return found & ~to_group(view) if found.any() else found

    def measure(self, view: FlowView) -> Numbers:
        """Return sources ÷ limit, or the flow's packets in 5 s ÷ limit, whichever is more."""
        many = view.number("destination_sources_5s") / self.sources
        mostly = view.number("destination_unanswered_5s") >= 0.9 * view.number("destination_flows_5s")
        outside = ~is_internal(view, "src_ip") & is_internal(view, "dst_ip")
        most = np.where(outside, self.outside_packets_5s, self.packets_5s)
        most = np.where(is_echo_request(view), self.echo_5s, most)
        return np.maximum(np.where(mostly, many, 0), packets_in_5s(view) / most)

    def strength(self, episode: Episode) -> float:
        """Return the peak, or the packets of all sources in 5 s ÷ limit, whichever is more."""
        rate_5s = 5 * episode.packets / max(episode.seconds, 5.0)
        return max(episode.peak, rate_5s / self._limit_5s(episode))

    def _limit_5s(self, episode: Episode) -> float:
        if episode.fact("icmp_type") in (8, 128):
            return 2 * self.echo_5s  # requests and their answers
        if episode.fact("src_port") < 1_024 <= episode.fact("dst_port") and len(episode.sources) >= self.reflectors:
            return self.answers_5s
        inside = any(map(is_internal_address, episode.sources))
        return self.packets_5s if inside or not is_internal_address(episode.key[0]) else self.outside_packets_5s

    def reason(self, episode: Episode) -> str:
        """Say who was flooded by how many, with how much."""
        return (
            f"{episode.key[0]} got {episode.packets:,} packets ({volume(episode.bytes)}) that it had not asked for "
            f"from {hosts(episode.sources, 'source')} in {lasted(episode.seconds)}"
        )
