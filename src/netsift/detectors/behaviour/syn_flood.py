"""SYN flood: connections that nobody finishes, faster than people or programs open them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp, unanswered
from netsift.detectors.behaviour.words import hosts, lasted, number

_LEFT_OPEN = ("S1", "RSTO", "RSTR", "OTH")
_FEW_PORTS = 0.2
"""Ports ÷ flows of a flood at most; a scan asks a new port each time."""


@dataclass(frozen=True, slots=True)
class SynFlood:
    """SYN floods, and floods of other TCP segments that belong to no connection, forged sources included.

    What it assumes: a flood's segments carry nothing and nobody goes on with the connection, answered or not.
    ``flows_5s`` such flows to one host in 5 s, in the mean of an episode: a busy server that fails loses less, because
    clients wait a second before they try again (RFC 6298). A scan reaches that rate too, over many ports from one
    source; so either there are ``sources``, or few ports. ``flows_slow`` in ten minutes from one source to one port,
    each a single segment: so reflectors are asked in the name of their victim. Episodes end after ``gap_s``, so that
    what lies around a flood does not dilute it. It fails on floods over finished connections (see HTTP flood).
    """

    flows_5s: float = limit(100, "flows", "fewest unfinished flows to a host in 5 s")
    flows_slow: float = limit(60, "flows", "fewest of one source to one port within about 10 min")
    sources: float = limit(20, "hosts", "from so many sources on it is no scan")
    gap_s: float = limit(20, "s", "longest time without a suspicious flow within an episode")
    name: str = "syn_flood"
    category: str = "flood"
    technique: str = "T1498.001"
    severity: Severity = Severity.HIGH
    scale: str = ""
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("pair_unanswered_10min", "pair_ports_10min", "pair_flows_10min")
    facts: tuple[str, ...] = context

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.flows_slow > 2

    def suspects(self, view: FlowView) -> Rows:
        """Return TCP flows that never carried anything and that nobody went on with."""
        syn, rst = view.number("syn_packets_fwd"), view.number("rst_packets_fwd")
        empty = tcp(view) & (view.number("payload_packets") == 0)
        # The stack of a real client asks again from the same port, so its lost connections have several packets.
        lost = (view.number("packets_fwd") <= 2) & unanswered(view)
        left_open = (syn >= 1) & (view.number("packets_fwd") == syn + rst) & (view.number("packets_bwd") >= 1)
        found: Rows = empty & (lost | (left_open & view.among("conn_state", _LEFT_OPEN)))
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return how many lone segments a pair exchanged in ten minutes, 0 where they go to many ports."""
        one_port = view.number("pair_ports_10min") <= _FEW_PORTS / 2 * view.number("pair_flows_10min")
        lone = one_port & unanswered(view) & (view.number("packets_fwd") == 1)
        return np.where(lone, view.number("pair_unanswered_10min"), 0)

    def strength(self, episode: Episode) -> float:
        """Return flows in 5 s ÷ limit, or a pair's in ten minutes ÷ limit, whichever is more."""
        spread = len(episode.sources) >= self.sources or len(episode.ports) <= _FEW_PORTS * episode.flows
        fast = self._flows_5s(episode) / self.flows_5s if spread else 0.0
        return max(fast, episode.peak / self.flows_slow if episode.flows >= self.flows_slow / 2 else 0.0)

    def _flows_5s(self, episode: Episode) -> float:
        return 5 * episode.flows / max(episode.seconds, 5.0)

    def reason(self, episode: Episode) -> str:
        """Say who was flooded by how many, and how fast."""
        return (
            f"{episode.key[0]} got {episode.flows:,} TCP segments that no connection followed from "
            f"{hosts(episode.sources, 'source')} in {lasted(episode.seconds)}, in 5 s "
            f"{number(self._flows_5s(episode))} in the mean"
        )
