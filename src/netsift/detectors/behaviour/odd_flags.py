"""Fingerprinting: TCP segments with flags that no program sends."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp
from netsift.detectors.behaviour.words import lasted


@dataclass(frozen=True, slots=True)
class OddFlags:
    """Null, FIN, Xmas and SYN-FIN probes, as port scanners and operating system fingerprinting send them.

    What it assumes: a connection begins with SYN alone (RFC 9293), and a segment without any flag, with FIN but not
    ACK, or with SYN and FIN is made by hand. ``segments``: one can be damage on the line. It fails on fingerprinting
    with ordinary segments.
    """

    segments: float = limit(2, "segments", "fewest segments")
    gap_s: float = limit(600, "s", "longest time without a suspicious flow within an episode")
    name: str = "odd_flags"
    category: str = "scan"
    technique: str = "T1046"
    severity: Severity = Severity.MEDIUM
    scale: str = "segments"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_flows_1h",)
    facts: tuple[str, ...] = ("syn_packets_fwd", "fin_packets_fwd", "rst_packets_fwd")

    def suspects(self, view: FlowView) -> Rows:
        """Return short TCP flows whose forward segments have impossible flags."""
        few = tcp(view) & (view.number("packets_fwd") <= 4) & (view.number("payload_packets_fwd") == 0)
        syn, fin, rst = (view.number(f"{flag}_packets_fwd") for flag in ("syn", "fin", "rst"))
        bare = (syn + fin + rst + view.number("ack_packets_fwd")) == 0
        lone_fin = (fin > 0) & (view.number("ack_packets_fwd") == 0)
        both = (syn > 0) & (fin > 0) & (view.number("packets_fwd") == 1)
        # A packet that was cut off before its flags has none either, and no port.
        found: Rows = (
            few & (bare | lone_fin | both) & (view.number("dst_port") >= 0) & (view.number("window_fwd_initial") >= 0)
        )
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of flows of the pair in an hour."""
        return view.number("pair_flows_1h")

    def strength(self, episode: Episode) -> float:
        """Return segments ÷ limit."""
        return episode.flows / self.segments

    def reason(self, episode: Episode) -> str:
        """Say who sent what is not sent."""
        source, target = episode.key
        return (
            f"{source} sent {target} {episode.flows:,} TCP segments with flags that no connection has (none, FIN "
            f"without ACK, or SYN with FIN) in {lasted(episode.seconds)}"
        )
