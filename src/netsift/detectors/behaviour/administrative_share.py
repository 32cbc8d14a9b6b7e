"""Administrative shares: a host opens the whole disk of another that few hosts use."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import called
from netsift.detectors.behaviour.words import volume


@dataclass(frozen=True, slots=True)
class AdministrativeShare:
    """A share that Windows makes for administrators, ``C$`` or ``ADMIN$``, opened on a host that few others use.

    So tools are copied to the next host before they are started there. What it assumes: on servers that ``sources``
    hosts or more use, administrators and backup programs open these shares all day; between two workstations nobody
    does. It fails on SMB 1 and on encrypted SMB, and takes the administrator of a single machine for more.
    """

    sources: float = limit(3, "hosts", "from so many hosts that use the destination on it is a server of all")
    gap_s: float = limit(3_600, "s", "longest time without such a share within an episode")
    name: str = "administrative_share"
    category: str = "infiltration"
    technique: str = "T1021.002"
    severity: Severity = Severity.LOW
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("destination_sources_1h",)
    facts: tuple[str, ...] = ("payload_bytes_fwd",)

    def suspects(self, view: FlowView) -> Rows:
        """Return flows that opened one on a host that few others use."""
        return called(view, "administrative_share") & (view.number("destination_sources_1h") < self.sources)

    def measure(self, view: FlowView) -> Numbers:
        """Return the bytes that were sent."""
        return view.number("payload_bytes_fwd")

    def strength(self, episode: Episode) -> float:
        """Return 1: one is enough."""
        return 1.0 if episode.flows else 0.0

    def reason(self, episode: Episode) -> str:
        """Say who opened what."""
        source, target = episode.key
        sent = volume(episode.fact("payload_bytes_fwd"))
        return f"{source} opened an administrative share (C$, ADMIN$) of {target} and sent {sent} in that connection"
