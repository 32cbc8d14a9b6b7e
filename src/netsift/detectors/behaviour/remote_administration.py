"""Remote administration: one host takes hold of another through Windows' own remote procedures."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp
from netsift.detectors.behaviour.words import hosts, lasted


@dataclass(frozen=True, slots=True)
class RemoteAdministration:
    """The endpoint mapper, a dynamic port and SMB, used one after the other between two hosts.

    So services and tasks are made from afar (PsExec, WMI, DCOM), and so directory replication is abused. What it
    assumes: workstations do this to servers that all of them use, so ``sources`` of one destination are its clients;
    and the tools of administrators ask again and again, so ``repeated`` connections and more that are further apart
    than ``interval_s`` in the mean are a poller. Between two hosts, and in a hurry, it is an administrator at work, or
    somebody who took his place. ``ports``: two kinds of port out of the endpoint mapper (135), SMB (445), WinRM (5985,
    5986) and dynamic ones (from 49152), one of them not SMB. It fails on what a single port carries, and in the first
    minutes of what it sees it takes the first client of a server for more.
    """

    ports: float = limit(2, "kinds of port", "fewest kinds of port")
    sources: float = limit(3, "hosts", "so many hosts that use the destination make it a server of all")
    repeated: float = limit(10, "connections", "from so many on they may be a poller's")
    interval_s: float = limit(5, "s", "shortest mean time between those of a poller")
    gap_s: float = limit(3_600, "s", "longest time without a suspicious flow within an episode")
    name: str = "remote_administration"
    category: str = "infiltration"
    technique: str = "T1021"
    severity: Severity = Severity.LOW
    scale: str = ""
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("pair_flows_1h",)
    facts: tuple[str, ...] = ("pair_flows_1h", "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return conversations on ports of remote procedures."""
        port = view.number("dst_port")
        known = (port == 135) | (port == 445) | (port == 5985) | (port == 5986)
        dynamic = (port >= 49_152) & (view.number("src_port") >= 1_024) & view.among("payload_kind_fwd", ("binary",))
        spoken = (view.number("payload_packets_fwd") > 0) & (view.number("payload_packets_bwd") > 0)
        found: Rows = tcp(view) & spoken & (known | dynamic)
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of flows of the pair in an hour."""
        return view.number("pair_flows_1h")

    def strength(self, episode: Episode) -> float:
        """Return kinds of ports ÷ limit; 0 without the endpoint mapper or WinRM, for a server of all, and for polls."""
        slow = episode.seconds > self.interval_s * max(episode.flows - 1, 1)
        if len(episode.sources) >= self.sources or (slow and episode.flows >= self.repeated):
            return 0.0
        kinds = {min(port, 49_152) for port in episode.ports}
        return len(kinds) / self.ports if kinds & {135, 5985, 5986} else 0.0

    def reason(self, episode: Episode) -> str:
        """Say who took hold of whom."""
        target = episode.key[0]
        named = sorted(port for port in episode.ports if port < 49_152)
        ports = [str(port) for port in named] + (["a dynamic port"] if len(named) < len(episode.ports) else [])
        who = hosts(episode.sources, "source")
        return (
            f"{who} used remote procedures of {target} ({', '.join(ports)}) {episode.flows:,} times in "
            f"{lasted(episode.seconds)}; nobody else does"
        )
