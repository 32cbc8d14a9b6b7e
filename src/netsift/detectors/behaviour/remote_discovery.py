"""Remote discovery: a host asks others for their accounts, sessions, shares, registry or endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import call_words, called, kinds_called
from netsift.detectors.behaviour.words import hosts

_CALLS: Final[Mapping[str, str]] = {
    "account_list": "accounts",
    "session_list": "sessions of users",
    "registry_list": "the keys of the registry",
    "endpoint_list": "all endpoints of remote procedures",
}
_SHARES: Final = "share_list"


@dataclass(frozen=True, slots=True)
class RemoteDiscovery:
    """Calls that list what a host has, by which attackers choose where to go next.

    What it assumes: lists of all accounts, sessions, registry keys or endpoints are asked for by programs of
    administration and by attackers, not by users' own programs, so one is enough for a look; a list of shares is what a
    file manager asks for, so that one needs ``targets`` hosts. It fails on encrypted SMB, and monitoring that reads
    registries from afar looks the same until a rule names it.
    """

    targets: float = limit(3, "hosts", "fewest hosts whose shares alone are listed")
    gap_s: float = limit(3_600, "s", "longest time without such a call within an episode")
    name: str = "remote_discovery"
    category: str = "scan"
    technique: str = "T1087"
    severity: Severity = Severity.LOW
    scale: str = ""
    scope: Scope = Scope.SOURCE
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ("remote_calls",)

    def suspects(self, view: FlowView) -> Rows:
        """Return flows with such calls."""
        return called(view, *_CALLS, _SHARES)

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of kinds of list, shares not counted."""
        return kinds_called(view, *_CALLS)

    def strength(self, episode: Episode) -> float:
        """Return 1 if more than shares was listed, else hosts ÷ limit."""
        return max(min(episode.peak, 1.0), len(episode.targets) / self.targets)

    def reason(self, episode: Episode) -> str:
        """Say what was listed."""
        what = call_words(episode.fact("remote_calls"), _CALLS) or "the shares"
        return f"{episode.key[0]} had {hosts(episode.targets)} list {what}"
