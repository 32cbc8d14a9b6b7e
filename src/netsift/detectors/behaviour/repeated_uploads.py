"""Repeated uploads: data carried out in pieces, each in a connection of its own."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, tcp, to_group
from netsift.detectors.behaviour.words import at_port, lasted, volume


@dataclass(frozen=True, slots=True)
class RepeatedUploads:
    """Connection after connection that only uploads, to one address outside (ATT&CK: data transfer size limits).

    What it assumes: who browses or works with a server mostly fetches, and uploads now and then; what does nothing but
    upload, time after time, carries something off, however small the pieces are. A connection counts with
    ``piece_bytes`` of payload and ``ratio`` times as much out as in; together they make ``bytes_`` in at least
    ``uploads`` connections, without a pause of ``gap_s``. All that the two exchange goes that way by ``pair_ratio``.
    Collectors of logs and cameras upload like this as well: they are known for longer than ``known_s``, once a sensor
    has run so long. It fails on pieces that are sent over one connection, or rarely.
    """

    uploads: float = limit(10, "connections", "fewest connections that only upload")
    bytes_: float = limit(250e3, "bytes", "least that they carry together")
    piece_bytes: float = limit(3_000, "bytes", "least payload of one of them")
    ratio: float = limit(8, "ratio", "least forward ÷ backward payload of one of them")
    pair_ratio: float = limit(4, "ratio", "least forward ÷ backward bytes of all that the two exchange in an hour")
    known_s: float = limit(86_400, "s", "age from which on a pair is a habit")
    gap_s: float = limit(900, "s", "longest time without a suspicious flow within an episode")
    name: str = "repeated_uploads"
    category: str = "exfiltration"
    technique: str = "T1030"
    severity: Severity = Severity.MEDIUM
    scale: str = "uploads"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_bytes_fwd_1h", "pair_bytes_bwd_1h", "pair_age_s")
    facts: tuple[str, ...] = (*context, "dst_port")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.uploads > 1

    def suspects(self, view: FlowView) -> Rows:
        """Return flows out of the network that only upload, between two that exchange little else."""
        sent = view.number("payload_bytes_fwd")
        found = (sent >= self.piece_bytes) & (sent >= self.ratio * view.number("payload_bytes_bwd"))
        found &= view.number("pair_bytes_fwd_1h") >= self.pair_ratio * view.number("pair_bytes_bwd_1h")
        found &= tcp(view) & (view.number("packets_bwd") > 0) & (view.number("pair_age_s") < self.known_s)
        if not found.any():
            return found
        return found & is_internal(view, "src_ip") & ~is_internal(view, "dst_ip") & ~to_group(view)

    def measure(self, view: FlowView) -> Numbers:
        """Return the forward bytes of the pair in an hour."""
        return view.number("pair_bytes_fwd_1h")

    def strength(self, episode: Episode) -> float:
        """Return connections ÷ limit, or bytes ÷ limit, whichever is less."""
        return min(episode.flows / self.uploads, episode.bytes / self.bytes_)

    def reason(self, episode: Episode) -> str:
        """Say how often how much went where, and what came back."""
        source, target = episode.key
        return (
            f"{source} uploaded {volume(episode.bytes)} to {target}{at_port(episode.fact('dst_port'))} in "
            f"{episode.flows:,} connections within {lasted(episode.seconds)} and fetched next to nothing from there"
        )
