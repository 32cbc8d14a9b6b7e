"""New service: a server that has been known for days answers on a port where it never did."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, tcp
from netsift.detectors.behaviour.words import lasted


@dataclass(frozen=True, slots=True)
class NewService:
    """A host of the own network begins to answer on a port: a back door, a forgotten installation, or a change.

    What it assumes: what a server offers shows within ``known_s`` (a day). It only speaks after that, and only of hosts
    with ``flows_1h`` flows in the last hour, of which much is known; so never about a short capture. Ports from
    ``ephemeral`` on are left out: they are the far ends of calls. It fails on services that were there before netsift
    was.
    """

    known_s: float = limit(86_400, "s", "how long the host must have been seen")
    flows_1h: float = limit(20, "flows", "fewest flows to the host in the last hour")
    ephemeral: float = limit(32_768, "port", "first port that is no service")
    gap_s: float = limit(3_600, "s", "longest time without a suspicious flow within an episode")
    name: str = "new_service"
    category: str = "other"
    technique: str = "T1543"
    severity: Severity = Severity.LOW
    scale: str = ""
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("destination_age_s", "destination_service_age_s", "destination_flows_1h")
    facts: tuple[str, ...] = ("destination_age_s", "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return answered connections to a service that is new on a host that is not."""
        new = (view.number("destination_service_age_s") == 0) & (view.number("destination_age_s") >= self.known_s)
        new &= view.number("destination_flows_1h") >= self.flows_1h
        found = tcp(view) & new & (view.number("payload_packets_bwd") > 0) & (view.number("dst_port") < self.ephemeral)
        chosen: Rows = found & is_internal(view, "dst_ip") if found.any() else found
        return chosen

    def measure(self, view: FlowView) -> Numbers:
        """Return how long the host has been known."""
        return view.number("destination_age_s")

    def strength(self, episode: Episode) -> float:
        """Return 1: there is nothing to measure."""
        return 1.0 if episode.flows else 0.0

    def reason(self, episode: Episode) -> str:
        """Say which port is new, and for how long it was not there."""
        ports = ", ".join(str(port) for port in sorted(episode.ports)[:5])
        return (
            f"{episode.key[0]} answered on port {ports} for the first time; it has been seen for "
            f"{lasted(episode.fact('destination_age_s'))}"
        )
