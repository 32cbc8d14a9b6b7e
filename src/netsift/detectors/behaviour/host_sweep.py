"""Horizontal scan: one source asks many hosts, and most of them do not answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import UDP, Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import (
    WEB_PORTS,
    echo_probe,
    tcp,
    tcp_probe,
    to_group,
    to_service,
    udp,
    udp_probe,
)
from netsift.detectors.behaviour.words import lasted

_SWEPT = ("ssh", "ftp", "telnet", "remote_desktop", "smb", "rpc", "database", "directory")
"""Services that worms look for and that no client asks of many hosts."""
_PEERS = 20
"""From so many ports on it can be told that they are the hosts' own."""
_OWN_PORTS = 0.5
_ASKED_AGAIN = 4
_PRIVILEGED_PORTS = 1_024


@dataclass(frozen=True, slots=True)
class HostSweep:
    """SYN, connect, UDP and ICMP sweeps over many hosts, slow ones included; worms look the same.

    What it assumes: a sweep meets hosts that are not there or refuse, a client has learned its servers' addresses.
    ``hosts`` on one port: a client's servers are seldom down several at a time. ``many_ports_hosts``: on several ports,
    where each host is asked once; a machine that has lost its line asks its servers again and again (RFC 6298).
    ``offline_hosts`` holds for what such a machine does, for the web, where one page has many servers, and for UDP,
    where peer-to-peer programs ask peers that have left; hosts that are asked for a high port each, one that hardly any
    other is asked for, are such peers whatever the protocol. ``fruitless``: of the source's connections of the last
    hour, or of the last minute, or of those to one service that worms look for, so many came to nothing. It fails on
    sweeps of lists of servers that all answer, and on less than one host in ``gap_s``.
    """

    hosts: float = limit(5, "hosts", "fewest hosts on one port")
    many_ports_hosts: float = limit(8, "hosts", "fewest hosts on several ports, each asked once")
    offline_hosts: float = limit(20, "hosts", "fewest hosts where a machine without a line would ask as many")
    fruitless: float = limit(0.7, "share", "least share of the source's flows of the last hour that came to nothing")
    gap_s: float = limit(7_200, "s", "longest time without a suspicious flow within an episode")
    name: str = "host_sweep"
    category: str = "scan"
    technique: str = "T1018"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.SOURCE
    context: tuple[str, ...] = (
        "source_flows_1h",
        "source_failed_1h",
        "source_unanswered_1h",
        "source_destinations_1h",
        "source_flows_1min",
        "source_failed_1min",
        "source_unanswered_1min",
        "source_service_flows_1h",
        "source_service_failed_1h",
        "source_service_unanswered_1h",
    )
    facts: tuple[str, ...] = ("source_flows_1h", "source_failed_1h", "source_unanswered_1h", "dst_port", "protocol")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return min(self.hosts, self.many_ports_hosts, self.offline_hosts) > 1

    def suspects(self, view: FlowView) -> Rows:
        """Return the probes of sources whose connections mostly come to nothing."""
        probes = tcp_probe(view) | udp_probe(view) | echo_probe(view)
        # A host that also works sweeps fast, or else its sweep would drown in what it does besides.
        fast = self._fruitless(view, "source", "1min") & ~udp(view)
        one_service = self._fruitless(view, "source_service", "1h") & tcp(view) & to_service(view, *_SWEPT)
        probes &= self._fruitless(view, "source", "1h") | fast | one_service
        return probes & ~to_group(view) if probes.any() else probes

    def _fruitless(self, view: FlowView, entity: str, window: str) -> Rows:
        lost = np.maximum(view.number(f"{entity}_failed_{window}"), view.number(f"{entity}_unanswered_{window}"))
        found: Rows = lost >= self.fruitless * view.number(f"{entity}_flows_{window}")
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of hosts asked."""
        return view.number("source_destinations_1h")

    def strength(self, episode: Episode) -> float:
        """Return hosts ÷ limit, 0 for peers."""
        if _are_peers(episode):
            return 0.0
        return len(episode.targets) / self._limit(episode)

    def _limit(self, episode: Episode) -> float:
        if episode.fact("protocol") == UDP or (episode.ports and episode.ports <= set(WEB_PORTS)):
            return self.offline_hosts
        if len(episode.ports) <= 1:
            return self.hosts
        asked_once = episode.packets <= 1.5 * episode.flows
        return self.many_ports_hosts if asked_once else self.offline_hosts

    def reason(self, episode: Episode) -> str:
        """Say who asked how many hosts, on which ports, and how fast."""
        ports = sorted(episode.ports)
        where = (
            f" on port {ports[0]}" if len(ports) == 1 else f" on {len(ports):,} ports" if ports else " with ICMP echo"
        )
        return (
            f"{episode.key[0]} tried {len(episode.targets):,} hosts{where} in {lasted(episode.seconds)}, "
            f"{episode.flows:,} times to no avail; a client loses fewer than {self._limit(episode):.0f}"
        )


def _are_peers(episode: Episode) -> bool:
    """Return whether the hosts were asked for a port of their own each, as peers announce them."""
    hosts, ports = len(episode.targets), len(episode.ports)
    high = sum(port >= _PRIVILEGED_PORTS for port in episode.ports)
    own = ports >= max(_PEERS, _OWN_PORTS * hosts) and high >= 0.9 * ports
    return own and episode.flows <= _ASKED_AGAIN * hosts
