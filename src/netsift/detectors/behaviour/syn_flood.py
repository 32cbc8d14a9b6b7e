"""SYN flood: connections that nobody finishes, faster than people or programs open them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp, unanswered
from netsift.detectors.behaviour.words import hosts, lasted, number


@dataclass(frozen=True, slots=True)
class SynFlood:
    """SYN floods, and floods of other TCP segments that belong to no connection, forged sources included.

    What it assumes: a flood's segments carry nothing and nobody goes on with the connection. ``flows_5s`` such flows to
    one host within about 5 s: a busy server that fails loses less, because clients wait a second before they try again
    (RFC 6298). A scan reaches that rate too, over many ports from one source; so either there are ``sources``, or few
    ports. ``flows_slow`` in ten minutes from one source to one port, each a single segment: so reflectors are asked in
    the name of their victim. It fails on floods over finished connections (see HTTP flood).
    """

    flows_5s: float = limit(100, "flows", "fewest unanswered flows to a host within about 5 s")
    flows_slow: float = limit(60, "flows", "fewest of one source to one port within about 10 min")
    sources: float = limit(20, "hosts", "from so many sources on it is no scan")
    gap_s: float = limit(60, "s", "longest time without a suspicious flow within an episode")
    name: str = "syn_flood"
    category: str = "flood"
    technique: str = "T1498.001"
    severity: Severity = Severity.HIGH
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = (
        "destination_unanswered_5s", "destination_failed_5s", "destination_flows_5s", "destination_sources_5s",
        "destination_ports_5s", "pair_unanswered_10min", "pair_ports_10min", "pair_flows_10min",
    )  # fmt: skip
    facts: tuple[str, ...] = context

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.flows_slow > 2

    def suspects(self, view: FlowView) -> Rows:
        """Return TCP flows without payload and answer, to a host that gets many of them."""
        lost = tcp(view) & (view.number("payload_packets") == 0) & (view.number("packets_fwd") <= 2)
        # A server that is flooded answers, and again when no acknowledgement comes.
        lost &= unanswered(view) | (view.number("packets_fwd") == view.number("syn_packets_fwd"))
        spread = (view.number("destination_sources_5s") >= self.sources) | (
            view.number("destination_ports_5s") <= 0.2 * view.number("destination_flows_5s")
        )
        fast = (self._lost(view) >= self.flows_5s / 4) & spread
        # The stack of a real client asks again from the same port, so its lost connections have several packets.
        slow = (view.number("pair_unanswered_10min") >= self.flows_slow / 4) & (view.number("packets_fwd") == 1)
        slow &= view.number("pair_ports_10min") <= 0.1 * view.number("pair_flows_10min")
        found: Rows = lost & (fast | slow)
        return found

    def _lost(self, view: FlowView) -> Numbers:
        lost: Numbers = np.maximum(view.number("destination_unanswered_5s"), view.number("destination_failed_5s"))
        return lost

    def measure(self, view: FlowView) -> Numbers:
        """Return unanswered flows ÷ limit, of the host in 5 s or of the pair in ten minutes."""
        fast = self._lost(view) / self.flows_5s
        measure: Numbers = np.maximum(fast, view.number("pair_unanswered_10min") / self.flows_slow)
        return measure

    def strength(self, episode: Episode) -> float:
        """Return the peak, 0 for few flows."""
        return episode.peak if episode.flows >= self.flows_slow / 2 else 0.0

    def reason(self, episode: Episode) -> str:
        """Say who was flooded by how many, and how fast."""
        return (
            f"{episode.key[0]} got {episode.flows:,} TCP segments that no connection followed from "
            f"{hosts(episode.sources, 'source')} in {lasted(episode.seconds)}, up to "
            f"{number(max(episode.fact('destination_unanswered_5s'), episode.fact('destination_failed_5s')))} in 5 s"
        )
