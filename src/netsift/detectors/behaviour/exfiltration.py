"""Exfiltration: a host sends out far more than it gets back, and than it sent before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, to_group
from netsift.detectors.behaviour.words import at_port, lasted, volume


@dataclass(frozen=True, slots=True)
class Exfiltration:
    """Uploads to one address outside, against what the host otherwise sent there and elsewhere.

    What it assumes: data that is carried off goes one way and to one place, new to the host. ``bytes_`` within about
    ten minutes: calls and mail with attachments stay below. ``ratio``: forward ÷ backward bytes; talks and downloads
    are far lower, but somebody is there who takes it. ``times_past``: this upload ÷ all that the host sent elsewhere in
    the last hour. Backups look the same: they go to a place that the host has known for longer than ``known_s``, once a
    sensor has run so long. It fails on data that leaks slowly or through a service that the host uses anyway.
    """

    bytes_: float = limit(20e6, "bytes", "smallest upload within about 10 min")
    ratio: float = limit(8, "ratio", "least forward ÷ backward bytes")
    times_past: float = limit(5, "ratio", "least upload ÷ what the host sent elsewhere in the last hour")
    known_s: float = limit(86_400, "s", "age from which on a pair is a habit")
    gap_s: float = limit(1_800, "s", "longest time without a suspicious flow within an episode")
    name: str = "exfiltration"
    category: str = "exfiltration"
    technique: str = "T1048"
    severity: Severity = Severity.HIGH
    scale: str = "bytes_"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = (
        "pair_bytes_fwd_10min", "pair_bytes_bwd_10min", "pair_bytes_fwd_1h", "source_bytes_fwd_1h", "pair_age_s",
    )  # fmt: skip
    facts: tuple[str, ...] = (*context, "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return flows out of the network that complete a large upload."""
        sent = view.number("pair_bytes_fwd_10min")
        one_way = sent >= self.ratio * view.number("pair_bytes_bwd_10min")
        elsewhere = view.number("source_bytes_fwd_1h") - view.number("pair_bytes_fwd_1h")
        unusual = sent >= self.times_past * np.maximum(elsewhere, 0)
        taken = view.number("packets_bwd") > 0
        found = taken & (sent >= self.bytes_ / 4) & one_way & unusual & (view.number("pair_age_s") < self.known_s)
        if not found.any():
            return found
        return found & is_internal(view, "src_ip") & ~is_internal(view, "dst_ip") & ~to_group(view)

    def measure(self, view: FlowView) -> Numbers:
        """Return the forward bytes of the pair in ten minutes."""
        return view.number("pair_bytes_fwd_10min")

    def strength(self, episode: Episode) -> float:
        """Return bytes ÷ limit."""
        return episode.fact("pair_bytes_fwd_10min") / self.bytes_

    def reason(self, episode: Episode) -> str:
        """Say how much went where, and how much elsewhere."""
        source, target = episode.key
        elsewhere = max(episode.fact("source_bytes_fwd_1h") - episode.fact("pair_bytes_fwd_1h"), 0)
        return (
            f"{source} sent {volume(episode.fact('pair_bytes_fwd_10min'))} to {target}"
            f"{at_port(episode.fact('dst_port'))} in {lasted(episode.seconds)} and got "
            f"{volume(episode.fact('pair_bytes_bwd_10min'))} back; to all others it sent {volume(elsewhere)}"
        )
