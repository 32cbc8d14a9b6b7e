"""Long connections: one connection to the outside that is kept for hours."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, service, tcp, to_group
from netsift.detectors.behaviour.words import at_port, lasted, volume


@dataclass(frozen=True, slots=True)
class LongConnection:
    """Connections to the outside on a port of no well-known service that last for hours.

    What it assumes: remote control that does not call by the clock keeps its connection; programs for people close
    theirs. ``seconds``: four hours, beyond working sessions. Push services of phones, chats and VPN keep theirs as
    well, on ports of their own, which are left out (5222, 5223, 5228 to 5230, and VPN). Parts of a connection that the
    active timeout cut are added up. It fails on remote control behind port 443.
    """

    seconds: float = limit(14_400, "s", "shortest connection")
    gap_s: float = limit(3_600, "s", "longest time without a suspicious flow within an episode")
    name: str = "long_connection"
    category: str = "c2"
    technique: str = "T1571"
    severity: Severity = Severity.LOW
    scale: str = "seconds"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_flows_1h", "pair_ports_1h")
    facts: tuple[str, ...] = ("dst_port", "pair_flows_1h")

    def suspects(self, view: FlowView) -> Rows:
        """Return long TCP flows, and parts of such, to ports without a well-known service."""
        long = (view.number("duration_us") >= 600e6) | (view.number("part") > 0)
        long &= view.number("payload_packets_bwd") > 0
        found = tcp(view) & long & (view.number("pair_flows_1h") <= 2)
        if not found.any():
            return found
        port = view.number("dst_port")
        pushes = (port == 5222) | (port == 5223) | ((port >= 5228) & (port <= 5230))
        known = pushes | service(view, "web", "dns", "mail", "ssh", "vpn", "iot", "remote_desktop", "database", "smb")
        chosen: Rows = found & ~known & ~is_internal(view, "dst_ip") & ~to_group(view)
        return chosen

    def measure(self, view: FlowView) -> Numbers:
        """Return the duration of the flow."""
        return view.number("duration_us")

    def strength(self, episode: Episode) -> float:
        """Return duration ÷ limit."""
        return episode.seconds / self.seconds if len(episode.ports) == 1 else 0.0

    def reason(self, episode: Episode) -> str:
        """Say who kept what open for how long."""
        source, target = episode.key
        return (
            f"{source} kept a connection to {target}{at_port(episode.fact('dst_port'))} for "
            f"{lasted(episode.seconds)} with {volume(episode.bytes)}"
        )
