"""Clear-text login from outside: a password travels readable over the Internet."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, tcp, to_service
from netsift.detectors.behaviour.words import at_port, hosts, lasted


@dataclass(frozen=True, slots=True)
class ClearTextLogin:
    """Sessions of telnet from the outside to a host of the own network, and FTP logins likewise.

    What it assumes: who lets telnet or FTP in from the Internet does not mean to. A session is a connection in which
    both sides spoke at least ``packets`` times; scanners that only look at the banner stay below. It fails on other
    ports.
    """

    packets: float = limit(8, "packets", "fewest packets with payload of each side")
    gap_s: float = limit(3_600, "s", "longest time without a suspicious flow within an episode")
    name: str = "clear_text_login"
    category: str = "other"
    technique: str = "T1133"
    severity: Severity = Severity.MEDIUM
    scale: str = "packets"
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("pair_flows_1h",)
    facts: tuple[str, ...] = ("dst_port", "payload_packets_bwd")

    def suspects(self, view: FlowView) -> Rows:
        """Return sessions of clear-text logins that come from outside."""
        spoken = (view.number("payload_packets_bwd") >= self.packets) & (
            view.number("payload_packets_fwd") >= self.packets
        )
        found = tcp(view) & (to_service(view, "telnet") | (view.number("dst_port") == 21)) & spoken
        chosen: Rows = found & is_internal(view, "dst_ip") & ~is_internal(view, "src_ip") if found.any() else found
        return chosen

    def measure(self, view: FlowView) -> Numbers:
        """Return the answers."""
        return view.number("payload_packets_bwd")

    def strength(self, episode: Episode) -> float:
        """Return answers ÷ limit."""
        return episode.fact("payload_packets_bwd") / self.packets

    def reason(self, episode: Episode) -> str:
        """Say who logs in where."""
        return (
            f"{hosts(episode.sources, 'source')} from outside had {episode.flows:,} clear-text sessions with "
            f"{episode.key[0]}{at_port(episode.fact('dst_port'))} in {lasted(episode.seconds)}"
        )
