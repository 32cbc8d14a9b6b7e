"""Flood of finished connections: one source asks one service far more often than a browser does."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import service, tcp
from netsift.detectors.behaviour.words import lasted, number


@dataclass(frozen=True, slots=True)
class HttpFlood:
    """Floods and scanners of web services: new connections with requests, one upon the other.

    What it assumes: browsers keep connections open, and open at most six to a host (HTTP/1.1) or one (HTTP/2); a page
    with many hosts opens some dozens within seconds. ``flows_5s`` new connections from one source to one service within
    about 5 s. A proxy reaches more, to many destinations, so the rate is per destination. It fails on floods inside
    one connection and on those of many slow sources.
    """

    flows_5s: float = limit(60, "connections", "fewest new connections of a pair within about 5 s")
    gap_s: float = limit(120, "s", "longest time without a suspicious flow within an episode")
    name: str = "http_flood"
    category: str = "flood"
    technique: str = "T1499.002"
    severity: Severity = Severity.MEDIUM
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_flows_5s", "pair_failed_5s", "pair_ports_5s")
    facts: tuple[str, ...] = ("pair_flows_5s", "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return web connections that said something, of a pair that opens many."""
        spoken = tcp(view) & (view.number("payload_packets_fwd") > 0)
        web = service(view, "web") | view.among("payload_kind_fwd", ("http", "tls"))
        return spoken & web & (view.number("pair_flows_5s") >= self.flows_5s / 4)

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of the pair's connections in 5 s."""
        return view.number("pair_flows_5s")

    def strength(self, episode: Episode) -> float:
        """Return connections ÷ limit."""
        return episode.fact("pair_flows_5s") / self.flows_5s

    def reason(self, episode: Episode) -> str:
        """Say who asked whom how often."""
        source, target = episode.key
        return (
            f"{source} opened {episode.flows:,} web connections to {target} in {lasted(episode.seconds)}, up to "
            f"{number(episode.fact('pair_flows_5s'))} in 5 s; a browser opens fewer than {self.flows_5s:.0f}"
        )
