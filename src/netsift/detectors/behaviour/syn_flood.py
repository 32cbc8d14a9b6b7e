"""SYN flood: connections that nobody finishes, faster than people or programs open them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, packets_in_5s, tcp, unanswered
from netsift.detectors.behaviour.words import hosts, lasted, number

_LEFT_OPEN = ("S1", "RSTO", "RSTR", "OTH")
_HAMMERING_5S = 50
"""A client's stack repeats an unanswered segment a few times, ever more slowly (RFC 6298)."""
_FEW_PORTS = 0.2
"""Ports ÷ segments of a flood at most; a scan asks a new port each time."""


@dataclass(frozen=True, slots=True)
class SynFlood:
    """SYN floods, and floods of other TCP segments that belong to no connection, forged sources included.

    What it assumes: a flood's segments carry nothing and nobody goes on with the connection, answered or not.
    ``flows_5s`` such flows to one host in 5 s, in the mean of an episode: a busy server that fails loses less, because
    clients wait a second before they try again (RFC 6298). A scan reaches that rate too, over many ports from one
    source; so either there are ``sources``, or few ports. ``flows_slow`` in ten minutes from one source to one port,
    each a single segment: so reflectors are asked in the name of their victim, who is no host of the network. Nor does
    any client send an unanswered segment over and over from one port: ``packets_5s``. Episodes end after ``gap_s``, so
    that what lies around a flood does not dilute it. It fails on floods over finished connections (see HTTP flood).
    """

    flows_5s: float = limit(100, "flows", "fewest unfinished flows to a host in 5 s")
    packets_5s: float = limit(500, "packets", "fewest segments of unfinished flows to a host in 5 s")
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
        forward = view.number("packets_fwd")
        lost = unanswered(view) & ((forward <= 2) | (packets_in_5s(view) >= _HAMMERING_5S))
        left_open = (syn >= 1) & (forward == syn + rst) & (view.number("packets_bwd") >= 1)
        found: Rows = empty & (lost | (left_open & view.among("conn_state", _LEFT_OPEN)))
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return how many lone segments a pair exchanged in ten minutes, 0 where they go to many ports."""
        one_port = view.number("pair_ports_10min") <= _FEW_PORTS / 2 * view.number("pair_flows_10min")
        lone = one_port & unanswered(view) & (view.number("packets_fwd") == 1)
        lone &= ~(is_internal(view, "src_ip") & ~is_internal(view, "dst_ip"))
        return np.where(lone, view.number("pair_unanswered_10min"), 0)

    def strength(self, episode: Episode) -> float:
        """Return flows in 5 s ÷ limit, or a pair's in ten minutes ÷ limit, whichever is more."""
        spread = len(episode.sources) >= self.sources or len(episode.ports) <= _FEW_PORTS * max(
            episode.flows, episode.packets
        )
        periods = max(episode.seconds, 5.0) / 5
        rate = max(episode.flows / periods / self.flows_5s, episode.packets / periods / self.packets_5s)
        fast = rate if spread else 0.0
        return max(fast, episode.peak / self.flows_slow if episode.flows >= self.flows_slow / 2 else 0.0)

    def reason(self, episode: Episode) -> str:
        """Say who was flooded by how many, and how fast."""
        segments = max(episode.flows, episode.packets)
        return (
            f"{episode.key[0]} got {number(segments)} TCP segments that no connection followed from "
            f"{hosts(episode.sources, 'source')} in {lasted(episode.seconds)}, in 5 s "
            f"{number(5 * segments / max(episode.seconds, 5.0))} in the mean"
        )
