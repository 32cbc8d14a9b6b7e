"""Raw upload: a connection that takes data out of the network without a word being said back."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, tcp, to_group, to_service
from netsift.detectors.behaviour.words import at_port, lasted, volume

_ENDED = ("SF", "S2", "S3", "RSTO", "RSTR")
"""Until a connection ends the answer may come, as to a long request of HTTP."""


@dataclass(frozen=True, slots=True)
class RawUpload:
    """Data sent outside over bare TCP: the other side takes it and says nothing, as ``nc`` and FTP's data channel do.

    What it assumes: protocols that encrypt or ask who is there answer, if only with a greeting or a status. ``bytes_``
    without a single byte of payload back, from the beginning of the connection to its end, are a file that is piped
    somewhere or put with FTP, in clear text. Logs sent to their collector are left out, and so is what the host has
    sent there for longer than ``known_s``. It fails on receivers that answer.
    """

    bytes_: float = limit(50e3, "bytes", "least that is sent")
    known_s: float = limit(86_400, "s", "age from which on a pair is a habit")
    gap_s: float = limit(1_800, "s", "longest time without a suspicious flow within an episode")
    name: str = "raw_upload"
    category: str = "exfiltration"
    technique: str = "T1048.003"
    severity: Severity = Severity.MEDIUM
    scale: str = "bytes_"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_bytes_fwd_10min", "pair_age_s")
    facts: tuple[str, ...] = (*context, "dst_port")

    def suspects(self, view: FlowView) -> Rows:
        """Return TCP flows out of the network that got acknowledgements back and nothing else."""
        sent = view.number("payload_bytes_fwd")
        found: Rows = tcp(view) & (sent >= self.bytes_ / 10) & (view.number("payload_bytes_bwd") == 0)
        found &= (view.number("packets_bwd") > 0) & ~(view.number("part") > 0)
        found &= view.number("pair_age_s") < self.known_s
        if not found.any():
            return found
        ended = view.among("conn_state", _ENDED) & ~to_service(view, "log")
        return found & ended & is_internal(view, "src_ip") & ~is_internal(view, "dst_ip") & ~to_group(view)

    def measure(self, view: FlowView) -> Numbers:
        """Return the payload that was sent."""
        return view.number("payload_bytes_fwd")

    def strength(self, episode: Episode) -> float:
        """Return bytes ÷ limit."""
        return episode.bytes / self.bytes_

    def reason(self, episode: Episode) -> str:
        """Say how much went where."""
        source, target = episode.key
        return (
            f"{source} sent {volume(episode.bytes)} to {target}{at_port(episode.fact('dst_port'))} in "
            f"{lasted(episode.seconds)} over bare TCP, to which not a word was said back"
        )
