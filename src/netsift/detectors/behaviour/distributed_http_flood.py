"""Distributed HTTP flood: several sources at once ask a service far more often than its visitors did before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import service, tcp
from netsift.detectors.behaviour.words import hosts, lasted, number


@dataclass(frozen=True, slots=True)
class DistributedHttpFlood:
    """Requests by slow bots together, each below what would stand out alone, against the service's own past.

    What it assumes: a crowd of visitors brings many sources with a few connections each; bots are few and each comes
    again and again. ``per_source`` connections of one source to the host within about a minute, while the service is
    asked ``times_past`` as often as in the hour before; ``sources`` that do so and ``connections`` of theirs. A service
    that was first seen less than ``known_s`` ago has no past to compare with. It fails on bots that keep their
    connections open, and on those as many as the visitors.
    """

    connections: float = limit(60, "connections", "fewest connections of all these sources")
    sources: float = limit(3, "hosts", "fewest sources")
    per_source: float = limit(8, "connections", "fewest of a source within about a minute")
    times_past: float = limit(5, "ratio", "least connections in about a minute ÷ the mean of the minutes before")
    known_s: float = limit(600, "s", "shortest past of the service")
    gap_s: float = limit(120, "s", "longest time without a suspicious flow within an episode")
    name: str = "distributed_http_flood"
    category: str = "flood"
    technique: str = "T1499.002"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = (
        "pair_flows_1min", "destination_service_flows_1min", "destination_service_flows_1h",
        "destination_service_age_s",
    )  # fmt: skip
    facts: tuple[str, ...] = (*context, "dst_port")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.connections > 1

    def suspects(self, view: FlowView) -> Rows:
        """Return web connections of sources that come again and again, while the service is asked more than ever."""
        often = view.number("pair_flows_1min") >= self.per_source
        known = view.number("destination_service_age_s") >= self.known_s
        found = often & known & (self.measure(view) >= self.times_past)
        if not found.any():
            return found
        spoken = tcp(view) & (view.number("payload_packets_fwd") > 0)
        return found & spoken & (service(view, "web") | view.among("payload_kind_fwd", ("http", "tls")))

    def measure(self, view: FlowView) -> Numbers:
        """Return the connections to the service in about a minute ÷ the mean of the minutes of its past hour."""
        minutes = np.clip(view.number("destination_service_age_s") / 60, 1, 60)
        return view.number("destination_service_flows_1min") / (
            view.number("destination_service_flows_1h") / minutes + 1
        )

    def strength(self, episode: Episode) -> float:
        """Return connections ÷ limit, or sources ÷ limit if that is less."""
        return min(episode.flows / self.connections, len(episode.sources) / self.sources)

    def reason(self, episode: Episode) -> str:
        """Say how many asked whom how often, and how often others did before."""
        return (
            f"{hosts(episode.sources, 'source')} opened {episode.flows:,} web connections to {episode.key[0]} in "
            f"{lasted(episode.seconds)}, each {self.per_source:.0f} or more a minute; the service is asked "
            f"{number(episode.peak)} times as often as in the hour before"
        )
