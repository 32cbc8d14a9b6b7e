"""Credential access: remote procedures that hand out secrets, set passwords, or make a host log in elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import call_words, called, kinds_called

_CALLS: Final[Mapping[str, str]] = {
    "secret": "read secrets of the system",
    "account_change": "set the password or the rights of accounts",
    "forced_login": "make it log in to another host",
}


@dataclass(frozen=True, slots=True)
class CredentialAccess:
    """Calls for the secrets of the local security authority and the key that protects all others, and for passwords.

    Also those by which a server is made to log in to a host of the caller's choice (encrypting file system, distributed
    file system, shadow copies). What it assumes: programs of everyday use do not call these; administration of accounts
    does, from machines that can be named in a rule, and a client backs up a protected key when its user gets a new
    password. One of the ``kinds`` of
    call is enough. It fails on SMB 3 encryption, and it does not count changes that users make to their own passwords.
    """

    kinds: float = limit(1, "kinds of call", "fewest kinds of call in a flow")
    gap_s: float = limit(3_600, "s", "longest time without such a call within an episode")
    name: str = "credential_access"
    category: str = "brute_force"
    technique: str = "T1003.004"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ("remote_calls",)

    def suspects(self, view: FlowView) -> Rows:
        """Return flows with such calls."""
        return called(view, *_CALLS)

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of kinds of call."""
        return kinds_called(view, *_CALLS)

    def strength(self, episode: Episode) -> float:
        """Return kinds of call ÷ limit."""
        return episode.peak / self.kinds

    def reason(self, episode: Episode) -> str:
        """Say what was called."""
        source, target = episode.key
        return f"{source} called remote procedures of {target} that {call_words(episode.fact('remote_calls'), _CALLS)}"
