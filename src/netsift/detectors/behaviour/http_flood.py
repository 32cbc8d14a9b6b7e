"""Flood of finished connections: one source asks one service far more often than a browser does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import service, tcp
from netsift.detectors.behaviour.words import lasted, number


@dataclass(frozen=True, slots=True)
class HttpFlood:
    """Floods and scanners of web services: new connections with requests, one upon the other.

    What it assumes: browsers keep connections open, and open at most six to a host (HTTP/1.1) or one (HTTP/2); a page
    with many hosts opens some dozens within seconds. ``flows_5s`` new connections from one source to one service within
    about 5 s, or ``flows_1min`` within about a minute. A proxy reaches more, to many destinations, so the rate is per
    destination, and it must be ``focus`` of all that the source opens. It fails on floods inside one connection, on
    those of many slow sources, and takes a proxy before a single web server for one if it keeps no connections.
    """

    flows_5s: float = limit(60, "connections", "fewest new connections of a pair within about 5 s")
    flows_1min: float = limit(240, "connections", "fewest new connections of a pair within about a minute")
    focus: float = limit(0.5, "share", "least share of the source's connections that go to the one host")
    gap_s: float = limit(120, "s", "longest time without a suspicious flow within an episode")
    name: str = "http_flood"
    category: str = "flood"
    technique: str = "T1499.002"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_flows_5s", "pair_flows_1min", "source_flows_1min")
    facts: tuple[str, ...] = ("pair_flows_5s", "pair_flows_1min", "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return web connections that said something, of a pair that opens many."""
        spoken = tcp(view) & (view.number("payload_packets_fwd") > 0)
        web = service(view, "web") | view.among("payload_kind_fwd", ("http", "tls"))
        focused = view.number("pair_flows_1min") >= self.focus * view.number("source_flows_1min")
        return spoken & web & focused & (self.measure(view) >= 0.25)

    def measure(self, view: FlowView) -> Numbers:
        """Return the pair's connections ÷ limit, in 5 s or in a minute, whichever is more."""
        return np.maximum(
            view.number("pair_flows_5s") / self.flows_5s, view.number("pair_flows_1min") / self.flows_1min
        )

    def strength(self, episode: Episode) -> float:
        """Return the peak."""
        return episode.peak

    def reason(self, episode: Episode) -> str:
        """Say who asked whom how often."""
        source, target = episode.key
        fast, slower = number(episode.fact("pair_flows_5s")), number(episode.fact("pair_flows_1min"))
        return (
            f"{source} opened {episode.flows:,} web connections to {target} in {lasted(episode.seconds)}, up to {fast} "
            f"in 5 s and {slower} in a minute; a browser opens fewer than {self.flows_5s:.0f} and {self.flows_1min:.0f}"
        )
