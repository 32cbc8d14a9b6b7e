"""SYN flood: connections that nobody finishes, faster than people or programs open them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp, unanswered
from netsift.detectors.behaviour.words import hosts, lasted, number

_FEW_PORTS = 0.2
"""Ports ÷ flows of a flood at most; a scan asks a new port each time."""


@dataclass(frozen=True, slots=True)
class SynFlood:
    """SYN floods, and floods of other TCP segments that belong to no connection, forged sources included.

    What it assumes: a flood's segments carry nothing and nobody goes on with the connection, answered or not.
    ``flows_5s`` such flows to one host within about 5 s: a busy server that fails loses less, because clients wait a
    second before they try again (RFC 6298). A scan reaches that rate too, over many ports from one source; so either
    there are ``sources``, or few ports. ``flows_slow`` in ten minutes from one source to one port, each a single
    segment: so reflectors are asked in the name of their victim. It fails on floods over finished connections (see HTTP
    flood).
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
        "destination_unanswered_5s", "destination_flows_5s", "destination_sources_5s", "destination_ports_5s",
        "pair_unanswered_10min", "pair_ports_10min", "pair_flows_10min",
    )  # fmt: skip
    facts: tuple[str, ...] = context

    def suspects(self, view: FlowView) -> Rows:
        """Return TCP flows that never carried anything, to a host that gets many of them."""
        empty = tcp(view) & (view.number("payload_packets") == 0)
        lost = empty & (view.number("packets_fwd") <= 2) & (view.number("packets_bwd") <= 1) & unanswered(view)
        spread = (view.number("destination_sources_5s") >= self.sources) | (
            view.number("destination_ports_5s") <= _FEW_PORTS * view.number("destination_flows_5s")
        )
        fast = (view.number("destination_flows_5s") >= self.flows_5s / 4) & spread
        # The stack of a real client asks again from the same port, so its lost connections have several packets.
        slow = (view.number("pair_unanswered_10min") >= self.flows_slow / 4) & (view.number("packets_fwd") == 1)
        slow &= view.number("pair_ports_10min") <= 0.1 * view.number("pair_flows_10min")
        found: Rows = (lost & (fast | slow)) | (empty & self._left_open(view) & fast)
        return found

    def _left_open(self, view: FlowView) -> Rows:
        """Return connections that were accepted, and the client's side neither finished nor refused the handshake."""
        syn, rst = view.number("syn_packets_fwd"), view.number("rst_packets_fwd")
        left: Rows = (syn >= 1) & (view.number("packets_fwd") == syn + rst) & (view.number("packets_bwd") >= 1)
        return left & view.among("conn_state", ("S1", "RSTO", "RSTR", "OTH"))

    def measure(self, view: FlowView) -> Numbers:
        """Return unanswered flows ÷ limit, of the host in 5 s or of the pair in ten minutes."""
        fast = view.number("destination_unanswered_5s") / self.flows_5s
        return np.maximum(fast, view.number("pair_unanswered_10min") / self.flows_slow)

    def strength(self, episode: Episode) -> float:
        """Return the peak, or all such flows in 5 s ÷ limit, whichever is more; 0 for few flows."""
        if episode.flows < self.flows_slow / 2:
            return 0.0
        return max(episode.peak, 5 * episode.flows / max(episode.seconds, 5.0) / self.flows_5s)

    def reason(self, episode: Episode) -> str:
        """Say who was flooded by how many, and how fast."""
        return (
            f"{episode.key[0]} got {episode.flows:,} TCP segments that no connection followed from "
            f"{hosts(episode.sources, 'source')} in {lasted(episode.seconds)}, up to "
            f"{number(episode.fact('destination_unanswered_5s'))} in 5 s"
        )
