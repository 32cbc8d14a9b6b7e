"""Directory replication: a host asks a domain controller for all accounts, or passes for one itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import call_words, called

_CALLS: Final[Mapping[str, str]] = {
    "directory_replication": "hand out accounts with their passwords",
    "directory_change": "take up a new domain controller",
}


@dataclass(frozen=True, slots=True)
class DirectoryReplication:
    """The calls by which domain controllers copy the directory from each other, in a connection that soon ends.

    What it assumes: controllers keep the connection to their partners open for the next change, longer than
    ``seconds``; who steals accounts (DCSync) or plants some (DCShadow) calls once and is gone. It fails on a thief who
    keeps the connection open, on calls whose bind was not seen, and on encrypted SMB; and a controller whose partners
    close their connections is taken for one until a rule names it.
    """

    seconds: float = limit(60, "s", "longest flow of a host that is no domain controller")
    gap_s: float = limit(3_600, "s", "longest time without such a call within an episode")
    name: str = "directory_replication"
    category: str = "brute_force"
    technique: str = "T1003.006"
    severity: Severity = Severity.HIGH
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ("remote_calls",)

    def suspects(self, view: FlowView) -> Rows:
        """Return short flows with such calls."""
        return called(view, *_CALLS) & (view.number("duration_us") <= self.seconds * 1e6)

    def measure(self, view: FlowView) -> Numbers:
        """Return payload bytes that came back."""
        return view.number("payload_bytes_bwd")

    def strength(self, episode: Episode) -> float:
        """Return 1: one call is enough."""
        return 1.0 if episode.flows else 0.0

    def reason(self, episode: Episode) -> str:
        """Say what was called."""
        source, target = episode.key
        return (
            f"{source} called remote procedures of {target} that {call_words(episode.fact('remote_calls'), _CALLS)}, "
            "as domain controllers do among themselves, and soon hung up"
        )
