"""Forced authentication: a server calls its client back with its own credentials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp
from netsift.detectors.behaviour.words import lasted

_PORTS = (135, 139, 445)


@dataclass(frozen=True, slots=True)
class ForcedAuthentication:
    """SMB or remote procedures in both directions between two hosts within minutes.

    What it assumes: of two hosts one is the client and one the server; a server that opens an SMB session to its client
    was told to (print spooler and encrypting file system coercion), or is a server among servers, which have
    ``sources`` clients or more. It fails on sessions that are forced to a third host, and on those whose beginning was
    not seen.
    """

    sources: float = limit(3, "hosts", "from so many clients on a host is a server of many, and left out")
    gap_s: float = limit(300, "s", "longest time between the two directions")
    name: str = "forced_authentication"
    category: str = "brute_force"
    technique: str = "T1187"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.HOSTS
    context: tuple[str, ...] = ("destination_sources_1h",)
    facts: tuple[str, ...] = ("destination_sources_1h", "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return sessions of SMB and remote procedures, from their beginning, with hosts that few others use."""
        port = np.isin(view.number("dst_port"), _PORTS)
        spoken = (view.number("payload_packets_fwd") > 0) & (view.number("payload_packets_bwd") > 0)
        found: Rows = tcp(view) & port & spoken & (view.number("syn_packets_fwd") > 0)
        found &= view.number("destination_sources_1h") < self.sources
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of hosts that use the destination."""
        return view.number("destination_sources_1h")

    def strength(self, episode: Episode) -> float:
        """Return 1 if both hosts were the client, else 0."""
        return 1.0 if len(episode.sources) == 2 else 0.0

    def reason(self, episode: Episode) -> str:
        """Say who called whom back."""
        first, second = episode.key
        return (
            f"{first} and {second} opened sessions of SMB or remote procedures to each other within "
            f"{lasted(episode.seconds)}: one of them was made to log in to the other"
        )
