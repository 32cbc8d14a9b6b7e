"""DHCP starvation: more clients ask for an address than a network has."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import udp
from netsift.detectors.behaviour.words import lasted


@dataclass(frozen=True, slots=True)
class DhcpStarvation:
    """Requests for addresses, faster than machines are switched on.

    What it assumes: a client asks two to four times and keeps its address for hours (RFC 2131). ``requests_s`` a second
    over the whole network and ``requests`` of them: so many only come after a power cut, or from one that pretends to
    be many. It fails on slow starvation.
    """

    requests: float = limit(50, "packets", "fewest requests")
    requests_s: float = limit(5, "packets/s", "slowest mean rate of them")
    gap_s: float = limit(5, "s", "longest time without a suspicious flow within an episode")
    name: str = "dhcp_starvation"
    category: str = "flood"
    technique: str = "T1499.003"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.NETWORK
    context: tuple[str, ...] = ("destination_service_packets_5s",)
    facts: tuple[str, ...] = ("destination_service_packets_5s",)

    def suspects(self, view: FlowView) -> Rows:
        """Return requests to DHCP servers."""
        found: Rows = udp(view) & ((view.number("dst_port") == 67) | (view.number("dst_port") == 547))
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of requests to the server in 5 s."""
        return view.number("destination_service_packets_5s")

    def strength(self, episode: Episode) -> float:
        """Return requests ÷ limit, or their rate ÷ limit, whichever is less."""
        rate_s = episode.packets / max(episode.seconds, 1.0)
        return min(episode.packets / self.requests, rate_s / self.requests_s)

    def reason(self, episode: Episode) -> str:
        """Say how many asked."""
        return (
            f"{len(episode.sources):,} clients asked {len(episode.targets):,} DHCP servers {episode.packets:,} times "
            f"for an address in {lasted(episode.seconds)}"
        )
