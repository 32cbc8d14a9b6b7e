"""UDP and ICMP floods and reflection: more packets without an answer than any question or stream is made of."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import icmp, to_group, udp, unanswered
from netsift.detectors.behaviour.words import hosts, lasted, volume


@dataclass(frozen=True, slots=True)
class UdpFlood:
    """Floods of UDP or ICMP from one source or many, and answers to questions that were never asked (reflection).

    What it assumes: ordinary UDP is answered, or is a stream of one flow from one source; the victim of a flood answers
    nothing, and of a reflection it never asked. ``sources`` in about 5 s: nobody is sent unasked UDP by so many hosts
    at once, except peer-to-peer programs, which answer some. ``packets_5s`` from one source: a stream without any
    answer that is faster than video. It fails on floods that are answered.
    """

    sources: float = limit(40, "hosts", "fewest sources within about 5 s")
    packets_5s: float = limit(20_000, "packets", "fewest packets within about 5 s")
    gap_s: float = limit(60, "s", "longest time without a suspicious flow within an episode")
    name: str = "udp_flood"
    category: str = "flood"
    technique: str = "T1498.002"
    severity: Severity = Severity.HIGH
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = (
        "destination_sources_5s", "destination_unanswered_5s", "destination_flows_5s", "destination_packets_5s",
    )  # fmt: skip
    facts: tuple[str, ...] = (*context, "src_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return unanswered UDP and ICMP flows to a host that gets too many."""
        lost = (udp(view) | icmp(view)) & unanswered(view)
        mostly = view.number("destination_unanswered_5s") >= 0.9 * view.number("destination_flows_5s")
        many = view.number("destination_sources_5s") >= self.sources / 4
        fast = view.number("destination_packets_5s") >= self.packets_5s / 4
        found = lost & mostly & (many | fast)
        return found & ~to_group(view) if found.any() else found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of packets to the host in 5 s."""
        return view.number("destination_packets_5s")

    def strength(self, episode: Episode) -> float:
        """Return sources or packets ÷ limit, whichever is more."""
        many = episode.fact("destination_sources_5s") / self.sources
        return max(many, episode.fact("destination_packets_5s") / self.packets_5s)

    def reason(self, episode: Episode) -> str:
        """Say who was flooded by how many, with how much."""
        return (
            f"{episode.key[0]} got {episode.packets:,} packets ({volume(episode.bytes)}) that it had not asked for "
            f"from {hosts(episode.sources, 'source')} in {lasted(episode.seconds)} and answered none"
        )
