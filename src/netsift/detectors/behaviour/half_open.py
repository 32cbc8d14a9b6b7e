"""Half-open probes: a connection is accepted, and its client resets it before a word is said."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp
from netsift.detectors.behaviour.words import lasted


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Scans of ports that are open: SYN scans end with RST after the SYN-ACK, connect scans after the handshake.

    What it assumes: a client that opens a connection wants to say something, or closes it in order (FIN). ``probes`` of
    one source and host on at least two ports, each reset within ``at_once_s``: browsers keep a spare connection for a
    while before they drop it. Health checks of load balancers reset theirs by the clock, over and over on the same few
    ports; a scan asks each port once or twice, so of ``repeats`` connections or more to a port it is none, and none of
    what is slower than ``interval_s`` in the mean. It fails on scans of one open port, and on slow ones of a host on
    which all is open.
    """

    probes: float = limit(3, "connections", "fewest connections of a source to a host")
    at_once_s: float = limit(1, "s", "longest time until the reset")
    repeats: float = limit(2, "connections", "so many to each port, in the mean, are health checks")
    interval_s: float = limit(10, "s", "longest mean time between the connections")
    gap_s: float = limit(900, "s", "longest time without a suspicious flow within an episode")
    name: str = "half_open"
    category: str = "scan"
    technique: str = "T1046"
    severity: Severity = Severity.LOW
    scale: str = "probes"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_flows_1h",)
    facts: tuple[str, ...] = ("pair_flows_1h",)

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.probes > 0

    def suspects(self, view: FlowView) -> Rows:
        """Return accepted connections without payload that the client reset."""
        reset = view.among("conn_state", ("RSTO",)) & (view.number("rst_packets_fwd") > 0)
        reset &= view.number("duration_us") <= self.at_once_s * 1e6
        found: Rows = tcp(view) & reset & (view.number("payload_packets") == 0) & (view.number("packets_fwd") <= 4)
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of flows of the pair in an hour."""
        return view.number("pair_flows_1h")

    def strength(self, episode: Episode) -> float:
        """Return probes ÷ limit, 0 for a single port and for what is repeated or slow."""
        repeated = episode.flows >= self.repeats * len(episode.ports)
        slow = episode.seconds > self.interval_s * max(episode.flows - 1, 1)
        return episode.flows / self.probes if len(episode.ports) >= 2 and not repeated and not slow else 0.0

    def reason(self, episode: Episode) -> str:
        """Say who opened connections in order to close them."""
        source, target = episode.key
        return (
            f"{source} opened {episode.flows:,} connections to {len(episode.ports)} ports of {target} in "
            f"{lasted(episode.seconds)} and reset each before a word was said"
        )
